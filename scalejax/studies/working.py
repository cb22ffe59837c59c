"""Solving shards one after the other, in smaller chunks if memory runs out.

Device memory that runs out halves the chunk in which problems are worked on. That changes no
result as long as the lanes that a chunk is worked on in are full; where not even that is enough
there are fewer lanes, which round otherwise.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
import pyarrow as pa

from scalejax.engine import Layout
from scalejax.status import MINIMA, Status
from scalejax.studies.folder import JobError
from scalejax.studies.job import Job
from scalejax.studies.problems import Problems
from scalejax.studies.shards import Shard
from scalejax.studies.solving import solve_shard

_LOG = logging.getLogger(__name__)
# Halvings of a chunk before giving up: from 2,048 to one problem takes 11, see `default_layout`.
_HALVINGS = 12


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Attributes:
        done: Fits that are finished, those of earlier calls included.
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
class ShardResult:
    """The table of a shard, the seconds it took, and the lanes that there was memory for."""

    shard: Shard
    table: pa.Table
    seconds: float
    lanes: int


def solve_all(
    job: Job,
    shards: Sequence[Shard],
    progress: Watch | None,
    before: Mapping[int, tuple[int, int, int]],
) -> Iterator[ShardResult]:
    """Solve shards one after the other."""
    return watched(_one_by_one(job, shards), job, progress, before)


def _one_by_one(job: Job, shards: Sequence[Shard]) -> Iterator[ShardResult]:
    layout = job.layout
    for shard in shards:
        start = time.monotonic()
        table, layout = _with_less_memory(job.problems, shard, layout)
        yield ShardResult(shard, table, time.monotonic() - start, layout.lanes)


def watched(
    results: Iterator[ShardResult],
    job: Job,
    progress: Watch | None,
    before: Mapping[int, tuple[int, int, int]],
) -> Iterator[ShardResult]:
    """The results as they come, each counted and, once it is taken, shown.

    Args:
        results: Solved shards.
        job: Their job.
        progress: Called after each.
        before: Fits, converged and failed of the shards that were done before.
    """
    counts = np.array([*before.values(), (0, 0, 0)]).sum(axis=0)
    at_first, began = int(counts[0]), time.monotonic()
    for result in results:
        counts = counts + counts_of(result.table)
        yield result
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
    initial, failures = layout, 0
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
        if layout.chunk < initial.chunk:
            fewer = ", in fewer lanes, which may change the last digits of results"
            _LOG.warning(
                "out of memory: going on with %d problems at a time%s",
                layout.chunk,
                fewer if layout.lanes < initial.lanes else "",
            )
        return table, layout
    raise JobError("memory ran out again and again")


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def counts_of(table: pa.Table) -> tuple[int, int, int]:
    """Fits, converged and failed of a shard; resamples of what failed are not tried."""
    status = table["status"].to_numpy()
    converged = int(np.sum(status == Status.CONVERGED))
    return len(status), converged, int(np.sum(~np.isin(status, (*MINIMA, Status.SKIPPED))))
