"""What single cells and columns of a table say, before rows and columns are set side by side."""

from dataclasses import dataclass, replace

import numpy as np

from scalejax._arrays import Ints
from scalejax.data.assemble import names_of, numeric_columns, set_aside_of
from scalejax.data.checks import (
    DROPPABLE,
    NumericColumn,
    label_problems,
    response_problems,
    row_problems,
    scale_problems,
)
from scalejax.data.draft import Draft, source_rows
from scalejax.data.exclude import excluded_rows
from scalejax.data.reading_plan import ReadingPlan
from scalejax.data.request import Request
from scalejax.data.table import SetAside
from scalejax.errors import InputProblem
from scalejax.quantities import QUANTITIES


@dataclass(frozen=True, eq=False)
class Cells:
    """What single cells and columns say.

    Attributes:
        numbers: Columns of numbers, by role.
        labels: Names in every row, by role.
        kept: Positions of the rows in use in the draft, from 1.
        problems: What is wrong or odd; like all below with the numbers of rows in the source.
        faulty: Rows with a cell that is wrong.
        set_aside: Rows that are excluded or dropped.
        units_wrong: Whether a column looks like another unit.
    """

    numbers: dict[str, NumericColumn]
    labels: dict[str, list[str]]
    kept: Ints
    problems: tuple[InputProblem, ...]
    faulty: tuple[int, ...]
    set_aside: tuple[SetAside, ...]
    units_wrong: bool


def look_at_cells(draft: Draft, plan: ReadingPlan) -> Cells:
    """Read the columns that the plan names, and say what is wrong with single cells and columns."""
    frame, request = draft.frame, draft.request
    numbers = numeric_columns(frame, request, plan)
    labels, problems = names_of(frame, plan)
    excluded: dict[int, str] = {}
    if request.exclude is not None:
        excluded, unclear = excluded_rows(frame, request.exclude, request.columns)
        problems += unclear
    every = np.arange(1, len(frame) + 1, dtype=np.int64)
    rows = every[~np.isin(every, list(excluded))]
    bad_cells = [problem for item in numbers.values() for problem in row_problems(item, rows)]
    for role, names in labels.items():
        bad_cells += label_problems(names, plan.columns[role], rows)
    drop = request.on_bad == "drop"
    dropped = [problem for problem in bad_cells if drop and problem.code in DROPPABLE]
    left_out = set_aside_of(excluded, dropped)
    kept = rows[~np.isin(rows, [item.row for item in left_out])]
    scales = _scales(numbers, kept, plan, request)
    problems += [problem for problem in bad_cells if problem not in dropped]
    problems += [*_contradictions(plan), *scales]
    left_out = tuple(replace(item, row=int(draft.row[item.row - 1])) for item in left_out)
    return Cells(
        numbers,
        labels,
        kept,
        tuple(replace(one, rows=source_rows(draft, one.rows)) for one in problems),
        tuple(row for one in bad_cells for row in source_rows(draft, one.rows)),
        tuple(sorted((*draft.set_aside, *left_out), key=lambda item: item.row)),
        any(problem.code.startswith("E") for problem in scales),
    )


def _scales(
    numbers: dict[str, NumericColumn], kept: Ints, plan: ReadingPlan, request: Request
) -> list[InputProblem]:
    """What the sizes of the numbers in each column say."""
    unit = plan.response.unit
    scales = [p for item in numbers.values() for p in scale_problems(item, kept, unit)]
    if request.is_loss:
        return scales
    quantity = QUANTITIES[request.target]
    return scales + response_problems(numbers["loss"], kept, quantity, request.target)


def _contradictions(plan: ReadingPlan) -> list[InputProblem]:
    if not {"weights", "sigma"} <= plan.columns.keys():
        return []
    message = "sigma and weights are both given; a small sigma means a large weight, so give one"
    return [InputProblem("E144", message, plan.columns["weights"])]
