"""``scalejax select``: which law to believe, by what was held out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from scalejax.cli import options
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import ObjectiveName, OnBad, Scale
from scalejax.cli.results import PLOT_TYPES, save_figure
from scalejax.cli.talk import print_json, say, spoken_warnings

EXAMPLES = """\b
For example:
  scalejax select runs.csv --law chinchilla --law chinchilla_tied --law kaplan
  scalejax select runs.csv --law chinchilla --law farseer --axis D --plot held-out.png
  scalejax select runs.csv --law chinchilla --law mylaws.py:mylaw --folds largest --at N=70B,D=1.4T
"""

FAILED = 3


class Folds(StrEnum):
    """How runs are held out."""

    ROLLING = "rolling"
    LARGEST = "largest"


def select(
    runs: Annotated[str, typer.Argument(help="File with one training run a row.", metavar="RUNS")],
    law: Annotated[
        list[str], typer.Option(help="A law (see scalejax laws), at least two. Repeatable.")
    ],
    folds: Annotated[
        Folds,
        typer.Option(help="Hold out what is larger than a moving cut, or the largest fifth."),
    ] = Folds.ROLLING,
    leave: Annotated[
        str | None,
        typer.Option("--leave-out", help="Hold out each name of this column in turn, instead."),
    ] = None,
    axis: Annotated[
        str | None, typer.Option(help="Input along which runs are held out. [default: C]")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="N=70B,D=1.4T", help="Predict this run with the laws that are tied."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=0, help="Random weightings of the runs.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    objective: Annotated[ObjectiveName, typer.Option(help="What is minimised.")] = (
        ObjectiveName.HUBER
    ),
    cluster: Annotated[
        str | None, typer.Option(help="Column that names the run: its rows are weighted as one.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="N=COLUMN", help="Which column is what. Repeatable."),
    ] = None,
    units: Annotated[
        list[str] | None, typer.Option(metavar="N=UNIT", help="Unit of a column. Repeatable.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help='Leave rows out: a 0/1 column, "top5(loss)", or numbers.')
    ] = None,
    on_bad: Annotated[
        OnBad, typer.Option(help="Refuse a file with unusable rows, or set those rows aside.")
    ] = OnBad.RAISE,
    level: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.95,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the held-out errors (.png, .pdf or .svg).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not text.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Compare laws on the same runs, by how well they predict runs that were held out.

    The exit code is 3 if a law could not be fitted.
    """
    if plot is not None and plot.suffix.lower() not in PLOT_TYPES:
        raise typer.BadParameter(
            f"the file must end in {', '.join(PLOT_TYPES)}.", param_hint="--plot"
        )
    if not 0 < level < 1:
        raise typer.BadParameter("it must lie between 0 and 1.", param_hint="--level")
    use_compilation_cache()
    # Imported here: JAX and pandas take a second, which --help should not.
    from scalejax import datasets
    from scalejax.data import load_table
    from scalejax.selection import leave_groups
    from scalejax.selection import select as compare

    given: dict[str, Any] = {
        "columns": options.pairs("--column", column or []),
        "units": options.units(units or []),
        "exclude": options.excluded(exclude),
        "on_bad": "drop" if on_bad is OnBad.DROP else None,
        "run": cluster,
    }
    given = {name: value for name, value in given.items() if value not in (None, {})}
    laws = [options.law_of(name) for name in law]
    data: Any = runs
    if runs in datasets.names() and not Path(runs).exists():
        data = datasets.load(runs)
    chosen: Any = folds.value
    with spoken_warnings(quiet):
        if leave is not None:
            inputs = tuple(dict.fromkeys(name for one in laws for name in one.inputs))
            data = load_table(data, inputs=inputs, by=leave, **given)
            chosen = leave_groups([data.group_labels[code] for code in data.group])
            given = {}
        found = compare(
            data,
            laws,
            folds=chosen,
            axis=axis,
            resamples=resamples,
            seed=seed,
            objective=options.objective_of(objective, Scale.LOG, None, None),
            **given,
        )
    prediction = None if at is None else found.predict(options.numbers_in("--at", at), level)
    ranking = found.ranking(level)
    if as_json:
        print_json(
            {
                "ranking": ranking.reset_index().to_dict("records"),
                "failed": found.failed,
                "weights": found.weights(level),
                "prediction": None if prediction is None else prediction.to_dict("records"),
                "axis": found.axis,
                "folds": [fold.name for fold in found.folds],
                "resamples": resamples,
                "seed": seed,
            }
        )
    else:
        print(found.summary(level))
        if prediction is not None:
            print()
            print(prediction.drop(columns="point").to_string(index=False))
    if plot is not None:
        _draw(found, plot)
        if not quiet:
            say(f"drew {plot}")
    if found.failed:
        raise typer.Exit(FAILED)


def _draw(found: Any, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from scalejax.plots import plot_selection

    save_figure(plot_selection(found.errors()).figure, path)
