"""Supports: the set in which a parameter lives and the smooth map from the real line onto it.

A law annotates every parameter with one of these. The fit works in the unconstrained coordinate
and reports the parameter itself, so a law never transforms anything by hand:

- `Positive` for coefficients, losses and exponents (fitted as a logarithm),
- `UnitInterval` for fractions (fitted as a logit),
- `Real` for everything else (fitted as it is).
"""

from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Support:
    """An open interval with its bijection from the real line.

    Attributes:
        name: Name for messages and files.
        lower: Lower end, exclusive; may be minus infinity.
        upper: Upper end, exclusive; may be infinity.
    """

    name: str
    lower: float
    upper: float

    def constrain(self, u: jax.Array) -> jax.Array:
        """Map an unconstrained coordinate to the parameter."""
        if self is positive:
            return jnp.exp(u)
        if self is unit_interval:
            return jax.nn.sigmoid(u)
        return u

    def unconstrain(self, value: jax.Array) -> jax.Array:
        """Map a parameter inside the support to its unconstrained coordinate."""
        if self is positive:
            return jnp.log(value)
        if self is unit_interval:
            return jnp.log(value) - jnp.log1p(-value)
        return jnp.asarray(value)


positive = Support("positive", 0.0, float("inf"))
unit_interval = Support("unit_interval", 0.0, 1.0)
real = Support("real", float("-inf"), float("inf"))

Value = Any
"""A number or an array: laws are elementwise, so either works for inputs and parameters."""

Positive = Annotated[Any, positive]
UnitInterval = Annotated[Any, unit_interval]
Real = Annotated[Any, real]
