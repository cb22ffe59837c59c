"""``scalejax page``: one HTML page that answers what if, of a plan, a fit, a study or a set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import option
from scalejax.cli.talk import say, say_step, spoken_warnings
from scalejax.errors import UsageError

if TYPE_CHECKING:
    from scalejax.fitting import Fit
    from scalejax.forecasting import Forecast
    from scalejax.planning import Plan
    from scalejax.studies import StudyResult

# The backspace keeps the lines as they are.
EXAMPLES = """\b
For example:
  scalejax page fits/mine -o page.html
  scalejax page besiroglu2024 -o page.html --budget 1e24
  scalejax plan fits/mine --usd 5M --hardware h100 --out plans/next
  scalejax page plans/next -o page.html
  scalejax page jobs/mine -o study.html
"""


def page(
    what: Annotated[
        str,
        typer.Argument(
            help="Folder of a saved plan (plan --out), fit (fit --out), forecast (forecast --out) "
            "or study (study --out), or a published set of coefficients such as besiroglu2024.",
            metavar="WHAT",
            callback=o.check_source,
        ),
    ],
    out: Annotated[
        Path,
        option("The HTML file to write; a page that is there is replaced.", None, "--out", "-o"),
    ],
    budget: Annotated[
        str | None,
        option(
            "Compute that the page begins with. [default: as the plan, else 100 times the "
            "largest run]",
            "FLOP",
        ),
    ] = None,
    flop_per_token: o.FlopPerToken = None,
    level: o.Level = 0.95,
    law: o.OwnLaw = None,
    by_forecast: o.ByForecast = False,
    quiet: o.Quiet = False,
) -> None:
    """Write a page that answers what if: one HTML file with controls, which works offline.

    It holds the law, its draws and its runs, and finds the best N and D for whatever compute,
    dollars, data and demand are set in it. A saved plan keeps its own question and level.
    Of a study it shows the parameters over the families, errors and failures.
    """
    use_compilation_cache()
    if not quiet:
        say_step("writing the page")
    # Imported here: JAX takes a second, which --help should not.
    from scalejax import pages

    pages.check_page_path(out)
    question = {"budget": budget, "flop_per_token": flop_per_token}
    question = {name: value for name, value in question.items() if value is not None}
    with spoken_warnings(quiet):
        subject = _subject(what, law, by_forecast, level)
        if subject is None:
            raise UsageError(f"others still work on the job in {what}: wait for them.")
        pages.page(subject, out, **question, **_level(subject, level))
    if not quiet:
        say(f"wrote {out}")


def _subject(
    what: str, law: str | None, by_forecast: bool, level: float
) -> "Plan | Fit | Forecast | StudyResult | str | None":
    """The saved plan, the result of a job, or what a plan is made of."""
    from scalejax.planning import PLAN, load_plan
    from scalejax.studies import Folder, resume

    if Folder(what).exists:
        return resume(what)
    if (Path(what) / PLAN).is_file():
        return load_plan(what, None if law is None else words.law_of(law))
    return words.source_of(what, law, by_forecast, level)


def _level(subject: object, level: float) -> dict[str, float]:
    """The level, for what has none of its own."""
    from scalejax.planning import Plan
    from scalejax.studies import StudyResult

    return {} if isinstance(subject, Plan | StudyResult) else {"level": level}
