"""``scalejax fit``: a law for a file of runs, or one for each group of its rows."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import scalejax
from scalejax.cli import options
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import ObjectiveName, OnBad, ResamplingName, Scale, SolverName
from scalejax.cli.results import PLOT_TYPES, draw, report, save
from scalejax.cli.talk import in_options, progress_bar, say, spoken_warnings

if TYPE_CHECKING:
    from scalejax.fitting import Fit

BOOTSTRAP = 1000
"""Resamples of one fit, if not asked otherwise: they take less time than the compilation."""

EXAMPLE = "golden36"

# The backspace keeps the lines as they are.
EXAMPLES = """\b
For example:
  scalejax fit runs.csv --out fits/mine --plot fit.png
  scalejax fit chinchilla --exclude outlier5 --objective student-t
  scalejax fit runs.csv --column N=size --units N=M --by family
  scalejax fit runs.csv --law mylaws.py:mylaw --json
  scalejax fit runs.csv --formula "E + A/N**alpha + B/D**beta"
"""

FAILED = 3
"""Exit code when it finished although some problems failed."""


def fit(
    runs: Annotated[
        str | None,
        typer.Argument(
            help="File with one training run a row (CSV, Parquet, JSONL, Feather), - for CSV on "
            "stdin, or a dataset (golden36, chinchilla, gadre ...). Without it: golden36.",
            show_default=False,
        ),
    ] = None,
    law: Annotated[
        str | None,
        typer.Option(
            help="Name of a law (see scalejax laws), module:name or file.py:name. "
            "[default: chinchilla]"
        ),
    ] = None,
    formula: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help='A law as text, instead of --law: "E + A/N**alpha + c*log(D) where c real". N, D '
            "and C are inputs, other names positive parameters.",
        ),
    ] = None,
    objective: Annotated[ObjectiveName, typer.Option(help="What is minimised.")] = (
        ObjectiveName.HUBER
    ),
    delta: Annotated[
        float | None,
        typer.Option(help="Huber's delta, in units of the residual. [default: 0.001]"),
    ] = None,
    dof: Annotated[
        float | None, typer.Option(help="Student's degrees of freedom. [default: 3]")
    ] = None,
    on: Annotated[Scale, typer.Option(help="Residuals of the log loss or of the loss.")] = (
        Scale.LOG
    ),
    bootstrap: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"Resamples for the intervals. [default: {BOOTSTRAP}; 0 with --by]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    resampling: Annotated[
        ResamplingName, typer.Option(help="How resamples are made; auto takes what suits the runs.")
    ] = ResamplingName.AUTO,
    noise: Annotated[
        float | None,
        typer.Option(help="Known noise of one run, for --resampling parametric: 0.003 is 0.3 %."),
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(
            help="Column that names the run: checkpoints of a run resample as one. Twice for "
            "nested levels, outermost first: --cluster family --cluster run."
        ),
    ] = None,
    strata: Annotated[
        str | None, typer.Option(help="Column of names: resample within each, so all keep a share.")
    ] = None,
    loss_unit: Annotated[
        str | None,
        typer.Option(help="nats, bits, or bits_per_byte:<bytes per token>. [default: nats]"),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="Column of weights.")] = None,
    sigma: Annotated[
        str | None, typer.Option(help="Column of standard deviations; instead of --weights.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N=COLUMN",
            help="Which column is what, such as N=params or loss=ppl_loss. Repeatable.",
        ),
    ] = None,
    units: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N=UNIT", help="Unit of a column, such as N=M, D=B or D=1e9. Repeatable."
        ),
    ] = None,
    derive: Annotated[
        str | None,
        typer.Option(metavar="D=6ND", help="Derive D (or N, C) although the file has it."),
    ] = None,
    exclude: Annotated[
        str | None,
        typer.Option(help='Leave rows out: a 0/1 column, "top5(loss)", or row numbers 3,17.'),
    ] = None,
    on_bad: Annotated[
        OnBad, typer.Option(help="Refuse a file with unusable rows, or set those rows aside.")
    ] = OnBad.RAISE,
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Hold a parameter: alpha=0.34. Repeatable."),
    ] = None,
    tie: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NAME", help="Make one equal to another: beta=alpha. Repeatable."
        ),
    ] = None,
    bound: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LOW:HIGH", help="Keep one in a range: E=0.5:2. Repeatable."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Column of names: fit each group of rows by itself.")
    ] = None,
    allow_unidentified: Annotated[
        bool,
        typer.Option(
            "--allow-unidentified",
            help="Fit although the runs cannot determine all parameters.",
        ),
    ] = False,
    solver: Annotated[SolverName, typer.Option(help="How it is minimised.")] = SolverName.NEWTON,
    max_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Step limit of one start. [default: 200 for newton, else 2000]"),
    ] = None,
    level: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.95,
    out: Annotated[
        Path | None, typer.Option(help="Save the fit in this folder (JSON and Parquet).")
    ] = None,
    about: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with your answers to the reporting checklist, kept in manifest.json of "
            "--out, which lists the questions."
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the fit to this file (.png, .pdf or .svg).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a summary.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Fit a law to training runs and print what was found.

    The file needs a column for each input of the law and one for the loss; N, D, C and loss are
    found under their usual names (params, tokens, flops, val_loss ...).
    """
    _check(by, bootstrap, level, plot)
    name = options.law_name(law, formula)
    use_compilation_cache()
    # Imported here and below: JAX and pandas take a second, which --help should not.
    from scalejax.fitting import check_folder, read_about

    answers = read_about(about)
    if answers and out is None:
        raise typer.BadParameter("it is saved with the fit: give --out.", param_hint="--about")
    if out is not None and by is None:
        check_folder(out)
    arguments: dict[str, Any] = {
        "law": options.law_of(name),
        "objective": options.objective_of(objective, on, delta, dof),
        "fixed": options.numbers("--fix", fix or []),
        "tied": options.pairs("--tie", tie or []),
        "bounds": options.ranges("--bound", bound or []),
        "solver": options.solver_of(solver),
        "max_steps": max_steps,
        "columns": options.pairs("--column", column or []),
        "units": options.units(units or []),
        "derive": options.pairs("--derive", [derive] if derive else []),
        "exclude": options.excluded(exclude),
        "on_bad": "drop" if on_bad is OnBad.DROP else None,
        "run": cluster[0] if cluster and len(cluster) == 1 else cluster,
        "strata": strata,
        "loss_unit": loss_unit,
        "weights": weights,
        "sigma": sigma,
    }
    given = {name: value for name, value in arguments.items() if value not in (None, {})}
    data, source = _runs(runs, quiet)
    # On a terminal the summary says it all, a few lines further down.
    told = quiet or (sys.stdout.isatty() and not as_json and by is None)
    with spoken_warnings(told), progress_bar(quiet) as progress:
        if by is None:
            given["bootstrap"] = BOOTSTRAP if bootstrap is None else bootstrap
            given |= {"resampling": resampling.value, "seed": seed}
            given |= {"allow_unidentified": True} if allow_unidentified else {}
            given |= {} if noise is None else {"noise": noise}
            fits = {"": scalejax.fit(data, progress=progress, **given)}
        else:
            fits = scalejax.fit_many(data, by=by, progress=progress, **given)
    fits = {group: _named(found, name, source) for group, found in fits.items()}
    if not told:
        for note in next(iter(fits.values())).table.notes:
            say(in_options(f"assumed: {note}"))
    report(fits, by, level, as_json)
    if out is not None:
        for folder in save(fits, out, by, answers):
            if not quiet:
                say(f"saved {folder}")
    if plot is not None:
        draw(fits[""], plot)
    if not all(found.fully_converged for found in fits.values()):
        raise typer.Exit(FAILED)


