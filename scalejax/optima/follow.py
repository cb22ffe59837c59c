"""Optima of thousands of args from a solved one: Newton's method where the same limits bind.

Draws of a law, prices or budgets move an optimum a little and seldom change what binds. `follow`
keeps the active set of the solved optimum, which leaves a small system of equations, and takes a
few Newton steps for one set of args, to be mapped over many. Each lane is then judged by the full
optimality conditions; `scalejax.optima.lanes` lets lanes that are not there yet go on, and searches
from many starts for those that do not arrive (another set binds there, or they strayed).

Everything is written on scalars and without a loop, so that a batch is arithmetic on whole lanes
which the compiler fuses: a few exponentials a step.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from scalejax._arrays import Floats
from scalejax._numerics import powers_as_exponentials
from scalejax.optima.problem import Problem

# Set by judgement; what they miss is searched for, so that they cost time and never an answer.
# Newton steps in a pass; lanes that have not arrived by then get another one.
_STEPS = 4
_LONGEST = 1.0  # The longest step, by coordinate: a factor of e, or a whole linear range.
# Curvature added along limits, over that of what is minimised: enough to outweigh it.
_CONVEXIFY = 10.0
# Slopes that are this close to a combination of others are no limits of their own.
_DEPENDENT = 1e-8

Scalar = Any
Matrix = list[list[Scalar]]
Vector = Callable[[Sequence[Scalar]], list[Scalar]]


class Pattern(NamedTuple):
    """What binds at a solved optimum; plain numbers, compiled in.

    Attributes:
        end: For each variable -1 (at its low end), 1 (high) or 0.
        binding: Positions of constraints that bind and are independent of each other.
    """

    end: tuple[int, ...]
    binding: tuple[int, ...]


class Lane(NamedTuple):
    """Where a lane is after some steps.

    Attributes:
        point: Coordinates, (n,).
        multipliers: (m,), zero where a constraint does not bind.
        value: What is minimised and the excess over each limit, (1 + m,).
        defect: Largest error in the optimality conditions, (); infinite where they cannot hold.
        moved: Length of the last step, ().
    """

    point: jax.Array
    multipliers: jax.Array
    value: jax.Array
    defect: jax.Array
    moved: jax.Array


def follow(
    problem: Problem, pattern: Pattern, args: Any, point: jax.Array, multipliers: jax.Array
) -> Lane:
    """Newton steps towards the optimum near a point, if the same limits bind there.

    Args:
        problem: The problem.
        pattern: What binds.
        args: Args of one lane.
        point: Coordinates of the solved optimum, (n,).
        multipliers: Its multipliers, (m,).
    """
    low, high = problem.box
    n, m, rows = len(low), len(problem.subject_to), list(pattern.binding)
    free = [i for i in range(n) if pattern.end[i] == 0]
    dtype = point.dtype
    whole = [
        point[i] if i in free else jnp.asarray(low[i] if pattern.end[i] < 0 else high[i], dtype)
        for i in range(n)
    ]
    z = [multipliers[k] for k in rows]
    moved, definite = jnp.zeros((), dtype), jnp.ones((), bool)

    def values(y: Sequence[Scalar]) -> list[Scalar]:
        decision = {one.name: one.value(y[i]) for i, one in enumerate(problem.variables)}
        goal = problem.minimize.scaled(problem.minimize(decision, args))
        over = [constraint.excess(decision, args) for constraint in problem.subject_to]
        return [jnp.asarray(value, dtype) for value in (goal, *over)]

    stacked = powers_as_exponentials(lambda *y: jnp.stack(values(y)))

    def quick(y: Sequence[Scalar]) -> list[Scalar]:
        return list(stacked(*y))

    for _ in range(_STEPS if free else 0):
        expanded = _expand(quick, whole, free, [0, *(1 + k for k in rows)])
        # Else the compiler evaluates exponentials again for each of their many uses.
        value, slope, bend = lax.optimization_barrier(expanded)
        move, new, definite = _newton(value, slope, bend, z)
        moved = _largest([abs(by) for by in move])
        share = jnp.minimum(1.0, _LONGEST / jnp.maximum(moved, _LONGEST))
        for i, by in zip(free, move, strict=True):
            whole[i] = whole[i] + share * by
        z = [at + share * (to - at) for at, to in zip(z, new, strict=True)]
    pulls = dict(zip(rows, z, strict=True))
    pull = [pulls.get(k, jnp.zeros((), dtype)) for k in range(m)]
    value = quick(whole)
    slope = [_along(quick, whole, i) for i in range(n)]
    defect = _defect(problem, pattern, whole, pull, value, slope)
    return Lane(
        jnp.stack(whole),
        jnp.stack(pull) if m else multipliers,
        jnp.stack(value),
        jnp.where(definite & jnp.isfinite(defect), defect, jnp.inf),
        moved,
    )


def _along(values: Vector, y: Sequence[Scalar], i: int) -> list[Scalar]:
    """Derivatives of all values by one coordinate.

    One at a time, so that what does not depend on it drops out when traced.
    """

    def moved(t: Scalar) -> list[Scalar]:
        return values([*y[:i], t, *y[i + 1 :]])

    return list(jax.jvp(moved, (y[i],), (jnp.ones_like(y[i]),))[1])


def _expand(
    values: Vector, y: Sequence[Scalar], free: Sequence[int], rows: Sequence[int]
) -> tuple[list[Scalar], list[list[Scalar]], list[Matrix]]:
    """Some rows of the values, with their first and second derivatives by the free coordinates."""
    here = values(y)
    slopes = [_along(values, y, i) for i in free]
    bends = {
        (i, j): _along(partial(_along, values, i=free[i]), y, free[j])
        for i in range(len(free))
        for j in range(i + 1)
    }
    n = range(len(free))
    return (
        [here[k] for k in rows],
        [[slopes[i][k] for i in n] for k in rows],
        [[[bends[max(i, j), min(i, j)][k] for j in n] for i in n] for k in rows],
    )


def _newton(
    value: list[Scalar],
    slope: list[list[Scalar]],
    bend: list[Matrix],
    z: list[Scalar],
) -> tuple[list[Scalar], list[Scalar], Scalar]:
    """The Newton step and the new multipliers.

    A multiple of the constraints' squares is added to the curvature, which changes nothing where
    they hold and makes it positive definite at an optimum, so that pivots need no search.
    """
    n, m = len(slope[0]), len(z)
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
    excess = [value[1 + k] + _dot(rule[k], plain) for k in range(m)]
    (new,), _ = _solve(schur, [excess])
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
            later = sum(rest[j][k] * right[k] for k in range(j + 1, n))
            right[j] = (right[j] - later) / rest[j][j]
    return rights, jnp.asarray(definite)


def _defect(
    problem: Problem,
    pattern: Pattern,
    y: Sequence[Scalar],
    z: Sequence[Scalar],
    value: Sequence[Scalar],
    slope: Sequence[Sequence[Scalar]],
) -> Scalar:
    """The largest error in all optimality conditions; `slope` has a row per coordinate."""
    low, high = problem.box
    terms = [[z[k] * row[1 + k] for k in range(len(z))] for row in slope]
    scale = 1 + _largest([abs(row[0]) for row in slope])
    scale = scale + _largest([abs(term) for row in terms for term in row])
    errors = []
    for i, end in enumerate(pattern.end):
        pull = (slope[i][0] + sum(terms[i])) / scale
        errors.append(abs(pull) if end == 0 else end * pull)
        errors += [low[i] - y[i], y[i] - high[i]]
    size = 1 + _largest([abs(pull) for pull in z])
    for over, pull, equal in zip(value[1:], z, problem.equality, strict=True):
        errors += [abs(over)] if equal else [over, -pull / size]
    return _largest(errors)


def _largest(values: Sequence[Scalar]) -> Scalar:
    """The largest of some scalars and 0; NaN if one is."""
    largest: Scalar = 0.0
    for value in values:
        largest = jnp.maximum(largest, value)
    return largest


def pattern_of(end: NDArray[Any], binds: NDArray[Any], slopes: Floats) -> Pattern:
    """What binds, without constraints whose slopes (m, n) depend on those of others."""
    free = end == 0
    basis: list[int] = []
    for k in map(int, np.flatnonzero(binds)):
        rows = slopes[np.array([*basis, k])][:, free]
        sizes = np.linalg.norm(rows, axis=1, keepdims=True)
        scaled = rows / np.where(sizes > 0, sizes, 1)
        if np.linalg.matrix_rank(scaled, tol=_DEPENDENT) > len(basis):
            basis.append(k)
    return Pattern(tuple(int(e) for e in end), tuple(basis))
