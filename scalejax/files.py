"""Files that are whole or not there at all, and plain values as JSON holds them.

- `staged`: a file or folder beside another, whose place it takes once it is whole.
- `possible`, `check_writable`: whether that will be possible, before the work begins.
- `write_bytes`, `sha256_of`, `is_whole`: one file, and whether it is what was written.
- `plain`: records, arrays and numbers as the plain values of JSON; `to_json`: those as text.
- `check_place`, `read_record`, `damaged`: the folder of a saved result, and its record again.
- `sealed`, `check_seal`: a record with its own checksum, and whether it still is that record.
"""

import glob
import hashlib
import json
import math
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from scalejax.amounts import short
from scalejax.documents import json_value, read_document
from scalejax.errors import DiskError, FitWarning, ScalejaxError, UsageError

DAMAGE = (
    ArithmeticError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError
)  # fmt: skip
"""Errors that reading a damaged record may raise."""


_OLD = ".old"
"""End of the name of a folder that is about to be replaced."""


@contextmanager
def staged(path: Path, former: Collection[str] = ()) -> Iterator[Path]:
    """A place to write a file or folder, which is moved to `path` when it is whole and on the disk.

    If anything goes wrong, it is removed and `path` stays as it was. A folder that was there before
    is replaced; what is in it and not in the new one stays.

    Args:
        path: Where it will be.
        former: Names in the folder that do not stay, because they belong to what is replaced.

    Raises:
        DiskError: It cannot be written, with what to do.
    """
    # Numbers of processes coincide where containers share a folder.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield beside
        for file in beside.rglob("*") if beside.is_dir() else [beside]:
            _to_disk(file)
        if beside.is_dir():
            _replace_folder(beside, path, former)
        else:
            beside.replace(path)
    except DiskError:
        raise
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written ({error.strerror or error}). What was there before is kept, "
            "the new is lost: make room, mend the permissions, or name another place."
        ) from error
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            with suppress(OSError):
                beside.unlink()


def _to_disk(file: Path) -> None:
    if file.is_file():
        with file.open("rb+") as content:
            os.fsync(content.fileno())


def _replace_folder(beside: Path, path: Path, former: Collection[str]) -> None:
    settle(path)
    if not path.exists():
        beside.rename(path)
        return
    for item in path.iterdir():
        if item.name in former:
            continue
        new = beside / item.name
        if item.is_dir() and not item.is_symlink():
            if not new.exists():
                shutil.copytree(item, new, symlinks=True, copy_function=_copy)
        elif not os.path.lexists(new):
            _copy(item, new)
    # Between these two a kill leaves the old one beside its place, where `settle` finds it.
    old = beside.with_name(f"{beside.name}{_OLD}")
    try:
        path.rename(old)
        beside.rename(path)
    except BaseException:
        # A signal may come here as well as an error of the disk.
        settle(path)
        raise
    # Nobody puts it back under this name; it is removed like all that is left over.
    old.rename(beside)


def settle(path: str | Path) -> None:
    """Put a folder back that was about to be replaced when the process was killed.

    Args:
        path: Its place. Nothing is done where something is there, or nothing is left to put back.

    Raises:
        UsageError: No file or folder can have this path.
    """
    place = possible(path).absolute()
    if os.path.lexists(place):
        return
    for old in place.parent.glob(f".{glob.escape(place.name)}.*{_OLD}"):
        with suppress(OSError):
            old.rename(place)
            return


def possible(path: str | Path) -> Path:
    """A path that a file or folder may have, whether there is one or not.

    Raises:
        UsageError: It is too long, or has characters that no file name has.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its characters"
        raise UsageError(f"no file can have the path {short(str(path))} ({why}).") from None
    return Path(path)


def _copy(old: str | Path, new: str | Path) -> None:
    """The same file under another name, or a copy where the disk knows no such names."""
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:
        shutil.copy2(old, new, follow_symlinks=False)


def check_writable(path: str | Path) -> None:
    """Refuse a place for a file or folder that could not be written, before the work begins.

    Args:
        path: The file or folder. Folders above it that are missing are no trouble to who makes
            them: the nearest one that exists is tried.

    Raises:
        UsageError: No file can have this path.
        DiskError: Nothing can be written there, or the disk is full.
    """
    place = possible(path).absolute()
    folder = next(one for one in place.parents if one.is_dir())
    try:
        # Some file systems say only by the first byte that they are full or read-only.
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written ({error.strerror or error}). Nothing was begun and nothing "
            "is lost: make room, mend the permissions, or name another place."
        ) from error


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


def plain(value: Any, non_finite: dict[str, str] | None = None) -> Any:
    """Anything as plain values of JSON: arrays as lists, numbers that are not finite as null.

    Args:
        value: Mappings, sequences, arrays and numbers; anything else becomes its text.
        non_finite: Gets the text of each number that became null, by its place (as JSON); None if
            nobody needs them.
    """

    def at(value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, np.generic | np.ndarray):
            value = value.tolist()
        if isinstance(value, float) and not math.isfinite(value):
            if non_finite is not None:
                non_finite[json.dumps(path)] = repr(value)
            return None
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, Mapping):
            return {str(k): at(v, (*path, str(k))) for k, v in value.items()}
        if isinstance(value, Iterable):
            return [at(item, (*path, i)) for i, item in enumerate(value)]
        return str(value)

    return at(value, ())


def to_json(document: Any) -> bytes:
    """Plain values as JSON for people to read, in UTF-8, with a line break at the end."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A file name that is not UTF-8 holds lone surrogates, whose escape is that of JSON too.
    return text.encode("utf-8", "backslashreplace")


