"""Text with separated columns to cells of text: nothing shifts, nothing is re-typed.

Plain files go through Arrow's reader, which splits a million rows in a fraction of a second and
stops at the first row of another length. Whatever it stops at, and every file whose quotes do more
than to stand around cells, goes through the csv module, which names every bad row.
"""

import csv
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from scalejax.errors import InputError, InputProblem
from scalejax.sources.decimal_commas import with_points
from scalejax.sources.raw_table import Cells
from scalejax.sources.refusals import BYTES_PER_CELL, check_header, refusal
from scalejax.sources.separators import BLANK, WORDS, Records, candidates, choose, split
from scalejax.sources.text import decode
from scalejax.sources.unpack import check_size

_THOUSANDS_HINT = (
    'an unquoted comma inside a cell? Write 100000000 or "100,000,000" with the quotes'
)
# Columns from which a frame is one block of objects. By judgement.
_WIDE = 2000
# What a short text takes as an object of Python.
_BYTES_PER_TEXT = 60
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*([^\r\n]+)(?:\r\n|\r|\n|$)")


def parse_delimited(content: bytes, name: str, limit: int) -> Cells:
    """Columns separated by commas, semicolons, tabs, bars or runs of blanks, below a header.

    Args:
        content: The bytes of the text.
        name: What to call the source in messages.
        limit: The most bytes that the cells may take.

    Raises:
        InputError: E121 rows of unequal length, E122 two separators or decimal marks in one file,
            E123 not UTF-8, E125 repeated column names, E127 an empty file, E161 too many cells.
    """
    separator, table = _plain(content, name, limit) or _strict(content, name, limit)
    header = table.column_names
    table = table.rename_columns([str(k) for k in range(len(header))])
    commas = False
    if separator != "," or b'"' in content:
        table, commas = _points(table, header, name)
    notes = []
    if separator != "," or commas:
        marks = ", with decimal commas" if commas else ""
        notes.append(f"columns separated by {WORDS[separator]}{marks}")
    frame = _frame(table) if len(header) < _WIDE else _wide_frame(table)
    frame.columns = pd.Index(header)
    return Cells(frame, (*notes, *_nameless(header)))


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _wide_frame(table: pa.Table) -> pd.DataFrame:
    """Cells as objects in one block: thousands of columns of text by themselves take seconds."""
    cells = np.empty(table.shape, dtype=object)
    for k, column in enumerate(table.columns):
        cells[:, k] = column.to_pylist()
    return pd.DataFrame(cells, dtype=object)


def _points(table: pa.Table, header: list[str], name: str) -> tuple[pa.Table, bool]:
    try:
        return with_points(table, name)
    except InputError as error:
        named = [
            InputProblem(
                problem.code, problem.message, header[int(problem.column or 0)], problem.rows
            )
            for problem in error.problems
        ]
        raise InputError(named, name) from None


def _nameless(header: list[str]) -> list[str]:
    if "" not in header:
        return []
    if header[0] == "":
        return ["the first column has no name: taken for an index, as pandas writes it"]
    return [f"column {header.index('') + 1} has no name"]


def _plain(content: bytes, name: str, limit: int) -> tuple[str, pa.Table] | None:
    """A file whose rows all have the length of the header; None for any with odd quotes or rows."""
    first = _HEADER.match(content)
    if first is None or b"\0" in content:
        return None
    quoted = b'"' in content
    try:
        marks = candidates(first[1].decode())
    except UnicodeDecodeError:
        return None
    separator = marks[0]
    if len(marks) > 1 or (quoted and not _plainly_quoted(content, separator)):
        return None
    body: bytes | memoryview = memoryview(content)[first.end() :]
    line = first[1]
    if separator == BLANK:
        line, body = (re.sub(rb"(?m)^ +| +$| +(?= )| +(?=\r)", b"", part) for part in (line, body))
    header = [cell.strip() for cell in next(csv.reader([line.decode()], delimiter=separator))]
    if len(header) == 1 or not header[-1]:
        return None
    check_header(header, name)
    if len(content) * BYTES_PER_CELL > limit:
        check_size(content.count(separator.encode()) * BYTES_PER_CELL, name, limit)
    names = [str(k) for k in range(len(header))]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(body)),
            # Threads would hold more of the file at once, and win little of so short a time.
            arrow_csv.ReadOptions(column_names=names, use_threads=False),
            arrow_csv.ParseOptions(
                delimiter=separator, quote_char='"' if quoted else False, double_quote=False
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, ValueError):
        return None
    if b" " in content:
        table = _without_leading_blanks(table)
    return separator, table.rename_columns(header)


