"""Progress of algorithms: what the same compute or parameters are worth at a later time.

`capability_density` compares a model with a reference law; `density_trend` is how the best density
grows. `HO2024_DOUBLING` is the time in which effective compute doubles by better algorithms alone,
for `effective_compute`. `jones_test_compute` trades compute of training and of play in board games.
"""

import math
from typing import Any

import jax.numpy as jnp

from scalejax.laws.law import law
from scalejax.laws.supports import Positive, Real, Value
from scalejax.quantities import DENSITY

DENSITY_RATE = 0.007
"""Growth of the log of the best density per day ("densing law", arXiv:2412.04315)."""

HO2024_DOUBLING = (8.4, 4.5, 14.3)
"""Months in which effective compute doubles, with its interval (Ho et al., arXiv:2403.05812)."""


def doubling_time(rate: Value) -> Value:
    """Time in which exp(rate t) doubles, in the unit of 1/rate."""
    return math.log(2) / rate


def effective_compute(C: Value, months: Value, doubling: Value = HO2024_DOUBLING[0]) -> Value:
    """Compute that would have been needed `months` earlier for what C does now, in FLOP.

    Args:
        C: Training compute in FLOP.
        months: Months of better algorithms.
        doubling: Months in which effective compute doubles (Ho et al., arXiv:2403.05812).
    """
    return C * 2.0 ** (months / doubling)


def capability_density(
    N: Value, loss: Value, *, E: Value, A: Value, alpha: Value, **unused: Any
) -> Value:
    """Parameters that a reference law needs for a loss, over those that a model has.

    Args:
        N: Parameters of the model.
        loss: Its loss in nats/token; above `E`.
        E: Floor of the reference law E + A/N^alpha, like `floor_power_N`.
        A: Its coefficient.
        alpha: Its exponent.
        **unused: Other parameters, so that a fit can be splatted.

    Returns:
        A ratio, above 1 for a model that is better than the reference (arXiv:2412.04315).
    """
    return (A / (loss - E)) ** (1 / alpha) / N


@law(
    cite="xiao2024",
    plausible={"A": (1e-4, 0.1), "B": (-3.0, 3.0)},
    units={"A": "1/day"},
    response=DENSITY,
)
def density_trend(days: Value, *, A: Positive, B: Real) -> Value:
    """Density exp(A t + B) of the best models, t in days ("densing law", arXiv:2412.04315)."""
    return jnp.exp(A * days + B)


def jones_test_compute(train: Value, elo: Value) -> Value:
    """Compute of play for a strength: 10^29.0 train^-1.2 10^(0.004 Elo) (arXiv:2104.03113).

    Args:
        train: Compute of training, in FLOP-seconds.
        elo: Strength on the board of Hex, below that of perfect play, which is zero.

    Returns:
        Compute of play, in FLOP-seconds.
    """
    return 10.0 ** (-1.2 * jnp.log10(train) + 0.004 * elo + 29.0)
