"""``scalejax design``: which runs to train next, and what they will tell."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import law_of, numbers_in, ranges
from scalejax.cli.results import PLOT_TYPES, save_figure
from scalejax.cli.talk import print_json, say, spoken_warnings
from scalejax.errors import InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from scalejax.designing import Asked, Design

_OPTIONS = {
    "target": "--target or --at",
    "hardware": "--gpu",
    "usd_per_hour": "--price",
    "ranges": "--within",
    **{
        name: f"--{name}"
        for name in (
            *("budget", "usd", "runs", "criterion", "candidates", "noise", "discrepancy", "mfu"),
            *("level", "draws", "seed", "width"),
        )
    },
}

EXAMPLES = """\b
For example:
  scalejax design fits/mine --budget 1e22 --target 1e24
  scalejax design fits/mine --usd 50000 --gpu h100 --at N=70B,D=1.4T --width 2%
  scalejax design --published besiroglu2024 --budget 1e21 --noise 0.004 --runs 16 --csv next.csv
  scalejax design fits/mine --budget 1e22 --candidates runs.csv --criterion D --plot next.png
"""


class CriterionName(StrEnum):
    """What is made small."""

    C = "c"
    D = "D"
    A = "A"


def _with(help: str, metavar: str, *names: str) -> Any:
    return typer.Option(*names, help=help, metavar=metavar)


def design(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a saved fit; or give --published.")
    ] = None,
    published: Annotated[
        str | None,
        typer.Option(help="A published set of coefficients, if there are no runs yet."),
    ] = None,
    budget: Annotated[str | None, _with("Compute for all new runs.", "FLOP")] = None,
    usd: Annotated[str | None, _with("Dollars for them instead; needs --gpu.", "DOLLARS")] = None,
    target: Annotated[
        str | None,
        _with("Know the best N for this compute. [default: 100 x the largest run]", "FLOP"),
    ] = None,
    at: Annotated[str | None, _with("Know the loss of this run instead.", "N=70B,D=1.4T")] = None,
    width: Annotated[
        str | None, _with("Say also how much it costs to know it to this width.", "20%")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Most runs that can be trained.")] = 12,
    criterion: Annotated[
        CriterionName,
        typer.Option(help="What is made small: c the target's variance, D and A the parameters'."),
    ] = CriterionName.C,
    candidates: Annotated[
        Path | None,
        _with("Runs to choose from: columns of the law's inputs, and cost if not 6ND.", "FILE.csv"),
    ] = None,
    within: Annotated[
        list[str] | None,
        _with("Limits of N, D, C or D/N. Repeatable.", "N=100M:10B"),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Standard deviation of a new run's residual. [default: as in the fit]"),
    ] = None,
    discrepancy: Annotated[
        float, typer.Option(help="How wrong the law may be for each decade from the target.")
    ] = 0.0,
    gpu: Annotated[str | None, _with("What trains, for --usd.", "NAME")] = None,
    mfu: Annotated[float, _with("Share of its peak that training reaches.", "SHARE")] = 0.4,
    price: Annotated[
        float | None, _with("Its rent for an hour. [default: a dated guess]", "DOLLARS")
    ] = None,
    draws: Annotated[int, typer.Option(min=0, help="Draws of the law that are averaged over.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    simulations: Annotated[
        int, _with("Check the width with this many simulated refits.", "NUMBER", "--simulate")
    ] = 0,
    level: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.95,
    law: Annotated[
        str | None,
        typer.Option(help="For a fit of a law of your own: module:name or file.py:name."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the runs, one a row.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw runs and widths (.png, .pdf or .svg).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what would be done, and stop.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not text.")] = False,
) -> None:
    """Choose which runs to train next, so that a number is known as well as money allows.

    Prints the runs, the width that they promise, and what the usual grids would give for the same
    money. Numbers may have suffixes: 70B, 1.4T, 5e6.
    """
    if (folder is None) == (published is None):
        raise UsageError("give the folder of a fit, or --published with the name of a set.")
    if target is not None and at is not None:
        raise UsageError("give --target or --at, not both.")
    if plot is not None and plot.suffix.lower() not in PLOT_TYPES:
        raise typer.BadParameter(
            f"the file must end in {', '.join(PLOT_TYPES)}.", param_hint="--plot"
        )
    use_compilation_cache()
    question: dict[str, Any] = {
        "budget": _number("--budget", budget),
        "usd": _number("--usd", usd),
        "target": _number("--target", target) if at is None else numbers_in("--at", at),
        "runs": runs,
        "criterion": criterion.value,
        "ranges": ranges("--within", within or []),
        "noise": noise,
        "discrepancy": discrepancy,
        "hardware": gpu,
        "mfu": mfu,
        "usd_per_hour": price,
        "level": level,
        "draws": draws,
        "seed": seed,
    }
    wanted = _share("--width", width)
    with spoken_warnings(False), _in_options():
        from scalejax.designing import answered, asked, check_simulations

        if simulations:
            check_simulations(simulations, level)
        if wanted is not None and not wanted > 0:
            raise UsageError("width= is a positive share such as 20% or 0.2.")
        source: Any = published if folder is None else _load(folder, law)
        ask = asked(
            source, candidates=None if candidates is None else _read(candidates), **question
        )
        if dry_run:
            _announce(ask, wanted, plot is not None, simulations, as_json)
            return
        made = answered(ask)
        _print(made, wanted, simulations, as_json)
    if csv is not None:
        made.to_frame().to_csv(csv, index=False)
        say(f"wrote {csv}")
    if plot is not None:
        _draw(made, plot)
        say(f"drew {plot}")


def _print(made: "Design", wanted: float | None, simulations: int, as_json: bool) -> None:
    cost = None if wanted is None else made.cost_for_width(wanted)
    checked = made.simulate(simulations, made.seed) if simulations else None
    if as_json:
        from scalejax.files import plain

        document = made.to_dict()
        if cost is not None:
            document["cost_for_width"] = {"width": wanted, "cost": plain(cost)}
        if checked is not None:
            document["simulated"] = {
                "simulations": len(checked.values),
                "predicted": checked.predicted,
                "spread": plain(checked.spread),
                "ratio": plain(checked.ratio),
                "ratio_range": [plain(x) for x in checked.ratio_range],
            }
        print_json(document)
        return
    print(made.summary())
    if cost is not None and wanted is not None:
        print(f"\n{made.cost_sentence(wanted, cost)}")
    if checked is not None:
        print(f"\n{checked}")


def _announce(
    ask: "Asked", wanted: float | None, drawn: bool, simulations: int, as_json: bool
) -> None:
    """What would be done. Nothing is compiled."""
    from scalejax.designing import AMOUNTS, plan_of

    steps = plan_of(ask)
    steps["designs to find"] = 1 + AMOUNTS * (2 * (wanted is not None) + drawn)
    if wanted is not None:
        steps["width"] = wanted
    if simulations:
        steps["simulated refits"] = simulations
    if as_json:
        print_json(steps)
        return
    print("\n".join(f"{name}: {value}" for name, value in steps.items()))
    print("Most of the time goes into compiling, once for a law, a criterion and a number of runs.")


@contextmanager
def _in_options() -> Iterator[None]:
    """Errors that name arguments of Python name options instead."""

    def option(text: str) -> str:
        return re.sub(rf"\b({'|'.join(_OPTIONS)})=(?!\w)", lambda m: _OPTIONS[m[1]], text)

    try:
        yield
    except UsageError as error:
        raise UsageError(option(str(error))) from error
    except InputError as error:
        raise InputError(error.problems, option(error.source)) from error


def _load(folder: Path, law: str | None) -> Any:
    from scalejax.fitting import load_fit

    return load_fit(folder, None if law is None else law_of(law))


def _number(option: str, text: str | None) -> float | None:
    return None if text is None else numbers_in(option, f"x={text}")["x"]


def _share(option: str, text: str | None) -> float | None:
    """``"20%"`` or ``"0.2"`` to 0.2."""
    if text is None:
        return None
    value = _number(option, text.removesuffix("%"))
    assert value is not None
    return value / 100 if text.endswith("%") else value


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"candidates= {path} cannot be read: {error}") from error


def _draw(made: "Design", path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from scalejax.plots import plot_design

    save_figure(plot_design(made)[0].figure, path)
