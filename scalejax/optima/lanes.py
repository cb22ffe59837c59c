"""Lanes of a batch: follow an optimum that is known, search where it does not lead.

`solve_lanes` takes a first guess for each lane and its verdict. Lanes with an optimum follow it by
Newton's method (`scalejax.optima.follow`), those with the same active set together. Where that
fails something else binds: a few such lanes are searched for, and the others follow those; what is
missed even so is searched for lane by lane. Shapes are padded, so that few programs are compiled.
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
"""Starts of each lane that is searched for in a batch."""

_FEW = _PROBES = 32
_CHUNK = 512
_BLOCK = 4096
_PASSES = 8
_STILL = 1e-6
_AGREED = 1e-6


_search_one = jax.jit(best_of, static_argnums=0, compiler_options=RUN_ONCE)


@partial(jax.jit, static_argnums=0)
def search_lanes(problem: Problem, args: Any, lanes: Any, starts: Any) -> Solution:
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


def search_one(problem: Problem, args: Any, starts: int) -> Solution:
    """The best of many starts for one set of args, as NumPy arrays."""
    found = _search_one(problem, as_arrays(args), starting_points(problem, starts))
    return jax.tree.map(np.asarray, found)


def solve_lanes(
    problem: Problem, args: Any, lanes: Any, near: Solution, reference: Solution
) -> Solution:
    """Follow known optima where they are known to be the only ones, then search the rest."""
    found: Solution = jax.tree.map(lambda x: np.array(x), near)
    if _has_others(reference):
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
    problem: Problem, args: Any, lanes: Any, missed: Ints, found: Solution
) -> Ints:
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
    if _has_others(take_lanes(found, probes)):
        return rest
    _, first = np.unique(_signature(found)[known], return_index=True)
    for probe in known[first]:
        for part in (found.point, found.multipliers, found.active.end, found.active.constraint):
            part[rest] = part[probe]
        found.outcome[rest] = found.outcome[probe]
        rest = _followed(problem, args, lanes, rest, found)
        if not len(rest):
            break
    return rest


def _has_others(found: Solution) -> bool:
    """Whether a search, of one lane or several, came to several local optima."""
    return bool(np.any((found.outcome <= Outcome.AT_RANGE) & (found.agreeing < 1 - _AGREED)))


def _signature(found: Solution) -> Ints:
    """A number for what binds in each lane, (B,)."""
    digits = np.concatenate([found.active.end + 1, found.active.constraint], axis=1)
    return np.asarray(digits.astype(np.int64) @ 3 ** np.arange(digits.shape[1]))


def _followed(problem: Problem, args: Any, lanes: Any, known: Ints, found: Solution) -> Ints:
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
    rows: Ints,
    found: Solution,
) -> Ints:
    """A few Newton steps for some lanes; writes into `found`, returns those not there yet."""
    near = (found.point, found.multipliers)
    blocks = [rows[k : k + _BLOCK] for k in range(0, len(rows), _BLOCK)]
    # All are under way before the first is waited for.
    ends = []
    for block in blocks:
        taken = take_lanes((lanes, near), _padded(block, _BLOCK))
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


def _searched(problem: Problem, args: Any, lanes: Any, rows: Ints, found: Solution) -> None:
    """Search lanes from starts of their own; writes into `found`."""
    points = starting_points(problem, LANE_STARTS)
    ended = search_lanes(problem, args, take_lanes(lanes, _padded(rows, _CHUNK)), points)
    for old, new in zip(jax.tree.leaves(found), jax.tree.leaves(ended), strict=True):
        old[rows] = np.asarray(new)[: len(rows)]


def _padded(rows: Ints, most: int) -> Ints:
    """Rows repeated up to one of two lengths, so that few shapes are compiled."""
    return np.resize(rows, _FEW if len(rows) <= _FEW else most)


def take_lanes(lanes: Any, rows: Ints | int) -> Any:
    """Some lanes, or one without its leading axis."""
    return jax.tree.map(lambda x: x[rows], lanes)
