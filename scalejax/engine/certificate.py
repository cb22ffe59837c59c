"""The certificate: whether a final point is an optimum, computed anew from the problem alone.

What the solver says of itself does not count. At the final point `certify` computes the objective,
the scaled gradient ``max_j |J_j^T W psi| / (|J_j| |psi|)`` (how far the residuals are from being
orthogonal to every column), the Newton decrement (by how much a step would still lower the
objective: along a flat valley the gradient vanishes long before), the condition of the
column-scaled Jacobian (flat directions), and the coordinates that lie on a bound. `decide` turns
them into a status, `best_start` compares the starts of a problem.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax.engine.derivatives import Form, row_terms, sum_rows, weighted_terms
from scalejax.objectives import Model, Rows, Settings
from scalejax.solvers import Box, largest_eigenvalue, symmetric, symmetric_inverse, triangle
from scalejax.status import CONDITION_LIMIT, Status

BOUND_DISTANCE = 1e-4
"""A coordinate this close to its bound lies on it: in units of one, or of the move that changes
every residual by its own size, whichever is smaller, so that a parameter may be small in its unit.

By judgement: far below what data tell apart, far above where the solver stops short of a bound.
"""


class Thresholds(NamedTuple):
    """Thresholds in one precision.

    Attributes:
        near: Relative difference between objectives that are equal but for rounding.
        agreement: Relative difference between objectives of starts that agree.
        gradient: Largest scaled gradient of a converged problem.
        decrement: Largest relative Newton decrement of a converged problem.
    """

    near: float
    agreement: float
    gradient: float
    decrement: float


# Single precision keeps 3 to 4 digits of a fit, so there its own thresholds are the rounding.
THRESHOLDS = {
    "float64": Thresholds(near=1e-12, agreement=1e-6, gradient=1e-6, decrement=1e-9),
    "float32": Thresholds(near=16 * 2.0**-23, agreement=1e-3, gradient=1e-3, decrement=1e-3),
}

_LOST = 512
"""Roundings of a curvature that count as none. Near a sum of absolute values a minimum rests on few
rows, and a direction that none of them sees has only the rounding of the others. By judgement."""

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
        decrement: Half the Newton decrement, relative to the objective, ().
        condition: Condition number of the column-scaled Jacobian, ().
        on_bound: Which coordinates lie on a bound, (p,).
        support: Rows with weight, (); none if any weight is negative.
        noise: Objective at which a fit counts as perfect: its residuals are rounding, ().
    """

    objective: jax.Array
    gradient: jax.Array
    decrement: jax.Array
    condition: jax.Array
    on_bound: jax.Array
    support: jax.Array
    noise: jax.Array


def certify(
    model: Model,
    u: jax.Array,
    rows: Rows,
    weight: jax.Array,
    count: Any,
    settings: Settings,
    box: Box,
    form: Form,
    held: jax.Array | None = None,
) -> Certificate:
    """Examine one final point.

    Args:
        model: Which problem.
        u: The point, (p,).
        rows: Data, (n,) each.
        weight: Row weights, (n,).
        count: Rows from here on are padding.
        settings: Constants, fixed values and priors.
        box: Bounds of the coordinates.
        form: Form of the pass over the rows.
        held: Coordinates that the caller holds, (p,) of bool; the gradient leaves them out.
    """
    zero = jnp.zeros_like(u[0])
    sums = _sums(model, u, rows, weight, count, settings, form)
    penalty, penalty_slope = jax.value_and_grad(lambda u: model.penalties(u, settings))(u)
    bends = _penalty_bends(model, u, settings)
    grad = sums.grad + penalty_slope
    stuck = ((u <= box.lower) & (grad > 0)) | ((u >= box.upper) & (grad < 0))
    stuck = stuck if held is None else stuck | held
    bend = jnp.abs(jax.grad(jax.grad(lambda r: model.rho(u, r, settings.constants)))(zero))
    # A perfect fit leaves residuals of rounding size, which have no direction to be judged by.
    noise = _PERFECT * jnp.sqrt(sums.target)
    length = jnp.maximum(jnp.sqrt(sums.psi), bend * noise)
    norms = jnp.sqrt(jnp.diagonal(sums.gram))
    scale = norms * length + _penalty_size(u, bends, penalty_slope)
    if model.kernel.fitted_scale:  # Its terms have no common direction: they count by their sizes.
        scale = scale.at[-1].set(sums.scale + _penalty_size(u, bends, penalty_slope)[-1])
    scaled = jnp.where(stuck, 0, jnp.abs(grad) / jnp.where(scale > 0, scale, 1))
    perfect = 0.5 * bend * noise**2
    objective = sums.value + penalty
    matrix = sums.curvature if bends is None else sums.curvature + jnp.diag(bends)
    step = symmetric_inverse(matrix, stuck, _LOST).inverse @ jnp.where(stuck, 0, grad)
    # The objective of a likelihood has no zero of its own: each row counts as one.
    whole = jnp.abs(objective) + perfect + (sums.weight if model.kernel.fitted_scale else zero)
    # How far a coordinate has to move to change the residuals of all rows by their own size.
    unit = length / jnp.maximum(bend * norms, jnp.finfo(u.dtype).tiny)
    if model.kernel.fitted_scale:
        unit = unit.at[-1].set(1)
    distance = jnp.minimum(u - box.lower, box.upper - u)
    free = len(model.free)
    return Certificate(
        objective=objective,
        gradient=jnp.max(scaled),
        decrement=0.5 * jnp.sum(step * jnp.where(stuck, 0, grad)) / whole,
        condition=_condition(_with_priors(sums.gram, bends, bend)[:free, :free]),
        on_bound=distance <= BOUND_DISTANCE * jnp.minimum(unit, 1),
        support=jnp.where(sums.negative > 0, 0, sums.support),
        noise=perfect,
    )


