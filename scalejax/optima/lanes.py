"""Lanes of a batch: follow a solved optimum, search where that does not lead.

`solve_lanes` takes a guess for each lane: a solution of nearby args. Lanes follow it by Newton's
method (`scalejax.optima.follow`), those with the same active set together. Where that fails, other
limits bind: a few such lanes (probes) are solved by a search from many starts, and the others
follow those; each lane that is still unsolved gets a search of its own. Shapes are padded, so that
few programs are compiled.
"""

from functools import partial
from typing import Any

import jax
import numpy as np

from scalejax._arrays import Ints
from scalejax._numerics import RUN_ONCE
from scalejax.errors import UsageError
from scalejax.optima.follow import Pattern, follow, pattern_of
from scalejax.optima.problem import Problem
from scalejax.optima.solution import TOLERANCE, Solution, best_of, starting_points
from scalejax.status import Outcome

LANE_STARTS = 8
"""Starts of each lane that is searched for in a batch. By judgement: an eighth of those of a search
on its own, since lanes are only searched for where a batch is troubled."""

# Set by judgement. Two lengths of a search and one of following, so that few programs are compiled;
# longer ones would waste more on padding and memory.
_FEW = _PROBES = 32
_CHUNK = 512
_BLOCK = 4096
# Passes of a few Newton steps before a lane counts as lost: it converges quadratically or strays.
_PASSES = 8
# A lane has arrived if its last step was shorter: the next would be of rounding size.
_STILL = 1e-6
_AGREED = 1e-6  # Rounding of the share of the starts that came to the best optimum.


_search_one = jax.jit(best_of, static_argnums=0, compiler_options=RUN_ONCE)


@partial(jax.jit, static_argnums=0)
def search_lanes(problem: Problem, args: Any, lanes: Any, starts: Any) -> Solution:
    """The best of several starts for each lane."""
    return jax.vmap(lambda lane: best_of(problem, {**args, **lane}, starts))(lanes)


@partial(jax.jit, static_argnums=(0, 1))
def _follow(problem: Problem, pattern: Pattern, lanes: Any, near: Any) -> Any:
    """A few Newton steps for each lane (all of its args), from near its optimum."""
    return jax.vmap(lambda lane, at: follow(problem, pattern, lane, *at))(lanes, near)


@partial(jax.jit, static_argnums=0)
def _slopes(problem: Problem, point: Any, args: Any) -> jax.Array:
    """Slopes of what is minimised and of the constraints, (1 + m, n)."""
    return jax.jacfwd(problem.values)(point, args)


def as_arrays(tree: Any) -> Any:
    """A pytree with its leaves as float64 arrays."""
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


def search_one(problem: Problem, args: Any, starts: int) -> Solution:
    """The best of many starts for one set of args, as NumPy arrays."""
    solution = _search_one(problem, as_arrays(args), starting_points(problem, starts))
    return jax.tree.map(np.asarray, solution)


def solve_lanes(
    problem: Problem, args: Any, lanes: Any, near: Solution, reference: Solution
) -> Solution:
    """The optimum of each lane.

    Args:
        problem: The problem.
        args: Args that all lanes share.
        lanes: Args that differ, with a leading axis (B,).
        near: A solution near that of each lane, (B, ...).
        reference: The solution of one search from many starts. If it came to several local optima,
            every lane is searched, since following would miss the others.
    """
    solution: Solution = jax.tree.map(lambda x: np.array(x), near)
    if _has_several(reference):
        rest = np.arange(len(solution.outcome))
    else:
        solved = np.flatnonzero(solution.outcome <= Outcome.AT_RANGE)
        unsolved = np.flatnonzero(solution.outcome > Outcome.AT_RANGE)
        rest = np.union1d(unsolved, _follow_lanes(problem, args, lanes, solved, solution))
        rest = _follow_probes(problem, args, lanes, rest, solution)
    for begin in range(0, len(rest), _CHUNK):
        _search_lanes(problem, args, lanes, rest[begin : begin + _CHUNK], solution)
    return solution


