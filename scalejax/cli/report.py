"""``scalejax report``: one HTML page about a saved fit."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Annotated

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import option
from scalejax.cli.talk import say, spoken_warnings

SLOW = 2.0
"""Seconds after which the steps of a report are said, so that nobody waits in silence."""

# The backspace keeps the lines as they are.
EXAMPLES = """\b
For example:
  scalejax fit runs.csv --out fits/mine
  scalejax report fits/mine -o report.html
  scalejax report fits/mine -o report.html --at C=1e24 --at C=1e25 --discrepancy 0.005
"""


def report(
    folder: o.FitFolder,
    out: Annotated[
        Path,
        option("The HTML file to write; a report that is there is replaced.", None, "--out", "-o"),
    ],
    law: o.OwnLaw = None,
    level: o.Level = 0.95,
    at: o.At = None,
    discrepancy: o.Discrepancy = None,
    title: Annotated[str | None, option("Title of the page.")] = None,
    tables: Annotated[
        Path | None,
        option("Also write the numbers behind the report to this folder, as CSV.", "FOLDER"),
    ] = None,
    quiet: o.Quiet = False,
) -> None:
    """Write a report of a saved fit: one HTML file, the verdict first, readable offline.

    The report refits without each run and under other choices, which takes some seconds.
    """
    tell = _teller(quiet)
    use_compilation_cache()
    tell(f"reading {folder}")
    # Imported here: JAX and matplotlib take a second, which --help should not.
    import matplotlib as mpl

    mpl.use("Agg")
    from scalejax import reporting

    reporting.check_path(out)
    if tables is not None:
        reporting.check_folder(tables)
    fit = words.fit_in(folder, law)
    options = reporting.ReportOptions(
        level, title, words.points(at), discrepancy, reporting.saved_answers(folder)
    )
    with spoken_warnings(quiet):
        content = reporting.content(fit, options, tell)
    reporting.save(reporting.to_html(content), out)
    files = [] if tables is None else reporting.save_tables(content, tables)
    if not quiet:
        say(f"wrote {out}: {content.verdict.headline}")
        if files:
            say(f"wrote {len(files)} tables to {tables}")


def _teller(quiet: bool) -> Callable[[str], None]:
    """A function that says the next step: on a terminal at once, else after `SLOW` seconds."""
    start = perf_counter() - SLOW * sys.stderr.isatty()

    def tell(text: str) -> None:
        if not quiet and perf_counter() - start > SLOW:
            say(f"{text} ...")

    return tell
