"""What a table lacks is added before its columns are read: columns of metrics, N, D and steps.

`complete` turns a frame of raw cells into a `Draft` whose frame has, as far as the table holds
them or the request says, a column for each metric of a long table, the columns of a second table
(``runs=``), N from the names of models (``size_from=``) and D from steps (``tokens_per_step=``).
It needs no law. Whatever it does is in the notes.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from scalejax.data.columns import match_column
from scalejax.data.draft import Draft
from scalejax.data.keys import (
    candidates,
    folded,
    key_column,
    missing_column,
    named_column,
    text_of,
)
from scalejax.data.request import SOURCES, Request
from scalejax.data.sizes import sizes_in
from scalejax.data.steps import count_tokens, refuse_second, refuse_unit
from scalejax.errors import InputError, InputProblem
from scalejax.quantities import short_number
from scalejax.sources import read_frame, source_name
from scalejax.vocabulary import argument

# Names that are listed with their sizes; more are counted. By judgement.
_SHOWN_NAMES = 12
_UNFINISHED = {"crashed", "failed", "killed", "running", "preempted", "preempting", "pending"}
"""What W&B and MLflow call runs that have not come to their end."""


def complete(draft: Draft) -> Draft:
    """A table with the columns that it holds in another form.

    Args:
        draft: Raw cells and what they are read for; `Request.inputs` says what is wanted.

    Raises:
        InputError: E124, E126, E181 to E185; see `scalejax.codes`.
    """
    draft = pivot_metrics(draft)
    draft = join_runs(draft)
    draft = name_sizes(draft)
    return count_tokens(say_unfinished(draft))


def say_unfinished(draft: Draft) -> Draft:
    """A note on rows of runs that a tracker calls crashed, failed or running; they stay."""
    for column in [one for one in draft.frame.columns if folded(one) in ("state", "status")]:
        words = [text.casefold() for text in text_of(draft.frame[column])]
        rows = [int(row) for row, word in zip(draft.row, words, strict=True) if word in _UNFINISHED]
        if rows:
            shown = ", ".join(map(str, rows[:5])) + (" ..." if len(rows) > 5 else "")
            said = f"{column!r} calls {len(rows)} rows unfinished (rows {shown}); they are read"
            draft = draft.note(f"{said}: {argument('exclude')} leaves them out")
    return draft


def pivot_metrics(draft: Draft) -> Draft:
    """A column for each metric of a long table (metric, value), one row for each of the others."""
    frame, request = draft.frame, draft.request
    metric, value = _long_columns(frame, request)
    if metric is None or value is None:
        return draft
    times = candidates(frame, "time")
    keys = [column for column in frame.columns if column not in (metric, value, *times)]
    place = _places(frame, keys)
    names = pd.Series(text_of(frame[metric]))
    twice = pd.DataFrame({"place": place, "name": names}).duplicated()
    if twice.any() or set(names) & {*keys}:
        same = f"the same {', '.join(keys) or 'row'} and {metric} as an earlier row"
        message = f"{same}: each may have one value; remove copies, or name what tells them apart"
        rows = tuple(int(draft.row[at]) for at in np.flatnonzero(twice))
        raise InputError([InputProblem("E185", message, metric, rows)])
    first = np.unique(place, return_index=True)[1]
    wide = {}
    for name in dict.fromkeys(names):
        of_name = np.flatnonzero(names == name)
        cells = np.full(len(first), None, object)
        cells[place[of_name]] = frame[value].to_numpy(object)[of_name]
        wide[name] = cells
    long = f"a long table: {len(wide)} metrics of {metric!r} became columns ({_some([*wide])})"
    left_out = f"; {', '.join(map(repr, times))} not kept" if times else ""
    draft = replace(draft, frame=frame[keys]).take(first, **wide).note(long + left_out)
    return _rows_with_response(draft)


def _long_columns(frame: pd.DataFrame, request: Request) -> tuple[str | None, str | None]:
    """The columns of names and values of a long table, if it is one."""
    values = candidates(frame, "value")
    metrics = [name for name in candidates(frame, "metric") if name not in values]
    if len(values) != 1 or not metrics or match_column(frame, request.target, request.columns):
        return None, None
    # A column "name" beside one of metrics names the run.
    return min(metrics, key=lambda name: folded(name) == "name"), values[0]


def _places(frame: pd.DataFrame, keys: list[str]) -> np.ndarray:
    if not keys:
        return np.zeros(len(frame), np.int64)
    groups = frame[keys].astype(str).groupby(keys, sort=False, dropna=False)
    return groups.ngroup().to_numpy(np.int64)


def _rows_with_response(draft: Draft) -> Draft:
    """The rows at which the response was logged; other metrics have steps of their own."""
    column = match_column(draft.frame, draft.request.target, draft.request.columns)
    if not isinstance(column, str):
        return draft
    logged = np.array([text != "" for text in text_of(draft.frame[column])])
    if logged.all() or not logged.any():
        return draft
    words = f"{(~logged).sum()} rows are of steps at which {column} was not logged: left out"
    return draft.take(np.flatnonzero(logged)).note(words)


def join_runs(draft: Draft) -> Draft:
    """The columns of a second table, by the name of the run.

    Raises:
        InputError: E181 for names that one of the tables lacks or the second has twice, E182 for a
            column that both have with other cells, E126 where runs have no names.
    """
    request, frame = draft.request, draft.frame
    if request.runs is None:
        return draft
    second = read_frame(request.runs, request.max_bytes)
    key = run_column(draft)
    other = _key_of(second, key)
    names, listed = text_of(frame[key]), text_of(second[other])
    _check_names(names, listed, key, source_name(request.runs))
    place = {name: at for at, name in enumerate(listed)}
    rows = second.iloc[[place[name] for name in names]].reset_index(drop=True)
    added = [column for column in second.columns if column != other]
    for column in [column for column in added if column in frame.columns]:
        if text_of(frame[column]) != text_of(rows[column]):
            message = f"both tables have a column {column!r} and differ; remove or rename one"
            raise InputError([InputProblem("E182", message, column)])
    unused = len({*listed} - {*names})
    words = f"{', '.join(added)} from {source_name(request.runs)} by {key!r}"
    more = f"; {unused} of its runs have no rows here" if unused else ""
    joined = frame.assign(**{column: rows[column] for column in added})
    return replace(draft, frame=joined).note(words + more)


def run_column(draft: Draft) -> str:
    """The column that names runs: the innermost of ``run=``, or the one of a usual name.

    Raises:
        InputError: E124 or E126.
    """
    levels = draft.request.levels
    if levels:
        return named_column(draft.frame, levels[-1], draft.request.columns)
    column = key_column(draft.frame, "run")
    if column is None:
        raise missing_column(draft.frame, "the names of runs", f"Say {argument('run', '...')}")
    return column


def _key_of(second: pd.DataFrame, key: str) -> str:
    same = [column for column in second.columns if folded(column) == folded(key)]
    column = same[0] if same else key_column(second, "run")
    if column is None:
        remedy = f"Name it {key!r}, as in the table of the log"
        raise missing_column(second, f"the names of runs in {argument('runs')}", remedy)
    return column


def _check_names(names: list[str], listed: list[str], key: str, second: str) -> None:
    twice = [name for name, count in Counter(listed).items() if count > 1]
    ours, theirs = dict.fromkeys(names), dict.fromkeys(listed)
    absent = [name for name in ours if name not in theirs]
    problems = []
    if twice:
        message = f"{second} names {_some(twice)} twice; give each run one row"
        problems.append(InputProblem("E181", message, key))
    if absent:
        unused = [name for name in theirs if name not in ours]
        beside = f", which has {_some(unused)} besides" if unused else ""
        message = f"{_some(absent)} is not in {second}{beside}; add it, or mend the names"
        problems.append(InputProblem("E181", message, key))
    if problems:
        raise InputError(problems)


def name_sizes(draft: Draft) -> Draft:
    """N from the sizes in names, where it was asked for or nothing else says N.

    Without ``size_from=`` it is done only if N is wanted, no column holds or gives it, and every
    name of one column of runs holds exactly one size.

    Raises:
        InputError: E183, a name without a size or with several, where it was asked for.
    """
    request, frame = draft.request, draft.frame
    if request.size_from is not None:
        refuse_second(draft, "N", "size_from")
        column = named_column(frame, request.size_from, request.columns)
        names = text_of(frame[column])
        sizes, problems = sizes_in(names, loose=True)
        if problems:
            (name, why), *others = problems.items()
            more = f" and {len(others)} more" if others else ""
            message = f"{name!r} {why}{more}; write N in a column of its own, or exclude the rows"
            rows = [int(r) for r, text in zip(draft.row, names, strict=True) if text in problems]
            raise InputError([InputProblem("E183", message, column, tuple(rows))])
        return _with_sizes(draft, column, sizes)
    if not _is_wanted("N", request) or _is_there(frame, "N", request):
        return draft
    levels = [name for name in request.levels[-1:] if name in frame.columns]
    for column in levels or candidates(frame, "run"):
        sizes, problems = sizes_in(text_of(frame[column]), loose=False)
        if sizes and not problems and len({*sizes.values()}) > 1:
            return _with_sizes(draft, column, sizes)
    return draft


def _with_sizes(draft: Draft, column: str, sizes: dict[str, float]) -> Draft:
    refuse_unit(draft, "N", f"the names in {column!r}")
    pairs = [f"{name} = {short_number(size)}" for name, size in sizes.items()]
    low, high = (short_number(end(sizes.values())) for end in (min, max))
    shown = ", ".join(pairs) if len(pairs) <= _SHOWN_NAMES else f"{len(pairs)}, {low} to {high}"
    words = f"N from the names in {column!r} ({argument('size_from', column)}): {shown}"
    values = [sizes[name] for name in text_of(draft.frame[column])]
    draft = replace(draft, frame=draft.frame.assign(N=values)).note(words)
    # A column of words called N, or one that was mapped, is not what was asked for.
    return draft.asking(columns={**draft.request.columns, "N": "N"})


def _is_wanted(quantity: str, request: Request) -> bool:
    sources = {source for wanted in request.inputs for source in SOURCES.get(wanted, ())}
    return quantity in {*request.inputs, *sources}


def _is_there(frame: pd.DataFrame, quantity: str, request: Request) -> bool:
    """Whether a column, or C = 6 N D with two others, gives a quantity."""
    if match_column(frame, quantity, request.columns) is not None:
        return True
    sources = SOURCES.get(quantity, ())
    return bool(sources) and all(match_column(frame, s, request.columns) for s in sources)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more
