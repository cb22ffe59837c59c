"""Commas inside numbers: decimal marks where the whole file agrees, and asked where it does not.

"3,14" can only be a decimal, "1,234,567" only thousands, and "3,141" either. A file in which
commas are decimal marks is turned into one with points; a file with both kinds is refused.
"""

import pyarrow as pa
import pyarrow.compute as pc

from scalejax.errors import InputError, InputProblem

_END = r"([eE][+-]?[0-9]+|[ ]?[kKmMbBgGtTpP%])?\s*$"
_EITHER = rf"^\s*[+-]?[1-9][0-9]{{0,2}},[0-9]{{3}}{_END}"
_COMMA = rf"^\s*[+-]?([0-9]*|[0-9]{{1,3}}(\.[0-9]{{3}})+),[0-9]+{_END}"
_DOTS = rf"^\s*[+-]?[1-9][0-9]{{0,2}}(\.[0-9]{{3}}){{2,}}{_END}"
_POINT = rf"^\s*[+-]?([0-9]+\.[0-9]*|\.[0-9]+){_END}"
_THOUSANDS = (
    rf"^\s*[+-]?[1-9][0-9]{{0,2}}((,[0-9]{{3}}){{2,}}(\.[0-9]*)?|,[0-9]{{3}}\.[0-9]*){_END}"
)
_NUMBER = rf"^\s*[+-]?[0-9.,_]*[0-9][0-9.,_]*{_END}"

_REMEDY = (
    'Save the file with decimal points (pandas: read_csv(..., decimal=",") and pass the frame)'
)


def with_points(table: pa.Table, separator: str, name: str) -> tuple[pa.Table, bool]:
    """The table with points for decimal commas, and whether it had any.

    Args:
        table: Columns of text.
        separator: What separates the columns; where it is a comma, numbers with commas were quoted,
            as thousands are.
        name: What to call the source in messages.

    Raises:
        InputError: E122, commas and points are both decimal marks, or nothing shows which one a
            comma is.
    """
    numbers = [column for column in table.column_names if _mostly_numbers(table[column])]
    decimal = {column: _rows(table[column], _COMMA, _EITHER) for column in numbers}
    decimal = {column: rows for column, rows in decimal.items() if rows}
    points = any(
        _any(table[column], pattern) for column in numbers for pattern in (_POINT, _THOUSANDS)
    )
    if decimal and points:
        message = f"a comma as decimal mark, and points elsewhere in the file. {_REMEDY}"
        problems = [InputProblem("E122", message, column, rows) for column, rows in decimal.items()]
        raise InputError(problems, name)
    if decimal:
        return _pointed(table, numbers), True
    unclear = {column: _rows(table[column], _EITHER) for column in numbers}
    unclear = {column: rows for column, rows in unclear.items() if rows}
    if unclear and not points and separator != ",":
        message = f"3,141 may be 3141 or 3.141, and nothing in the file shows which. {_REMEDY}"
        problems = [InputProblem("E122", message, column, rows) for column, rows in unclear.items()]
        raise InputError(problems, name)
    return table, False


def _mostly_numbers(cells: pa.ChunkedArray) -> bool:
    count = pc.sum(pc.match_substring_regex(cells, _NUMBER)).as_py() or 0
    filled = pc.sum(pc.not_equal(pc.utf8_trim_whitespace(cells), "")).as_py() or 0
    return count > 0 and 2 * count >= filled


def _any(cells: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(cells, pattern)).as_py())


def _rows(cells: pa.ChunkedArray, pattern: str, but: str | None = None) -> tuple[int, ...]:
    """Rows, 1 being the first, that match one pattern but not another."""
    mask = pc.match_substring_regex(cells, pattern)
    if but is not None:
        mask = pc.and_(mask, pc.invert(pc.match_substring_regex(cells, but)))
    return tuple(int(index) + 1 for index in pc.indices_nonzero(mask).to_numpy())


def _pointed(table: pa.Table, numbers: list[str]) -> pa.Table:
    for column in numbers:
        cells = table[column]
        commas = pc.or_(
            pc.match_substring_regex(cells, _COMMA), pc.match_substring_regex(cells, _DOTS)
        )
        plain = pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
        index = table.column_names.index(column)
        table = table.set_column(index, column, pc.if_else(commas, plain, cells))
    return table
