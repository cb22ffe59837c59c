"""Optima for thousands of args at once: draws of a law, a frontier of budgets, a set of choices.

- `solve_many`: one axis. Draws of a fit, or candidates.
- `solve_grid`: a grid of args, each with all draws: frontiers and surfaces.

The optimum of the first args is searched for from many starts. The others follow it by Newton's
method (`scalejax.optima.follow`); lanes where something else binds are searched for from several
starts of their own. If the first search found several local optima, every lane is searched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from scalejax._numerics import RUN_ONCE
from scalejax.errors import UsageError
from scalejax.optima.follow import Pattern, follow, pattern_of
from scalejax.optima.problem import Problem
from scalejax.optima.solution import TOLERANCE, Solution, best_of, starting_points
from scalejax.solvers.kkt import Active
from scalejax.status import Outcome

Floats = NDArray[np.float64]

STARTS = 64
"""Starts of a search on its own."""

LANE_STARTS = 8
"""Starts of each lane that is searched for in a batch."""

_FEW = _PROBES = 32
_CHUNK = 512
_BLOCK = 4096
_PASSES = 8
_STILL = 1e-6
_AGREED = 1e-6


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
    end: NDArray[np.int64]
    outcome: NDArray[np.int64]
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


_search_one = jax.jit(best_of, static_argnums=0, compiler_options=RUN_ONCE)


@partial(jax.jit, static_argnums=0)
def _search(problem: Problem, args: Any, lanes: Any, starts: Any) -> Solution:
    """The best of several starts for each lane."""
    return jax.vmap(lambda lane: best_of(problem, {**args, **lane}, starts))(lanes)


@partial(jax.jit, static_argnums=(0, 1))
def _follow(problem: Problem, pattern: Pattern, args: Any, lanes: Any, near: Any) -> Any:
    """Newton's method from a known optimum for each lane."""
    return jax.vmap(lambda lane, at: follow(problem, pattern, {**args, **lane}, *at))(lanes, near)


@partial(jax.jit, static_argnums=0)
def _slopes(problem: Problem, point: Any, args: Any) -> jax.Array:
    """Slopes of what is minimised and of the constraints, (1 + m, n)."""
    return jax.jacfwd(problem.values)(point, args)


