"""Value, gradient and damped Gauss-Newton matrix of one problem, in one pass over its rows.

The matrix is the sum over rows of ``w (chi + damping * omega) J J^T`` with the gradient J of the
residual, the curvature ``chi = rho''`` and the majoriser ``omega = rho'/r``: the curvature of the
parabola that touches rho at r and lies above it. With a small Huber delta most rows have no
curvature at all; the majoriser keeps the matrix meaningful there, at any scale of the data, and
fades with the damping. All derivatives come from JAX, for every law and every loss alike.

Two forms of the same sum, because compilers differ (`benchmarks/pass_form.py` measures them):

- ``"scan"`` walks over the rows with a set of running sums. Batched over lanes it keeps
  everything in registers and cache: fastest on CPU with JAX 0.12 and later.
- ``"rows"`` forms all rows at once and adds them up: for older JAX on CPU and for accelerators.
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.objectives import Model, Rows, Settings
from scalejax.solvers import Evaluation

Form = Literal["scan", "rows"]


def evaluate(
    model: Model,
    u: jax.Array,
    damping: jax.Array,
    rows: Rows,
    weight: jax.Array,
    count: Any,
    settings: Settings,
    form: Form,
) -> Evaluation:
    """Evaluate one problem.

    Args:
        model: Which problem.
        u: Coordinates, (p,).
        damping: Share of the majoriser in the matrix, ().
        rows: Data, (n,) each.
        weight: Row weights, (n,); zero for padding.
        count: Rows from here on are padding; only ``"scan"`` saves the work.
        settings: Constants, fixed values and priors.
        form: Which form of the sum.
    """
    coordinates = tuple(u[k] for k in range(model.size))

    def row(inputs: tuple[Any, ...], target: Any, w: Any) -> tuple[jax.Array, ...]:
        return _row_terms(model, coordinates, inputs, target, w, damping, settings)

    if form == "rows":
        terms = jax.vmap(row)(rows.inputs, rows.target, weight)
        sums = tuple(jnp.sum(term, axis=0) for term in terms)
    else:

        def add(i: Any, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            inputs = tuple(x[i] for x in rows.inputs)
            terms = row(inputs, rows.target[i], weight[i])
            return tuple(total + term for total, term in zip(sums, terms, strict=True))

        p = model.size
        zeros = tuple(jnp.zeros_like(u[0]) for _ in range(1 + p + p * (p + 1) // 2))
        sums = lax.fori_loop(0, count, add, zeros)
    return _add_penalty(model, u, settings, sums)


def _row_terms(
    model: Model,
    u: tuple[jax.Array, ...],
    inputs: tuple[Any, ...],
    target: Any,
    weight: Any,
    damping: jax.Array,
    settings: Settings,
) -> tuple[jax.Array, ...]:
    """Contributions of one row: value, gradient, and the lower triangle of the matrix."""
    free = u[: len(model.free)]
    residual, push = jax.linearize(
        lambda *c: model.residual(c, inputs, target, settings.fixed), *free
    )
    one, zero = jnp.ones_like(residual), jnp.zeros_like(residual)
    slopes = [push(*(one if i == k else zero for i in range(len(free)))) for k in range(len(free))]
    # Without the barriers XLA computes the law again for each of the sums.
    residual, *slopes = lax.optimization_barrier((residual, *slopes))
    loss = _loss_terms(model, u, residual, settings.constants)
    value = weight * loss.rho
    pull = weight * loss.psi
    bend = weight * (loss.chi + damping * loss.omega)
    value, pull, bend = lax.optimization_barrier((value, pull, bend))
    bent = lax.optimization_barrier([bend * slope for slope in slopes])
    grad = [pull * slope for slope in slopes]
    lower = [bent[i] * slopes[j] for i in range(len(free)) for j in range(i + 1)]
    if model.kernel.fitted_scale:
        grad.append(weight * loss.scale_slope)
        lower += [weight * loss.scale_cross * slope for slope in slopes]
        lower.append(weight * (loss.scale_curvature + damping))
    return (value, *grad, *lower)


class _LossTerms(NamedTuple):
    """A loss, its slope, curvature and majoriser, and its derivatives by the logarithmic scale."""

    rho: jax.Array
    psi: jax.Array
    chi: jax.Array
    omega: jax.Array
    scale_slope: jax.Array
    scale_cross: jax.Array
    scale_curvature: jax.Array


def _loss_terms(
    model: Model, u: tuple[jax.Array, ...], residual: jax.Array, constants: tuple[Any, ...]
) -> _LossTerms:
    """The terms of one residual; those of the scale count only where it is fitted."""
    scale = u[-1] if model.kernel.fitted_scale else jnp.zeros_like(residual)

    def rho(r: jax.Array, s: jax.Array) -> jax.Array:
        return model.rho((*u[: len(model.free)], s), r, constants)

    one, zero = jnp.ones_like(residual), jnp.zeros_like(residual)

    def slopes(r: jax.Array, s: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        value, push = jax.linearize(rho, r, s)
        return value, push(one, zero), push(zero, one)

    (value, psi, scale_slope), push = jax.linearize(slopes, residual, scale)
    _, chi, _ = push(one, zero)
    _, scale_cross, scale_curvature = push(zero, one)
    tiny = jnp.abs(residual) < jnp.finfo(residual.dtype).tiny ** 0.5
    omega = jnp.where(tiny, chi, psi / jnp.where(tiny, one, residual))
    return _LossTerms(value, psi, chi, omega, scale_slope, scale_cross, scale_curvature)


def _add_penalty(
    model: Model, u: jax.Array, settings: Settings, sums: tuple[jax.Array, ...]
) -> Evaluation:
    p = model.size
    value, grad, lower = sums[0], jnp.stack(sums[1 : 1 + p]), jnp.stack(sums[1 + p :])
    if settings.priors or model.penalty is not None:
        penalty = lambda u: model.penalties(u, settings)  # noqa: E731
        hessian = jax.hessian(penalty)(u)
        value = value + penalty(u)
        grad = grad + jax.grad(penalty)(u)
        lower = lower + jnp.stack([hessian[i, j] for i in range(p) for j in range(i + 1)])
    return Evaluation(value, grad, lower)
