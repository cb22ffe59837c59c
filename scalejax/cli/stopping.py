"""How every verb stops early: on signals, errors of the disk, and an output that nobody reads.

Each ends with one line that says what is lost and what is kept, and with an exit code of its own.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from scalejax.cli.talk import say
from scalejax.errors import DiskError

DISK_FULL, TERMINATED, INTERRUPTED, UNREAD = 74, 75, 130, 141

KEPT = "What was being worked out is lost; files that were written before are whole."

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
def survivable(kept: str = KEPT) -> Iterator[Callable[[], None]]:
    """Turn signals and errors of the disk inside the block into a line and an exit code.

    Args:
        kept: What is kept if a signal comes, and how to go on.

    Yields:
        A function to call now and then: it stops if the exception of a signal was lost.

    Raises:
        SystemExit: The block was stopped.
    """
    signals = Signals()
    main = threading.current_thread() is threading.main_thread()
    # Who starts a command in the background may have it ignore Ctrl-C.
    ours = [number for number in _ENDS if main and signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, signals.handle) for number in ours}
    try:
        yield signals.check
        sys.stdout.flush()
        signals.check()
    except SystemExit as end:
        # typer has made an exit of it.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        _leave(_unread(), UNREAD)
    except DiskError as error:
        _leave(f"error: {error}", DISK_FULL)
    except BrokenPipeError:
        _leave(_unread(), UNREAD)
    except OSError as error:
        place = error.filename or "the output"
        _leave(f"error: {place} cannot be used ({error.strerror or error}). {KEPT}", DISK_FULL)
    except _Stopped:
        word, code = _ENDS[signals.came or signal.SIGTERM]
        _leave(f"{word}. {kept}", code)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _unread() -> str:
    return "the output was closed before its end. The rest of it is lost; files are whole."


def _leave(text: str, code: int) -> None:
    """Say a line, if anybody can hear it, and exit; what waits to be printed is given up."""
    with contextlib.suppress(OSError, ValueError):
        say(text)
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        # Else the interpreter tries again as it ends, and fails with a traceback.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code) from None
