"""The optimum of one problem as a pure function of its args: many starts, the best certified one.

Everything here follows the dtype of its arrays and can be mapped; `scalejax.optima.implicit` adds
the derivative, `scalejax.optima.answer` what people read.
"""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax.optima.problem import Problem
from scalejax.solvers import Active, Finish, Ranges, approach, finish
from scalejax.status import Outcome

TOLERANCE = 1e-8
"""Largest scaled error in the optimality conditions of what is called solved: the root of double
precision's rounding, so that the goal is right to the last digit."""

_SINGLE = 2e-5  # The same in single precision, whose rounding is 1e-7 a term. Set by judgement.
_MARGIN = 0.02
"""Share of a range at each end without starts, for barriers to have room. Set by judgement."""


class Solution(NamedTuple):
    """An optimum in coordinates, as JAX or NumPy arrays.

    Attributes:
        point: Coordinates, (n,).
        multipliers: Of the constraints, on the scales of their measures, (m,).
        active: What binds.
        value: What is minimised and the excess over each limit, on their scales, (1 + m,).
        defect: Largest scaled error in the optimality conditions, ().
        outcome: An `Outcome`, ().
        agreeing: Share of the starts that came to as good an end, ().
    """

    point: Any
    multipliers: Any
    active: Active
    value: Any
    defect: Any
    outcome: Any
    agreeing: Any


@lru_cache(maxsize=64)
def _sobol(dimension: int, count: int) -> Floats:
    # SciPy's statistics take a while to import.
    from scipy.stats import qmc

    points = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(0))
    return np.asarray(points.random(max(count, 1)), np.float64)


def starting_points(problem: Problem, count: int) -> Floats:
    """Where to begin, (count, n): the middle of the box, then points spread evenly over it."""
    low, high = problem.box
    places = _sobol(len(low), 1 << (count - 1).bit_length())[:count].copy()
    places[0] = 0.5
    return np.asarray(low + (high - low) * (_MARGIN + (1 - 2 * _MARGIN) * places))


def tolerance(dtype: Any) -> float:
    """Largest error of what is called solved in a precision."""
    return TOLERANCE if jnp.finfo(dtype).eps < 1e-10 else _SINGLE


@partial(jax.jit, static_argnums=0)
def best_of(problem: Problem, args: Any, starts: Any) -> Solution:
    """The best end of all starts; without an optimum, the end that violates limits least.

    Args:
        problem: The problem.
        args: Its args.
        starts: Coordinates strictly inside the ranges, (s, n).
    """
    starts = jnp.asarray(starts, float)
    low, high = (jnp.asarray(end, starts.dtype) for end in problem.box)
    box, equality = Ranges(low, high), problem.equality

    def values(y: jax.Array) -> jax.Array:
        return problem.values(y, args)

    def end(start: jax.Array) -> Finish:
        there = approach(values, start, box, equality)
        return finish(values, there.point, there.multipliers, box, equality)

    ends = jax.vmap(end)(starts)
    enough = tolerance(starts.dtype)
    good = ends.defect <= enough
    goal = jnp.where(good, ends.value[:, 0], jnp.inf)
    violation = jnp.where(jnp.isfinite(ends.violation), ends.violation, jnp.inf)
    pick = jnp.where(jnp.any(good), jnp.argmin(goal), jnp.argmin(violation))
    best: Finish = jax.tree.map(lambda x: x[pick], ends)
    near = goal <= goal[pick] + enough * (1 + jnp.abs(goal[pick]))
    return Solution(
        best.point,
        best.multipliers,
        best.active,
        best.value,
        best.defect,
        outcome_of(best, enough),
        jnp.mean(near & good),
    )


def outcome_of(end: Finish, enough: float) -> jax.Array:
    """The outcome of the best end."""
    return jnp.where(
        ~jnp.all(jnp.isfinite(end.value)),
        Outcome.NON_FINITE,
        jnp.where(
            end.defect <= enough,
            jnp.where(jnp.any(end.active.end != 0), Outcome.AT_RANGE, Outcome.SOLVED),
            jnp.where(end.violation > enough, Outcome.INFEASIBLE, Outcome.NOT_CONVERGED),
        ),
    )
