"""What a solver is: a record of pure functions with optax's init/update shape, for one problem.

- `damped_newton` is the default: second order, handles Huber's kink, bounds and flat directions.
- `from_optax` plugs any optax optimizer in (``optax.lbfgs()``, ``optax.adam(1e-2)``): slower and
  less certain here, but yours.

A solver knows no law and no table, and one loop (`scalejax.solvers.lanes`) drives them all. Its
own opinion of having converged only ends the loop; the status is decided by the certificate.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax


class Evaluation(NamedTuple):
    """What a solver sees of a problem at one point.

    Attributes:
        value: Objective, ().
        grad: Gradient, (p,).
        curvature: Damped Gauss-Newton matrix as its lower triangle by rows, (p (p + 1) / 2,).
    """

    value: jax.Array
    grad: jax.Array
    curvature: jax.Array

    def without(self, held: jax.Array) -> "Evaluation":
        """The same with the held coordinates, (p,) of bool, decoupled: no step moves them."""
        i, j = np.tril_indices(held.shape[0])
        coupled = held[i] | held[j]
        identity = jnp.where(i == j, jnp.ones_like(self.curvature), 0)
        return Evaluation(
            self.value,
            jnp.where(held, 0, self.grad),
            jnp.where(coupled, identity, self.curvature),
        )


class Box(NamedTuple):
    """What is known of the coordinates, (p,) each, as NumPy or JAX arrays.

    Attributes:
        lower: Lower bounds; may be infinite.
        upper: Upper bounds.
        linear: Coordinates that are cheap to correct once the others have moved, such as those in
            which a law is linear; None if there are none, or no others.
    """

    lower: Any
    upper: Any
    linear: Any = None

    def clip(self, u: jax.Array) -> jax.Array:
        """The nearest point inside."""
        return jnp.clip(u, self.lower, self.upper)


class Solver(NamedTuple):
    """A minimiser of one problem.

    Attributes:
        init: ``init(u, tolerance) -> state``.
        damping: ``damping(state)``: share of the majoriser wanted in the next curvature matrix.
        update: ``update(evaluation, state, u, value_fn) -> (step, state)``; the evaluation is of
            the problem at u, and the next point is u + step.
        done: ``done(state)``: whether to stop; the last step still counts.
    """

    init: Callable[[jax.Array, jax.Array], Any]
    damping: Callable[[Any], jax.Array]
    update: Callable[[Evaluation, Any, jax.Array, Callable[[jax.Array], jax.Array]], Any]
    done: Callable[[Any], jax.Array]


SolverFactory = Callable[[Box], Solver]
"""Makes a solver for coordinates inside a box."""


class _OptaxState(NamedTuple):
    inner: Any
    tolerance: jax.Array
    value: jax.Array
    quiet: jax.Array


def from_optax(optimizer: optax.GradientTransformation, *, patience: int = 5) -> SolverFactory:
    """A solver from an optax optimizer, line searches included.

    Args:
        optimizer: For example ``optax.lbfgs()`` or ``optax.adam(1e-2)``.
        patience: Stop after this many successive steps that each lower the objective by less than
            the tolerance, relatively.
    """
    transformation = optax.with_extra_args_support(optimizer)

    def make(box: Box) -> Solver:
        def init(u: jax.Array, tolerance: jax.Array) -> _OptaxState:
            return _OptaxState(
                transformation.init(u),
                tolerance,
                jnp.full_like(u[0], jnp.inf),
                jnp.zeros_like(u[0], dtype=jnp.int32),
            )

        def update(
            evaluation: Evaluation,
            state: _OptaxState,
            u: jax.Array,
            value_fn: Callable[[jax.Array], jax.Array],
        ) -> tuple[jax.Array, _OptaxState]:
            step, inner = transformation.update(
                evaluation.grad,
                state.inner,
                u,
                value=evaluation.value,
                grad=evaluation.grad,
                value_fn=value_fn,
            )
            change = jnp.abs(state.value - evaluation.value)
            still = change <= state.tolerance * jnp.abs(evaluation.value)
            quiet = jnp.where(still, state.quiet + 1, 0)
            state = _OptaxState(inner, state.tolerance, evaluation.value, quiet)
            return box.clip(u + step) - u, state

        return Solver(
            init=init,
            damping=lambda state: jnp.zeros_like(state.value),
            update=update,
            done=lambda state: state.quiet >= patience,
        )

    return make
