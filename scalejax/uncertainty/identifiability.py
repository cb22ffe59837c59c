"""Which parameters a set of runs determines: asked before a fit or after it, answered in words.

`design_identifiability` needs the inputs of the runs only, so it can be asked before anything is
trained; `identifiability` looks at a finished fit, at its estimate. Both give the condition of the
column-scaled Jacobian, with the same thresholds as the status of a fit: below 1e3 all is fine, up
to 1e6 a direction is weak and intervals along it are wide, above that it is flat and the
parameters that take part are not identified. The others still are. Priors and penalties are not
counted: the question is what the runs say.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scalejax.data import Table
from scalejax.errors import Problem, UsageError
from scalejax.fitting import Fit
from scalejax.fitting.arguments import ObjectiveLike, as_objective
from scalejax.fitting.certificate import CONDITION_LIMIT, WEAK_CONDITION
from scalejax.fitting.summary import short_number
from scalejax.laws import Law, find_law
from scalejax.objectives import Model, make_model
from scalejax.status import Status
from scalejax.uncertainty.causes import find_causes, listed, loadings, plain, trade
from scalejax.uncertainty.directions import View, look
from scalejax.uncertainty.jacobians import Design, completed, typical_points

Floats = NDArray[np.float64]
Verdict = Literal["fine", "weak", "not identified"]

TYPICAL_NOISE = 0.005
"""Standard deviation of the log loss that is assumed before there is a fit."""

_WIDTH = 100
_LABEL = 12
_MAD_TO_SD = 1.4826
_LEAST_EFFECT = 0.01


@dataclass(frozen=True)
class Direction:
    """A direction of the parameters that the runs determine badly.

    Attributes:
        condition: Largest singular value over the one of this direction.
        loadings: Parameters that take part, with their entries in the singular vector.
        words: How far the parameters can move along it without a prediction changing.
    """

    condition: float
    loadings: Mapping[str, float]
    words: str


@dataclass(frozen=True, eq=False)
class Identifiability:
    """What a design or a fit can tell about each parameter.

    Attributes:
        condition: Condition of the column-scaled Jacobian.
        verdict: ``"fine"``, ``"weak"`` or ``"not identified"``.
        at: Where the law was linearised, in words.
        parameters: All parameters of the law there.
        singular_values: Singular values of the column-scaled Jacobian, descending, (p,).
        directions: The weak and flat ones, the flattest first.
        identified: Free parameters that are not in a flat direction.
        flat: The other free parameters.
        stderr: Standard errors that least squares would have, by free parameter: of the logarithm
            for those in `logarithmic`. Those of identified parameters leave flat directions out.
        logarithmic: Free parameters whose logarithm is fitted.
        noise: Standard deviation of the residuals that `stderr` assumes.
        remedy: Additional runs (the inputs by name) that bring the condition below 1e3; none if
            there is no need, or no small set of runs is enough.
        draws: Number of resamples of the fit.
        draws_not_identified: How many of them ended with the status of that name.
        problems: E132, E133 and E134 if a parameter is not identified, W217 and W218 if it is
            weakly identified.
    """

    condition: float
    verdict: Verdict
    at: str
    parameters: Mapping[str, float]
    singular_values: Floats
    directions: tuple[Direction, ...]
    identified: tuple[str, ...]
    flat: tuple[str, ...]
    stderr: Mapping[str, float]
    logarithmic: tuple[str, ...]
    noise: float
    remedy: tuple[Mapping[str, float], ...]
    draws: int
    draws_not_identified: int
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(
            textwrap.fill(
                text,
                _WIDTH,
                initial_indent=label.ljust(_LABEL),
                subsequent_indent=" " * _LABEL,
                break_long_words=False,
            )
            for label, text in self._lines()
        )

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield "verdict", f"{_VERDICT_WORDS[self.verdict]} (condition {plain(self.condition)})"
        yield "seen from", self.at
        for problem in self.problems:
            yield "", str(problem)
        if self.flat:
            yield "flat", ", ".join(self.flat)
            yield "identified", ", ".join(self.identified) or "none"
        for direction in self.directions:
            yield "direction", f"{direction.words} (condition {plain(direction.condition)})"
        errors = ", ".join(
            f"{f'ln {name}' if name in self.logarithmic else name} {plain(error)}"
            for name, error in self.stderr.items()
        )
        yield "stderr", f"{errors} (for noise of sd {plain(self.noise)})"
        if self.draws:
            yield "resamples", f"{self.draws_not_identified} of {self.draws} not identified"


_VERDICT_WORDS = {
    "fine": "all identified",
    "weak": "weakly identified: intervals are wide in some direction",
    "not identified": "not all identified: some direction is flat",
}


def design_identifiability(
    data: Table | pd.DataFrame | Mapping[str, ArrayLike],
    law: str | Law = "chinchilla",
    *,
    params: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    objective: ObjectiveLike = None,
    noise: float = TYPICAL_NOISE,
) -> Identifiability:
    """Tell before a fit, or before the runs, which parameters the runs can determine.

    Args:
        data: A table, or the inputs of the law by name in raw units, (n,) each. Losses are not
            looked at; of a table the weights are.
        law: As for `fit`.
        params: Parameters at which the law is linearised; those that are fixed or tied may be
            left out. Without them the published sets of the law are tried, or points all over the
            plausible ranges if it has none, and the best case is reported, so that a refusal is
            never due to a bad guess.
        fixed: As for `fit`.
        tied: As for `fit`.
        objective: As for `fit`; what matters is whether residuals are of the log loss.
        noise: Standard deviation of the residual of a run of average weight.

    Returns:
        The answer, with the problems in words. Nothing is raised for a bad design.

    Raises:
        UsageError: An input or parameter is missing or not finite.
    """
    law = find_law(law)
    model = make_model(law, as_objective(objective).kernel, fixed=fixed, tied=tied)
    fixed = dict(fixed or {})
    columns: Mapping[str, str] = {}
    if isinstance(data, Table):
        design, columns = _design_of(model, fixed, data), data.columns
    else:
        design = Design(model, fixed, *_arrays(law, data))
    points = typical_points(design) if params is None else {"the given parameters": dict(params)}
    if params is not None:
        _check_parameters(model, fixed, params)
    points = {at: completed(design, point) for at, point in points.items()}
    views = dict(zip(points, look(design, list(points.values())), strict=True))
    at = _best(views, law.name)
    return _answer(views[at], at, noise, columns, np.empty(0, np.int64))


def identifiability(fit: Fit) -> Identifiability:
    """Tell which parameters the runs of a fit determine, at its estimate.

    Args:
        fit: The fit. The noise is the robust standard deviation of its residuals.

    Returns:
        The answer; its condition is the one of the fit.

    Raises:
        UsageError: The law is not finite at the estimate.
    """
    fixed = dict(fit.settings["fixed"])
    model = make_model(fit.law, fit.objective.kernel, fixed=fixed, tied=fit.settings["tied"])
    design = _design_of(model, fixed, fit.table)
    (view,) = look(design, [fit.params])
    if not view.finite:
        raise UsageError(f"{fit.law.name} is not finite at the estimate ({fit.status.label}).")
    used = fit.table.weight > 0
    residuals = np.sqrt(design.weight) * fit.residuals[used]
    left = max(design.n_rows - len(model.free), 1)
    noise = _MAD_TO_SD * float(np.median(np.abs(residuals))) * np.sqrt(design.n_rows / left)
    return _answer(view, "the estimate", float(noise), fit.table.columns, fit.draws.status)


def _best(views: Mapping[str, View], law: str) -> str:
    """The point with the lowest condition, of those where every parameter matters if there are."""
    usable = [at for at, view in views.items() if view.finite]
    if not usable:
        raise UsageError(f"{law} is not finite at {listed(views)} for these runs.")
    sound = [at for at in usable if np.min(views[at].effects) >= _LEAST_EFFECT]
    return min(sound or usable, key=lambda at: views[at].condition)


def _answer(
    view: View, at: str, noise: float, columns: Mapping[str, str], status: NDArray[np.int64]
) -> Identifiability:
    model = view.design.model
    verdict = _verdict(view.condition)
    flat = view.taking_part(CONDITION_LIMIT)
    badly = np.flatnonzero(view.relative >= WEAK_CONDITION)[::-1]
    remedy = view.remedy() if verdict != "fine" else ()
    return Identifiability(
        condition=view.condition,
        verdict=verdict,
        at=at,
        parameters=view.parameters,
        singular_values=view.singular,
        directions=tuple(
            Direction(float(view.relative[k]), loadings(view, int(k)), trade(view, int(k)))
            for k in badly
        ),
        identified=tuple(name for name in model.free if name not in flat),
        flat=flat,
        stderr=view.stderr(noise),
        logarithmic=tuple(n for n in model.free if model.law.parameters[n].logarithmic),
        noise=noise,
        remedy=remedy,
        draws=len(status),
        draws_not_identified=int(np.sum(status == Status.NOT_IDENTIFIED)),
        problems=_problems(view, verdict, flat, remedy, columns),
    )


def _verdict(condition: float) -> Verdict:
    if condition < WEAK_CONDITION:
        return "fine"
    return "weak" if condition <= CONDITION_LIMIT else "not identified"


def _problems(
    view: View,
    verdict: Verdict,
    flat: tuple[str, ...],
    remedy: tuple[Mapping[str, float], ...],
    columns: Mapping[str, str],
) -> tuple[Problem, ...]:
    if verdict == "fine":
        return ()
    names = flat or view.taking_part(WEAK_CONDITION)
    return tuple(
        Problem(
            cause.error if flat else cause.warning,
            f"{cause.words}; {_advice(remedy)}",
            columns.get(cause.symbol, cause.symbol) if cause.symbol else None,
        )
        for cause in find_causes(view, names)
    )


def _advice(remedy: tuple[Mapping[str, float], ...]) -> str:
    if not remedy:
        return "a few more runs near these are no cure: fix or tie a parameter, or simplify the law"
    return f"for example add runs at {'; '.join(map(_run, remedy))}"


def _run(run: Mapping[str, float]) -> str:
    words = ", ".join(f"{name}={_amount(value)}" for name, value in run.items())
    if {"N", "D"} <= set(run):
        ratio = run["D"] / run["N"]
        words += f" ({_amount(float(f'{ratio:.2g}'))} tokens per parameter)"
    return words


def _amount(value: float) -> str:
    return short_number(value).replace("e+", "e")


def _design_of(model: Model, fixed: Mapping[str, float], table: Table) -> Design:
    """The rows of a table that carry weight."""
    missing = [name for name in model.law.inputs if name not in table.inputs]
    if missing:
        raise UsageError(f"the table has no {listed(missing)} (law {model.law.name}).")
    used = table.weight > 0
    if not used.any():
        raise UsageError("no row of the table carries weight.")
    inputs = {name: table.inputs[name][used] for name in model.law.inputs}
    return Design(model, fixed, inputs, table.weight[used] / np.mean(table.weight[used]))


def _arrays(law: Law, data: Any) -> tuple[dict[str, Floats], Floats]:
    missing = [name for name in law.inputs if name not in data]
    if missing:
        raise UsageError(f"the runs have no {listed(missing)} (law {law.name}).")
    columns = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(data[name], np.float64)) for name in law.inputs)
    )
    inputs = dict(zip(law.inputs, columns, strict=True))
    wrong = [name for name, x in inputs.items() if not (x.size and np.all(np.isfinite(x)))]
    if wrong:
        raise UsageError(f"{listed(wrong)} must hold finite numbers, one per run.")
    return inputs, np.ones(len(columns[0]))


def _check_parameters(
    model: Model, fixed: Mapping[str, float], params: Mapping[str, float]
) -> None:
    missing = [name for name in model.free if name not in params]
    unknown = [name for name in params if name not in model.law.parameters]
    if missing or unknown:
        complaints = [f"lacks {listed(missing)}"] * bool(missing)
        complaints += [f"names {listed(unknown)}"] * bool(unknown)
        raise UsageError(f"params= {' and '.join(complaints)} (law {model.law.name}).")
