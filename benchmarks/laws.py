"""Every law and its gradient on a million points, beside what the machine allows.

    python benchmarks/laws.py [--points 1000000] [--only chinchilla kumar2024] [--json out.json]

The limit of a law is the time that this machine takes for its transcendental operations, counted in
the traced program (a power is a logarithm and an exponential), or for reading its inputs and
writing its results, whichever is longer. The gradient is with respect to all parameters at every
point; its limit counts the operations of the traced gradient. Inputs differ from point to point,
parameters do not.
"""

from collections import Counter
from functools import partial
from typing import Any

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
from measuring import measure, parser, report

import scalejax as sj
from scalejax.laws import Law
from scalejax.quantities import QUANTITIES

UNITS = {
    "exp": {"exp": 1},
    "expm1": {"exp": 1},
    "log": {"log": 1},
    "log1p": {"log": 1},
    "pow": {"log": 1, "exp": 1},
    "logistic": {"exp": 1},
    "tanh": {"exp": 1},
    "lgamma": {"log": 4},
    "digamma": {"log": 4},
}
"""What an operation costs, in exponentials and logarithms."""


def middle(name: str, law: Law) -> tuple[float, float]:
    """A range of an input in which its law is evaluated."""
    published = next(iter(law.published.values()), None)
    if published is not None and name in published.valid:
        return published.valid[name]
    low, high = QUANTITIES[name].plausible
    if low <= 0:
        return low + (high - low) / 10, high - (high - low) / 10
    return low**0.7 * high**0.3, low**0.3 * high**0.7


def points(law: Law, count: int) -> tuple[jax.Array, ...]:
    """Random inputs, (count,) each."""
    random = np.random.default_rng(0)
    ends = [middle(name, law) for name in law.inputs]
    return tuple(
        jnp.asarray(np.exp(random.uniform(np.log(low), np.log(high), count)))
        if low > 0
        else jnp.asarray(random.uniform(low, high, count))
        for low, high in ends
    )


def parameters(law: Law) -> dict[str, jax.Array]:
    """A published set, or the middle of the plausible ranges."""
    published = next(iter(law.published.values()), None)
    if published is not None:
        return {name: jnp.asarray(value) for name, value in published.items()}
    ends = {name: p.plausible for name, p in law.parameters.items()}
    return {
        name: jnp.asarray(np.sqrt(low * high) if low > 0 else (low + high) / 2)
        for name, (low, high) in ends.items()
    }


def count_operations(jaxpr: Any, size: int) -> Counter[str]:
    """Exponentials and logarithms of arrays of at least `size` elements, in loops once."""
    found: Counter[str] = Counter()
    for equation in jaxpr.eqns:
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            found += count_operations(inner, size)
        if equation.outvars[0].aval.size >= size:
            found += Counter(UNITS.get(equation.primitive.name, {}))
    return found


def rates(count: int) -> dict[str, float]:
    """Seconds of one exponential, one logarithm, and one number moved, on this machine."""
    x = jnp.linspace(0.1, 2.0, count)
    found = {}
    for name, function in {"exp": jnp.exp, "log": jnp.log, "move": lambda x: x + 1.0}.items():
        _, timing = measure(partial(jax.jit(function), x), repeats=7)
        found[name] = timing.wall / count
    # Adding one reads a number and writes one.
    found["move"] /= 2
    return found


def limit(operations: Counter[str], numbers: int, speed: dict[str, float], count: int) -> float:
    """The least seconds for these operations on `count` points, with `numbers` moved for each."""
    work = operations["exp"] * speed["exp"] + operations["log"] * speed["log"]
    return max(work, numbers * speed["move"]) * count


def rows_of(law: Law, count: int, speed: dict[str, float]) -> list[dict[str, Any]]:
    """The law, and its gradient."""
    inputs, theta = points(law, count), parameters(law)

    def loss(inputs: tuple[jax.Array, ...], theta: dict[str, jax.Array]) -> jax.Array:
        return law(*inputs, **theta)

    functions = {
        "value": (loss, len(inputs) + 1),
        "gradient": (jax.vmap(jax.grad(loss, 1), (0, None)), len(inputs) + len(theta)),
    }
    found = []
    for what, (function, numbers) in functions.items():
        traced = jax.make_jaxpr(function)(inputs, theta)
        least = limit(count_operations(traced.jaxpr, count), numbers, speed, count)
        result, timing = measure(partial(jax.jit(function), inputs, theta), repeats=5)
        sound = all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(result))
        found.append(
            {
                "law": law.name,
                "what": what,
                "ns/point": 1e9 * timing.wall / count,
                "limit ns/point": 1e9 * least / count,
                "times the limit": timing.wall / least,
                "compile s": timing.compile,
                "finite": "yes" if sound else "NO",
            }
        )
    return found


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--points", type=int, default=1_000_000)
    made.add_argument("--only", nargs="+", choices=sj.LAWS, default=list(sj.LAWS))
    given = made.parse_args()
    with jax.enable_x64(True):
        speed = rates(given.points)
        rows = [row for name in given.only for row in rows_of(sj.LAWS[name], given.points, speed)]
    over = [row for row in rows if row["times the limit"] > 3]
    notes = [
        f"{given.points:,} points; one exponential {1e9 * speed['exp']:.2f} ns, one logarithm "
        f"{1e9 * speed['log']:.2f} ns, one number read or written {1e9 * speed['move']:.2f} ns",
        f"{len(over)} of {len(rows)} rows take more than 3 times the limit: "
        + (", ".join(f"{row['law']} {row['what']}" for row in over) or "none"),
    ]
    report("Laws and their gradients", rows, notes, given.json)


if __name__ == "__main__":
    main()
