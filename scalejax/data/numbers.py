"""Cells to float64 without loss: "70M", "1.4T", "100,000,000", "1_000", "1e9 ".

Use `parse_column` for a column of a frame (text or already numeric) and `unit_factor` for a unit
such as ``"B"``. A cell has the grammar of `scalejax.amounts`, and is read exactly or refused.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scalejax._arrays import Floats
from scalejax.amounts import GRAMMAR, POSITIVE, SUFFIX_EXPONENTS, parse_number, read
from scalejax.data.plain_numbers import plain_numbers
from scalejax.errors import InputProblem, UsageError

_PLAIN = r"^[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?$"
"""The commonest part of that grammar, for Arrow's expressions."""
_DECIMAL_COMMA = re.compile(
    r"[+-]?[0-9]{1,3}(?:(?:\.[0-9]{3}){2,}|(?:\.[0-9]{3})*,[0-9]+|[0-9]*,[0-9]+)"
)


def unit_factor(unit: str | float) -> float:
    """Converts a unit, ``"B"``, ``"%"`` or ``1e9``, to the factor it stands for.

    Raises:
        UsageError: An unknown suffix, or a factor that is not positive and finite.
    """
    if isinstance(unit, str):
        if unit.strip().lower() in ("%", "percent"):
            return 0.01
        if unit.strip().lower() not in SUFFIX_EXPONENTS:
            raise UsageError(
                f"unknown unit {unit!r}: use k, M, B, G, T, P, % or a number such as 1e9"
            )
        return float(f"1e{SUFFIX_EXPONENTS[unit.strip().lower()]}")
    return read("units", unit, POSITIVE)


@dataclass(frozen=True)
class ParsedColumn:
    """A column as numbers, with every cell that could not be read.

    Attributes:
        values: float64, shape (n,). Cells that are missing or unreadable are NaN.
        unreadable: Row (1 is the first) to the text of a cell that is no number.
        decimal_commas: Row to the text of a cell such as "3,1".
        refused_type: Why the whole column is no number column, or empty.
    """

    values: Floats
    unreadable: Mapping[int, str] = field(default_factory=dict)
    decimal_commas: Mapping[int, str] = field(default_factory=dict)
    refused_type: str = ""

    def problems(self, column: str, rows: Iterable[int]) -> list[InputProblem]:
        """E120, E122 and E129 among `rows`, for the user's column name `column`."""
        if self.refused_type:
            return [InputProblem("E129", f"holds {self.refused_type}; give plain numbers", column)]
        rows_in_use = set(rows)
        commas = {row: cell for row, cell in self.decimal_commas.items() if row in rows_in_use}
        bad = {row: cell for row, cell in self.unreadable.items() if row in rows_in_use}
        problems = []
        if commas:
            message = (
                f"a comma as decimal mark: {_quote(commas)}. Save the file with decimal points "
                '(pandas: read_csv(..., decimal=",") and pass the frame)'
            )
            problems.append(InputProblem("E122", message, column, tuple(commas)))
        if bad:
            message = (
                f'not a number: {_quote(bad)}. Write 70000000, 7e7, 70M, 70_000_000 or "70,000,000"'
            )
            problems.append(InputProblem("E120", message, column, tuple(bad)))
        return problems


def parse_column(cells: "pd.Series[Any]") -> ParsedColumn:
    """Converts a column of any dtype to float64.

    Integers of any size are converted by NumPy and Python, correctly rounded, never through a
    32-bit type. Booleans, complex numbers, dates, lists and records are no measurements and are
    refused (E129).

    Args:
        cells: Text, numbers, `decimal.Decimal`, nullable or Arrow-backed values; length n.
    """
    dtype = cells.dtype
    if pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype):
        return ParsedColumn(cells.to_numpy(dtype=np.float64, na_value=np.nan))
    if (plain := plain_numbers(cells)) is not None:
        return ParsedColumn(plain)
    values = cells.tolist()
    if refused := _refused_type(dtype) or ("lists or records" if _all_nested(values) else ""):
        return ParsedColumn(np.full(len(cells), np.nan), refused_type=refused)
    return _parse_cells(values)


