"""A data term whose coefficient and exponent both change with model size (arXiv:2506.10972).

`farseer` has nine parameters. It can follow families in which larger models make better use of
data, and needs a full grid of N and D to be identified; begin with `chinchilla`.
"""

import jax.numpy as jnp

from scalejax.laws.law import law
from scalejax.laws.supports import Real, Value

_POWER = (-0.25, 0.25)
_SCALE = (-1.5, 1.5)


@law(
    cite="farseer2025",
    plausible={
        "a1": _SCALE,
        "b1": (-4.0, 0.0),
        "alpha": _POWER,
        "a2": _SCALE,
        "b2": (-3.0, 8.0),
        "beta": _POWER,
        "a3": _SCALE,
        "b3": (-4.0, 2.0),
        "gamma": _POWER,
    },
)
def farseer(
    N: Value,
    D: Value,
    *,
    a1: Real,
    b1: Real,
    alpha: Real,
    a2: Real,
    b2: Real,
    beta: Real,
    a3: Real,
    b3: Real,
    gamma: Real,
) -> Value:
    """Loss exp(a3 N^gamma + b3) + exp(a2 N^beta + b2) D^-exp(a1 N^alpha + b1) (arXiv:2506.10972).

    Li et al., "Farseer". There is no published set here. N is counted in billions inside the
    powers, so that the coefficients are of order one.
    """
    n = N / 1e9
    exponent = jnp.exp(a1 * n**alpha + b1)
    return jnp.exp(a3 * n**gamma + b3) + jnp.exp(a2 * n**beta + b2 - exponent * jnp.log(D))
