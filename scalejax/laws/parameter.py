"""`Parameter`: support, unit and ranges of one parameter of a law, with defaults for the ranges."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scalejax.errors import LawError
from scalejax.laws.supports import Support, positive, real, unit_interval

_DEFAULT_PLAUSIBLE = {
    positive.name: (1e-2, 1e2),
    unit_interval.name: (0.02, 0.98),
    real.name: (-3.0, 3.0),
}
# All by judgement. Plausible ranges of exponents span a factor of 100 at most, those of most
# coefficients more: the ratio decides which parameters are fitted as logarithms.
_LOGARITHMIC_RATIO = 100.0
# Bounds beyond the plausible range: narrower ones could stop a sound fit at a bound, wider ones let
# exponents run off to where the law overflows. Coefficients only need a bound to be finite.
_WIDE_BOUND_FACTOR = 1e9
_BOUND_FACTOR = 20.0


@dataclass(frozen=True)
class Parameter:
    """What is known about one parameter of a law.

    Attributes:
        name: Name, as in the law's signature.
        support: Set in which it lives.
        unit: Unit in words; empty for a pure number.
        plausible: Range seen in the field, from which starts are drawn.
        bounds: Range that a fit may not leave.
    """

    name: str
    support: Support
    unit: str
    plausible: tuple[float, float]
    bounds: tuple[float, float]

    @property
    def logarithmic(self) -> bool:
        """Whether a fit moves the logarithm: of positive parameters that span decades.

        An exponent, which varies little, is moved as it is: laws are closer to linear in it.
        """
        low, high = self.plausible
        return self.support is positive and high / low > _LOGARITHMIC_RATIO

    def constrain(self, u: Any) -> Any:
        """The parameter at a coordinate of the fit."""
        if self.support is positive and not self.logarithmic:
            return u
        return self.support.constrain(u)

    def unconstrain(self, value: Any) -> Any:
        """The coordinate of the fit at a value of the parameter."""
        if self.support is positive and not self.logarithmic:
            return value
        return self.support.unconstrain(value)

    def slope(self, u: Any) -> Any:
        """Derivative of the parameter in its coordinate, on the host."""
        if self.support is positive and not self.logarithmic:
            return np.ones_like(u, np.float64)
        return self.support.slope(u)


def declare_parameter(
    name: str,
    support: Support,
    *,
    plausible: tuple[float, float] | None,
    bounds: tuple[float, float] | None,
    wide: bool,
    unit: str = "",
) -> Parameter:
    """A parameter with its ranges filled in and checked.

    Args:
        name: Its name.
        support: Its support.
        plausible: Range from which starts are drawn; None for that of the support.
        bounds: Range that a fit may not leave; None for one derived from `plausible`.
        wide: Whether derived bounds are so wide that they do not matter.
        unit: Its unit.

    Raises:
        LawError: A range that does not increase or is outside the support.
    """
    low, high = plausible or _DEFAULT_PLAUSIBLE[support.name]
    if bounds is None:
        bounds = _default_bounds(support, (low, high), wide=wide)
    for label, (lower, upper) in (("plausible", (low, high)), ("bounds", bounds)):
        # Starts are drawn between the ends in the unconstrained coordinate, where 0 may be -inf.
        outside = lower <= support.lower or upper >= support.upper
        if label == "bounds":
            outside = lower < support.lower or upper > support.upper
        if outside or not lower < upper:
            raise LawError(
                f"{label} range of {name!r} must increase and lie inside its support "
                f"({support.name}), got ({lower}, {upper})."
            )
    return Parameter(name, support, unit, (float(low), float(high)), bounds)


def _default_bounds(
    support: Support, plausible: tuple[float, float], *, wide: bool
) -> tuple[float, float]:
    low, high = plausible
    if support is positive:
        factor = _WIDE_BOUND_FACTOR if wide else _BOUND_FACTOR
        return low / factor, high * factor
    if support is unit_interval:
        return 1e-9, 1 - 1e-9
    if wide:
        return real.lower, real.upper
    width = _BOUND_FACTOR * (high - low)
    return low - width, high + width
