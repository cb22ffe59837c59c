"""Powers as exponentials of logarithms, for functions that are evaluated millions of times.

JAX up to 0.10 compiles ``N**-alpha`` to ``exp(-alpha * log(N))`` on a CPU; 0.12 calls a power
function that takes five times as long, three times over for a value with two derivatives. Laws
are written with powers, as people read them; `with_exponentials` rewrites what they compute.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

_CALLS = ("jit", "pjit")


def with_exponentials(
    function: Callable[[Sequence[Any]], list[Any]], example: Sequence[Any]
) -> Callable[[Sequence[Any]], list[Any]]:
    """The same function of some scalars, with powers of real exponents as exponentials.

    Args:
        function: Scalars in, scalars out.
        example: Scalars of the same type.

    Returns:
        The function; it is NaN where a negative number is raised to a power. Functions with
        derivative rules of their own are left as they are.
    """
    traced = jax.make_jaxpr(function)(list(example))
    if not _plain(traced):
        return function

    def rewritten(given: Sequence[Any]) -> list[Any]:
        return _evaluate(traced, list(given))

    return rewritten


def _plain(traced: Any) -> bool:
    """Whether nothing in a traced function has a derivative rule of its own."""
    return all(
        _plain(one.params["jaxpr"])
        if one.primitive.name in _CALLS
        else not one.primitive.name.startswith("custom")
        for one in traced.jaxpr.eqns
    )


def _evaluate(traced: Any, given: Sequence[Any]) -> list[Any]:
    """Run a traced function, operation by operation."""
    jaxpr = traced.jaxpr
    known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*traced.consts, *given), strict=True))

    def read(name: Any) -> Any:
        return name.val if isinstance(name, core.Literal) else known[name]

    for equation in jaxpr.eqns:
        inputs = [read(name) for name in equation.invars]
        known.update(zip(equation.outvars, _run(equation, inputs), strict=True))
    return [read(name) for name in jaxpr.outvars]


def _run(equation: Any, inputs: Sequence[Any]) -> list[Any]:
    name = equation.primitive.name
    if name == "pow":
        base, exponent = inputs
        return [jnp.exp(exponent * jnp.log(base))]
    if name in _CALLS:
        return _evaluate(equation.params["jaxpr"], inputs)
    found = equation.primitive.bind(*inputs, **equation.params)
    return list(found) if equation.primitive.multiple_results else [found]
