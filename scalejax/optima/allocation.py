"""The compute-optimal allocation under C = 6 N D, or another compute, for a law of N and D.

At the optimum the loss falls as fast with ln N as with ln D (where a token costs 6 N FLOP).
`allocation` is that point for a budget, `tokens_for` the one for a size; both are pure functions of
one set of parameters, to be mapped over many, and differentiable to any order by the implicit
function theorem.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.compute import SIX_N_D, Compute
from scalejax.laws import Law
from scalejax.solvers import implicit_root

_POINTS, _BISECTIONS = 512, 60
"""Points of the grid, one for each 13 % of D/N, which finds the right valley; halvings of its step,
to the last digit."""

_REACH = 16.0
"""Half the logarithm of D/N goes at least so far from zero, and on until N or D is one."""


class Allocation(NamedTuple):
    """The best split of a budget, () each, or one for each budget; NaN where there is none.

    Attributes:
        N: Parameters.
        D: Tokens.
        loss: Loss of the law there.
    """

    N: Any
    D: Any
    loss: Any


def allocation(
    law: Law, parameters: Mapping[str, Any], budget: Any, compute: Compute = SIX_N_D
) -> Allocation:
    """The N and D of least loss for a budget in FLOP, ()."""
    pairs = jnp.asarray(budget, float) / compute.per_parameter
    args = dict(parameters), 0.5 * jnp.log(pairs), compute

    def split(x: Any, args: Any) -> tuple[Any, Any]:
        _, half, compute = args
        return half - x, half + x - compute.log_excess(half - x)

    def loss(x: Any, args: Any) -> jax.Array:
        return _loss(law, args[0], *split(x, args))

    fixed = lax.stop_gradient(args)
    reach = jnp.maximum(_REACH, fixed[1])
    grid = jnp.linspace(-reach, reach, _POINTS)
    best = jnp.argmin(jax.vmap(lambda x: loss(x, fixed))(grid))
    inside = (best > 0) & (best < _POINTS - 1)
    x = _balance(law, split, grid, jnp.clip(best, 1, _POINTS - 2), args)
    log_n, log_d = split(x, args)
    point = Allocation(jnp.exp(log_n), jnp.exp(log_d), loss(x, args))
    return jax.tree.map(lambda value: jnp.where(inside, value, jnp.nan), point)


def tokens_for(
    law: Law, parameters: Mapping[str, Any], size: Any, compute: Compute = SIX_N_D
) -> jax.Array:
    """The least D for which a size is the compute-optimal N, (); NaN if there is none."""
    args = dict(parameters), jnp.log(jnp.asarray(size, float)), compute

    def path(x: Any, args: Any) -> tuple[Any, Any]:
        return args[1], args[1] + 2 * x

    fixed = lax.stop_gradient(args)
    grid = jnp.linspace(-_REACH, _REACH, _POINTS)
    rises = jax.vmap(lambda x: _trade(law, fixed, *path(x, fixed)))(grid) > 0
    turns = rises[1:] & ~rises[:-1]
    x = _balance(law, path, grid, jnp.clip(jnp.argmax(turns), 1, _POINTS - 2), args)
    return jnp.where(jnp.any(turns), jnp.exp(path(x, args)[1]), jnp.nan)


def _loss(law: Law, parameters: Mapping[str, Any], log_n: Any, log_d: Any) -> jax.Array:
    point = {"N": jnp.exp(log_n), "D": jnp.exp(log_d)}
    return law(*(point[name] for name in law.inputs), **parameters)


def _trade(law: Law, args: Any, log_n: Any, log_d: Any) -> jax.Array:
    """Slope of the loss when N shrinks and D grows at one compute; zero at an optimum."""
    parameters, _, compute = args
    at = jnp.stack([log_n, log_d])
    along = jnp.stack([-jnp.ones_like(log_n), jnp.asarray(compute.elasticity(log_n), float)])
    return jax.jvp(lambda at: _loss(law, parameters, *at), (at,), (along,))[1]


def _balance(
    law: Law, path: Callable[[Any, Any], tuple[Any, Any]], grid: Any, middle: Any, args: Any
) -> jax.Array:
    """Where on a path the trade is zero, between the neighbours of a point of the grid, ()."""

    def trade(x: Any, args: Any) -> jax.Array:
        return _trade(law, args, *path(x, args))

    def halve(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        x = 0.5 * (low + high)
        rising = trade(x, lax.stop_gradient(args)) > 0
        return jnp.where(rising, low, x), jnp.where(rising, x, high)

    low, high = lax.fori_loop(0, _BISECTIONS, halve, (grid[middle - 1], grid[middle + 1]))
    return implicit_root(lambda x: trade(x, args), 0.5 * (low + high))
