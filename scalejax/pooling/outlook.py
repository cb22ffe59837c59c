"""Forecasts of pooled families: what is known of a family's law beforehand is its population."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.forecasting import (
    At,
    Context,
    Forecast,
    Prior,
    log_relative,
    make_forecast,
    rows_of,
    runs_to_come,
)
from scalejax.laws import Law
from scalejax.pooling.draws import parameters_of
from scalejax.pooling.hierarchy import Constants, Hierarchy
from scalejax.pooling.record import PooledRecord
from scalejax.resampling import check_level
from scalejax.scope import own_settings
from scalejax.vocabulary import argument

_CANDIDATES = 16
"""Places where a search may begin; the population's middle is one. By judgement: the prior is
normal with the laws of a few families in it, and rarely has a second mode."""

_REACH = 8.0
"""Standard deviations of the population to which a law is sought, as forecasts do otherwise."""

_RIDGE = 1e-12
"""Share of the variances that is added to them, so that parameters which families share exactly
have a factor."""


@dataclass(frozen=True)
class PopulationLaw:
    """A law inside a forecast, in coordinates that are standard normal in the population.

    Attributes:
        hierarchy: The law and its coordinates.
        reference: The run at which terms are measured.
        fixed: Values of fixed parameters, by name.
        middle: Coordinates of the population's middle, (p,).
        factor: Cholesky factor of their covariance for a family never seen, (p, p).
    """

    hierarchy: Hierarchy
    reference: tuple[float, ...]
    fixed: tuple[tuple[str, float], ...]
    middle: tuple[float, ...]
    factor: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, pooled: PooledRecord) -> "PopulationLaw":
        """That of a pool, with the uncertainty of its population."""
        v = pooled.new_draws[:, :-1]  # without the noise scale, which a forecast learns itself
        covariance = np.atleast_2d(np.cov(v.T))
        covariance += _RIDGE * np.diag(1 + np.diagonal(covariance))
        return cls(
            pooled.hierarchy,
            tuple(map(float, pooled.constants.reference)),
            tuple(sorted(pooled.constants.fixed.items())),
            tuple(v.mean(0).tolist()),
            tuple(map(tuple, np.linalg.cholesky(covariance).tolist())),
        )

    @property
    def law(self) -> Law:
        """The law."""
        return self.hierarchy.model.law

    @property
    def prior(self) -> Prior:
        """Standard normal."""
        size = len(self.middle)
        starts = np.random.default_rng(0).standard_normal((_CANDIDATES, size))
        starts[0] = 0
        ends = np.full(size, _REACH)
        return Prior(np.zeros(size), np.ones(size), -ends, ends, starts)

    def points(self, inputs: Floats, context: Context) -> Floats:
        """The inputs themselves."""
        return inputs

    def log_response(self, theta: jax.Array, point: jax.Array, context: Context) -> jax.Array:
        """ln(response / typical response) at coordinates (p,) and one point (k,)."""
        v = self._coordinates(theta)
        parameters = self.hierarchy.parameters(v, self._constants)
        return log_relative(self.hierarchy.model.evaluate(parameters, tuple(point)), context)

    def parameters(self, theta: Floats, context: Context) -> dict[str, Floats]:
        """Parameters of the law at coordinates (B, p), (B,) each."""
        with own_settings():
            v = jax.vmap(self._coordinates)(jnp.asarray(theta))
            values = parameters_of(self.hierarchy, v, self._constants)
            return {name: np.asarray(values[name], np.float64) for name in self.law.parameters}

    @property
    def _constants(self) -> Constants:
        return Constants(self.reference, dict(self.fixed), (1.0, 1.0))

    def _coordinates(self, theta: jax.Array) -> jax.Array:
        middle, factor = (jnp.asarray(x, theta.dtype) for x in (self.middle, self.factor))
        return middle + factor @ theta


def forecast(pooled: PooledRecord, at: At, level: float, seed: int) -> Forecast:
    """See `scalejax.pooling.Pooled.forecast`."""
    check_level(level)
    separate = [pooled.hierarchy.names[k] for k in pooled.hierarchy.places("separate")]
    if separate:
        raise UsageError(
            f"the prior of a forecast is the population, and there is none of {', '.join(separate)}"
            f", which {argument('separate')} names: pool them, or forecast the families by "
            "themselves with scalejax.forecast."
        )
    targets = runs_to_come(at, pooled.law.inputs)
    families: Mapping[str, int] = {name: k for k, name in enumerate(pooled.table.group_labels)}
    answer = make_forecast(
        PopulationLaw.of(pooled),
        {name: rows_of(pooled.table, pooled.table.group == k) for name, k in families.items()},
        dict.fromkeys(families, targets),
        level=level,
        seed=seed,
        # The population has seen the largest runs: predicting them from the rest is no test.
        backtest=False,
        compute=dict.fromkeys(families, pooled.table.compute),
    )
    note = (
        f"what {len(families)} families have in common is known beforehand, from the largest runs "
        "too: there is no backtest"
    )
    return replace(answer, notes=(*answer.notes, note))
