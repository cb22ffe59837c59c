"""Shards of a job on the workers of an executor, which an engine that people run already provides.

Any `concurrent.futures.Executor` does: processes, dask, MPI, Slurm. Scheduling, workers and
clusters are the executor's; what is ours is that an answer counts once it is whole, that a shard
which fails is tried twice and then set aside while the rest goes on, and that a pool which a lost
worker broke is made anew where we know how.
"""

import contextlib
import multiprocessing
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import Any, TypeAlias

from scalejax.errors import UsageError
from scalejax.studies.folder import JobError
from scalejax.studies.job import Job
from scalejax.studies.shards import Shard
from scalejax.studies.workers import Answer, Pack, solve
from scalejax.studies.working import ShardResult, Watch, watched

Workers: TypeAlias = Executor | Callable[[], Executor]
"""An executor, or a function that makes one: it is called again if a lost worker broke the last."""

_TRIES = 2
"""How often a shard is tried."""

_IN_FLIGHT = 256
"""Shards that an executor has at a time, so that a million need no million futures. By judgement:
more than the workers of most clusters, and each is a few seconds of work."""

_WAIT = 0.5
"""Seconds after which a signal that came while nothing ended is answered."""


class FailedShards(JobError):
    """Shards that failed on the workers, each twice; all others are done."""

    def __init__(self, failures: Mapping[int, str]) -> None:
        self.failures = dict(failures)
        number, text = next(iter(self.failures.items()))
        super().__init__(
            f"{len(self.failures)} shards failed on the workers, each {_TRIES} times, and all "
            f"others are done; shard {number}: {text.strip().splitlines()[-1]}. Mend the cause and "
            "go on: what is done is kept."
        )


def processes(count: int) -> Callable[[], Executor]:
    """A function that makes a pool of processes of this machine.

    Raises:
        UsageError: The count is not positive.
    """
    if count < 1:
        raise UsageError(f"workers are 1 or more, not {count}.")
    # JAX runs threads, with which a forked process hangs.
    return lambda: ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))


def solve_on(
    workers: Workers,
    job: Job,
    pack: Pack,
    shards: Sequence[Shard],
    progress: Watch | None,
    before: Mapping[int, tuple[int, int, int]],
) -> Iterator[ShardResult]:
    """Solve shards on workers, in the order in which they end; see `solve_all`.

    Raises:
        FailedShards: At the end, if some failed twice.
        JobError: The executor broke, and cannot be made anew or breaks without end.
        UsageError: The executor forks.
    """
    line = _Line(workers, pack, [shard.number for shard in shards])
    with contextlib.closing(line):
        results = (answer.result(job, number) for number, answer in line)
        yield from watched(results, job, progress, before)
    if line.failures:
        raise FailedShards(line.failures)


class _Line:
    """Shards that wait, those at the workers, and those that failed."""

    def __init__(self, workers: Workers, pack: Pack, numbers: Sequence[int]) -> None:
        self.make = None if isinstance(workers, Executor) else workers
        self.executor = workers if isinstance(workers, Executor) else workers()
        _refuse_fork(self.executor)
        self.pack, self.sent = pack, _sent(self.executor, pack)
        self.waiting = deque(numbers)
        self.suspects: deque[int] = deque()
        self.flying: dict[Future[Answer], int] = {}
        self.tries = dict.fromkeys(numbers, 0)
        self.failures: dict[int, str] = {}
        self.barren = 0

    def __iter__(self) -> Iterator[tuple[int, Answer]]:
        while self.waiting or self.suspects or self.flying:
            self._submit()
            done, _ = wait(self.flying, timeout=_WAIT, return_when=FIRST_COMPLETED)
            broken = None
            for future in done:
                number = self.flying.pop(future)
                error = CancelledError() if future.cancelled() else future.exception()
                if error is None:
                    self.barren = 0
                    yield number, future.result()
                elif isinstance(error, BrokenExecutor):
                    self.flying[future] = number
                    broken = error
                else:
                    self._failed(number, error)
            if broken is not None:
                self._mend(broken)

    def _submit(self) -> None:
        """Give the executor work; alone what may have broken the last one."""
        queue, most = (self.suspects, 1) if self.suspects else (self.waiting, _IN_FLIGHT)
        try:
            while queue and len(self.flying) < most:
                future = self.executor.submit(solve, self.sent, queue[0])
                self.flying[future] = queue.popleft()
        except BrokenExecutor as error:
            self._mend(error)

    def _failed(self, number: int, error: BaseException) -> None:
        self.tries[number] += 1
        if self.tries[number] < _TRIES:
            self.waiting.append(number)
        else:
            self.failures[number] = "".join(traceback.format_exception(error))

    def _mend(self, error: BrokenExecutor) -> None:
        """Make the executor anew: a worker was lost, and nobody says which shard it had."""
        lost = list(self.flying.values())
        # Who breaks without any work would break for ever.
        self.barren = 0 if lost else self.barren + 1
        if self.make is None or self.barren > _TRIES:
            raise JobError(
                f"the executor broke ({error}). What is done is kept: go on with a new one, or "
                "give a function that makes it, which is called when a worker is lost."
            ) from error
        self.flying.clear()
        if len(lost) == 1:
            self._failed(lost.pop(), error)
        self.suspects.extend(lost)
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.executor = self.make()
        self.sent = _sent(self.executor, self.pack)

    def close(self) -> None:
        """Call back what is not begun, and end the workers that were made here."""
        for future in self.flying:
            future.cancel()
        if self.make:
            self.executor.shutdown(wait=not self.flying, cancel_futures=True)


def _sent(executor: Executor, pack: Pack) -> Any:
    """The pack, sent to all workers at once where the executor is dask's, else with each task."""
    client: Any = getattr(executor, "_client", None)
    return client.scatter(pack, broadcast=True) if hasattr(client, "scatter") else pack


def _refuse_fork(executor: Executor) -> None:
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise UsageError(
            "processes that are forked hang where JAX has run: make the executor with "
            'mp_context=multiprocessing.get_context("spawn").'
        )
