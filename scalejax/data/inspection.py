"""`Inspection`: what the checks say about a source, as `scalejax.data.inspect_table` returns it."""

from collections.abc import Mapping
from dataclasses import dataclass

from scalejax.data.mapping import MappedColumn
from scalejax.data.presence import Presence
from scalejax.data.table import SetAside, Table
from scalejax.errors import InputProblem


@dataclass(frozen=True, eq=False)
class Inspection:
    """What the checks say about a source, whether it can be used or not.

    Attributes:
        source: File name, or ``"DataFrame"``.
        problems: Everything that is wrong (codes E...) or odd (codes W...).
        rows: Rows in the source; 0 if it could not be read.
        columns: Quantity or role to the user's column name, of those that the source has.
        derived: Quantities derived from C = 6 N D.
        notes: Assumptions made, in words.
        set_aside: Rows that are excluded or dropped.
        table: The checked rows, or None if anything is wrong.
        presence: What the source has; None if it could not be read, or if the request said what it
            is read for.
        mapping: What each column was taken for, in words: "N = Model Size (M), millions".
        loss_unit: Unit of the column of the loss, as ``loss_unit=`` takes it; None if unknown.
    """

    source: str
    problems: tuple[InputProblem, ...]
    rows: int = 0
    columns: Mapping[str, str] | None = None
    derived: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    table: Table | None = None
    presence: Presence | None = None
    mapping: tuple[MappedColumn, ...] = ()
    loss_unit: str | None = None

    @property
    def errors(self) -> tuple[InputProblem, ...]:
        """The problems for which the table is refused."""
        return tuple(problem for problem in self.problems if not problem.code.startswith("W"))
