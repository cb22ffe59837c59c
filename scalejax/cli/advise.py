"""``scalejax advise``: what published advice is worth on a table of runs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalejax.cli import options
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import OnBad
from scalejax.cli.talk import print_json, spoken_warnings

EXAMPLES = """\b
For example:
  scalejax advise runs.csv --run model
  scalejax advise runs.csv --run model --by family --target N=70B,D=1.4T
  scalejax advise plan.csv --plan                    # runs that have no losses yet
  scalejax advise runs.csv --run model --dry-run     # how many laws it takes, and how long
"""


def advise(
    runs: Annotated[
        str, typer.Argument(help="File with one run, or checkpoint, a row.", metavar="RUNS")
    ],
    law: Annotated[str, typer.Option(help="The law that is to be fitted.")] = "chinchilla",
    run: Annotated[
        str | None,
        typer.Option(help="Column that names the model of a row; its rows are checkpoints."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Column that names the family of a row.")] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="N=70B,D=1.4T", help="The model whose loss is to be predicted."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="These are runs to come: look for no losses.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the laws to fit, time a few of them, and stop.")
    ] = False,
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not text.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Say which published recommendations apply to these runs, and what each is worth on them.

    Each size from the fourth up is held out in turn and predicted from the smaller ones. With
    several families all counts are of each by itself.
    """
    if not 0 < level < 1:
        raise typer.BadParameter("it must lie between 0 and 1.", param_hint="--level")
    use_compilation_cache()
    # Imported here: JAX and pandas take a second, which --help should not.
    from scalejax import datasets
    from scalejax.advice import advise as find
    from scalejax.advice import forecast

    given: dict[str, Any] = {
        "columns": options.pairs("--column", column or []),
        "units": options.units(units or []),
        "exclude": options.excluded(exclude),
        "on_bad": "drop" if on_bad is OnBad.DROP else None,
    }
    given = {name: value for name, value in given.items() if value not in (None, {})}
    given |= {"run": run, "by": by, "plan": plan}
    data: Any = runs
    if runs in datasets.names() and not Path(runs).exists():
        data = datasets.load(runs)
    wanted = None if target is None else options.numbers_in("--target", target)
    with spoken_warnings(quiet):
        if dry_run:
            cost = forecast(data, options.law_of(law), **given)
            print_json(vars(cost)) if as_json else print(cost.summary())
            return
        found = find(data, options.law_of(law), target=wanted, level=level, **given)
    print_json(found.to_dict()) if as_json else print(found.summary())
