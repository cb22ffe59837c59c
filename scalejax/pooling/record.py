"""The record of a pooled fit: a population of laws and its families.

People hold a `scalejax.pooling.Pooled`, which is one that can be put in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax.data import Table, load_table
from scalejax.engine import check_signs
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.laws import Law, positive
from scalejax.objectives import LogNormal, Normal, Objective, Prior, least_squares
from scalejax.pooling.components import Components, components_of
from scalejax.pooling.draws import parameters_of, updated_draws
from scalejax.pooling.hierarchy import NOISE, Constants, Groups, Hierarchy
from scalejax.pooling.pooled_family import PooledFamily
from scalejax.pooling.population import unpack
from scalejax.pooling.separate import separate_fits
from scalejax.resampling import check_level, percentile_interval
from scalejax.scope import own_settings
from scalejax.status import Status


@dataclass(frozen=True, eq=False, repr=False)
class PooledRecord:
    """Families that share strength, as numbers.

    Attributes:
        law: The law.
        groups: Names of the G families, in order of appearance.
        status: How the search for the population ended.
        group_status: The same for each family's mode under it.
        hierarchy: Which parameters are pooled, shared and separate, and in which coordinates.
        constants: The reference run, fixed parameters and the prior of the spread.
        runs: The runs as padded arrays.
        table: The runs.
        phi: Coordinates of the population, (m,), see `scalejax.pooling.population`.
        hessian: Second derivatives of the negative log marginal posterior, (m, m).
        own: Own coordinates of the families at their modes, (G, r).
        log_marginal: Log marginal likelihood plus log prior of the population.
        starts: Starts tried.
        agreeing: Starts that reached the best.
        population_draws: Draws of `phi`, (S, m).
        group_draws: Draws of all coordinates of the families, (S, G, p + 1).
        new_draws: Draws of the coordinates of a family without runs, (S, p + 1).
        objective: The likelihood of the noise.
        seed: Seed of the draws.
        sampled: Whether the draws are of NUTS (`scalejax.pooling.pool_posterior`) rather than of
            Laplace's approximation.
    """

    law: Law
    groups: tuple[str, ...]
    status: Status
    group_status: dict[str, Status]
    hierarchy: Hierarchy
    constants: Constants
    runs: Groups
    table: Table
    phi: Floats
    hessian: Floats
    own: Floats
    log_marginal: float
    starts: int
    agreeing: int
    population_draws: Floats
    group_draws: Floats
    new_draws: Floats
    objective: Objective
    seed: int
    sampled: bool = False

    @property
    def pooled(self) -> tuple[str, ...]:
        """Names of the pooled coordinates: a coefficient means its term at the reference run."""
        return tuple(self.hierarchy.names[k] for k in self.hierarchy.places("pooled"))

    @property
    def reference(self) -> dict[str, float]:
        """The run at which terms are measured."""
        return dict(zip(self.law.inputs, self.constants.reference, strict=True))

    @cached_property
    def _population(self) -> tuple[Floats, Floats, Floats]:
        """Mean (q,), shared values (k,) and Cholesky factor (q, q)."""
        with own_settings():
            population = unpack(self.hierarchy, jax.numpy.asarray(self.phi))
            mean, shared, factor = (np.asarray(x, np.float64) for x in population)
        return mean, shared, factor

    def _parameters(self, v: Floats) -> dict[str, Floats]:
        with own_settings():
            parameters = parameters_of(self.hierarchy, jax.numpy.asarray(v), self.constants)
            return {name: np.asarray(parameters[name], np.float64) for name in self.law.parameters}

    def _whole(self, own: Floats) -> Floats:
        """All coordinates (p + 1,) from own ones (r,)."""
        with own_settings():
            shared = jax.numpy.asarray(self._population[1])
            return np.asarray(self.hierarchy.coordinates(jax.numpy.asarray(own), shared))

    def _family(self, name: str, v: Floats, draws: Floats, rows: int) -> PooledFamily:
        params = {key: float(x) for key, x in self._parameters(v).items()}
        return PooledFamily(
            name, self.law, params, self._parameters(draws), np.exp(draws[:, -1]), rows,
            self.hierarchy.dof, self.seed,
        )  # fmt: skip

    def family(self, name: str) -> PooledFamily:
        """One of the families, with draws of its law.

        Raises:
            UsageError: There is no such family.
        """
        if name not in self.groups:
            raise UsageError(f"there is no family {name!r}; there are {', '.join(self.groups)}.")
        k = self.groups.index(name)
        rows = int(np.sum(self.runs.weight[k] > 0))
        return self._family(name, self._whole(self.own[k]), self.group_draws[:, k], rows)

    @cached_property
    def new_family(self) -> PooledFamily:
        """A family never seen, drawn from the population with all its uncertainty.

        Raises:
            UsageError: Some parameters are separate, so that there is no population of them.
        """
        self._refuse_separate("a family never seen")
        return self._family("(new)", self._whole(self._population[0]), self.new_draws, 0)

    @cached_property
    def separate_fits(self) -> dict[str, Fit]:
        """Fits of the families by themselves, where they have enough runs; made when asked for."""
        return separate_fits(self.table, self.law, self.objective, self.constants.fixed)

    def update(self, runs: Any, **table_options: Any) -> PooledFamily:
        """A new family from its first few runs, even a single one.

        Args:
            runs: As `data` of `pool`, all of one family.
            **table_options: As for `pool`.

        Returns:
            The family under the population as fitted, which these runs do not change.

        Raises:
            UsageError: Some parameters are separate, so that there is no population of them.
        """
        self._refuse_separate("a new family")
        table = load_table(runs, inputs=self.law.inputs, **table_options)
        check_signs(least_squares(), table.target)
        inputs = tuple(x[None] for x in table.inputs.values())
        rows = Groups(inputs, np.log(table.target)[None], table.weight[None])
        with own_settings():
            key = jax.random.fold_in(jax.random.key(self.seed), 1)
            v, mode = updated_draws(
                self.hierarchy, key, self.population_draws, rows, self.constants
            )
        return self._family("(new)", np.asarray(mode), np.asarray(v), table.n_rows)

    def _refuse_separate(self, what: str) -> None:
        names = [self.hierarchy.names[k] for k in self.hierarchy.places("separate")]
        if names:
            raise UsageError(
                f"{what} cannot be predicted: {', '.join(names)} are separate in every family, so "
                "nothing is known of them elsewhere. Pool or share them."
            )

    def predict(
        self, group: str, inputs: Mapping[str, ArrayLike], level: float = 0.95
    ) -> pd.DataFrame:
        """Predict the loss of runs of a family, see `PooledFamily.predict`."""
        return self.family(group).predict(inputs, level)

    def predict_new(self, inputs: Mapping[str, ArrayLike], level: float = 0.95) -> pd.DataFrame:
        """Predict the loss of runs of a family never seen, see `PooledFamily.predict`."""
        return self.new_family.predict(inputs, level)

    @property
    def mean(self) -> dict[str, float]:
        """Parameters of the law at the population's mean, in the law's own units."""
        self._refuse_separate("the mean")
        return dict(self.new_family.params)

    def population(self, level: float = 0.95) -> pd.DataFrame:
        """The population in its own coordinates, one row per pooled coordinate.

        Returns:
            Indexed by coordinate: mean, mean_lo, mean_hi, sd (between families), sd_lo, sd_hi,
            level. Means and sds are of logarithms (of a term at the reference run, of an exponent)
            for positive parameters.
        """
        check_level(level)
        q = len(self.pooled)
        first = q + len(self.hierarchy.places("shared"))
        mean, _, factor = self._population
        means = percentile_interval(self.population_draws[:, :q], level)
        sds = percentile_interval(np.exp(self.population_draws[:, first : first + q]), level)
        return pd.DataFrame(
            {
                "mean": mean,
                "mean_lo": means[0],
                "mean_hi": means[1],
                "sd": np.sqrt(np.sum(factor**2, axis=1)),
                "sd_lo": sds[0],
                "sd_hi": sds[1],
                "level": level,
            },
            index=pd.Index(self.pooled, name="coordinate"),
        )

    def shared(self, level: float = 0.95) -> pd.DataFrame:
        """Shared parameters, a common noise scale among them: estimate, lo, hi, level."""
        check_level(level)
        places = self.hierarchy.places("shared")
        names = [self.hierarchy.names[k] for k in places]
        q = len(self.pooled)
        draws = self.population_draws[:, q : q + len(places)]
        value = self._population[1]
        ends = percentile_interval(draws, level)
        rows = {}
        for j, name in enumerate(names):
            support = positive if name == NOISE else self.law.parameters[name].support
            rows[name] = [float(support.constrain(x[j])) for x in (value, *ends)]
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lo", "hi"])
        return frame.assign(level=level).rename_axis("parameter")

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance between families of the pooled coordinates, (q, q)."""
        factor = self._population[2]
        return pd.DataFrame(factor @ factor.T, index=self.pooled, columns=self.pooled)

    @property
    def correlations(self) -> pd.DataFrame:
        """Correlations between families of the pooled coordinates, (q, q)."""
        covariance = self.covariance
        sd = np.sqrt(np.diagonal(covariance))
        return covariance.div(sd, axis=0).div(sd, axis=1)

    def components(self) -> Components:
        """Principal components of the population's covariance, with the share of each."""
        return components_of(self.covariance)

    def conf_int(self, group: str, level: float = 0.95) -> pd.DataFrame:
        """Intervals of the parameters of a family, see `PooledFamily.conf_int`."""
        return self.family(group).conf_int(level)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Tidy frame, one row per family and parameter.

        Returns:
            group, parameter, estimate, stderr, lo, hi, level, separate (estimate of the family by
            itself, NaN where there is none), n and status.
        """
        frames = []
        for name in self.groups:
            family = self.family(name)
            frame = family.conf_int(level).reset_index()
            frame.insert(0, "group", name)
            alone = self.separate_fits.get(name)
            estimates = alone.params if alone is not None else {}
            frame["separate"] = [estimates.get(key, np.nan) for key in frame["parameter"]]
            frame["n"] = family.rows
            frame["status"] = self.group_status[name].label
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def priors(self) -> dict[str, Prior]:
        """The population as priors for `scalejax.fit(priors=...)` of a new family.

        Correlations between parameters are lost, so that coefficients look less certain than they
        are: prefer `update`, which keeps them. The priors hold the noise scale too, as least
        squares needs it.
        """
        noise = float(np.median(self.new_family.noise))
        priors: dict[str, Prior] = {}
        for name in self.hierarchy.model.free:
            x = self.new_family.draws[name]
            if self.law.parameters[name].support is positive:
                logs = np.log(x)
                priors[name] = LogNormal(float(np.exp(np.median(logs))), float(np.std(logs)), noise)
            else:
                priors[name] = Normal(float(np.median(x)), float(np.std(x)), noise)
        return priors
