"""Damped Gauss-Newton for objectives with kinks and flat directions.

The matrix comes damped by the loss's own majoriser (see `scalejax.engine.derivatives`): with
damping 1 a step is one of iterative reweighting, slow and safe; as the damping fades it becomes a
Newton step. Rules around that core, each of which earns its place on hard problems:

- A step that does not lower the objective is corrected first: from its end, the coordinates in
  which the law is linear take a step of their own. Long steps then follow a valley that bends (a
  floor that falls while a term grows), along which short ones would creep for thousands of steps.
- A step that cannot be corrected is replaced by one from the same best point with the diagonal of
  its matrix raised (Levenberg-Marquardt); after three of them the matrix is formed again with the
  full majoriser. On easy problems none of this happens.
- A coordinate on its bound that wants to leave the box is held, and comes free when it turns back.
- A direction that the data do not determine is frozen (`scalejax.solvers.linear`).
- Near the minimum, where the objective itself is lost in rounding, the Newton decrement decides.

It stops when the decrement ``g^T H^-1 g`` falls below the tolerance relative to the objective,
takes the last step without checking it, or gives up when the damping explodes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax.solvers.linear import factorise, solve
from scalejax.solvers.solver import Box, Evaluation, Solver

# Other values of the damping's rules were tried on resamples of 240 runs and changed little: 10.1
# to 11.7 evaluations a fit for all of them. Those of the raises were set by judgement.

# The first step is one of reweighting, slow and safe. In the prototype, which did not raise the
# diagonal, a first damping of 0.3 left 3 of 4,000 fits stalled.
_FIRST_DAMPING = 1.0
# Up to this damping steps are nearly Newton's, so that the decrement tells how far the minimum is.
_SAFE_DAMPING = 0.1
# The damping's factor after a good step (two of them lead from the first damping to the safe one),
# and after a bad one, which undoes a good one.
_SHRINK, _GROW = 0.25, 4.0
# The first raise hardly changes a direction that is well determined, which often is all it takes.
_FIRST_RAISE = 1e-4
# Up to this raise the step is nearly Newton's own, so that its decrement can be trusted.
_SAFE_RAISE = 1e-2
# At this raise a step is too short to change anything: what has not improved by then never will.
_HOPELESS_RAISE = 1e10
# The raise grows fast, 16 bad steps from first to hopeless, and fades in a few good ones.
_LOWER, _RAISE = 0.2, 8.0
# Bad steps in a row before the matrix is blamed and formed again; each try costs an evaluation.
_PATIENCE = 3
# Corrections of one step, and to which share of the objective the last must have led for another.
# On 600 flat problems with squared residuals 68 had not ended after 200 steps without corrections
# and none with these, which were chosen there; four, each to a half, did as well.
_CORRECTIONS, _CORRECTED = 2, 0.9

# In roundings of the objective: values that count as equal, and decrements that are lost in them.
_EQUAL, _ROUNDING = 4, 64
# A decrement lost in rounding is the last one if it no longer falls to this share in a step.
_STILL_FALLING = 0.25
# Added to the diagonal, in roundings, so that pivots of a singular matrix are not below zero.
_RIDGE = 4


class NewtonState(NamedTuple):
    """State of one problem.

    Attributes:
        value: Objective at the best point.
        grad: Gradient there, (p,).
        curvature: Matrix there, (p (p + 1) / 2,).
        step: Step from the best point to the point being evaluated, (p,).
        corrections: How often that step was corrected.
        trial: Objective at its end before the last correction.
        damping: Damping of the matrix to be formed at that point.
        raised: How far the diagonal is raised, relative to itself.
        decrement: Newton decrement at the best point.
        rejections: Points in a row that were worse than the best.
        tolerance: Relative decrement at which to stop.
        finished: Whether to stop.
    """

    value: jax.Array
    grad: jax.Array
    curvature: jax.Array
    step: jax.Array
    corrections: jax.Array
    trial: jax.Array
    damping: jax.Array
    raised: jax.Array
    decrement: jax.Array
    rejections: jax.Array
    tolerance: jax.Array
    finished: jax.Array


def damped_newton(box: Box) -> Solver:
    """The default solver, for coordinates inside a box."""
    return Solver(
        init=_init, damping=lambda state: state.damping, update=_make_update(box), done=_done
    )


def _done(state: NewtonState) -> jax.Array:
    return state.finished


def _init(u: jax.Array, tolerance: jax.Array) -> NewtonState:
    size = u.shape[0]
    zero, infinity = jnp.zeros_like(u[0]), jnp.full_like(u[0], jnp.inf)
    return NewtonState(
        value=infinity,
        grad=jnp.zeros_like(u),
        curvature=jnp.zeros((size * (size + 1) // 2,), u.dtype),
        step=jnp.zeros_like(u),
        corrections=jnp.zeros_like(zero, dtype=jnp.int32),
        trial=infinity,
        damping=jnp.full_like(zero, _FIRST_DAMPING),
        raised=zero,
        decrement=infinity,
        rejections=jnp.zeros_like(zero, dtype=jnp.int32),
        tolerance=tolerance,
        finished=jnp.zeros_like(zero, dtype=bool),
    )


def _make_update(box: Box) -> Callable[..., tuple[jax.Array, NewtonState]]:
    def update(
        evaluation: Evaluation,
        state: NewtonState,
        u: jax.Array,
        value_fn: Callable[[jax.Array], jax.Array],
    ) -> tuple[jax.Array, NewtonState]:
        """One step. `value_fn` is not needed: trial points are evaluated by the loop."""
        eps = jnp.finfo(u.dtype).eps
        infinity = jnp.full_like(evaluation.value, jnp.inf)
        # A log-likelihood may be negative, so sizes are absolute.
        size = jnp.abs(state.value)
        below_rounding = state.decrement <= _ROUNDING * eps * size
        better = (evaluation.value <= state.value + _EQUAL * eps * size) | below_rounding
        # Back at the best point, to form its matrix anew, the value may differ in the last digit.
        better |= jnp.all(state.step == 0)
        better &= jnp.isfinite(evaluation.value)

        best = jnp.where(better, u, u - state.step)
        value = jnp.where(better, evaluation.value, state.value)
        grad = jnp.where(better, evaluation.grad, state.grad)
        curvature = jnp.where(better, evaluation.curvature, state.curvature)
        raised = jnp.where(
            better, state.raised * _LOWER, jnp.maximum(state.raised * _RAISE, _FIRST_RAISE)
        )
        corrects = _corrects(evaluation, state, better, box)
        linear, whole = _of_linear(evaluation, u, box), (grad, curvature, raised, best)
        direction, decrement, definite = _direction(*_choose(corrects, linear, whole), box=box)

        settled = (state.damping <= _SAFE_DAMPING) & (raised <= _SAFE_RAISE)
        small = decrement <= state.tolerance * jnp.abs(value)
        exhausted = below_rounding & (decrement >= _STILL_FALLING * state.decrement)
        converged = better & definite & settled & (small | exhausted)
        hopeless = ~converged & (raised > _HOPELESS_RAISE)

        rejections = jnp.where(better, 0, state.rejections + 1)
        shrunk = jnp.where(state.rejections > 0, state.damping, state.damping * _SHRINK)
        damping = jnp.where(better & definite, shrunk, state.damping * _GROW)
        # A matrix that is indefinite, or that keeps giving bad steps because it saw too little of
        # a kink, is formed again at the best point with the full majoriser.
        anew = ~definite | ((rejections > 0) & (rejections % _PATIENCE == 0))
        damping = jnp.where(anew, jnp.maximum(damping, _FIRST_DAMPING), damping)
        step = jnp.where(anew | hopeless, 0, direction)
        new = state._replace(
            value=value,
            grad=grad,
            curvature=curvature,
            step=step,
            corrections=jnp.zeros_like(state.corrections),
            trial=infinity,
            damping=jnp.minimum(damping, _FIRST_DAMPING * _GROW),
            raised=raised,
            decrement=jnp.where(better, decrement, state.decrement),
            rejections=rejections,
            finished=converged | hopeless,
        )
        corrected = state._replace(
            step=state.step + direction,
            corrections=state.corrections + 1,
            trial=evaluation.value,
        )
        return _choose(corrects, (direction, corrected), (best + step - u, new))

    return update


def _corrects(
    evaluation: Evaluation, state: NewtonState, better: jax.Array, box: Box
) -> jax.Array | bool:
    """Whether a step that did not lower the objective is corrected in the linear coordinates."""
    if box.linear is None:
        return False
    promising = jnp.isfinite(evaluation.value) & (evaluation.value < _CORRECTED * state.trial)
    return ~better & promising & (state.corrections < _CORRECTIONS)


def _of_linear(evaluation: Evaluation, u: jax.Array, box: Box) -> tuple[jax.Array, ...]:
    """What gives a Newton step of the linear coordinates alone; see `_direction`."""
    if box.linear is None:
        return ()
    alone = evaluation.without(jnp.asarray(~box.linear))
    return alone.grad, alone.curvature, jnp.zeros_like(alone.value), u


def _choose(first: jax.Array | bool, one: Any, other: Any) -> Any:
    """The leaves of the first of two equal trees, or of the other; `first` may be plainly False."""
    if first is False:
        return other
    return jax.tree.map(lambda a, b: jnp.where(first, a, b), one, other)


def _direction(
    grad: jax.Array, curvature: jax.Array, raised: jax.Array, u: jax.Array, *, box: Box
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Newton direction clipped to the box, its decrement, and whether the matrix is definite."""
    size = u.shape[0]
    held = ((u <= box.lower) & (grad > 0)) | ((u >= box.upper) & (grad < 0))
    ridge = jnp.finfo(u.dtype).eps * _RIDGE
    factor = factorise(curvature, size, damping=ridge + raised, frozen=held)
    direction = solve(factor, jnp.where(held, 0, -grad), size)
    decrement = -jnp.sum(jnp.where(held, 0, grad) * direction)
    return box.clip(u + direction) - u, decrement, factor.definite
