"""Conclusions: named numbers computed from a law's parameters.

Influence, sensitivity and comparison all ask how far a *conclusion* moves: an exponent, the best
model for a compute budget, the loss of a planned run. A `Conclusions` computes all of them from
the parameters as one pure function, so that it can be mapped over draws and over fits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats
from scalejax.amounts import POSITIVE, read
from scalejax.compute import SIX_N_D, Compute, clear_compute
from scalejax.engine import CovarianceKind
from scalejax.errors import UsageError
from scalejax.fitting import Fit, default_kind
from scalejax.laws import Law
from scalejax.objectives import Model
from scalejax.optima import allocation
from scalejax.scope import own_settings
from scalejax.vocabulary import argument

BEYOND = 100.0
"""The default budget, in multiples of the largest compute among the runs; set by judgement."""


_FEWEST_LANES = 1024
"""Sets of parameters that are computed together at least, and else a power of two: an estimate, its
usable draws and those of its variants share a program. By judgement."""


class Conclusion(Protocol):
    """One or more numbers from parameters; hashable, so that compiled code is used again."""

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each number."""

    def positive(self, law: Law) -> bool:
        """Whether the numbers are positive whatever the parameters, so that moves are in logs."""

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The numbers, (k,)."""


class ParameterValue(NamedTuple):
    """A parameter itself; NaN for a law that has none of that name."""

    parameter: str

    @property
    def names(self) -> tuple[str, ...]:
        """The parameter's name."""
        return (self.parameter,)

    def positive(self, law: Law) -> bool:
        """Whether its support is positive."""
        known = law.parameters.get(self.parameter)
        return known is not None and known.support.lower >= 0

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """Its value, (1,)."""
        return jnp.reshape(jnp.asarray(parameters.get(self.parameter, jnp.nan), float), 1)


class ComputeOptimum(NamedTuple):
    """The best model for a budget in FLOP: its N, D/N and loss, with C = 6ND or as measured."""

    budget: float
    compute: Compute = SIX_N_D

    @property
    def names(self) -> tuple[str, ...]:
        """Three names with the budget."""
        return tuple(f"{label} at {self.budget:g} FLOP" for label in ("N*", "D*/N*", "L*"))

    def positive(self, law: Law) -> bool:
        """Sizes, ratios and losses are."""
        return True

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """N, D/N and loss, (3,)."""
        best = allocation(law, parameters, self.budget, self.compute)
        return jnp.stack([best.N, best.D / best.N, best.loss])


