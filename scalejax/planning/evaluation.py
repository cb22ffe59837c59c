"""Measures of a decision, at one set of args (`evaluate`) and over draws (`evaluate_draws`)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax._numerics import RUN_ONCE
from scalejax.optima import Measure, as_arrays
from scalejax.resampling import percentile_interval
from scalejax.scope import own_settings


def _values(measures: tuple[Measure, ...], decision: Any, args: Any) -> list[jax.Array]:
    return [jnp.asarray(measure(decision, args), float) for measure in measures]


_measured = jax.jit(_values, static_argnums=0, compiler_options=RUN_ONCE)


@partial(jax.jit, static_argnums=0)
def _measured_draws(
    measures: tuple[Measure, ...], decision: Any, args: Any, over: Any
) -> list[jax.Array]:
    def one(decision: Any, lane: Any) -> list[jax.Array]:
        return _values(measures, decision, {**args, **lane})

    return jax.vmap(one)(decision, over)


def evaluate(
    measures: Sequence[Measure], decision: Mapping[str, float], args: Any
) -> dict[str, float]:
    """Measures of one decision, by name."""
    with own_settings():
        values = _measured(tuple(measures), as_arrays(dict(decision)), as_arrays(args))
        return {one.name: float(value) for one, value in zip(measures, values, strict=True)}


def evaluate_draws(
    measures: Sequence[Measure], decision: Mapping[str, Any], args: Any, over: Mapping[str, Any]
) -> dict[str, Floats]:
    """Variables and measures over draws, (B,) each.

    Args:
        measures: What to compute.
        decision: Values of the variables, each one number or (B,).
        args: Args that all draws share.
        over: Args that differ from draw to draw, with a leading axis (B,).
    """
    count = len(jax.tree.leaves(dict(over))[0])
    drawn = {name: np.broadcast_to(np.asarray(x, float), count) for name, x in decision.items()}
    held = {name: np.full(count, value) for name, value in args["held"].items()}
    drawn = {**held, **drawn}
    with own_settings():
        columns = _measured_draws(tuple(measures), drawn, as_arrays(args), as_arrays(dict(over)))
        values = {one.name: np.asarray(x) for one, x in zip(measures, columns, strict=True)}
    return {**drawn, **values}


def quantile_interval(values: Floats, level: float) -> tuple[float, float]:
    """The interval of the draws that have a value; NaN for both ends if none has."""
    kept = values[np.isfinite(values)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = percentile_interval(kept[:, None], level)
    return float(low[0]), float(high[0])
