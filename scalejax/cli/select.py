"""``scalejax select``: compare laws by their errors on runs that were held out."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import ObjectiveName, OnBad, option
from scalejax.cli.results import draw_to
from scalejax.cli.talk import print_json, say, spoken_warnings

EXAMPLES = """\b
For example:
  scalejax select runs.csv --laws chinchilla,chinchilla_tied,kaplan
  scalejax select runs.csv --laws chinchilla,farseer --axis D --plot held-out.png
  scalejax select runs.csv --laws chinchilla --laws mylaws.py:mylaw --folds largest \
--at N=70B,D=1.4T
"""

FAILED = 3


class Folds(StrEnum):
    """How runs are held out."""

    ROLLING = "rolling"
    LARGEST = "largest"


def select(
    runs: o.Runs,
    laws: o.Laws = None,
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
        int, option("Random weightings of the runs, for the intervals.", min=0)
    ] = 200,
    seed: o.Seed = 0,
    objective: o.Objective = ObjectiveName.HUBER,
    run: o.OneRun = None,
    columns: o.Columns = None,
    units: o.Units = None,
    exclude: o.Exclude = None,
    on_bad: o.OnBadRows = OnBad.RAISE,
    level: o.Level = 0.95,
    plot: o.Plot = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare laws on the same runs, by how well they predict runs that were held out.

    The exit code is 3 if a law could not be fitted.
    """
    if not laws:
        raise words.refusal("laws", "give at least two laws to compare.")
    use_compilation_cache()
    # Imported here: JAX and pandas take a second, which --help should not.
    from scalejax.selection import select as compare

    point = None if at is None else words.point("at", at)
    with spoken_warnings(quiet):
        selection = compare(
            words.data_of(runs),
            [words.law_of(name) for name in laws],
            folds=folds.value,
            leave_out=leave_out,
            axis=axis,
            resamples=resamples,
            seed=seed,
            objective=words.objective_of(objective),
            **words.table_options(
                columns=columns, units=units, exclude=exclude, on_bad=on_bad, run=run
            ),
        )
    prediction = None if point is None else selection.predict(point, level)
    if as_json:
        print_json(_document(selection, prediction, level))
    else:
        print(selection.summary(level))
        if prediction is not None:
            print()
            print(prediction.drop(columns="point").to_string(index=False))
    if plot is not None:
        draw_to(plot, lambda plots: plots.plot_selection(selection))
        if not quiet:
            say(f"drew {plot}")
    if selection.failed:
        raise typer.Exit(FAILED)


def _document(selection: Any, prediction: Any, level: float) -> dict[str, Any]:
    return {
        **selection.to_dict(level),
        "prediction": None if prediction is None else prediction.to_dict("records"),
    }
