"""A law seen as a fitting problem: coordinates, residuals and the objective of one problem.

`Model` is the static half (which law, which parameters are free): it is hashable, and compiled
code is specialised to it. `Rows` and `Settings` are the dynamic half: the data of one problem and
the numbers that go with it. Everything here is written for one problem and one data point;
resampling, batching and devices are outside.

The coordinates ``u`` of a problem are the free parameters, in the order of ``Model.free``, mapped
to the real line by their supports; a fitted noise scale adds its logarithm as a last coordinate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax._numerics import fast_log, powers_as_exponentials
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.objectives.losses import Kernel
from scalejax.objectives.priors import Prior

Penalty = Callable[[dict[str, Any]], jax.Array]
"""A function of the parameters by name, added to the objective."""


class Rows(NamedTuple):
    """The data of one problem.

    Attributes:
        inputs: One array (n,) per input of the law.
        target: Observed log loss, or loss, to match the kernel; (n,).
    """

    inputs: tuple[jax.Array, ...]
    target: jax.Array


class Settings(NamedTuple):
    """The numbers of a problem that are neither data nor coordinates.

    Attributes:
        constants: Constants of the objective.
        fixed: Values of fixed parameters.
        priors: Priors by parameter name.
    """

    constants: tuple[Any, ...]
    fixed: Mapping[str, Any]
    priors: Mapping[str, Prior]


@dataclass(frozen=True)
class Model:
    """A law, its free parameters and the loss of a residual: hashable, compared by value.

    Attributes:
        law: The law.
        kernel: The compiled part of the objective.
        free: Parameters that are fitted, in the order of the coordinates.
        tied: Pairs (parameter, free parameter whose value it takes).
        penalty: Pure function of all parameters that is added to the objective.
    """

    law: Law
    kernel: Kernel
    free: tuple[str, ...]
    tied: tuple[tuple[str, str], ...] = ()
    penalty: Penalty | None = None

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.free) + self.kernel.fitted_scale

    @property
    def linear(self) -> tuple[str, ...]:
        """Free parameters in which the law is linear, those tied to them included."""
        ties = dict(self.tied)
        curved = {leader for name, leader in ties.items() if name not in self.law.linear}
        return tuple(name for name in self.free if name in self.law.linear and name not in curved)

    @property
    def nonlinear(self) -> tuple[str, ...]:
        """The other free parameters."""
        return tuple(name for name in self.free if name not in self.linear)

    def complete(self, free: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of the law, in its order, from the free and the fixed ones."""
        values = {**fixed, **free}
        values.update({name: values[leader] for name, leader in self.tied})
        return {name: values[name] for name in self.law.parameters}

    def parameters(self, u: Any, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of the law at coordinates u (any indexable of length `size`)."""
        free = {name: self.law.parameters[name].constrain(u[k]) for k, name in enumerate(self.free)}
        return self.complete(free, fixed)

    def residual(
        self, u: Any, inputs: tuple[Any, ...], target: Any, fixed: Mapping[str, Any]
    ) -> jax.Array:
        """Predicted minus observed at one point, of log loss or loss."""
        loss = self.evaluate(self.parameters(u, fixed), inputs)
        return (fast_log(loss) if self.kernel.log else loss) - target

    def evaluate(self, parameters: Mapping[str, Any], inputs: tuple[Any, ...]) -> jax.Array:
        """The law at one point, with powers in the form that compiles to fast code."""
        names = tuple(parameters)
        return _fast_law(self.law, names)(*inputs, *(parameters[name] for name in names))

    def rho(self, u: Any, residual: jax.Array, constants: tuple[Any, ...]) -> jax.Array:
        """Loss of one residual; the noise scale, if fitted, is the last coordinate."""
        if self.kernel.fitted_scale:
            return self.kernel.rho(residual, u[len(self.free)], *constants)
        return self.kernel.rho(residual, *constants)

    def penalties(self, u: Any, settings: Settings) -> jax.Array:
        """Penalty and priors at coordinates u; zero without any."""
        parameters = self.parameters(u, settings.fixed)
        total = jnp.zeros_like(u[0])
        for name, prior in settings.priors.items():
            total = total + prior.penalty(parameters[name])
        if self.penalty is not None:
            total = total + self.penalty(parameters)
        return total

    def objective(self, u: Any, rows: Rows, weight: jax.Array, settings: Settings) -> jax.Array:
        """The objective of one problem: weighted sum over its rows (n,) plus penalties."""

        def row(inputs: tuple[Any, ...], target: Any, w: Any) -> jax.Array:
            residual = self.residual(u, inputs, target, settings.fixed)
            return w * self.rho(u, residual, settings.constants)

        total = jnp.sum(jax.vmap(row)(rows.inputs, rows.target, weight))
        return total + self.penalties(u, settings)


def make_model(
    law: Law,
    kernel: Kernel,
    *,
    fixed: Mapping[str, Any] | None = None,
    tied: Mapping[str, str] | None = None,
    penalty: Penalty | None = None,
    empty: bool = False,
) -> Model:
    """A law as a fitting problem: what is neither fixed nor tied is free.

    Args:
        law: The law.
        kernel: The compiled part of the objective.
        fixed: Parameters held at a value.
        tied: Parameter that takes the value of another, by name.
        penalty: Pure function of the dictionary of all parameters.
        empty: Whether all parameters may be fixed, so that nothing is left to fit.

    Raises:
        UsageError: Names that are not parameters, a parameter both fixed and tied, a chain of
            ties, or nothing left to fit.
    """
    fixed, tied = fixed or {}, tied or {}
    complaints = [
        f"{name!r} is not a parameter of {law.name} ({', '.join(law.parameters)})"
        for name in (*fixed, *tied, *tied.values())
        if name not in law.parameters
    ]
    complaints += [f"{name!r} is both fixed and tied" for name in fixed if name in tied]
    complaints += [
        f"{name!r} is tied to {leader!r}, which is not free"
        for name, leader in tied.items()
        if leader in tied or leader in fixed
    ]
    free = tuple(name for name in law.parameters if name not in fixed and name not in tied)
    if not free and not empty and not complaints:
        complaints.append(nothing_left(law))
    if complaints:
        raise UsageError(f"{'; '.join(complaints)}.")
    return Model(law, kernel, free, tuple(tied.items()), penalty)


def nothing_left(law: Law) -> str:
    """What is wrong where all parameters of a law are fixed and something is to be fitted."""
    return f"every parameter of {law.name} is fixed: nothing is left to fit"


def _fast_law(law: Law, names: tuple[str, ...]) -> Callable[..., jax.Array]:
    """The law as a function of its inputs and then the parameters of these names."""
    count = len(law.inputs)

    def flat(*values: Any) -> jax.Array:
        return jnp.asarray(law(*values[:count], **dict(zip(names, values[count:], strict=True))))

    return powers_as_exponentials(flat)
