"""Reading the texts of options as arguments of the verbs in Python."""

import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from scalejax.amounts import DISCREPANCY, bounds, kind_of, pair, parse_number, read
from scalejax.cli.choices import ObjectiveName, OnBad, Scale, SolverName
from scalejax.vocabulary import argument

if TYPE_CHECKING:
    from scalejax.fitting import Fit
    from scalejax.forecasting import Forecast
    from scalejax.laws import Law
    from scalejax.objectives import Objective


def pairs(name: str, items: list[str] | None) -> dict[str, str]:
    """``["E=1.7"]`` to ``{"E": "1.7"}``."""
    values: dict[str, str] = {}
    for item in _apart(items or ()):
        key, separator, value = (part.strip() for part in item.partition("="))
        if not (separator and key and value):
            raise refusal(name, f"{item!r} is not of the form NAME=VALUE.")
        if key in values:
            raise refusal(name, f"{key!r} is given twice.")
        values[key] = value
    return values


def _apart(items: Iterable[str]) -> Iterator[str]:
    """``"N=M,D=B"`` as two, where each part is a pair; a name may hold a comma otherwise."""
    for item in items:
        parts = item.split(",")
        yield from parts if all("=" in part for part in parts) else [item]


def numbers(name: str, items: list[str] | None) -> dict[str, float]:
    """``["E=1.7", "P_w=8"]`` to numbers; suffixes as in ``N=70B``."""
    return {key: read(name, value, key=key) for key, value in pairs(name, items).items()}


def point(name: str, text: str) -> dict[str, float]:
    """``"N=70B,D=1.4T"`` to numbers, by the grammar of the data files."""
    # A comma before a digit belongs to the number: N=70,000,000,D=1.4T.
    values = pairs(name, re.split(r",(?!\s*[0-9])", text))
    return {key: read(name, value, kind_of(key), key) for key, value in values.items()}


def discrepancy(text: str | None) -> float | str | None:
    """``"0.005"`` to a number; ``"none"`` stays."""
    return text if text is None or text == "none" else read("discrepancy", text, DISCREPANCY)


def points(texts: list[str] | None) -> list[dict[str, float]] | None:
    """Each ``--at`` as a point; None without any."""
    return [point("at", text) for text in texts] if texts else None


def ranges(name: str, items: list[str] | None) -> dict[str, tuple[float, float]]:
    """``["E=0.5:2"]`` to ``{"E": (0.5, 2.0)}``."""
    values = {}
    for key, value in pairs(name, items).items():
        low, separator, high = value.partition(":")
        if not separator:
            raise refusal(name, f"{value!r} is not of the form LOW:HIGH.")
        values[key] = bounds(name, (low, high), key)
    return values


def two(name: str, text: str) -> tuple[float, float]:
    """``"70:215"`` to two numbers."""
    first, separator, second = text.partition(":")
    if not separator:
        raise refusal(name, f"{text!r} is not of the form IN:OUT.")
    return pair(name, (first, second))


def table_options(
    *,
    columns: list[str] | None = None,
    units: list[str] | None = None,
    derive: str | None = None,
    exclude: str | None = None,
    run: list[str] | str | None = None,
    on_bad: OnBad = OnBad.RAISE,
    runs_of_table: str | None = None,
    mapping: str | None = None,
    **others: str | None,
) -> dict[str, Any]:
    """Keywords of `scalejax.data.load_table`, those that were given."""
    options: dict[str, Any] = {
        "columns": pairs("columns", columns),
        "units": {key: _unit(value) for key, value in pairs("units", units).items()},
        "derive": pairs("derive", [derive] if derive else []),
        "exclude": _rows(exclude),
        "run": run[0] if isinstance(run, list) and len(run) == 1 else run,
        "on_bad": "drop" if on_bad is OnBad.DROP else None,
        "runs": None if runs_of_table is None else data_of(runs_of_table),
        **others,
    }
    options = {name: value for name, value in options.items() if value not in (None, {}, [])}
    if mapping is None:
        return options
    # In full, so that the record of a fit does not rest on another file.
    from scalejax.data import with_mapping

    return with_mapping(options, mapping)


def typed(context: typer.Context, without: Iterable[str] = ()) -> dict[str, Any]:
    """The options that were typed, by their long names in the spelling of Python, as texts."""
    given = {}
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name not in without and source is not None and source.name == "COMMANDLINE":
            given[parameter.opts[0].removeprefix("--").replace("-", "_")] = context.params[name]
    return given


