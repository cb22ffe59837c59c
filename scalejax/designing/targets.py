"""Targets of a design: the number, computed from a law's parameters, that runs are to determine.

- The best number of parameters for a compute budget (laws of N and D).
- The loss of a planned run.
- Any pure function of the dictionary of parameters.

The first two are compared by their logarithm, so their errors are relative.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax.compute import SIX_N_D, Compute
from scalejax.conclusions import ComputeOptimum, Conclusion, OwnNumber, conclusion_at
from scalejax.laws import Law
from scalejax.quantities import short_number


class Target(NamedTuple):
    """One number of a conclusion; hashable, so that compiled code is used again.

    Attributes:
        conclusion: The function that computes it.
        label: Its name for people.
        compute: The compute of the run or budget that it is about, FLOP; None for other numbers.
        relative: Whether errors are relative: it is compared by its logarithm.
        which: Its place among the numbers of the conclusion.
    """

    conclusion: Conclusion
    label: str
    compute: float | None = None
    relative: bool = True
    which: int = 0

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The number, (), or its logarithm."""
        value = self.conclusion(law, parameters)[self.which]
        return jnp.log(value) if self.relative else value


def target_of(at: Any, law: Law, compute: Compute = SIX_N_D) -> Target:
    """The target at a point.

    Args:
        at: As for `scalejax.conclusions.conclusion_at`, or a pure function of the parameters.
        law: The law.
        compute: What a run costs.

    Raises:
        UsageError: The point does not go with the law.
    """
    if isinstance(at, list | tuple) and len(at) == 1:
        (at,) = at
    if callable(at):
        own = OwnNumber(at)
        return Target(own, own.names[0], relative=False)
    conclusion = conclusion_at(at, law, compute)
    if isinstance(conclusion, ComputeOptimum):
        return Target(conclusion, f"N* at {conclusion.budget:.4g} FLOP", conclusion.budget)
    point = dict(conclusion.point)
    inputs = ", ".join(f"{name}={short_number(value)}" for name, value in point.items())
    pair = {"N", "D"} <= point.keys()
    flop = float(compute.flop(point["N"], point["D"])) if pair else None
    return Target(conclusion, f"the loss at {inputs}", flop)
