"""From words on the command line to arguments of `scalejax.fit`."""

import os
import re
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from scalejax.laws import Law
    from scalejax.objectives import Objective


class ObjectiveName(StrEnum):
    """What is minimised."""

    HUBER = "huber"
    HUBER_AUTO = "huber-auto"
    LEAST_SQUARES = "least-squares"
    ABSOLUTE = "absolute"
    STUDENT_T = "student-t"


class Scale(StrEnum):
    """Of what the residuals are."""

    LOG = "log"
    LOSS = "loss"


class OnBad(StrEnum):
    """What happens to rows that cannot be used."""

    RAISE = "raise"
    DROP = "drop"


class ResamplingName(StrEnum):
    """How resamples are made."""

    AUTO = "auto"
    PAIRS = "pairs"
    CLUSTER = "cluster"
    NESTED = "nested"
    STRATIFIED = "stratified"
    RESIDUAL = "residual"
    WILD = "wild"
    PARAMETRIC = "parametric"
    BAYESIAN = "bayesian"
    JACKKNIFE = "jackknife"


class SolverName(StrEnum):
    """Which solver."""

    NEWTON = "newton"
    LBFGS = "lbfgs"
    ADAM = "adam"


def pairs(option: str, given: list[str]) -> dict[str, str]:
    """``["E=1.7"]`` to ``{"E": "1.7"}``."""
    found: dict[str, str] = {}
    for item in given:
        name, separator, value = (part.strip() for part in item.partition("="))
        if not (separator and name and value):
            raise _refusal(option, f"{item!r} is not of the form NAME=VALUE.")
        if name in found:
            raise _refusal(option, f"{name!r} is given twice.")
        found[name] = value
    return found


def numbers(option: str, given: list[str]) -> dict[str, float]:
    """``["E=1.7"]`` to ``{"E": 1.7}``."""
    return {name: _number(option, value) for name, value in pairs(option, given).items()}


def numbers_in(option: str, given: str) -> dict[str, float]:
    """``"N=70B,D=1.4T"`` to numbers, by the grammar of the data files."""
    return {
        name: _read_number(option, value) for name, value in pairs(option, given.split(",")).items()
    }


def ranges(option: str, given: list[str]) -> dict[str, tuple[float, float]]:
    """``["E=0.5:2"]`` to ``{"E": (0.5, 2.0)}``; suffixes as in ``N=100M:10B``."""
    found = {}
    for name, value in pairs(option, given).items():
        low, separator, high = value.partition(":")
        if not separator:
            raise _refusal(option, f"{value!r} is not of the form LOW:HIGH.")
        found[name] = (_read_number(option, low), _read_number(option, high))
    return found


def units(given: list[str]) -> dict[str, str | float]:
    """A unit is a letter or a factor."""
    found: dict[str, str | float] = {}
    for name, value in pairs("--units", given).items():
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = value
    return found


def excluded(given: str | None) -> str | list[int] | None:
    """A column, ``top5(loss)``, or row numbers such as ``3,17``."""
    if given is not None and re.fullmatch(r"\d+(,\d+)*", given):
        return [int(number) for number in given.split(",")]
    return given


def objective_of(
    name: ObjectiveName, on: Scale, delta: float | None, dof: float | None
) -> "Objective":
    """The objective that the options name."""
    from scalejax import objectives

    if delta is not None and name is not ObjectiveName.HUBER:
        raise _refusal("--delta", f"only --objective huber takes a delta, not {name}.")
    if dof is not None and name is not ObjectiveName.STUDENT_T:
        raise _refusal("--dof", f"only --objective student-t takes --dof, not {name}.")
    if name is ObjectiveName.HUBER:
        return objectives.huber(**({} if delta is None else {"delta": delta}), on=on.value)
    if name is ObjectiveName.HUBER_AUTO:
        return objectives.huber("auto", on=on.value)
    if name is ObjectiveName.STUDENT_T:
        given = {} if dof is None else {"dof": dof}
        return objectives.student_t(on=on.value, **given)
    if name is ObjectiveName.ABSOLUTE:
        return objectives.absolute(on=on.value)
    return objectives.least_squares(on=on.value)


def solver_of(name: SolverName) -> Any:
    """The solver that the option names; None is the default."""
    if name is SolverName.NEWTON:
        return None
    import optax

    return optax.lbfgs() if name is SolverName.LBFGS else optax.adam(1e-2)


def law_name(law: str | None, formula: str | None) -> str:
    """What to fit, from two options of which one may be given."""
    if formula is None:
        return law or "chinchilla"
    if law is not None:
        raise _refusal("--formula", "a formula is a law of its own; leave out --law.")
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


def see_working_directory() -> None:
    """Let modules of the working directory be imported: last, so that they replace no library."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def _read_number(option: str, text: str) -> float:
    """By the grammar of the data files."""
    from scalejax.data import parse_number

    try:
        return parse_number(text)
    except ValueError:
        raise _refusal(option, f"{text!r} is not a number.") from None


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _refusal(option, f"{text!r} is not a number.") from None


def _refusal(option: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=option)
