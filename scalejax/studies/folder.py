"""The folder of a job: the study, the finished shards, the results, and a lock.

    job.json              the study, a fingerprint of everything that results depend on
    rows.parquet          the rows, so that a job can be resumed without the file they came from
    shards/000012.parquet one file a shard, written whole or not at all
    manifest-0.jsonl      a line for each finished shard: its checksum and counts
    failures.json         the errors of shards that failed on workers, by number
    lock-0                held while a process is at work here
    results.parquet       one row for each problem and quantity, when all shards are done
    results.json          the checksum of the results, so that they are not made again

A shard counts as done when its line is in a manifest and the file is what the line says. A file
without a line, or a line whose file is damaged, is done again.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.documents import json_value, read_document
from scalejax.errors import ScalejaxError, UsageError
from scalejax.files import DAMAGE, check_seal, is_whole, sealed, sha256_of, staged, write_bytes
from scalejax.studies.disk import disk_trouble, write_parquet

SCHEMA = 1
JOB, ROWS, SHARDS = "job.json", "rows.parquet", "shards"
RESULTS, CHECKSUM = "results.parquet", "results.json"
MANIFEST, FAILURES = "manifest-0.jsonl", "failures.json"


class JobError(ScalejaxError):
    """The folder of a job cannot be used as it is."""


@dataclass(frozen=True)
class Line:
    """A finished shard, as a line of the manifest.

    Attributes:
        shard: Number of the shard.
        sha256: SHA-256 (hex) of its file.
        size: Bytes of its file.
        fits: Fits in it.
        converged: How many of them converged.
        failed: How many were tried and are no minimum.
        seconds: How long it took.
        lanes: Problems that were worked on at a time: fewer than the job asks for where memory ran
            out, which rounds otherwise.
    """

    shard: int
    sha256: str
    size: int
    fits: int
    converged: int
    failed: int
    seconds: float
    lanes: int


class Folder:
    """The folder of a job, whether or not a job was begun there."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def exists(self) -> bool:
        """Whether a job was begun here."""
        return (self.path / JOB).is_file()

    @property
    def is_free(self) -> bool:
        """Whether a job can begin here: at most the files that are written before ``job.json``."""
        if not self.path.is_dir():
            return not self.path.exists()
        # Another process may be at it, or have been killed.
        names = {path.name.split("-")[0] for path in self.path.glob("[!.]*")}
        return names <= {"lock", "owner", SHARDS, ROWS}

    def begin(self, job: Mapping[str, Any], rows: pa.Table) -> None:
        """Write the rows and ``job.json``.

        Raises:
            DiskError: It cannot be written.
        """
        self.keep_rows(rows)
        with disk_trouble(self.path):
            # Its checksum is of the values as they are read again.
            record = sealed(json.loads(json.dumps(job)))
            write_bytes((json.dumps(record, indent=2) + "\n").encode(), self.path / JOB)

    def job(self) -> dict[str, Any]:
        """The contents of ``job.json``.

        Raises:
            JobError: There is no job, a damaged one, or one of a newer version.
        """
        try:
            record = read_document(self.path / JOB, file_names=True)
        except FileNotFoundError:
            raise JobError(f"{self.path} holds no job: there is no {JOB} in it.") from None
        except (OSError, *DAMAGE) as error:
            raise self.damaged(str(error)) from error
        parts = {"schema": int, "study": dict, "table": dict, "fingerprint": dict}
        for name, kind in parts.items():
            if not isinstance(record, dict) or not isinstance(record.get(name), kind):
                raise self.damaged(f"no usable {name!r} is in it")
        if record["schema"] > SCHEMA:
            raise JobError(f"{self.path} was written by a newer scalejax: upgrade scalejax.")
        try:
            check_seal(record, self.path / JOB, "job")
        except ScalejaxError:
            raise self.damaged("it was changed after it was written") from None
        return record

    def damaged(self, why: str) -> JobError:
        """The error for a ``job.json`` that cannot be used."""
        return JobError(
            f"{self.path / JOB} is damaged ({why}), and nothing else says what the shards are: put "
            "back a copy of it, or begin again in another folder."
        )

    def rows(self) -> pa.Table:
        """The rows of the job.

        Raises:
            JobError: They cannot be read.
        """
        try:
            return pq.read_table(self.path / ROWS)
        except (OSError, pa.ArrowException) as error:
            raise self.damaged_rows(str(error)) from error

    def damaged_rows(self, why: str) -> JobError:
        """The error for rows that cannot be used."""
        return JobError(
            f"{self.path / ROWS} is damaged or gone ({why}). Shards that are finished are intact: "
            "run the study in this folder again with its data, which writes the rows anew."
        )

    def has_rows(self, rows: pa.Table) -> bool:
        """Whether the folder holds the same rows."""
        try:
            return bool(self.rows().equals(rows))
        except JobError:
            return False

    def keep_rows(self, rows: pa.Table) -> None:
        """Write the rows.

        Raises:
            DiskError: They cannot be written.
        """
        with disk_trouble(self.path):
            write_parquet(rows, self.path / ROWS)

    def refuse_changed(self, now: Mapping[str, str]) -> None:
        """Refuse to go on with another fingerprint: the results would be others.

        Raises:
            JobError: A part of the fingerprint has changed, with what it was and is.
        """
        then = self.job()["fingerprint"]
        differences = [
            f"  {name}: {then.get(name, 'not there')} -> {now.get(name, 'not there')}"
            for name in {**then, **now}
            if then.get(name) != now.get(name)
        ]
        if differences:
            lines = "\n".join(differences)
            raise JobError(
                f"the job in {self.path} was begun with other settings, so its shards do not fit:\n"
                f"{lines}\nname another folder, or go on with what it was begun with."
            )

    def finished_shards(self) -> dict[int, Line]:
        """The finished shards by number; those with a missing or damaged file are left out."""
        lines: dict[int, Line] = {}
        # Jobs of before had one of each process.
        for manifest in sorted(self.path.glob("manifest-*.jsonl")):
            for text in manifest.read_text(encoding="utf-8", errors="replace").splitlines():
                line = _line(text)
                if line is not None:
                    lines[line.shard] = line
        return {
            number: line
            for number, line in lines.items()
            if is_whole(self.shard(number), line.size, line.sha256)
        }

    def results(self) -> Path | None:
        """The results, if they are there as `finish` wrote them."""
        path = self.path / RESULTS
        try:
            record = read_document(self.path / CHECKSUM)
            return path if is_whole(path, record["size"], record["sha256"]) else None
        except (OSError, *DAMAGE):
            return None

    def shard(self, number: int) -> Path:
        """The file of a shard."""
        return self.path / SHARDS / f"{number:06d}.parquet"

    def keep(self, line: Mapping[str, Any], table: pa.Table) -> Line:
        """Write a finished shard, then its line.

        Raises:
            DiskError: It cannot be written.
        """
        path = self.shard(line["shard"])
        with disk_trouble(self.path):
            write_parquet(table, path)
            entry = Line(**line, sha256=sha256_of(path), size=path.stat().st_size)
            with (self.path / MANIFEST).open("ab") as file:
                # A line that was cut off by a crash must not swallow this one.
                file.write(b"\n" * bool(file.tell()) + json.dumps(asdict(entry)).encode())
                file.flush()
                os.fsync(file.fileno())
        return entry

    def finish(self, parts: Iterator[pa.Table]) -> Path:
        """Write the results, part by part, and their checksum.

        Raises:
            DiskError: They cannot be written.
        """
        path = self.path / RESULTS
        with disk_trouble(self.path):
            with staged(path) as file:
                first = next(parts)
                with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
                    writer.write_table(first)
                    for part in parts:
                        writer.write_table(part.cast(first.schema))
            record = {"sha256": sha256_of(path), "size": path.stat().st_size}
            write_bytes(json.dumps(record).encode(), self.path / CHECKSUM)
        return path

    def keep_failures(self, failures: Mapping[int, str]) -> None:
        """Write the tracebacks of shards that failed, by number; nothing where there are none.

        Raises:
            DiskError: They cannot be written.
        """
        path = self.path / FAILURES
        with disk_trouble(self.path):
            if failures:
                write_bytes((json.dumps(failures, indent=2) + "\n").encode(), path)
            else:
                path.unlink(missing_ok=True)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Create the folder if needed, and hold its lock inside the block.

        Raises:
            UsageError: It is a file, or holds something else.
            DiskError: It cannot be written.
            JobError: Another process holds the lock.
        """
        with disk_trouble(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise UsageError(f"{self.path} is a file; name a folder for the job.")
            if not self.exists and not self.is_free:
                raise UsageError(
                    f"{self.path} holds other files and no job; name a new or empty folder."
                )
            (self.path / SHARDS).mkdir(parents=True, exist_ok=True)
        with self._locked():
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, which the system lets go of when the process ends."""
        lock = filelock.FileLock(self.path / "lock-0", timeout=0)
        owner = self.path / "owner-0.json"
        with disk_trouble(self.path):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise JobError(
                    f"another process is at work in {self.path} ({_owner(owner)}): wait for it, or "
                    "stop it. One process drives a job; its workers may be many."
                ) from None
        try:
            me = {"pid": os.getpid(), "host": socket.gethostname()}
            with disk_trouble(self.path):
                write_bytes(json.dumps(me).encode(), owner)
            yield
        finally:
            lock.release()


def _line(text: str) -> Line | None:
    """A line of a manifest, or None for one that was cut off or damaged."""
    try:
        line = Line(**json_value(text))
    except DAMAGE:
        return None
    kinds = [(getattr(line, field.name), field.type) for field in fields(line)]
    right = all(type(word) in ((int, float) if kind is float else (kind,)) for word, kind in kinds)
    return line if right and line.shard >= 0 else None


def _owner(path: Path) -> str:
    try:
        owner = read_document(path)
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, *DAMAGE):
        return "unknown"
