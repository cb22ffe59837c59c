"""Frontiers: the best decision as one thing that a plan takes as given changes, with bands.

- `frontier`: budget, dollars, days, data, quality or demand; any limit that the plan states.
- `contours`: loss and cost around the optimum, for a picture of why it is where it is.

All values and all draws are one batch (`scalejax.optima.solve_many`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax.errors import UsageError
from scalejax.fitting.intervals import check_level
from scalejax.fitting.prediction import decades_beyond
from scalejax.optima import Answer, Measure, Optima, Problem, solve_many
from scalejax.plan.measures import (
    BITS,
    DAYS,
    LIFETIME_FLOP,
    PRECISION_INPUTS,
    TRAINING_FLOP,
    USD,
)
from scalejax.plan.numbers import evaluate_draws, quantile_interval
from scalejax.plan.stated import QUALITY
from scalejax.plan.statement import (
    BITS_VARIABLE,
    D,
    Limit,
    N,
    decides_bits,
    loss_of,
    problem_of,
    reported,
)
from scalejax.status import Outcome

if TYPE_CHECKING:
    from scalejax.plan.record import Plan

Floats = NDArray[np.float64]

DEMAND = "demand"
"""Name under which a frontier goes along the tokens that are served."""

_BUDGETS = (USD.name, LIFETIME_FLOP.name, TRAINING_FLOP.name, DAYS.name)
_DECIDED = ("N", "D", BITS)
_REACH = 100.0
_CLOUD = 200


def frontier(
    plan: "Plan",
    along: str | None = None,
    values: Sequence[float] | Floats | None = None,
    points: int = 25,
    level: float | None = None,
) -> pd.DataFrame:
    """The best decision for each value of one limit, or of demand, the rest as in the plan.

    Args:
        plan: The plan.
        along: The name of a limit of the plan ("training compute", "dollars", "days", "tokens",
            "loss", ...), "as_good_as" or "demand". If not given, the quality that is wanted, or the
            budget that binds.
        values: Its values; if not given, two decades to each side of the plan's own. Losses to
            reach are then those that a hundredth and a hundred times the cost can reach.
        points: How many values there are then, the plan's own in the middle.
        level: Probability of the bands; the plan's if not given.

    Returns:
        A row for each value, in order: what varies (`along`, `unit`, `limit`) and whether it is the
        plan's own (`plan`); N, D, bits and the measures of the plan by name, each with `_lo` and
        `_hi` if there are draws, over those that have an optimum; which of them was minimised
        (`goal`), the `outcome`, and for draws the share `solved`, `level` and `method`; for a fit,
        `decades_beyond` the data. NaN where no decision meets the limits.

    Raises:
        UsageError: Nothing is decided in the plan, or it has no such limit.
    """
    answer = _answer(plan)
    level = plan.level if level is None else level
    check_level(level)
    along = _along(plan, answer, along)
    own = _own(plan, along)
    grid = _checked(values) if values is not None else _grid(plan, answer, along, own, points)
    over, drawn = _lanes(plan, along, grid)
    found = solve_many(answer.problem, plan.args, over)
    told = evaluate_draws(reported(plan.question, plan.source.law), found.decision, plan.args, over)
    outcome = found.outcome.reshape(len(grid), -1)[:, 0]
    frame = pd.DataFrame(
        {
            "along": along,
            "unit": _unit(answer, along),
            "limit": grid,
            "plan": np.isclose(grid, own, rtol=1e-12, atol=0),
            **_with_bands(told, len(grid), level, drawn),
            "goal": answer.problem.minimize.name,
            "outcome": [Outcome(code).label for code in outcome],
        }
    )
    if drawn:
        solved = found.solved.reshape(len(grid), -1)[:, 1:]
        frame = frame.assign(solved=solved.mean(axis=1), level=level, method=plan.method)
    return frame if plan.source.fit is None else frame.assign(decades_beyond=_beyond(plan, frame))


def _answer(plan: "Plan") -> Answer:
    if plan.answer is None:
        raise UsageError("nothing is decided in this plan: N and D are given.")
    return plan.answer


def _along(plan: "Plan", answer: Answer, along: str | None) -> str:
    """What varies, by the name of its limit."""
    question, limits = plan.question, list(plan.args["limits"])
    if question.as_good_as is not None:
        # The loss to reach follows from it, draw by draw.
        limits.remove(loss_of(plan.source.law).name)
    choices = [*limits, *([DEMAND] if question.demand else [])]
    if along is not None and along not in choices:
        needs = "" if along != DEMAND else "; demand must be stated (output_tokens=)"
        raise UsageError(f"along={along!r}: this plan has {', '.join(choices)}{needs}.")
    if along is not None:
        return along
    if question.wants_quality:
        return QUALITY if question.as_good_as is not None else loss_of(plan.source.law).name
    binding = [bound.name for bound in answer.binding]
    budgets = [name for name in _BUDGETS if name in limits]
    return next((name for name in budgets if name in binding), budgets[0])


def _own(plan: "Plan", along: str) -> float:
    """The plan's own value of what varies."""
    return plan.question.demand if along == DEMAND else float(plan.args["limits"][along])


