"""Options that several verbs share: one name, one help text and one check for each.

Names are those of the keywords in Python (the table is in CONTRIBUTING). What can be refused
without JAX is refused here, before it is loaded; `scalejax.cli.words` reads the rest.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from scalejax.amounts import DISCREPANCY, FINITE, LEVEL, SHARE, Kind, read, whole
from scalejax.cli.choices import ObjectiveName, OnBad, ResamplingName, Scale
from scalejax.cli.names import ALIASES, DATASETS, LAWS, SETS
from scalejax.errors import UsageError
from scalejax.vocabulary import did_you_mean

T = TypeVar("T")
PLOT_TYPES = (".png", ".pdf", ".svg")


def check_file(value: str | None) -> str | None:
    """A file, standard input, or a named table."""
    if value is not None and value not in ("-", *DATASETS) and not _is_there(value):
        near = did_you_mean(value, [*DATASETS, *_beside(Path(value))])
        raise typer.BadParameter(f"there is no file or dataset {value!r}{near or '.'}")
    return value


def _is_there(path: str) -> bool:
    """Whether there is a file or folder, behind whose name a part of it may stand: ``a.xlsx#b``."""
    return os.path.exists(path) or os.path.exists(path.rpartition("#")[0])


def _beside(path: Path) -> list[str]:
    folder = path.parent
    return [str(folder / item.name) for item in folder.iterdir()] if os.path.isdir(folder) else []


def check_law(value: str | None) -> str | None:
    """A law that is registered, or one of the user's own."""
    if value is not None and not value.strip():
        raise typer.BadParameter("it names no law; scalejax laws lists all.")
    if value is not None and ":" not in value and value not in (*LAWS, *ALIASES):
        near = did_you_mean(value, [*LAWS, *ALIASES])
        raise typer.BadParameter(f"there is no law {value!r}{near or '; scalejax laws lists all.'}")
    return value


def _every_law(value: list[str] | None) -> list[str] | None:
    return [name for text in value or () for name in _law_list(text)] if value else value


def _law_list(text: str) -> list[str]:
    names = [text] if ":" in text else text.split(",")
    for name in names:
        check_law(name)
    return names


def check_source(value: str) -> str:
    """The folder of a fit, or a published set."""
    if _is_folder(Path(value)) or value.rpartition("/")[2] in SETS:
        return value
    near = did_you_mean(value, [*SETS, *_beside(Path(value))])
    raise typer.BadParameter(f"there is no folder of a fit and no published set {value!r}{near}")


def _is_folder(path: Path) -> bool:
    """Whether a folder is there, or is put back from where a killed process left it."""
    if not os.path.exists(path) and any(path.absolute().parent.glob(".*.old")):
        from scalejax.files import settle

        settle(path)
    return os.path.isdir(path)


def _folder(value: Path) -> Path:
    if not _is_folder(value):
        near = did_you_mean(str(value), _beside(value))
        raise typer.BadParameter(f"there is no folder of a fit {str(value)!r}{near}")
    return value


def _plot(value: Path | None) -> Path | None:
    if value is None:
        return None
    if value.suffix.lower() not in PLOT_TYPES:
        raise typer.BadParameter(f"the file must end in {', '.join(PLOT_TYPES)}.")
    return value


def _plot_now(value: Path | None) -> Path | None:
    return file_to_write(_plot(value))


def file_to_write(value: Path | None) -> Path | None:
    """A file that can be written, which is tried before the work begins."""
    if value is None:
        return None
    if value.is_dir():
        raise typer.BadParameter(f"{value} is a folder; name a file.")
    if not value.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {value.parent}.")
    # Imported here: NumPy comes with it, which --help should not wait for.
    from scalejax.files import check_writable

    check_writable(value)
    return value


def number(kind: Kind = FINITE) -> Callable[[Any], float]:
    """What reads an option as a number of a kind, with a suffix or a percent sign as in Python."""
    return _parser(partial(read, "", kind=kind))


def _parser(reads: Callable[[Any], T]) -> Callable[[Any], T]:
    def parse(value: Any) -> T:
        try:
            return reads(value)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from None

    return parse


count = _parser(partial(whole, ""))
"""Reads an option as a whole number, with a suffix as in Python."""


def option(help: str, metavar: str | None = None, *names: str, **more: Any) -> Any:
    """An option with its help first."""
    return typer.Option(*names, help=help, metavar=metavar, **more)