def _plainly_quoted(content: bytes, separator: str) -> bool:
    """Whether quotes stand around whole cells of one line only, and around no other quotes."""
    if separator == BLANK:
        return False
    text = np.frombuffer(content, np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    opening, closing = quotes[::2], quotes[1::2]
    if len(quotes) % 2 or (len(text) > 3 and quotes[0] == 3):  # behind a mark of UTF-8
        return False
    ends = np.array([ord(separator), *b"\r\n"], np.uint8)
    before = text[opening[opening > 0] - 1]
    after = text[closing[closing < len(text) - 1] + 1]
    if not (np.isin(before, ends).all() and np.isin(after, ends).all()):
        return False
    lines = np.flatnonzero((text == ord("\n")) | (text == ord("\r")))
    return bool(np.all(np.searchsorted(opening, lines) == np.searchsorted(closing, lines)))


def _without_leading_blanks(table: pa.Table) -> pa.Table:
    columns = [pc.utf8_ltrim(table[name], characters=" ") for name in table.column_names]
    return pa.table(columns, names=table.column_names)


def _strict(content: bytes, name: str, limit: int) -> tuple[str, pa.Table]:
    text = decode(content, name)
    if not text.strip():
        raise refusal(name, "E127", "the file is empty; the first line must name the columns")
    most = max(text.count(mark) for mark in candidates(text))
    check_size(most * _BYTES_PER_TEXT, name, limit)
    separator, records = choose(text, name)
    header = [cell.strip() for cell in records.rows[0]] if records.rows else []
    if len(header) > 1 and not header[-1]:
        message = "the header ends with a comma; remove it, or name the last column"
        raise refusal(name, "E121", message.replace("comma", _WORD[separator]))
    check_header(header, name)
    if problems := _shape_problems(records, separator, len(header)):
        raise InputError(problems, name)
    cells = [
        pa.chunked_array([pa.array([row[k] for row in records.rows[1:]], pa.large_string())])
        for k in range(len(header))
    ]
    return separator, pa.table(cells, names=header)


_WORD = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", BLANK: "blank"}


def _shape_problems(records: Records, separator: str, width: int) -> list[InputProblem]:
    """E121 and E122 by likely cause, with all rows of each cause."""
    word = _WORD[separator]
    other: list[int] = []
    trailing: list[int] = []
    long: list[int] = []
    short: list[int] = []
    for number, row in enumerate(records.rows[1:], 1):
        if len(row) == width:
            continue
        if len(row) == width + 1 and not row[-1].strip():
            trailing.append(number)
        elif width > 1 and _splits_otherwise(separator.join(row), separator, width):
            other.append(number)
        else:
            (long if len(row) > width else short).append(number)
    hint = _THOUSANDS_HINT if separator == "," else f"an unquoted {word} inside a cell? Quote it"
    causes = (
        ("E121", trailing, f"a {word} at the end of the row; remove it"),
        ("E122", other, f"the header is separated by {WORDS[separator]} and these rows are not; "
         "save the file with one separator"),
        ("E121", long, f"more cells than the {width} columns of the header; {hint}"),
        ("E121", short, f"fewer cells than the {width} columns of the header; is a {word} "
         "missing?"),
    )  # fmt: skip
    problems = [
        InputProblem(code, message, rows=tuple(rows)) for code, rows, message in causes if rows
    ]
    if records.broken:
        message = f"quotes do not pair up ({records.broken}); close or remove them"
        rows = (len(records.rows),) if records.rows else ()
        problems.append(InputProblem("E121", message, rows=rows))
    return problems


def _splits_otherwise(line: str, separator: str, width: int) -> bool:
    marks = [mark for mark in WORDS if mark not in (separator, BLANK) and mark in line]
    return any([len(row) for row in split(line, mark).rows] == [width] for mark in marks)