def _unit(answer: Answer, along: str) -> str:
    units = {one.name: one.measure.unit for one in answer.problem.subject_to}
    return {**units, DEMAND: "tokens", QUALITY: TRAINING_FLOP.unit}[along]


def _checked(values: Sequence[float] | Floats) -> Floats:
    found = np.unique(np.asarray(values, np.float64))
    if not len(found) or not np.all(np.isfinite(found) & (found > 0)):
        raise UsageError("values= must be positive numbers.")
    return found


def _grid(plan: "Plan", answer: Answer, along: str, own: float, points: int) -> Floats:
    """Values to both sides of the plan's own, which is one of them."""
    side = points // 2 + 1
    if side < 2:
        raise UsageError(f"points must be at least 2, not {points!r}.")
    factors = np.geomspace(1.0, _REACH, side)
    if along == loss_of(plan.source.law).name:
        return _losses(plan, answer, own, np.append(1 / factors[:0:-1], factors[1:]))
    return own * np.concatenate([1 / factors[:0:-1], factors])


def _losses(plan: "Plan", answer: Answer, own: float, factors: Floats) -> Floats:
    """The plan's own loss to reach and the best losses of these multiples of its cost."""
    if not answer.found:
        raise UsageError("the plan's own loss cannot be reached: give values= to try.")
    problem, cost = answer.problem, answer.problem.minimize
    (loss,) = (one.measure for one in problem.subject_to if one.name == "loss")
    rest = [one for one in problem.subject_to if one.name not in ("loss", cost.name)]
    dual = Problem(problem.variables, loss, (cost.at_most(Limit(cost.name)), *rest))
    limits = _spread(plan.args["limits"], len(factors))
    limits[cost.name] = answer.goal * factors
    best = solve_many(dual, plan.args, {"limits": limits}).goal
    return np.unique(np.append(best[np.isfinite(best)], own))


def _lanes(plan: "Plan", along: str, grid: Floats) -> tuple[dict[str, Any], bool]:
    """Args for each value and, within it, the estimate and the draws; whether there are draws."""
    draws, _ = plan.source.draws()
    law = {
        name: np.append(value, draws[name] if draws else [])
        for name, value in plan.args["law"].items()
    }
    count = len(next(iter(law.values())))
    size, each = len(grid) * count, np.repeat(grid, count)
    over: dict[str, Any] = {
        "law": {name: np.tile(value, len(grid)) for name, value in law.items()},
        "limits": _spread(plan.args["limits"], size),
    }
    if along == DEMAND:
        shares = plan.args["demand"].items()
        over[DEMAND] = {name: each * (value / plan.question.demand) for name, value in shares}
    else:
        over["limits"][along] = each
    if plan.question.as_good_as is not None:
        quality = solve_many(_quality(plan), plan.args, over)
        over["limits"][quality.problem.minimize.name] = quality.goal
    return over, bool(draws)


def _spread(numbers: Mapping[str, float], size: int) -> dict[str, Floats]:
    return {name: np.full(size, value) for name, value in numbers.items()}


def _quality(plan: "Plan") -> Problem:
    """The problem whose best loss is to be reached."""
    law = plan.source.law
    variables = (N, D, BITS_VARIABLE) if decides_bits(plan.question, law) else (N, D)
    return Problem(variables, loss_of(law), (TRAINING_FLOP.at_most(Limit(QUALITY)),))


