"""What separates the columns of a text: found when the whole file agrees, else asked.

The header names the candidates: commas, semicolons, tabs or vertical bars outside quotes, and runs
of blanks where there is none of those. Of several candidates the one is taken under which all rows
have as many cells as the header; where two are left the file is refused, not ranked.
"""

import csv
import io
import re
from typing import NamedTuple

from scalejax.sources.refusals import refusal

BLANK = " "
WORDS = {
    ",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", BLANK: "runs of blanks",
}  # fmt: skip
_MARKS = (",", ";", "\t", "|")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_LINE = re.compile(r"[^\r\n]+")


class Records(NamedTuple):
    """Lines as lists of cells, blank lines left out.

    Attributes:
        rows: The cells of every line, the header first.
        broken: What the csv module stopped at, or empty.
    """

    rows: list[list[str]]
    broken: str


def candidates(text: str) -> tuple[str, ...]:
    """Separators that the first line allows, for a text that is not blank."""
    first = _LINE.search(text)
    header = _QUOTED.sub("q", first[0] if first else "")
    marks = tuple(mark for mark in _MARKS if mark in header)
    return marks or ((BLANK,) if len(header.split(BLANK)) > 1 and header.strip() else (",",))


def split(text: str, separator: str) -> Records:
    """All lines that are not blank, as cells without the blanks before them."""
    if separator == BLANK:
        text = "\n".join(line.strip(BLANK) for line in re.split(r"\r\n|\r|\n", text))
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    rows: list[list[str]] = []
    try:
        rows.extend(cells for cells in lines if cells)
    except csv.Error as error:
        return Records(rows, str(error))
    return Records(rows, "")


def choose(text: str, name: str) -> tuple[str, Records]:
    """The separator of a text that is not blank, and its records.

    Raises:
        InputError: E122, two separators fit the whole file.
    """
    marks = candidates(text)
    readings = {mark: split(text, mark) for mark in marks}
    fitting = [mark for mark, records in readings.items() if agrees(records)]
    if len(fitting) > 1:
        words = " or by ".join(WORDS[mark] for mark in fitting)
        message = (
            f"the columns may be separated by {words}: every row fits both. Quote the cells that "
            "hold the other one, or save the file with commas and decimal points"
        )
        raise refusal(name, "E122", message)
    mark = (fitting or marks)[0]
    if mark == BLANK and all(len(cells) == 1 for cells in readings[mark].rows[1:]):
        return ",", split(text, ",")  # one column whose name has blanks in it
    return mark, readings[mark]


def agrees(records: Records) -> bool:
    """Whether all rows have as many cells as the header, two at least."""
    width = len(records.rows[0]) if records.rows else 0
    return width > 1 and not records.broken and all(len(cells) == width for cells in records.rows)
