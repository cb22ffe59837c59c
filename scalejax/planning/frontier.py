"""Frontiers: the best decision for each value of one limit of a plan, or of demand, with bands.

The limit is any that the plan has: a budget, dollars, days, data, the loss to reach. All values and
all draws are solved as one batch (`scalejax.optima.solve_many`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.amounts import POSITIVE, whole
from scalejax.errors import UsageError
from scalejax.fitting import decades_beyond
from scalejax.optima import Problem, solve_many
from scalejax.planning.evaluation import evaluate_draws, quantile_interval
from scalejax.planning.measures import (
    BITS,
    DAYS,
    LIFETIME_FLOP,
    PRECISION_INPUTS,
    TRAINING_FLOP,
    USD,
)
from scalejax.planning.plan import Plan
from scalejax.planning.problem import NamedLimit
from scalejax.planning.solution import QUALITY, PlanSolution
from scalejax.points import read_array
from scalejax.resampling import check_level
from scalejax.status import Outcome
from scalejax.vocabulary import argument
from scalejax.workload import MOST_POINTS

DEMAND = "demand"
"""Name under which a frontier goes along the tokens that are served."""

_BUDGETS = (USD.name, LIFETIME_FLOP.name, TRAINING_FLOP.name, DAYS.name)
_DECIDED = ("N", "D", BITS)
_REACH = 100.0
"""How many times smaller and larger than the plan's own the values are, if none are given."""


