"""Reads a user's table as runs to advise on, or as a plan of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scalejax.data import (
    STDIN,
    Table,
    column_problems,
    join_groups,
    load_table,
    match_column,
    parse_column,
    read_frame,
    refuse_changing_runs,
    source_name,
    with_mapping,
)
from scalejax.engine import target_of
from scalejax.errors import InputError, InputProblem
from scalejax.laws import Law

_PLANNED = "loss (planned)"


@dataclass(frozen=True, eq=False)
class AdviceRuns:
    """Runs to advise on, or a plan of them.

    Attributes:
        table: The checked rows; the losses of a plan are ones.
        frame: The user's own table; None if a `Table` was given.
        planned: Whether there are no losses.
    """

    table: Table
    frame: pd.DataFrame | None
    planned: bool


def read_runs(
    data: Any,
    law: Law,
    *,
    by: str | Sequence[str] | None,
    plan: bool,
    options: Mapping[str, Any],
) -> AdviceRuns:
    """Read and check runs.

    Args:
        data: As for `scalejax.fit`.
        law: The law that is to be fitted.
        by: Columns that name the family of a row.
        plan: Whether these are runs to come, so that no losses are looked for.
        options: Other options of `scalejax.data.load_table`.

    Raises:
        InputError: The data cannot be used; or there are no losses, and a numeric column that
            nothing reads could hold them.
    """
    if isinstance(data, Table):
        refuse_changing_runs(data)
        return AdviceRuns(data, None, plan)
    data, group = join_groups(data, by or ())
    frame = read_frame(data)
    settings = {"by": group, **options}
    settings = {name: value for name, value in settings.items() if value is not None}
    settings = target_of(law, with_mapping(settings, settings.pop("mapping", None)))
    columns = dict(settings.get("columns") or {})
    target = settings.get("target", "loss")
    if not plan and match_column(frame, target, columns) is None:
        names = {*map(str, settings.values()), *([by] if isinstance(by, str) else by or ())}
        _refuse_unread(frame, law, target, columns, names, source_name(data))
        plan = True
    if plan:
        name = columns[target] = _PLANNED
        source: Any = frame.assign(**{name: 1.0})
        settings |= {"columns": columns}
    else:
        # Standard input can be read once only; a path gives messages the name of the file.
        source = frame if isinstance(data, str) and data == STDIN else data
    table = load_table(source, inputs=law.inputs, **settings)
    refuse_changing_runs(table)
    return AdviceRuns(table, frame, plan)


def _refuse_unread(
    frame: pd.DataFrame,
    law: Law,
    target: str,
    columns: Mapping[str, str],
    names: set[str],
    source: str,
) -> None:
    """Refuse a table without losses that has numbers nobody reads: one may be the loss."""
    matches = [match_column(frame, name, columns) for name in {*law.inputs, "C"}]
    read = {*(name for name in matches if isinstance(name, str)), *names}
    unread = [
        name
        for name in frame
        if name not in read and np.isfinite(parse_column(frame[name]).values).any()
    ]
    if not unread:
        return
    (problem,) = column_problems(frame, {target: None})
    message = (
        f"{problem.message}. If these are runs to come, without losses, say so: plan=True, or "
        "--plan at the command line"
    )
    raise InputError([InputProblem(problem.code, message)], source)