@partial(jax.jit, static_argnums=0)
def _measured(problem: Problem, args: Any, lanes: Any, points: jax.Array) -> Any:
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
) -> Optima:
    """The optimum for each element of a batch of args.

    Args:
        problem: The problem.
        args: Args that all lanes share; what `over` names may be given too, as a first guess.
        over: Args that differ, each a number or pytree with a leading axis (B,).
        starts: Starts of the first search.

    Raises:
        UsageError: The leading axes differ, or there is nothing to map over.
    """
    with jax.enable_x64(True):
        lanes = as_arrays(over)
        count = lane_count(lanes)
        first = {name: jax.tree.map(lambda x: x[0], lane) for name, lane in lanes.items()}
        reference = search_one(problem, {**first, **_alike(args, first)}, starts)
        found = _from(problem, as_arrays(args), lanes, _repeat(reference, count), reference)
        return _optima(problem, as_arrays(args), lanes, found)


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
        args: Args of the point answer; what `grid` names is replaced.
        grid: Args along the grid, each with a leading axis (G,): flatten a mesh first.
        draws: Args that differ from draw to draw, each with a leading axis (B,).
        starts: Starts of the first search.

    Returns:
        The optima of the grid (G,), and of the draws at each point (G, B).
    """
    point = solve_many(problem, args, grid, starts=starts)
    if draws is None:
        return point, None
    with jax.enable_x64(True):
        along, drawn, shared = as_arrays(grid), as_arrays(draws), as_arrays(args)
        size, count = lane_count(along), lane_count(drawn)
        lanes = {
            **jax.tree.map(lambda x: np.repeat(x, count, axis=0), along),
            **jax.tree.map(lambda x: np.tile(x, (size, *[1] * (x.ndim - 1))), drawn),
        }
        near = _repeat_each(_as_solution(point), count)
        found = _from(problem, shared, lanes, near, None)
        flat = _optima(problem, shared, lanes, found)
    return point, _reshaped(flat, (size, count))


def as_arrays(tree: Any) -> Any:
    """A pytree of float64 arrays."""
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def lane_count(lanes: Any) -> int:
    """The common length of the leading axes.

    Raises:
        UsageError: There is none.
    """
    leaves = jax.tree.leaves(lanes)
    if not leaves or any(np.ndim(x) < 1 for x in leaves):
        raise UsageError("what differs from lane to lane needs a leading axis.")
    lengths = {len(x) for x in leaves}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError(f"leading axes must have one length, got {sorted(lengths)}.")
    return int(lengths.pop())


def _alike(args: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    """Args but for those whose leaves are not those of the lanes."""
    return {
        name: value
        for name, value in args.items()
        if name not in first or _names(value) == _names(first[name])
    }


def _names(tree: Any) -> list[str]:
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [str(path) for path, _ in paths]


def search_one(problem: Problem, args: Any, starts: int) -> Solution:
    """The best of many starts for one set of args, as NumPy arrays."""
    found = _search_one(problem, as_arrays(args), starting_points(problem, starts))
    return jax.tree.map(np.asarray, found)


def search_each(problem: Problem, args: Any, over: Any, starts: int) -> Optima:
    """The best of many starts for each of a few sets of args, none of which leads to another."""
    shared, lanes = as_arrays(args), as_arrays(over)
    found = _search(problem, shared, lanes, starting_points(problem, starts))
    return _optima(problem, shared, lanes, jax.tree.map(np.asarray, found))


def _repeat(one: Solution, count: int) -> Solution:
    return jax.tree.map(lambda x: np.broadcast_to(x, (count, *np.shape(x))), one)


def _repeat_each(many: Solution, count: int) -> Solution:
    return jax.tree.map(lambda x: np.repeat(x, count, axis=0), many)


def _from(
    problem: Problem, args: Any, lanes: Any, near: Solution, reference: Solution | None
) -> Solution:
    """Follow known optima where they are known to be the only ones, then search the rest."""
    found: Solution = jax.tree.map(lambda x: np.array(x), near)
    if reference is not None and (reference.outcome > 1 or reference.agreeing < 1 - _AGREED):
        missed = np.arange(len(found.outcome))
    else:
        known = np.flatnonzero(found.outcome <= Outcome.AT_RANGE)
        unknown = np.flatnonzero(found.outcome > Outcome.AT_RANGE)
        missed = np.union1d(unknown, _followed(problem, args, lanes, known, found))
        missed = _with_other_limits(problem, args, lanes, missed, found)
    for begin in range(0, len(missed), _CHUNK):
        _searched(problem, args, lanes, missed[begin : begin + _CHUNK], found)
    return found


def _with_other_limits(
    problem: Problem, args: Any, lanes: Any, missed: NDArray[np.int64], found: Solution
) -> NDArray[np.int64]:
    """Search a few of the lanes that were missed, and let the others follow those.

    Returns:
        The lanes that were missed even so.
    """
    if len(missed) <= 2 * _PROBES:
        return missed
    probes = missed[np.linspace(0, len(missed) - 1, _PROBES).astype(int)]
    _searched(problem, args, lanes, probes, found)
    rest = np.setdiff1d(missed, probes)
    known = probes[found.outcome[probes] <= Outcome.AT_RANGE]
    _, first = np.unique(_signature(found)[known], return_index=True)
    for probe in known[first]:
        for part in (found.point, found.multipliers, found.active.end, found.active.constraint):
            part[rest] = part[probe]
        found.outcome[rest] = found.outcome[probe]
        rest = _followed(problem, args, lanes, rest, found)
        if not len(rest):
            break
    return rest


def _signature(found: Solution) -> NDArray[np.int64]:
    """A number for what binds in each lane, (B,)."""
    digits = np.concatenate([found.active.end + 1, found.active.constraint], axis=1)
    return np.asarray(digits.astype(np.int64) @ 3 ** np.arange(digits.shape[1]))


def _followed(
    problem: Problem, args: Any, lanes: Any, known: NDArray[np.int64], found: Solution
) -> NDArray[np.int64]:
    """Follow the known optima, pattern by pattern; writes into `found`, returns what was missed."""
    missed = [np.zeros(0, np.int64)]
    kinds, which = np.unique(_signature(found)[known], return_inverse=True)
    for k in range(len(kinds)):
        rows = known[which == k]
        pattern = _pattern(problem, args, lanes, rows[0], found)
        for _ in range(_PASSES):
            if not len(rows):
                break
            rows = _moved(problem, pattern, args, lanes, rows, found)
        missed.append(rows)
    return np.sort(np.concatenate(missed))


def _moved(
    problem: Problem,
    pattern: Pattern,
    args: Any,
    lanes: Any,
    rows: NDArray[np.int64],
    found: Solution,
) -> NDArray[np.int64]:
    """A few Newton steps for some lanes; writes into `found`, returns those not there yet."""
    near = (found.point, found.multipliers)
    blocks = [rows[k : k + _BLOCK] for k in range(0, len(rows), _BLOCK)]
    # All are under way before the first is waited for.
    ends = []
    for block in blocks:
        taken = _take((lanes, near), _padded(block, _BLOCK))
        ends.append(_follow(problem, pattern, args, *taken))
    rest = []
    for block, ended in zip(blocks, ends, strict=True):
        count = len(block)
        for part in ("point", "multipliers", "value", "defect"):
            getattr(found, part)[block] = np.asarray(getattr(ended, part))[:count]
        there = (ended.defect <= TOLERANCE) & (ended.moved <= _STILL)
        rest.append(block[~np.asarray(there)[:count]])
    return np.concatenate(rest)


def _pattern(problem: Problem, args: Any, lanes: Any, row: int, found: Solution) -> Pattern:
    """What binds at one known optimum."""
    whole = {**args, **jax.tree.map(lambda x: x[row], lanes)}
    slope = np.asarray(_slopes(problem, found.point[row], whole))
    return pattern_of(found.active.end[row], found.active.constraint[row], slope[1:])


def _searched(
    problem: Problem, args: Any, lanes: Any, rows: NDArray[np.int64], found: Solution
) -> None:
    """Search lanes from starts of their own; writes into `found`."""
    points = starting_points(problem, LANE_STARTS)
    ended = _search(problem, args, _take(lanes, _padded(rows, _CHUNK)), points)
    for old, new in zip(jax.tree.leaves(found), jax.tree.leaves(ended), strict=True):
        old[rows] = np.asarray(new)[: len(rows)]


def _padded(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Rows repeated up to one of two lengths, so that few shapes are compiled."""
    return np.resize(rows, _FEW if len(rows) <= _FEW else most)


