"""What runs are to determine: a number computed from the parameters of a law.

- `BestSize`: the best number of parameters for a compute budget (laws of N and D, C = 6ND).
- `LossAt`: the loss of a planned run.
- `OwnNumber`: any pure function of the dictionary of parameters.

The first two are compared by their logarithm, so their errors are relative.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.optima import allocation
from scalejax.quantities import FLOP_PER_PAIR, short_number


class BestSize(NamedTuple):
    """N* for a budget in FLOP."""

    budget: float

    @property
    def label(self) -> str:
        """In words."""
        return f"N* at {self.budget:.4g} FLOP"

    @property
    def relative(self) -> bool:
        """Whether errors are relative."""
        return True

    @property
    def compute(self) -> float | None:
        """The compute at which it lies, FLOP."""
        return self.budget

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The logarithm of N*, ()."""
        return jnp.log(allocation(law, parameters, self.budget).N)


class LossAt(NamedTuple):
    """The loss of a run, given by its inputs in the order of the law."""

    point: tuple[tuple[str, float], ...]

    @property
    def label(self) -> str:
        """In words."""
        return f"the loss at {', '.join(f'{n}={short_number(x)}' for n, x in self.point)}"

    @property
    def relative(self) -> bool:
        """Whether errors are relative."""
        return True

    @property
    def compute(self) -> float | None:
        """The compute at which it lies, FLOP; None if that is not known."""
        known = dict(self.point)
        return FLOP_PER_PAIR * known["N"] * known["D"] if {"N", "D"} <= known.keys() else None

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The logarithm of the loss, ()."""
        return jnp.log(law(*(value for _, value in self.point), **parameters))


class OwnNumber(NamedTuple):
    """A number of the caller's own."""

    function: Callable[[Mapping[str, Any]], Any]

    @property
    def label(self) -> str:
        """The name of the function."""
        return getattr(self.function, "__name__", "your number")

    @property
    def relative(self) -> bool:
        """Whether errors are relative."""
        return False

    @property
    def compute(self) -> float | None:
        """Where it lies is not known."""
        return None

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The number, ()."""
        return jnp.reshape(jnp.asarray(self.function(dict(parameters)), float), ())


Target = BestSize | LossAt | OwnNumber


def target_of(given: Any, law: Law) -> Target:
    """The target that a caller means.

    Args:
        given: Compute in FLOP, the inputs of a run by name, or a pure function of the parameters.
        law: The law.

    Raises:
        UsageError: It does not go with the law.
    """
    if isinstance(given, Mapping):
        if set(given) != set(law.inputs):
            raise UsageError(
                f"target= needs {', '.join(law.inputs)} (law {law.name}), not "
                f"{', '.join(map(str, given))}."
            )
        return LossAt(tuple((name, _positive(given[name])) for name in law.inputs))
    if callable(given):
        return OwnNumber(given)
    if set(law.inputs) != {"N", "D"}:
        raise UsageError(
            f"a target in FLOP is for laws of N and D, and {law.name} is one of "
            f"{', '.join(law.inputs)}: give target= the inputs of a run, or a function of the "
            "parameters."
        )
    return BestSize(_positive(given))


def _positive(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number < float("inf"):
        raise UsageError(f"target= needs positive numbers, not {value!r}.")
    return number
