"""The arithmetic of a decision as JavaScript: the law, and what a model costs, with their slopes.

Everything is written from the measures that `scalejax.planning` solves with. A page finds the best
N by itself, for which every cost must be a straight line in D: `costs` checks that, and says which
one is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from scalejax._numerics import dependencies
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.optima import Measure
from scalejax.pages.translate import javascript
from scalejax.planning import (
    BITS,
    DAYS,
    EPOCHS,
    GPU_HOURS,
    LATENCY,
    LIFETIME_FLOP,
    MEMORY,
    PARAMETERS,
    TOKENS,
    TOKENS_PER_PARAMETER,
    TRAINING_FLOP,
    USD,
    loss_of,
)

LIMITS = (LIFETIME_FLOP, USD, DAYS, TOKENS, PARAMETERS, MEMORY, LATENCY)
"""What a page can limit. Compute with serving is that of training where nothing is served."""

SHOWN = (TRAINING_FLOP, GPU_HOURS, TOKENS_PER_PARAMETER)
"""What it shows besides."""


@dataclass(frozen=True)
class Arithmetic:
    """Functions of a page as JavaScript.

    Attributes:
        code: A JavaScript object literal: ``law`` and ``costs`` by name, each a function
            ``(N, D, q, p, o) => [value, slope in ln N, slope in ln D]``. `q` holds the numbers of
            the question in the order of `fields`, and `p` the law's parameters from place `o` on.
        fields: The numbers of a question by their path, with their values in the plan.
        parameters: Names of the law's parameters, in order.
    """

    code: str
    fields: dict[str, float]
    parameters: tuple[str, ...]


def arithmetic(law: Law, args: Mapping[str, Any], bits: float | None = None) -> Arithmetic:
    """The law and the costs of a plan as JavaScript.

    Args:
        law: The law of the plan.
        args: The args of its problem, with hardware for training and serving.
        bits: Bits of training, where they are decided besides N and D.

    Raises:
        LawError: The law cannot be written as arithmetic of single numbers.
        UsageError: A cost is no straight line in D.
    """
    numbers = {name: args[name] for name in ("fixed", "demand", "training", "serving", "compute")}
    leaves, tree = jax.tree_util.tree_flatten_with_path(numbers)
    fields = {_path(path): float(leaf) for path, leaf in leaves}
    if bits is not None:
        fields[BITS] = bits
    parameters = tuple(law.parameters)
    names = ["N", "D", *(f"q[{k}]" for k in range(len(fields)))]
    names += [f"p[o + {k}]" for k in range(len(parameters))]

    def of(measure: Measure) -> Callable[..., Any]:
        def value(*point: Any) -> Any:
            question, theta = point[2 : 2 + len(fields)], point[2 + len(fields) :]
            x = {"N": point[0], "D": point[1]}
            if bits is not None:
                x[BITS], question = question[-1], question[:-1]
            whole = jax.tree_util.tree_unflatten(tree, question)
            whole["law"] = dict(zip(parameters, theta, strict=True))
            return jnp.asarray(measure(x, whole), float)

        return value

    costs = [*LIMITS, *SHOWN, *([EPOCHS] if "fixed.U" in fields else [])]
    for measure in costs:
        _check_line(of(measure), measure, len(names))
    entries = [f"law: {_function(of(loss_of(law)), names)}"]
    inner = ",\n".join(f'"{one.name}": {_function(of(one), names)}' for one in costs)
    return Arithmetic(f"{{{entries[0]},\ncosts: {{{inner}}}}}", fields, parameters)


def _function(value: Callable[..., Any], names: list[str]) -> str:
    """A measure and its slopes by the logarithms of N and D."""

    def with_slopes(*point: Any) -> Any:
        number, (by_n, by_d) = jax.value_and_grad(value, argnums=(0, 1))(*point)
        return number, point[0] * by_n, point[1] * by_d

    return f"(N, D, q, p, o) => {{\n{javascript(with_slopes, names)}\n}}"


def _check_line(value: Callable[..., Any], measure: Measure, count: int) -> None:
    """Refuse a cost whose slope in D depends on D."""
    number = jax.ShapeDtypeStruct((), jnp.float32)
    (reach,) = dependencies(jax.grad(value, argnums=1), *[number] * count)
    if 1 in reach:
        raise UsageError(
            f"a page solves for D by costs that are straight lines in it, and {measure.name} is "
            "none: scalejax plan has no such limit."
        )


def _path(path: Any) -> str:
    return ".".join(str(getattr(key, "key", getattr(key, "name", key))) for key in path)
