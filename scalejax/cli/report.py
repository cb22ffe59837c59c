"""``scalejax report``: one HTML page about a saved fit."""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import law_of
from scalejax.cli.talk import say, spoken_warnings

SLOW = 2.0
"""Seconds after which what goes on is said."""

# The backspace keeps the lines as they are.
EXAMPLES = """\b
For example:
  scalejax fit runs.csv --out fits/mine
  scalejax report fits/mine -o report.html
  scalejax report fits/mine -o report.html --budget 1e24 --budget 1e25 --discrepancy 0.005
"""


def report(
    folder: Annotated[str, typer.Argument(help="The folder of a saved fit.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The HTML file to write; a report that is there is replaced."
        ),
    ],
    law: Annotated[
        str | None,
        typer.Option(help="For a fit of a law of your own: module:name or file.py:name."),
    ] = None,
    level: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.95,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FLOP",
            help="Compute whose best model is wanted, for laws of N and D. Repeatable. "
            "[default: 100 times the largest run]",
        ),
    ] = None,
    discrepancy: Annotated[
        float | None,
        typer.Option(help="Error of the law per decade beyond the data: 0.005 is 0.5 %."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    tables: Annotated[
        Path | None,
        typer.Option(help="Also write the numbers behind the report to this folder, as CSV."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Write a report of a saved fit: one HTML file, the verdict first, readable offline.

    The report refits without each run and under other choices, which takes some seconds.
    """
    if not 0 < level < 1:
        raise typer.BadParameter("it must lie between 0 and 1.", param_hint="--level")
    if discrepancy is not None and not discrepancy >= 0:
        raise typer.BadParameter("it must not be negative.", param_hint="--discrepancy")
    budgets = [_flop(text) for text in budget or []]
    tell = _teller(quiet)
    use_compilation_cache()
    # Imported here: JAX and matplotlib take a second, which --help should not.
    import matplotlib as mpl

    from scalejax.fitting import load_fit

    mpl.use("Agg")
    import scalejax.reporting as page

    page.check_path(out)
    if tables is not None:
        page.check_folder(tables)
    fit = load_fit(folder, None if law is None else law_of(law))
    asked = page.Asked(level, title, budgets or None, discrepancy, page.saved_answers(folder))
    with spoken_warnings(quiet):
        found = page.content(fit, asked, tell)
    page.save(page.to_html(found), out)
    written = [] if tables is None else page.save_tables(found, tables)
    if not quiet:
        say(f"wrote {out}: {found.verdict.headline}")
        if written:
            say(f"wrote {len(written)} tables to {tables}")


def _flop(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and value > 0):
        raise typer.BadParameter(f"{text!r} is no compute in FLOP.", param_hint="--budget")
    return value


def _teller(quiet: bool) -> Callable[[str], None]:
    """Says what begins, once it has taken long."""
    start = perf_counter()

    def tell(text: str) -> None:
        if not quiet and perf_counter() - start > SLOW:
            say(f"{text} ...")

    return tell