class _Sums(NamedTuple):
    """Sums over the rows, each with its weight.

    Attributes:
        value: Of the loss, ().
        grad: Of its gradient, (p,).
        curvature: Of its Gauss-Newton matrix, (p, p).
        gram: Of the products of the residual's slopes, (p, p).
        psi: Of the squared slope of the loss, ().
        target: Of the squared target, at least one, ().
        scale: Of the sizes of the slopes in the logarithm of a fitted noise scale, ().
        weight: Of the weights, ().
        support: Rows with weight, ().
        negative: Rows with a negative weight, ().
    """

    value: jax.Array
    grad: jax.Array
    curvature: jax.Array
    gram: jax.Array
    psi: jax.Array
    target: jax.Array
    scale: jax.Array
    weight: jax.Array
    support: jax.Array
    negative: jax.Array


def _sums(
    model: Model,
    u: jax.Array,
    rows: Rows,
    weight: jax.Array,
    count: Any,
    settings: Settings,
    form: Form,
) -> _Sums:
    p, free = model.size, len(model.free)
    coordinates = tuple(u[k] for k in range(p))
    none = jnp.zeros_like(u[0])

    def row(inputs: tuple[Any, ...], target: Any, w: Any) -> tuple[jax.Array, ...]:
        terms = row_terms(model, coordinates, inputs, target, settings)
        scale = terms.loss.scale
        gram = [w * a * b for i, a in enumerate(terms.slopes) for b in terms.slopes[: i + 1]]
        return (
            *weighted_terms(terms, w, none),
            *gram,
            w * terms.loss.psi**2,
            w * jnp.maximum(1, target**2),
            none if scale is None else w * jnp.abs(scale.slope),
            w,
            jnp.where(w > 0, 1, none),
            jnp.where(w < 0, 1, none),
        )

    value, *rest = sum_rows(row, rows, weight, count, form, none)
    first, second = p + triangle(p, 0), p + triangle(p, 0) + triangle(free, 0)
    return _Sums(
        value,
        jnp.stack(rest[:p]),
        symmetric(jnp.stack(rest[p:first]), p),
        jnp.pad(symmetric(jnp.stack(rest[first:second]), free), (0, p - free)),
        *rest[second:],
    )


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


def _with_priors(gram: jax.Array, bends: jax.Array | None, bend: jax.Array) -> jax.Array:
    """Products of the Jacobian's columns, of unit length; a prior counts as one more row."""
    if bends is not None:
        gram = gram + jnp.diag(jnp.maximum(bends, 0) / jnp.where(bend > 0, bend, 1))
    norms = jnp.sqrt(jnp.diagonal(gram))
    norms = jnp.where(norms > 0, norms, 1)
    return gram / norms[:, None] / norms[None, :]


def _condition(gram: jax.Array) -> jax.Array:
    """Condition of a matrix from the products (p, p) of its columns, which have unit length."""
    answer = symmetric_inverse(gram, jnp.zeros(gram.shape[0], bool))
    largest = largest_eigenvalue(gram) * largest_eigenvalue(answer.inverse)
    return jnp.where(answer.whole, jnp.sqrt(largest), jnp.inf)


def decide(
    certificate: Certificate,
    *,
    steps: Any,
    max_steps: Any,
    parameters: int,
    limits: Thresholds,
) -> jax.Array:
    """Status codes of finished problems; works on arrays of any shape.

    Args:
        certificate: Certificates, ().
        steps: Steps that the solver took.
        max_steps: Its limit.
        parameters: Number of coordinates, for which there must be rows with weight.
        limits: Thresholds of the precision.
    """
    stationary = certificate.gradient <= limits.gradient
    stationary &= certificate.decrement <= limits.decrement
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


def mark_disagreement(status: Any, agreeing: Any, starts: Any, cells: int, xp: Any) -> Any:
    """Status codes, with `STARTS_DISAGREE` where one of all starts alone converged to the best end.

    Args:
        status: Codes of the best ends.
        agreeing: How many starts agree with each.
        starts: How many starts were tried.
        cells: How many independent starts a problem has.
        xp: NumPy or `jax.numpy`.
    """
    alone = (agreeing == 1) & (starts >= cells) & (cells > 1) & (status == Status.CONVERGED)
    return xp.where(alone, Status.STARTS_DISAGREE, status)
