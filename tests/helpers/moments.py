"""Moments at which work may be stopped, one after another, in one process.

A signal becomes an exception between two steps of the interpreter, and a kill leaves the disk as it
is there; both can be tried before every line of a module, or before every change of the disk.
"""

import os
import sys
from contextlib import contextmanager


@contextmanager
def before_each_line(modules, act):
    """Call a function before each line of some modules; what it raises is raised there."""
    files = {module.__file__ for module in modules}

    def trace(frame, event, _):
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            act()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


_CHANGES = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "shutil.rmtree"}
_listeners = []


def _hear(event, arguments):
    if _listeners and event in _CHANGES and not isinstance(arguments[0], int):
        for place, act in _listeners:
            if os.path.abspath(os.fsdecode(arguments[0])).startswith(place):
                act()


# There is no way to take it back: it hears while there are listeners.
sys.addaudithook(_hear)


@contextmanager
def before_each_change(place, act):
    """Call a function before each file in a folder is opened, moved or removed."""
    _listeners.append((str(place), act))
    try:
        yield
    finally:
        _listeners.pop()


class Moments:
    """Counts moments, and acts at one of them.

    Args:
        at: The number of that moment, from 1; none if it is 0.
        act: What happens then.
    """

    def __init__(self, at=0, act=None):
        self.count, self.at, self.act = 0, at, act

    def __call__(self):
        self.count += 1
        if self.count == self.at:
            self.act()


def content(place):
    """Names and bytes of everything in a folder."""
    return {
        str(file.relative_to(place)): file.read_bytes()
        for file in sorted(place.rglob("*"))
        if file.is_file()
    }
