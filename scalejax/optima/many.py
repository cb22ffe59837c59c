"""Optima for thousands of args at once: draws of a law, a frontier of budgets, a set of choices.

- `solve_many`: one axis. Draws of a fit, or candidates.
- `solve_grid`: a grid of args, each with all draws: frontiers and surfaces.

One optimum is searched for from many starts, unless the caller has it. The others follow it by
Newton's method (`scalejax.optima.follow`); lanes where other limits bind are searched for from
several starts of their own. If the first search came to several local optima, every lane is
searched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.optima.lanes import (
    as_arrays,
    lane_count,
    search_lanes,
    search_one,
    solve_lanes,
    take_lanes,
)
from scalejax.optima.problem import Problem
from scalejax.optima.solution import Solution, starting_points
from scalejax.scope import own_settings
from scalejax.solvers import Active
from scalejax.status import Outcome

STARTS = 64
"""Starts of a search on its own. By judgement: many, for no later step finds what it misses."""


@dataclass(frozen=True)
class Optima:
    """Optima of a batch, as NumPy arrays (B,) or (G, B).

    Attributes:
        problem: The problem.
        decision: A value per variable; NaN where there is no optimum.
        goal: What was minimised, in its unit; NaN where there is no optimum.
        multipliers: Of the constraints, with a last axis (m,).
        binds: Which constraints bind, with a last axis (m,).
        end: Which variables lie at an end of their range (-1, 0, 1), with a last axis (n,).
        outcome: An `Outcome` each.
        defect: Largest scaled error in the optimality conditions.
    """

    problem: Problem
    decision: Mapping[str, Floats]
    goal: Floats
    multipliers: Floats
    binds: NDArray[np.bool_]
    end: Ints
    outcome: Ints
    defect: Floats

    @property
    def solved(self) -> NDArray[np.bool_]:
        """Where there is an optimum, at an end of a range or not."""
        return np.asarray(self.outcome <= Outcome.AT_RANGE)

    @property
    def failures(self) -> dict[str, int]:
        """How many lanes ended otherwise, by outcome."""
        codes, counts = np.unique(self.outcome[~self.solved], return_counts=True)
        return {Outcome(code).label: int(n) for code, n in zip(codes, counts, strict=True)}


@partial(jax.jit, static_argnums=0)
def _decide(problem: Problem, args: Any, lanes: Any, points: jax.Array) -> Any:
    """Decisions and goals at points (B, n)."""

    def one(lane: Any, point: jax.Array) -> Any:
        decision = problem.decision(point)
        goal = problem.minimize(decision, {**args, **lane})
        return decision, jnp.asarray(goal, point.dtype)

    return jax.vmap(one)(lanes, points)


def solve_many(
    problem: Problem,
    args: Mapping[str, Any],
    over: Mapping[str, Any],
    *,
    starts: int = STARTS,
    known: Solution | None = None,
) -> Optima:
    """The optimum for each element of a batch of args.

    Args:
        problem: The problem.
        args: Args that all lanes share; what `over` names may be given too, as a first guess.
        over: Args that differ, each an array or pytree of arrays with a leading axis (B,).
        starts: Starts of the first search.
        known: The solution for `args` themselves (`Answer.solution`), which saves that search.

    Raises:
        UsageError: The leading axes differ, or there is nothing to map over.
    """
    with own_settings():
        lanes = as_arrays(over)
        count = lane_count(lanes)
        if known is None:
            first = take_lanes(lanes, 0)
            known = search_one(problem, {**first, **_guesses(args, first)}, starts)
        solution = solve_lanes(problem, as_arrays(args), lanes, _repeat(known, count), known)
        return _optima(problem, as_arrays(args), lanes, solution)


def solve_grid(
    problem: Problem,
    args: Mapping[str, Any],
    grid: Mapping[str, Any],
    draws: Mapping[str, Any] | None = None,
    *,
    starts: int = STARTS,
) -> tuple[Optima, Optima | None]:
    """Optima over a grid of args, and for all draws at each of its points.

    Args:
        problem: The problem.
        args: Args of the estimate; what `grid` names is replaced.
        grid: Args along the grid, each with a leading axis (G,): flatten a mesh first.
        draws: Args that differ from draw to draw, each with a leading axis (B,).
        starts: Starts of the first search.

    Returns:
        The optima of the grid (G,), and of the draws at each point (G, B).
    """
    point = solve_many(problem, args, grid, starts=starts)
    if draws is None:
        return point, None
    with own_settings():
        along, across, shared = as_arrays(grid), as_arrays(draws), as_arrays(args)
        size, count = lane_count(along), lane_count(across)
        lanes = {
            **jax.tree.map(lambda x: np.repeat(x, count, axis=0), along),
            **jax.tree.map(lambda x: np.tile(x, (size, *[1] * (x.ndim - 1))), across),
        }
        near = _repeat_each(_as_solution(point), count)
        first = take_lanes(lanes, 0)
        reference = search_one(problem, {**first, **_guesses(args, first)}, starts)
        solution = solve_lanes(problem, shared, lanes, near, reference)
        flat = _optima(problem, shared, lanes, solution)
    return point, _reshape(flat, (size, count))


def _guesses(args: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    """The shared args that can stand in for those of the first lane: of the same structure."""
    return {
        name: value
        for name, value in args.items()
        if name not in first or _names(value) == _names(first[name])
    }


def _names(tree: Any) -> list[str]:
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [str(path) for path, _ in paths]


def search_each(problem: Problem, args: Any, over: Any, starts: int) -> Optima:
    """The best of many starts for each of a few sets of args, which need not be near each other."""
    shared, lanes = as_arrays(args), as_arrays(over)
    solution = search_lanes(problem, shared, lanes, starting_points(problem, starts))
    return _optima(problem, shared, lanes, jax.tree.map(np.asarray, solution))


def _repeat(one: Solution, count: int) -> Solution:
    return jax.tree.map(lambda x: np.broadcast_to(x, (count, *np.shape(x))), one)


def _repeat_each(many: Solution, count: int) -> Solution:
    return jax.tree.map(lambda x: np.repeat(x, count, axis=0), many)


def _optima(problem: Problem, args: Any, lanes: Any, solution: Solution) -> Optima:
    decision, goal = _decide(problem, args, lanes, solution.point)
    solved = np.asarray(solution.outcome) <= Outcome.AT_RANGE

    def where_solved(x: Any) -> Floats:
        return np.where(solved, np.asarray(x, np.float64), np.nan)

    return Optima(
        problem,
        {name: where_solved(decision[name]) for name in problem.names},
        where_solved(goal),
        np.asarray(solution.multipliers),
        np.asarray(solution.active.constraint),
        np.asarray(solution.active.end),
        np.asarray(solution.outcome),
        np.asarray(solution.defect),
    )


def _as_solution(point: Optima) -> Solution:
    """The optima of a batch as guesses for another."""
    problem = point.problem
    coordinates = np.stack(
        [np.asarray(one.coordinate(point.decision[one.name])) for one in problem.variables], axis=1
    )
    value = np.zeros((len(coordinates), 1 + len(problem.subject_to)))
    return Solution(
        coordinates,
        point.multipliers,
        Active(point.binds, point.end),
        value,
        point.defect,
        point.outcome,
        np.ones(len(coordinates)),
    )


def _reshape(flat: Optima, shape: tuple[int, int]) -> Optima:
    arrays = {one.name: getattr(flat, one.name) for one in fields(Optima) if one.name != "problem"}
    folded = jax.tree.map(lambda x: np.reshape(x, (*shape, *np.shape(x)[1:])), arrays)
    return replace(flat, **folded)
