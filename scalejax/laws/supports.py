"""Supports: the set in which a parameter lives and the smooth map from the real line onto it.

A law annotates every parameter with one of these. The fit works in the unconstrained coordinate
and reports the parameter itself, so a law never transforms anything by hand:

- `Positive` for coefficients, losses and exponents (fitted as a logarithm),
- `UnitInterval` for fractions (fitted as a logit),
- `Real` for everything else (fitted as it is).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._numerics import module_of


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

    def constrain(self, u: Any) -> Any:
        """Map an unconstrained coordinate to the parameter.

        Numbers of NumPy and Python stay on the host, where every operation of JAX would be a
        compiled program of its own.
        """
        on_host = module_of(u) is np
        if self is positive:
            return _quiet(np.exp, u) if on_host else jnp.exp(u)
        if self is unit_interval:
            return _quiet(_sigmoid, u) if on_host else jax.nn.sigmoid(u)
        return u

    def unconstrain(self, value: Any) -> Any:
        """Map a parameter inside the support to its unconstrained coordinate; as `constrain`."""
        on_host = module_of(value) is np
        if self is positive:
            return _quiet(np.log, value) if on_host else jnp.log(value)
        if self is unit_interval:
            return _quiet(_logit, value) if on_host else jnp.log(value) - jnp.log1p(-value)
        return value

    def slope(self, u: Any) -> Any:
        """Derivative of `constrain` at a coordinate of the host."""
        if self is positive:
            return _quiet(np.exp, u)
        if self is unit_interval:
            return _quiet(_sigmoid, u) * _quiet(_sigmoid, np.negative(u))
        return np.ones_like(u, np.float64)


def _sigmoid(u: Any) -> Any:
    return np.exp(-np.logaddexp(0.0, np.negative(u)))


def _logit(value: Any) -> Any:
    return np.log(value) - np.log1p(np.negative(value))


def _quiet(function: Callable[[Any], Any], x: Any) -> Any:
    """A function of NumPy without its warnings: ends of a support lie at infinity."""
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        return function(np.asarray(x, np.float64))


positive = Support("positive", 0.0, float("inf"))
"""Coefficients, losses and exponents: above 0."""
unit_interval = Support("unit_interval", 0.0, 1.0)
real = Support("real", float("-inf"), float("inf"))
"""Everything else: any number."""

Value = Any
"""A number or an array: laws are elementwise, so either works for inputs and parameters."""

Positive = Annotated[Any, positive]
"""Annotates a parameter above 0, which is fitted as its logarithm."""
UnitInterval = Annotated[Any, unit_interval]
"""Annotates a parameter between 0 and 1, which is fitted as its logit."""
Real = Annotated[Any, real]
"""Annotates a parameter of any value, which is fitted as it is."""
