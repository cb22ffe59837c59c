"""Sheets of Excel workbooks, read by openpyxl: the values that the cells show, with their types."""

import io
import zipfile
from typing import Any

import pandas as pd

from scalejax.errors import InputError, InputProblem
from scalejax.sources.raw_table import Cells
from scalejax.sources.refusals import check_header, refusal
from scalejax.sources.unpack import check_size, ratio_limit


def parse_workbook(content: bytes, name: str, max_bytes: int | None, sheet: str | None) -> Cells:
    """The only sheet of a workbook, or the one that is named.

    Args:
        content: The bytes of the file.
        name: What to call the source in messages.
        max_bytes: Largest size, unpacked, see `ratio_limit`.
        sheet: Name of the sheet.

    Raises:
        InputError: E121 a row wider than the header, E125 repeated names, E127 an empty sheet, E160
            without openpyxl, E161 too large, E162 damaged, or a sheet that is not there or that is
            not named.
    """
    try:
        import openpyxl
    except ImportError:
        message = "workbooks are read by openpyxl: pip install 'scalejax[excel]', or save it as CSV"
        raise refusal(name, "E160", message) from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        check_size(size, name, ratio_limit(len(content), max_bytes))
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        try:
            title = _title([page.title for page in book.worksheets], name, sheet)
            rows = _rows(book[title])
        finally:
            book.close()
    except InputError:
        raise
    except Exception as error:  # openpyxl raises whatever it stumbles over
        message = f"the workbook cannot be read ({type(error).__name__}: {error}); save it again"
        raise refusal(name, "E162", message) from error
    return Cells(_frame(rows, name), (f"sheet {title!r} of the workbook",))


def _title(titles: list[str], name: str, sheet: str | None) -> str:
    if sheet is not None and sheet in titles:
        return sheet
    listed = ", ".join(map(repr, titles[:20]))
    if sheet is not None:
        raise refusal(name, "E162", f"there is no sheet {sheet!r}; name one of {listed}")
    if len(titles) != 1:
        message = (
            f"the workbook has several sheets; name one of {listed}, as in '{name}#{titles[0]}'"
        )
        raise refusal(name, "E162", message)
    return titles[0]


def _rows(sheet: Any) -> list[list[Any]]:
    """The rows that hold anything, without the empty cells at their ends."""
    rows = []
    for cells in sheet.iter_rows(values_only=True):
        row = list(cells)
        while row and (row[-1] is None or row[-1] == ""):
            row.pop()
        if row:
            rows.append(row)
    return rows


def _frame(rows: list[list[Any]], name: str) -> pd.DataFrame:
    if not rows:
        raise refusal(name, "E127", "the sheet is empty; the first row must name the columns")
    header = ["" if cell is None else str(cell).strip() for cell in rows[0]]
    check_header(header, name)
    width = len(header)
    if wide := tuple(number for number, row in enumerate(rows[1:], 1) if len(row) > width):
        message = (
            f"more cells than the {width} columns of the header; remove them or name the columns"
        )
        raise InputError([InputProblem("E121", message, rows=wide)], name)
    full = [row + [None] * (width - len(row)) for row in rows[1:]]
    frame = pd.DataFrame({k: [row[k] for row in full] for k in range(width)}, dtype=object)
    frame.columns = pd.Index(header)
    return frame
