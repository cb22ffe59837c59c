"""`RawTable`: what a source holds, before anybody asks what its columns mean."""

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd


class Cells(NamedTuple):
    """Cells under their header, and what was understood on the way to them, in words."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RawTable:
    """Raw cells under the header as written.

    Attributes:
        frame: Text column names, the index 0..n-1; cells of text files are text, others keep their
            types.
        name: What to call the source in messages: the file name without its folder.
        notes: What was understood or left out on the way, in words.
        sha256: SHA-256 (hex) of the file as it lies on disk, of the very bytes that were parsed;
            of several files, of their names and checksums; None for what is no file.
    """

    frame: pd.DataFrame
    name: str
    notes: tuple[str, ...] = ()
    sha256: str | None = None
