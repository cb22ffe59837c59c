"""Parameters in which a law is linear together, read off the trace of its slopes.

A law is affine in a set of parameters if no slope in one of them depends on any of them. Whether it
can depend is decided by the operations, never by numbers: what is called linear is so everywhere.
The converse does not hold: exp(log(b) + x) is linear in b, and its trace does not tell.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from scalejax._numerics import dependencies
from scalejax.laws.supports import Support, unit_interval


def linear_parameters(
    function: Callable[..., Any], inputs: int, supports: Mapping[str, Support]
) -> tuple[str, ...]:
    """The largest set of parameters in which a law is linear given the others.

    Those in the unit interval are left out: the projection, which has no upper end, could leave it.

    Args:
        function: The law of one point.
        inputs: Number of its positional inputs.
        supports: Support of each parameter, in order.

    Returns:
        Their names, in order; the first of several sets of one size. None where the law
        cannot be evaluated: that is told elsewhere.
    """
    names = tuple(supports)

    def slopes(*numbers: jax.Array) -> tuple[jax.Array, ...]:
        def loss(*values: jax.Array) -> jax.Array:
            return jnp.asarray(function(*numbers[:inputs], **dict(zip(names, values, strict=True))))

        return jax.grad(loss, argnums=tuple(range(len(names))))(*numbers[inputs:])

    number = jax.ShapeDtypeStruct((), jnp.float32)
    try:
        reach = dependencies(slopes, *[number] * (inputs + len(names)))
    except Exception:  # Whatever the user's own code may raise.
        return ()
    curved_by = {
        name: {names[k - inputs] for k in arguments if k >= inputs}
        for name, arguments in zip(names, reach, strict=True)
    }
    able = [n for n in names if n not in curved_by[n] and supports[n] is not unit_interval]
    return tuple(_largest((), able, curved_by))


def _largest(
    chosen: tuple[str, ...], rest: Sequence[str], curved_by: Mapping[str, set[str]]
) -> tuple[str, ...]:
    """The largest extension of a set by some of the rest in which no slope depends on another."""
    best = chosen
    for k, name in enumerate(rest):
        if len(chosen) + len(rest) - k <= len(best):
            break
        after = [n for n in rest[k + 1 :] if n not in curved_by[name] and name not in curved_by[n]]
        best = max(best, _largest((*chosen, name), after, curved_by), key=len)
    return best
