"""The law inside a forecast: in which coordinates it is sought, and what is known beforehand.

`FieldLaw` is Chinchilla's law with an outer exponent under the prior of the field: the usual choice
for tables of N, D and loss. `AnyLaw` takes every other law, with the prior that it declares or a
weak one from its plausible ranges. A forecast does not care which it is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from scalejax._arrays import Floats
from scalejax.forecasting import field as of_field
from scalejax.laws import LAWS, Law, Support, positive, real
from scalejax.objectives import Model
from scalejax.scope import own_settings

REFERENCES = 16
"""Rows at which the terms of a law are measured: a term may vanish at one of them, as a logarithm
does, but not at all. By judgement."""

CANDIDATES = 64
"""Draws of the prior that are scored to choose the starts; by judgement."""

SHARE, SHARE_SD = -1.5, 1.2
"""Weak prior of a positive term: the logarithm of its share of a typical response, 2 to 100 %."""

SIGNED_SD = 1.5
"""Weak prior of a term of either sign, in typical responses."""

NINE_IN_TEN = 1.645
"""Half the width of the plausible range in standard deviations: nine laws in ten lie inside."""

_REACH = 8.0
"""Standard deviations to which a coordinate is sought: beyond them nothing was ever seen."""


class Prior(NamedTuple):
    """A normal prior of the coordinates, with the ends of the search and its starts.

    Attributes:
        mean: Of each coordinate, (p,).
        sd: Its standard deviation, (p,).
        low: Lower ends, (p,).
        high: Upper ends, (p,).
        starts: Where the search may begin, (s, p).
    """

    mean: Any
    sd: Any
    low: Any
    high: Any
    starts: Any


class Context(NamedTuple):
    """What the coordinates of a law are relative to, in one table.

    Attributes:
        level: Mean of the logarithm of the response, ().
        centre: Mean of the logarithms of the inputs, (k,).
        references: Inputs of some rows, (REFERENCES, k).
        fixed: Values of the parameters that are not sought, by name.
    """

    level: Any
    centre: Any
    references: Any
    fixed: Mapping[str, Any]


class LawInside(Protocol):
    """What a forecast asks of a law: hashable, for it is compiled in."""

    @property
    def law(self) -> Law:
        """The law whose parameters the coordinates stand for."""

    @property
    def prior(self) -> Prior:
        """What is known of the coordinates before a table is seen."""

    def points(self, inputs: Floats, context: Context) -> Floats:
        """Inputs (n, k) as `log_response` reads them."""

    def log_response(self, theta: jax.Array, point: jax.Array, context: Context) -> jax.Array:
        """ln(response / typical response) at coordinates (p,) and one point (k,)."""

    def parameters(self, theta: Floats, context: Context) -> dict[str, Floats]:
        """Parameters of the law at coordinates (B, p), (B,) each."""


def context_of(
    inputs: Floats, log_response: Floats, order: Floats, fixed: Mapping[str, float]
) -> Context:
    """The context of a table.

    Args:
        inputs: Inputs of the rows, (n, k).
        log_response: Of the rows, (n,).
        order: By which the references are spread: compute, (n,).
        fixed: Values of parameters that are not sought.
    """
    place = np.linspace(0, len(inputs) - 1, REFERENCES).round().astype(int)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.mean(np.log(inputs), 0)
    return Context(
        level=np.float64(log_response.mean()),
        centre=centre,
        references=inputs[np.argsort(order, kind="stable")[place]],
        fixed={name: np.float64(value) for name, value in fixed.items()},
    )


def log_relative(response: jax.Array, context: Context) -> jax.Array:
    """ln(response / typical response), and a small constant where there is no logarithm."""
    relative = response * jnp.exp(-context.level)
    tiny = jnp.asarray(1e-12, relative.dtype)
    return jnp.log(jnp.where(relative > tiny, relative, tiny))


@dataclass(frozen=True)
class FieldLaw:
    """Chinchilla's law with an outer exponent, under the prior of the field.

    Its coordinates and their prior are those of `scalejax.forecasting.field`.
    """

    @property
    def law(self) -> Law:
        """`scalejax.laws.outer_exponent`."""
        return LAWS["outer_exponent"]

    @property
    def prior(self) -> Prior:
        """That of the field."""
        return Prior(of_field.MEAN, of_field.SD, of_field.LOW, of_field.HIGH, of_field.STARTS)

    def points(self, inputs: Floats, context: Context) -> Floats:
        """Centred logarithms of N and D."""
        return np.log(inputs) - context.centre

    def log_response(self, theta: jax.Array, point: jax.Array, context: Context) -> jax.Array:
        """See `scalejax.forecasting.field.log_loss`."""
        return of_field.log_loss(theta, point)

    def parameters(self, theta: Floats, context: Context) -> dict[str, Floats]:
        """Parameters of `outer_exponent`."""
        return of_field.parameters(theta, float(context.level), *map(float, context.centre))


@dataclass(frozen=True)
class AnyLaw:
    """A law of any form, in coordinates that runs determine nearly independently.

    A linear parameter is sought as the logarithm of its term over a typical response, averaged
    over rows of the table (an amount of either sign as that share itself); another parameter in the
    coordinate of its support, the logarithm of an exponent for one.

    Attributes:
        model: The law, and which of its parameters are free.
        ranges: Ranges that hold nine in ten values of a parameter that is not linear, as the user
            knows it; in place of the declared prior.
    """

    model: Model
    ranges: tuple[tuple[str, tuple[float, float]], ...] = field(default=())

    @property
    def law(self) -> Law:
        """The law."""
        return self.model.law

    @property
    def _terms(self) -> tuple[str, ...]:
        """Parameters that are sought as the size of their term."""
        supports = {name: p.support for name, p in self.law.parameters.items()}
        free = [name for name in self.model.linear if name not in dict(self.ranges)]
        return tuple(name for name in free if supports[name] in (positive, real))

    @property
    def prior(self) -> Prior:
        """What the law declares, and from plausible ranges where it declares nothing."""
        mean, sd = np.array([self._known(name) for name in self.model.free]).T
        from scipy.stats import qmc  # half a second, which the field's law does without

        low, high = mean - _REACH * sd, mean + _REACH * sd
        draws = qmc.Sobol(len(mean), seed=0).random(CANDIDATES)
        starts = mean + sd * ndtri(np.clip(draws, 0.02, 0.98))
        return Prior(mean, sd, low, high, np.concatenate([mean[None], starts]))

    def _known(self, name: str) -> tuple[float, float]:
        """Location and scale of the coordinate of a parameter."""
        parameter, ranges = self.law.parameters[name], dict(self.ranges)
        if name not in ranges:
            if name in self.law.prior:
                return self.law.prior[name]
            if name in self._terms:
                return (SHARE, SHARE_SD) if parameter.support is positive else (0.0, SIGNED_SD)
        low, high = ranges.get(name, parameter.plausible)
        ends = [
            float(parameter.support.unconstrain(_inside(x, parameter.support))) for x in (low, high)
        ]
        return (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2 / NINE_IN_TEN

    def points(self, inputs: Floats, context: Context) -> Floats:
        """The inputs themselves."""
        return inputs

    def log_response(self, theta: jax.Array, point: jax.Array, context: Context) -> jax.Array:
        """See `log_relative`."""
        return log_relative(
            self.model.evaluate(self._values(theta, context), tuple(point)), context
        )

    def parameters(self, theta: Floats, context: Context) -> dict[str, Floats]:
        """Parameters of the law."""
        with own_settings():
            values = jax.jit(jax.vmap(lambda one: self._values(one, context)))(jnp.asarray(theta))
        return {
            name: np.broadcast_to(np.asarray(value, np.float64), (len(theta),)).copy()
            for name, value in values.items()
        }

    def _values(self, theta: jax.Array, context: Context) -> dict[str, Any]:
        """All parameters at coordinates (p,)."""
        terms = self._terms
        free: dict[str, Any] = dict(zip(self.model.free, theta, strict=True))
        for name in free.keys() - set(terms):
            free[name] = self.law.parameters[name].support.constrain(free[name])
        sizes = self._sizes(free, context) if terms else {}
        for name in terms:
            if self.law.parameters[name].support is positive:
                free[name] = jnp.exp(free[name])
            free[name] = free[name] * jnp.exp(context.level) / sizes[name]
        return self.model.complete(free, context.fixed)

    def _sizes(self, free: Mapping[str, Any], context: Context) -> dict[str, jax.Array]:
        """Mean size of each term at the references, where its parameter is one."""
        terms = self._terms
        rest = {name: value for name, value in free.items() if name not in terms}

        def response(linear: dict[str, Any], point: jax.Array) -> jax.Array:
            values = self.model.complete({**rest, **linear}, context.fixed)
            return self.model.evaluate(values, tuple(point))

        one = jnp.ones((), context.references.dtype)
        slopes = jax.vmap(jax.jacfwd(response), (None, 0))(
            dict.fromkeys(terms, one), context.references
        )
        return {name: jnp.mean(jnp.abs(values)) + 1e-300 for name, values in slopes.items()}


def _inside(value: float, support: Support) -> float:
    """A value, moved into its support where it lies outside."""
    return min(max(value, support.lower + 1e-6), support.upper - 1e-6)
