"""`read_source`: the one way from what a person holds to raw cells.

No row is shifted, dropped or re-typed on the way, and nothing is understood in silence. Cells of
CSV stay text, so that a family called "NA" stays "NA"; `scalejax.data` turns the columns that are
numbers into numbers. Row numbers count rows of data, 1 being the first below the header; blank
lines hold nothing and are not counted.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from scalejax.sources.frames import frame_of_object, is_records
from scalejax.sources.places import parse, read_files, read_place, readable
from scalejax.sources.raw_table import RawTable
from scalejax.sources.refusals import check_header, refusal
from scalejax.sources.unpack import read_limited, size_limit

STDIN = "-"
"""The path that means standard input."""


def read_source(source: Any, max_bytes: int | None = None) -> RawTable:
    """Reads a table of runs, wherever it is, into raw cells.

    Args:
        source: A path, several, a folder, ``"-"`` for standard input, or a table in memory.

            - Text with columns (``.csv``, ``.tsv``, ``.txt``): separated by commas, semicolons,
              tabs, bars or runs of blanks, with decimal points or commas. JSON lines and documents,
              Parquet, Feather, workbooks (``runs.xlsx#sheet``). Text and JSON may be compressed
              (``.gz``, ``.bz2``, ``.zst``).
            - What trackers write: charts of W&B, scalars and event files of TensorBoard, folders of
              MLflow, ``trainer_state.json`` (``#train`` for training instead of evaluation),
              results of lm-evaluation-harness.
            - A folder, or a list of paths: one file a run, of one kind.
            - A DataFrame, a Series, a mapping of names to arrays, a list of records, or a frame
              with the Arrow or the interchange interface (pyarrow, Polars).
        max_bytes: Largest size of a file, unpacked. Default: the environment variable
            ``SCALEJAX_MAX_BYTES``, else 2 GiB and 200 times the compressed size.

    Returns:
        The cells, with a note on everything that was understood or left out. The source is not
        changed.

    Raises:
        InputError: E121 rows of unequal length or no JSON, E122 two separators or decimal marks,
            E123 not UTF-8, E125 repeated column names, E127 no rows, E160 unknown file type, E161
            too large, E162 unreadable file.
        UsageError: `source` is of a type that holds no table, or what reads it is not installed.
    """
    name = source_name(source)
    if isinstance(source, str | os.PathLike):
        return _checked(_read_path(source, name, max_bytes))
    if _is_paths(source):
        return _checked(read_files([*map(Path, source)], name, max_bytes))
    return _checked(RawTable(frame_of_object(source, name), name))


def read_frame(source: Any, max_bytes: int | None = None) -> pd.DataFrame:
    """The frame of `read_source` alone: text column names, the index 0..n-1."""
    return read_source(source, max_bytes).frame


def source_name(source: Any) -> str:
    """What to call the source in messages and records: the file name without its folder."""
    if isinstance(source, str | os.PathLike):
        name = "standard input" if source == STDIN else Path(source).name
        return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    if _is_paths(source):
        more = f" and {len(source) - 1} more" if len(source) > 1 else ""
        return source_name(source[0]) + more
    if is_records(source):
        return "list"
    return "dict" if isinstance(source, Mapping) else "DataFrame"


def _is_paths(source: Any) -> bool:
    return (
        isinstance(source, list | tuple)
        and bool(source)
        and all(isinstance(item, str | os.PathLike) for item in source)
    )


def _read_path(source: str | os.PathLike[str], name: str, max_bytes: int | None) -> RawTable:
    if source == STDIN:
        with readable(name):
            return parse(
                read_limited(sys.stdin.buffer, name, size_limit(max_bytes)), name, max_bytes
            )
    return read_place(Path(source), name, max_bytes)


def _checked(table: RawTable) -> RawTable:
    header = [str(column) for column in table.frame.columns]
    check_header(header, table.name)
    if not header or table.frame.empty:
        held = f"only the header ({', '.join(header)})" if header else "nothing"
        message = f"there are no rows of data, {held}; add one row per run"
        raise refusal(table.name, "E127", message)
    return table
