"""What a worker of an executor does: solve one shard of a job, in a process that knows nothing yet.

A task is a `Pack` and the number of a shard; its answer is the shard's table as bytes. Everything
in a pack is plain values and bytes, so that any executor can carry it. A worker prepares a job once
and compiles what it needs once, and refuses if it would not give the bytes of the caller: its
fingerprint must be the job's.
"""

import io
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from scalejax.engine import default_layout
from scalejax.errors import LawError
from scalejax.fitting import describe_rows, rows_to_arrow, table_of
from scalejax.laws import PREFIX
from scalejax.programs import keep_programs
from scalejax.studies.files import study_of
from scalejax.studies.fingerprint import fingerprint
from scalejax.studies.folder import JobError
from scalejax.studies.job import Job, prepare
from scalejax.studies.study import Recipe
from scalejax.studies.working import ShardResult, solve_all


@dataclass(frozen=True, eq=False)
class Pack:
    """A job for another process.

    Attributes:
        study: The study as plain values.
        table: What `describe_rows` gave.
        rows: The rows as an Arrow stream.
        laws: Where the laws are that are no laws of scalejax: ``module:name`` or ``file.py:name``
            by the name in the study. The caller gave them, so that their code is run.
        layout: How work is laid out, but for the devices, which are the worker's own.
        marks: The fingerprint of the job.
        sender: Host and process that packed it.
    """

    study: Mapping[str, Any]
    table: Mapping[str, Any]
    rows: bytes
    laws: Mapping[str, str]
    layout: Mapping[str, Any]
    marks: Mapping[str, str]
    sender: tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """A solved shard: its table as an Arrow stream, seconds and lanes, see `ShardResult`."""

    table: bytes
    seconds: float
    lanes: int

    def result(self, job: Job, number: int) -> ShardResult:
        """The same with the table as a table."""
        return ShardResult(job.shards[number], _from_bytes(self.table), self.seconds, self.lanes)


_SHAPE = ("form", "ragged_form", "lanes", "chunk")

_prepared: dict[tuple[str, ...], Job] = {}
"""The job that this process works on, by its fingerprint: to prepare it takes seconds."""


def pack(job: Job, description: Mapping[str, Any], marks: Mapping[str, str]) -> Pack:
    """A job for other processes.

    Args:
        job: The job.
        description: Its study as plain values.
        marks: Its fingerprint.

    Raises:
        LawError: A law of the caller's own cannot be found by another process.
    """
    table = job.problems.table
    return Pack(
        study=description,
        table=describe_rows(table),
        rows=_to_bytes(rows_to_arrow(table)),
        laws=dict(map(_place_of, description["recipes"], job.problems.study.recipes)),
        layout={name: getattr(job.layout, name) for name in _SHAPE},
        marks=marks,
        sender=_me(),
    )


def solve(pack: Pack, number: int) -> Answer:
    """Solve a shard of a packed job; what is submitted to an executor.

    Raises:
        JobError: This worker would give other numbers than the caller.
    """
    key = tuple(pack.marks.values())
    # Taken once: another thread may put its own there.
    job = _prepared.get(key)
    if job is None:
        if pack.sender != _me():  # A thread's settings are the caller's own.
            keep_programs()
        job = _prepare(pack)
        _prepared.clear()
        _prepared[key] = job
    (result,) = solve_all(job, [job.shards[number]], None, {})
    return Answer(_to_bytes(result.table), result.seconds, result.lanes)


def _prepare(pack: Pack) -> Job:
    study = study_of(pack.study, pack.laws)
    layout = replace(default_layout(), **pack.layout)
    job = prepare(study, table_of(pack.table, _from_bytes(pack.rows)), layout=layout)
    mine = fingerprint(job.problems, job.shards, job.layout, pack.study)
    other = [f"{name}: {pack.marks[name]} -> {mine.get(name)}" for name in pack.marks
             if mine.get(name) != pack.marks[name]]  # fmt: skip
    if other:
        raise JobError(
            f"the worker on {socket.gethostname()} would give other numbers than the caller "
            f"({'; '.join(other)}): give it the same versions and devices."
        )
    return job


def _place_of(saved: Mapping[str, Any], recipe: Recipe) -> tuple[str, str]:
    """The name of a law in a study, and where another process finds it.

    Raises:
        LawError: No other process does.
    """
    law, spec = saved["law"], saved["law"]["spec"]
    place, _, name = spec.rpartition(":")
    if law["registered"] or place == PREFIX.rstrip(": "):
        return spec, spec
    if place.endswith(".py"):
        return spec, f"{Path(place).resolve()}:{name}"
    hidden = "<" in recipe.found.function.__qualname__
    if hidden or place == "__main__" or place.startswith("_scalejax_law_"):
        raise LawError(
            f"the law {law['name']} is defined where no worker can find it: put it into a module "
            "that workers import, or a file, and name it as module:name or file.py:name."
        )
    return spec, spec


def _me() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def _to_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _from_bytes(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as stream:
        return stream.read_all()
