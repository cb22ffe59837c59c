"""Frames out to CSV, so that a spreadsheet which opens the file runs nothing that lies in it.

Names come from data, and a spreadsheet takes a cell that starts with ``=`` or ``@`` for a formula
(CWE-1236). Such text gets a leading apostrophe; numbers are untouched. Parquet needs none of this.
"""

import csv
from pathlib import Path
from typing import Any

import pandas as pd

from scalejax.files import staged

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that begin a formula in some spreadsheet."""


def to_csv(frame: pd.DataFrame, path: str | Path, raw: bool = False) -> Path:
    """Write a frame as CSV in UTF-8, without its index.

    Args:
        frame: The frame. Numbers keep all their digits.
        path: The file; one that exists is replaced.
        raw: Whether text is written as it is.

    Returns:
        The path.

    Raises:
        DiskError: The file cannot be written.
    """
    target = Path(path)
    with staged(target) as file:
        # All text is quoted: a bare carriage return within would end the row.
        (frame if raw else escaped(frame)).to_csv(
            file, index=False, encoding="utf-8", quoting=csv.QUOTE_NONNUMERIC
        )
    return target


def escaped(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy in which no text begins a formula: not in cells, not in names of columns."""
    cells = {
        place: [_harmless(cell) for cell in column]
        if pd.api.types.is_object_dtype(column)
        or pd.api.types.is_string_dtype(column)
        or isinstance(column.dtype, pd.CategoricalDtype)
        else column
        for place, (_, column) in enumerate(frame.items())
    }
    copy = pd.DataFrame(cells, index=frame.index)
    copy.columns = pd.Index([_harmless(name) for name in frame.columns])
    return copy


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value
