"""The command ``scalejax``: fit laws to files of runs, check them, plan and design new runs.

A verb is a function whose docstring and options are its help; it calls the verb of the same name in
Python. Results go to stdout, everything else to stderr. Exit codes: 0 fine, 1 an error, 2 wrong
usage, 3 no estimate, or some of many problems failed, 74 the disk or the output cannot be written,
75 terminated, 130 interrupted, 141 nobody reads the output any more.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from scalejax.cli.advise import EXAMPLES as ADVISE_EXAMPLES
from scalejax.cli.advise import advise
from scalejax.cli.check import EXAMPLES as CHECK_EXAMPLES
from scalejax.cli.check import check
from scalejax.cli.datasets import EXAMPLES as DATASETS_EXAMPLES
from scalejax.cli.datasets import datasets
from scalejax.cli.design import EXAMPLES as DESIGN_EXAMPLES
from scalejax.cli.design import design
from scalejax.cli.fit import EXAMPLES, fit
from scalejax.cli.forecast import EXAMPLES as FORECAST_EXAMPLES
from scalejax.cli.forecast import forecast
from scalejax.cli.laws import laws_app
from scalejax.cli.page import EXAMPLES as PAGE_EXAMPLES
from scalejax.cli.page import page
from scalejax.cli.plan import EXAMPLES as PLAN_EXAMPLES
from scalejax.cli.plan import plan
from scalejax.cli.question import compare, predict, sensitivity
from scalejax.cli.renamed import current
from scalejax.cli.report import EXAMPLES as REPORT_EXAMPLES
from scalejax.cli.report import report
from scalejax.cli.reproduce import reproduce
from scalejax.cli.select import EXAMPLES as SELECT_EXAMPLES
from scalejax.cli.select import select
from scalejax.cli.show import show
from scalejax.cli.stopping import survivable
from scalejax.cli.study import EXAMPLES as STUDY_EXAMPLES
from scalejax.cli.study import resume, study
from scalejax.cli.talk import say
from scalejax.cli.words import check_command
from scalejax.errors import DiskError, InputError, ScalejaxError, UsageError
from scalejax.vocabulary import speaking

__all__ = ["app", "main"]

_EPILOG = (
    "Exit codes: 0 fine, 1 an error, 2 wrong usage, 3 no estimate, or some of many failed, "
    "74 the disk cannot be written, 75 terminated, 130 interrupted, 141 nobody reads the output. "
    "Compiled programs are kept in a cache, which SCALEJAX_NO_CACHE=1 turns off."
)

app = typer.Typer(
    name="scalejax",
    help="Fit scaling laws to training runs: how the loss falls with model size and data. Then "
    "predict larger runs, plan them, and choose what to train next. Begin with: scalejax fit",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(short_help="Fit a law to runs: parameters, intervals, verdict.", epilog=EXAMPLES)(fit)
app.command(
    short_help="Show what a file of runs holds, what is odd, and what to type next.",
    epilog=CHECK_EXAMPLES,
)(check)
app.command(short_help="List the tables that have a name.", epilog=DATASETS_EXAMPLES)(datasets)
app.add_typer(laws_app, name="laws", short_help="List the laws and their published coefficients.")
app.command()(show)
app.command(short_help="Make a saved fit again and compare all numbers.")(reproduce)
app.command()(predict)
app.command(
    short_help="Forecast the losses of larger runs, with intervals.", epilog=FORECAST_EXAMPLES
)(forecast)
app.command(short_help="Show what the conclusions of a fit rest on.")(sensitivity)
app.command(short_help="Compare two fits of the same runs.")(compare)
app.command(short_help="Rank laws by how well they predict held-out runs.", epilog=SELECT_EXAMPLES)(
    select
)
app.command(short_help="Fit many laws as one job that can be resumed.", epilog=STUDY_EXAMPLES)(
    study
)
app.command(short_help="Go on with the job of a study.")(resume)
app.command(short_help="Say what published advice is worth on your runs.", epilog=ADVISE_EXAMPLES)(
    advise
)
app.command(short_help="Plan a training run: the best N, D and bits.", epilog=PLAN_EXAMPLES)(plan)
app.command(short_help="Write one HTML page that answers what if.", epilog=PAGE_EXAMPLES)(page)
app.command(short_help="Choose which runs to train next.", epilog=DESIGN_EXAMPLES)(design)
app.command(short_help="Write one HTML page about a saved fit.", epilog=REPORT_EXAMPLES)(report)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit.

    Args:
        arguments: The words after ``scalejax``; those of the process if not given.
    """
    words = current(sys.argv[1:] if arguments is None else arguments)
    with survivable():
        _run(words)


def _run(words: list[str]) -> None:
    try:
        app(args=words, prog_name="scalejax")
    except DiskError:
        raise
    except ScalejaxError as error:
        say(f"error: {error}")
        if isinstance(error, InputError) and (command := check_command(app, words)):
            say(f"to see what was read: {command}")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except MemoryError:
        say("error: the work does not fit into the memory: give fewer rows, resamples or points.")
        sys.exit(1)


def _print_version(yes: bool) -> None:
    if yes:
        from importlib.metadata import version

        print(f"scalejax {version('scalejax')}", flush=True)
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    context.with_resource(speaking("terminal"))
