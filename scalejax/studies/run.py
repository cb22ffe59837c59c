"""`run_study`: fit all of a study, in memory or in a folder that survives what happens to machines.

With ``out=`` every shard is a file as soon as it is done, and calling again goes on where the last
call stopped, whatever stopped it. Several processes share a job if each says which it is; they
need nothing from each other but the folder. Device memory that runs out halves the chunk in which
problems are worked on. That changes no result as long as the lanes that a chunk is worked on in
are full; where not even that is enough there are fewer lanes, which round otherwise.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.engine import Layout, default_layout
from scalejax.errors import UsageError
from scalejax.fitting import describe_rows, rows_to_arrow, table_of
from scalejax.laws import Law
from scalejax.status import MINIMA, Status
from scalejax.studies.files import study_of
from scalejax.studies.fingerprint import fingerprint, rows_mark
from scalejax.studies.folder import SCHEMA, Folder, JobError, Line
from scalejax.studies.problems import Problems, make_problems, study_table
from scalejax.studies.result import StudyResult, summaries
from scalejax.studies.shards import Shard, cut
from scalejax.studies.solving import solve_shard
from scalejax.studies.study import Study

_LOG = logging.getLogger(__name__)
_HALVINGS = 12
_CHUNKS_PER_SHARD = 16


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        done: Fits that are done.
        total: Fits in all.
        before: Fits that were done before this call.
        converged: Fits that converged.
        failed: Fits that were tried and are no minimum.
        seconds: Since this call began to work.
    """

    done: int
    total: int
    before: int
    converged: int
    failed: int
    seconds: float


Watch = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class Job:
    """A study that is ready to be worked on.

    Attributes:
        problems: What is fitted.
        shards: How it is cut.
        layout: How work is laid out on the devices.
    """

    problems: Problems
    shards: tuple[Shard, ...]
    layout: Layout

    @property
    def fits(self) -> int:
        """Fits in all."""
        return sum(shard.fits for shard in self.shards)


def prepare(study: Study, data: Any, *, layout: Layout | None = None, **table_options: Any) -> Job:
    """Check the data of a study and cut it into shards; nothing is fitted.

    Args:
        study: The study.
        data: As for `scalejax.fit`.
        layout: How work is laid out on the devices.
        **table_options: As for `scalejax.fit`.

    Raises:
        InputError: The data cannot be used; all reasons at once.
        UsageError: The study does not go with the data, or nothing is left to fit.
    """
    table = study_table(study, data, **table_options)
    layout = layout or default_layout()
    problems = make_problems(study, table)
    shards = cut(problems, _CHUNKS_PER_SHARD * layout.chunk)
    if not shards:
        reasons = problems.counts["reason"].value_counts().index[:3]
        raise UsageError(f"there is nothing to fit: {'; '.join(reasons)}.")
    return Job(problems, shards, layout)


def run_study(
    study: Study,
    data: Any,
    *,
    out: str | Path | None = None,
    progress: Watch | None = None,
    layout: Layout | None = None,
    process: tuple[int, int] = (0, 1),
    **table_options: Any,
) -> StudyResult | None:
    """Fit all laws of a study.

    Args:
        study: The study.
        data: As for `scalejax.fit`.
        out: Folder of the job; calling again with the same study and data goes on there. Without
            it everything stays in memory.
        progress: Called after every shard.
        layout: How work is laid out on the devices.
        process: Number of this process and how many there are, if several share the folder; each
            does its part of the shards.
        **table_options: As for `scalejax.fit`.

    Returns:
        What was found; None if other processes still have shards to do.

    Raises:
        InputError: The data cannot be used.
        UsageError: The study does not go with the data.
        ScalejaxError: The folder cannot be used, or the devices failed twice.
    """
    job = prepare(study, data, layout=layout, **table_options)
    if out is None:
        return _in_memory(job, progress)
    return _in_folder(job, Folder(out), study.describe(), progress, process)


def resume_study(
    out: str | Path,
    *,
    laws: Mapping[str, str | Law] | None = None,
    progress: Watch | None = None,
    layout: Layout | None = None,
    process: tuple[int, int] = (0, 1),
) -> StudyResult | None:
    """Go on with a job in the folder that it was begun in; the rows are kept there.

    Args:
        out: The folder.
        laws: Laws of your own by the name they have in ``job.json``, if their modules are not
            imported yet: no code that a file names is run.
        progress: As for `run_study`.
        layout: As for `run_study`.
        process: As for `run_study`.

    Returns:
        As `run_study`.

    Raises:
        ScalejaxError: There is no job, or what its results depend on has changed.
    """
    folder = Folder(out)
    saved, rows = folder.job(), folder.rows()
    try:
        study = study_of(saved["study"], laws)
        table = table_of(saved["table"], rows)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise folder.damaged(f"{type(error).__name__}: {error}") from error
    if rows_mark(table) != saved["fingerprint"].get("rows"):
        raise folder.damaged_rows("they are not those that the job was begun with")
    job = prepare(study, table, layout=layout)
    return _in_folder(job, folder, saved["study"], progress, process)


def fits_folder(job: Job, out: Path) -> bool:
    """Whether a job can begin in a folder, or go on there."""
    folder = Folder(out)
    if not folder.exists:
        return folder.is_free
    try:
        folder.refuse_changed(_marks(job, job.problems.study.describe()))
    except JobError:
        return False
    return True


