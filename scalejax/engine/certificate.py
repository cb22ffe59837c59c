"""The certificate: whether a final point is an optimum, computed anew from the problem alone.

What the solver says of itself does not count. At the final point `certify` computes the objective,
the scaled gradient ``max_j |J_j^T W psi| / (|J_j| |psi|)`` (how far the residuals are from being
orthogonal to every column), the condition of the column-scaled Jacobian (flat directions), and the
coordinates that lie on a bound. `decide` turns them into a status, `best_start` compares the starts
of a problem.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.objectives import Model, Rows, Settings
from scalejax.solvers import Box
from scalejax.status import CONDITION_LIMIT, Status

BOUND_DISTANCE = 1e-4
"""A coordinate this close to its bound lies on it; a relative distance for positive parameters.

By judgement: far below what data tell apart, far above where the solver stops short of a bound.
"""


class Thresholds(NamedTuple):
    """Thresholds in one precision.

    Attributes:
        near: Relative difference between objectives that are equal but for rounding.
        agreement: Relative difference between objectives of starts that agree.
        gradient: Largest scaled gradient of a converged problem.
    """

    near: float
    agreement: float
    gradient: float


# A scaled gradient of 1e-6 leaves the objective within 1e-9 of its minimum. Single precision keeps
# 3 to 4 digits of a fit, so there its own thresholds are the rounding.
THRESHOLDS = {
    "float64": Thresholds(near=1e-12, agreement=1e-6, gradient=1e-6),
    "float32": Thresholds(near=16 * 2.0**-23, agreement=1e-3, gradient=1e-3),
}

_POWER_ITERATIONS = 12
"""Measured: conditions come out up to 13 % low, which is enough beside limits of 1e3 and 1e6."""

_PERFECT = 1e-9
"""Residuals of this size, relative to the targets, count as zero: above rounding, below any noise.
Set by judgement."""

_ROUNDING_SHARE = 1e-7
"""Scaled gradient that the rounding of a penalty's slope comes to: a tenth of the limit."""


class Certificate(NamedTuple):
    """What the certificate says of a final point.

    Attributes:
        objective: Objective, ().
        gradient: Largest scaled gradient, ().
        condition: Condition number of the column-scaled Jacobian, ().
        on_bound: Which coordinates lie on a bound, (p,).
        support: Rows with weight, (); none if any weight is negative.
        noise: Objective at which a fit counts as perfect: its residuals are rounding, ().
    """

    objective: jax.Array
    gradient: jax.Array
    condition: jax.Array
    on_bound: jax.Array
    support: jax.Array
    noise: jax.Array


def certify(
    model: Model,
    u: jax.Array,
    rows: Rows,
    weight: jax.Array,
    settings: Settings,
    box: Box,
    held: jax.Array | None = None,
) -> Certificate:
    """Examine one final point u (p,) of the problem with rows (n,) and weights (n,).

    The gradient leaves out the coordinates that the caller holds, `held` (p,) of bool.
    """
    free = len(model.free)

    def row(inputs: tuple[jax.Array, ...], target: jax.Array) -> tuple[jax.Array, ...]:
        residual, push = jax.linearize(
            lambda c: model.residual(c, inputs, target, settings.fixed), u[:free]
        )
        slopes = [push(unit) for unit in jnp.eye(free, dtype=u.dtype)]
        value, psi = jax.value_and_grad(lambda r: model.rho(u, r, settings.constants))(residual)
        return residual, value, psi, jnp.stack(slopes)

    residual, value, psi, jacobian = jax.vmap(row)(rows.inputs, rows.target)
    penalty, penalty_slope = jax.value_and_grad(lambda u: model.penalties(u, settings))(u)
    objective = jnp.sum(weight * value) + penalty
    weighted = jnp.sqrt(weight)[:, None] * jacobian
    norms = jnp.sqrt(jnp.sum(weighted**2, axis=0))
    grad = (weight * psi) @ jacobian + penalty_slope[:free]
    stuck = ((u <= box.lower) & (_extend(model, grad) > 0)) | (
        (u >= box.upper) & (_extend(model, grad) < 0)
    )
    stuck = stuck if held is None else stuck | held
    # A perfect fit leaves residuals of rounding size, which have no direction to be judged by.
    noise = _PERFECT * jnp.sqrt(jnp.sum(weight * jnp.maximum(1, rows.target**2)))
    curvature = jax.grad(jax.grad(lambda r: model.rho(u, r, settings.constants)))
    bend = jnp.abs(curvature(jnp.zeros_like(u[0])))
    length = jnp.maximum(jnp.sqrt(jnp.sum(weight * psi**2)), bend * noise)
    bends = _penalty_bends(model, u, settings)
    scale = norms * length + _penalty_size(u, bends, penalty_slope)[:free]
    scaled = jnp.where(stuck[:free], 0, jnp.abs(grad) / jnp.where(scale > 0, scale, 1))
    worst = jnp.maximum(jnp.max(scaled), _scale_gradient(model, u, residual, weight, settings))
    near = jnp.minimum(u - box.lower, box.upper - u) <= BOUND_DISTANCE
    return Certificate(
        objective=objective,
        gradient=worst,
        condition=_condition(_with_priors(weighted, bends, bend)),
        on_bound=near,
        support=jnp.where(jnp.any(weight < 0), 0, jnp.sum(weight > 0)),
        noise=0.5 * bend * noise**2,
    )


