"""The folder of a job: what is to be done, what is done, and who is doing it.

    job.json              the study, a fingerprint of everything that results depend on
    rows.parquet          the rows, so that a job can be resumed without the file they came from
    shards/000012.parquet one file a shard, written whole or not at all
    manifest-0.jsonl      a line for each finished shard, from process 0: its checksum and counts
    lock-0                held while process 0 is at work
    results.parquet       one row for each problem and quantity, when all shards are done

A shard counts as done when its line is in a manifest and the file is what the line says. A file
without a line, or a line whose file is damaged, is done again.
"""

import hashlib
import json
import os
import platform
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import filelock
import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.errors import ScalejaxError, UsageError

SCHEMA = 1
JOB, ROWS, RESULTS, SHARDS = "job.json", "rows.parquet", "results.parquet", "shards"


class JobError(ScalejaxError):
    """The folder of a job cannot be used as it is."""


class DiskError(ScalejaxError):
    """The folder of a job cannot be written; finished shards are intact."""


@dataclass(frozen=True)
class Line:
    """A finished shard, as a line of the manifest.

    Attributes:
        shard: Number of the shard.
        sha256: SHA-256 (hex) of its file.
        size: Bytes of its file.
        fits: Fits in it.
        converged: How many of them converged.
        failed: How many are no minimum.
        seconds: How long it took.
    """

    shard: int
    sha256: str
    size: int
    fits: int
    converged: int
    failed: int
    seconds: float


