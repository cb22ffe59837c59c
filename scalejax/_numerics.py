"""Numerics shared by every room: safe pieces that keep gradients finite and compiled code fast.

`powers_as_exponentials` rewrites a function so that ``x**y`` is computed as ``exp(y * log(x))``.
Laws are full of such powers. XLA evaluates a general power several times slower than an
exponential, and in a batched fit the logarithm belongs to the data point, so that all lanes of
the batch share it. The rewritten function is the same for positive bases, which is what scaling
laws have.

`fast_log` is a logarithm that vectorises in float64; `benchmarks/pass_form.py` shows what the pass
costs, a fifth of which would be XLA's own float64 logarithm on CPU.

`RUN_ONCE`, `RUN_SOON`, `COMPILE_SOON` and `RUN_OFTEN` are compiler options for programs that are
run from a few times only to a million times.

`module_of` is NumPy for numbers of the host: outside of a compiled function every operation of JAX
is a compiled program of its own.

`robust_sd` is a standard deviation that a few outliers do not move.

`dependencies` tells which inputs each output of a function can depend on, from its trace.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Jaxpr, Literal

_MEDIAN_TO_SD = 1.4826
"""Standard deviations in the median size of normal values: the inverse of its quantile at 3/4."""


def module_of(*values: Any) -> Any:
    """`jax.numpy` if one of the values is an array of JAX, traced or not; else `numpy`."""
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def robust_sd(values: Any) -> float:
    """Standard deviation of normal values around zero (n,), from their median size."""
    return _MEDIAN_TO_SD * float(np.median(np.abs(values)))


def powers_as_exponentials(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with every ``x**y`` of a positive base computed as ``exp(y * log(x))``.

    Args:
        function: Takes arrays, returns one array.

    Returns:
        A function of the same arguments, differentiable and batchable like the original.
    """

    def rewritten(*args: Any) -> Any:
        closed = jax.make_jaxpr(function)(*args)
        (result,) = _evaluate(closed.jaxpr, closed.consts, list(args))
        return result

    return rewritten


Options: TypeAlias = dict[str, bool | int | float | str]


def _emitters(use: bool) -> Options:
    """Whether JAX 0.10 compiles by what it calls fusion emitters; later versions have no choice."""
    return {"xla_cpu_use_fusion_emitters": use} if jax.__version_info__ < (0, 11) else {}


COMPILE_SOON: Options = _emitters(False)
"""Compiler options for what must run fast but compiles for seconds: a forecast compiles in 3 s
instead of 5 and runs as fast."""

RUN_OFTEN: Options = {"xla_cpu_prefer_vector_width": 512}
"""Compiler options for what runs a million times: the widest vectors of the processor. Measured on
AVX-512: a tenth to a fifth less time for a refit; a processor without them takes what it has."""

RUN_SOON: Options = {"xla_backend_optimization_level": 0, **_emitters(True)}
"""Compiler options for what runs for milliseconds and compiles for seconds: half the wait."""

RUN_ONCE: Options = {**RUN_SOON, **_emitters(False)}
"""The same where last digits may depend on shapes, as they do without the emitters: with JAX 0.10
less than half of that again."""

# Bits of the square root of a half as float64, and those of the fraction of any float64.
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_FRACTION_BITS = 0x000FFFFFFFFFFFFF
_LN2 = 0.6931471805599453
# Coefficients of the series, the last first: with t^21 / 21 the rest is below 1e-17 of the result.
_ATANH_TERMS = tuple(2.0 / k for k in range(21, 1, -2))


@jax.custom_jvp
def fast_log(x: jax.Array) -> jax.Array:
    """Natural logarithm of positive finite numbers to about 1e-16; NaN for anything else.

    In float64 the number is split into a power of two and a factor m between sqrt(1/2) and sqrt(2),
    and log(m) is twice the inverse hyperbolic tangent of (m - 1)/(m + 1), by its series. XLA:CPU
    calls a scalar function there instead.
    """
    if x.dtype != jnp.float64:
        return jnp.log(x)
    bits = lax.bitcast_convert_type(x, jnp.int64) - _SQRT_HALF_BITS
    exponent = (bits >> 52).astype(x.dtype)
    m = lax.bitcast_convert_type((bits & _FRACTION_BITS) + _SQRT_HALF_BITS, jnp.float64)
    t = (m - 1.0) / (m + 1.0)
    square = t * t
    series = jnp.zeros_like(t)
    for term in _ATANH_TERMS:
        series = (series + term) * square
    return jnp.where((x > 0) & (x < jnp.inf), exponent * _LN2 + (2.0 * t + t * series), jnp.nan)


@fast_log.defjvp
def _fast_log_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    (x,), (change,) = primals, tangents
    return fast_log(x), change / x


def dependencies(function: Callable[..., Any], *args: Any) -> list[frozenset[int]]:
    """Which of the flat arguments each flat output can depend on.

    Args:
        function: Takes arrays and returns a tree of arrays.
        *args: Arrays or shapes, one per argument.

    Returns:
        For each leaf of the output the positions of the arguments that reach it.
    """
    jaxpr = jax.make_jaxpr(function)(*args).jaxpr
    nothing: frozenset[int] = frozenset()
    reach: dict[Any, frozenset[int]] = {v: frozenset([i]) for i, v in enumerate(jaxpr.invars)}

    def read(atom: Any) -> frozenset[int]:
        return nothing if isinstance(atom, Literal) else reach.get(atom, nothing)

    for equation in jaxpr.eqns:
        union = nothing.union(*(read(atom) for atom in equation.invars))
        reach.update(dict.fromkeys(equation.outvars, union))
    return [read(atom) for atom in jaxpr.outvars]


def _evaluate(jaxpr: Jaxpr, consts: list[Any], args: list[Any]) -> list[Any]:
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        operands = [read(atom) for atom in equation.invars]
        values.update(zip(equation.outvars, _apply(equation, operands), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _apply(equation: Any, operands: list[Any]) -> list[Any]:
    inner = equation.params.get("jaxpr")
    if equation.primitive.name in ("pjit", "jit") and inner is not None:
        return _evaluate(inner.jaxpr, list(inner.consts), operands)
    if equation.primitive.name == "pow":
        base, exponent = operands
        return [jnp.exp(exponent * jnp.log(base))]
    params = equation.primitive.get_bind_params(equation.params)
    result = equation.primitive.bind(*operands, **params)
    return list(result) if equation.primitive.multiple_results else [result]
