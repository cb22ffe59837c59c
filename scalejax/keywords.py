"""Keywords of the verbs: old names that still work, and unknown ones that are told the nearest.

`keywords` decorates a verb whose keywords were renamed or go on to others (`**options`); `moved`
says that a name has moved. The command has its own list of old options, `scalejax.cli.renamed`.
"""

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from scalejax.errors import UsageError
from scalejax.vocabulary import argument, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")


def keywords(
    more: type | None = None, **renamed: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Take old names of keywords for one more release, and refuse unknown ones with the nearest.

        @keywords(TableOptions, bootstrap="resamples")
        def fit(data, *, resamples=1000, **options): ...

    Args:
        more: A `TypedDict` of the keywords that the function takes as ``**``; without it unknown
            ones are left to Python.
        **renamed: The new name of each old one.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        own = [
            name
            for name, one in inspect.signature(function).parameters.items()
            if one.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        names = {*own, *(more.__annotations__ if more else ())}

        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> R:
            given = _current(given, renamed)
            if more and (unknown := given.keys() - names):
                raise UsageError(_unknown(function.__name__, sorted(unknown), names, renamed))
            return function(*args, **given)

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


def _current(given: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """The keywords by their new names."""
    for old in renamed.keys() & given.keys():
        new = renamed[old]
        if new in given:
            raise UsageError(f"{old}= is the old name of {new}=: give {new}= alone.")
        moved(f"{old}=", f"{new}=", level=3)
        given[new] = given.pop(old)
    return given


def _unknown(verb: str, unknown: list[str], names: set[str], renamed: Mapping[str, str]) -> str:
    """What to write instead of keywords that the verb does not have."""
    words = {argument(name): argument(renamed.get(name, name)) for name in {*names, *renamed}}
    said = []
    for name in unknown:
        near = did_you_mean(argument(name), words)
        said.append(f"{verb} has no {argument(name)}{near or '; help() lists what it takes'}")
    return "; ".join(said) + "."
