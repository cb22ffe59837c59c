"""``scalejax select``: compare laws by how well they predict runs that were held out."""

from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.choices import ObjectiveName, OnBad
from scalejax.cli.options import option
from scalejax.cli.reductions import with_reductions
from scalejax.cli.results import draw_to
from scalejax.cli.talk import print_json, say, say_step, spoken_warnings
from scalejax.errors import UsageError

EXAMPLES = """\b
For example:
  scalejax select runs.csv --at N=70B,D=1.4T
  scalejax select runs.csv --laws chinchilla,skaling,kaplan --criterion error
  scalejax select runs.csv --laws chinchilla,farseer --axis D --plot held-out.png
  scalejax select runs.csv --laws chinchilla --laws mylaws.py:mylaw --folds largest \
--at N=70B,D=1.4T
"""

FAILED = 3


class LawCriterion(StrEnum):
    """By what laws are ranked."""

    DENSITY = "density"
    ERROR = "error"
    AIC = "aic"
    AICC = "aicc"
    BIC = "bic"


class Folds(StrEnum):
    """How runs are held out."""

    ROLLING = "rolling"
    LARGEST = "largest"


@with_reductions
def select(
    runs: o.Runs,
    laws: o.Laws = None,
    criterion: Annotated[
        LawCriterion,
        option("Rank by the density that forecasts give to held-out runs, or by plain fits."),
    ] = LawCriterion.DENSITY,
    folds: Annotated[
        Folds, option("Hold out the runs above a moving cut, or the largest fifth.")
    ] = Folds.ROLLING,
    leave_out: Annotated[
        str | None, option("Column of names: hold out each in turn, instead.", "COLUMN")
    ] = None,
    axis: Annotated[
        str | None, option("Input that says which runs are larger. [default: C]", "NAME")
    ] = None,
    at: o.OneRunAt = None,
    resamples: Annotated[
        int,
        option("Random weightings of the runs, for the intervals.", "NUMBER", parser=o.count),
    ] = 200,
    seed: o.Seed = 0,
    objective: o.Objective = ObjectiveName.HUBER,
    run: o.OneRun = None,
    columns: o.Columns = None,
    units: o.Units = None,
    mapping: o.Mapping = None,
    exclude: o.Exclude = None,
    on_bad: o.OnBadRows = OnBad.RAISE,
    level: o.Level = 0.95,
    plot: o.Plot = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    **reductions: Any,
) -> None:
    """Compare laws on the same runs, by how well they predict runs that were held out.

    Without --laws, four usual laws of N and D. --at forecasts new runs with every law that has
    a weight or is tied with the best, and stacked. The exit code is 3 if a law could not be ranked.
    """
    use_compilation_cache()
    say_step("fitting each law to each fold", quiet)
    # Imported here: JAX and pandas take a second, which --help should not.
    from scalejax.selection import select as compare

    point = None if at is None else words.point("at", at)
    with spoken_warnings(quiet):
        selection = compare(
            words.data_of(runs),
            [words.law_of(name) for name in laws] if laws else None,
            criterion=criterion.value,
            folds=folds.value,
            leave_out=leave_out,
            axis=axis,
            resamples=resamples,
            seed=seed,
            objective=words.objective_of(objective),
            **words.table_options(
                columns=columns,
                units=units,
                mapping=mapping,
                exclude=exclude,
                on_bad=on_bad,
                run=run,
                **reductions,
            ),
        )
    if as_json:
        print_json(_document(selection, point, level))
    else:
        print(selection.summary(level))
        if point is not None:
            print(f"\n{_new_runs(selection, point, level)}")
    if plot is not None:
        draw_to(plot, lambda plots: plots.plot_selection(selection))
        if not quiet:
            say(f"drew {plot}")
    if selection.failed:
        raise typer.Exit(FAILED)


def _new_runs(selection: Any, point: dict[str, float], level: float) -> str:
    """Forecasts of a new run, and whether that far anything was tested."""
    from scalejax.wording import how_far

    if not selection.densities:
        return str(selection.predict(point, level).drop(columns="point").to_string(index=False))
    frame = selection.forecast(point, level)
    far = float(frame["decades_beyond"].max())
    return (
        f"{frame.drop(columns='point').to_string(index=False)}\n"
        f"The run is {far:.1f} decades beyond the largest. Laws were "
        f"{how_far(selection.tested, far)}."
    )


def _document(selection: Any, point: dict[str, float] | None, level: float) -> dict[str, Any]:
    document = {**selection.to_dict(level), "prediction": None, "forecast": None}
    if point is not None:
        if selection.densities:
            document["forecast"] = selection.forecast(point, level).to_dict("records")
        # Curves need resamples and plain fits; the forecast needs neither.
        with suppress(UsageError):
            document["prediction"] = selection.predict(point, level).to_dict("records")
    return document
