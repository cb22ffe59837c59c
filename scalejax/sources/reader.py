"""Files to frames of raw cells, strictly: no row is shifted, dropped or re-typed on the way.

Use `read_frame` for anything a person may hold: a path to CSV or JSON lines (also compressed), to
Parquet or Feather, ``"-"`` for CSV on standard input, a pandas frame, a mapping of arrays, or any
other frame with the Arrow interface. Cells of CSV stay text, so that a family called "NA" stays
"NA"; `scalejax.data.numbers` turns the columns that are numbers into numbers. Row numbers count
rows of data, 1 being the first below the header; blank lines hold nothing and are not counted.
"""

import os
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.sources.raw_table import RawTable
from scalejax.sources.text import check_header, parse_csv, parse_json_lines, refusal
from scalejax.sources.unpack import COMPRESSIONS, check_size, read_bytes, read_limited, size_limit
from scalejax.errors import UsageError
from scalejax.files import sha256_of

STDIN = "-"
_TEXT = {".csv": parse_csv, ".jsonl": parse_json_lines, ".ndjson": parse_json_lines}
_PARQUET = (".parquet", ".pq")
_FEATHER = (".feather", ".arrow")
_SHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
# The least that a cell takes in memory, a float64: compressed columns may be a thousand times
# smaller on disk.
_BYTES_PER_CELL = 8


def read_source(source: Any, max_bytes: int | None = None) -> RawTable:
    """todo"""
    sha = None
    frame = read_frame(source, max_bytes)
    if isinstance(source, str | os.PathLike) and source != STDIN:
        sha = sha256_of(Path(source))
    return RawTable(frame, source_name(source), (), sha)


def read_frame(source: Any, max_bytes: int | None = None) -> pd.DataFrame:
    """Reads a table of runs into a frame of raw cells.

    Args:
        source: Path of a ``.csv``, ``.jsonl`` or ``.ndjson`` file (also ending in ``.gz``,
            ``.bz2`` or ``.zst``), of a ``.parquet``, ``.pq``, ``.feather`` or ``.arrow`` file,
            ``"-"`` for CSV on standard input, a DataFrame, a mapping of column names to arrays, or
            a frame with the Arrow interface (pyarrow, Polars).
        max_bytes: Largest size of a file, unpacked. Default: the environment variable
            ``SCALEJAX_MAX_BYTES``, else 2 GiB and 200 times the compressed size.

    Returns:
        A new frame with text column names and the index 0..n-1. Cells of CSV are text, other
        sources keep their types. The source is not changed.

    Raises:
        InputError: E121 rows of unequal length or no JSON, E122 another separator, E123 not UTF-8,
            E125 repeated column names, E127 no rows, E160 unknown file type, E161 too large, E162
            unreadable file.
        UsageError: `source` is of a type that holds no table.
    """
    if isinstance(source, str | os.PathLike):
        return _checked_shape(_read_path(source, max_bytes), source_name(source))
    name = source_name(source)
    if isinstance(source, pd.DataFrame):
        frame = source.copy(deep=False)
    elif isinstance(source, Mapping):
        frame = _frame_of_arrays(source)
    elif hasattr(source, "__arrow_c_stream__"):
        frame = _frame_of_arrow(pa.table(source), name)
    else:
        raise UsageError(
            f"a table is a path, a frame or a dict of arrays, not {type(source).__name__}"
        )
    frame.columns = pd.Index([str(column) for column in frame.columns])
    return _checked_shape(frame.reset_index(drop=True), name)


def source_name(source: Any) -> str:
    """What to call the source in messages and records: the file name without its folder."""
    if isinstance(source, str | os.PathLike):
        return "standard input" if source == STDIN else Path(source).name
    return "dict" if isinstance(source, Mapping) else "DataFrame"


