"""How a law responds to its parameters at given runs.

`jacobians` differentiates the residuals in the coordinates of the fit; `typical_points` says at
which parameters to do that as long as nothing has been fitted.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from scalejax._arrays import Floats
from scalejax._numerics import RUN_ONCE
from scalejax.identify.run_set import RunSet
from scalejax.laws import Law
from scalejax.objectives import Model
from scalejax.quantities import LOSS
from scalejax.scope import own_settings

_SHORTEST = 32  # Fewest runs that a program is compiled for; fewer are padded.
_TYPICAL_POINTS = 16
"""Points of the parameters of a law that has no published set. By judgement: only the best counts,
and not all of them predict losses that occur."""


def losses(model: Model, parameters: Mapping[str, float], inputs: Mapping[str, Floats]) -> Floats:
    """The law at runs, (n,)."""
    with own_settings():
        values = np.asarray(_losses(model.law, inputs, dict(parameters)), np.float64)
    return np.broadcast_to(values, next(iter(inputs.values())).shape)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _losses(law: Law, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> jax.Array:
    # By position: a dictionary comes in alphabetical order out of a compiled function.
    return law(*(inputs[name] for name in law.inputs), **parameters)


def coordinates(model: Model, parameters: Mapping[str, float]) -> Floats:
    """Coordinates (p,) of the free parameters."""
    known = model.law.parameters
    return np.array([float(known[name].unconstrain(parameters[name])) for name in model.free])


def jacobians(
    model: Model,
    points: list[dict[str, float]],
    fixed: Mapping[str, float],
    inputs: tuple[Floats, ...],
) -> Floats:
    """Derivatives of the residuals of n runs in the p coordinates: (points, n, p)."""
    count = len(inputs[0])
    # A few lengths serve all designs, so that few programs are compiled.
    length = max(_SHORTEST, 1 << (count - 1).bit_length())
    padded = tuple(np.concatenate([x, np.repeat(x[:1], length - count)]) for x in inputs)
    u = np.stack([coordinates(model, point) for point in points])
    with own_settings():
        slopes = _slopes(model, u, padded, {name: float(x) for name, x in fixed.items()})
        return np.asarray(slopes, np.float64)[:, :count]


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _slopes(model: Model, u: Any, inputs: tuple[Any, ...], fixed: dict[str, Any]) -> jax.Array:
    def residual(u: Any, *run: Any) -> jax.Array:
        return model.residual(u, run, 0.0, fixed)

    runs = jax.vmap(jax.jacfwd(residual), in_axes=(None, *[0] * len(inputs)))
    return jax.vmap(lambda u: runs(u, *inputs))(u)


def all_parameters(design: RunSet, point: Mapping[str, float]) -> dict[str, float]:
    """All parameters of the law from those that are free."""
    free = {name: float(point[name]) for name in design.model.free}
    return design.model.complete(free, design.fixed)


def typical_points(design: RunSet) -> dict[str, dict[str, float]]:
    """Points of the parameters by name: the published sets, or points all over the ranges."""
    law = design.model.law
    published = {
        f"the parameters of {name}": dict(values)
        for name, values in law.published.items()
        if set(design.model.free) <= set(values)
    }
    if published:
        return published
    parameters = [law.parameters[name] for name in design.model.free]
    # Multiples of the square roots of primes are spread evenly; the middle comes first.
    steps = np.sqrt([p for p in range(2, 200) if all(p % q for q in range(2, p))])
    unit = (0.5 + np.arange(_TYPICAL_POINTS)[:, None] * steps[: len(parameters)]) % 1.0
    middle = 0.25 + 0.5 * unit
    points = [
        {p.name: _between(p.plausible, float(x)) for p, x in zip(parameters, row, strict=True)}
        for row in middle
    ]
    likely = [point for point in points if _plausible(design, point)]
    return {f"typical values ({k + 1})": point for k, point in enumerate(likely or points)}


def _between(ends: tuple[float, float], share: float) -> float:
    low, high = ends
    if low > 0:
        return float(low * (high / low) ** share)
    return low + (high - low) * share


def _plausible(design: RunSet, point: Mapping[str, float]) -> bool:
    """Whether a point predicts losses that occur."""
    predicted = losses(design.model, all_parameters(design, point), design.inputs)
    low, high = LOSS.plausible
    return bool(np.all((predicted >= low) & (predicted <= high)))