def _follow_probes(problem: Problem, args: Any, lanes: Any, rows: Ints, solution: Solution) -> Ints:
    """Search some of the unsolved lanes, and let the others follow those; writes into `solution`.

    Returns:
        The lanes that are still unsolved.
    """
    if len(rows) <= 2 * _PROBES:
        return rows
    probes = rows[np.linspace(0, len(rows) - 1, _PROBES).astype(int)]
    _search_lanes(problem, args, lanes, probes, solution)
    rest = np.setdiff1d(rows, probes)
    solved = probes[solution.outcome[probes] <= Outcome.AT_RANGE]
    if _has_several(take_lanes(solution, probes)):
        return rest
    active = solution.active
    _, first = np.unique(_signature(solution)[solved], return_index=True)
    for probe in solved[first]:
        for part in (solution.point, solution.multipliers, active.end, active.constraint):
            part[rest] = part[probe]
        solution.outcome[rest] = solution.outcome[probe]
        rest = _follow_lanes(problem, args, lanes, rest, solution)
        if not len(rest):
            break
    return rest


def _has_several(solution: Solution) -> bool:
    """Whether a search, of one lane or several, came to several local optima."""
    solved = solution.outcome <= Outcome.AT_RANGE
    return bool(np.any(solved & (solution.agreeing < 1 - _AGREED)))


def _signature(solution: Solution) -> Ints:
    """A number for what binds in each lane, (B,)."""
    digits = np.concatenate([solution.active.end + 1, solution.active.constraint], axis=1)
    return np.asarray(digits.astype(np.int64) @ 3 ** np.arange(digits.shape[1]))


def _follow_lanes(problem: Problem, args: Any, lanes: Any, rows: Ints, solution: Solution) -> Ints:
    """Follow the solutions of some lanes, pattern by pattern; writes into `solution`.

    Returns:
        The lanes that did not arrive.
    """
    lost = [np.zeros(0, np.int64)]
    kinds, which = np.unique(_signature(solution)[rows], return_inverse=True)
    for k in range(len(kinds)):
        rest = rows[which == k]
        pattern = _pattern(problem, args, lanes, rest[0], solution)
        for _ in range(_PASSES):
            if not len(rest):
                break
            rest = _take_steps(problem, pattern, args, lanes, rest, solution)
        lost.append(rest)
    return np.sort(np.concatenate(lost))


def _take_steps(
    problem: Problem,
    pattern: Pattern,
    args: Any,
    lanes: Any,
    rows: Ints,
    solution: Solution,
) -> Ints:
    """A few Newton steps for some lanes; writes into `solution`, returns those not there yet."""
    near = (solution.point, solution.multipliers)
    whole = {**_repeat(args, len(solution.point)), **lanes}
    blocks = [rows[k : k + _BLOCK] for k in range(0, len(rows), _BLOCK)]
    # All are under way before the first is waited for.
    ends = []
    for block in blocks:
        # One length and one form of the args: another would be another program.
        inputs = take_lanes((whole, near), np.resize(block, _BLOCK))
        ends.append(_follow(problem, pattern, *inputs))
    rest = []
    for block, end in zip(blocks, ends, strict=True):
        count = len(block)
        for part in ("point", "multipliers", "value", "defect"):
            getattr(solution, part)[block] = np.asarray(getattr(end, part))[:count]
        there = (np.asarray(end.defect) <= TOLERANCE) & (np.asarray(end.moved) <= _STILL)
        rest.append(block[~there[:count]])
    return np.concatenate(rest)


def _pattern(problem: Problem, args: Any, lanes: Any, row: int, solution: Solution) -> Pattern:
    """What binds in one solved lane."""
    whole = {**args, **jax.tree.map(lambda x: x[row], lanes)}
    slope = np.asarray(_slopes(problem, solution.point[row], whole))
    return pattern_of(solution.active.end[row], solution.active.constraint[row], slope[1:])


def _search_lanes(problem: Problem, args: Any, lanes: Any, rows: Ints, solution: Solution) -> None:
    """Search lanes from starts of their own; writes into `solution`."""
    points = starting_points(problem, LANE_STARTS)
    ends = search_lanes(problem, args, take_lanes(lanes, _pad(rows, _CHUNK)), points)
    for old, new in zip(jax.tree.leaves(solution), jax.tree.leaves(ends), strict=True):
        old[rows] = np.asarray(new)[: len(rows)]


def _repeat(tree: Any, count: int) -> Any:
    return jax.tree.map(lambda x: np.broadcast_to(x, (count, *np.shape(x))), tree)


def _pad(rows: Ints, most: int) -> Ints:
    """Rows repeated up to one of two lengths, so that few shapes are compiled."""
    return np.resize(rows, _FEW if len(rows) <= _FEW else most)


def take_lanes(lanes: Any, rows: Ints | int) -> Any:
    """Some lanes, or one without its leading axis."""
    return jax.tree.map(lambda x: x[rows], lanes)
