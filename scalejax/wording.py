"""Plain text for terminals and files: tables, labelled lines, numbers.

- `aligned`: a text table.
- `labelled`: a label and its text, wrapped and indented.
- `retypable`, `digits`: numbers with enough digits; `scalejax.quantities` has short ones.
- `html_table`: a table of a notebook or a report.
- `how_far`: how far out an error was tested, which no promise goes beyond.
- `printable`: text from data, with what would steer a terminal escaped.
"""

import math
import textwrap
from collections.abc import Sequence
from html import escape

WIDTH = 100
"""Characters of a line of a summary."""

LABEL = 12
"""Characters that the label in front of a line takes."""


def retypable(value: float) -> str:
    """Seven significant digits: enough to type an estimate into other code.

    The rounding moves ln L by less than 1e-6, and the best D/N far beyond the data by less than
    0.01 %.
    """
    return digits(value, 7)


def digits(value: float, count: int) -> str:
    """So many significant digits; a dash for what is not finite."""
    if not math.isfinite(value):
        return "-"
    return f"{value:#.{count}g}".removesuffix(".")


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns: the first and the last to the left, numbers to the right."""
    header, *rows = ([printable(cell) for cell in cells] for cells in (header, *rows))
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = []
    for cells in (header, *rows):
        numbers = zip(cells[1:-1], widths[1:-1], strict=True)
        middle = "  ".join(cell.rjust(width) for cell, width in numbers)
        lines.append(f"{cells[0].ljust(widths[0])}  {middle}  {cells[-1]}".rstrip())
    return lines


def printable(text: str) -> str:
    """Text from data on one line of a terminal: what would steer the terminal is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def labelled(label: str, text: str) -> str:
    """A label and its text, wrapped so that the text stays to the right of the label."""
    return textwrap.fill(
        printable(" ".join(text.split())),
        WIDTH,
        initial_indent=label.ljust(LABEL),
        subsequent_indent=" " * LABEL,
    )


def is_untested(tested: float, distance: float) -> bool:
    """Whether a distance is beyond what was tested, in decades to the digit that is shown."""
    return round(distance, 1) > round(tested, 1)


def how_far(tested: float, distance: float | None = None) -> str:
    """Over how many decades an error was tested, in words, and that farther out it was not.

    Args:
        tested: Decades of the farthest test.
        distance: Decades of what is asked for, if anything is.
    """
    if not round(tested, 1) > 0:
        return "tested within a tenth of a decade of the runs, and nothing was farther out"
    over = f"tested over {tested:.1f} decades"
    if distance is None:
        return f"{over}, and nothing was farther out"
    if not is_untested(tested, distance):
        return over
    return f"{over}; at {distance:.1f} decades nothing was tested"


def html_table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    texts: frozenset[int] = frozenset({0}),
) -> str:
    """An HTML table of cells of text, which are escaped here.

    Args:
        caption: What it shows.
        header: Names of the columns.
        rows: Cells; the first of a row is its heading.
        texts: Columns of text, which stand to the left; numbers stand to the right.
    """

    def cell(k: int, text: str, head: bool) -> str:
        kind = "text" if k in texts else "number"
        style = f'class="{kind}" style="text-align: {"left" if k in texts else "right"}"'
        if head:
            return f'<th scope="col" {style}>{escape(printable(text))}</th>'
        if k == 0:
            return f'<th scope="row" {style}>{escape(printable(text))}</th>'
        return f'<td data-label="{escape(header[k])}" {style}>{escape(printable(text))}</td>'

    def line(row: Sequence[str], head: bool) -> str:
        return f"<tr>{''.join(cell(k, text, head) for k, text in enumerate(row))}</tr>"

    body = "\n".join(line(row, False) for row in rows)
    return (
        f"<table>\n<caption>{escape(caption)}</caption>\n"
        f"<thead>{line(header, True)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )
