"""``scalejax fit``: a law for a file of runs, or one for each group of its rows."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import scalejax
from scalejax.amounts import WIDTH
from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.choices import ObjectiveName, OnBad, ResamplingName, Scale, SolverName
from scalejax.cli.options import option
from scalejax.cli.reductions import with_reductions
from scalejax.cli.results import draw, report, save
from scalejax.cli.talk import progress_bar, say, say_step, spoken_warnings
from scalejax.errors import UsageError

if TYPE_CHECKING:
    from scalejax.fitting import Fit

EXAMPLE = "golden36"

# The backspace keeps the lines as they are.
EXAMPLES = """\b
For example:
  scalejax fit runs.csv --out fits/mine --plot fit.png
  scalejax fit chinchilla --exclude outlier5 --objective student-t
  scalejax fit runs.csv --columns N=size --units N=M --by family
  scalejax fit runs.csv --law mylaws.py:mylaw --json
  scalejax fit runs.csv --formula "E + A/N**alpha + B/D**beta"
"""

FAILED = 3
"""Exit code when there is no estimate, or when one of many fits failed."""


@with_reductions
def fit(
    runs: o.RunsIfAny = None,
    law: o.LawOfTable = None,
    formula: o.Formula = None,
    objective: o.Objective = ObjectiveName.HUBER,
    delta: Annotated[
        float | None,
        option(
            "Residual beyond which --objective huber turns linear. [default: 0.001]",
            "NUMBER",
            parser=o.number(),
        ),
    ] = None,
    dof: Annotated[
        float | None,
        option(
            "Degrees of freedom of --objective student-t. [default: 3]",
            "NUMBER",
            parser=o.number(),
        ),
    ] = None,
    on: o.On = Scale.LOG,
    resamples: Annotated[
        int | None,
        option(
            "Refits for the intervals. [default: 1000; 0 with --by]",
            "NUMBER",
            parser=o.count,
        ),
    ] = None,
    seed: o.Seed = 0,
    resampling: o.Resampling = ResamplingName.AUTO,
    noise: Annotated[
        float | None,
        option(
            "Known noise of a loss, for --resampling parametric: 0.003 is 0.3 %.",
            "SHARE",
            parser=o.number(WIDTH),
        ),
    ] = None,
    run: o.Run = None,
    strata: o.Strata = None,
    loss_unit: o.LossUnit = None,
    weights: o.Weights = None,
    sigma: o.Sigma = None,
    columns: o.Columns = None,
    units: o.Units = None,
    mapping: o.Mapping = None,
    derive: o.Derive = None,
    flop_per_token: o.FlopPerToken = None,
    exclude: o.Exclude = None,
    on_bad: o.OnBadRows = OnBad.RAISE,
    fixed: o.Fixed = None,
    tied: o.Tied = None,
    bounds: o.Bounds = None,
    by: o.By = None,
    allow_unidentified: o.AllowUnidentified = False,
    solver: Annotated[SolverName, option("Algorithm that minimises.")] = SolverName.NEWTON,
    max_steps: Annotated[
        int | None,
        option("Most steps from one starting point. [default: 5000 for newton, else 2000]", min=1),
    ] = None,
    level: o.Level = 0.95,
    out: Annotated[
        Path | None, option("Save the fit in this folder, for the other verbs.", "FOLDER")
    ] = None,
    about: Annotated[
        Path | None,
        option(
            "TOML file with your answers to the reporting checklist, saved with the fit. Its "
            "questions are in the manifest.json of a saved fit."
        ),
    ] = None,
    quick: Annotated[
        bool, option("Leave out the forecast of larger runs.", None, "--quick")
    ] = False,
    plot: o.Plot = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    **reductions: Any,
) -> None:
    """Fit a law to training runs and print its parameters, with intervals and a status.

    The file needs a column for each input of the law and one for the loss: N (parameters), D
    (tokens), C (FLOP), step and loss are found under their usual names (params, tokens, flops ...).
    scalejax check shows what would be read.
    """
    _check(by, resamples, plot, about, out)
    name = words.law_name(law, formula)
    use_compilation_cache()
    say_step("fitting (the first time it also compiles)", quiet)
    # Imported here and below: JAX and pandas take a second, which --help should not.
    from scalejax.files import check_writable
    from scalejax.fitting import check_folder, read_about

    answers = read_about(about)
    if out is not None:
        # A fit of --by is saved in a folder below it.
        check_folder(out) if by is None else check_writable(out / "group")
    options: dict[str, Any] = {
        "law": None if name is None else words.law_of(name),
        "objective": words.objective_of(objective, on, delta, dof),
        "fixed": words.numbers("fixed", fixed),
        "tied": words.pairs("tied", tied),
        "bounds": words.ranges("bounds", bounds),
        "solver": words.solver_of(solver),
        "max_steps": max_steps,
        **words.table_options(
            columns=columns, units=units, mapping=mapping, derive=derive,
            exclude=exclude, on_bad=on_bad, run=run,
            strata=strata, loss_unit=loss_unit, weights=weights, sigma=sigma,
            flop_per_token=flop_per_token, **reductions,
        ),
    }  # fmt: skip
    options = {name: value for name, value in options.items() if value not in (None, {})}
    data, source = _runs(runs, quiet)
    # On a terminal the summary says it all, a few lines further down.
    silent = quiet or (sys.stdout.isatty() and not as_json and by is None)
    with spoken_warnings(silent), progress_bar(quiet) as progress:
        if by is None:
            options |= {} if resamples is None else {"resamples": resamples}
            options |= {"resampling": resampling.value, "seed": seed, "noise": noise}
            options["allow_unidentified"] = allow_unidentified
            fits = {"": scalejax.fit(data, progress=progress, **options)}
        else:
            fits = scalejax.fit_many(data, by=by, progress=progress, **options)
    fits = {group: _with_names(fit, name, source) for group, fit in fits.items()}
    if not silent:
        taken = next(iter(fits.values())).table.mapping
        if any(one.column != one.quantity or one.how for one in taken):
            for one in taken:
                say(f"read: {one}")
        for note in next(iter(fits.values())).table.notes:
            say(f"assumed: {note}")
    report(fits, by, level, as_json)
    if out is not None:
        for folder in save(fits, out, by, answers):
            if not quiet:
                say(f"saved {folder}")
    if plot is not None:
        draw(fits[""], plot)
    # Last, for it takes as long as all the rest.
    if by is None and not as_json and not quick and fits[""].has_estimate:
        say_step("forecasting larger runs", quiet)
        _forecast(fits[""], level)
    if not all(fit.is_minimum if by else fit.has_estimate for fit in fits.values()):
        raise typer.Exit(FAILED)


def _forecast(fit: "Fit", level: float) -> None:
    """Print what larger runs will lose, and the verdict again if the backtest changes it."""
    from scalejax.fitting import about_backtest, for_and_against

    try:
        answer = fit.forecast(level=level)
    except UsageError as error:
        print(f"\nNothing is said of larger runs: {error}")
        return
    print(f"\nForecast of runs of 10 and 100 times the largest compute:\n{answer.summary()}")
    before, after = for_and_against(fit), for_and_against(fit, about_backtest(answer))
    if after.sentence != before.sentence:
        print(f"\nWith it the verdict on the fit is: {after.sentence}")


def _check(
    by: str | None,
    resamples: int | None,
    plot: Path | None,
    about: Path | None,
    out: Path | None,
) -> None:
    """Refuse what cannot work before any time is spent."""
    if by is not None and resamples:
        raise words.refusal("resamples", "there are no resamples with --by.")
    if by is not None and plot is not None:
        raise words.refusal("plot", "one plot shows one fit; leave out --by.")
    if about is not None and out is None:
        raise words.refusal("about", "it is saved with the fit: give --out.")


def _runs(runs: str | None, quiet: bool) -> tuple[Any, str | None]:
    """The data, and their name if it is not that of a file."""
    if runs is None and not quiet:
        say(f"no file given: fitting the built-in example {EXAMPLE}")
    data = words.data_of(runs or EXAMPLE)
    return data, None if data is runs else runs or EXAMPLE


def _with_names(fit: "Fit", law: str | None, source: str | None) -> "Fit":
    """The fit with the names of law and data that were written on the command line."""
    table = fit.table if source is None else replace(fit.table, source=source)
    law = fit.settings["law"] if law is None else law
    return replace(fit, settings={**fit.settings, "law": law}, table=table)