def frontier(
    plan: Plan,
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
    solution = solution_of(plan)
    level = plan.level if level is None else level
    check_level(level)
    along = what_varies(plan, solution, along)
    own = _own(plan, along)
    grid = _grid(plan, solution, along, own, points) if values is None else _positive_grid(values)
    draws = plan.over.get("law", {})
    over = _lanes(plan, solution, draws, along, grid)
    optima = solve_many(solution.problem, solution.args, over)
    values_along = evaluate_draws(plan.measures, optima.decision, solution.args, over)
    outcome = optima.outcome.reshape(len(grid), -1)[:, 0]
    frame = pd.DataFrame(
        {
            "along": along,
            "unit": plan.source.own_unit(_unit(solution, along)),
            "limit": grid,
            "plan": np.isclose(grid, own, rtol=1e-12, atol=0),
            **_with_bands(values_along, len(grid), level, bool(draws)),
            "goal": solution.problem.minimize.name,
            "outcome": [Outcome(code).label for code in outcome],
        }
    )
    frame.attrs["loss_unit"] = plan.source.unit
    if draws:
        solved = optima.solved.reshape(len(grid), -1)[:, 1:]
        frame = frame.assign(solved=solved.mean(axis=1), level=level, method=plan.method)
    return frame if plan.source.fit is None else frame.assign(decades_beyond=_beyond(plan, frame))


def solution_of(plan: Plan) -> PlanSolution:
    """The solved problem of a plan.

    Raises:
        UsageError: Nothing is decided in it.
    """
    if plan.best is None:
        raise UsageError("nothing is decided in this plan: N and D are given.")
    return plan.best


def what_varies(plan: Plan, solution: PlanSolution, along: str | None = None) -> str:
    """The name of the limit that varies; by default the quality that is wanted or a budget.

    Raises:
        UsageError: The plan has no such limit, or no budget.
    """
    question, limits = plan.question, list(solution.args["limits"])
    if question.as_good_as is not None:
        # The loss to reach follows from it, draw by draw.
        limits.remove("loss")
    choices = [*limits, *([DEMAND] if question.demand else [])]
    if along is not None and along not in choices:
        demand = argument("output_tokens")
        needs = "" if along != DEMAND else f"; demand must be stated ({demand})"
        raise UsageError(f"{argument('along', along)}: this plan has {', '.join(choices)}{needs}.")
    if along is not None:
        return along
    if question.wants_quality:
        return QUALITY if question.as_good_as is not None else "loss"
    binding = [bound.name for bound in solution.answer.binding]
    budgets = [name for name in _BUDGETS if name in limits]
    if not budgets:
        raise UsageError(
            f"no budget limits this plan; there is {', '.join(choices) or 'no limit'}."
        )
    return next((name for name in budgets if name in binding), budgets[0])


def _own(plan: Plan, along: str) -> float:
    """The plan's own value of the limit that varies."""
    return plan.question.demand if along == DEMAND else float(plan.args["limits"][along])


def _unit(solution: PlanSolution, along: str) -> str:
    units = {one.name: one.measure.unit for one in solution.problem.subject_to}
    return {**units, DEMAND: "tokens", QUALITY: TRAINING_FLOP.unit}[along]


def _positive_grid(values: Sequence[float] | Floats) -> Floats:
    grid = np.unique(read_array("values", values, POSITIVE))
    if not len(grid):
        raise UsageError("values= must be positive numbers.")
    return grid


def _grid(plan: Plan, solution: PlanSolution, along: str, own: float, points: int) -> Floats:
    """Values to both sides of the plan's own, which is one of them."""
    whole("points", points, 2, MOST_POINTS)
    factors = np.geomspace(1.0, _REACH, points // 2 + 1)
    multiples = np.concatenate([1 / factors[:0:-1], factors])
    return _losses(plan, solution, multiples) if along == "loss" else own * multiples


def _losses(plan: Plan, solution: PlanSolution, multiples: Floats) -> Floats:
    """The best losses that these multiples of the plan's cost buy, the loss to reach among them."""
    if not plan.found:
        raise UsageError("the plan's own loss cannot be reached: give values= to try.")
    problem, cost = solution.problem, solution.problem.minimize
    (loss,) = (one.measure for one in problem.subject_to if one.name == "loss")
    rest = [one for one in problem.subject_to if one.name not in ("loss", cost.name)]
    dual = Problem(problem.variables, loss, (cost.at_most(NamedLimit(cost.name)), *rest))
    limits = spread(solution.args["limits"], len(multiples))
    limits[cost.name] = solution.answer.goal * multiples
    best = solve_many(dual, solution.args, {"limits": limits}).goal
    best[len(best) // 2] = plan.target
    return np.unique(best[np.isfinite(best)])


def _lanes(
    plan: Plan, solution: PlanSolution, draws: Mapping[str, Floats], along: str, grid: Floats
) -> dict[str, Any]:
    """Args of every problem to solve: for each value the estimate and all draws."""
    law = {name: np.append(one, draws.get(name, [])) for name, one in solution.args["law"].items()}
    count = len(next(iter(law.values())))
    size, each = len(grid) * count, np.repeat(grid, count)
    over: dict[str, Any] = {
        "law": {name: np.tile(values, len(grid)) for name, values in law.items()},
        "limits": spread(solution.args["limits"], size),
    }
    if along == DEMAND:
        shares = solution.args["demand"].items()
        over["demand"] = {name: each * (value / plan.question.demand) for name, value in shares}
    else:
        over["limits"][along] = each
    if solution.quality is not None:
        over["limits"]["loss"] = solve_many(solution.quality.problem, solution.args, over).goal
    return over


def spread(numbers: Mapping[str, float], size: int) -> dict[str, Floats]:
    """Each number as an array of one size."""
    return {name: np.full(size, value) for name, value in numbers.items()}


def _with_bands(
    values: Mapping[str, Floats], size: int, level: float, has_draws: bool
) -> dict[str, Floats]:
    """For each number the estimates (size,) and, with draws, the ends of their intervals."""
    columns = {}
    for name in sorted(values, key=lambda name: name not in _DECIDED):
        lanes = values[name].reshape(size, -1)
        columns[name] = lanes[:, 0]
        if has_draws:
            ends = np.array([quantile_interval(row[1:], level) for row in lanes])
            columns |= {f"{name}_lo": ends[:, 0], f"{name}_hi": ends[:, 1]}
    return columns


def _beyond(plan: Plan, frame: pd.DataFrame) -> Floats:
    """Decades between each decision and the data of the fit; NaN where there is none."""
    fit = plan.source.fit
    assert fit is not None
    inputs = {**plan.args["fixed"], **{name: frame[name] for name in _DECIDED if name in frame}}
    if BITS in inputs:
        inputs.update(dict.fromkeys(PRECISION_INPUTS, inputs[BITS]))
    columns = {
        name: np.broadcast_to(np.asarray(inputs[name], np.float64), len(frame))
        for name in fit.law.inputs
    }
    return np.where(frame["N"].notna(), decades_beyond(fit, columns), np.nan)
