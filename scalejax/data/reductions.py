"""Rows that are taken together before a law is fitted: ends of runs, means of seeds, the best.

`reduce_rows` is called once, between `scalejax.data.completion` and reading the columns. The order
is fixed: rows left out by name (``exclude=``, step 0, ``drop_first=``), the last rows of each run
(``reduce=``), means (``average=``), and the best of a sweep (``best_of=``, in
`scalejax.data.sweeps`). The order of the rows does not matter.
"""

from dataclasses import dataclass, replace
from typing import Any

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
from scalejax.data.exclude import excluded_rows
from scalejax.data.keys import candidates, key_column, missing_column, named_column, text_of
from scalejax.data.numbers import parse_column
from scalejax.data.reduction_options import first_part, mean_over, rows_per_run
from scalejax.data.steps import leave_out_step_zero, name_steps
from scalejax.data.sweeps import response_column, take_best
from scalejax.errors import InputError, InputProblem, UsageError
from scalejax.quantities import short_number
from scalejax.vocabulary import argument


def reduce_rows(draft: Draft) -> Draft:
    """A table with its rows taken together as its request says.

    Args:
        draft: A table that `scalejax.data.completion.complete` gave.

    Returns:
        The frame to read columns from, the request to read it by, and what was done.

    Raises:
        InputError: E12x for columns and cells, E18x; see `scalejax.codes`.
        UsageError: Options that contradict each other or the columns.
    """
    draft = name_steps(draft)
    if draft.request.takes_rows_together:
        draft = _leave_out_unusable(_leave_out_excluded(draft))
    draft = _drop_first(leave_out_step_zero(draft))
    return take_best(_average(_take_ends(draft)))


def _leave_out_excluded(draft: Draft) -> Draft:
    """Rows are excluded before others are taken together, by their numbers in the source."""
    request = draft.request
    if request.exclude is None:
        return draft
    excluded, problems = excluded_rows(draft.frame, request.exclude, request.columns)
    if problems:
        raise InputError(problems)
    reasons = {row - 1: reason for row, reason in excluded.items()}
    return draft.without(reasons, "excluded").asking(exclude=None)


def _leave_out_unusable(draft: Draft) -> Draft:
    """With ``on_bad="drop"``, rows without a response are no last rows and count in no mean."""
    if draft.request.on_bad != "drop":
        return draft
    column = response_column(draft)
    parsed = parse_column(draft.frame[column])
    bad = np.flatnonzero(~np.isfinite(parsed.values))
    unread = {*parsed.unreadable, *parsed.decimal_commas}
    numbers = {int(at): f"{column!r}: not a number" for at in bad if at + 1 in unread}
    missing = {int(at): f"{column!r}: missing or infinite" for at in bad if at + 1 not in unread}
    both = draft.without({**missing, **numbers}, "E101")
    codes = {int(draft.row[at]): "E120" for at in numbers}
    set_aside = [replace(one, code=codes.get(one.row, one.code)) for one in both.set_aside]
    return replace(both, set_aside=tuple(set_aside))


def _drop_first(draft: Draft) -> Draft:
    request = draft.request
    if request.drop_first is None:
        return draft
    amount, is_share = first_part(request.drop_first)
    if is_share:
        progress = _progress(draft)
        ends = pd.Series(progress).groupby(_runs(draft)).transform("max").to_numpy()
        early = progress < amount * ends
        words = f"the first {100 * amount:g} % of its run"
    else:
        early = quantity_values(draft, "D") < amount
        words = f"before {short_number(amount)} tokens"
    if early.all():
        raise UsageError(f"{argument('drop_first')} leaves no row: all are {words}")
    reasons = dict.fromkeys(map(int, np.flatnonzero(early)), words)
    note = f"{early.sum()} rows set aside: {words} ({argument('drop_first')})"
    return draft.without(reasons, "excluded").note(note)


def _take_ends(draft: Draft) -> Draft:
    """The last row of each run, or the mean of its last k."""
    count = rows_per_run(draft.request.reduce)
    if not count:
        return draft
    loss = response_column(draft)
    run, progress = _runs(draft), _progress(draft)
    order = np.lexsort((progress, run))
    later = np.arange(len(run)) - np.searchsorted(run[order], run[order], side="left")
    sizes = np.bincount(run)
    from_end = np.empty_like(run)
    from_end[order] = sizes[run[order]] - 1 - later
    kept = np.flatnonzero(from_end < count)
    _refuse_ties(draft, run, progress, kept)
    last = np.flatnonzero(from_end == 0)
    words = "the last row"
    if count > 1:
        words = f"the mean of the last {count} rows"
        values = column_numbers(draft, loss)
        means = np.bincount(run[kept], values[kept]) / np.bincount(run[kept])
        draft = draft.take(last, **{loss: means[run[last]]})
    else:
        draft = draft.take(last)
    short = int(np.sum(sizes < count))
    fewer = f"; {short} runs have fewer" if short else ""
    return draft.note(f"{words} of each of {len(last)} runs, of {len(run)} rows{fewer}")


