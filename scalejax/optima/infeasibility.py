"""Why a problem has no solution: for each constraint, how far it can be met if the others are.

For each constraint in turn its excess is minimised while the others are met, all in one batch. The
least excess is how far that limit must give if the others stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax.optima.many import search_each
from scalejax.optima.problem import Constraint, Decision, Measure, Problem
from scalejax.optima.solution import TOLERANCE
from scalejax.quantities import amount

_LET_GO = 1e4
"""What a constraint may exceed its limit by in its turn, on its scale: more than ever occurs."""

_ROUND = 1e-9
"""Size below which an equation's excess is rounded off, to be smooth: a tenth of what is solved."""


@dataclass(frozen=True)
class Infeasibility:
    """How far each constraint can be met.

    Attributes:
        problem: The problem.
        attainable: The nearest each measure comes to its limit, in its unit, with the others held;
            NaN where the others cannot be met either.
        limits: The limits, in their units.
        feasible: Whether all can be met after all.
        at_end: Variables that lie at an end of their range there, with "low" or "high": the range,
            and not the limits alone, is in the way.
    """

    problem: Problem
    attainable: Floats
    limits: Floats
    feasible: bool
    at_end: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """Which limit must give, and by how much."""
        parts = [
            f"{constraint.name} can only come to {amount(near)} {constraint.measure.unit}".rstrip()
            + f" (limit {constraint.sense} {amount(limit)}"
            + (", with the other limits met)" if len(self.limits) > 1 else ")")
            for constraint, near, limit in zip(
                self.problem.subject_to, self.attainable, self.limits, strict=True
            )
            if np.isfinite(near)
        ]
        if not parts:
            return "Even with any one constraint dropped, the others cannot be met together."
        ranges = {one.name: {"low": one.low, "high": one.high} for one in self.problem.variables}
        parts[-1] += "".join(
            f", with {name} at {amount(ranges[name][end])}, the {end} end of its range"
            for name, end in self.at_end.items()
        )
        return "; or ".join(parts) + "."


@dataclass(frozen=True)
class _Weighted:
    """The excess of the constraint whose turn it is: what is minimised."""

    constraints: tuple[Constraint, ...]

    def __call__(self, decision: Decision, args: Any) -> Any:
        excess = [_positive(one, decision, args["args"]) for one in self.constraints]
        return sum(excess[k] * args["turn"][k] for k in range(len(excess)))


@dataclass(frozen=True)
class _Others:
    """The excess of a constraint, or none while it is its turn."""

    constraint: Constraint
    position: int

    def __call__(self, decision: Decision, args: Any) -> Any:
        free = _LET_GO * args["turn"][self.position]
        return _positive(self.constraint, decision, args["args"]) - free


def _positive(one: Constraint, decision: Decision, args: Any) -> Any:
    """The excess; of an equation the smooth size, which is zero only where it holds."""
    excess = one.excess(decision, args)
    return excess if one.sense != "==" else jnp.sqrt(excess**2 + _ROUND**2)


def _limit(one: Constraint) -> float:
    """What `_positive` may be where the constraint holds."""
    return 2 * _ROUND if one.sense == "==" else 0.0


def find_infeasibility(problem: Problem, args: Any, starts: int) -> Infeasibility:
    """Minimise the excess over each limit in turn, with the others met.

    Args:
        problem: A problem with constraints that seems to have no solution.
        args: Its args.
        starts: Starts of each search.
    """
    constraints = problem.subject_to
    rest = tuple(
        Measure(one.name, _Others(one, k), log=False).at_most(_limit(one))
        for k, one in enumerate(constraints)
    )
    goal = Measure("excess", _Weighted(constraints), log=False)
    relaxed = Problem(problem.variables, goal, rest)
    count = len(constraints)
    lanes = {"turn": np.eye(count)}
    optima = search_each(relaxed, {"args": args}, lanes, starts)
    limits = np.array([float(one.limit_value(args)) for one in constraints])
    near = np.array(
        [
            float(
                one.measure(
                    {name: optima.decision[name][k] for name in problem.names},
                    args,
                )
            )
            for k, one in enumerate(constraints)
        ]
    )
    ends = optima.end[np.isfinite(near)].sum(axis=0)
    at_end = {
        name: "low" if end < 0 else "high"
        for name, end in zip(problem.names, ends, strict=True)
        if end
    }
    feasible = bool(np.any(optima.goal <= TOLERANCE))
    return Infeasibility(problem, near, limits, feasible, at_end)