def _take(lanes: Any, rows: NDArray[np.int64]) -> Any:
    return jax.tree.map(lambda x: x[rows], lanes)


def _optima(problem: Problem, args: Any, lanes: Any, found: Solution) -> Optima:
    decision, goal = _measured(problem, args, lanes, found.point)
    solved = np.asarray(found.outcome) <= Outcome.AT_RANGE

    def where_solved(x: Any) -> Floats:
        return np.where(solved, np.asarray(x, np.float64), np.nan)

    return Optima(
        problem,
        {name: where_solved(decision[name]) for name in problem.names},
        where_solved(goal),
        np.asarray(found.multipliers),
        np.asarray(found.active.constraint),
        np.asarray(found.active.end),
        np.asarray(found.outcome),
        np.asarray(found.defect),
    )


def _as_solution(point: Optima) -> Solution:
    """The optima of a batch as a start for another."""
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


def _reshaped(flat: Optima, shape: tuple[int, int]) -> Optima:
    def fold(x: Any) -> Any:
        return np.reshape(x, (*shape, *np.shape(x)[1:]))

    kept: dict[str, Any] = {
        "problem": flat.problem,
        "decision": {k: fold(x) for k, x in flat.decision.items()},
    }
    rest = (one.name for one in fields(flat) if one.name not in kept)
    return Optima(**kept, **{name: fold(getattr(flat, name)) for name in rest})
