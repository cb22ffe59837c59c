"""Priors: what is known of a parameter beforehand, added to the objective as a penalty.

The penalty is ``noise**2 / 2 * ((value - mean) / sd)**2``. `noise` is the expected standard
deviation of the residual of a row of unit weight: with it the least-squares fit is the posterior
mode. With `student_t`, whose objective is a likelihood, leave it at 1.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Normal(NamedTuple):
    """A normal prior on the parameter itself.

    Attributes:
        mean: Centre, in the parameter's unit.
        sd: Standard deviation, in the parameter's unit.
        noise: Residual standard deviation of a row of unit weight.
    """

    mean: float | jax.Array
    sd: float | jax.Array
    noise: float | jax.Array = 1.0

    def penalty(self, value: jax.Array) -> jax.Array:
        """The penalty of a value, ()."""
        return 0.5 * (self.noise * (value - self.mean) / self.sd) ** 2


class LogNormal(NamedTuple):
    """A normal prior on the logarithm of a positive parameter.

    Attributes:
        median: Median, in the parameter's unit.
        sd: Standard deviation of the logarithm.
        noise: Residual standard deviation of a row of unit weight.
    """

    median: float | jax.Array
    sd: float | jax.Array
    noise: float | jax.Array = 1.0

    def penalty(self, value: jax.Array) -> jax.Array:
        """The penalty of a value, ()."""
        return 0.5 * (self.noise * jnp.log(value / self.median) / self.sd) ** 2


Prior = Normal | LogNormal
"""What `priors=` takes for a parameter."""

_PRIORS: dict[str, type[Normal] | type[LogNormal]] = {
    kind.__name__: kind for kind in (Normal, LogNormal)
}


def prior_of(saved: Sequence[Any]) -> Prior:
    """The prior of a fit's settings: from its class's name and its numbers."""
    name, *numbers = saved
    return _PRIORS[name](*numbers)