def check_command(app: typer.Typer, words: Sequence[str]) -> str | None:
    """The check of what a refused command was given, with its options as far as a check has them.

    Args:
        app: The command with its verbs.
        words: The words that were typed, without ``scalejax``.

    Returns:
        The command to paste; None for a verb that reads no table, or that was given none.
    """
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    own = {name: one for one in verbs[words[0]].params for name in one.opts}
    known = {name for one in verbs["check"].params for name in one.opts} - {"--json", "--quick"}
    kept, files, rest = [], [], [*words[1:]]
    while rest:
        word = rest.pop(0)
        takes = word in own and not getattr(own[word], "is_flag", False)
        values = [rest.pop(0)] if takes and rest else []
        if not word.startswith("-") or word == "-":
            files.append(word)
        elif word.partition("=")[0] in known:
            kept += [word, *values]
    told = [*files, *kept]
    # What would steer the terminal cannot be shown, nor pasted if it were escaped.
    if "runs" not in own or not files or files == ["-"] or not all(map(str.isprintable, told)):
        return None
    return " ".join(["scalejax", "check", *map(shlex.quote, told)])


def data_of(runs: str) -> Any:
    """The dataset of that name, unless a file has the name; else the path."""
    from scalejax import datasets

    return datasets.load(runs) if runs in datasets.names() and not Path(runs).exists() else runs


def objective_of(
    name: ObjectiveName,
    on: Scale = Scale.LOG,
    delta: float | None = None,
    dof: float | None = None,
) -> "Objective":
    """The objective that the options name."""
    from scalejax import objectives

    if delta is not None and name is not ObjectiveName.HUBER:
        raise refusal("delta", f"only --objective huber takes a delta, not {name}.")
    if dof is not None and name is not ObjectiveName.STUDENT_T:
        raise refusal("dof", f"only --objective student-t takes --dof, not {name}.")
    if delta is not None:
        return objectives.huber(delta, on=on.value)
    if dof is not None:
        return objectives.student_t(dof, on=on.value)
    return objectives.named(name.value, on=on.value)


def solver_of(name: SolverName) -> Any:
    """The solver that the option names; None is the default."""
    if name is SolverName.NEWTON:
        return None
    import optax

    return optax.lbfgs() if name is SolverName.LBFGS else optax.adam(1e-2)


def law_name(law: str | None, formula: str | None) -> str | None:
    """The name of the law, from --law or --formula; at most one of them, None without."""
    if formula is None:
        return law
    if law is not None:
        raise refusal("formula", "a formula is a law of its own; leave out --law.")
    return f"formula: {formula}"


def law_of(name: str) -> "Law":
    """The law of a name; a module may lie in the working directory."""
    from scalejax.errors import LawError, ScalejaxError
    from scalejax.laws import PREFIX, find_law

    if ":" in name and not name.startswith(PREFIX):
        see_working_directory()
    try:
        return find_law(name)
    except ScalejaxError:
        raise
    except Exception as error:
        raise LawError(f"{name!r} cannot be imported: {type(error).__name__}: {error}.") from error


def fit_in(folder: str | Path, law: str | None) -> "Fit":
    """Load the fit that is saved in a folder."""
    from scalejax.fitting import load_fit

    return load_fit(folder, None if law is None else law_of(law))


def saved_in(folder: str | Path, law: str | None) -> "Fit | Forecast":
    """Load the forecast that is saved in a folder, or else the fit."""
    from scalejax.forecasting import is_forecast, load_forecast

    if not is_forecast(folder):
        return fit_in(folder, law)
    return load_forecast(folder, None if law is None else law_of(law))


def source_of(
    text: str, law: str | None, by_forecast: bool = False, level: float = 0.95
) -> "Fit | Forecast | str":
    """A saved fit or forecast, the forecast of the fit, or the name of a published set."""
    if Path(text).is_dir():
        from scalejax.fitting import Fit

        saved = saved_in(text, law)
        return saved.forecast(level=level) if by_forecast and isinstance(saved, Fit) else saved
    if by_forecast:
        raise refusal("by_forecast", "a published set has no runs to forecast from.")
    return text


def see_working_directory() -> None:
    """Let modules of the working directory be imported: last, so that they replace no library."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def refusal(name: str, message: str) -> typer.BadParameter:
    """A usage error of an option."""
    return typer.BadParameter(message, param_hint=argument(name))


def _rows(text: str | None) -> str | list[int] | None:
    """A column, ``top5(loss)``, or row numbers such as ``3,17``."""
    if text is not None and re.fullmatch(r"\d+(,\d+)*", text):
        return [int(number) for number in text.split(",")]
    return text


def _unit(text: str) -> str | float:
    """A unit is a letter or a factor."""
    try:
        return parse_number(text)
    except ValueError:
        return text
