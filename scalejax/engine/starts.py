"""Where fits begin: starts from projecting the linear parameters out.

Given the nonlinear parameters, the best linear ones solve a small least-squares problem, so it is
enough to search over the nonlinear ones (variable projection: Golub and Pereyra 1973, SIAM Journal
on Numerical Analysis 10, 413-432). A fixed set of candidates covers their plausible ranges;
all candidates of all resamples are then scored by one matrix product, which makes a global start
for every resample cheap. Laws without linear parameters use the same code with nothing to
project: the candidates cover all parameters and are scored by their squared residuals.

Every problem gets the best candidate of all, and the best of each cell as independent starts; see
`scalejax.engine.start_candidates`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scalejax.engine.start_candidates import StartCandidates, regression_features, start_candidates
from scalejax.objectives import Model, Rows, Settings
from scalejax.solvers import factorise, solve, triangle

_LEAST_SHARE = 1e-3
"""Positive parameters start with at least this share of the term that would explain all of the
target by itself: at zero their logarithm could not begin. Set by judgement."""


def start_features(model: Model, rows: Rows, settings: Settings) -> jax.Array:
    """Products of regression features that score every candidate for any weights.

    Args:
        model: Which problem.
        rows: Data, (n,) each.
        settings: Fixed values.

    Returns:
        The distinct products of `scalejax.engine.start_candidates.Products`, (U, n).
    """
    table = start_candidates(model)
    products = table.products

    def features(u: jax.Array) -> jax.Array:
        def row(inputs: tuple[Any, ...], target: Any) -> list[jax.Array]:
            return regression_features(model, u, inputs, target, settings.fixed)

        return jnp.stack(jax.vmap(row)(rows.inputs, rows.target))

    u = jnp.asarray(table.u[products.evaluated], rows.target.dtype)
    flat = jax.vmap(features)(u).reshape(-1, rows.target.shape[0])
    return flat[products.left] * flat[products.right]


def choose_starts(model: Model, features: jax.Array, weight: jax.Array) -> jax.Array:
    """Starts of M problems of one table.

    Args:
        model: Which problem.
        features: From `start_features`, (U, n).
        weight: Row weights, (n, M).

    Returns:
        Coordinates (M, 1 + cells, p): the best candidate, then the best of each cell.
    """
    table = start_candidates(model)
    count, problems = len(table.u), weight.shape[1]
    sums = (features @ weight)[table.products.expand].reshape(-1, count, problems)
    total = jnp.sum(weight, axis=0)
    score, coefficients = _project(model, sums, total)
    score = jnp.where(jnp.isfinite(score), score, jnp.inf)
    by_cell = score.reshape(table.cells, -1, problems)
    offset = np.arange(table.cells, dtype=np.int32)[:, None] * by_cell.shape[1]
    best_of_cell = offset + _first_least(by_cell, axis=1)
    best = _first_least(score, axis=0)
    picks = jnp.concatenate([best[None], best_of_cell])
    return _assemble(
        model,
        table,
        picks,
        jnp.take_along_axis(score, picks, axis=0),
        jnp.take_along_axis(coefficients, picks[None], axis=1),
        total,
    )


def _first_least(values: jax.Array, axis: int) -> jax.Array:
    """Position of the first least value along an axis; XLA's own is scalar code on CPU."""
    position = lax.broadcasted_iota(jnp.int32, values.shape, axis)
    least = values == jnp.min(values, axis=axis, keepdims=True)
    return jnp.min(jnp.where(least, position, values.shape[axis] - 1), axis=axis)


def _project(model: Model, sums: jax.Array, total: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Least squares in the linear parameters with their signs kept: score (K, M), values (q, K, M).

    Positive parameters that come out negative are dropped, the rest is solved again, and what is
    negative then is nearly zero. That is enough for a start; exact non-negative least squares would
    cost 2^q solves.
    """
    q = len(model.linear)
    square = sums[-1]
    if q == 0:
        return square, jnp.zeros((0, *square.shape), sums.dtype)
    right = sums[-1 - q : -1]
    matrix = sums[: triangle(q, 0)]
    signed = [model.law.parameters[name].support.lower == 0 for name in model.linear]
    positive = np.array(signed)[:, None, None]

    @jax.jit  # Traced once for both calls.
    def solve_all(dropped: Any) -> jax.Array:
        each = jax.vmap(_least_squares, in_axes=-1, out_axes=-1)
        return jax.vmap(each, in_axes=-1, out_axes=-1)(matrix, right, dropped)

    values = solve_all(np.zeros(right.shape, bool))
    if any(signed):
        values = solve_all(positive & (values < 0))
    diagonal = matrix[np.array([triangle(i, i) for i in range(q)], np.int32)]
    typical = jnp.sqrt(total / jnp.maximum(diagonal, jnp.finfo(sums.dtype).tiny))
    if not model.kernel.log:
        typical = typical * jnp.sqrt(square / total)
    values = jnp.where(positive, jnp.maximum(values, _LEAST_SHARE * typical), values)
    score = square - 2 * jnp.sum(values * right, axis=0)
    for i in range(q):
        for j in range(i + 1):
            twice = 1 if i == j else 2
            score = score + twice * values[i] * values[j] * matrix[triangle(i, j)]
    return score, values


def _least_squares(matrix: jax.Array, right: jax.Array, frozen: jax.Array) -> jax.Array:
    size = right.shape[0]
    factor = factorise(matrix, size, damping=jnp.zeros((), matrix.dtype), frozen=frozen)
    return solve(factor, jnp.where(frozen, 0, right), size)


def _assemble(
    model: Model,
    table: StartCandidates,
    picks: jax.Array,
    score: jax.Array,
    coefficients: jax.Array,
    total: jax.Array,
) -> jax.Array:
    """Coordinates (M, s, p) of candidates (s, M) from their scores and linear values (q, s, M)."""
    nonlinear = jnp.asarray(table.u, coefficients.dtype)[picks]
    columns = []
    for name in model.free:
        if name in model.linear:
            values = coefficients[model.linear.index(name)]
            columns.append(model.law.parameters[name].unconstrain(values))
        else:
            columns.append(nonlinear[..., model.nonlinear.index(name)])
    if model.kernel.fitted_scale:
        tiny = jnp.finfo(score.dtype).tiny
        columns.append(0.5 * jnp.log(jnp.maximum(score / total, tiny)))
    return jnp.stack(columns, axis=-1).swapaxes(0, 1)
