"""Parquet, Feather and Arrow tables to frames; what they decode to is counted before it is made.

A few kilobytes of Parquet can stand for gigabytes: columns of text are read as codes of the texts
that there are, whose lengths say how large the column would be. The pieces of a Feather file say
how large they are unpacked.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scalejax.sources.raw_table import Cells
from scalejax.sources.refusals import BYTES_PER_CELL, check_header, refusal
from scalejax.sources.unpack import check_size

# Rows that are decoded between two looks at the size; texts that are stored as a prefix of the one
# before may each be as long as the file.
_ROWS_AT_ONCE, _ROWS_OF_PREFIXES = 1 << 16, 16
_PREFIXES = "DELTA_BYTE_ARRAY"
# Encodings of text of which Arrow makes no codes.
_OTHER = {_PREFIXES, "DELTA_LENGTH_BYTE_ARRAY"}
_FEATHER_MARK = b"ARROW1\0\0"
# Of Arrow's Message.fbs: the kinds of headers, and the places of fields in their tables.
_DICTIONARY, _RECORDS = 2, 3


def parse_parquet(content: bytes, name: str, limit: int) -> Cells:
    """A Parquet file.

    Raises:
        InputError: E125 repeated names, E161 too large.
        pyarrow.ArrowException, OSError: The bytes are damaged.
    """
    with pq.ParquetFile(pa.BufferReader(content)) as first:
        schema, about = first.schema_arrow, first.metadata
        check_header(schema.names, name)
        check_size(about.num_rows * about.num_columns * BYTES_PER_CELL, name, limit)
        groups = [about.row_group(k) for k in range(about.num_row_groups)]
        check_size(sum(group.total_byte_size for group in groups), name, limit)
        chunks = [group.column(k) for group in groups for k in range(about.num_columns)]
        check_size(sum(chunk.num_values for chunk in chunks) * BYTES_PER_CELL, name, limit)
    # No text is longer than the chunk in which it lies.
    vast = [chunk for chunk in chunks if chunk.num_values * chunk.total_uncompressed_size > limit]
    coded = {chunk.path_in_schema for chunk in chunks if not _OTHER & {*chunk.encodings}}
    texts = [field.name for field in schema if _is_text(field.type) and field.name in coded]
    prefixes = any(_PREFIXES in chunk.encodings for chunk in vast)
    deep = [chunk.path_in_schema for chunk in vast if chunk.path_in_schema not in schema.names]
    left = [f.name for f in schema if any(path.startswith(f"{f.name}.") for path in deep)]
    rows = _ROWS_OF_PREFIXES if prefixes else _ROWS_AT_ONCE
    with pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts) as file:
        columns = [column for column in schema.names if column not in left]
        batches, total = [], 0
        for batch in file.iter_batches(rows, columns=columns):
            total += _decoded_size(batch)
            check_size(total, name, limit)
            batches.append(batch)
    table = pa.Table.from_batches(batches) if batches else schema.empty_table()
    notes = (f"large columns of records or lists left out: {', '.join(left)}",) * bool(left)
    return Cells(frame_of_arrow(_decoded(table, schema), name), notes)


def parse_feather(content: bytes, name: str, limit: int) -> Cells:
    """A Feather file (version 2), which is an Arrow file.

    Raises:
        InputError: E125 repeated names, E161 too large.
        pyarrow.ArrowException: The bytes are damaged.
    """
    if not content.startswith(_FEATHER_MARK):
        raise refusal(name, "E162", "this is no Feather file of version 2; save it again")
    try:
        size = sum(_unpacked_sizes(content))
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise pa.ArrowInvalid("a message of the file is damaged") from error
    check_size(size, name, limit)
    with pa.ipc.open_file(pa.BufferReader(content)) as file:
        cells = 0
        batches = []
        for k in range(file.num_record_batches):
            batch = file.get_batch(k)
            cells += max(batch.num_rows * batch.num_columns * BYTES_PER_CELL, _decoded_size(batch))
            check_size(cells, name, limit)
            batches.append(batch)
        table = pa.Table.from_batches(batches, file.schema)
    return Cells(frame_of_arrow(table, name))


def frame_of_arrow(table: pa.Table, name: str) -> pd.DataFrame:
    """A frame of the table's values, without the index that pandas may have kept in it."""
    check_header(table.column_names, name)
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind)


def _decoded_size(batch: pa.RecordBatch) -> int:
    """Bytes of a batch once codes of texts are the texts, and views are what they show."""
    return sum(_column_size(column) for column in batch.columns)


def _column_size(column: pa.Array) -> int:
    if pa.types.is_dictionary(column.type) and _is_text(column.dictionary.type):
        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
        return int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0) + BYTES_PER_CELL * len(column)
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        # A view is 16 bytes, of which the first four are the length of its text.
        views = np.frombuffer(column.buffers()[1], np.int32)[::4]
        shown = views[column.offset : column.offset + len(column)]
        return int(np.maximum(shown, 0).sum(dtype=np.int64)) + BYTES_PER_CELL * len(column)
    return int(column.nbytes)


def _decoded(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with texts for the codes that were read in their place."""
    for k, read in enumerate(table.schema):
        field = schema.field(read.name)
        if _is_text(field.type) and pa.types.is_dictionary(read.type):
            kind = pa.large_binary() if pa.types.is_binary(field.type) else pa.large_string()
            chunks = [
                pc.take(chunk.dictionary.cast(kind), chunk.indices)
                for chunk in table.column(k).chunks
            ]
            table = table.set_column(k, field.name, pa.chunked_array(chunks, kind))
    return table


def _unpacked_sizes(content: bytes) -> Iterator[int]:
    """The size of every batch of an Arrow file once its buffers are unpacked."""
    messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(content)[len(_FEATHER_MARK) :])
    for message in messages:
        head, body = bytes(message.metadata), message.body
        root = _table_at(head, 0)
        kind = _field(head, root, 1, "<B")
        batch = _child(head, root, 2)
        if kind == _DICTIONARY:
            batch = _child(head, batch, 1)
        elif kind != _RECORDS:
            continue
        packed = _place(head, batch, 3) is not None
        yield from _buffer_sizes(head, batch, memoryview(body), packed)


def _buffer_sizes(head: bytes, batch: int, body: memoryview, packed: bool) -> Iterator[int]:
    place = _place(head, batch, 2)
    if place is None:
        return
    start = place + struct.unpack_from("<I", head, place)[0]
    (count,) = struct.unpack_from("<I", head, start)
    for k in range(count):
        offset, length = struct.unpack_from("<qq", head, start + 4 + 16 * k)
        # A packed buffer begins with its size; -1 says that packing did not pay.
        size = struct.unpack_from("<q", body, offset)[0] if packed and length >= 8 else length
        yield length if size < 0 else size


def _table_at(head: bytes, place: int) -> int:
    return place + int(struct.unpack_from("<I", head, place)[0])


def _place(head: bytes, table: int, number: int) -> int | None:
    """Where a field of a table of FlatBuffers lies; None if it is not there."""
    directory = table - struct.unpack_from("<i", head, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", head, directory)[0]:
        return None
    offset = struct.unpack_from("<H", head, directory + 4 + 2 * number)[0]
    return table + int(offset) if offset else None


def _field(head: bytes, table: int, number: int, kind: str) -> Any:
    place = _place(head, table, number)
    return 0 if place is None else struct.unpack_from(kind, head, place)[0]


def _child(head: bytes, table: int, number: int) -> int:
    place = _place(head, table, number)
    if place is None:
        raise ValueError("a table without its child")
    return _table_at(head, place)
