"""Amounts with a dimension, so that FLOP, FLOP/s, bytes, hours and dollars cannot be mixed up.

- `Amount` is a number or an array together with its dimension. Its arithmetic is the value's own,
  so it works under `jit`, `vmap` and `grad`; dimensions that do not match raise `UsageError` when
  the code is traced.
- `checked` lets a formula that is written for plain numbers take amounts as well: its annotations
  (`scalejax.costs.units`) say in which unit each argument is read.

Units, and amounts as text, are in `scalejax.costs.units`.
"""

import functools
import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ParamSpec, TypeVar, get_type_hints

import jax

from scalejax.errors import UsageError

BASES = ("parameter", "token", "FLOP", "byte", "USD", "J", "gCO2", "s")
"""What amounts are made of. Counts (GPUs, requests, bits) and ratios have no dimension."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Dimension:
    """A product of powers of `BASES`, with exact exponents in their order."""

    powers: tuple[Fraction, ...] = (Fraction(0),) * len(BASES)

    @classmethod
    def base(cls, name: str) -> "Dimension":
        """The dimension of one base."""
        return cls(tuple(Fraction(name == base) for base in BASES))

    def __mul__(self, other: "Dimension") -> "Dimension":
        return Dimension(tuple(map(operator.add, self.powers, other.powers)))

    def __truediv__(self, other: "Dimension") -> "Dimension":
        return Dimension(tuple(map(operator.sub, self.powers, other.powers)))

    def __pow__(self, exponent: Fraction | int) -> "Dimension":
        return Dimension(tuple(power * exponent for power in self.powers))

    def __str__(self) -> str:
        pairs = list(zip(BASES, self.powers, strict=True))
        above = [_factor(base, power) for base, power in pairs if power > 0]
        below = [_factor(base, -power) for base, power in pairs if power < 0]
        if not above and not below:
            return "a plain number"
        return "/".join(["*".join(above) or "1", *below])


def _factor(base: str, power: Fraction) -> str:
    if power == 1:
        return base
    return f"{base}^{power}" if power.denominator == 1 else f"{base}^({power})"


NUMBER = Dimension()


@dataclass(frozen=True)
class Unit:
    """A dimension, and how many base units make one of this unit."""

    dimension: Dimension
    factor: float = 1.0

    def __mul__(self, other: "Unit") -> "Unit":
        return Unit(self.dimension * other.dimension, self.factor * other.factor)

    def __truediv__(self, other: "Unit") -> "Unit":
        return Unit(self.dimension / other.dimension, self.factor / other.factor)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Amount:
    """A value in base units with its dimension; a pytree whose only leaf is the value.

    A gradient with respect to an amount comes back in the same structure: its value is the
    derivative of the values, and its dimension still that of the argument.

    Attributes:
        value: A number or an array, in the base units `BASES`.
        dimension: Part of the tree's structure, so static under `jit`.
    """

    value: Any
    dimension: Dimension = field(default=NUMBER, metadata={"static": True})

    # NumPy arrays and scalars on the left must leave the operation to this class.
    __array_ufunc__ = None

    def __repr__(self) -> str:
        return f"Amount({self.value!r}, {self.dimension})"

    def __add__(self, other: Any) -> "Amount":
        return Amount(self.value + self._same(other, "added to"), self.dimension)

    def __radd__(self, other: Any) -> "Amount":
        return Amount(self._same(other, "added to") + self.value, self.dimension)

    def __sub__(self, other: Any) -> "Amount":
        return Amount(self.value - self._same(other, "subtracted from"), self.dimension)

    def __rsub__(self, other: Any) -> "Amount":
        return Amount(self._same(other, "subtracted from") - self.value, self.dimension)

    def __mul__(self, other: Any) -> "Amount":
        other = as_amount(other)
        return Amount(self.value * other.value, self.dimension * other.dimension)

    def __rmul__(self, other: Any) -> "Amount":
        return as_amount(other) * self

    def __truediv__(self, other: Any) -> "Amount":
        other = as_amount(other)
        return Amount(self.value / other.value, self.dimension / other.dimension)

    def __rtruediv__(self, other: Any) -> "Amount":
        return as_amount(other) / self

    def __pow__(self, exponent: Any) -> "Amount":
        if self.dimension == NUMBER:
            return Amount(self.value**exponent)
        if not isinstance(exponent, int | float | Fraction):
            raise UsageError(
                f"an amount in {self.dimension} can only be raised to a fixed number, because the "
                "power decides its dimension"
            )
        # The fraction that a float such as 1/3 stands for; no formula has finer powers than this.
        exact = Fraction(exponent).limit_denominator(1000)
        return Amount(self.value ** float(exponent), self.dimension**exact)

    def __neg__(self) -> "Amount":
        return Amount(-self.value, self.dimension)

    def __lt__(self, other: Any) -> Any:
        return self.value < self._same(other, "compared with")

    def __le__(self, other: Any) -> Any:
        return self.value <= self._same(other, "compared with")

    def __gt__(self, other: Any) -> Any:
        return self.value > self._same(other, "compared with")

    def __ge__(self, other: Any) -> Any:
        return self.value >= self._same(other, "compared with")

    def __eq__(self, other: Any) -> Any:
        return self.value == self._same(other, "compared with")

    def __ne__(self, other: Any) -> Any:
        return self.value != self._same(other, "compared with")

    def _same(self, other: Any, verb: str) -> Any:
        """The value of an amount of the same dimension."""
        other = as_amount(other)
        if other.dimension != self.dimension:
            raise UsageError(f"{other.dimension} cannot be {verb} {self.dimension}")
        return other.value


def as_amount(value: Any) -> Amount:
    """The amount itself; anything else as an amount without a dimension."""
    return value if isinstance(value, Amount) else Amount(value)


def checked(formula: Callable[P, T]) -> Callable[P, T]:
    """Let a formula take amounts where it takes plain numbers; a decorator.

    With plain numbers only, the formula is called as it is: each is read in the unit that its
    annotation names. As soon as one argument is an `Amount`, every amount is checked against its
    annotation and converted, and a result with a unit comes back as an `Amount`.

    Args:
        formula: Parameters and result annotated with the names of `scalejax.costs.units`.

    Returns:
        The formula, which raises `UsageError` for an amount of another dimension than the
        parameter's.
    """
    signature = inspect.signature(formula)
    units = {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(formula, include_extras=True).items()
        if isinstance(getattr(hint, "__metadata__", (None,))[0], Unit)
    }
    result_unit = units.pop("return", None)

    @functools.wraps(formula)
    def with_amounts(*args: P.args, **kwargs: P.kwargs) -> T:
        if not any(isinstance(value, Amount) for value in (*args, *kwargs.values())):
            return formula(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if isinstance(value, Amount):
                bound.arguments[name] = _plain(value, units.get(name), formula.__name__, name)
        result: Any = formula(*bound.args, **bound.kwargs)
        if result_unit is None:
            return result  # a record
        amount: Any = Amount(result * result_unit.factor, result_unit.dimension)
        return amount

    return with_amounts


def _plain(amount: Amount, unit: Unit | None, formula: str, name: str) -> Any:
    if unit is None:
        raise UsageError(f"{formula}: {name} is no amount")
    if amount.dimension != unit.dimension:
        raise UsageError(
            f"{formula}: {name} must be in {unit.dimension}, but is in {amount.dimension}"
        )
    return amount.value / unit.factor