def _with_bands(
    told: Mapping[str, Floats], size: int, level: float, drawn: bool
) -> dict[str, Floats]:
    """For each number the estimates (size,) and, with draws, the ends of their intervals."""
    columns = {}
    for name in sorted(told, key=lambda name: name not in _DECIDED):
        lanes = told[name].reshape(size, -1)
        columns[name] = lanes[:, 0]
        if drawn:
            ends = np.array([quantile_interval(row[1:], level) for row in lanes])
            columns |= {f"{name}_lo": ends[:, 0], f"{name}_hi": ends[:, 1]}
    return columns


def _beyond(plan: "Plan", frame: pd.DataFrame) -> Floats:
    """Decades between each decision and the data of the fit; NaN where there is none."""
    fit = plan.source.fit
    assert fit is not None
    known = {**plan.args["fixed"], **{name: frame[name] for name in _DECIDED if name in frame}}
    if BITS in known:
        known.update(dict.fromkeys(PRECISION_INPUTS, known[BITS]))
    columns = {
        name: np.broadcast_to(np.asarray(known[name], np.float64), len(frame))
        for name in fit.law.inputs
    }
    return np.where(frame["N"].notna(), decades_beyond(fit, columns), np.nan)


@dataclass(frozen=True)
class Contours:
    """Loss and cost around the optimum of a plan.

    Attributes:
        N: Parameters, (n,).
        D: Tokens, (n,).
        loss: Loss at each D (rows) and N (columns), (n, n), nats/token.
        cost: Cost there, in the unit of `measure`.
        excess: Logarithm of how many times over its limit the worst of the limited measures is; not
            positive where all limits of the plan hold.
        measure: What the cost is.
        optimum: N, D, and bits if they are decided.
        candidates: The models that the plan was asked to price.
        draws: N and D of the optima of draws, 200 at most; empty without any.
        path: The frontier, as `frontier` gives it.
    """

    N: Floats
    D: Floats
    loss: Floats
    cost: Floats
    excess: Floats
    measure: Measure
    optimum: Mapping[str, float]
    candidates: pd.DataFrame
    draws: Mapping[str, Floats]
    path: pd.DataFrame


def contours(plan: "Plan", path: pd.DataFrame | None = None, size: int = 61) -> Contours:
    """Loss and cost in the plane of N and D, a decade and a half to each side of the optimum.

    Bits, if they are decided, are those of the optimum.

    Args:
        plan: The plan.
        path: A frontier of it, if there is one already.
        size: Points along each axis.

    Raises:
        UsageError: Nothing is decided in the plan, or it has no optimum.
    """
    answer = _answer(plan)
    if not answer.found:
        raise UsageError(f"there is nothing to draw contours around. {answer.outcome.sentence}")
    path = frontier(plan) if path is None else path
    optimum = {**plan.args["held"], **answer.decision}
    steps = np.geomspace(10**-1.5, 10**1.5, size)
    sides = {name: optimum[name] * steps for name in ("N", "D")}
    tokens, parameters = np.meshgrid(sides["D"], sides["N"], indexing="ij")
    free = problem_of(
        replace(plan.question, params=None, tokens=None), plan.source.law, plan.target
    )
    limited = [one.measure for one in free.subject_to]
    cost = _cost(plan, answer, free)
    loss = loss_of(plan.source.law)
    point = {**optimum, "N": parameters.ravel(), "D": tokens.ravel()}
    measures = tuple(dict.fromkeys((loss, cost, *limited)))
    over = {"law": _spread(plan.args["law"], size**2)}
    told = evaluate_draws(measures, point, {**plan.args, "held": {}}, over)
    limits = plan.args["limits"]
    over_limits = [np.log(told[one.name] / limits[one.name]) for one in limited]
    return Contours(
        **sides,
        loss=told[loss.name].reshape(size, size),
        cost=told[cost.name].reshape(size, size),
        excess=np.max(over_limits, axis=0).reshape(size, size),
        measure=cost,
        optimum=optimum,
        candidates=plan.candidates,
        draws=_drawn(plan.optima),
        path=path,
    )


def _cost(plan: "Plan", answer: Answer, free: Problem) -> Measure:
    """What is minimised, or the budget that the best loss is sought for."""
    if plan.question.wants_quality:
        return free.minimize
    name = _along(plan, answer, None)
    return next(one.measure for one in free.subject_to if one.name == name)


def _drawn(optima: Optima | None) -> dict[str, Floats]:
    """N and D of the first draws that have an optimum, where both are decided."""
    if optima is None or not {"N", "D"} <= set(optima.decision):
        return {}
    return {name: optima.decision[name][optima.solved][:_CLOUD] for name in ("N", "D")}
