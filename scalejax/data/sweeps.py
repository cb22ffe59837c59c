"""The best of a sweep: one row for each point of a law, by the lowest loss or a parabola.

A *point* is all rows whose inputs of the law are equal (in each group). Laws of what is chosen for
a run (the best learning rate, batch, size ...) take only optima: `take_best` refuses a sweep that
was not taken together, because every rate that was tried would count as a best one.

A parabola in the logarithm of the rate is exact where the loss is one; near an optimum it nearly
is. ``"parabola"`` goes through the three lowest rates that follow one another, ``"least-squares"``
through all of them, with the standard error of the optimum (delta method; the scatter is pooled
over the points as a share of the loss).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scalejax._arrays import Floats, Ints
from scalejax.data.columns import match_column
from scalejax.data.draft import (
    ERROR_COLUMN,
    Draft,
    cell_codes,
    codes,
    column_numbers,
    joint_codes,
    quantity_values,
    with_sigma,
)
from scalejax.data.keys import candidates, missing_column, named_column
from scalejax.data.numbers import parse_column
from scalejax.data.reduction_options import LEAST_SQUARES, PARABOLA, ROW, best_of
from scalejax.errors import InputError, InputProblem, UsageError
from scalejax.vocabulary import argument

CHOICES = frozenset({"lr", "batch", "N", "D", "M", "S", "flop_per_token", "N_v"})
"""Quantities that are chosen for a run: a law of one of them is a law of optima."""
_HIGHEST_IS_BEST = frozenset({"accuracy", "coverage"})
_FEWEST = 3
"""Rates that a parabola needs."""


@dataclass(frozen=True)
class Vertex:
    """The optimum of one point.

    Attributes:
        place: Logarithm of the best rate.
        value: The loss there.
        place_error: Standard error of the place for a scatter of one.
        value_error: Standard error of the value for a scatter of one.
        residuals: Differences from the parabola as shares of the value.
    """

    place: float
    value: float
    place_error: float = 0.0
    value_error: float = 0.0
    residuals: tuple[float, ...] = ()


def response_column(draft: Draft) -> str:
    """The column by which rows are judged: the response, or the loss of a law of optima.

    Raises:
        InputError: E124 or E126.
    """
    request = draft.request
    quantity = "loss" if request.target in CHOICES else request.target
    match = match_column(draft.frame, quantity, request.columns)
    if isinstance(match, InputProblem):
        raise InputError([match])
    if match is None:
        remedy = f"Say {argument('columns', {quantity: '...'})}"
        raise missing_column(draft.frame, quantity, remedy)
    return match


def take_best(draft: Draft) -> Draft:
    """One row for each point of a sweep, or the draft as it is where nothing was swept.

    Raises:
        InputError: E180, a law of optima and several rates at a point; E103 a rate of zero.
        UsageError: The columns of the sweep are inputs of the law.
    """
    request, frame = draft.request, draft.frame
    if request.best_of is None:
        _refuse_sweep(draft)
        return draft
    sweep = best_of(request.best_of)
    swept = [named_column(frame, name, request.columns) for name in sweep.columns]
    inputs = {match_column(frame, name, request.columns) for name in request.inputs}
    if same := [column for column in swept if column in inputs]:
        raise UsageError(f"{argument('best_of')} names {same}, which the law takes as an input")
    draft = _with_target(draft)
    target = draft.request.columns.get(request.target)
    optimum = request.target in CHOICES and target in swept
    if optimum and target is not None:
        # The column that the law is of is the one whose optimum is sought.
        swept = [target, *(column for column in swept if column != target)]
    how = sweep.how or (PARABOLA if optimum else ROW)
    points = _points(draft, swept)
    return _best_rows(draft, points, swept) if how == ROW else _vertices(draft, points, swept, how)


def _with_target(draft: Draft) -> Draft:
    """The draft with the column of what a law of optima is of, by any of its usual names."""
    target = draft.request.target
    if target not in CHOICES:
        return draft
    column = named_column(draft.frame, target, draft.request.columns)
    return draft.asking(columns={**draft.request.columns, target: column})


def _points(draft: Draft, swept: Sequence[str]) -> Ints:
    """The point of each row, (m,): equal inputs, in one group, and an equal target not swept."""
    request = draft.request
    parts = [codes(quantity_values(draft, name)) for name in request.inputs]
    beside = [] if request.by is None else [named_column(draft.frame, request.by)]
    if request.target in CHOICES and (target := request.columns.get(request.target)) not in swept:
        beside += [target] if target is not None else []
    return joint_codes([*parts, *(cell_codes(draft.frame[column]) for column in beside)])


def _refuse_sweep(draft: Draft) -> None:
    """E180: a law of optima, a loss, and several values of what it is of at one point."""
    request, frame = draft.request, draft.frame
    if request.target not in CHOICES:
        return
    loss = match_column(frame, "loss", request.columns)
    target = match_column(frame, request.target, request.columns)
    if loss is None or not isinstance(target, str):
        return
    try:
        points = _points(replace(draft, request=request), [target])
    except InputError:
        return  # The reading plan says what is missing.
    both = joint_codes([points, cell_codes(frame[target])])
    tried = np.bincount(pd.DataFrame({"p": points, "b": both}).drop_duplicates()["p"])
    if tried.max() < 2:
        return
    count = int(np.sum(tried > 1))
    message = (
        f"{count} of {len(tried)} points of {', '.join(request.inputs)} have several values of "
        f"{target!r}, up to {tried.max()}: a law of the best one takes only optima, and each that "
        f"was tried would count as one. Say {argument('best_of', request.target)}"
    )
    rows = tuple(int(row) for row in draft.row[tried[points] > 1])
    raise InputError([InputProblem("E180", message, target, rows)])


def _scores(draft: Draft) -> Floats:
    """The response with the best one lowest; infinite where there is none."""
    values = column_numbers(draft, response_column(draft))
    signed = -values if draft.request.target in _HIGHEST_IS_BEST else values
    return np.where(np.isfinite(values), signed, np.inf)


def _rates(draft: Draft, column: str) -> Floats:
    rates = column_numbers(draft, column)
    wrong = ~(np.isfinite(rates) & (rates > 0))
    if wrong.any():
        message = "it was swept and must be positive and there in every row"
        rows = tuple(int(row) for row in draft.row[wrong])
        raise InputError([InputProblem("E103", message, column, rows)])
    return rates


def _best_rows(draft: Draft, points: Ints, swept: Sequence[str]) -> Draft:
    scores = _scores(draft)
    best = _lowest(draft, points, scores, swept)
    ends = _at_ends(draft, points, best, swept)
    words = _words(draft, points, swept, "the best row")
    return draft.take(best).note(words, *_lost(scores), *ends)


def _lowest(draft: Draft, points: Ints, scores: Floats, swept: Sequence[str]) -> Ints:
    """Position of the best row of each point; of equal ones that of the lowest rate."""
    values = [parse_column(draft.frame[column]).values for column in swept]
    order = np.lexsort((*reversed(values), scores, points))
    return np.sort(order[np.unique(points[order], return_index=True)[1]])


def _at_ends(draft: Draft, points: Ints, best: Ints, swept: Sequence[str]) -> list[str]:
    """Which optima are the lowest or highest value that was tried at their point."""
    notes = []
    for column in swept:
        values = parse_column(draft.frame[column]).values
        tried = pd.Series(values).groupby(points)
        low, high = (end.to_numpy()[points[best]] for end in (tried.min(), tried.max()))
        at_end = ((values[best] == low) | (values[best] == high)) & (low < high)
        if at_end.any():
            rows = ", ".join(str(row) for row in draft.row[best[at_end]][:5])
            notes.append(
                f"the best {column!r} is the lowest or highest that was tried at {at_end.sum()} of "
                f"{len(best)} points (rows {rows}{' ...' if at_end.sum() > 5 else ''})"
            )
        if (single := low == high).any():
            notes.append(f"only one {column!r} was tried at {single.sum()} of {len(best)} points")
    return notes


def _vertices(draft: Draft, points: Ints, swept: Sequence[str], how: str) -> Draft:
    scores, rates = _scores(draft), np.log(_rates(draft, swept[0]))
    best = _lowest(draft, points, scores, swept[:1])
    optima: dict[int, Vertex] = {}
    reasons: dict[int, str] = {}
    members = np.split(np.argsort(points, kind="stable"), np.cumsum(np.bincount(points))[:-1])
    for at in best:
        rows = members[points[at]]
        sound = rows[np.isfinite(scores[rows])]
        optimum = _vertex(*_profile(rates[sound], scores[sound]), how)
        if isinstance(optimum, Vertex):
            optima[int(at)] = optimum
        else:
            reasons |= dict.fromkeys(map(int, rows), f"{swept[0]!r}: {optimum}")
    if not optima:
        row = argument("best_of", f"{swept[0]}:row")
        message = (
            f"no point has an optimum of {swept[0]!r} inside what was tried, by a parabola: sweep "
            f"further out, or say {row} for the best rows"
        )
        raise InputError([InputProblem("E188", message, swept[0])])
    return _with_vertices(draft, points, swept, how, optima, reasons)


def _with_vertices(
    draft: Draft,
    points: Ints,
    swept: Sequence[str],
    how: str,
    optima: dict[int, Vertex],
    reasons: dict[int, str],
) -> Draft:
    """The rows of the optima, with their rates and losses, and the notes."""
    request = draft.request
    at, vertices = np.array([*optima]), [*optima.values()]
    sign = -1.0 if request.target in _HIGHEST_IS_BEST else 1.0
    rate = np.exp([vertex.place for vertex in vertices])
    value = np.array([vertex.value for vertex in vertices])
    columns = {swept[0]: rate, response_column(draft): sign * value}
    through = "all rates" if how == LEAST_SQUARES else "the three lowest"
    words = _words(draft, points, swept, f"a parabola in ln {swept[0]} through {through}")
    notes = [words, *_lost(_scores(draft))]
    if reasons:
        count = len({points[row] for row in reasons})
        notes.append(
            f"{count} points set aside ({len(reasons)} rows): no optimum of {swept[0]!r} inside "
            "what was tried"
        )
    error = how == LEAST_SQUARES
    if error:
        residuals = np.concatenate([vertex.residuals for vertex in vertices])
        free = len(residuals) - _FEWEST * len(vertices)
        scatter = float(np.sqrt(np.sum(residuals**2) / free)) if free else 0.0
        of_rate = request.columns.get(request.target) == swept[0] and request.target in CHOICES
        shape = [v.place_error if of_rate else v.value_error for v in vertices]
        columns[ERROR_COLUMN] = scatter * np.array(shape) * np.abs(value) * (rate if of_rate else 1)
        notes.append(
            f"sigma is the standard error of the optimum; losses scatter by {100 * scatter:.2g} %"
        )
    rest = draft.without(reasons, "excluded")
    taken = replace(draft.take(at, **columns), set_aside=rest.set_aside).note(*notes)
    return with_sigma(taken) if error else taken


def _profile(rates: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """The lowest score of each rate, by rate."""
    if not len(rates):
        return rates, scores
    place = codes(np.exp(rates))
    lowest = np.full(place.max() + 1, np.inf)
    np.minimum.at(lowest, place, scores)
    return rates[np.unique(place, return_index=True)[1]], lowest


def _vertex(rates: Floats, scores: Floats, how: str) -> Vertex | str:
    """The minimum of a parabola, or why there is none."""
    if len(rates) < _FEWEST:
        return f"a parabola needs {_FEWEST}, and {len(rates)} were tried"
    lowest = int(np.argmin(scores))
    if how == PARABOLA:
        first = min(max(lowest - 1, 0), len(rates) - _FEWEST)
        x, y = rates[first : first + _FEWEST], scores[first : first + _FEWEST]
    else:
        x, y = rates, scores
    # About the lowest, and in its unit: differences of large numbers lose digits.
    z, unit = x - rates[lowest], float(np.ptp(x))
    basis = np.vander(z / unit, 3, increasing=True)
    (a, b, c), *_ = np.linalg.lstsq(basis, y - scores[lowest], rcond=None)
    place = -b / (2 * c) if c > 0 else np.inf
    low, high = (rates[end] - rates[lowest] for end in (0, -1))
    if not low <= place * unit <= high:
        return f"the lowest is at {np.exp(rates[lowest]):.4g}, and no minimum lies inside"
    value = scores[lowest] + a - b**2 / (4 * c)
    spread = np.linalg.inv(basis.T @ basis)
    of_value = np.array([1.0, place, place**2])
    of_place = np.array([0.0, -1 / (2 * c), b / (2 * c**2)]) * unit
    residuals = (y - scores[lowest] - basis @ np.array([a, b, c])) / abs(value)
    return Vertex(
        rates[lowest] + place * unit,
        value,
        float(np.sqrt(of_place @ spread @ of_place)),
        float(np.sqrt(of_value @ spread @ of_value)),
        tuple(residuals),
    )


def _words(draft: Draft, points: Ints, swept: Sequence[str], how: str) -> str:
    names = ", ".join(map(repr, swept))
    return (
        f"best of {names} at each of {points.max() + 1} points of "
        f"{', '.join(draft.request.inputs)}, of {len(points)} rows: {how}"
    )


def _lost(scores: Floats) -> list[str]:
    count = int(np.sum(np.isinf(scores)))
    return [f"{count} rows without a finite response are never the best"] if count else []


def with_sweep_remedy(problem: InputProblem, draft: Draft) -> InputProblem:
    """The problem of nearly equal rows, with what they differ in and what takes them together."""
    try:
        points = _points(draft, [])
    except InputError:
        return problem
    remedies, mend = [], []
    for key, name, value, then in (
        # Rows of a log whose D is that of the whole run.
        ("step", "reduce", "final", "keeps the last row of each run"),
        ("lr", "best_of", None, "keeps the best of each point"),
        ("batch", "best_of", None, "keeps the best of each point"),
        ("seed", "average", None, "takes their mean"),
    ):
        for column in candidates(draft.frame, key):
            both = joint_codes([points, cell_codes(draft.frame[column])])
            if key not in draft.request.inputs and both.max() > points.max():
                option = argument(name, value or column)
                remedies.append(f"they differ in {column!r}: {option} {then}")
                mend.append((name, value or column))
    # Other columns may differ between steps too, and not between runs.
    plain = len(mend) == 1 or ("reduce", "final") in mend
    message = "; ".join([problem.message, *remedies])
    return replace(problem, message=message, mend=tuple(mend[:1]) if plain else ())
