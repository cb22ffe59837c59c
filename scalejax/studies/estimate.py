"""Time, memory and disk that a study takes on this machine, from a trial of the longest tables."""

import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from scalejax.studies.job import Job
from scalejax.studies.solving import solve_shard

# Fits of a trial: two chunks of a processor, solved within seconds. Set by judgement.
_TRIAL_FITS = 4096


@dataclass(frozen=True)
class Estimate:
    """Time, memory and disk that a study takes.

    Attributes:
        seconds: Time to solve it, without compilation.
        compile_seconds: Time to compile, about the same for every shape.
        shapes: Different shapes that are compiled.
        memory: Largest memory of this process after the trial, in bytes; None on Windows.
        disk: Size of the shards, in bytes.
    """

    seconds: float
    compile_seconds: float
    shapes: int
    memory: int | None
    disk: int


def estimate(job: Job) -> Estimate:
    """Time a part of the first shard and scale it to all, by fits and rows.

    The time of a fit also depends on its data, so that this is right within a factor of two or so.
    """
    shard = job.shards[0]
    count = max(1, _TRIAL_FITS // shard.draws)
    part = replace(
        shard,
        problems=shard.problems[:count],
        last=min(shard.last, shard.first + _TRIAL_FITS),
    )
    start = time.perf_counter()
    solve_shard(job.problems, part, job.layout)
    middle = time.perf_counter()
    table = solve_shard(job.problems, part, job.layout)
    seconds = time.perf_counter() - middle
    rows = {s.number: _rows(job, s.problems) * s.draws for s in job.shards}
    shapes = {(job.problems.recipe(s.problems[0]).name, s.length, s.width) for s in job.shards}
    return Estimate(
        seconds=seconds * sum(rows.values()) / (_rows(job, part.problems) * part.draws),
        compile_seconds=max(middle - start - seconds, 0.0),
        shapes=len(shapes),
        memory=peak_memory(),
        disk=int(table.nbytes / table.num_rows * job.fits),
    )


def peak_memory() -> int | None:
    """The largest memory of this process so far, in bytes; None on Windows."""
    peak: int | None = None
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak


def _rows(job: Job, problems: tuple[int, ...]) -> int:
    return int(job.problems.rows[np.array(problems) % job.problems.datasets].sum())
