"""Old names that work for one more release, each with a `DeprecationWarning` that says the new one.

`renamed` is for keyword arguments, `moved` for names that left the front of the package. The
command has its own list of old options, in `scalejax.cli.renamed`.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from scalejax.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let old keyword arguments of a function work: ``@renamed(bootstrap="resamples")``.

    Args:
        **names: The new name of each old one.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: Any, **keywords: Any) -> R:
            for old in names.keys() & keywords.keys():
                new = names[old]
                if new in keywords:
                    raise UsageError(f"{old}= is the old name of {new}=: give {new}= alone.")
                moved(f"{old}=", f"{new}=", level=3)
                keywords[new] = keywords.pop(old)
            return function(*args, **keywords)

        return call

    return decorate


def moved(old: str, new: str, level: int = 2) -> None:
    """Say that `old` is called `new` now.

    Args:
        old: The old name as people wrote it.
        new: What to write instead.
        level: How far up the stack the person's own line is, as in `warnings.warn`.
    """
    text = f"{old} is called {new} now; the old name goes in the next release."
    warnings.warn(text, DeprecationWarning, stacklevel=level + 1)
