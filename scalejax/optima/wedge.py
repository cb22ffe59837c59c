"""How much inference a model's builders must have expected, read off its size and tokens.

Who expects to serve D_inf tokens trains a smaller model for longer. At the cheapest N and D that
reach a loss, the slopes of what it costs, 6ND + 2N D_inf, and of the loss L are in proportion:

    (dL/dlnN) / (dL/dlnD)  =  (6ND + 2N D_inf) / 6ND  =  1 + D_inf / 3D.

The left side is the *wedge*: for Chinchilla's law alpha A N^-alpha / (beta B D^-beta). It is 1 for
a model that is optimal for its training compute alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Revealed(NamedTuple):
    """What a model's size and tokens reveal of the demand that it was built for.

    Attributes:
        wedge: Slope of the loss by the logarithm of N over that by the logarithm of D.
        demand: Tokens to be served per token of training, D_inf / D. Negative where the model is
            larger than training alone asks for, which no demand explains.
    """

    wedge: jax.Array
    demand: jax.Array


def revealed_demand(loss: Callable[[Any, Any], Any], N: Any, D: Any) -> Revealed:
    """The demand for inference that makes N and D the cheapest way to their loss.

    From the first-order condition of Sardana et al. (2024, ICML, arXiv:2401.00448), equation 3.
    Follows the dtype of its arguments and can be mapped and differentiated.

    Args:
        loss: Loss of N and D, elementwise: ``lambda N, D: chinchilla(N, D, **theta)``.
        N: Parameters, any shape.
        D: Training tokens, the same shape.
    """
    N, D = jnp.asarray(N, float), jnp.asarray(D, float)
    by_size = jax.jvp(lambda N: loss(N, D), (N,), (N,))[1]
    by_tokens = jax.jvp(lambda D: loss(N, D), (D,), (D,))[1]
    wedge = by_size / by_tokens
    return Revealed(wedge, 3 * (wedge - 1))
