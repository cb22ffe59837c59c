"""Refusals that all sources share: one problem, names that occur twice, more cells than filled."""

from collections import Counter
from collections.abc import Sequence

from scalejax.errors import InputError, InputProblem

# Cells for each filled one, as bytes for each packed one, and cells that are never too many.
# By judgement: tables of runs are nearly full, and a hostile one names a new key in every row.
_MOST_PER_FILLED = 200
_HARMLESS = 1_000_000
BYTES_PER_CELL = 8
"""The least that a cell takes in memory, a float64 or an offset."""


def refusal(name: str, code: str, message: str, rows: Sequence[int] = ()) -> InputError:
    """An error with one problem."""
    return InputError([InputProblem(code, message, rows=tuple(rows))], name)


def counted(count: int, noun: str) -> str:
    """``"1 run"``, ``"2 runs"``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def check_header(header: Sequence[str], name: str) -> None:
    """Refuse names that occur twice with E125."""
    repeated = sorted(column for column, count in Counter(header).items() if count > 1)
    if repeated:
        message = "the column name occurs more than once; rename or remove one of them"
        raise InputError([InputProblem("E125", message, column) for column in repeated], name)


def check_cells(rows: int, columns: int, filled: int, name: str) -> None:
    """Refuse a table that would be nearly empty and large with E161."""
    if rows * columns > max(_HARMLESS, _MOST_PER_FILLED * filled):
        message = (
            f"{rows} rows with {columns} different names between them would be a table of "
            f"{rows * columns} cells, of which {filled} are filled; give all rows the same names"
        )
        raise refusal(name, "E161", message)