def suffixed(cells: "pd.Series[Any]") -> dict[int, float]:
    """Row (1 is the first) to the factor of the suffix of a cell, as in "70M", where one has it."""
    if not (pd.api.types.is_object_dtype(cells) or pd.api.types.is_string_dtype(cells)):
        return {}
    if _plain_numbers(cells.tolist()) is not None:
        return {}
    matches = ((row, GRAMMAR.fullmatch(str(c).strip())) for row, c in enumerate(cells.tolist(), 1))
    return {row: unit_factor(m["suffix"]) for row, m in matches if m is not None and m["suffix"]}


def is_nested(cell: Any) -> bool:
    """Whether a cell is a list, an array or a record, as nested Parquet and JSON give."""
    return isinstance(cell, list | tuple | set | Mapping | np.ndarray)


def _refused_type(dtype: Any) -> str:
    if pd.api.types.is_bool_dtype(dtype):
        return "true/false values"
    if pd.api.types.is_complex_dtype(dtype):
        return "complex numbers"
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        return "dates or times"
    return ""


def _all_nested(cells: list[Any]) -> bool:
    """Whether no cell but missing ones is a single value; else the odd rows are named."""
    present = (cell for cell in cells if cell is not None)
    first = next(present, None)
    return first is not None and is_nested(first) and all(map(is_nested, present))


def _plain_numbers(cells: list[Any]) -> Floats | None:
    """Texts that are all plain numbers or empty, at once, (n,); None if any is something else."""
    try:
        text = pa.array(cells, pa.string())
    except (pa.ArrowException, TypeError, ValueError):
        return None
    blank = pc.equal(text, "")
    if not pc.all(pc.or_(blank, pc.match_substring_regex(text, _PLAIN))).as_py():
        return None
    # Arrow rounds correctly, as Python does.
    numbers = pc.cast(pc.if_else(blank, None, text), pa.float64())
    values: Floats = numbers.to_numpy(zero_copy_only=False)
    # What float64 cannot hold is for the slow way to name.
    return None if np.isinf(values).any() or (values == 0).any() else values


def _parse_cells(cells: list[Any]) -> ParsedColumn:
    if (plain := _plain_numbers(cells)) is not None:
        return ParsedColumn(plain)
    values = np.full(len(cells), np.nan)
    unreadable: dict[int, str] = {}
    for index, cell in enumerate(cells):
        try:
            values[index] = _cell_value(cell)
        except (ValueError, OverflowError):
            unreadable[index + 1] = str(cell)
    commas = {row: cell for row, cell in unreadable.items() if _has_decimal_comma(cell)}
    if commas:
        # Beside "3,1" a cell "3,141" is a decimal too and not 3141.
        commas = {row: str(cell) for row, cell in enumerate(cells, 1) if "," in str(cell)} | commas
    for row in commas:
        unreadable.pop(row, None)
        values[row - 1] = np.nan
    return ParsedColumn(values, unreadable, dict(sorted(commas.items())))


def _cell_value(cell: Any) -> float:
    if isinstance(cell, str):
        return parse_number(cell)
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return math.nan
    if isinstance(cell, bool | np.bool_):
        raise ValueError("a truth value is not a number")
    if isinstance(cell, int | float | np.integer | np.floating | Decimal | Fraction):
        return float(cell)
    raise ValueError(f"{type(cell).__name__} is not a number")


def _has_decimal_comma(cell: str) -> bool:
    return _DECIMAL_COMMA.fullmatch(cell.strip()) is not None


def _quote(cells: Mapping[int, str]) -> str:
    """The first five cells, shortened: ``'3,1' (row 2), ...``."""
    quotes = [
        f"{cell if len(cell) <= 40 else cell[:37] + '...'!r} (row {row})"
        for row, cell in list(cells.items())[:5]
    ]
    more = f" and {len(cells) - 5} more" if len(cells) > 5 else ""
    return ", ".join(quotes) + more
