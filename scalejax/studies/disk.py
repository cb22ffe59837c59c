"""Files that are whole or not there at all, and trouble with the disk in words."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.errors import ScalejaxError


class DiskError(ScalejaxError):
    """The folder of a job cannot be written; finished shards are intact."""


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A file beside another, whose place it takes when it is whole and on the disk."""
    # Numbers of processes coincide where containers share a folder.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a file whole or not at all, the same bytes for the same table."""
    with staged(path) as file:
        pq.write_table(table, file, compression="zstd")


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file whole or not at all."""
    with staged(path) as file:
        file.write_bytes(content)


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(path: Path, size: int, sha256: str) -> bool:
    """Whether a file is what was written."""
    try:
        return path.stat().st_size == size and sha256_of(path) == sha256
    except OSError:
        return False


@contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """Errors of the disk in words.

    Raises:
        DiskError: A file below `path` cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written ({error.strerror or error}). Shards that are finished are "
            "intact: make room, or mend the permissions, and resume."
        ) from error
