"""Commas inside numbers: decimal marks where the whole file agrees, and asked where it does not.

"3,14" can only be a decimal, "1,234,567" and "1,234.5" only thousands, and "3,141" either. Points
say as much: "1.234.567" goes with decimal commas, "3.14" with decimal points. A file in which
commas are decimal marks is turned into one with points; one that says both, or nothing, is refused.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scalejax._arrays import Ints
from scalejax.errors import InputError, InputProblem

_END = r"([eE][+-]?[0-9]+|[ ]?[kKmMbBgGtTpP%])?\s*$"
_EITHER = rf"^\s*[+-]?[1-9][0-9]{{0,2}},[0-9]{{3}}{_END}"
_COMMA = rf"^\s*[+-]?([0-9]*|[0-9]{{1,3}}(\.[0-9]{{3}})+),[0-9]+{_END}"
_DOTS = rf"^\s*[+-]?[1-9][0-9]{{0,2}}(\.[0-9]{{3}}){{2,}}{_END}"
_POINT = rf"^\s*[+-]?([0-9]+\.[0-9]*|\.[0-9]+){_END}"
_GROUPS = r"[1-9][0-9]{0,2}((,[0-9]{3}){2,}(\.[0-9]*)?|,[0-9]{3}\.[0-9]*)"
_THOUSANDS = rf"^\s*[+-]?{_GROUPS}{_END}"
_NUMBER = rf"^\s*[+-]?[0-9.,_]*[0-9][0-9.,_]*{_END}"

_REMEDY = (
    'Save the file with decimal points (pandas: read_csv(..., decimal=",") and pass the frame)'
)


def with_points(table: pa.Table, name: str) -> tuple[pa.Table, bool]:
    """The table with points for decimal commas, and whether it had any.

    Args:
        table: Columns of text.
        name: What to call the source in messages.

    Raises:
        InputError: E122, commas and points are both decimal marks, or nothing shows which one a
            comma is.
    """
    if not any(_any(cells, ",", plain=True) for cells in table.columns):
        return table, False
    marks = {
        column: _marks(table[column])
        for column in table.column_names
        if _mostly_numbers(table[column])
    }
    points = any(mark.points or mark.thousands for mark in marks.values())
    thousands = any(mark.thousands for mark in marks.values())
    decimal = {column: mark.decimal for column, mark in marks.items() if len(mark.decimal)}
    unclear = {column: mark.either for column, mark in marks.items() if len(mark.either)}
    if decimal and not points:
        return _pointed(table, list(marks)), True
    if decimal and (len(unclear) or any(len(mark.commas) for mark in marks.values())):
        raise _refusal(decimal, "a comma as decimal mark, and points elsewhere in the file", name)
    if not thousands:
        beside = {column: rows for column, rows in unclear.items() if marks[column].points}
        if beside:
            raise _refusal(beside, "3,141 beside 3.14, which may be 3141 or 3.141", name)
        if unclear and not points:
            message = "3,141 may be 3141 or 3.141, and nothing in the file shows which"
            raise _refusal(unclear, message, name)
    return table, False


@dataclass(frozen=True)
class _Marks:
    """What the cells of a column of numbers say, as rows from 1 or whether there are any."""

    commas: Ints
    decimal: Ints
    either: Ints
    points: bool
    thousands: bool


def _marks(cells: pa.ChunkedArray) -> _Marks:
    commas, either = _mask(cells, _COMMA), _mask(cells, _EITHER)
    only = pc.and_(commas, pc.invert(either))
    return _Marks(
        _rows(only),
        _rows(pc.or_(only, _mask(cells, _DOTS))),
        _rows(either),
        _any(cells, _POINT),
        _any(cells, _THOUSANDS),
    )


def _refusal(suspects: dict[str, Ints], message: str, name: str) -> InputError:
    problems = [
        InputProblem("E122", f"{message}. {_REMEDY}", column, tuple(map(int, rows)))
        for column, rows in suspects.items()
    ]
    return InputError(problems, name)


def _mostly_numbers(cells: pa.ChunkedArray) -> bool:
    count = pc.sum(_mask(cells, _NUMBER)).as_py() or 0
    filled = pc.sum(pc.not_equal(pc.utf8_trim_whitespace(cells), "")).as_py() or 0
    return count > 0 and 2 * count >= filled


def _any(cells: pa.ChunkedArray, pattern: str, plain: bool = False) -> bool:
    match = pc.match_substring if plain else pc.match_substring_regex
    return any(pc.any(match(chunk, pattern)).as_py() for chunk in cells.chunks)


def _mask(cells: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    return pc.match_substring_regex(cells, pattern)


def _rows(mask: pa.ChunkedArray) -> Ints:
    """Rows of a mask, 1 being the first."""
    return np.asarray(pc.indices_nonzero(mask), np.int64) + 1


def _pointed(table: pa.Table, numbers: list[str]) -> pa.Table:
    for column in numbers:
        cells = table[column]
        commas = pc.or_(_mask(cells, _COMMA), _mask(cells, _DOTS))
        plain = pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
        index = table.column_names.index(column)
        table = table.set_column(index, column, pc.if_else(commas, plain, cells))
    return table
