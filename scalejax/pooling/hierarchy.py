"""Coordinates of a hierarchical law, in which groups are normal around their population.

A group has one coordinate per free parameter and the logarithm of its noise scale. Each has a role:
`pooled` (normal around the population's mean), `shared` (one value for all groups) or `separate`
(each group by itself).

The coefficients of a law are bad coordinates for a population. In A / N^alpha the pair (log A,
alpha) is correlated by more than 0.99 as soon as the runs lie far from N = 1, so that a small
change of alpha looks like a large one of A. Pooled coordinates are instead the logarithm of
each *term at a reference run* (the geometric mean of all runs), log(A / N0^alpha): the part of the
loss that the term makes in the middle of the runs, which can be compared between families. Other
positive parameters enter by their logarithm, fractions by their logit. A shared or fixed
coefficient means the coefficient itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._numerics import fast_log
from scalejax.laws import positive
from scalejax.objectives import Model

Role = Literal["pooled", "shared", "separate"]
NOISE = "noise_scale"


class Groups(NamedTuple):
    """The runs of G groups, padded to n rows by rows of weight zero.

    Attributes:
        inputs: One array (G, n) per input of the law.
        target: Observed log losses, (G, n).
        weight: Weights, (G, n): the noise of a row has the scale s / sqrt(weight), with s that of
            its group.
    """

    inputs: tuple[Any, ...]
    target: Any
    weight: Any


class Constants(NamedTuple):
    """The numbers of a hierarchical law that are neither data nor estimated.

    Attributes:
        reference: The run at which terms are measured, one number per input.
        fixed: Values of fixed parameters.
        spread: Prior median of a between-group standard deviation, and the standard deviation of
            its logarithm.
    """

    reference: tuple[Any, ...]
    fixed: Mapping[str, Any]
    spread: tuple[Any, Any]


@dataclass(frozen=True)
class Hierarchy:
    """The static half of a hierarchical law: hashable, compiled code is specialised to it.

    Attributes:
        model: The law and its free parameters.
        roles: Role of each free parameter, and last that of the noise scale.
        centred: Coefficients that enter as their term at the reference run.
        dof: Degrees of freedom of Student's t; None for Gaussian noise.
    """

    model: Model
    roles: tuple[Role, ...]
    centred: tuple[str, ...]
    dof: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return (*self.model.free, NOISE)

    def places(self, role: Role) -> tuple[int, ...]:
        """Positions of the coordinates of a role."""
        return tuple(k for k, place_role in enumerate(self.roles) if place_role == role)

    @property
    def own(self) -> tuple[int, ...]:
        """Positions of a group's own coordinates: the pooled ones, then the separate ones."""
        return (*self.places("pooled"), *self.places("separate"))

    @cached_property
    def _order(self) -> tuple[int, ...]:
        """Where each coordinate is among (own, shared)."""
        return tuple(int(k) for k in np.argsort([*self.own, *self.places("shared")]))

    def coordinates(self, own: jax.Array, shared: jax.Array) -> jax.Array:
        """All coordinates (p + 1,) of a group from its own and the shared ones."""
        return jnp.concatenate([own, shared])[np.array(self._order)]

    def parameters(self, v: Any, constants: Constants) -> dict[str, Any]:
        """All parameters of the law at coordinates v (p + 1,)."""
        law = self.model.law
        free = {
            name: v[k] if name in self.centred else law.parameters[name].support.constrain(v[k])
            for k, name in enumerate(self.model.free)
        }
        sizes = self._terms(free, constants)
        free |= {name: jnp.exp(v - jnp.log(sizes[name])) for name, v in _of(free, self.centred)}
        return self.model.complete(free, constants.fixed)

    def unconstrained(self, parameters: Mapping[str, Any], constants: Constants) -> jax.Array:
        """Coordinates (p,) of the free parameters at a point of the law."""
        sizes = self._terms(parameters, constants)
        return jnp.stack(
            [
                jnp.log(parameters[name] * sizes[name])
                if name in self.centred
                else self.model.law.parameters[name].support.unconstrain(parameters[name])
                for name in self.model.free
            ]
        )

    def _terms(self, parameters: Mapping[str, Any], constants: Constants) -> dict[str, Any]:
        """Size of the term at the reference run per unit of each centred coefficient."""
        if not self.centred:
            return {}
        rest = {name: x for name, x in parameters.items() if name not in self.model.linear}

        def term(linear: dict[str, Any]) -> jax.Array:
            values = self.model.complete({**rest, **linear}, constants.fixed)
            return jnp.asarray(self.model.law(*constants.reference, **values))

        like = jnp.asarray(constants.reference[0])
        slopes = jax.grad(term)({name: jnp.ones_like(like) for name in self.model.linear})
        return {name: slopes[name] for name in self.centred}

    def residual(
        self, v: jax.Array, inputs: tuple[Any, ...], target: Any, constants: Constants
    ) -> Any:
        """Predicted minus observed log loss, elementwise, at coordinates v (p + 1,)."""
        loss = self.model.evaluate(self.parameters(v, constants), inputs)
        return jnp.broadcast_to(fast_log(loss) - target, jnp.shape(target))


def centred_coefficients(
    model: Model, roles: tuple[Role, ...], constants: Constants
) -> tuple[str, ...]:
    """Coefficients that can enter as terms: positive, not shared, and with a positive term."""
    law = model.law
    middle = {
        name: float(np.sqrt(np.prod(law.parameters[name].plausible)))
        if law.parameters[name].support is positive
        else float(np.mean(law.parameters[name].plausible))
        for name in model.free
    }
    candidates = tuple(
        name
        for name, role in zip(model.free, roles, strict=False)
        if role != "shared" and name in model.linear and law.parameters[name].support is positive
    )
    sizes = Hierarchy(model, roles, candidates)._terms(middle, constants)
    return tuple(name for name in candidates if np.isfinite(sizes[name]) and sizes[name] > 0)


def _of(values: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(name, values[name]) for name in names]
