"""How a long command ends before it is done: signals, the disk, and what is said then."""

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
    """Remembers the signal that came, as what a handler raises may be lost.

    Python drops it where it cannot be passed on: in a destructor, in a callback of the garbage
    collector, of which JAX has one.
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
    """Leave a job that can be resumed, and say so, whatever ends it.

    Args:
        out: Folder of the job.

    Yields:
        To be called now and then: it stops if a signal came and was lost.
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
        kept = f" Finished shards are kept; go on with: scalejax resume {out}" if out else ""
        say(f"{word}.{kept}")
        raise typer.Exit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
