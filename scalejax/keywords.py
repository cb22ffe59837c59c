"""Keywords of the verbs: old names still work, and an unknown one is refused with the nearest.

`keywords` decorates a verb whose keywords were renamed, or are passed on to another function
(`**options`); `warn_of_new_name` is for anything else that was renamed. The command has its own
list of old options, `scalejax.cli.renamed`.
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
    """A decorator that takes old names of keywords for one more release and refuses unknown ones.

        @keywords(TableOptions, bootstrap="resamples")
        def fit(data, *, resamples=1000, **options): ...

    Args:
        more: A `TypedDict` of the keywords that the function takes as ``**``.
        **renamed: The new name of each old one.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(function).parameters
        others = [n for n, one in own.items() if one.kind is inspect.Parameter.VAR_KEYWORD]
        names = {*own, *(more.__annotations__ if more else ())} - {*others}
        complete = more is not None or not others

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> R:
            options = _by_new_names(options, renamed)
            if complete and (unknown := options.keys() - names):
                raise UsageError(_unknown(function.__name__, sorted(unknown), names, renamed))
            return function(*args, **options)

        return call

    return decorate


def warn_of_new_name(old: str, new: str, level: int = 2) -> None:
    """Warn that `old` is called `new` now.

    Args:
        old: The old name as people wrote it.
        new: What to write instead.
        level: How far up the stack the caller's own line is, as in `warnings.warn`.
    """
    text = f"{old} is called {new} now; the old name goes in the next release."
    warnings.warn(text, DeprecationWarning, stacklevel=level + 1)


def _by_new_names(options: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """The keywords by their new names, with a warning for each old one."""
    for old in renamed.keys() & options.keys():
        new = renamed[old]
        if new in options:
            raise UsageError(f"{old}= is the old name of {new}=: give {new}= alone.")
        warn_of_new_name(f"{old}=", f"{new}=", level=3)
        options[new] = options.pop(old)
    return options


def _unknown(verb: str, unknown: list[str], names: set[str], renamed: Mapping[str, str]) -> str:
    """The message for keywords that the verb does not have, with the nearest that it has."""
    words = {argument(name): argument(renamed.get(name, name)) for name in {*names, *renamed}}
    sentences = []
    for name in unknown:
        near = did_you_mean(argument(name), words)
        sentences.append(f"{verb} has no {argument(name)}{near or '; help() lists what it takes'}")
    return "; ".join(sentences) + "."