def _refuse_ties(draft: Draft, run: Ints, progress: Floats, kept: Ints) -> None:
    """E186 where the last row of a run cannot be told."""
    place = joint_codes([run, codes(progress)])
    ties = (np.bincount(place)[place] > 1) & np.isin(place, place[kept])
    if ties.any():
        message = (
            "rows of one run with the same step: which is the last cannot be told; remove copies, "
            f"or name what tells runs apart with {argument('run')}"
        )
        rows = tuple(int(row) for row in draft.row[ties])
        raise InputError([InputProblem("E186", message, None, rows)])


def _runs(draft: Draft) -> Ints:
    """The run of each row: by the names in ``run=`` and ``by=``, or the column of a usual name.

    Raises:
        InputError: E126 where nothing names runs and rows are not those of one.
    """
    frame, request = draft.frame, draft.request
    levels = [named_column(frame, name, request.columns) for name in request.levels]
    if not levels and (column := key_column(frame, "run")) is not None:
        levels = [column]
    if request.by is not None:
        levels = [named_column(frame, request.by), *levels]
    names = [pd.factorize(np.array(text_of(frame[column]), object))[0] for column in levels]
    if names:
        return joint_codes([part.astype(np.int64) for part in names])
    steps = candidates(frame, "step")
    if len(steps) == 1 and frame[steps[0]].is_unique:
        return np.zeros(len(frame), np.int64)
    raise missing_column(frame, "the names of runs", f"Say {argument('run', '...')}")


def _progress(draft: Draft) -> Floats:
    """How far training was at each row: its step, or its tokens, (m,).

    Raises:
        InputError: E126 for neither.
    """
    if (step := key_column(draft.frame, "step")) is not None:
        return column_numbers(draft, step)
    if match_column(draft.frame, "D", draft.request.columns) is None:
        remedy = f"Say {argument('columns', {'D': '...'})}"
        raise missing_column(draft.frame, "steps or tokens, by which rows are in order", remedy)
    return quantity_values(draft, "D")


@dataclass(frozen=True, eq=False)
class _Means:
    """Means of the response over rows that agree.

    Attributes:
        first: Position of the first row of each mean.
        mean: The means.
        count: How many rows each has.
        scatter: Pooled standard deviation of a row, as a share of its mean.
    """

    first: Ints
    mean: Floats
    count: Ints
    scatter: float


def _average(draft: Draft) -> Draft:
    """Means over rows that agree in every column but some and the response."""
    request, frame = draft.request, draft.frame
    if request.average is None:
        return draft
    names, error = mean_over(request.average)
    free = [named_column(frame, name, request.columns) for name in names]
    loss = response_column(draft)
    beside = [request.roles[role] for role in ("sigma", "weights") if role in request.roles]
    keys = [column for column in frame.columns if column not in (*free, loss, *beside)]
    place = joint_codes([cell_codes(frame[k]) for k in keys]) if keys else np.zeros(len(frame), int)
    means = _means(column_numbers(draft, loss), place.astype(np.int64))
    if len(means.first) == len(frame):
        raise _nothing_agrees(draft, keys, free)
    columns: dict[str, Any] = {loss: means.mean}
    words = f"means over {', '.join(map(repr, free))}: {len(frame)} rows became {len(means.first)}"
    if len({*means.count}) > 1:
        words += f", of {means.count.min()} to {means.count.max()} rows each"
    if error:
        columns[ERROR_COLUMN] = means.scatter * means.mean / np.sqrt(means.count)
        words += f"; sigma is their standard error, rows scatter by {100 * means.scatter:.2g} %"
    draft = draft.take(means.first, **columns).note(words)
    return with_sigma(draft) if error else draft


def _means(values: Floats, place: Ints) -> _Means:
    first = np.unique(place, return_index=True)[1]
    count = np.bincount(place)
    mean = np.bincount(place, values) / count
    free = len(values) - len(count)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.nansum((values / mean[place] - 1) ** 2)
    return _Means(first, mean, count, float(np.sqrt(squares / free)) if free else 0.0)


def _nothing_agrees(draft: Draft, keys: list[str], free: list[str]) -> InputError:
    """E187: no two rows agree, with the columns that keep rows of the same inputs apart."""
    inputs = [
        match_column(draft.frame, name, draft.request.columns) for name in draft.request.inputs
    ]
    fixed = [column for column in inputs if isinstance(column, str)]
    of = {key: cell_codes(draft.frame[key]) for key in keys}
    point = joint_codes([of[key] for key in fixed]) if fixed else np.zeros(len(draft.row), int)
    others = [
        key
        for key in keys
        if key not in fixed and len(np.unique(joint_codes([point, of[key]]))) > point.max() + 1
    ]
    wider = argument("average", ",".join([*free, *others]))
    remedy = f"they differ in {', '.join(map(repr, others))} too: say {wider} if that is no matter"
    message = f"no two rows agree in all but {', '.join(map(repr, free))}; " + (
        remedy if others else "leave the option out, or name other columns"
    )
    return InputError([InputProblem("E187", message, free[0])])
