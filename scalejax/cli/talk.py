"""What the command says and where: results on stdout, everything else on stderr."""

import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_RENAMED = {"columns": "column", "bounds": "bound", "fixed": "fix", "tied": "tie", "group": "by"}
_ARGUMENTS = (
    *("on_bad", "units", "loss_unit", "derive", "law", "exclude", "max_steps", "cluster"),
    *("strata", "weights", "sigma", "resampling", "noise", "bootstrap", "about", "by", *_RENAMED),
)
_IN_TABLE = (
    *("columns", "units", "loss_unit", "derive", "on_bad", "exclude"),
    *("weights", "sigma", "strata"),
)
_IN_STUDY = {"group": "by", "cluster": "run"}
_BESIDE_TABLE = ("by", "run", "resampling", "fixed", "tied", "bounds")


def say(text: str) -> None:
    """A line of talk."""
    print(f"scalejax: {text}", file=sys.stderr)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def in_options(text: str) -> str:
    """A message with the arguments of Python written as options: ``units={"N": "B"}`` and such."""

    def option(name: str) -> str:
        return "--" + _RENAMED.get(name, name).replace("_", "-")

    def mapping(match: re.Match[str]) -> str:
        pairs = re.findall(r'"(\w+)": "([^"]*)"', match[2])
        return " ".join(f"{option(match[1])} {key}={value}" for key, value in pairs)

    arguments = "|".join(_ARGUMENTS)
    text = re.sub(rf"\b({arguments})=\{{(.*?)\}}", mapping, text)
    text = re.sub(rf'\b({arguments})="(\w+)"', lambda match: f"{option(match[1])} {match[2]}", text)
    return re.sub(rf"\b({arguments})=(?!\w)", lambda match: option(match[1]), text)


def in_study(text: str) -> str:
    """A message with the arguments of Python as the TOML file of a study has them."""

    def entry(match: re.Match[str]) -> str:
        name, value = _IN_STUDY.get(match[1], match[1]), match[2]
        value = re.sub(r'"(\w+)": ', r"\1 = ", value)
        return f"{'[table] ' * (name in _IN_TABLE)}{name} =" + (value and f" {value}")

    names = "|".join((*_IN_TABLE, *_IN_STUDY, *_BESIDE_TABLE))
    return in_options(re.sub(rf'\b({names})=(\{{.*?\}}|"\w+"|(?!\w))', entry, text))


@contextmanager
def spoken_warnings(quiet: bool, words: Callable[[str], str] = in_options) -> Iterator[None]:
    """Turn our warnings into lines of talk, each once; an error in between leaves them said.

    Args:
        quiet: Whether nothing is said.
        words: How arguments of Python are written.
    """
    from scalejax.errors import DataWarning, FitWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        warnings.simplefilter("always", FitWarning)
        try:
            yield
        finally:
            ours = [item for item in caught if issubclass(item.category, DataWarning | FitWarning)]
            for message in dict.fromkeys(str(item.message) for item in ours):
                if not quiet:
                    say(f"warning: {words(message)}")
    for item in caught:
        if item not in ours:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[int, int, int], None] | None]:
    """A bar on a terminal, else None."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("compiling", total=None)

        def update(done: int, total: int, failed: int) -> None:
            text = f"fitting, {failed} failed" if failed else "fitting"
            bar.update(task, description=text, completed=done, total=total)

        yield update
