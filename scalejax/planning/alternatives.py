"""What else could be done, beside the optimum: named models, other precisions, other laws."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scalejax.optima import Answer, Measure, Optima, Problem, solve
from scalejax.planning.evaluation import evaluate, evaluate_draws, quantile_interval
from scalejax.planning.solution import PlanSolution
from scalejax.planning.source import Source, published_sources
from scalejax.scope import own_settings
from scalejax.status import Outcome

_ROUNDING = 1e-6
"""Excess over a limit that counts as rounding. Set by judgement."""


def price_candidates(
    candidates: Mapping[str, Mapping[str, float]],
    solution: PlanSolution,
    measures: Sequence[Measure],
    optima: Optima | None,
    over: Mapping[str, Any],
    level: float,
) -> pd.DataFrame:
    """Models of the user's, with their numbers and how much worse than the optimum they are.

    For a candidate that gives only some of the variables, the best values of the others are taken;
    where no values meet the limits, those that are best, or come nearest, without one of them.

    Args:
        candidates: Values of variables, by the name of the model.
        solution: The plan's problem with its optimum.
        measures: What to compute for each.
        optima: The optima of the draws, if there are any.
        over: Args that differ from draw to draw, (B,) each.
        level: Probability of the intervals.

    Returns:
        A row for each: its variables and measures; `excess`, what is minimised relative to the
        optimum less one, with `excess_lo` and `excess_hi` over the draws; and `breaks`, the limits
        that it does not meet.
    """
    problem, args, rows = solution.problem, solution.args, []
    goal = problem.minimize
    for name, values in candidates.items():
        decision, broken = _completed(problem, args, values)
        row: dict[str, Any] = {"candidate": name, **decision}
        if broken:
            rows.append({**row, "breaks": broken})
            continue
        row |= evaluate(measures, decision, args)
        row["excess"] = evaluate([goal], decision, args)[goal.name] / solution.answer.goal - 1
        row["breaks"] = _broken(problem, args, decision)
        if optima is not None and set(values) == set(problem.names):
            drawn = evaluate_draws([goal], decision, args, over)[goal.name]
            ends = quantile_interval(drawn / optima.goal - 1, level)
            row["excess_lo"], row["excess_hi"] = ends
        rows.append(row)
    return pd.DataFrame(rows)


def _completed(
    problem: Problem, args: Mapping[str, Any], values: Mapping[str, float]
) -> tuple[dict[str, float], str]:
    """A candidate with its open variables solved for, or the reason why they have no solution."""
    held = {**args["held"], **values}
    if set(values) == set(problem.names):
        return held, ""
    rest = problem.holding(*values)
    answer = solve(rest, {**args, "held": held})
    if answer.found:
        return {**held, **answer.decision}, ""
    # Without the limit what is minimised decides, or else how far it can be met.
    for goal in (None, "limit"):
        for one in rest.subject_to:
            others = tuple(other for other in rest.subject_to if other is not one)
            measure = rest.minimize if goal is None else one.measure
            nearest = solve(Problem(rest.variables, measure, others), {**args, "held": held})
            if nearest.outcome == Outcome.SOLVED:
                return {**held, **nearest.decision}, ""
    return dict(values), answer.advice or answer.outcome.sentence


def _broken(problem: Problem, args: Mapping[str, Any], decision: Mapping[str, float]) -> str:
    """Limits that a decision does not meet."""
    with own_settings():
        excess = {one.name: float(one.excess(decision, args)) for one in problem.subject_to}
    return ", ".join(name for name, over in excess.items() if over > _ROUNDING)


def published_spread(source: Source, solve_for: Callable[[Source], Answer]) -> pd.DataFrame:
    """The answer under each published set of the laws with the same inputs.

    Args:
        source: Where the plan's own law comes from.
        solve_for: Gives the answer under another source.

    Returns:
        A row for each set: `set`, `law`, the variables and D/N, what was minimised (`goal`), and
        the `outcome`.
    """
    rows = []
    for other in published_sources(source):
        assert other.published is not None
        optimum = solve_for(other)
        decision = {key: float(value) for key, value in optimum.decision.items()}
        if {"N", "D"} <= set(decision):
            decision["D/N"] = decision["D"] / decision["N"]
        row = {"set": other.published.id, "law": other.law.name, **decision, "goal": optimum.goal}
        rows.append({**row, "outcome": optimum.outcome.label})
    return pd.DataFrame(rows)


def chances_of(optima: Mapping[str, Optima | None]) -> dict[str, float]:
    """The share of the draws in which each option is the best; empty without draws."""
    goals = {name: np.where(one.solved, one.goal, np.inf) for name, one in optima.items() if one}
    if not goals:
        return {}
    table = np.stack(list(goals.values()))
    best = np.argmin(table, axis=0)
    return {name: float(np.mean(best == k)) for k, name in enumerate(goals)}
