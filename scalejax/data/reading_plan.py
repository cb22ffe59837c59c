"""`ReadingPlan`: which column of a table is read for what, in which unit, and what is derived.

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
from scalejax.data.candidates import Candidate
from scalejax.data.column_units import factor_of, unit_problems
from scalejax.data.columns import column_of, column_problems, guess_of, match_name
from scalejax.data.mapping import MappedColumn
from scalejax.data.request import ROLES, SOURCES, Request
from scalejax.data.response import Response, response_of
from scalejax.errors import InputError, InputProblem, UsageError
from scalejax.quantities import CHECKED
from scalejax.vocabulary import argument

_FORMULAS = {"N": "C/(6D)", "D": "C/(6N)", "C": "6ND"}

Match = Candidate | InputProblem | None


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
        response: Unit of the response, and what is done to its column.
        mapping: What each column was taken for, in words.
    """

    columns: dict[str, str]
    derived: tuple[str, ...]
    notes: tuple[str, ...]
    factors: dict[str, float]
    compute: str | None
    response: Response
    mapping: tuple[MappedColumn, ...]

    @property
    def derivation_sources(self) -> frozenset[str]:
        """Quantities that are read in order to derive another."""
        return frozenset(source for quantity in self.derived for source in SOURCES[quantity])


def make_reading_plan(frame: pd.DataFrame, request: Request) -> ReadingPlan:
    """The column of everything that a request reads.

    Raises:
        InputError: E112, E124 and E126, all at once.
        UsageError: A unit is unknown or given for a quantity that is not read.
    """
    matches: dict[str, Match] = {}
    derived: list[str] = []
    for quantity in request.inputs:
        match = _column(frame, quantity, request)
        if quantity in request.derive or (match is None and _derivable(frame, quantity, request)):
            derived.append(quantity)
            matches.update(_match_all(frame, SOURCES[quantity], request))
        else:
            matches[quantity] = match
    matches[request.target] = _column(frame, request.target, request)
    for role, name in request.roles.items():
        column = match_name(frame, name)
        matches[role] = Candidate(column) if isinstance(column, str) else column
    if problems := column_problems(frame, matches):
        raise InputError(problems)
    read = {
        "loss" if key == request.target else key: match
        for key, match in matches.items()
        if isinstance(match, Candidate)
    }
    compute = _compute_column(frame, read, request)
    measured = {**read, "C": compute} if compute is not None else read
    units = _units(request, measured)
    response, wrong = response_of(read["loss"].column, request)
    wrong += [
        problem
        for key, match in measured.items()
        if key not in ROLES
        for problem in unit_problems(frame, match, key, units.get(key), CHECKED.get(key))
    ]
    if wrong:
        raise InputError(wrong)
    factors = {key: factor_of(frame, match, units.get(key)) for key, match in measured.items()}
    factors = {key: factor for key, factor in factors.items() if factor != 1 or key in units}
    mapping = tuple(
        _mapped(key, match, request, response, factors.get(key, 1.0)) for key, match in read.items()
    )
    used = {one.column for one in read.values()}
    notes = [
        _derivation_note(quantity, request, guess_of(frame, quantity, used)) for quantity in derived
    ]
    notes += [
        _unit_note(measured[key], key, factor, units, request.target if key == "loss" else key)
        for key, factor in factors.items()
    ]
    notes += [
        f"{one.quantity} is read from {one.column!r}: {one.how}" for one in mapping if one.how
    ]
    notes += [response.note] if response.note else []
    if (factor := factors.get("loss", 1.0) * response.factor) != 1:
        factors |= {role: factor for role in ("loss", "sigma") if role in read}
    columns = {key: match.column for key, match in read.items()}
    beside = None if compute is None else compute.column
    return ReadingPlan(columns, tuple(derived), tuple(notes), factors, beside, response, mapping)


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


def _column(frame: pd.DataFrame, quantity: str, request: Request) -> Match:
    """The column of a quantity, none of which another input has by its very name."""
    owned = {
        other: other
        for other in (*request.inputs, request.target)
        if other != quantity and other in frame.columns and other not in request.columns
    }
    return column_of(frame, quantity, {**owned, **request.columns})


def _derivable(frame: pd.DataFrame, quantity: str, request: Request) -> bool:
    if quantity not in SOURCES:
        return False
    matches = _match_all(frame, SOURCES[quantity], request)
    return all(isinstance(match, Candidate) for match in matches.values())


def _match_all(frame: pd.DataFrame, names: Sequence[str], request: Request) -> dict[str, Match]:
    return {name: _column(frame, name, request) for name in names}


def _compute_column(
    frame: pd.DataFrame, read: Mapping[str, Candidate], request: Request
) -> Candidate | None:
    """The column of C, if N and D are columns of their own; two candidates are none."""
    if not {"N", "D"} <= read.keys() or "C" in read:
        return None
    match = _column(frame, "C", request)
    taken = {one.column for one in read.values()}
    return match if isinstance(match, Candidate) and match.column not in taken else None


def _units(request: Request, read: Mapping[str, Candidate]) -> dict[str, str | float]:
    """The caller's units by quantity; the response goes by its symbol or its column too."""
    names = {key: key for key in read if key not in (*ROLES, "loss")}
    readable = list(names)
    if request.target != "loss":
        names |= {request.target: "loss", read["loss"].column: "loss"}
    unread = [key for key in request.units if key not in names]
    unread += [
        key for key in request.units if key in names and _is_letter(names[key], request, key)
    ]
    if unread:
        raise UsageError(
            f"{argument('units')} names {unread}, but only {readable} are read as inputs"
        )
    return {names[key]: unit for key, unit in request.units.items()}


def _is_letter(name: str, request: Request, key: str) -> bool:
    """Whether a response is given in millions or the like, which none is."""
    return name == "loss" and isinstance(request.units[key], str) and request.units[key] != "%"


def _mapped(
    key: str, match: Candidate, request: Request, response: Response, factor: float
) -> MappedColumn:
    if key == "loss":
        words = match.unit.words or response.words
        return MappedColumn(request.target, match.column, words, match.remark, factor)
    entry = CHECKED.get(key)
    if key in ROLES or entry is None:
        return MappedColumn(key, match.column, "", match.remark, factor)
    words = match.unit.words if match.unit.factor == factor else ""
    unit = words or (f"multiplied by {factor:g}" if factor != 1 else entry.unit)
    return MappedColumn(key, match.column, unit, match.remark, factor)


def _derivation_note(quantity: str, request: Request, guess: str) -> str:
    why = "as asked" if quantity in request.derive else f"no {quantity} column"
    if guess and quantity not in request.derive:
        why += f" (if {guess!r} is one, say {argument('columns', {quantity: guess})})"
    if request.compute is not None:
        return f"{quantity} derived from C = {request.compute}: {why}"
    return f"{quantity} derived as {_FORMULAS[quantity]} from C = 6ND: {why}"


def _unit_note(
    match: Candidate, key: str, factor: float, units: Mapping[str, str | float], name: str
) -> str:
    if key in units:
        return f"{name} multiplied by {factor:g} ({argument('units')})"
    return f"{name} multiplied by {factor:g}: its column {match.column!r} is in {match.unit.words}"
