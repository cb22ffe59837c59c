"""The kinds of files that hold a table, known by their first bytes, then by their names."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from scalejax.errors import InputError
from scalejax.sources.columnar import parse_feather, parse_parquet
from scalejax.sources.delimited import parse_delimited
from scalejax.sources.exports import of_export
from scalejax.sources.json_tables import parse_json
from scalejax.sources.raw_table import Cells
from scalejax.sources.refusals import refusal
from scalejax.sources.unpack import COMPRESSIONS, size_limit
from scalejax.sources.workbook import parse_workbook


@dataclass(frozen=True)
class Bytes:
    """What a parser is given.

    Attributes:
        content: The bytes of the file, unpacked.
        name: What to call the source in messages.
        max_bytes: The user's limit, see `scalejax.sources.unpack.size_limit`.
        part: The sheet or the records that are wanted, or None.
    """

    content: bytes
    name: str
    max_bytes: int | None = None
    part: str | None = None

    @property
    def limit(self) -> int:
        """The limit in bytes."""
        return size_limit(self.max_bytes)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        title: What it is, for messages.
        suffixes: How names of such files end.
        parse: From bytes to cells.
        marks: First bytes of such files, if they have their own.
        has_parts: Whether a part may be named behind ``#``.
    """

    title: str
    suffixes: tuple[str, ...]
    parse: Callable[[Bytes], Cells]
    marks: tuple[bytes, ...] = ()
    has_parts: bool = False


TEXT = Kind(
    "text with columns",
    (".csv", ".tsv", ".tab", ".txt", ".dat"),
    lambda of: of_export(parse_delimited(of.content, of.name, of.limit), of.name),
)
JSON = Kind(
    "JSON",
    (".json", ".jsonl", ".ndjson"),
    lambda of: parse_json(of.content, of.name, of.part),
    has_parts=True,
)
KINDS = (
    TEXT,
    JSON,
    Kind(
        "Parquet",
        (".parquet", ".pq"),
        lambda of: parse_parquet(of.content, of.name, of.limit),
        (b"PAR1",),
    ),
    Kind(
        "Feather",
        (".feather", ".arrow"),
        lambda of: parse_feather(of.content, of.name, of.limit),
        (b"ARROW1\0\0",),
    ),
    Kind(
        "a workbook",
        (".xlsx", ".xlsm"),
        lambda of: parse_workbook(of.content, of.name, of.max_bytes, of.part),
        (b"PK\x03\x04",),
        has_parts=True,
    ),
)
"""Every kind, the first for text that says nothing else."""

LOG = ".wandb"
"""How the names of logs of W&B end."""

_PICKLES = (".pickle", ".pkl")
_OTHER_SHEETS = (".xls", ".xlsb", ".ods", ".numbers")
_PICKLE_MARKS = tuple(b"\x80" + bytes([version]) for version in range(2, 6))


def suffix_of(name: str) -> str:
    """The suffix of a name in lower case, without that of a compression."""
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def of_log(name: str) -> InputError:
    """The refusal of a log of W&B, which only its own tools read."""
    message = "a log of W&B is read from its export: sync it, and save the chart or runs as CSV"
    return refusal(name, "E160", message)


def kind_of_name(name: str) -> Kind | None:
    """The kind of which files of this name are, if any."""
    suffix = suffix_of(name)
    return next((kind for kind in KINDS if suffix in kind.suffixes), None)


def check_name(name: str) -> None:
    """Refuse names of files that are never read with E160, before they are opened."""
    suffixes = {suffix.lower() for suffix in PurePath(name).suffixes[-2:]}
    if suffixes & {*_PICKLES}:
        raise refusal(
            name, "E160", "pickle files can run code and are never opened; save CSV or Parquet"
        )
    suffix = suffix_of(name)
    if suffix in _OTHER_SHEETS:
        message = (
            f"{suffix} is a spreadsheet of a kind that is not read; export the sheet as CSV (UTF-8)"
        )
        raise refusal(name, "E160", message)
    if suffix == LOG:
        raise of_log(name)
    if kind_of_name(name) is None:
        packed = "".join(f"[{ending}]" for ending in COMPRESSIONS)
        known = ", ".join(ending for kind in KINDS for ending in kind.suffixes)
        message = (
            f"unknown file type {suffix!r}; known are {known} ({packed}): save the table as one"
        )
        raise refusal(name, "E160", message)


def kind_of(content: bytes, name: str) -> Kind:
    """The kind of bytes: by what they begin with, else by the name, else JSON or text.

    Raises:
        InputError: E160, they are a pickle, or packed twice.
    """
    if content.startswith(_PICKLE_MARKS):
        raise refusal(
            name, "E160", "pickle files can run code and are never opened; save CSV or Parquet"
        )
    if content.startswith(tuple(COMPRESSIONS.values())):
        raise refusal(name, "E160", "the file is packed twice; unpack it, and save it as CSV")
    for kind in KINDS:
        if kind.marks and content.startswith(kind.marks):
            return kind
    kind_by_name = kind_of_name(name)
    if kind_by_name not in (None, TEXT) or suffix_of(name) in (".csv", ".tsv"):
        return kind_by_name or TEXT
    start = content[:1000].removeprefix(b"\xef\xbb\xbf").lstrip()
    return JSON if start.startswith((b"{", b"[")) else TEXT
