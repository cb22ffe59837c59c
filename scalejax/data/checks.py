"""Host checks of a table before anything compiles: refuse what is wrong, warn of what is odd.

Every check is a function that returns a list of `Problem`; nothing raises here, so that a person
gets all problems of a file in one report. Checks of single rows (`row_problems`) take the rows that
count, checks of a column (`scale_problems`) its usable values. What shows only in several rows or
columns together is checked in `scalejax.data.relations`, whether there are enough rows in
`scalejax.data.fit_rows`. Codes that start with W are warnings; `scalejax.codes` explains them all.

`DROPPABLE` are the codes that belong to single rows: with ``on_bad="drop"`` those rows are set
aside and recorded. Nothing else can be dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.data.numbers import ParsedColumn
from scalejax.errors import Problem
from scalejax.quantities import CHECKED

DROPPABLE = frozenset({"E101", "E102", "E103", "E120", "E128"})
OF_LOSSES = frozenset({"W201", "W202"})
"""Codes that mean nothing for other responses, such as an error or a learning rate."""

LOSS = "loss"
SIGMA = "sigma"
WEIGHTS = "weights"
MIXED_SCALES_DECADES = 5.0
HIGH_LOSS = 20.0


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers and what it is for.

    Attributes:
        role: Symbol of the quantity, or ``"loss"``, ``"sigma"``, ``"weights"``.
        column: The user's name of the column.
        parsed: The cells as read; row-level trouble is in there.
        values: float64, shape (n,), in raw units (after `units`).
        positive: Whether zero and negative values are impossible.
    """

    role: str
    column: str
    parsed: ParsedColumn
    values: Floats
    positive: bool = False


def row_problems(measured: NumericColumn, rows: Ints) -> list[Problem]:
    """E101-E103, E120-E129, E140, E141 and E143 of one column, among `rows` only.

    Args:
        measured: The column.
        rows: Row numbers that count, 1 being the first; rows excluded on purpose are not here.
    """
    problems = measured.parsed.problems(measured.column, rows.tolist())
    if measured.parsed.refused_type:
        return problems
    said = [*measured.parsed.unreadable, *measured.parsed.decimal_commas]
    rows = rows[~np.isin(rows, said)]
    values = measured.values[rows - 1]
    if measured.role == WEIGHTS:
        return problems + _weight_problems(measured.column, values, rows)
    finite = np.isfinite(values)
    missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    message = f"{missing} missing and {infinite} infinite values; complete the rows or drop them"
    found = [
        problem_at("E101", f'{message} with on_bad="drop"', measured.column, rows[~finite]),
        *_sign_problems(measured, values[finite], rows[finite]),
    ]
    return problems + [problem for problem in found if problem.rows]


def _sign_problems(measured: NumericColumn, values: Floats, rows: Ints) -> list[Problem]:
    if measured.role == LOSS:
        message = "a loss must be positive; is this a difference or a log?"
        wrong = rows[values <= 0] if measured.positive else rows[:0]
        return [problem_at("E102", message, measured.column, wrong)]
    if measured.role == SIGMA:
        with np.errstate(divide="ignore", over="ignore"):
            useless = ~((values > 0) & np.isfinite(1 / values**2))
        message = "sigma is a standard deviation in units of the loss and must be positive"
        return [problem_at("E143", message, measured.column, rows[useless])]
    if measured.positive:
        message = f"{measured.role} must be positive: its logarithm is taken"
        return [problem_at("E103", message, measured.column, rows[values <= 0])]
    return []


def _weight_problems(column: str, values: Floats, rows: Ints) -> list[Problem]:
    found = [
        problem_at("E140", "weights must be zero or positive", column, rows[~(values >= 0)]),
        problem_at(
            "E141",
            "a weight is infinite; if the point must be met exactly, constrain the law instead",
            column,
            rows[np.isposinf(values)],
        ),
    ]
    return [problem for problem in found if problem.rows]


def scale_problems(measured: NumericColumn, rows: Ints) -> list[Problem]:
    """E110, E111 and W201: units that look wrong in a column as a whole.

    Only quantities of the vocabulary have a scale to be checked against.
    """
    values = measured.values[rows - 1]
    usable = np.isfinite(values) & (values > 0)
    values, rows = values[usable], rows[usable]
    if not values.size:
        return []
    if measured.role == LOSS:
        return _high_loss(measured.column, values, rows)
    if measured.role not in CHECKED:
        return []
    return _small_units(measured, values) + _mixed_scales(measured.column, values, rows)


def _high_loss(column: str, values: Floats, rows: Ints) -> list[Problem]:
    high = values > HIGH_LOSS
    message = (
        f"losses up to {np.max(values):.6g} are above {HIGH_LOSS:g} nats/token: "
        "a perplexity, another base, or a decimal comma?"
    )
    return [problem_at("W201", message, column, rows[high])] if high.any() else []


def _small_units(measured: NumericColumn, values: Floats) -> list[Problem]:
    low = CHECKED[measured.role].plausible[0]
    typical = float(np.median(values))
    if typical >= low:
        return []
    message = (
        f"a typical {measured.role} is {typical:.6g}, which looks like units of B or M; "
        f'pass units={{"{measured.role}": "B"}} or raw numbers'
    )
    return [Problem("E110", message, measured.column)]


def _mixed_scales(column: str, values: Floats, rows: Ints) -> list[Problem]:
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


def label_problems(labels: Sequence[str], column: str, rows: Ints) -> list[Problem]:
    """E128: an empty name of a group or cluster among `rows`."""
    empty = [row for row in rows.tolist() if not labels[row - 1]]
    message = "the name is empty; give one to every row"
    return [problem_at("E128", message, column, empty)] if empty else []


def problem_at(code: str, message: str, column: str | None, rows: Iterable[int]) -> Problem:
    """A problem in these rows, which may be NumPy integers."""
    return Problem(code, message, column, tuple(int(row) for row in rows))
