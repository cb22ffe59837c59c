"""What runs are to determine: a number computed from the parameters of a law.

- The best number of parameters for a compute budget (laws of N and D, C = 6ND).
- The loss of a planned run.
- Any pure function of the dictionary of parameters.

The first two are compared by their logarithm, so their errors are relative.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax.conclusions import ComputeOptimum, OwnNumber, Quantity, quantity_at
from scalejax.laws import Law
from scalejax.quantities import FLOP_PER_PAIR, short_number


class Target(NamedTuple):
    """One number of a conclusion; hashable, so that compiled code is used again.

    Attributes:
        quantity: What computes it.
        label: It in words.
        compute: The compute at which it lies, FLOP; None if that is not known.
        relative: Whether errors are relative: it is compared by its logarithm.
        which: Which of the numbers of the quantity.
    """

    quantity: Quantity
    label: str
    compute: float | None = None
    relative: bool = True
    which: int = 0

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The number, (), or its logarithm."""
        value = self.quantity(law, parameters)[self.which]
        return jnp.log(value) if self.relative else value


def target_of(at: Any, law: Law) -> Target:
    """The number that is to be known.

    Args:
        at: As for `scalejax.conclusions.quantity_at`, or a pure function of the parameters.
        law: The law.

    Raises:
        UsageError: It does not go with the law.
    """
    if callable(at):
        own = OwnNumber(at)
        return Target(own, own.names[0], relative=False)
    quantity = quantity_at(at, law)
    if isinstance(quantity, ComputeOptimum):
        return Target(quantity, f"N* at {quantity.budget:.4g} FLOP", quantity.budget)
    point = dict(quantity.point)
    inputs = ", ".join(f"{name}={short_number(value)}" for name, value in point.items())
    pair = {"N", "D"} <= point.keys()
    compute = FLOP_PER_PAIR * point["N"] * point["D"] if pair else None
    return Target(quantity, f"the loss at {inputs}", compute)
