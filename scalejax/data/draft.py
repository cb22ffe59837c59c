"""`Draft`: a frame on its way from the file to the reading plan, and what was done to it.

`scalejax.data.completion` adds what a table lacks and `scalejax.data.reductions` takes rows
together; both turn a draft into a draft. Rows keep the number that they have in the source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats, Ints
from scalejax.data.assemble import numeric_columns
from scalejax.data.numbers import parse_column
from scalejax.data.reading_plan import derived_values, make_reading_plan
from scalejax.data.request import Request
from scalejax.data.table import SetAside
from scalejax.errors import InputError, UsageError
from scalejax.vocabulary import argument

ERROR_COLUMN = "standard error"
"""Name of the column of sigma that a mean or a parabola leaves."""

# Rounding in files must not make two values of one, as for the sizes in `fit_rows`.
_SAME_VALUE = 1e-6


@dataclass(frozen=True, eq=False)
class Draft:
    """A frame before its columns are read.

    Attributes:
        frame: Cells, with the index 0..m-1.
        request: What the table is read for.
        row: Number in the source of each row, 1 being the first, int64 (m,).
        notes: What was done, in words.
        set_aside: Rows of the source that were left out by name.
    """

    frame: pd.DataFrame
    request: Request
    row: Ints
    notes: tuple[str, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    @classmethod
    def of(cls, frame: pd.DataFrame, request: Request, notes: tuple[str, ...] = ()) -> "Draft":
        """The draft of a source as it is, and what was said when it was read."""
        return cls(frame, request, np.arange(1, len(frame) + 1, dtype=np.int64), notes)

    def note(self, *notes: str) -> "Draft":
        """The draft with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def take(self, index: Ints, **columns: Any) -> "Draft":
        """The rows at these positions, with some columns replaced or added."""
        frame = self.frame.iloc[index].reset_index(drop=True).assign(**columns)
        return replace(self, frame=frame, row=self.row[index])

    def without(self, reasons: Mapping[int, str], code: str) -> "Draft":
        """The draft without the rows at some positions, which are recorded with their reasons."""
        if not reasons:
            return self
        records = [SetAside(int(self.row[at]), why, code) for at, why in reasons.items()]
        kept = np.ones(len(self.frame), bool)
        kept[list(reasons)] = False
        draft = self.take(np.flatnonzero(kept))
        return replace(draft, set_aside=(*self.set_aside, *records))

    def asking(self, **changes: Any) -> "Draft":
        """The draft with some attributes of its request changed."""
        return replace(self, request=replace(self.request, **changes))


def column_numbers(draft: Draft, column: str) -> Floats:
    """A column as float64, NaN where a cell is empty.

    Raises:
        InputError: Cells that are no numbers: a reduction would hide them.
    """
    parsed = parse_column(draft.frame[column])
    problems = parsed.problems(column, range(1, len(draft.frame) + 1))
    if problems:
        raise InputError([replace(p, rows=source_rows(draft, p.rows)) for p in problems])
    return parsed.values


def source_rows(draft: Draft, positions: Sequence[int] | Ints) -> tuple[int, ...]:
    """Numbers in the source of rows that are counted from 1 in the draft."""
    return tuple(int(draft.row[position - 1]) for position in positions)


def codes(values: Floats) -> Ints:
    """Codes 0..K-1 of values that differ by more than rounding; a missing one is like no other."""
    order = np.argsort(values, kind="stable")
    with np.errstate(invalid="ignore"):
        steps = np.diff(values[order])
    apart = ~(steps <= _SAME_VALUE * np.abs(values[order][1:]))
    result = np.empty(len(values), np.int64)
    result[order] = np.concatenate([[0], np.cumsum(apart)])[: len(values)]
    return result


def joint_codes(parts: Sequence[Ints]) -> Ints:
    """Codes 0..K-1 of rows that agree in every part, (m,) each, in order of appearance."""
    if not parts:
        raise ValueError("codes of nothing")
    groups = pd.DataFrame(dict(enumerate(parts))).groupby([*range(len(parts))], sort=False)
    return np.asarray(groups.ngroup(), np.int64)


def cell_codes(cells: "pd.Series[Any]") -> Ints:
    """Codes of the cells of a column: as numbers where all are, else as names."""
    parsed = parse_column(cells)
    if parsed.refused_type or parsed.unreadable or parsed.decimal_commas:
        return pd.factorize(cells.astype(str).str.strip())[0].astype(np.int64)
    values = parsed.values
    # Columns may be empty, so that a missing cell is here like another one.
    present = codes(np.where(np.isnan(values), 0.0, values))
    return joint_codes([present, np.isnan(values).astype(np.int64)])


def quantity_values(draft: Draft, quantity: str) -> Floats:
    """A quantity in raw units as the reading plan has it, derived if need be, float64 (m,)."""
    request = draft.request
    units = {key: unit for key, unit in request.units.items() if key == quantity}
    alone = replace(request, inputs=(quantity,), units=units, derive={}, target=request.target)
    plan = make_reading_plan(draft.frame, alone)
    numbers = numeric_columns(draft.frame, alone, plan)
    values = {role: item.values for role, item in numbers.items()}
    return derived_values(quantity, values) if quantity in plan.derived else values[quantity]


def with_sigma(draft: Draft) -> Draft:
    """The draft read with the column of standard errors as sigma.

    Raises:
        UsageError: Sigma or weights are given too.
    """
    if {"sigma", "weights"} & draft.request.roles.keys():
        raise UsageError(
            f"the standard error would be sigma, and {argument('sigma')} or {argument('weights')} "
            "is given; leave out one of them"
        )
    if not np.all(draft.frame[ERROR_COLUMN] > 0):
        return draft.note("rows do not scatter at all, so that there is no standard error")
    return draft.asking(sigma=ERROR_COLUMN)
