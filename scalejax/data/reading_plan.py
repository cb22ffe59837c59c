"""`ReadingPlan`: which column of a table is read for what, and which quantity is derived.

Used by `scalejax.data.load_table`. The only derivation is C = 6 N D, made when a law needs one of
the three and the table holds the other two, or on request; the notes always say so, because the
FLOP of real runs differ from 6 N D. A column of C that the law does not need is looked up too, so
that it can be compared with 6 N D.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D, Compute
from scalejax.data.columns import column_problems, match_column, match_name
from scalejax.data.numbers import unit_factor
from scalejax.data.request import ROLES, SOURCES, Request, loss_factor
from scalejax.errors import InputError, InputProblem, UsageError
from scalejax.vocabulary import argument

_FORMULAS = {"N": "C/(6D)", "D": "C/(6N)", "C": "6ND"}

Match = str | InputProblem | None


@dataclass(frozen=True)
class ReadingPlan:
    """What is read from a table and what is derived.

    Attributes:
        columns: Quantity, ``"loss"`` or role to the user's column name.
        derived: Quantities computed from C = 6 N D.
        notes: The derivations and units, in words.
        factors: Quantity, ``"loss"`` or ``"sigma"`` to the factor that turns its column into raw
            units.
        compute: Column of C beside columns of N and D, to compare them; or None.
    """

    columns: dict[str, str]
    derived: tuple[str, ...]
    notes: tuple[str, ...]
    factors: dict[str, float]
    compute: str | None

    @property
    def derivation_sources(self) -> frozenset[str]:
        """Quantities that are read in order to derive another."""
        return frozenset(source for quantity in self.derived for source in SOURCES[quantity])


def make_reading_plan(frame: pd.DataFrame, request: Request) -> ReadingPlan:
    """The column of everything that a request reads.

    Raises:
        InputError: E124 and E126, all at once.
        UsageError: A unit is unknown or given for a quantity that is not read.
    """
    matches: dict[str, Match] = {}
    derived: list[str] = []
    for quantity in request.inputs:
        match = match_column(frame, quantity, request.columns)
        if quantity in request.derive or (match is None and _derivable(frame, quantity, request)):
            derived.append(quantity)
            matches.update(_match_all(frame, SOURCES[quantity], request))
        else:
            matches[quantity] = match
    matches[request.target] = match_column(frame, request.target, request.columns)
    matches |= {role: match_name(frame, name) for role, name in request.roles.items()}
    if problems := column_problems(frame, matches):
        raise InputError(problems)
    columns = {
        "loss" if key == request.target else key: match
        for key, match in matches.items()
        if isinstance(match, str)
    }
    factors = _factors(request.units, columns)
    notes = [_derivation_note(quantity, request) for quantity in derived]
    notes += [
        f"{key} multiplied by {factor:g} ({argument('units')})" for key, factor in factors.items()
    ]
    notes.append(_loss_note(request.loss_unit))
    factor = loss_factor(request.loss_unit or "nats")
    factors |= {role: factor for role in ("loss", "sigma") if role in columns and factor != 1}
    compute = _compute_column(frame, columns, request)
    return ReadingPlan(columns, tuple(derived), tuple(notes), factors, compute)


def derived_values(
    quantity: str, values: Mapping[str, Floats], compute: Compute = SIX_N_D
) -> Floats:
    """`quantity` from C = 6 N D, or another compute: parameters, tokens, FLOP; float64 (n,)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if quantity == "C":
            return np.asarray(compute.flop(values["N"], values["D"]))
        if quantity == "D":
            return np.asarray(compute.tokens(values["C"], values["N"]))
        return np.asarray(compute.size(values["C"], values["D"]))


def _derivable(frame: pd.DataFrame, quantity: str, request: Request) -> bool:
    if quantity not in SOURCES:
        return False
    matches = _match_all(frame, SOURCES[quantity], request)
    return all(isinstance(match, str) for match in matches.values())


def _match_all(frame: pd.DataFrame, names: Sequence[str], request: Request) -> dict[str, Match]:
    return {name: match_column(frame, name, request.columns) for name in names}


def _compute_column(
    frame: pd.DataFrame, columns: Mapping[str, str], request: Request
) -> str | None:
    """The column of C, if N and D are columns of their own; two candidates are none."""
    if not {"N", "D"} <= columns.keys():
        return None
    match = match_column(frame, "C", request.columns)
    return match if isinstance(match, str) and match not in columns.values() else None


def _derivation_note(quantity: str, request: Request) -> str:
    why = "as asked" if quantity in request.derive else f"no {quantity} column"
    if request.compute is not None:
        return f"{quantity} derived from C = {request.compute}: {why}"
    return f"{quantity} derived as {_FORMULAS[quantity]} from C = 6ND: {why}"


def _loss_note(unit: str | None) -> str:
    if unit is None:
        return f"loss taken to be in nats/token: no {argument('loss_unit')} given"
    if unit == "nats":
        return f"loss in nats/token ({argument('loss_unit')})"
    return (
        f"loss multiplied by {loss_factor(unit):.9g} to be nats/token "
        f"({argument('loss_unit', unit)})"
    )


def _factors(units: Mapping[str, str | float], columns: Mapping[str, str]) -> dict[str, float]:
    readable = [key for key in columns if key not in (*ROLES, "loss")]
    if unread := [key for key in units if key not in readable]:
        raise UsageError(
            f"{argument('units')} names {unread}, but only {readable} are read as inputs"
        )
    return {key: unit_factor(unit) for key, unit in units.items()}
