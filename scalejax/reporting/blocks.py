"""What a report is made of, as plain data: sections of paragraphs, lists, tables and pictures.

The sections are built by functions of this room and turned into a page by `scalejax.reporting.page`
alone. What cannot be shown is an `Absent` with the reason, so that a report never hides a gap.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar

import pandas as pd

from scalejax.errors import ScalejaxError

T = TypeVar("T")
Grade = Literal["sound", "care", "unsound"]

_EXPECTED = (ScalejaxError, ArithmeticError, ValueError)
"""Errors that the computations of a report may raise for a fit that is no good."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    words: str
    kind: str = "text"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]
    kind: str = "bullets"


@dataclass(frozen=True)
class Facts:
    """Labels and their values."""

    items: Sequence[tuple[str, str]]
    kind: str = "facts"


@dataclass(frozen=True)
class Lines:
    """Lines of a terminal, as they are."""

    items: Sequence[str]
    kind: str = "lines"


@dataclass(frozen=True)
class Grid:
    """A table of cells that are ready to be read.

    Attributes:
        caption: What it shows.
        header: Names of the columns.
        rows: Cells.
        texts: Columns of text, which stand to the left; numbers stand to the right.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: frozenset[int] = frozenset({0})
    kind: str = "grid"


@dataclass(frozen=True)
class Picture:
    """A picture inside the page.

    Attributes:
        source: A ``data:`` address.
        alt: What is to be seen, for those who cannot see it.
        caption: What it shows.
    """

    source: str
    alt: str
    caption: str
    kind: str = "picture"


@dataclass(frozen=True)
class Absent:
    """What would stand here, and why it does not."""

    what: str
    why: str
    kind: str = "absent"


Block = Text | Bullets | Facts | Lines | Grid | Picture | Absent


@dataclass(frozen=True)
class Part:
    """Blocks under a heading of the second level."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """Parts under a heading.

    Attributes:
        key: Its address within the page.
        title: Its heading.
        parts: What it holds; a part without a title comes first.
    """

    key: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Verdict:
    """What a hurried reader takes away.

    Attributes:
        grade: ``"sound"``, ``"care"`` or ``"unsound"``.
        headline: The grade in words.
        answer: What the fit concludes, with intervals, and how it ended; a sentence or two each.
        caveats: What speaks against trusting it, the worst first.
        support: What speaks for it.
        conclusions: The table of conclusions, or why there is none.
        reading: How to read the table.
    """

    grade: Grade
    headline: str
    answer: Sequence[str]
    caveats: Sequence[str]
    support: Sequence[str]
    conclusions: Grid | Absent
    reading: Sequence[str]


@dataclass(frozen=True)
class Report:
    """All that a page says.

    Attributes:
        title: The title.
        subtitle: Law, source and size of the data.
        verdict: The verdict.
        sections: The rest.
        frames: The numbers behind it, by name; all those of `FRAMES` that there are.
    """

    FRAMES: ClassVar[tuple[str, ...]] = (
        *("conclusions", "parameters", "intervals", "correlations", "rows", "set_aside"),
        *("influence", "sensitivity", "isoflop", "predictions"),
    )

    title: str
    subtitle: str
    verdict: Verdict
    sections: Sequence[Section]
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def attempt(what: str, question: Callable[[], T]) -> T | Absent:
    """What a computation returns, or an `Absent` with the message of its error."""
    try:
        return question()
    except _EXPECTED as error:
        name = "" if isinstance(error, ScalejaxError) else f"{type(error).__name__}: "
        return Absent(what, f"{name}{error}")