class PredictedLoss(NamedTuple):
    """The loss of a planned run: its inputs by name, in the order of the law."""

    point: tuple[tuple[str, float], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name with the inputs."""
        return (f"loss at {', '.join(f'{name}={value:g}' for name, value in self.point)}",)

    def positive(self, law: Law) -> bool:
        """A loss is."""
        return True

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The loss, (1,)."""
        return jnp.reshape(law(*(value for _, value in self.point), **parameters), 1)


class OwnNumber(NamedTuple):
    """A number of the caller's own: a pure function of the dictionary of parameters."""

    function: Callable[[Mapping[str, Any]], Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of the function."""
        return (getattr(self.function, "__name__", "your number"),)

    def positive(self, law: Law) -> bool:
        """Nothing is known of it."""
        return False

    def __call__(self, law: Law, parameters: Mapping[str, Any]) -> jax.Array:
        """The number, (1,)."""
        return jnp.reshape(jnp.asarray(self.function(dict(parameters)), float), 1)


@dataclass(frozen=True)
class Conclusions:
    """Several conclusions, computed together.

    Attributes:
        parts: The conclusions, whose numbers follow each other.
    """

    parts: tuple[Conclusion, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(name for conclusion in self.parts for name in conclusion.names)

    def of(self, law: Law, parameters: Mapping[str, Any]) -> Floats:
        """All numbers, (k,), at one set of parameters."""
        return self.of_many(law, {name: np.reshape(v, 1) for name, v in parameters.items()})[0]

    def of_many(self, law: Law, parameters: Mapping[str, Any]) -> Floats:
        """All numbers, (B, k), of parameters (B,)."""
        arrays = {name: np.asarray(v, np.float64) for name, v in parameters.items()}
        count = len(next(iter(arrays.values())))
        size = max(_FEWEST_LANES, 1 << (count - 1).bit_length()) if count else 0
        padded = {
            name: np.pad(values, (0, size - count), mode="edge") for name, values in arrays.items()
        }
        with own_settings():
            return np.asarray(_evaluate(self.parts, law, padded), np.float64)[:count]

    def logarithmic(self, law: Law, values: Floats) -> NDArray[np.bool_]:
        """Whether moves of each number are measured in its logarithm, (k,).

        So they are where a number is positive by its nature and is so here (values, (k,)).
        """
        nature = [one.positive(law) for one in self.parts for _ in one.names]
        return np.array(nature, bool) & (values > 0)

    def moves(self, fit: Fit, values: Floats) -> Floats:
        """How far values (..., k) lie from those of a fit, in its standard errors.

        For positive numbers (sizes, ratios, losses, positive parameters) that is the change of the
        logarithm over the standard deviation of the logarithm, because their draws may span
        decades: tokens per parameter of 1.36 and then 6.77, where draws have a standard deviation
        of 737 and their decimal logarithms one of 0.68, is a move of +1.0 and not of +0.0.
        """
        base = self.of(fit.law, fit.params)
        logs = self.logarithmic(fit.law, base)
        error = self.standard_errors(fit, logs)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (in_logs(values, logs) - in_logs(base, logs)) / error

    def standard_errors(self, fit: Fit, logs: NDArray[np.bool_] | None = None) -> Floats:
        """Standard errors, (k,): of the draws, or asymptotic without draws; NaN where unknown.

        Args:
            fit: The fit.
            logs: Numbers whose logarithm is meant, (k,); none if not given.
        """
        if logs is None:
            logs = np.zeros(len(self.names), bool)
        if default_kind(fit) == "percentile" and np.any(fit.draws.usable):
            return np.std(in_logs(self.of_many(fit.law, fit.draws.arrays()), logs), axis=0)
        problem, linear = fit.problem, fit.asymptotics
        u = problem.coordinates(fit.params, None)
        with own_settings():
            slope = np.asarray(_slopes(self.parts, problem.model, u, dict(problem.fixed)))
        kind: CovarianceKind = "wald" if fit.table.cluster is None else "sandwich"
        size = np.where(logs, self.of(fit.law, fit.params), 1.0)
        return linear.standard_errors(slope, kind) / size


def in_logs(values: Floats, logs: NDArray[np.bool_]) -> Floats:
    """Values (..., k) with the logarithm of those that `logs` (k,) names; NaN if not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(logs, np.log(np.where(values > 0, values, np.nan)), values)


@partial(jax.jit, static_argnums=(0, 1))
def _evaluate(parts: tuple[Conclusion, ...], law: Law, parameters: Mapping[str, Any]) -> jax.Array:
    """Numbers (B, k) of parameters (B,)."""
    return jax.vmap(lambda p: jnp.concatenate([conclusion(law, p) for conclusion in parts]))(
        parameters
    )


@partial(jax.jit, static_argnums=(0, 1))
def _slopes(
    parts: tuple[Conclusion, ...], model: Model, u: Any, fixed: Mapping[str, Any]
) -> jax.Array:
    """Derivatives of the numbers in the coordinates, (k, p)."""

    def numbers(u: jax.Array) -> jax.Array:
        parameters = model.parameters(u, fixed)
        return jnp.concatenate([conclusion(model.law, parameters) for conclusion in parts])

    return jax.jacfwd(numbers)(u)


Point = Mapping[str, float | str] | float | str
"""Inputs of a run by name, or a compute."""


def conclude(
    fit: Fit,
    *,
    at: Point | Sequence[Point] | None = None,
    parameters: Sequence[str] | None = None,
) -> Conclusions:
    """The usual conclusions of a fit.

    Args:
        fit: The fit.
        at: Where, one point or several: a compute, ``{"C": 1e24}`` or ``1e24`` in FLOP, for the
            best N, tokens per parameter and loss (laws of N and D), or the inputs of a
            planned run for its loss. 100 times the largest compute of the runs if not given.
        parameters: Parameters; those that were fitted and enter nonlinearly if not given, or all
            that were fitted where none does.

    Raises:
        UsageError: A parameter or input is missing, or a compute is given for another law.
    """
    law = fit.law
    names = parameters
    if names is None:
        names = [name for name in fit.free if name in law.nonlinear] or fit.free
    if unknown := [name for name in names if name not in law.parameters]:
        raise UsageError(f"{', '.join(unknown)}: no parameters of {law.name}.")
    if isinstance(at, Mapping | str | int | float):
        at = [at]
    if at is None and set(law.inputs) == {"N", "D"}:
        at = [float(f"{BEYOND * np.max(fit.table.flop):.1e}")]
    values: list[Conclusion] = [ParameterValue(name) for name in names]
    return Conclusions(
        (*values, *(conclusion_at(point, law, fit.table.compute) for point in at or ()))
    )


def conclusion_at(
    point: Point, law: Law, compute: Compute | None = SIX_N_D
) -> ComputeOptimum | PredictedLoss:
    """The conclusion at a point: the loss of a run, or the best model for a compute.

    Args:
        point: Inputs of a run by name, ``{"N": "70B", "D": 1.4e12}``; or a compute in FLOP, as
            ``{"C": 1e24}`` or a number, for laws of N and D. Numbers may be text.
        law: The law.
        compute: What a run costs, as `Table.compute` has it.

    Raises:
        UsageError: The point does not go with the law, a value is not a positive number, or it is
            open what a run costs.
    """
    inputs = point if isinstance(point, Mapping) else {"C": point}
    values = {name: read("at", value, POSITIVE, name) for name, value in inputs.items()}
    if values.keys() == {*law.inputs}:
        return PredictedLoss(tuple((name, values[name]) for name in law.inputs))
    if values.keys() != {"C"}:
        raise UsageError(
            f"{argument('at')} needs {', '.join(law.inputs)} (law {law.name}), not "
            f"{', '.join(map(str, values))}."
        )
    if {*law.inputs} != {"N", "D"}:
        raise UsageError(
            f"the best model for a compute is for laws of N and D, and {law.name} is one of "
            f"{', '.join(law.inputs)}: give {argument('at')} the inputs of a run."
        )
    return ComputeOptimum(values["C"], clear_compute(compute))