def _check(by: str | None, bootstrap: int | None, level: float, plot: Path | None) -> None:
    """Refuse what cannot work before any time is spent."""
    if not 0 < level < 1:
        raise typer.BadParameter("it must lie between 0 and 1.", param_hint="--level")
    if by is not None and bootstrap:
        raise typer.BadParameter("there are no resamples with --by.", param_hint="--bootstrap")
    if plot is None:
        return
    if by is not None:
        raise typer.BadParameter("one plot shows one fit; leave out --by.", param_hint="--plot")
    if plot.suffix.lower() not in PLOT_TYPES:
        raise typer.BadParameter(
            f"the file must end in {', '.join(PLOT_TYPES)}.", param_hint="--plot"
        )
    if not plot.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {plot.parent}.", param_hint="--plot")


def _runs(runs: str | None, quiet: bool) -> tuple[Any, str | None]:
    """The data, and their name if it is not that of a file."""
    from scalejax import datasets

    if runs is None:
        if not quiet:
            say(f"no file given: fitting the built-in example {EXAMPLE}")
        return datasets.load(EXAMPLE), EXAMPLE
    if runs in datasets.names() and not Path(runs).exists():
        return datasets.load(runs), runs
    return runs, None


def _named(found: "Fit", law: str, source: str | None) -> "Fit":
    """The fit with the law and the data as they were named on the command line."""
    table = found.table if source is None else replace(found.table, source=source)
    return replace(found, settings={**found.settings, "law": law}, table=table)
