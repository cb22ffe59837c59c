"""Host checks of a table before anything compiles: refuse what is wrong, warn of what is odd.

Every check is a function that returns a list of `InputProblem`; nothing raises here, so that a
person gets all problems of a file in one report. `row_problems` checks the cells of a column one by
one, `scale_problems` its usable values together. What shows only in several columns or between rows
is checked in `scalejax.data.relations`, whether there are enough rows in `scalejax.data.fit_rows`.
Codes that start with W are warnings; `scalejax.codes` explains them all.

`DROPPABLE` are the codes that belong to single rows: with ``on_bad="drop"`` those rows are set
aside and recorded. Nothing else can be dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.data.numbers import ParsedColumn
from scalejax.errors import InputProblem
from scalejax.quantities import CHECKED, Quantity
from scalejax.quantities import LOSS as LOSS_QUANTITY
from scalejax.vocabulary import argument

DROPPABLE = frozenset({"E101", "E102", "E103", "E120", "E128"})
"""Codes of rows that ``on_bad="drop"`` sets aside; others are of the whole table."""
OF_LOSSES = frozenset({"W201", "W202", "W205"})
"""Codes that mean nothing for other responses, such as an error or a learning rate."""

LOSS = "loss"
SIGMA = "sigma"
WEIGHTS = "weights"
MIXED_SCALES_DECADES = 5.0
"""Widest gap between neighbouring values of one column. Units differ by 1e3, 1e6 or 1e9; by
judgement a design may leave out a factor of 1e5, so rows in thousands among raw ones pass."""
HIGH_LOSS = {"nats/token": 20.0, "": 20.0, "bits/byte": 8.0, "bits/character": 16.0}
"""By unit. Guessing evenly among 256,000 tokens costs 12.5 nats, among bytes 8 bits; set well above
the former by judgement."""
ODD_LOSS = 10.0
"""Ratio to the nearest other loss from which one is odd, by judgement: losses of one table differ
by less than this in all, and neighbours by much less."""
BROKEN_LOSS = 1e3
"""Ratio from which it cannot be a loss in the unit of the others."""


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers and what it is read for.

    Attributes:
        role: Symbol of the quantity, or ``"loss"``, ``"sigma"``, ``"weights"``.
        name: The user's name of the column.
        parsed: The cells as read, with those that could not be.
        values: float64, shape (n,), in raw units (after `units`).
        positive: Whether zero and negative values are impossible.
    """

    role: str
    name: str
    parsed: ParsedColumn
    values: Floats
    positive: bool = False


def row_problems(column: NumericColumn, rows: Ints) -> list[InputProblem]:
    """E101-E103, E120-E129, E140, E141 and E143 of one column, among `rows` only.

    Args:
        column: The column.
        rows: Row numbers to check, 1 being the first; those excluded on purpose are not among them.
    """
    problems = column.parsed.problems(column.name, rows.tolist())
    if column.parsed.refused_type:
        return problems
    unread = [*column.parsed.unreadable, *column.parsed.decimal_commas]
    rows = rows[~np.isin(rows, unread)]
    values = column.values[rows - 1]
    if column.role == WEIGHTS:
        return problems + _weight_problems(column.name, values, rows)
    finite = np.isfinite(values)
    missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    message = f"{missing} missing and {infinite} infinite values; complete the rows or drop them"
    of_rows = [
        problem_at(
            "E101", f"{message} with {argument('on_bad', 'drop')}", column.name, rows[~finite]
        ),
        *_sign_problems(column, values[finite], rows[finite]),
    ]
    return problems + [problem for problem in of_rows if problem.rows]


def _sign_problems(column: NumericColumn, values: Floats, rows: Ints) -> list[InputProblem]:
    if column.role == LOSS:
        as_it_is = argument("on", "loss")
        message = (
            "a loss (or what else is fitted) must be positive; is this a difference or a log? Only "
            f"an objective with {as_it_is} takes it as it is"
        )
        wrong = rows[values <= 0] if column.positive else rows[:0]
        return [problem_at("E102", message, column.name, wrong)]
    if column.role == SIGMA:
        with np.errstate(divide="ignore", over="ignore"):
            useless = ~((values > 0) & np.isfinite(1 / values**2))
        message = "sigma is a standard deviation in units of the loss and must be positive"
        return [problem_at("E143", message, column.name, rows[useless])]
    if column.positive:
        message = f"{column.role} must be positive: its logarithm is taken"
        return [problem_at("E103", message, column.name, rows[values <= 0])]
    return []


def _weight_problems(column: str, values: Floats, rows: Ints) -> list[InputProblem]:
    problems = [
        problem_at("E140", "weights must be zero or positive", column, rows[~(values >= 0)]),
        problem_at(
            "E141",
            "a weight is infinite; if the point must be met exactly, constrain the law instead",
            column,
            rows[np.isposinf(values)],
        ),
    ]
    return [problem for problem in problems if problem.rows]


