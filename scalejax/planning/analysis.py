"""Numbers of a solved plan: estimates with intervals, sensitivities, regret."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.optima import Measure, Optima, Regret, as_arrays, regret
from scalejax.planning.derivatives import delta_intervals, elasticities
from scalejax.planning.evaluation import evaluate, evaluate_draws, quantile_interval
from scalejax.planning.measures import BITS
from scalejax.planning.solution import PlanSolution
from scalejax.planning.source import Source
from scalejax.scope import own_settings

_CANDIDATES = 31
"""Other N whose regret is computed, over the middle 99 % of the draws. Set by judgement."""
_UNITS = {"N": "parameters", "D": "tokens", BITS: "bits"}


def numbers(
    measures: Sequence[Measure],
    decision: Mapping[str, float],
    args: Any,
    drawn: Mapping[str, Floats] | None,
    level: float,
) -> pd.DataFrame:
    """A row for each variable and measure of a decision, with intervals if there are draws.

    Args:
        measures: What to compute besides the variables.
        decision: Values of the variables.
        args: Args of the problem.
        drawn: The same numbers at the optimum of each draw, (B,) each; None without draws.
        level: Probability of the intervals.
    """
    order = [name for name in ("N", "D", BITS) if name in decision]
    values = {name: float(decision[name]) for name in order}
    values |= evaluate(measures, decision, args)
    units = {**_UNITS, **{measure.name: measure.unit for measure in measures}}
    columns = {"quantity": list(values), "unit": [units[name] for name in values]}
    frame = pd.DataFrame({**columns, "estimate": list(values.values())})
    if drawn is None:
        return frame
    ends = [quantile_interval(drawn[name], level) for name in values]
    return frame.assign(lo=[low for low, _ in ends], hi=[high for _, high in ends])


def numbers_of_draws(
    measures: Sequence[Measure],
    solution: PlanSolution,
    optima: Optima | None,
    over: Mapping[str, Any],
) -> dict[str, Floats] | None:
    """Variables and measures at the optimum of each draw, (B,) each; None without draws."""
    if optima is None:
        return None
    return evaluate_draws(measures, optima.decision, solution.args, over)


def sensitivities(solution: PlanSolution, measures: Sequence[Measure]) -> pd.DataFrame:
    """Per cent by which variables and measures change if one of the args grows by 1 %.

    Returns:
        A row for each leaf of the args: `input` (its path), `value`, and a column per number.
    """
    with own_settings():
        args = as_arrays(solution.args)
        _, slopes = elasticities(
            solution.problems, tuple(measures), solution.solver_solutions, args
        )
    names = [*sorted(solution.decision), *(measure.name for measure in measures)]
    paths, _ = jax.tree_util.tree_flatten_with_path(slopes)
    frame = pd.DataFrame([np.asarray(slope) for _, slope in paths], columns=names)
    frame.insert(0, "input", [_path(path) for path, _ in paths])
    frame.insert(1, "value", [float(leaf) for leaf in jax.tree.leaves(args)])
    return frame


def with_delta_intervals(
    frame: pd.DataFrame, moves: pd.DataFrame, source: Source, level: float
) -> pd.DataFrame:
    """Numbers with intervals of the delta method, if the parameters have a covariance."""
    covariance = source.covariance()
    if covariance is None or source.fit is None:
        return frame
    by_input = moves.set_index("input")[list(frame["quantity"])]
    slopes = {name: by_input.loc[f"law.{name}"].to_numpy(float) for name in covariance[0]}
    estimate = frame["estimate"].to_numpy(float)
    freedom = source.fit.asymptotics.degrees_of_freedom
    low, high = delta_intervals(estimate, slopes, source.params, covariance, level, freedom)
    return frame.assign(delta_lo=low, delta_hi=high)


def regret_of(
    solution: PlanSolution, optima: Optima | None, over: Mapping[str, Any]
) -> Regret | None:
    """The regret of the plan's N (the first candidate) and of others, the rest adapting."""
    names = solution.problem.names
    if optima is None or "N" not in names or len(names) < 2 or not optima.solved.any():
        return None
    ends = np.quantile(optima.decision["N"][optima.solved], [0.005, 0.995])
    tried = np.append(solution.decision["N"], np.geomspace(ends[0], ends[1], _CANDIDATES))
    trial = {"N": tried}
    return regret(solution.problem, solution.args, over, hold=("N",), candidates=trial, best=optima)


def _path(path: Any) -> str:
    return ".".join(str(getattr(key, "key", getattr(key, "name", key))) for key in path)
