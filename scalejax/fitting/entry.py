"""`Entry`: a table of runs and what is to be fitted to it, with all that speaks against it.

`scalejax.fit`, `scalejax.fit_many` and `scalejax.check` come through `enter`, so that what one
refuses the others refuse, in the same words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from scalejax.amounts import bounds as ends
from scalejax.amounts import mapping
from scalejax.data import (
    Inspection,
    Presence,
    Request,
    Table,
    group_by,
    inspect_table,
    with_mapping,
)
from scalejax.engine import (
    FitProblem,
    ObjectiveLike,
    as_objective,
    check_priors,
    check_signs,
    design_problems,
    inert_inputs,
    refuse_bounds,
    refuse_broken,
    target_of,
)
from scalejax.errors import InputError, InputProblem
from scalejax.laws import DEFAULT, Law, LawChoice, find_law, law_of_inputs
from scalejax.objectives import Model, Objective, Penalty, Prior, make_model

_ROUNDED = 0.01
"""How far shares may be from adding up to one: what is lost where each has two digits or more."""


@dataclass(frozen=True)
class Terms:
    """What is to be fitted, as the arguments of `scalejax.fit`.

    Attributes:
        law: The law; None for that of the table.
        objective: What is minimised.
        fixed: Parameters held at a value.
        tied: Parameters that take the value of another.
        bounds: Ranges that parameters may not leave.
        priors: Priors by parameter.
        penalty: Function of the parameters that is added.
        allow_unidentified: Whether runs that do not determine all parameters are fitted.
        empty: Whether all parameters may be held.
    """

    law: str | Law | None = None
    objective: ObjectiveLike = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    priors: Mapping[str, Prior] = field(default_factory=dict)
    penalty: Penalty | None = None
    allow_unidentified: bool = False
    empty: bool = True

    def checked(self) -> "Terms":
        """The same with values that are fixed, and bounds, as numbers.

        Raises:
            UsageError: One is none.
        """
        return replace(
            self,
            fixed=mapping("fixed", self.fixed),
            bounds=mapping("bounds", self.bounds, read_one=partial(ends, rising=False)),
        )


@dataclass(frozen=True, eq=False)
class Entry:
    """A table and what is to be fitted to it.

    Attributes:
        law: The law.
        name: Its name as it was given, or as it was taken.
        choice: Why it was taken, where none was named.
        inspection: What the checks say of the table; its problems are all that there are.
        problem: The problem; None if anything is wrong.
    """

    law: Law
    name: str
    choice: LawChoice | None
    inspection: Inspection
    problem: FitProblem | None

    def admitted(self) -> FitProblem:
        """The problem.

        Raises:
            InputError: Everything for which it is refused, at once.
        """
        if self.problem is None:
            raise InputError(self.inspection.errors, self.inspection.source)
        return self.problem


def enter(
    data: Any,
    terms: Terms,
    options: Mapping[str, Any],
    by: str | Sequence[str] | None = None,
    survey: bool = False,
) -> Entry:
    """Read a table for a law and collect all that is wrong or odd.

    Args:
        data: As for `scalejax.fit`.
        terms: What is to be fitted.
        options: Options of `scalejax.data.load_table`.
        by: Columns whose groups are fitted each by itself.
        survey: Whether to look for all quantities that the table has, if the law does not depend
            on them.

    Raises:
        LawError: The law is unknown, or cannot be evaluated.
        UsageError: Arguments that cannot be combined.
    """
    terms, objective = terms.checked(), as_objective(terms.objective)
    options = {name: value for name, value in options.items() if value is not None}
    options = with_mapping(options, options.pop("mapping", None))
    grouped = {"source": data} if by is None else group_by(data, by)
    source = grouped.pop("source")
    options |= grouped
    if terms.law is None:
        request = Request(**options, choose=partial(_needs_of_table, terms, objective, options))
    else:
        law, model = _law_and_model(terms.law, terms, objective)
        needs = _needs(law, model, objective, options)
        request = Request(**options | needs, choose=_nothing if survey else None)
    inspection = inspect_table(source, request)
    choice = None if terms.law is not None else _choice(inspection.presence)
    law, model = _law_and_model(choice.name if choice else terms.law or DEFAULT, terms, objective)
    name = choice.name if choice else terms.law if isinstance(terms.law, str) else law.name
    problem = None
    if inspection.table is not None:
        inspection, problem = _posed(inspection, model, terms, objective, choice)
    return Entry(law, name, choice, inspection, problem)


def _posed(
    inspection: Inspection,
    model: Model,
    terms: Terms,
    objective: Objective,
    choice: LawChoice | None,
) -> tuple[Inspection, FitProblem | None]:
    """The problem of a checked table, and what speaks against it beyond the table."""
    table = inspection.table
    assert table is not None
    if held := _gauge(table, model, terms):
        terms = replace(terms, fixed=held)
        _, model = _law_and_model(model.law, terms, objective)
        table = replace(table, notes=(*table.notes, _about_gauge(model.law)))
    check_signs(objective, table.target)
    if choice is not None and choice.name != DEFAULT:
        table = replace(table, notes=(*table.notes, choice.note))
    problem = FitProblem(
        model, objective, table, terms.fixed, terms.bounds, check_priors(model, terms.priors)
    )
    problems = [] if table.group is not None else _problems(problem, terms)
    inspection = replace(
        inspection,
        notes=table.notes,
        problems=(*inspection.problems, *problems),
        table=table,
    )
    if not inspection.errors:
        return inspection, problem
    return replace(inspection, table=None), None


def _gauge(table: Table, model: Model, terms: Terms) -> Mapping[str, float]:
    """What shares that add up to one leave open, with its value; nothing if anything is held."""
    law = model.law
    if not law.simplex or terms.fixed or terms.tied:
        return {}
    whole = np.sum([table.inputs[name] for name in law.simplex], axis=0)
    return law.gauge if np.all(np.abs(whole - 1) <= _ROUNDED) else {}


def _about_gauge(law: Law) -> str:
    held = ", ".join(f"{name} = {value:g}" for name, value in law.gauge.items())
    return (
        f"{', '.join(law.simplex)} add up to one in every row, which leaves a parameter open: "
        f"{held} is held, and nothing is lost by it."
    )


def _problems(problem: FitProblem, terms: Terms) -> list[InputProblem]:
    """Bounds that cannot hold, and parameters that the runs do not determine."""
    problems: list[InputProblem] = []
    if problem.model.free:
        try:
            refuse_bounds(problem)
        except InputError as error:
            problems += error.problems
    design = design_problems(problem)
    if terms.allow_unidentified:
        design = tuple(one for one in design if one.code.startswith("W"))
    return [*problems, *design]


def _law_and_model(law: str | Law, terms: Terms, objective: Objective) -> tuple[Law, Model]:
    law = find_law(law)
    refuse_broken(law)
    model = make_model(
        law,
        objective.kernel,
        fixed=terms.fixed,
        tied=terms.tied,
        penalty=terms.penalty,
        empty=terms.empty,
    )
    return law, model


def _needs(
    law: Law, model: Model, objective: Objective, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What is read for a law, beside the caller's options."""
    target = target_of(law, options, objective)
    return {
        "inputs": law.inputs,
        "n_parameters": model.size,
        "constant": inert_inputs(model),
        **{name: target[name] for name in ("target", "signed") if name in target},
    }


def _needs_of_table(
    terms: Terms, objective: Objective, options: Mapping[str, Any], presence: Presence
) -> dict[str, Any]:
    """What is read for the law that a table is for."""
    name = law_of_inputs(presence.symbols, presence.constant, presence.source, presence.large).name
    return _needs(*_law_and_model(name, terms, objective), objective, options)


def _choice(presence: Presence | None) -> LawChoice | None:
    """The law of a table; None where it could not be read or is asked for."""
    if presence is None:
        return None
    try:
        return law_of_inputs(presence.symbols, presence.constant, presence.source, presence.large)
    except InputError:
        return None


def _nothing(presence: Presence) -> dict[str, Any]:
    """What is read does not depend on what is there."""
    return {}
