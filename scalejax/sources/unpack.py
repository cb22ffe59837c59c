"""Bytes of files, decompressed, and never more of them than a limit.

A compressed file of a few kilobytes can hold gigabytes, so that bytes are counted while they are
read. Use `read_bytes` for a file whose name says how it is compressed, `read_limited` for an open
stream, and `check_size` for a size that is known beforehand.
"""

import bz2
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from scalejax.errors import InputError, InputProblem, UsageError

LIMIT_VARIABLE = "SCALEJAX_MAX_BYTES"
# Both by judgement: tables of runs have megabytes, and text of numbers shrinks to a tenth or so;
# larger limits let a hostile file fill the memory.
DEFAULT_LIMIT = 2 << 30
LARGEST_RATIO = 200
# Below this size no ratio is a danger; long columns of one value compress that well.
_HARMLESS = 1 << 20
# Bytes between two looks at the count: at most this much is read beyond a limit.
_PIECE = 1 << 20

_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".zst": lambda path: pa.input_stream(str(path), compression="zstd"),
}
COMPRESSIONS = tuple(_OPENERS)


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
        raise UsageError(f"max_bytes= (or {LIMIT_VARIABLE}) is a number of bytes, not {setting!r}")
    return limit


def read_bytes(path: Path, name: str, max_bytes: int | None) -> bytes:
    """The content of a file, decompressed if its last suffix says so.

    Args:
        path: The file.
        name: What to call it in messages.
        max_bytes: Largest size, see `size_limit`.

    Raises:
        InputError: E161, the content is larger than the limit, or, without a limit of the user's,
            more than 200 times as large as the file.
    """
    limit = size_limit(max_bytes)
    packed = path.stat().st_size
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        check_size(packed, name, limit)
        return path.read_bytes()
    explicit = max_bytes is not None or LIMIT_VARIABLE in os.environ
    ratio_limit = limit if explicit else max(_HARMLESS, LARGEST_RATIO * packed)
    with opener(path) as stream:
        return read_limited(stream, name, min(limit, ratio_limit))


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
            f"allow more by max_bytes= or {LIMIT_VARIABLE}; fits need one row per run"
        )
        raise InputError([InputProblem("E161", message)], name)
