"""The one rule by which solutions are differentiated: the implicit function theorem."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

Linear = Callable[[jax.Array], jax.Array]


def _divide(linear: Linear, right: jax.Array) -> jax.Array:
    return right / linear(jnp.ones_like(right))


def implicit_root(
    conditions: Callable[[jax.Array], jax.Array],
    point: jax.Array,
    tangent: Callable[[Linear, jax.Array], jax.Array] = _divide,
) -> jax.Array:
    """The point itself, with the derivatives of any order that a root of the conditions has.

    Args:
        conditions: Zero at the point; may close over what is differentiated.
        point: The root, however it was found.
        tangent: Solves a linear system, given as a function, for a right side; by division for ().
    """
    return lax.custom_root(conditions, lax.stop_gradient(point), lambda _, at: at, tangent)
