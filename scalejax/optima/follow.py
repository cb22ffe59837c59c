"""Optima of thousands of args from one that is known: Newton's method where the same limits bind.

Draws of a law, prices or budgets move an optimum a little and seldom change what binds. `follow`
takes the known optimum's active set as given, which leaves a small system of equations, and solves
it for all args at once. Each lane is then held to the full optimality conditions; a lane that
misses them (another set binds there, or it strayed) is reported, and `scalejax.optima.many` gives
it to the solver that searches from many starts.

Everything is written on scalars, so that a batch is arithmetic on whole lanes: four to eight steps
of a few exponentials each.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from scalejax.optima.problem import Problem

_MOST_STEPS = 30
_LONGEST = 1.0
_CONVEXIFY = 10.0
_SMALL = 1e-11
_INACTIVE = 1e-9

Scalar = Any
Matrix = list[list[Scalar]]


class Pattern(NamedTuple):
    """What binds at a known optimum; plain numbers, compiled in.

    Attributes:
        end: For each variable -1 (at its low end), 1 (high) or 0.
        binding: Positions of constraints that bind and are independent of each other.
    """

    end: tuple[int, ...]
    binding: tuple[int, ...]


class Lane(NamedTuple):
    """Where a lane ended.

    Attributes:
        point: Coordinates, (n,).
        multipliers: (m,), zero where a constraint does not bind.
        value: What is minimised and the excess over each limit, (1 + m,).
        defect: Largest error in the optimality conditions, (); infinite where they cannot hold.
    """

    point: jax.Array
    multipliers: jax.Array
    value: jax.Array
    defect: jax.Array


def follow(
    problem: Problem, pattern: Pattern, args: Any, point: jax.Array, multipliers: jax.Array
) -> Lane:
    """The optimum near a point, if the same limits bind there.

    Args:
        problem: The problem.
        pattern: What binds.
        args: Args of one lane.
        point: Coordinates of the known optimum, (n,).
        multipliers: Its multipliers, (m,).
    """
    low, high = problem.box
    n, m = len(low), len(problem.subject_to)
    free = [i for i in range(n) if pattern.end[i] == 0]
    rows = list(pattern.binding)
    ends = {i: float(low[i] if pattern.end[i] < 0 else high[i]) for i in range(n) if i not in free}

    def values(y: Sequence[Scalar]) -> list[Scalar]:
        moving = dict(zip(free, y, strict=True))
        whole = [moving.get(i, ends.get(i)) for i in range(n)]
        decision = {one.name: one.value(whole[i]) for i, one in enumerate(problem.variables)}
        goal = problem.minimize.scaled(problem.minimize(decision, args))
        return [goal, *(constraint.excess(decision, args) for constraint in problem.subject_to)]

    if not free:
        corner = jnp.asarray([ends[i] for i in range(n)], point.dtype)
        none = jnp.zeros_like(multipliers)
        return Lane(corner, none, *_defect(problem, pattern, args, corner, none))

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        y, z, _, steps, _ = state
        value, slope, bend = _expand(values, y, rows)
        move, new, definite = _newton(value, slope, bend, z, rows)
        size = jnp.max(jnp.abs(jnp.stack(move)))
        share = jnp.minimum(1.0, _LONGEST / jnp.maximum(size, 1e-300))
        y = [at + share * by for at, by in zip(y, move, strict=True)]
        z = [at + share * (to - at) for at, to in zip(z, new, strict=True)]
        done = (size <= _SMALL) | ~jnp.isfinite(size)
        return y, z, definite, steps + 1, done

    dtype = point.dtype
    first = ([point[i] for i in free], [multipliers[k] for k in rows])
    state = (*first, jnp.ones((), bool), jnp.zeros((), jnp.int32), jnp.zeros((), bool))
    y, z, definite, _, _ = lax.while_loop(lambda s: ~s[4] & (s[3] < _MOST_STEPS), step, state)
    moving = dict(zip(free, y, strict=True))
    whole = jnp.stack([jnp.asarray(moving.get(i, ends.get(i)), dtype) for i in range(n)])
    pulls = dict(zip(rows, z, strict=True))
    pull = jnp.stack([pulls.get(k, jnp.zeros((), dtype)) for k in range(m)]) if m else multipliers
    value, defect = _defect(problem, pattern, args, whole, pull)
    return Lane(whole, pull, value, jnp.where(definite, defect, jnp.inf))


def _expand(
    values: Callable[[Sequence[Scalar]], list[Scalar]], y: Sequence[Scalar], rows: Sequence[int]
) -> tuple[list[Scalar], list[list[Scalar]], list[Matrix]]:
    """Values, first and second derivatives of what is minimised and of what binds.

    One coordinate at a time, so that what does not depend on it drops out when traced.
    """
    wanted = [0, *(1 + k for k in rows)]
    n = len(y)

    def along(i: int, at: Sequence[Scalar]) -> list[Scalar]:
        def moved(t: Scalar) -> list[Scalar]:
            found = values([*at[:i], t, *at[i + 1 :]])
            return [jnp.asarray(found[k]) for k in wanted]

        return list(jax.jvp(moved, (at[i],), (jnp.ones_like(at[i]),))[1])

    def twice(i: int, j: int) -> list[Scalar]:
        def moved(t: Scalar) -> list[Scalar]:
            return along(i, [*y[:j], t, *y[j + 1 :]])

        return list(jax.jvp(moved, (y[j],), (jnp.ones_like(y[j]),))[1])

    found = values(y)
    slopes = [along(i, y) for i in range(n)]
    bends = {(i, j): twice(i, j) for i in range(n) for j in range(i + 1)}
    picked = range(len(wanted))
    return (
        [found[k] for k in wanted],
        [[slopes[i][k] for i in range(n)] for k in picked],
        [[[bends[max(i, j), min(i, j)][k] for j in range(n)] for i in range(n)] for k in picked],
    )


def _newton(
    value: list[Scalar],
    slope: list[list[Scalar]],
    bend: list[Matrix],
    z: list[Scalar],
    rows: Sequence[int],
) -> tuple[list[Scalar], list[Scalar], Scalar]:
    """The Newton step and the new multipliers.

    A multiple of the constraints' squares is added to the curvature, which changes nothing where
    they hold and makes it positive definite at an optimum, so that pivots need no search.
    """
    n, m = len(slope[0]), len(rows)
    rule = slope[1:]
    size = 1.0 + sum(sum(abs(entry) for entry in row) for row in bend[0])
    size = size + sum(abs(z[k]) * abs(bend[1 + k][i][i]) for k in range(m) for i in range(n))
    weight = [_CONVEXIFY * size / (1e-30 + sum(g * g for g in row)) for row in rule]
    matrix = [
        [
            bend[0][i][j]
            + sum(z[k] * bend[1 + k][i][j] + weight[k] * rule[k][i] * rule[k][j] for k in range(m))
            for j in range(n)
        ]
        for i in range(n)
    ]
    right = [
        -slope[0][i] - sum(weight[k] * rule[k][i] * value[1 + k] for k in range(m))
        for i in range(n)
    ]
    columns, definite = _solve(matrix, [right, *rule])
    plain, answers = columns[0], columns[1:]
    if not m:
        return plain, [], definite
    schur = [[_dot(rule[k], answers[q]) for q in range(m)] for k in range(m)]
    wanted = [value[1 + k] + _dot(rule[k], plain) for k in range(m)]
    (new,), _ = _solve(schur, [wanted])
    move = [plain[i] - sum(answers[q][i] * new[q] for q in range(m)) for i in range(n)]
    return move, new, definite


def _dot(a: Sequence[Scalar], b: Sequence[Scalar]) -> Scalar:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _solve(matrix: Matrix, rights: list[list[Scalar]]) -> tuple[list[list[Scalar]], Scalar]:
    """Solutions of a symmetric positive definite system, and whether it was one; unrolled."""
    n = len(matrix)
    rest = [list(row) for row in matrix]
    rights = [list(right) for right in rights]
    definite: Scalar = True
    for j in range(n):
        definite = definite & (rest[j][j] > 0)
        for i in range(j + 1, n):
            factor = rest[i][j] / rest[j][j]
            for k in range(j + 1, n):
                rest[i][k] = rest[i][k] - factor * rest[j][k]
            for right in rights:
                right[i] = right[i] - factor * right[j]
    for right in rights:
        for j in reversed(range(n)):
            known = sum(rest[j][k] * right[k] for k in range(j + 1, n))
            right[j] = (right[j] - known) / rest[j][j]
    return rights, jnp.asarray(definite)


def _defect(
    problem: Problem, pattern: Pattern, args: Any, y: jax.Array, z: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The values and the largest error in all optimality conditions."""
    low, high = problem.box
    value = problem.values(y, args)
    slope = jax.jacfwd(problem.values)(y, args)
    scale = 1 + jnp.max(jnp.abs(slope[0])) + jnp.max(jnp.abs(z[:, None] * slope[1:]), initial=0.0)
    pull = (slope[0] + z @ slope[1:]) / scale
    end = np.array(pattern.end)
    wrong = jnp.where(end == 0, jnp.abs(pull), jnp.where(end < 0, -pull, pull))
    over, equality = value[1:], problem.equality
    broken = jnp.where(equality, jnp.abs(over), jnp.maximum(over, 0.0))
    negative = jnp.where(equality, 0.0, jnp.maximum(-z, 0.0)) / (1 + jnp.max(jnp.abs(z), initial=0))
    outside = jnp.maximum(low - y, y - high)
    worst = jnp.max(jnp.concatenate([wrong, broken, negative, outside]))
    return value, jnp.where(jnp.isfinite(worst), jnp.maximum(worst, 0.0), jnp.inf)


def pattern_of(end: NDArray[Any], binds: NDArray[Any], slopes: NDArray[np.float64]) -> Pattern:
    """What binds, without constraints whose slopes (m, n) depend on those of others."""
    free = end == 0
    chosen: list[int] = []
    for k in map(int, np.flatnonzero(binds)):
        rows = slopes[np.array([*chosen, k])][:, free]
        sizes = np.linalg.norm(rows, axis=1, keepdims=True)
        scaled = rows / np.where(sizes > 0, sizes, 1)
        if np.linalg.matrix_rank(scaled, tol=1e-8) > len(chosen):
            chosen.append(k)
    return Pattern(tuple(int(e) for e in end), tuple(chosen))