def scale_problems(
    column: NumericColumn, rows: Ints, unit: str = LOSS_QUANTITY.unit
) -> list[InputProblem]:
    """E110, E111, W201 and W205: units that look wrong in a column as a whole.

    Only quantities of the vocabulary have a scale to be checked against.

    Args:
        column: The column.
        rows: Row numbers in use, 1 being the first.
        unit: Unit of the response.
    """
    values = column.values[rows - 1]
    usable = np.isfinite(values) & (values > 0)
    values, rows = values[usable], rows[usable]
    if not values.size:
        return []
    if column.role == LOSS:
        return _high_loss(column.name, values, rows, unit) + _odd_losses(column.name, values, rows)
    if column.role not in CHECKED:
        return []
    return _small_units(column, values) + _mixed_scales(column.name, values, rows)


def _high_loss(column: str, values: Floats, rows: Ints, unit: str) -> list[InputProblem]:
    if unit not in HIGH_LOSS:
        return []
    limit = HIGH_LOSS[unit]
    high = values > limit
    message = (
        f"losses up to {np.max(values):.6g} are above {limit:g} {unit or LOSS_QUANTITY.unit}: "
        f"a perplexity ({argument('loss_unit', 'perplexity')}), another base, or a decimal comma?"
    )
    return [problem_at("W201", message, column, rows[high])] if high.any() else []


def _odd_losses(column: str, values: Floats, rows: Ints) -> list[InputProblem]:
    """E111 and W205: losses that lie far from all others, such as 1e-320 or .003 among threes."""
    order = np.argsort(values)
    steps = np.diff(np.log(values[order]))
    if not steps.size or np.max(steps) <= np.log(ODD_LOSS):
        return []
    at = int(np.argmax(steps)) + 1
    few = order[:at] if at <= len(order) - at else order[at:]
    code = "E111" if np.max(steps) > np.log(BROKEN_LOSS) else "W205"
    low, high = values[order[at - 1]], values[order[at]]
    message = (
        f"losses jump from {low:.3g} to {high:.3g} with nothing between: is this another unit or "
        f"a slip? Correct the rows, or leave them out with {argument('exclude')}"
    )
    return [problem_at(code, message, column, np.sort(rows[few]))]


def response_problems(
    column: NumericColumn, rows: Ints, quantity: Quantity, key: str
) -> list[InputProblem]:
    """E113 and W206: values that what the law gives cannot have, or seldom has.

    Args:
        column: The column of the response.
        rows: Row numbers in use, 1 being the first.
        quantity: What the law gives.
        key: The name under which ``units=`` takes its unit.
    """
    values = column.values[rows - 1]
    low, high = quantity.plausible
    finite = np.isfinite(values)
    beyond = finite & (values > high)
    if quantity.unit == "share" and beyond.any():
        top = float(np.max(values[finite]))
        remedy = f"if they are per cent, say {argument('units', {key: 0.01})}"
        if top > 100:
            remedy = "correct the rows, or name another column"
        message = f"{quantity.meaning} up to {top:.6g}, and a share is at most 1: {remedy}"
        return [problem_at("E113", message, column.name, rows[beyond])]
    odd = beyond | (finite & (values > 0) & (values < low))
    message = (
        f"{quantity.meaning} from {np.min(values[odd], initial=np.inf):.3g} on is unusual (it is "
        f"{low:g} to {high:g} {quantity.unit}): check its unit, or say it by "
        f"{argument('units', {key: '...'})}"
    )
    return [problem_at("W206", message, column.name, rows[odd])] if odd.any() else []


def _small_units(column: NumericColumn, values: Floats) -> list[InputProblem]:
    low = CHECKED[column.role].plausible[0]
    typical = float(np.median(values))
    if typical >= low:
        return []
    millions, billions = (argument("units", {column.role: unit}) for unit in "MB")
    message = (
        f"a typical {column.role} is {typical:.6g}, which looks like units of B or M: if they "
        f"are millions, say {millions}, if billions {billions}, or give raw numbers"
    )
    return [InputProblem("E110", message, column.name)]


def _mixed_scales(column: str, values: Floats, rows: Ints) -> list[InputProblem]:
    logs = np.sort(np.log10(values))
    gaps = np.diff(logs)
    if not gaps.size or np.max(gaps) <= MIXED_SCALES_DECADES:
        return []
    at = int(np.argmax(gaps))
    lower = np.log10(values) <= logs[at]
    odd = lower if lower.sum() <= (~lower).sum() else ~lower
    message = (
        f"values jump from {10 ** logs[at]:.3g} to {10 ** logs[at + 1]:.3g} with nothing between: "
        "the column seems to mix units; write all rows in raw units"
    )
    return [problem_at("E111", message, column, rows[odd])]


def label_problems(labels: Sequence[str], column: str, rows: Ints) -> list[InputProblem]:
    """E128: an empty name of a group or cluster among `rows`."""
    empty = [row for row in rows.tolist() if not labels[row - 1]]
    message = "the name is empty; give one to every row"
    return [problem_at("E128", message, column, empty)] if empty else []


def problem_at(code: str, message: str, column: str | None, rows: Iterable[int]) -> InputProblem:
    """A problem in these rows, which may be NumPy integers."""
    return InputProblem(code, message, column, tuple(int(row) for row in rows))
