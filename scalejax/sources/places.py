"""Paths to raw tables: one file, several, or what lies in a folder."""

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from scalejax.sources.event_files import EVENTS, read_events
from scalejax.sources.exports import are_scalars, of_scalar_files
from scalejax.sources.folders import folder_files, folder_names, joined, run_names
from scalejax.sources.kinds import Bytes, check_name, kind_of, kind_of_name
from scalejax.sources.mlflow_store import read_store, store_runs
from scalejax.sources.raw_table import RawTable
from scalejax.sources.refusals import refusal
from scalejax.sources.unpack import check_size, file_bytes, size_limit, unpacked

PART = "#"
"""Between the path of a file and the part of it that is wanted."""


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Refuse with E162 or E161 what the operating system and libraries stumble over."""
    try:
        yield
    except FileNotFoundError:
        message = "there is no such file; check the path and the working directory"
        raise refusal(name, "E162", message) from None
    except MemoryError:
        message = "the table does not fit into the memory; take fewer rows, one per run"
        raise refusal(name, "E161", message) from None
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        why = str(error).split("\n")[0][:200]
        message = f"the file cannot be read ({why}); {_advice(error)}"
        raise refusal(name, "E162", message) from error


def _advice(error: Exception) -> str:
    """What to do, by the cause: whoever has no permission need not save the file again."""
    match error:
        case PermissionError():
            return "ask who owns it for the permission to read it"
        case NotADirectoryError() | IsADirectoryError():
            return "check the path: a part of it is no folder, or it is one"
        # A damaged file is an OSError too, but not one of the operating system.
        case OSError(errno=int()):
            return "that is the disk or the network: try again, or copy the file elsewhere"
    return "check that it is whole, or save it again"


def read_place(path: Path, name: str, max_bytes: int | None) -> RawTable:
    """A file, or the files of a folder.

    Raises:
        InputError: As for `scalejax.sources.read_source`.
    """
    with readable(name):
        if not _possible(path):
            raise refusal(name, "E162", "no file can have this path; check its characters")
        if path.is_dir():
            return _read_folder(path, name, max_bytes)
        if path.exists() or PART not in path.name:
            return _read_file(path, name, max_bytes)
        before, _, part = path.name.rpartition(PART)
        return _read_file(path.with_name(before), before, max_bytes, part)


def read_files(
    files: Sequence[Path], name: str, max_bytes: int | None, folder: Path | None = None
) -> RawTable:
    """Files of one kind as one table, a run each.

    Args:
        files: The files.
        name: What to call them together in messages.
        max_bytes: Largest size of all of them, unpacked.
        folder: Where they lie, if that names runs.

    Raises:
        InputError: As for one file, and E160 for files of several kinds.
    """
    if len(files) == 1:
        return read_place(files[0], files[0].name, max_bytes)
    if all(EVENTS in path.name for path in files):
        places = zip(folder_names(files, folder), files, strict=True)
        cells = read_events(list(places), name, size_limit(max_bytes))
        return RawTable(cells.frame, name, cells.notes)
    runs = run_names(files, folder)
    _check_kinds(files, name)
    tables, total = [], 0
    repeated = len({path.name for path in files}) < len(files)
    for path in files:
        label = f"{path.parent.name}/{path.name}" if repeated else path.name
        table = read_place(path, label, max_bytes)
        total += int(table.frame.memory_usage(index=False).sum())
        check_size(total, name, size_limit(max_bytes))
        tables.append(table)
    cells = (
        of_scalar_files(tables, runs, name) if are_scalars(tables) else joined(tables, runs, name)
    )
    lines = [f"{table.sha256} {run}" for table, run in zip(tables, runs, strict=True)]
    return RawTable(
        cells.frame, name, cells.notes, hashlib.sha256("\n".join(lines).encode()).hexdigest()
    )


def parse(content: bytes, name: str, max_bytes: int | None, part: str | None = None) -> RawTable:
    """Bytes of any kind as a table.

    Raises:
        InputError: As for `scalejax.sources.read_source`.
    """
    plain = unpacked(content, name, max_bytes)
    kind = kind_of(plain, name)
    if part is not None and not kind.has_parts:
        raise refusal(name, "E162", f"{kind.title} has no part {part!r}; check the path")
    cells = kind.parse(Bytes(plain, name, max_bytes, part))
    return RawTable(cells.frame, name, cells.notes)


def _read_file(path: Path, name: str, max_bytes: int | None, part: str | None = None) -> RawTable:
    if EVENTS in path.name:
        cells = read_events([("", path)], name, size_limit(max_bytes))
        return RawTable(cells.frame, name, cells.notes)
    check_name(name)
    content = file_bytes(path, name, size_limit(max_bytes))
    table = parse(content, name, max_bytes, part)
    return RawTable(table.frame, name, table.notes, hashlib.sha256(content).hexdigest())


def _read_folder(folder: Path, name: str, max_bytes: int | None) -> RawTable:
    if runs := store_runs(folder):
        cells = read_store(runs, name, size_limit(max_bytes))
        return RawTable(cells.frame, name, cells.notes)
    files, notes = folder_files(folder, name)
    table = read_files(files, name, max_bytes, folder)
    return RawTable(table.frame, name, (*table.notes, *notes), table.sha256)


def _check_kinds(files: Sequence[Path], name: str) -> None:
    kinds: dict[str, Path] = {}
    for path in files:
        kind = kind_of_name(path.name)
        kinds.setdefault(kind.title if kind else path.suffix, path)
    if len(kinds) > 1:
        examples = ", ".join(f"{path.name} ({kind})" for kind, path in kinds.items())
        message = f"files of several kinds: {examples}; name files of one kind, a run each"
        raise refusal(name, "E160", message)


def _possible(path: Path) -> bool:
    """Whether the operating system has a way to write the path."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False
