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

from scalejax.conclusions import ComputeOptimum, OwnNumber, PredictedLoss, Quantity
from scalejax.errors import UsageError
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
        point = {name: _positive(given[name]) for name in law.inputs}
        inputs = ", ".join(f"{name}={short_number(value)}" for name, value in point.items())
        pair = {"N", "D"} <= point.keys()
        compute = FLOP_PER_PAIR * point["N"] * point["D"] if pair else None
        return Target(PredictedLoss(tuple(point.items())), f"the loss at {inputs}", compute)
    if callable(given):
        own = OwnNumber(given)
        return Target(own, own.names[0], relative=False)
    if set(law.inputs) != {"N", "D"}:
        raise UsageError(
            f"a target in FLOP is for laws of N and D, and {law.name} is one of "
            f"{', '.join(law.inputs)}: give target= the inputs of a run, or a function of the "
            "parameters."
        )
    budget = _positive(given)
    return Target(ComputeOptimum(budget), f"N* at {budget:.4g} FLOP", budget)


def _positive(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number < float("inf"):
        raise UsageError(f"target= needs positive numbers, not {value!r}.")
    return number
