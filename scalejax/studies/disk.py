"""Writing the tables of a job, and what is said when the disk fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.errors import DiskError as DiskError
from scalejax.files import staged


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a file whole or not at all, the same bytes for the same table."""
    with staged(path) as file:
        pq.write_table(table, file, compression="zstd")


@contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """Turn errors of the disk inside the block into a `DiskError` that says what to do.

    Raises:
        DiskError: A file below `path` cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written ({_reason(error)}). Shards that are finished are "
            "intact: make room, or mend the permissions, and resume."
        ) from error


def _reason(error: OSError) -> str:
    """What the system said, also where it has been put in words for people already."""
    cause = error.__cause__ if isinstance(error, DiskError) else error
    return getattr(cause, "strerror", None) or str(cause)