def _scale_gradient(
    model: Model, u: jax.Array, residual: jax.Array, weight: jax.Array, settings: Settings
) -> jax.Array:
    """Slope of the objective in the noise scale, relative to the sizes of its terms."""
    if not model.kernel.fitted_scale:
        return jnp.zeros_like(u[0])

    def slope(r: jax.Array) -> jax.Array:
        return jax.grad(lambda scale: model.kernel.rho(r, scale, *settings.constants))(u[-1])

    terms = weight * jax.vmap(slope)(residual)
    size = jnp.sum(jnp.abs(terms))
    return jnp.abs(jnp.sum(terms)) / jnp.where(size > 0, size, 1)


def _penalty_bends(model: Model, u: jax.Array, settings: Settings) -> jax.Array | None:
    """Second derivatives of priors and penalty along each coordinate (p,), if there are any."""
    if not settings.priors and model.penalty is None:
        return None
    return jnp.diagonal(jax.hessian(lambda u: model.penalties(u, settings))(u))


def _penalty_size(u: jax.Array, bends: jax.Array | None, slope: jax.Array) -> jax.Array:
    """What a penalty adds to the size of the gradient's terms: its slope, and its rounding."""
    if bends is None:
        return jnp.zeros_like(u)
    return jnp.abs(slope) + jnp.finfo(u.dtype).eps * jnp.abs(u * bends) / _ROUNDING_SHARE


def _with_priors(weighted: jax.Array, bends: jax.Array | None, bend: jax.Array) -> jax.Array:
    """The Jacobian with columns of unit length; a prior counts as one more row."""
    if bends is not None:
        own = jnp.maximum(bends[: weighted.shape[1]], 0) / jnp.where(bend > 0, bend, 1)
        weighted = jnp.concatenate([weighted, jnp.diag(jnp.sqrt(own))])
    norms = jnp.sqrt(jnp.sum(weighted**2, axis=0))
    return weighted / jnp.where(norms > 0, norms, 1)


def _extend(model: Model, grad: jax.Array) -> jax.Array:
    """Gradient with a zero for the noise scale, which has no bound that matters."""
    return jnp.concatenate([grad, jnp.zeros(model.size - len(model.free), grad.dtype)])


