"""Loss and cost in the plane of N and D, which show why an optimum is where it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.optima import Measure, Optima, Problem
from scalejax.planning.evaluation import evaluate_draws
from scalejax.planning.frontier import frontier, solution_of, spread, what_varies
from scalejax.planning.plan import Plan
from scalejax.planning.problem import loss_of, problem_of
from scalejax.planning.solution import PlanSolution
from scalejax.quantities import LOSS

_CLOUD = 200
"""Draws in a picture; more hide each other. Set by judgement."""


@dataclass(frozen=True)
class Contours:
    """Loss and cost around the optimum of a plan.

    Attributes:
        N: Parameters, (n,).
        D: Tokens, (n,).
        loss: Loss at each D (rows) and N (columns), (n, n).
        cost: Cost there, in the unit of `measure`.
        excess: Logarithm of how many times over its limit the worst of the limited measures is; not
            positive where all limits of the plan hold.
        measure: The measure that is drawn as the cost.
        optimum: N, D, and bits if they are decided.
        candidates: The models that the plan was asked to price.
        draws: N and D of the optima of draws, 200 at most; empty without any.
        path: The frontier, as `frontier` gives it.
        unit: Unit of the loss; empty if unknown.
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
    unit: str = LOSS.unit


def contours(plan: Plan, path: pd.DataFrame | None = None, size: int = 61) -> Contours:
    """Loss and cost in the plane of N and D, a decade and a half to each side of the optimum.

    Bits, if they are decided, are those of the optimum.

    Args:
        plan: The plan.
        path: A frontier of it, if there is one already.
        size: Points along each axis.

    Raises:
        UsageError: Nothing is decided in the plan, or it has no optimum.
    """
    solution = solution_of(plan)
    if not plan.found:
        raise UsageError(f"there is nothing to draw contours around. {plan.outcome.sentence}")
    path = frontier(plan) if path is None else path
    optimum = solution.decision
    steps = np.geomspace(10**-1.5, 10**1.5, size)
    sides = {name: optimum[name] * steps for name in ("N", "D")}
    tokens, parameters = np.meshgrid(sides["D"], sides["N"], indexing="ij")
    free = problem_of(
        replace(plan.question, params=None, tokens=None),
        plan.source.law,
        plan.target,
        plan.source.sizes,
    )
    limited = [one.measure for one in free.subject_to]
    cost = _cost(plan, solution, free)
    loss = loss_of(plan.source.law)
    point = {**optimum, "N": parameters.ravel(), "D": tokens.ravel()}
    measures = tuple(dict.fromkeys((loss, cost, *limited)))
    over = {"law": spread(solution.args["law"], size**2)}
    values = evaluate_draws(measures, point, {**solution.args, "held": {}}, over)
    limits = solution.args["limits"]
    over_limits = [np.log(values[one.name] / limits[one.name]) for one in limited]
    return Contours(
        **sides,
        loss=values[loss.name].reshape(size, size),
        cost=values[cost.name].reshape(size, size),
        excess=np.max(over_limits, axis=0).reshape(size, size),
        measure=cost,
        optimum=optimum,
        candidates=plan.candidates,
        draws=_drawn(plan.optima),
        path=path,
        unit=plan.source.unit,
    )


def _cost(plan: Plan, solution: PlanSolution, free: Problem) -> Measure:
    """The measure that is minimised; of a plan for the best loss, the budget that limits it."""
    if plan.question.wants_quality:
        return free.minimize
    name = what_varies(plan, solution)
    return next(one.measure for one in free.subject_to if one.name == name)


def _drawn(optima: Optima | None) -> dict[str, Floats]:
    """N and D of the first draws that have an optimum, where both are decided."""
    if optima is None or not {"N", "D"} <= set(optima.decision):
        return {}
    return {name: optima.decision[name][optima.solved][:_CLOUD] for name in ("N", "D")}
