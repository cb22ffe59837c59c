"""The law inside a forecast, in coordinates that runs determine nearly independently.

ln L = logaddexp(e, k logaddexp((la - a n)/k, (lb - b d)/k)) with n and d the centred logarithms of
N and D and ln L relative to its mean: that is L = E + (A N^(-a/k) + B D^(-b/k))^k, Chinchilla's law
with an outer exponent. Its prior is the field's: fits of 23 public tables and published exponents,
rounded.
"""

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax.laws import chinchilla

NAMES = ("e", "la", "lb", "ln a", "ln b", "ln k")

_OUTER = (-0.3, 0.35)
"""Location and scale of the logarithm of the outer exponent, from the same fits as the others."""

MEAN, SD = np.array(
    [*(chinchilla.prior[name] for name in ("E", "A", "B", "alpha", "beta")), _OUTER]
).T
"""The prior: floor relative to a typical loss, terms at the centre of the runs, exponents."""

LOW = MEAN - np.array([6.0, 6.0, 6.0, 2.5, 2.5, 1.5])
HIGH = MEAN + np.array([1.2, 3.0, 3.0, 1.8, 1.8, 1.5])
"""Ends of the search: beyond them a term is constant over any table that was ever trained."""

STARTS = np.array(
    [
        [np.log(E), np.log((1 - E) / 2), np.log((1 - E) / 2), np.log(a), np.log(b), 0.0]
        for E, a, b in ((0.65, 0.34, 0.32), (0.3, 0.2, 0.15), (0.8, 0.6, 0.5))
    ]
)
"""A typical table, one far from its floor and one near it; the prior makes more needless."""


def log_loss(theta: jax.Array, point: jax.Array) -> jax.Array:
    """ln(loss / typical loss) at one point.

    Args:
        theta: Coordinates, (6,), in the order of `NAMES`.
        point: Centred ln N and ln D, (2,).
    """
    e, la, lb, log_a, log_b, log_k = theta
    n, d = point
    k = jnp.exp(log_k)
    terms = jnp.logaddexp((la - jnp.exp(log_a) * n) / k, (lb - jnp.exp(log_b) * d) / k)
    return jnp.logaddexp(e, k * terms)


def parameters(
    theta: Floats, log_loss_mean: float, log_n_mean: float, log_d_mean: float
) -> dict[str, Floats]:
    """Parameters of `scalejax.laws.outer_exponent` at coordinates, (B,) each.

    Args:
        theta: Coordinates, (B, 6).
        log_loss_mean: Mean of ln loss of the rows.
        log_n_mean: Mean of ln N.
        log_d_mean: Mean of ln D.
    """
    e, la, lb, log_a, log_b, log_k = theta.T
    a, b, k = np.exp(log_a), np.exp(log_b), np.exp(log_k)
    return {
        "E": np.exp(e + log_loss_mean),
        "A": np.exp((la + a * log_n_mean + log_loss_mean) / k),
        "alpha": a / k,
        "B": np.exp((lb + b * log_d_mean + log_loss_mean) / k),
        "beta": b / k,
        "gamma": k,
    }
