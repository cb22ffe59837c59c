"""Sums over a schedule from which laws of the loss curve are built.

`forward_area` is the sum of the rates so far (S1), the distance that training has gone;
`annealing_area` is how much, and for how long, the rate has come down (S2). Both take the rates of
steps 0 to T and give one number a step, with work linear in the number of steps.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scalejax.laws import Value

# Steps per block. By judgement: the work of the products grows with it, the length of the scan
# falls with it. 100,000 steps take 0.5 ms (benchmarks/curves.py).
_BLOCK = 64


def forward_area(rates: Value) -> jax.Array:
    """S1: the sum of the rates of steps 0 to t.

    Args:
        rates: Rates of steps 0 to T, (T + 1,).

    Returns:
        S1 at each step, (T + 1,) (arXiv:2408.11029, equation 1).
    """
    return jnp.cumsum(jnp.asarray(rates, float))


def annealing_area(rates: Value, decay: Value = 0.999) -> jax.Array:
    """S2: the sum of a momentum to which every fall of the rate is added.

    The momentum is m_i = decay m_(i-1) + r_(i-1) - r_i with m_0 = 0. Blocks of 64 steps are one
    product with a small matrix each, and a scan carries the momentum from block to block: the work
    is linear in the number of steps, and quick to compile.

    Args:
        rates: Rates of steps 0 to T, (T + 1,).
        decay: Share of the momentum that is left after a step, () in [0, 1]; lambda in the paper.

    Returns:
        S2 at each step, (T + 1,) (arXiv:2408.11029, equation 1).
    """
    rates = jnp.asarray(rates, float)
    drop = -jnp.diff(rates, prepend=rates[:1])
    steps = drop.shape[0]
    blocks = jnp.pad(drop, (0, -steps % _BLOCK)).reshape(-1, _BLOCK)
    powers = jnp.asarray(decay, rates.dtype) ** jnp.arange(_BLOCK + 1, dtype=rates.dtype)
    lag = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    weights = jnp.where(lag >= 0, powers[np.maximum(lag, 0)], 0)
    within = jnp.matmul(blocks, weights.T, precision=lax.Precision.HIGHEST)

    def carry(before: jax.Array, gain: jax.Array) -> tuple[jax.Array, jax.Array]:
        return powers[_BLOCK] * before + gain, before

    _, before = lax.scan(carry, jnp.zeros((), rates.dtype), within[:, -1])
    momentum = within + before[:, None] * powers[1:]
    return jnp.cumsum(momentum.ravel()[:steps])
