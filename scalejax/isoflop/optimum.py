"""The best split of a compute budget C = 6 N D between parameters and tokens, for a law of both."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax.laws import Law
from scalejax.quantities import FLOP_PER_PAIR

_GRID = 512
_HALVINGS = 60


class Optimum(NamedTuple):
    """The best allocation of each budget under C = 6 N D; NaN where the law has none.

    Attributes:
        N: Parameters, (n,).
        D: Tokens, (n,).
        loss: Loss of the law there, (n,).
    """

    N: Floats
    D: Floats
    loss: Floats


def true_optimum(law: Law, params: Mapping[str, float], compute: ArrayLike) -> Optimum:
    """Minimise a law of N and D under C = 6 N D.

    Args:
        law: The law.
        params: Its parameters.
        compute: Budgets, FLOP, (n,).

    Returns:
        N, D and loss, (n,) each, to about 1e-12.
    """
    budgets = np.atleast_1d(np.asarray(compute, np.float64))
    with jax.enable_x64(True):
        values = {name: jnp.asarray(float(params[name])) for name in law.parameters}
        n, loss = (np.asarray(item) for item in _minimise(law, values, jnp.asarray(budgets)))
    return Optimum(n, budgets / (FLOP_PER_PAIR * n), loss)


@partial(jax.jit, static_argnums=0)
def _minimise(law: Law, params: dict[str, Any], compute: Any) -> tuple[Any, Any]:
    """Best N and loss per budget: a grid over all splits, then bisection of the derivative."""

    def one(total: Any) -> tuple[Any, Any]:
        log_pairs = jnp.log(total / FLOP_PER_PAIR)

        def loss(log_n: Any) -> Any:
            point = {"N": jnp.exp(log_n), "D": jnp.exp(log_pairs - log_n)}
            return law(*(point[name] for name in law.inputs), **params)

        grid = jnp.linspace(0.0, log_pairs, _GRID)
        best = jnp.argmin(jax.vmap(loss)(grid))
        slope = jax.grad(loss)

        def halve(_: Any, ends: Any) -> Any:
            low, high = ends
            middle = 0.5 * (low + high)
            falls = slope(middle) < 0
            return jnp.where(falls, middle, low), jnp.where(falls, high, middle)

        low, high = jax.lax.fori_loop(0, _HALVINGS, halve, (grid[best - 1], grid[best + 1]))
        exists = (best > 0) & (best < _GRID - 1)
        log_n = jnp.where(exists, 0.5 * (low + high), jnp.nan)
        return jnp.exp(log_n), loss(log_n)

    return jax.vmap(one)(compute)


def law_losses(law: Law, params: Mapping[str, float], n: Floats, d: Floats) -> Floats:
    """The losses of a law at N = n and D = d, (n,)."""
    point = {"N": n, "D": d}
    with jax.enable_x64(True):
        return np.asarray(law(*(point[name] for name in law.inputs), **params), np.float64)