def _in_memory(job: Job, progress: Watch | None) -> StudyResult:
    tables = [solved.table for solved in _solve_all(job, job.shards, progress, {})]
    frames = [part.to_pandas() for part in summaries(job.problems, tables)]
    return StudyResult(job.problems, pd.concat(frames, ignore_index=True))


def _in_folder(
    job: Job,
    folder: Folder,
    described: Mapping[str, Any],
    progress: Watch | None,
    process: tuple[int, int],
) -> StudyResult | None:
    """Go on in a folder, or begin there; the study as it is described in the job."""
    marks, rows = _marks(job, described), rows_to_arrow(job.problems.table)
    if folder.exists:
        folder.refuse_changed(marks)
        # What is finished can be looked at where nothing can be locked or written.
        path = folder.results() if folder.has_rows(rows) else None
        if path is not None and len(_done(job, folder)) == len(job.shards):
            return StudyResult(job.problems, path)
    with folder.ready(process[0]):
        if not folder.exists:
            folder.begin(_description(job, marks), rows)
        folder.refuse_changed(marks)
        if not folder.has_rows(rows):
            folder.keep_rows(rows)
        return _go_on(job, folder, progress, process)


def _go_on(
    job: Job, folder: Folder, progress: Watch | None, process: tuple[int, int]
) -> StudyResult | None:
    number, count = process
    done = _done(job, folder)
    mine = [shard for shard in job.shards if shard.number % count == number]
    missing = [shard for shard in mine if shard.number not in done]
    before = {k: (line.fits, line.converged, line.failed) for k, line in done.items()}
    for solved in _solve_all(job, missing, progress, before):
        fits, converged, failed = _counts(solved.table)
        folder.keep(
            {
                "shard": solved.shard.number, "fits": fits, "converged": converged,
                "failed": failed, "seconds": round(solved.seconds, 3), "lanes": solved.lanes,
            },
            solved.table,
            number,
        )  # fmt: skip
    if len(_done(job, folder)) < len(job.shards):
        return None
    path = folder.finish(summaries(job.problems, _read(folder, job.shards)))
    return StudyResult(job.problems, path)


def _done(job: Job, folder: Folder) -> dict[int, Line]:
    """The finished shards of a job by number."""
    lines = folder.done()
    return {shard.number: lines[shard.number] for shard in job.shards if shard.number in lines}


def _read(folder: Folder, shards: Sequence[Shard]) -> Iterator[pa.Table]:
    for shard in shards:
        yield pq.read_table(folder.shard(shard.number))


@dataclass(frozen=True, eq=False)
class _Solved:
    """A shard with what was found, how long it took and the lanes that there was memory for."""

    shard: Shard
    table: pa.Table
    seconds: float
    lanes: int


def _solve_all(
    job: Job,
    shards: Sequence[Shard],
    progress: Watch | None,
    before: Mapping[int, tuple[int, int, int]],
) -> Iterator[_Solved]:
    """Solve shards one after the other."""
    counts = np.array([*before.values(), (0, 0, 0)]).sum(axis=0)
    at_first, began = int(counts[0]), time.monotonic()
    layout = job.layout
    for shard in shards:
        start = time.monotonic()
        table, layout = _with_less_memory(job.problems, shard, layout)
        counts = counts + _counts(table)
        yield _Solved(shard, table, time.monotonic() - start, layout.lanes)
        if progress is not None:
            done, converged, failed = map(int, counts)
            progress(
                Progress(done, job.fits, at_first, converged, failed, time.monotonic() - began)
            )


def _with_less_memory(problems: Problems, shard: Shard, layout: Layout) -> tuple[pa.Table, Layout]:
    """The shard, with smaller chunks if memory runs out, and the layout that was enough.

    Raises:
        ScalejaxError: The devices failed for another reason, twice.
    """
    asked, failures = layout, 0
    for _ in range(_HALVINGS + 2):
        try:
            table = solve_shard(problems, shard, layout)
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                failures += 1
                if failures > 1:
                    raise JobError(
                        f"the device failed twice: {error}. What is done is kept: resume the job "
                        "when the device is well again."
                    ) from error
                continue
            if layout.chunk == 1:
                raise JobError(f"one problem alone takes too much memory: {error}") from error
            chunk = layout.chunk // 2
            layout = replace(layout, chunk=chunk, lanes=min(layout.lanes, chunk))
            continue
        if layout.chunk < asked.chunk:
            fewer = ", in fewer lanes, which may change the last digits of results"
            _LOG.warning(
                "out of memory: going on with %d problems at a time%s",
                layout.chunk,
                fewer if layout.lanes < asked.lanes else "",
            )
        return table, layout
    raise JobError("memory ran out again and again")


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def _counts(table: pa.Table) -> tuple[int, int, int]:
    """Fits, converged and failed of a shard; resamples of what failed are not tried."""
    status = table["status"].to_numpy()
    converged = int(np.sum(status == Status.CONVERGED))
    return len(status), converged, int(np.sum(~np.isin(status, (*MINIMA, Status.SKIPPED))))


def _description(job: Job, marks: Mapping[str, str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "study": job.problems.study.describe(),
        "table": describe_rows(job.problems.table),
        "fingerprint": dict(marks),
        "problems": len(job.problems),
        "shards": len(job.shards),
        "fits": job.fits,
    }


def _marks(job: Job, described: Mapping[str, Any]) -> dict[str, str]:
    """What the results depend on; the study as it is described in the job."""
    return fingerprint(job.problems, job.shards, job.layout, described)