def check_place(folder: str | Path, record: str, what: str) -> None:
    """Refuse a folder in which a result cannot be saved without harm to something else.

    Args:
        folder: The folder.
        record: Name of the file that says that such a result was saved there before.
        what: What is saved, for messages.

    Raises:
        UsageError: It is a file, or holds something else.
        DiskError: It cannot be written.
    """
    path = Path(folder)
    settle(path)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{folder} is a file; name a folder to save the {what} in.")
    if path.is_dir() and any(path.iterdir()) and not (path / record).is_file():
        raise UsageError(
            f"the folder {folder} holds other files and no saved {what}; name a new or empty "
            "folder."
        )
    check_writable(path)


def read_record(
    path: Path, schema: int, what: str, *, own_checksum: bool = False
) -> dict[str, Any]:
    """A record of plain values again, with the numbers that are not finite in their places.

    Args:
        path: The file, in the folder of the result. Beside the values it has its version,
            ``schema``, and what `plain` gave of ``non_finite``.
        schema: The newest version that is read.
        what: What was saved, for messages.
        own_checksum: Whether the record holds its checksum, see `sealed`.

    Raises:
        ScalejaxError: There is none, it cannot be read, or it was changed.
    """
    settle(path.parent)
    if not path.is_file():
        raise ScalejaxError(f"{path.parent} is not a saved {what}: there is no {path.name} in it.")
    try:
        record: dict[str, Any] = read_document(path, file_names=True)
        version = record["schema"]
        if not isinstance(version, int):
            raise TypeError("schema is no whole number")
        if version > schema:
            raise ScalejaxError(
                f"{path} was written by a newer scalejax (schema {version}, this one reads up to "
                f"{schema}): upgrade scalejax."
            )
        if own_checksum:
            check_seal(record, path, what)
        for where, value in record["non_finite"].items():
            *parents, last = json_value(where)
            place = record
            for key in parents:
                place = place[key]
            place[last] = float(value)
    except (OSError, *DAMAGE) as error:
        raise damaged(path.parent, what, f"{path.name}: {error!r}") from error
    return record


def damaged(folder: str | Path, what: str, why: str) -> ScalejaxError:
    """The error of a saved result that cannot be read."""
    return ScalejaxError(
        f"the saved {what} {folder} cannot be read ({why}). Put back a copy of it, or make "
        "it and save it again."
    )


SEAL = "checksum"
"""Field of a record that holds the checksum of all others."""


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of plain values with its own checksum."""
    return {**record, SEAL: _checksum(record)}


def check_seal(record: Mapping[str, Any], path: Path, what: str) -> None:
    """Refuse a record that is not what was written; what `sealed` gave, read again.

    Args:
        record: The record. One of before, without a checksum, is taken with a warning.
        path: Its file, for messages.
        what: What was saved, for messages.

    Raises:
        ScalejaxError: It was changed after it was saved.
    """
    if SEAL not in record:
        say_unsealed(path.parent, what)
    elif record[SEAL] != _checksum({k: v for k, v in record.items() if k != SEAL}):
        raise damaged(path.parent, what, f"{path.name} was changed after it was saved")


def say_unsealed(folder: str | Path, what: str) -> None:
    """Warn that a saved result holds nothing to check it by."""
    warnings.warn(
        f"the saved {what} {folder} holds no checksums, so nobody can say whether it was changed: "
        "save it again to have them.",
        FitWarning,
        stacklevel=2,
    )


def _checksum(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
