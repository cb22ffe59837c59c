"""Sums over a schedule that laws of the loss curve are made of.

`forward_area` is the sum of the rates so far (S1), the distance that training has gone;
`annealing_area` is how much, and for how long, the rate has come down (S2). Both take the rates of
steps 0 to T and give one number a step, with work linear in the number of steps.
"""

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.laws import Value


def forward_area(rates: Value) -> jax.Array:
    """S1: the sum of the rates of steps 0 to t.

    Args:
        rates: Rates of steps 0 to T, (T + 1,).

    Returns:
        S1 at each step, (T + 1,) (arXiv:2408.11029, equation 1).
    """
    return jnp.cumsum(jnp.asarray(rates, float))


def annealing_area(rates: Value, decay: Value = 0.999) -> jax.Array:
    """S2: the sum of a momentum that gains what the rate loses.

    The momentum is m_i = decay m_(i-1) + r_(i-1) - r_i with m_0 = 0. An associative scan finds it:
    about twice the additions of a loop over the steps, but in parallel, and with rounding errors
    that grow with the logarithm of their number.

    Args:
        rates: Rates of steps 0 to T, (T + 1,).
        decay: Share of the momentum that is left after a step, () in [0, 1]; lambda in the paper.

    Returns:
        S2 at each step, (T + 1,) (arXiv:2408.11029, equation 1).
    """
    rates = jnp.asarray(rates, float)
    drop = -jnp.diff(rates, prepend=rates[:1])
    kept = jnp.full_like(drop, decay)

    def then(first: tuple[Value, Value], second: tuple[Value, Value]) -> tuple[Value, Value]:
        return first[0] * second[0], second[1] + second[0] * first[1]

    _, momentum = lax.associative_scan(then, (kept, drop))
    return jnp.cumsum(momentum)
