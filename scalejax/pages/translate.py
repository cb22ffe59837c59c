"""Arithmetic as JavaScript, written from the trace of a JAX function and never by hand.

The operations of scaling laws are few: sums, products, powers, logarithms and choices between two
numbers. `javascript` writes each as the JavaScript of the same name; what is not among them (loops,
arrays, random numbers) is refused by name. The code holds numbers, operators and names of its own
only, so that no name of a law or a run can become code.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from scalejax.errors import LawError
from scalejax.scope import own_settings

# fmt: off
OPERATIONS = {
    "add": "({0} + {1})", "add_any": "({0} + {1})", "sub": "({0} - {1})", "mul": "({0} * {1})",
    "div": "({0} / {1})", "neg": "(-{0})", "abs": "Math.abs({0})", "sign": "Math.sign({0})",
    "pow": "Math.pow({0}, {1})", "sqrt": "Math.sqrt({0})", "rsqrt": "(1 / Math.sqrt({0}))",
    "cbrt": "Math.cbrt({0})", "square": "({0} * {0})", "exp": "Math.exp({0})",
    "exp2": "Math.pow(2, {0})", "expm1": "Math.expm1({0})", "log": "Math.log({0})",
    "log1p": "Math.log1p({0})", "logistic": "(1 / (1 + Math.exp(-{0})))",
    "tanh": "Math.tanh({0})", "sin": "Math.sin({0})", "cos": "Math.cos({0})",
    "atan2": "Math.atan2({0}, {1})", "floor": "Math.floor({0})", "ceil": "Math.ceil({0})",
    "max": "Math.max({0}, {1})", "min": "Math.min({0}, {1})",
    "clamp": "Math.min(Math.max({1}, {0}), {2})",
    "eq": "({0} === {1})", "ne": "({0} !== {1})", "lt": "({0} < {1})", "le": "({0} <= {1})",
    "gt": "({0} > {1})", "ge": "({0} >= {1})", "is_finite": "Number.isFinite({0})",
    "select_n": "({0} ? {2} : {1})", "stop_gradient": "{0}", "copy": "{0}", "copy_p": "{0}",
}
"""Operations of one number each, as JavaScript of their operands."""

_LOGIC = {"and": "({0} && {1})", "or": "({0} || {1})", "not": "(!{0})"}
# fmt: on

_SHAPES = ("broadcast_in_dim", "reshape", "squeeze")
"""Operations that leave a single number as it is."""

_INSIDE = ("jaxpr", "call_jaxpr", "fun_jaxpr")
"""Where an operation keeps the function that it calls."""

_CALLS = (
    *("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call"),
    *("custom_vjp_call_jaxpr", "remat", "checkpoint"),
)
"""Operations that only call a function, which is written in their place."""


@dataclass(frozen=True)
class _Line:
    """One operation: its result, the expression, and the results that it needs."""

    name: str
    expression: str
    needs: tuple[str, ...]


def javascript(function: Callable[..., Any], names: Sequence[str]) -> str:
    """The body of a JavaScript function for a JAX function of single numbers.

    Args:
        function: Takes a float64 number for each name; gives one number or a tuple of them.
        names: JavaScript expressions of the arguments, such as ``"p[o + 2]"``.

    Returns:
        Statements that end in ``return [...];``, in float64 as JavaScript has no other numbers.

    Raises:
        LawError: It uses an operation that is not one of single numbers.
    """
    with own_settings():
        number = jax.ShapeDtypeStruct((), jnp.float64)
        closed = jax.make_jaxpr(function)(*[number] * len(names))
    if closed.jaxpr.outvars and any(atom.aval.shape for atom in closed.jaxpr.outvars):
        raise _refusal("arrays")
    lines: list[_Line] = []
    results = _written(closed.jaxpr, closed.consts, list(names), lines)
    body = [f"const {line.name} = {line.expression};" for line in _needed(lines, results)]
    return "\n".join([*body, f"return [{', '.join(results)}];"])


def _written(jaxpr: Any, consts: Sequence[Any], args: list[str], lines: list[_Line]) -> list[str]:
    """Append the operations of a trace to the lines; the expressions of its results."""
    values: dict[Any, str] = {
        variable: _number(value) for variable, value in zip(jaxpr.constvars, consts, strict=True)
    }
    values.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> str:
        return _number(atom.val) if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        operands = [read(atom) for atom in equation.invars]
        if equation.primitive.name in _CALLS:
            inner = next(equation.params[key] for key in _INSIDE if key in equation.params)
            consts = getattr(inner, "consts", ())
            results = _written(getattr(inner, "jaxpr", inner), consts, operands, lines)
            values.update(zip(equation.outvars, results, strict=True))
            continue
        name = f"t{len(lines)}"
        text = _expression(equation, operands)
        lines.append(_Line(name, text, tuple(one for one in operands if one[:1] == "t")))
        values[equation.outvars[0]] = name
    return [read(atom) for atom in jaxpr.outvars]


def _expression(equation: Any, operands: Sequence[str]) -> str:
    """One operation as JavaScript."""
    name, (result, *more) = equation.primitive.name, equation.outvars
    if more or result.aval.shape or any(atom.aval.shape for atom in equation.invars):
        raise _refusal(f"arrays ({name})")
    if name in _SHAPES:
        return operands[0]
    if name == "integer_pow":
        return f"Math.pow({operands[0]}, {int(equation.params['y'])})"
    if name == "convert_element_type":
        kind = np.dtype(equation.params["new_dtype"]).kind
        return {"f": "Number({0})", "b": "({0} !== 0)"}.get(kind, "Math.trunc({0})").format(
            *operands
        )
    is_logic = name in _LOGIC and result.aval.dtype == bool
    template = _LOGIC[name] if is_logic else OPERATIONS.get(name)
    if template is None or (name == "select_n" and len(operands) != 3):
        raise _refusal(name)
    if name == "div" and result.aval.dtype.kind != "f":
        raise _refusal("division of whole numbers")
    return template.format(*operands)


def _needed(lines: Sequence[_Line], results: Sequence[str]) -> list[_Line]:
    """The lines that the results rest on, in their order."""
    wanted, kept = set(results), []
    for line in reversed(lines):
        if line.name in wanted:
            kept.append(line)
            wanted.update(line.needs)
    return kept[::-1]


def _number(value: Any) -> str:
    """A number as JavaScript reads it back, every bit of it."""
    array = np.asarray(value)
    if array.shape:
        raise _refusal("arrays")
    if array.dtype == bool:
        return "true" if array else "false"
    number = float(array)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "(-Infinity)"
    return repr(number) if number >= 0 and math.copysign(1.0, number) > 0 else f"({number!r})"


def _refusal(what: str) -> LawError:
    return LawError(
        f"a page computes with single numbers, and this function uses {what}: write it with "
        f"{', '.join(_spoken())} and jnp.where."
    )


def _spoken() -> Iterator[str]:
    yield from ("+, -, *, / and **", "exp", "log", "minimum", "maximum")
