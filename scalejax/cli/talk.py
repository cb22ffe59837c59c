"""Output of the command: results on stdout, everything else on stderr."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def say(text: str) -> None:
    """Print a line on stderr."""
    print(f"scalejax: {text}", file=sys.stderr)


def say_step(text: str, quiet: bool = False) -> None:
    """Say on a terminal what is done next: nobody should wait in silence, and no log needs it."""
    if not quiet and sys.stderr.isatty():
        say(f"{text} ...")


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


@contextmanager
def spoken_warnings(quiet: bool) -> Iterator[None]:
    """Print our warnings inside the block on stderr, each once, also if an error ends it.

    Args:
        quiet: Whether to print none.
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
                    say(f"warning: {message}")
    for item in caught:
        if item not in ours:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[int, int, int], None] | None]:
    """The `progress` of a fit that draws a bar on a terminal; else None."""
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