def fingerprint(study: Mapping[str, Any], laws: Mapping[str, str], **parts: Any) -> dict[str, str]:
    """What the results of a job depend on, each part with a short hash or a word.

    Args:
        study: The study as plain values.
        laws: Name to text of the traced law, so that an edited law is another law.
        **parts: Other words: the rows, shapes of the work.
    """
    words = {f"study {key}": json.dumps(value) for key, value in study.items()}
    plain = {key: word if len(word) <= 40 else _short(word) for key, word in words.items()}
    return {
        **plain,
        **{f"law {name}": _short(text) for name, text in laws.items()},
        **{name: str(value) for name, value in parts.items()},
        "scalejax": version("scalejax"),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "python": platform.python_version(),
        "dtype": "float64",
        "device": jax.local_devices()[0].platform,
    }


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Folder:
    """A job's folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def exists(self) -> bool:
        """Whether a job was begun here."""
        return (self.path / JOB).is_file()

    def begin(self, job: Mapping[str, Any], rows: pa.Table) -> None:
        """Write what the job is.

        Raises:
            DiskError: It cannot be written.
        """
        with _said(self.path):
            (self.path / SHARDS).mkdir(parents=True, exist_ok=True)
            write_parquet(rows, self.path / ROWS)
            _write(self.path / JOB, (json.dumps(job, indent=2) + "\n").encode())

    def job(self) -> dict[str, Any]:
        """What `begin` wrote.

        Raises:
            JobError: There is no job, or one of a newer version.
        """
        try:
            found = json.loads((self.path / JOB).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise JobError(f"{self.path} holds no job: there is no {JOB} in it.") from None
        except (OSError, ValueError) as error:
            raise JobError(f"{self.path / JOB} cannot be read: {error}") from error
        if found.get("schema", 0) > SCHEMA:
            raise JobError(f"{self.path} was written by a newer scalejax: upgrade scalejax.")
        return dict(found)

    def rows(self) -> pa.Table:
        """The rows of the job."""
        return pq.read_table(self.path / ROWS)

    def refuse_changed(self, now: Mapping[str, str]) -> None:
        """Refuse to go on with a job that would give other results.

        Raises:
            JobError: Something that results depend on has changed, with what it was and is.
        """
        then = self.job()["fingerprint"]
        changed = [
            f"  {name}: {then.get(name, 'not there')} -> {now.get(name, 'not there')}"
            for name in {**then, **now}
            if then.get(name) != now.get(name)
        ]
        if changed:
            listed = "\n".join(changed)
            raise JobError(
                f"the job in {self.path} was begun with other settings, so its shards do not fit:\n"
                f"{listed}\nname another folder, or go on with what it was begun with."
            )

    def done(self) -> dict[int, Line]:
        """The finished shards by number; those with a missing or damaged file are left out."""
        lines: dict[int, Line] = {}
        for manifest in sorted(self.path.glob("manifest-*.jsonl")):
            for text in manifest.read_text(encoding="utf-8").splitlines():
                line = _line(text)
                if line is not None:
                    lines[line.shard] = line
        return {number: line for number, line in lines.items() if self._is_whole(line)}

    def _is_whole(self, line: Line) -> bool:
        path = self.shard(line.shard)
        try:
            if path.stat().st_size != line.size:
                return False
            return hashlib.sha256(path.read_bytes()).hexdigest() == line.sha256
        except OSError:
            return False

    def shard(self, number: int) -> Path:
        """The file of a shard."""
        return self.path / SHARDS / f"{number:06d}.parquet"

    def keep(self, line: Mapping[str, Any], table: pa.Table, process: int) -> Line:
        """Write a finished shard, then its line.

        Raises:
            DiskError: It cannot be written.
        """
        path = self.shard(line["shard"])
        with _said(self.path):
            write_parquet(table, path)
            content = path.read_bytes()
            kept = Line(**line, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            with (self.path / f"manifest-{process}.jsonl").open("ab") as file:
                # A line that was cut off by a crash must not swallow this one.
                file.write(b"\n" * bool(file.tell()) + json.dumps(asdict(kept)).encode())
                file.flush()
                os.fsync(file.fileno())
        return kept

    def finish(self, parts: Iterator[pa.Table]) -> Path:
        """Write the results as they come.

        Raises:
            DiskError: They cannot be written.
        """
        path = self.path / RESULTS
        staged = path.with_name(f".{path.name}.{os.getpid()}")
        with _said(self.path):
            try:
                first = next(parts)
                with pq.ParquetWriter(staged, first.schema, compression="zstd") as writer:
                    writer.write_table(first)
                    for part in parts:
                        writer.write_table(part.cast(first.schema))
                staged.replace(path)
            finally:
                staged.unlink(missing_ok=True)
        return path

    @contextmanager
    def ready(self, process: int) -> Iterator[None]:
        """The folder, made if need be, with the lock of a process held."""
        with _said(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise UsageError(f"{self.path} is a file; name a folder for the job.")
            if self.path.is_dir() and not self.exists:
                # What a job has before it is known to be one: another process may be at it.
                names = (path.name.split("-")[0] for path in self.path.glob("[!.]*"))
                if {*names} - {"lock", "owner", SHARDS, ROWS}:
                    raise UsageError(
                        f"{self.path} holds other files and no job; name a new or empty folder."
                    )
            self.path.mkdir(parents=True, exist_ok=True)
        with self.locked(process):
            yield

    @contextmanager
    def locked(self, process: int) -> Iterator[None]:
        """Hold the lock of a process, which the system lets go of when the process ends.

        Raises:
            JobError: Another process holds it.
        """
        with _said(self.path):
            lock = filelock.FileLock(self.path / f"lock-{process}", timeout=0)
        owner = self.path / f"owner-{process}.json"
        try:
            with lock:
                me = {"pid": os.getpid(), "host": socket.gethostname()}
                _write(owner, json.dumps(me).encode())
                yield
        except filelock.Timeout:
            raise JobError(
                f"another process is at work in {self.path} ({_owner(owner)}): wait for it, or "
                "stop it. Two processes of one job need --distributed."
            ) from None


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a file whole or not at all, the same bytes for the same table."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, staged, compression="zstd")
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        staged.write_bytes(content)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Trouble with the disk in words."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written ({error.strerror or error}). Shards that are finished are "
            "intact: make room, or mend the permissions, and resume."
        ) from error


def _line(text: str) -> Line | None:
    """A line of a manifest, or None for one that was cut off."""
    try:
        return Line(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _owner(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError):
        return "unknown"
