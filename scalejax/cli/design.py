"""``scalejax design``: which runs to train next, and what they will tell."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from scalejax.amounts import DISCREPANCY, WIDTH, read
from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import option
from scalejax.cli.results import draw_to
from scalejax.cli.talk import print_json, progress_bar, say, say_step, spoken_warnings
from scalejax.errors import UsageError
from scalejax.vocabulary import argument

if TYPE_CHECKING:
    import pandas as pd

    from scalejax.designing import Design, DesignQuestion

EXAMPLES = """\b
For example:
  scalejax design fits/mine --budget 1e22 --at C=1e24
  scalejax design fits/mine --usd 50k --hardware h100 --at N=70B,D=1.4T --width 2%
  scalejax design fits/mine --by-forecast --budget 1e21 --at N=70B,D=1.4T
  scalejax design besiroglu2024 --budget 1e21 --noise 0.004 --max-runs 16 --csv next.csv
  scalejax design fits/mine --budget 1e22 --candidates runs.csv --criterion D --plot next.png
"""


class CriterionName(StrEnum):
    """Names of the criteria of a design."""

    C = "c"
    D = "D"
    A = "A"


def design(
    source: o.Source,
    budget: o.Budget = None,
    usd: o.Usd = None,
    at: Annotated[
        str | None,
        option(
            "What the runs should tell: the best N for a compute, C=1e24, or the loss of a run, "
            "N=70B,D=1.4T. [default: the best N for 100 x the largest run]",
            "C=1e24",
        ),
    ] = None,
    width: Annotated[
        str | None,
        option("Print also what it costs to know that to within this half width.", "20%"),
    ] = None,
    max_runs: Annotated[int, option("Most new runs.", min=1)] = 12,
    criterion: Annotated[
        CriterionName,
        option("Variance to minimise: c that of --at; D or A those of all parameters."),
    ] = CriterionName.C,
    candidates: Annotated[
        Path | None,
        option("CSV of runs to choose from: inputs of the law, and cost if not 6ND.", "FILE"),
    ] = None,
    ranges: Annotated[
        list[str] | None, option("Limits of new runs in N, D, C or D/N. Repeatable.", "N=100M:10B")
    ] = None,
    noise: Annotated[
        float | None,
        option("Noise of the loss of a new run: 0.003 is 0.3 %. [default: as in the fit]"),
    ] = None,
    discrepancy: Annotated[
        float,
        option(
            "How far off the law may be for each decade from --at: 0.005 is 0.5 %.",
            "SHARE",
            parser=o.number(DISCREPANCY),
        ),
    ] = 0.0,
    hardware: o.Hardware = None,
    peak: o.Peak = None,
    mfu: o.Mfu = 0.4,
    usd_per_hour: o.UsdPerHour = None,
    flop_per_token: o.FlopPerToken = None,
    draws: Annotated[
        int, option("Draws of the parameters to average over.", "NUMBER", parser=o.count)
    ] = 8,
    seed: o.Seed = 0,
    simulate: Annotated[
        int,
        option(
            "Check the promised width with this many simulated refits, or forecasts made anew.",
            "NUMBER",
        ),
    ] = 0,
    level: o.Level = 0.95,
    law: o.OwnLaw = None,
    by_forecast: Annotated[
        bool,
        option(
            "Choose runs that shrink the interval of the forecast of the fit, in which the law may "
            "bend, in place of that of the law alone. Then --at is the loss of a run of 100 x the "
            "largest, if not given.",
            None,
            "--by-forecast",
        ),
    ] = False,
    csv: o.Csv = None,
    plot: o.Plot = None,
    dry_run: o.DryRun = False,
    as_json: o.AsJson = False,
) -> None:
    """Choose the runs to train next that make a prediction as certain as the money allows.

    Prints the runs, the width of the interval that they promise, and what the usual grids would
    give for the same money. Numbers may have suffixes: 70B, 1.4T, 5e6.
    """
    use_compilation_cache()
    say_step("choosing runs")
    options: dict[str, Any] = {
        "budget": budget,
        "usd": usd,
        "at": None if at is None else words.point("at", at),
        "max_runs": max_runs,
        "criterion": criterion.value,
        "ranges": words.ranges("ranges", ranges),
        "noise": noise,
        "discrepancy": discrepancy,
        "hardware": hardware,
        "mfu": mfu,
        "usd_per_hour": usd_per_hour,
        "peak": peak,
        "flop_per_token": flop_per_token,
        "level": level,
        "draws": draws,
        "seed": seed,
    }
    half_width = None if width is None else read("width", width, WIDTH)
    if half_width is not None and half_width > 1 and "%" not in str(width):
        raise words.refusal("width", f"{width} is {100 * half_width:g} %: write 20% or 0.2.")
    from scalejax.designing import check_simulations, design_of, question_of

    with spoken_warnings(False):
        if simulate:
            check_simulations(simulate, level, by_forecast)
        options["candidates"] = None if candidates is None else _read(candidates)
        origin = words.source_of(source, law, by_forecast, level)
        question = question_of(origin, **options)
        if dry_run:
            _announce(question, half_width, plot is not None, simulate, as_json)
            return
        answer = design_of(question)
        _print(answer, half_width, simulate, as_json)
    if csv is not None:
        from scalejax.data import to_csv

        to_csv(answer.to_frame(), csv)
        say(f"wrote {csv}")
    if plot is not None:
        draw_to(plot, lambda plots: plots.plot_design(answer))
        say(f"drew {plot}")


def _print(answer: "Design", half_width: float | None, simulations: int, as_json: bool) -> None:
    cost = None if half_width is None else answer.cost_for_width(half_width)
    simulation = None
    if simulations:
        with progress_bar(as_json) as progress:
            simulation = answer.simulate(simulations, answer.seed, progress)
    if as_json:
        from scalejax.files import plain

        document = answer.to_dict()
        if cost is not None:
            document["cost_for_width"] = {"width": half_width, "cost": plain(cost)}
        if simulation is not None:
            document["simulated"] = plain(simulation.to_dict())
        print_json(document)
        return
    print(answer.summary())
    if cost is not None and half_width is not None:
        print(f"\n{answer.cost_sentence(half_width, cost)}")
    if simulation is not None:
        print(f"\n{simulation}")


def _announce(
    question: "DesignQuestion",
    half_width: float | None,
    with_plot: bool,
    simulations: int,
    as_json: bool,
) -> None:
    """Print how much work a design is; nothing is compiled."""
    from scalejax.designing import AMOUNTS, plan_of

    steps = plan_of(question)
    steps["designs to find"] = 1 + AMOUNTS * (2 * (half_width is not None) + with_plot)
    if half_width is not None:
        steps["width"] = half_width
    if simulations:
        steps["simulated refits"] = simulations
    if as_json:
        print_json(steps)
        return
    print("\n".join(f"{name}: {value}" for name, value in steps.items()))
    print("Most of the time goes into compiling, once for a law, a criterion and a number of runs.")


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"{argument('candidates')} {path} cannot be read: {error}") from error