def _read_path(source: str | os.PathLike[str], max_bytes: int | None) -> pd.DataFrame:
    name, path = source_name(source), Path(source)
    if source == STDIN:
        return parse_csv(read_limited(sys.stdin.buffer, name, size_limit(max_bytes)), name)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes.pop() if suffixes else ""
    _check_kind(name, kind, suffixes)
    try:
        if kind in _PARQUET:
            return _read_parquet(path, name, size_limit(max_bytes))
        if kind in _FEATHER:
            return _read_feather(path, name, size_limit(max_bytes))
        parse = _TEXT[suffixes[-1] if kind in COMPRESSIONS else kind]
        return parse(read_bytes(path, name, max_bytes), name)
    except FileNotFoundError:
        message = "there is no such file; check the path and the working directory"
        raise refusal(name, "E162", message) from None
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        message = f"the file cannot be read ({error}); check that it is whole, or save it again"
        raise refusal(name, "E162", message) from error


def _check_kind(name: str, kind: str, before: list[str]) -> None:
    """E160, by the suffixes of the name."""
    text = kind in COMPRESSIONS and before[-1:] and before[-1] in _TEXT
    if text or kind in (*_TEXT, *_PARQUET, *_FEATHER):
        return
    if {".pickle", ".pkl"} & {kind, *before[-1:]}:
        message = "pickle files can run code and are never opened; save CSV or Parquet"
    elif kind in _SHEETS:
        message = f"{kind} is a spreadsheet; export the sheet as CSV (UTF-8)"
    else:
        packed = "".join(f"[{suffix}]" for suffix in COMPRESSIONS)
        known = f"{', '.join(_TEXT)} ({packed}), {', '.join((*_PARQUET, *_FEATHER))}"
        message = f"unknown file type {kind!r}; known are {known}: save the table as one of them"
    raise refusal(name, "E160", message)


def _read_parquet(path: Path, name: str, limit: int) -> pd.DataFrame:
    # ParquetFile and not read_table: the latter takes folder names for columns.
    with pq.ParquetFile(path) as file:
        cells = file.metadata.num_rows * file.metadata.num_columns
        check_size(cells * _BYTES_PER_CELL, name, limit)
        groups = range(file.metadata.num_row_groups)
        size = sum(file.metadata.row_group(k).total_byte_size for k in groups)
        check_size(size, name, limit)
        return _frame_of_arrow(file.read(), name)


def _read_feather(path: Path, name: str, limit: int) -> pd.DataFrame:
    check_size(path.stat().st_size, name, limit)
    batches, total = [], 0
    with pa.ipc.open_file(str(path)) as file:
        for k in range(file.num_record_batches):
            batch = file.get_batch(k)
            total += max(batch.nbytes, batch.num_rows * batch.num_columns * _BYTES_PER_CELL)
            check_size(total, name, limit)
            batches.append(batch)
        return _frame_of_arrow(pa.Table.from_batches(batches, file.schema), name)


def _frame_of_arrow(table: pa.Table, name: str) -> pd.DataFrame:
    check_header(table.column_names, name)
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _frame_of_arrays(arrays: Mapping[Any, Any]) -> pd.DataFrame:
    columns = {str(key): _as_column(values) for key, values in arrays.items()}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        message = f"the columns have different lengths: {lengths}; give one value per run in each"
        raise refusal("dict", "E121", message)
    return pd.DataFrame(columns)


def _as_column(values: Any) -> Any:
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if isinstance(values, np.ma.MaskedArray):
        return pd.Series(np.ma.getdata(values)).mask(np.ma.getmaskarray(values))
    array = np.asarray(values)
    if array.ndim != 1:
        raise UsageError(f"columns must have one dimension, not shape {array.shape}")
    return pd.Series(array)


def _checked_shape(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    header = [str(column) for column in frame.columns]
    check_header(header, name)
    if not header or frame.empty:
        found = f"only the header ({', '.join(header)})" if header else "nothing"
        raise refusal(name, "E127", f"there are no rows of data, {found}; add one row per run")
    return frame
