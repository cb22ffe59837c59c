"""Value, gradient and damped Gauss-Newton matrix of one problem, in one pass over its rows.

The matrix is the sum over rows of ``w (chi + damping (omega - chi)) J J^T`` with the gradient J of
the residual, the curvature ``chi = rho''`` and the majoriser ``omega = rho'/r``: the curvature of
the parabola that touches rho at r and lies above it. With a small Huber delta most rows have no
curvature at all; the majoriser keeps the matrix meaningful there, at any scale of the data, and
fades with the damping. Where rho is a parabola the two are one, and damping changes nothing. All
derivatives come from JAX, for every law and every loss alike.

Two forms of the same sum, because compilers differ (`benchmarks/pass_form.py` measures them):

- ``"scan"`` walks over the rows with a set of running sums. Batched over lanes it keeps
  everything in registers and cache: fastest on CPU with JAX 0.12 and later.
- ``"rows"`` forms all rows at once and adds them up: for older JAX on CPU and for accelerators.
"""

from collections.abc import Callable
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
        return weighted_terms(row_terms(model, coordinates, inputs, target, settings), w, damping)

    sums = sum_rows(row, rows, weight, count, form, jnp.zeros_like(u[0]))
    return _add_penalty(model, u, settings, sums)


def sum_rows(
    row: Callable[..., tuple[jax.Array, ...]],
    rows: Rows,
    weight: jax.Array,
    count: Any,
    form: Form,
    zero: jax.Array,
) -> tuple[jax.Array, ...]:
    """Sums over the rows of what ``row(inputs, target, weight)`` gives of each, () each.

    Args:
        row: A pure function of one row.
        rows: Data, (n,) each.
        weight: Row weights, (n,).
        count: Rows from here on are padding; only ``"scan"`` saves the work.
        form: Which form of the sum.
        zero: What the sums begin with.
    """
    if form == "rows":
        terms = jax.vmap(row)(rows.inputs, rows.target, weight)
        return tuple(jnp.sum(term, axis=0) for term in terms)

    @jax.jit  # Traced once, for the number of its sums and their terms alike.
    def at(i: Any) -> tuple[jax.Array, ...]:
        return row(tuple(x[i] for x in rows.inputs), rows.target[i], weight[i])

    def add(i: Any, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        return tuple(total + term for total, term in zip(sums, at(i), strict=True))

    zeros = tuple(jnp.zeros_like(zero) for _ in jax.eval_shape(at, jnp.zeros_like(count)))
    return lax.fori_loop(0, count, add, zeros)


class RowTerms(NamedTuple):
    """One row: the slopes of its residual in the free parameters, and its loss."""

    slopes: list[jax.Array]
    loss: "LossTerms"


def row_terms(
    model: Model, u: tuple[jax.Array, ...], inputs: tuple[Any, ...], target: Any, settings: Settings
) -> RowTerms:
    """The terms of one row without its weight."""
    free = u[: len(model.free)]
    residual, push = jax.linearize(
        lambda *c: model.residual(c, inputs, target, settings.fixed), *free
    )
    one, zero = jnp.ones_like(residual), jnp.zeros_like(residual)
    slopes = [push(*(one if i == k else zero for i in range(len(free)))) for k in range(len(free))]
    # Without the barriers XLA computes the law again for each of the sums.
    residual, *slopes = lax.optimization_barrier((residual, *slopes))
    return RowTerms(slopes, _loss_terms(model, u, residual, settings.constants))


def weighted_terms(row: RowTerms, weight: Any, damping: jax.Array) -> tuple[jax.Array, ...]:
    """Contributions of one row: value, gradient, and the lower triangle of the matrix."""
    slopes, loss = row
    value = weight * loss.rho
    pull = weight * loss.psi
    bend = weight * (loss.chi + damping * (loss.omega - loss.chi))
    value, pull, bend = lax.optimization_barrier((value, pull, bend))
    bent = lax.optimization_barrier([bend * slope for slope in slopes])
    grad = [pull * slope for slope in slopes]
    lower = [bent[i] * slopes[j] for i in range(len(slopes)) for j in range(i + 1)]
    if loss.scale is not None:
        grad.append(weight * loss.scale.slope)
        lower += [weight * loss.scale.cross * slope for slope in slopes]
        lower.append(weight * (loss.scale.curvature + damping))
    return (value, *grad, *lower)


class ScaleTerms(NamedTuple):
    """Derivatives of a loss by the logarithm of its scale."""

    slope: jax.Array
    cross: jax.Array
    curvature: jax.Array


class LossTerms(NamedTuple):
    """A loss, its slope, curvature and majoriser, and what belongs to a fitted scale."""

    rho: jax.Array
    psi: jax.Array
    chi: jax.Array
    omega: jax.Array
    scale: ScaleTerms | None


def _loss_terms(
    model: Model, u: tuple[jax.Array, ...], residual: jax.Array, constants: tuple[Any, ...]
) -> LossTerms:
    fitted = model.kernel.fitted_scale
    scale = u[-1] if fitted else jnp.zeros_like(residual)

    def rho(r: jax.Array, s: jax.Array) -> jax.Array:
        return model.rho((*u[: len(model.free)], s), r, constants)

    one, zero = jnp.ones_like(residual), jnp.zeros_like(residual)

    def slopes(r: jax.Array, s: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        value, push = jax.linearize(rho, r, s)
        return value, push(one, zero), push(zero, one)

    (value, psi, scale_slope), push = jax.linearize(slopes, residual, scale)
    _, chi, _ = push(one, zero)
    _, cross, curvature = push(zero, one)
    tiny = jnp.abs(residual) < jnp.finfo(residual.dtype).tiny ** 0.5
    omega = jnp.where(tiny, chi, psi / jnp.where(tiny, one, residual))
    terms = ScaleTerms(scale_slope, cross, curvature) if fitted else None
    return LossTerms(value, psi, chi, omega, terms)


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
