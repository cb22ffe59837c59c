"""What is asked of a plan once there is one: numbers with intervals, what moves them, regret."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.optima import Measure, Optima, Regret, as_arrays, regret
from scalejax.planning.derivatives import delta_intervals, elasticities
from scalejax.planning.measures import BITS
from scalejax.planning.numbers import evaluate, evaluate_draws, quantile_interval
from scalejax.planning.source import Source
from scalejax.planning.stated import Stated

_CANDIDATES = 31
_UNITS = {"N": "parameters", "D": "tokens", BITS: "bits"}


def numbers(
    measures: Sequence[Measure],
    decision: Mapping[str, float],
    args: Any,
    drawn: Mapping[str, Floats] | None,
    level: float,
) -> pd.DataFrame:
    """A row for each variable and measure of a decision, with intervals if there are draws."""
    order = [name for name in ("N", "D", BITS) if name in decision]
    told = {name: float(decision[name]) for name in order}
    told |= evaluate(measures, decision, args)
    units = {**_UNITS, **{measure.name: measure.unit for measure in measures}}
    columns = {"quantity": list(told), "unit": [units[name] for name in told]}
    frame = pd.DataFrame({**columns, "estimate": list(told.values())})
    if drawn is None:
        return frame
    ends = [quantile_interval(drawn[name], level) for name in told]
    return frame.assign(lo=[low for low, _ in ends], hi=[high for _, high in ends])


def numbers_of_draws(
    measures: Sequence[Measure],
    stated: Stated,
    optima: Optima | None,
    over: Mapping[str, Any],
) -> dict[str, Floats] | None:
    """Variables and measures at the optimum of each draw."""
    if optima is None:
        return None
    return evaluate_draws(measures, optima.decision, stated.args, over)


def sensitivities(stated: Stated, measures: Sequence[Measure]) -> pd.DataFrame:
    """Per cent by which variables and measures change if one of the args grows by 1 %.

    Returns:
        A row for each leaf of the args: `input` (its path), `value`, and a column per number.
    """
    with jax.enable_x64(True):
        args = as_arrays(stated.args)
        _, slopes = elasticities(stated.problems, tuple(measures), stated.solutions, args)
    names = [*sorted(stated.decision), *(measure.name for measure in measures)]
    paths, _ = jax.tree_util.tree_flatten_with_path(slopes)
    frame = pd.DataFrame([np.asarray(slope) for _, slope in paths], columns=names)
    frame.insert(0, "input", [_path(path) for path, _ in paths])
    frame.insert(1, "value", [float(leaf) for leaf in jax.tree.leaves(args)])
    return frame


def with_delta_intervals(
    frame: pd.DataFrame, moves: pd.DataFrame, source: Source, level: float
) -> pd.DataFrame:
    """Numbers with intervals of the delta method, if the parameters have a covariance."""
    known = source.covariance()
    if known is None or source.fit is None:
        return frame
    by_input = moves.set_index("input")[list(frame["quantity"])]
    slopes = {name: by_input.loc[f"law.{name}"].to_numpy(float) for name in known[0]}
    estimate = frame["estimate"].to_numpy(float)
    freedom = source.fit.asymptotics.degrees_of_freedom
    low, high = delta_intervals(estimate, slopes, source.params, known, level, freedom)
    return frame.assign(delta_lo=low, delta_hi=high)


def regret_of(stated: Stated, optima: Optima | None, over: Mapping[str, Any]) -> Regret | None:
    """The regret of the plan's N (the first candidate) and of others, the rest adapting."""
    names = stated.problem.names
    if optima is None or "N" not in names or len(names) < 2 or not optima.solved.any():
        return None
    ends = np.quantile(optima.decision["N"][optima.solved], [0.005, 0.995])
    tried = np.append(stated.decision["N"], np.geomspace(ends[0], ends[1], _CANDIDATES))
    trial = {"N": tried}
    return regret(stated.problem, stated.args, over, hold=("N",), candidates=trial, best=optima)


def _path(path: Any) -> str:
    return ".".join(str(getattr(key, "key", key)) for key in path)