_RUNS = (
    "Table of training runs, one a row: a file (CSV, JSON, also .gz, .bz2, .zst; Parquet, Feather, "
    "Excel), a folder with one file a run, what trackers export, - for stdin, or the name of a "
    "dataset (golden36, chinchilla, gadre ...)."
)
_LAW = (
    "Law to fit (scalejax laws lists them), or one of your own, module:name or file.py:name, whose "
    "code is run."
)
_OWN_LAW = (
    "The law, if what was saved is of one of your own, module:name or file.py:name, whose code is "
    "run."
)
_HARDWARE = "A100, H100, H200, B200, L40S, MI300X, RTX-4090, TPU-v5e ..., or a file mine.toml"

# What a verb works on.
Runs = Annotated[str, typer.Argument(help=_RUNS, metavar="RUNS", callback=check_file)]
RunsIfAny = Annotated[str | None, typer.Argument(help=_RUNS, metavar="RUNS", callback=check_file)]
# That a file is not there is a problem like others to a verb that lists them.
RunsToCheck = Annotated[str | None, typer.Argument(help=_RUNS, metavar="RUNS")]
FitFolder = Annotated[
    Path,
    typer.Argument(help="Folder of a saved fit (fit --out).", metavar="FIT", callback=_folder),
]
Origin = Annotated[
    str,
    typer.Argument(
        help="Folder of a saved fit (fit --out) or forecast (forecast --out), or a published set "
        "of coefficients such as besiroglu2024 (scalejax laws).",
        metavar="FIT",
        callback=check_source,
    ),
]
Source = Annotated[
    str,
    typer.Argument(
        help="Folder of a saved fit, or a published set of coefficients such as besiroglu2024 "
        "(scalejax laws).",
        metavar="FIT",
        callback=check_source,
    ),
]
Law = Annotated[
    str | None,
    option(f"{_LAW} [default: chinchilla]", callback=check_law),
]
LawOfTable = Annotated[
    str | None,
    option(
        f"{_LAW} [default: chinchilla for N and D, a power law with a floor for N, D, C or step "
        "alone]",
        callback=check_law,
    ),
]
Laws = Annotated[
    list[str] | None,
    option(
        "Laws by name, or your own, file.py:name, whose code is run. Repeatable.",
        "NAME,...",
        callback=_every_law,
    ),
]
OwnLaw = Annotated[str | None, option(_OWN_LAW, callback=check_law)]
Formula = Annotated[
    str | None,
    option(
        'A law as text, instead of --law: "E + A/N**alpha + c*log(D) where c real". N, D and C are '
        "inputs, other names parameters, which are positive unless they are said to be real.",
        "TEXT",
    ),
]

# How the table is read.
Columns = Annotated[
    list[str] | None,
    option("Column to read a quantity from: N=size or loss=final. Repeatable.", "N=COLUMN"),
]
Units = Annotated[
    list[str] | None,
    option(
        "Unit of a column: N=M (millions), D=B or D=1e9. Repeatable. [default: as its header says]",
        "N=UNIT",
    ),
]
LossUnit = Annotated[
    str | None,
    option(
        "Unit of the loss: nats, bits, perplexity, bits_per_byte, bits_per_character, "
        "bits_per_byte:<bytes per token>. [default: as its column is called, else nats]",
        "UNIT",
    ),
]
Mapping = Annotated[
    str | None,
    option("Columns and units as scalejax check --save-mapping wrote them.", "FILE"),
]
Derive = Annotated[
    str | None, option("Compute D (or N, C) from C = 6ND, not from its column.", "D=6ND")
]
FlopPerToken = Annotated[
    str | None,
    option(
        "Training FLOP of a token: 12N, or 6N+4.8e8. [default: as the column of compute says, "
        "else 6N]",
        "6N",
    ),
]
ByForecast = Annotated[
    bool,
    option(
        "Take the law inside the forecast of the fit and its posterior, in which the law may "
        "bend, in place of the fit and its resamples.",
        None,
        "--by-forecast",
    ),
]
Weights = Annotated[str | None, option("Column of weights: how much a row counts.", "COLUMN")]
Sigma = Annotated[
    str | None, option("Column of standard deviations of the loss; instead of --weights.", "COLUMN")
]
Run = Annotated[
    list[str] | None,
    option(
        "Column that names the run, where rows are checkpoints: the rows of a run count as one. "
        "Twice for nested levels, outermost first: --run family --run model.",
        "COLUMN",
    ),
]
OneRun = Annotated[
    str | None,
    option("Column that names the run, where rows are checkpoints: they count as one.", "COLUMN"),
]
Strata = Annotated[
    str | None,
    option("Column of names: resamples keep the number of rows of each name.", "COLUMN"),
]
Exclude = Annotated[
    str | None,
    option('Leave rows out: a 0/1 column, the five largest "top5(loss)", or rows 3,17.', "ROWS"),
]
OnBadRows = Annotated[
    OnBad, option("Unusable rows: refuse the file, or set them aside.", None, "--on-bad")
]
By = Annotated[str | None, option("Column of names: fit each group of rows by itself.", "COLUMN")]

