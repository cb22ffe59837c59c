"""The best continuous design: how often to train each candidate, fractions allowed.

Two things are limited, money and the number of runs (Harman and Benkova, arXiv:1408.2698). The
best weights w minimise the mean over draws of a convex `log_spread`, and no design of whole runs
can do better on the same candidates.

The weights are improved by the multiplicative algorithm (Silvey, Titterington and Torsney 1978):
``w <- w (g / price)^q`` with the gain g of each run, q = 1 for D and 1/2 with a variance, and the
price of a run ``t cost / money + (1 - t) / runs``, where t in [0, 1] makes both limits hold.

The certificate is the equivalence theorem (Kiefer and Wolfowitz 1960; Whittle 1973): no design
within the limits has a log spread lower by more than ``max(g / price) - sum(w g)``.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.designing.information import Criterion, Stake, gains, information, log_spread

_STEPS, _TOLERANCE = 1000, 2e-3
"""Most steps, and the gap at which they end: no design has a log spread lower by more than 0.002.
Set by judgement; what gap is left is reported."""

_HALVINGS = 40
"""Halvings of the range of t, which is then known to 1e-12."""


class DesignLimits(NamedTuple):
    """How much a design may use.

    Attributes:
        money: In the unit of the costs.
        runs: Number of runs.
    """

    money: Any
    runs: Any


class ContinuousDesign(NamedTuple):
    """A continuous design.

    Attributes:
        weight: Runs of each candidate, (n,).
        sensitivity: Gain over price of each candidate, (n,); at the optimum none exceeds `level`.
        level: Gain of the whole design, ().
        gap: How much lower the log spread of another design can be at most, ().
        log_spread: The log spread after it, mean over draws, ().
    """

    weight: jax.Array
    sensitivity: jax.Array
    level: jax.Array
    gap: jax.Array
    log_spread: jax.Array


def best_continuous_design(
    criterion: Criterion, stakes: Stake, vectors: jax.Array, cost: jax.Array, limits: DesignLimits
) -> ContinuousDesign:
    """The continuous design of least mean log spread.

    Args:
        criterion: The criterion.
        stakes: The stakes at each draw, (S, ...).
        vectors: Vectors of the candidates, (S, n, p).
        cost: Cost of one run of each, (n,); a run that costs more than all the money is left out.
        limits: Money and number of runs.
    """
    affordable = cost <= limits.money * (1 + 1e-9)
    vectors = jnp.where(affordable[:, None], vectors, 0.0)
    power = 0.5 if criterion.variance else 1.0

    def gain(weight: jax.Array) -> jax.Array:
        def one(stake: Stake, f: jax.Array) -> jax.Array:
            return gains(criterion, stake.before + information(f, weight), stake.goal, f)

        return jnp.mean(jax.vmap(one)(stakes, vectors), 0)

    def step(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        weight, _, count = state
        g = gain(weight)
        t = _share(weight * g**power, power, cost, limits)
        price = _price(t, cost, limits)
        gap = jnp.max(g / price) - jnp.sum(weight * g)
        moved = _within(weight * (g / price) ** power, cost, limits)
        return moved, gap, count + 1

    def go_on(state: tuple[Any, Any, Any]) -> jax.Array:
        return (state[1] > _TOLERANCE) & (state[2] < _STEPS)

    first = _within(jnp.where(affordable, 1.0 / cost**0.5, 0.0), cost, limits)
    weight, _, _ = lax.while_loop(go_on, step, (first, jnp.inf * first[0], 0))
    g = gain(weight)
    price = _price(_share(weight * g**power, power, cost, limits), cost, limits)
    level = jnp.sum(weight * g)
    return ContinuousDesign(
        weight,
        g / price,
        level,
        jnp.max(g / price) - level,
        mean_log_spread(criterion, stakes, vectors, weight),
    )


def mean_log_spread(criterion: Criterion, stakes: Stake, vectors: Any, weight: Any) -> jax.Array:
    """Mean over draws of the log spread of runs with vectors (S, n, p) and weights (n,)."""

    def one(stake: Stake, f: jax.Array) -> jax.Array:
        return log_spread(criterion, stake.before + information(f, weight), stake.goal)

    return jnp.mean(jax.vmap(one)(stakes, vectors))


def _price(t: Any, cost: Any, limits: DesignLimits) -> jax.Array:
    """Price of a run of each candidate, (n,): its share of the money and of the number of runs."""
    return t * cost / limits.money + (1 - t) / limits.runs


def _within(weight: Any, cost: Any, limits: DesignLimits) -> jax.Array:
    """Weights scaled so that one limit is reached and none exceeded."""
    used = jnp.maximum(jnp.sum(weight * cost) / limits.money, jnp.sum(weight) / limits.runs)
    return weight / used


def _share(pull: Any, power: float, cost: Any, limits: DesignLimits) -> jax.Array:
    """The t at which weights ``pull / price^q`` use as much of the money as of the runs."""

    def dear(t: Any) -> jax.Array:
        weight = pull / _price(t, cost, limits) ** power
        return jnp.sum(weight * (cost / limits.money - 1 / limits.runs)) > 0

    def halve(_: int, ends: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = ends
        middle = 0.5 * (low + high)
        over = dear(middle)
        return jnp.where(over, middle, low), jnp.where(over, high, middle)

    # Where money is no limit at all, t comes to 0, and to 1 where runs are none.
    low, high = lax.fori_loop(0, _HALVINGS, halve, (0.0 * pull[0], 1.0 + 0.0 * pull[0]))
    return jnp.where(dear(high), 1.0, jnp.where(dear(low), high, 0.0))


solve_continuous_design = partial(jax.jit, static_argnums=0)(best_continuous_design)
