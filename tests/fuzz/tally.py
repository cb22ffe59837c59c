"""What became of the cases of a kind: refused, taken rightly, taken wrongly, broken, too slow."""

import math
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST_SECONDS = 60.0
"""What a case may take, on a machine that others use too."""
MOST_MEMORY = 8 * 2**30
"""Bytes of addresses that a kind may have beyond those at its beginning, most for the compiler."""


class TooLong(BaseException):
    """A case took longer than it may."""


class Wrong(AssertionError):
    """A case was taken, and had to be refused or to give something else."""


class Tally:
    """Counts of one kind.

    Attributes:
        kind: Its name.
        fates: How often each fate came.
        faults: What is to be mended, a text each.
        slowest: Seconds of the slowest case.
        deadline: When no case begins any more, of all tallies; of `time.monotonic`.
    """

    deadline = math.inf

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.fates: Counter[str] = Counter()
        self.faults: list[str] = []
        self.slowest = 0.0

    def add(self, about: object, case: Callable[..., str], *arguments: Any) -> None:
        """Run a case, which gives its fate or raises `Wrong`; all else is a traceback."""
        if time.monotonic() > self.deadline:
            return
        begin = time.perf_counter()
        try:
            with _within(MOST_SECONDS):
                fate = case(*arguments)
        except Wrong as wrong:
            fate = "wrongly taken"
            self.faults.append(f"{fate}: {about!r}: {wrong}")
        except TooLong:
            fate = "too slow"
            self.faults.append(f"{fate}: {about!r}")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            fate = "traceback"
            last = traceback.format_exc(limit=-3)
            self.faults.append(f"{fate}: {about!r}: {last}")
        self.fates[fate] += 1
        self.slowest = max(self.slowest, time.perf_counter() - begin)


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def limited_memory() -> Iterator[None]:
    """The system refuses memory beyond `MOST_MEMORY` more than there is now."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MOST_MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