# How it is fitted.
Objective = Annotated[ObjectiveName, option("Function of the residuals whose sum is minimised.")]
On = Annotated[Scale, option("Residuals of the logarithm of the loss, or of the loss.")]
Resampling = Annotated[
    ResamplingName, option("How runs are resampled for the intervals; auto takes what suits them.")
]
Seed = Annotated[int, option("Seed of all that is random.", "NUMBER", parser=count)]

Fixed = Annotated[
    list[str] | None,
    option("Hold a parameter at a value: alpha=0.34. Repeatable.", "NAME=VALUE"),
]
Tied = Annotated[
    list[str] | None,
    option("Make one parameter equal to another: beta=alpha. Repeatable.", "NAME=NAME"),
]
Bounds = Annotated[
    list[str] | None,
    option("Keep a parameter in a range: E=0.5:2. Repeatable.", "NAME=LOW:HIGH"),
]
AllowUnidentified = Annotated[
    bool,
    option("Fit although the runs cannot determine all parameters.", None, "--allow-unidentified"),
]

# What a result is about.
At = Annotated[
    list[str] | None,
    option(
        "What to look at: the loss of a run, N=70B,D=1.4T, or the best model for a compute in "
        "FLOP, C=1e24. Repeatable. "
        "[default: 100 times the largest run]",
        "N=70B,D=1.4T",
    ),
]
OneRunAt = Annotated[str | None, option("A planned run, to predict its loss.", "N=70B,D=1.4T")]
Level = Annotated[
    float, option("Probability of the intervals.", "PROBABILITY", parser=number(LEVEL))
]
Discrepancy = Annotated[
    float | None,
    option(
        "How far the law itself may be wrong for each decade beyond the data: 0.005 is 0.5 %.",
        "SHARE",
        parser=number(DISCREPANCY),
    ),
]

# Money and machines.
Budget = Annotated[str | None, option("Training compute that may be spent, such as 1e24.", "FLOP")]
Usd = Annotated[str | None, option("Dollars that may be spent; needs --hardware.", "DOLLARS")]
Hardware = Annotated[str | None, option(f"Accelerator that trains: {_HARDWARE}.", "NAME")]
Mfu = Annotated[
    float,
    option("Share of the peak FLOP rate that training reaches.", "SHARE", parser=number(SHARE)),
]
Peak = Annotated[
    str | None,
    option("Peak rate of an accelerator of your own, dense, 16 bits; not --hardware.", "165T"),
]
UsdPerHour = Annotated[
    str | None,
    option(
        "Rent of an accelerator for an hour. [default: a dated guess, printed, or asked]",
        "DOLLARS",
        "--usd-per-hour",
        "--price",
    ),
]

# Where it goes.
_PLOT = "Draw a plot to this file (.png, .pdf, .svg)."
Plot = Annotated[Path | None, option(_PLOT, callback=_plot_now)]
# Into the folder of a job, which is yet to be made.
JobPlot = Annotated[Path | None, option(_PLOT, callback=_plot)]
_CSV = "Write the numbers to this CSV file."
Csv = Annotated[Path | None, option(_CSV, None, "--csv", callback=file_to_write)]
JobCsv = Annotated[Path | None, option(_CSV, None, "--csv")]
AsJson = Annotated[bool, option("Print JSON, not text.", None, "--json")]
Quiet = Annotated[bool, option("Print no warnings or progress.", None, "--quiet")]
DryRun = Annotated[
    bool, option("Check everything, print how much work it is, and stop.", None, "--dry-run")
]
