"""`study`: fit all laws of a study, in memory or in a folder from which it can be resumed.

With ``out=`` every shard is a file as soon as it is done, and calling again goes on where the last
call stopped, whatever stopped it. With ``executor=`` the workers of an engine solve the shards; who
called writes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.data import TableOptions
from scalejax.engine import Layout
from scalejax.fitting import describe_rows, rows_to_arrow, table_of
from scalejax.keywords import keywords
from scalejax.laws import Law
from scalejax.studies.executing import FailedShards, Workers, solve_on
from scalejax.studies.files import study_of
from scalejax.studies.fingerprint import fingerprint, rows_mark
from scalejax.studies.folder import SCHEMA, Folder, JobError, Line
from scalejax.studies.job import Job, prepare
from scalejax.studies.shards import Shard
from scalejax.studies.study import Study
from scalejax.studies.study_result import StudyResult, summaries
from scalejax.studies.workers import pack
from scalejax.studies.working import ShardResult, Watch, counts_of, solve_all


@keywords(TableOptions)
def study(
    plan: Study,
    data: Any,
    *,
    out: str | Path | None = None,
    progress: Watch | None = None,
    layout: Layout | None = None,
    executor: Workers | None = None,
    **table_options: Unpack[TableOptions],
) -> StudyResult:
    """Fit all laws of a study.

    Args:
        plan: The study.
        data: As for `scalejax.fit`.
        out: Folder of the job; calling again with the same study and data goes on there. Without
            it everything stays in memory.
        progress: Called after every shard.
        layout: How work is laid out on the devices.
        executor: Who solves the shards: any `concurrent.futures.Executor`, of processes (spawned,
            not forked), dask, MPI or Slurm, or a function that makes one, which is called again
            when a lost worker has broken it. This process alone if not given.
        **table_options: As for `scalejax.fit`.

    Returns:
        The result.

    Raises:
        InputError: The data cannot be used.
        UsageError: The study does not go with the data.
        ScalejaxError: The folder cannot be used, or the devices or shards on workers failed twice.
    """
    job = prepare(plan, data, layout=layout, **table_options)
    if out is None:
        return _in_memory(job, plan.describe(), progress, executor)
    return _in_folder(job, Folder(out), plan.describe(), progress, executor)


def resume(
    out: str | Path,
    *,
    laws: Mapping[str, str | Law] | None = None,
    progress: Watch | None = None,
    layout: Layout | None = None,
    executor: Workers | None = None,
) -> StudyResult:
    """Go on with a job in the folder that it was begun in; the rows are kept there.

    Args:
        out: The folder.
        laws: Laws of your own by the name they have in ``job.json``, if their modules are not
            imported yet: no code that a file names is run.
        progress: As for `study`.
        layout: As for `study`.
        executor: As for `study`.

    Returns:
        As `study`.

    Raises:
        ScalejaxError: There is no job, or what its results depend on has changed.
    """
    folder = Folder(out)
    saved, rows = folder.job(), folder.rows()
    try:
        plan = study_of(saved["study"], laws)
        table = table_of(saved["table"], rows)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise folder.damaged(f"{type(error).__name__}: {error}") from error
    if rows_mark(table) != saved["fingerprint"].get("rows"):
        raise folder.damaged_rows("they are not those that the job was begun with")
    job = prepare(plan, table, layout=layout)
    return _in_folder(job, folder, saved["study"], progress, executor)


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


def _in_memory(
    job: Job, description: Mapping[str, Any], progress: Watch | None, executor: Workers | None
) -> StudyResult:
    solved = _solve(job, job.shards, description, progress, {}, executor)
    results = sorted(solved, key=lambda result: result.shard.number)
    frames = [part.to_pandas() for part in summaries(job.problems, [one.table for one in results])]
    return StudyResult(job.problems, pd.concat(frames, ignore_index=True))


def _solve(
    job: Job,
    shards: Sequence[Shard],
    description: Mapping[str, Any],
    progress: Watch | None,
    before: Mapping[int, tuple[int, int, int]],
    executor: Workers | None,
) -> Iterator[ShardResult]:
    """Solve shards here, or on the workers of an executor."""
    if executor is None or not shards:
        return solve_all(job, shards, progress, before)
    packed = pack(job, description, _marks(job, description))
    return solve_on(executor, job, packed, shards, progress, before)


def _in_folder(
    job: Job,
    folder: Folder,
    description: Mapping[str, Any],
    progress: Watch | None,
    executor: Workers | None,
) -> StudyResult:
    """Go on in a folder, or begin there; `description` is the study as plain values."""
    marks, rows = _marks(job, description), rows_to_arrow(job.problems.table)
    if folder.exists:
        folder.refuse_changed(marks)
        # What is finished can be looked at where nothing can be locked or written.
        path = folder.results() if folder.has_rows(rows) else None
        if path is not None and len(_finished_lines(job, folder)) == len(job.shards):
            return StudyResult(job.problems, path)
    with folder.ready():
        if not folder.exists:
            folder.begin(_description(job, marks), rows)
        folder.refuse_changed(marks)
        if not folder.has_rows(rows):
            folder.keep_rows(rows)
        return _go_on(job, folder, description, progress, executor)


def _go_on(
    job: Job,
    folder: Folder,
    description: Mapping[str, Any],
    progress: Watch | None,
    executor: Workers | None,
) -> StudyResult:
    lines = _finished_lines(job, folder)
    missing = [shard for shard in job.shards if shard.number not in lines]
    before = {k: (line.fits, line.converged, line.failed) for k, line in lines.items()}
    folder.keep_failures({})
    try:
        for result in _solve(job, missing, description, progress, before, executor):
            fits, converged, failed = counts_of(result.table)
            folder.keep(
                {
                    "shard": result.shard.number, "fits": fits, "converged": converged,
                    "failed": failed, "seconds": round(result.seconds, 3), "lanes": result.lanes,
                },
                result.table,
            )  # fmt: skip
    except FailedShards as error:
        folder.keep_failures(error.failures)
        raise
    path = folder.finish(summaries(job.problems, _read(folder, job.shards)))
    return StudyResult(job.problems, path)


def _finished_lines(job: Job, folder: Folder) -> dict[int, Line]:
    """The manifest lines of the finished shards of a job, by number."""
    lines = folder.finished_shards()
    return {shard.number: lines[shard.number] for shard in job.shards if shard.number in lines}


def _read(folder: Folder, shards: Sequence[Shard]) -> Iterator[pa.Table]:
    for shard in shards:
        yield pq.read_table(folder.shard(shard.number))


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


def _marks(job: Job, description: Mapping[str, Any]) -> dict[str, str]:
    """The fingerprint of a job; `description` is the study as plain values."""
    return fingerprint(job.problems, job.shards, job.layout, description)
