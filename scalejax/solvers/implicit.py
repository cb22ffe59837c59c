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
    """The point as it is, with the derivatives (of any order) that a root of the conditions has.

    Args:
        conditions: Zero at the point; may close over what is differentiated.
        point: The root, by whatever method; () or (n,).
        tangent: ``tangent(linear, right)`` solves ``linear(x) = right``; a division suits ().
    """
    return lax.custom_root(conditions, lax.stop_gradient(point), lambda _, at: at, tangent)
