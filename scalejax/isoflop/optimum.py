"""The best split of compute budgets and losses of a law, in double precision on the host."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D, Compute
from scalejax.laws import Law
from scalejax.optima import Allocation, allocation
from scalejax.scope import own_settings


def true_optimum(
    law: Law, params: Mapping[str, float], budgets: ArrayLike, compute: Compute = SIX_N_D
) -> Allocation:
    """Minimise a law of N and D under C = 6 N D, or another compute.

    Args:
        law: The law.
        params: Its parameters.
        budgets: Budgets, FLOP, (n,).
        compute: What a run costs.

    Returns:
        N, D and loss, (n,) each, to about 1e-12.
    """
    each = np.atleast_1d(np.asarray(budgets, np.float64))
    with own_settings():
        values = {name: np.float64(params[name]) for name in law.parameters}
        return Allocation(*(np.asarray(item) for item in _allocations(law, values, each, compute)))


@partial(jax.jit, static_argnums=0)
def _allocations(law: Law, params: dict[str, Any], budgets: Any, compute: Compute) -> Allocation:
    return jax.vmap(lambda budget: allocation(law, params, budget, compute))(budgets)


def law_losses(law: Law, params: Mapping[str, float], n: Floats, d: Floats) -> Floats:
    """The losses of a law at N = n and D = d, (n,)."""
    point = {"N": n, "D": d}
    with own_settings():
        return np.asarray(law(*(point[name] for name in law.inputs), **params), np.float64)
