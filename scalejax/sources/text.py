"""Text to frames of raw cells: strict CSV and JSON lines in UTF-8.

Used by `scalejax.sources.reader`, which unpacks the bytes. Every problem names the rows, counted from
the first row of data.
"""

import csv
import io
import json
from typing import Any

import pandas as pd

from scalejax.errors import InputError, InputProblem

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_THOUSANDS_HINT = (
    'an unquoted comma inside a cell? Write 100000000 or "100,000,000" with the quotes'
)


def parse_csv(content: bytes, name: str) -> pd.DataFrame:
    """CSV with commas and a header; all cells stay text.

    Raises:
        InputError: E121 rows of unequal length, E122 another separator, E123 not UTF-8, E125
            repeated column names, E127 an empty file.
    """
    text = _decode(content, name)
    if not text.strip():
        raise refusal(name, "E127", "the file is empty; the first line must name the columns")
    records, broken = _split(text)
    header = [cell.strip() for cell in records[0]] if records else []
    _check_separator(header, name)
    check_header(header, name)
    problems = _ragged(records[1:], len(header))
    if broken:
        rows = (len(records),) if records else ()
        problems.append(
            InputProblem(
                "E121", f"quotes do not pair up ({broken}); close or remove them", rows=rows
            )
        )
    if problems:
        raise InputError(problems, name)
    cells = {column: [row[i] for row in records[1:]] for i, column in enumerate(header)}
    return pd.DataFrame(cells, columns=pd.Index(header), dtype=object)


def parse_json_lines(content: bytes, name: str) -> pd.DataFrame:
    """JSON lines: one object per line, whose keys are the columns.

    A column that an object lacks is missing in that row. Whole numbers keep all their digits.

    Raises:
        InputError: E121 for lines that are no object, E123, E125 and E127 as for CSV.
    """
    lines = [line for line in _decode(content, name).split("\n") if line.strip()]
    if not lines:
        raise refusal(name, "E127", "the file is empty; write one JSON object per run")
    records: list[dict[str, Any]] = []
    broken, repeated = [], {}
    for number, line in enumerate(lines, 1):
        try:
            pairs = json.loads(line, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            pairs = None
        if not isinstance(pairs, _Pairs):
            broken.append(number)
            continue
        records.append(dict(pairs))
        if len(records[-1]) < len(pairs):
            repeated[number] = next(k for k, _ in pairs if [p for p, _ in pairs].count(k) > 1)
    problems = []
    if broken:
        message = 'no JSON object; every line must be one, such as {"N": 7e7, "loss": 3.1}'
        problems.append(InputProblem("E121", message, rows=tuple(broken)))
    for column in dict.fromkeys(repeated.values()):
        rows = tuple(number for number, key in repeated.items() if key == column)
        message = "the name occurs twice in an object; rename or remove one of them"
        problems.append(InputProblem("E125", message, column, rows))
    if problems:
        raise InputError(problems, name)
    header = list(dict.fromkeys(key for record in records for key in record))
    cells = {column: [record.get(column) for record in records] for column in header}
    return pd.DataFrame(cells, columns=pd.Index(header), dtype=object)


class _Pairs(list[tuple[str, Any]]):
    """The pairs of a JSON object; of a repeated name a dict would keep only the last."""


def _decode(content: bytes, name: str) -> str:
    remedy = "save the file as UTF-8"
    if content.startswith(_UTF16_BOMS):
        raise refusal(name, "E123", f"the file is UTF-16; {remedy}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start)
        rows = (row,) if row else ()
        message = f"line {row + 1} of the file is not UTF-8; {remedy}"
        raise refusal(name, "E123", message, rows) from None
    if "\0" in text:
        raise refusal(
            name, "E123", f"the file holds NUL characters (UTF-16 without mark?); {remedy}"
        )
    return text


def _split(text: str) -> tuple[list[list[str]], str]:
    """All records that are not blank, and the error of the csv module if it had to stop."""
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True):
            if record:
                records.append(record)
    except csv.Error as error:
        return records, str(error)
    return records, ""


def _ragged(rows: list[list[str]], width: int) -> list[InputProblem]:
    """E121 by likely cause, with all rows of each cause."""
    trailing, long, short = [], [], []
    for number, row in enumerate(rows, 1):
        if len(row) == width + 1 and not row[-1].strip():
            trailing.append(number)
        elif len(row) > width:
            long.append(number)
        elif len(row) < width:
            short.append(number)
    causes = (
        (trailing, "a comma at the end of the row; remove it"),
        (long, f"more cells than the {width} columns of the header; {_THOUSANDS_HINT}"),
        (short, f"fewer cells than the {width} columns of the header; is a comma missing?"),
    )
    return [
        InputProblem("E121", message, rows=tuple(numbers)) for numbers, message in causes if numbers
    ]


def _check_separator(header: list[str], name: str) -> None:
    for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if len(header) == 1 and separator in header[0]:
            message = (
                f"the columns are separated by {word}; save the file with commas and decimal "
                "points, or pass the frame that pandas.read_csv(..., sep=..., decimal=...) gives"
            )
            raise refusal(name, "E122", message)


def check_header(header: list[str], name: str) -> None:
    """E121 for a name that is missing at the end, E125 for names that occur twice."""
    if len(header) > 1 and not header[-1]:
        raise refusal(
            name, "E121", "the header ends with a comma; remove it, or name the last column"
        )
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        message = "the column name occurs more than once; rename or remove one of them"
        raise InputError([InputProblem("E125", message, column) for column in repeated], name)


def refusal(name: str, code: str, message: str, rows: tuple[int, ...] = ()) -> InputError:
    """An error with one problem."""
    return InputError([InputProblem(code, message, rows=rows)], name)
