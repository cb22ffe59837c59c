"""How a long command stops early: on signals and errors of the disk, with a message."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import typer

from scalejax.cli.talk import say
from scalejax.errors import ScalejaxError, UsageError

DISK_FULL, TERMINATED, INTERRUPTED = 74, 75, 130

_ENDS = {signal.SIGINT: ("interrupted", INTERRUPTED), signal.SIGTERM: ("terminated", TERMINATED)}


class _Stopped(BaseException):
    """A signal came: Ctrl-C, or SIGTERM before a machine is taken away."""


class Signals:
    """Remembers the signal that came, because the exception of its handler may be lost.

    Python drops exceptions in destructors and in callbacks of the garbage collector; JAX has such a
    callback.
    """

    def __init__(self) -> None:
        self.came: signal.Signals | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Stop at once."""
        self.came = signal.Signals(number)
        raise _Stopped

    def check(self) -> None:
        """Stop now if a signal came before."""
        if self.came is not None:
            raise _Stopped


@contextlib.contextmanager
def survivable(out: Path | None) -> Iterator[Callable[[], None]]:
    """Turn errors and signals inside the block into a message and an exit code.

    The job in the folder can be resumed, which the message says.

    Args:
        out: Folder of the job.

    Yields:
        A function to call now and then: it stops if the exception of a signal was lost.
    """
    signals = Signals()
    before = {number: signal.signal(number, signals.handle) for number in _ENDS}
    try:
        yield signals.check
    except ScalejaxError as error:
        from scalejax.studies import DiskError

        say(f"error: {error!s}")
        full = isinstance(error, DiskError)
        raise typer.Exit(DISK_FULL if full else 2 if isinstance(error, UsageError) else 1) from None
    except _Stopped:
        word, code = _ENDS[signals.came or signal.SIGTERM]
        advice = f" Finished shards are kept; go on with: scalejax resume {out}" if out else ""
        say(f"{word}.{advice}")
        raise typer.Exit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
