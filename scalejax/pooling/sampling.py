"""The same hierarchical model by NUTS, with ``scalejax[bayes]`` installed.

`scalejax.pool` approximates its posterior by normals (Laplace). `pool_posterior` samples it, to
check the approximation, or where families are few and intervals must hold: those of the
approximation are about a tenth too narrow for the families with most runs among nine
(`benchmarks/results/pooling.md`). Coordinates are whitened at the approximation, so that few steps
are needed.
"""

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax._arrays import Floats
from scalejax.amounts import whole
from scalejax.bayes import LEAST_ESS, R_HAT_LIMIT, arviz_tree, extra, sample
from scalejax.errors import FitWarning
from scalejax.pooling.draws import new_draws, parameters_of
from scalejax.pooling.hierarchy import NOISE, Constants, Groups, Hierarchy
from scalejax.pooling.marginal import information, joint
from scalejax.pooling.pooled import Pooled
from scalejax.pooling.population import log_prior, unpack
from scalejax.resampling import percentile_interval
from scalejax.scope import own_settings
from scalejax.vocabulary import argument
from scalejax.workload import MOST_CHAINS, MOST_DRAWS


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("runs", "constants", "centre", "phi", "turn", "own", "turns"),
    meta_fields=("hierarchy",),
)
@dataclass(frozen=True)
class JointDensity:
    """Log density of a population and its groups, in whitened coordinates.

    Attributes:
        hierarchy: The static half.
        runs: The runs.
        constants: Numbers that are neither data nor estimated.
        centre: Zeros, (m + G r,): the approximation.
        phi: The population at the centre, (m,).
        turn: Change of the population per whitened coordinate, (m, m).
        own: The groups at the centre, (G, r).
        turns: Change of each group per whitened coordinate, (G, r, r).
    """

    hierarchy: Hierarchy
    runs: Groups
    constants: Constants
    centre: Any
    phi: Any
    turn: Any
    own: Any
    turns: Any

    def coordinates(self, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Coordinates of the population (m,) and of the groups (G, r)."""
        m = len(self.phi)
        own = jnp.einsum("gij,gj->gi", self.turns, z[m:].reshape(self.own.shape))
        return self.phi + self.turn @ z[:m], self.own + own

    def __call__(self, z: jax.Array) -> jax.Array:
        """Log density of whitened coordinates, up to a constant."""
        phi, own = self.coordinates(z)
        population = unpack(self.hierarchy, phi)
        each = jax.vmap(lambda x, rows: joint(self.hierarchy, x, population, rows, self.constants))
        total = log_prior(self.hierarchy, phi, self.constants) - jnp.sum(each(own, self.runs))
        return jnp.where(jnp.isnan(total), -jnp.inf, total)


@dataclass(frozen=True, eq=False)
class PooledPosterior:
    """Draws of a population and its families by NUTS.

    Attributes:
        pooled: The pooled fit with these draws in place of the approximate ones: its families,
            intervals, predictions and `Pooled.update` rest on them. Estimates stay the mode.
        parameters: Parameters of the law by name, (chains, draws, G).
        noise_scale: Of the log loss, (chains, draws, G).
        mean: Means of the pooled coordinates, (chains, draws, q).
        sd: Their standard deviations between families, (chains, draws, q).
        diverging: Whether the trajectory to a draw diverged, (chains, draws).
        diagnostics: r_hat, ess_bulk and ess_tail by ArviZ.
        seed: Seed of the chains.
    """

    pooled: Pooled
    parameters: dict[str, Floats]
    noise_scale: Floats
    mean: Floats
    sd: Floats
    diverging: NDArray[np.bool_]
    diagnostics: pd.DataFrame
    seed: int

    @property
    def complaints(self) -> tuple[str, ...]:
        """Why the draws are not to be trusted, in words; empty if they are."""
        words = []
        if np.any(self.diverging):
            words.append(f"{np.sum(self.diverging)} of {self.diverging.size} trajectories diverged")
        if not self.diagnostics["r_hat"].max() < R_HAT_LIMIT:
            words.append(
                f"R-hat is up to {self.diagnostics['r_hat'].max():.3f}: raise {argument('draws')}"
            )
        ess = self.diagnostics[["ess_bulk", "ess_tail"]].min().min()
        if not ess > LEAST_ESS:
            words.append(f"only {ess:.0f} effective draws: raise {argument('draws')}")
        return tuple(words)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per family and parameter: group, parameter, estimate (median), stderr, lo, hi."""
        rows = []
        for k, group in enumerate(self.pooled.groups):
            for name, values in self.parameters.items():
                x = values[:, :, k].ravel()
                low, high = percentile_interval(x, level)
                rows.append([group, name, np.median(x), np.std(x), float(low), float(high)])
        columns = ["group", "parameter", "estimate", "stderr", "lo", "hi"]
        return pd.DataFrame(rows, columns=columns)

    def to_arviz(self) -> Any:
        """The draws for ArviZ, see `scalejax.conclusions.Posterior.to_arviz`."""
        return arviz_tree(posterior=self._arrays(), sample_stats={"diverging": self.diverging})

    def _arrays(self) -> dict[str, Floats]:
        return {
            **self.parameters,
            NOISE: self.noise_scale,
            "population_mean": self.mean,
            "population_sd": self.sd,
        }


def pool_posterior(
    pooled: Pooled, *, draws: int = 1000, warmup: int = 1000, chains: int = 4, seed: int = 0
) -> PooledPosterior:
    """Sample the posterior of a pooled fit: the same model, priors and runs.

    Args:
        pooled: The fit.
        draws: Draws per chain.
        warmup: Steps of adaptation per chain, which are not kept.
        chains: Independent chains, from overdispersed starts.
        seed: Seed of the chains.

    Returns:
        The draws. Reasons not to trust them are in `complaints`, and given as a `FitWarning`.

    Raises:
        ScalejaxError: numpyro or ArviZ is not installed.
        UsageError: A number is out of range.
    """
    arviz = extra("arviz")
    extra("numpyro")
    whole("draws", draws, 10, MOST_DRAWS), whole("warmup", warmup, 10)
    whole("chains", chains, 2, MOST_CHAINS), whole("seed", seed)
    with own_settings():
        density = _density(pooled)
        keys = jax.random.split(jax.random.key(seed), chains)
        z, _, diverging = sample(density, keys, draws, warmup)
        phi, v, mean, sd = unpacked(density, z)
        parameters = parameters_of(pooled.hierarchy, v, pooled.constants)
        key = jax.random.fold_in(jax.random.key(seed), chains)
        populations, groups = (x.reshape(-1, *x.shape[2:]) for x in (phi, v))
        new = new_draws(pooled.hierarchy, key, populations)
    posterior = PooledPosterior(
        pooled=replace(
            pooled,
            population_draws=np.asarray(populations, np.float64),
            group_draws=np.asarray(groups, np.float64),
            new_draws=np.asarray(new, np.float64),
            sampled=True,
            seed=seed,
        ),
        parameters={name: np.asarray(x, np.float64) for name, x in parameters.items()},
        noise_scale=np.exp(np.asarray(v[..., -1], np.float64)),
        mean=np.asarray(mean, np.float64),
        sd=np.asarray(sd, np.float64),
        diverging=np.asarray(diverging),
        diagnostics=arviz.summary(
            arviz_tree(posterior={"z": np.asarray(z)}), kind="diagnostics", round_to="none"
        )[["r_hat", "ess_bulk", "ess_tail"]],
        seed=seed,
    )
    for complaint in posterior.complaints:
        warnings.warn(complaint, FitWarning, stacklevel=2)
    return posterior


def joint_density(
    hierarchy: Hierarchy,
    phi: jax.Array,
    hessian: jax.Array,
    own: jax.Array,
    runs: Groups,
    constants: Constants,
) -> JointDensity:
    """The density whitened at Laplace's approximation; a pure function of arrays.

    Args:
        hierarchy: The static half.
        phi: Coordinates of the population, (m,).
        hessian: Second derivatives of its negative log marginal posterior, (m, m).
        own: Own coordinates of the groups at their modes, (G, r).
        runs: The runs.
        constants: Numbers that are neither data nor estimated.
    """
    population = unpack(hierarchy, phi)

    def turn(matrix: jax.Array) -> jax.Array:
        return jnp.linalg.inv(jnp.linalg.cholesky(matrix)).T

    each = jax.vmap(lambda x, rows: information(hierarchy, x, population, rows, constants))
    return JointDensity(
        hierarchy=hierarchy,
        runs=runs,
        constants=constants,
        centre=jnp.zeros(len(phi) + own.size),
        phi=phi,
        turn=turn(hessian),
        own=own,
        turns=jax.vmap(turn)(each(own, runs)),
    )


def _density(pooled: Pooled) -> JointDensity:
    arrays = (pooled.phi, pooled.hessian, pooled.own, pooled.runs, pooled.constants)
    return joint_density(pooled.hierarchy, *jax.tree.map(jnp.asarray, arrays))


@jax.jit
def unpacked(density: JointDensity, z: jax.Array) -> tuple[jax.Array, ...]:
    """Populations (chains, draws, m), families (..., G, p + 1), means and deviations (..., q)."""

    def one(z: jax.Array) -> tuple[jax.Array, ...]:
        phi, own = density.coordinates(z)
        population = unpack(density.hierarchy, phi)
        v = jax.vmap(lambda x: density.hierarchy.coordinates(x, population.shared))(own)
        return phi, v, population.mean, jnp.sqrt(jnp.sum(population.factor**2, axis=1))

    return jax.vmap(jax.vmap(one))(z)
