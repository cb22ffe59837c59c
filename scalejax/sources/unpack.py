"""Bytes of regular files and pipes, decompressed, and never more of them than a limit.

A compressed file of a few kilobytes can hold gigabytes, so that bytes are counted while they are
unpacked. Use `file_bytes` for a file, `read_limited` for an open stream, `unpacked` for what either
gives, and `check_size` for a size that is known beforehand. Compression shows in the first bytes.
"""

import bz2
import gzip
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from scalejax.errors import UsageError
from scalejax.sources.refusals import refusal
from scalejax.vocabulary import argument

LIMIT_VARIABLE = "SCALEJAX_MAX_BYTES"
# Both by judgement: tables of runs have megabytes, and text of numbers shrinks to a tenth or so;
# larger limits let a hostile file fill the memory.
DEFAULT_LIMIT = 2 << 30
LARGEST_RATIO = 200
# Below this size no ratio is a danger; long columns of one value compress that well.
_HARMLESS = 1 << 20
# Bytes between two looks at the count: at most this much is read beyond a limit.
_PIECE = 1 << 20

COMPRESSIONS = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".zst": b"\x28\xb5\x2f\xfd"}
"""Suffixes of compressed files, and the bytes with which they begin."""

_OPENERS: dict[str, Callable[[bytes], Any]] = {
    ".gz": lambda content: gzip.GzipFile(fileobj=io.BytesIO(content)),
    ".bz2": lambda content: bz2.BZ2File(io.BytesIO(content)),
    ".zst": lambda content: pa.CompressedInputStream(pa.BufferReader(content), "zstd"),
}


def size_limit(max_bytes: int | None) -> int:
    """The limit in bytes: `max_bytes`, else that of the environment, else 2 GiB.

    Raises:
        UsageError: It is no positive whole number.
    """
    setting = max_bytes if max_bytes is not None else os.environ.get(LIMIT_VARIABLE, DEFAULT_LIMIT)
    try:
        limit = int(setting)
    except ValueError:
        limit = 0
    if limit <= 0:
        raise UsageError(
            f"{argument('max_bytes')} (or {LIMIT_VARIABLE}) is a number of bytes, not {setting!r}"
        )
    return limit


def ratio_limit(packed: int, max_bytes: int | None) -> int:
    """Largest size of what `packed` bytes hold: the limit, and 200 times them where none is set."""
    limit = size_limit(max_bytes)
    explicit = max_bytes is not None or LIMIT_VARIABLE in os.environ
    return limit if explicit else min(limit, max(_HARMLESS, LARGEST_RATIO * packed))


def file_bytes(path: Path, name: str, limit: int) -> bytes:
    """The content of a regular file as it lies on the disk.

    Raises:
        InputError: E161, it is larger than the limit; E162, it is a device, a pipe or a folder.
        OSError: It cannot be read.
    """
    # Asked before it is opened: opening a pipe waits for a writer, and some devices act.
    if not stat.S_ISREG(path.stat().st_mode):
        message = "this is no regular file but a device, a pipe or a socket; name a file, or use -"
        raise refusal(name, "E162", message)
    with path.open("rb") as file:
        check_size(os.fstat(file.fileno()).st_size, name, limit)
        content = file.read()
    check_size(len(content), name, limit)
    return content


def unpacked(content: bytes, name: str, max_bytes: int | None) -> bytes:
    """What is in compressed bytes; others as they are.

    Raises:
        InputError: E161, it is larger than the limit, or, without a limit of the user's, more than
            200 times as large as the compressed bytes; E162, they are not packed as the name says.
        OSError, EOFError, zlib.error, pyarrow.ArrowException: The bytes are damaged.
    """
    for suffix, mark in COMPRESSIONS.items():
        if content.startswith(mark):
            with _OPENERS[suffix](content) as stream:
                return read_limited(stream, name, ratio_limit(len(content), max_bytes))
    if Path(name).suffix.lower() in COMPRESSIONS:
        raise refusal(name, "E162", "the file is not packed as its name says; check what it is")
    check_size(len(content), name, size_limit(max_bytes))
    return content


def read_limited(stream: IO[bytes], name: str, limit: int) -> bytes:
    """All bytes of a stream, or E161 as soon as there are more than `limit`."""
    pieces, total = [], 0
    while piece := stream.read(_PIECE):
        total += len(piece)
        check_size(total, name, limit)
        pieces.append(piece)
    return b"".join(pieces)


def check_size(size: int, name: str, limit: int) -> None:
    """Refuse more than `limit` bytes with E161."""
    if size > limit:
        message = (
            f"unpacked, the file has more than {limit} bytes. If it is what you think it is, "
            f"allow more by {argument('max_bytes')} or {LIMIT_VARIABLE}; fits need one row per run"
        )
        raise refusal(name, "E161", message)
