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
  scalejax advise plan.csv --target N=70B,D=1.4T     # runs that have no losses yet
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
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling of targets.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not text.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Say which published recommendations apply to these runs, and what each is worth on them.

    Each size from the fourth up is held out in turn and predicted from the smaller ones.
    """
    if not 0 < level < 1:
        raise typer.BadParameter("it must lie between 0 and 1.", param_hint="--level")
    use_compilation_cache()
    # Imported here: JAX and pandas take a second, which --help should not.
    from scalejax import datasets
    from scalejax.advice import advise as find

    given: dict[str, Any] = {
        "columns": options.pairs("--column", column or []),
        "units": options.units(units or []),
        "exclude": options.excluded(exclude),
        "on_bad": "drop" if on_bad is OnBad.DROP else None,
    }
    given = {name: value for name, value in given.items() if value not in (None, {})}
    data: Any = runs
    if runs in datasets.names() and not Path(runs).exists():
        data = datasets.load(runs)
    wanted = None if target is None else options.numbers_in("--target", target)
    with spoken_warnings(quiet):
        found = find(
            data,
            options.law_of(law),
            run=run,
            by=by,
            target=wanted,
            level=level,
            seed=seed,
            **given,
        )
    if not as_json:
        print(found.summary())
        return
    frame = found.to_frame()
    print_json(
        {
            "recommendations": frame.astype(object).where(frame.notna(), None).to_dict("records"),
            "expected": found.expected,
            "distance": found.distance,
            "tested": found.tested,
            "floor": found.floor,
            "floor_measured": found.floor_measured,
            "planned": found.planned,
            "level": level,
            "seed": seed,
        }
    )