def _condition(scaled: jax.Array) -> jax.Array:
    """Condition number of a matrix (n, p) whose columns have unit length.

    By Gram-Schmidt, which unlike the Gram matrix does not square the condition, and a few power
    iterations with the triangular factor and its inverse: no call into LAPACK for each problem.
    """
    size = scaled.shape[1]
    position = jnp.arange(size)

    def orthogonalise(j: jax.Array, state: tuple[jax.Array, jax.Array]) -> Any:
        columns, upper = state
        length = jnp.sqrt(jnp.sum(columns[:, j] ** 2))
        unit = columns[:, j] / jnp.maximum(length, jnp.finfo(scaled.dtype).tiny)
        row = jnp.where(position > j, unit @ columns, 0)
        upper = upper.at[j].set(jnp.where(position == j, length, row))
        return columns - unit[:, None] * row, upper

    def invert(step: jax.Array, inverse: jax.Array) -> jax.Array:
        i = size - 1 - step
        right = jnp.where(position == i, 1, -upper[i] @ inverse)
        return inverse.at[i].set(right / jnp.where(full_rank, upper[i, i], 1))

    zeros = jnp.zeros((size, size), scaled.dtype)
    _, upper = lax.fori_loop(0, size, orthogonalise, (scaled, zeros))
    full_rank = jnp.min(jnp.diagonal(upper)) > jnp.finfo(scaled.dtype).eps
    inverse = lax.fori_loop(0, size, invert, zeros)
    condition = _largest_singular_value(upper) * _largest_singular_value(inverse)
    return jnp.where(full_rank, condition, jnp.inf)


def _largest_singular_value(matrix: jax.Array) -> jax.Array:
    """Largest singular value, from below: by power iterations."""

    def again(_: int, v: jax.Array) -> jax.Array:
        image = matrix.T @ (matrix @ v)
        return image / jnp.maximum(jnp.sqrt(jnp.sum(image**2)), jnp.finfo(v.dtype).tiny)

    start = jnp.cos(jnp.arange(matrix.shape[0], dtype=matrix.dtype))
    v = lax.fori_loop(0, _POWER_ITERATIONS, again, start)
    return jnp.sqrt(jnp.sum((matrix @ v) ** 2))


def decide(
    certificate: Certificate,
    *,
    steps: Any,
    max_steps: int,
    parameters: int,
    gradient_limit: float,
) -> jax.Array:
    """Status codes of finished problems; works on arrays of any shape.

    Args:
        certificate: Certificates, ().
        steps: Steps that the solver took.
        max_steps: Its limit.
        parameters: Number of coordinates, for which there must be rows with weight.
        gradient_limit: Largest scaled gradient of a converged problem.
    """
    stationary = certificate.gradient <= gradient_limit
    unfinished = jnp.where(steps >= max_steps, Status.MAX_STEPS, Status.STALLED)
    status = jnp.where(stationary, Status.CONVERGED, unfinished)
    at_bound = stationary & jnp.any(certificate.on_bound, axis=-1)
    status = jnp.where(at_bound, Status.BOUND_HIT, status)
    flat = ~(certificate.condition <= CONDITION_LIMIT)
    status = jnp.where(flat, Status.NOT_IDENTIFIED, status)
    status = jnp.where(jnp.isfinite(certificate.objective), status, Status.NON_FINITE)
    return jnp.where(certificate.support >= parameters, status, Status.BAD_INPUT)


def best_start(certificate: Certificate, xp: Any) -> tuple[Any, Any]:
    """Index of the best of all starts (..., starts) of a problem, and how many agree with it.

    Args:
        certificate: Certificates of the ends, (..., starts).
        xp: NumPy or `jax.numpy`, whichever its arrays are of.
    """
    objective = xp.where(xp.isfinite(certificate.objective), certificate.objective, xp.inf)
    limits = THRESHOLDS[objective.dtype.name]
    lowest = objective.min(axis=-1, keepdims=True)
    size = xp.abs(lowest)
    noise = certificate.noise.min(axis=-1, keepdims=True)
    # Of starts that agree to rounding the one with the smallest gradient is nearest the optimum.
    near = objective <= lowest + limits.near * size
    best = xp.argmin(xp.where(near, certificate.gradient, xp.inf), axis=-1)
    return best, xp.sum(objective <= lowest + limits.agreement * size + noise, axis=-1)


def mark_disagreement(status: Any, agreeing: Any, starts: int, cells: int, xp: Any) -> Any:
    """Status codes, with `STARTS_DISAGREE` where one of all starts alone converged to the best end.

    Args:
        status: Codes of the best ends.
        agreeing: How many starts agree with each.
        starts: How many starts were tried.
        cells: How many independent starts a problem has.
        xp: NumPy or `jax.numpy`.
    """
    alone = (agreeing == 1) & (starts >= cells > 1) & (status == Status.CONVERGED)
    return xp.where(alone, Status.STARTS_DISAGREE, status)
