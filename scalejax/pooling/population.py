"""The population: its coordinates, what they mean, and their priors.

The population's coordinates `phi` are the means of the pooled coordinates, the values of the shared
ones, the logarithms of the between-group standard deviations, and one number per pair of pooled
coordinates for their correlations (partial correlations through tanh, as for a Cholesky factor).

Means and shared values have a flat prior. A between-group standard deviation is log-normal around
`Constants.spread`, which keeps it from zero and from infinity when there are few groups (Chung et
al. 2013, doi:10.1007/s11336-013-9328-2, say why an estimate of zero is to be avoided). Correlations
have the LKJ prior with eta = 2 (Lewandowski, Kurowicka & Joe 2009, doi:10.1016/j.jmva.2009.04.008),
which is weak and favours no correlation.

Where the posterior is approximated by a normal, means are measured in between-group standard
deviations: with few groups the error of a mean grows with the spread, which is itself uncertain.
The spread at the mode in these coordinates exceeds that of maximum likelihood, nearly as that of
restricted maximum likelihood does.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from scalejax.pooling.hierarchy import Constants, Hierarchy

# Weak: 1 is flat over all correlation matrices, and a larger one pulls towards no correlation.
_ETA = 2.0


class Population(NamedTuple):
    """Where groups come from.

    Attributes:
        mean: Means of the pooled coordinates, (q,).
        shared: Values of the shared coordinates, (k,).
        factor: Cholesky factor of the covariance of the pooled coordinates, (q, q).
    """

    mean: jax.Array
    shared: jax.Array
    factor: jax.Array


def size(hierarchy: Hierarchy) -> int:
    """Number of coordinates of the population."""
    q, k = len(hierarchy.places("pooled")), len(hierarchy.places("shared"))
    return 2 * q + k + q * (q - 1) // 2


def unpack(hierarchy: Hierarchy, phi: jax.Array) -> Population:
    """The population at its coordinates."""
    q, k = len(hierarchy.places("pooled")), len(hierarchy.places("shared"))
    mean, shared, log_sd, rest = jnp.split(phi, np.cumsum([q, k, q]))
    factor = jnp.exp(log_sd)[:, None] * _correlation_factor(rest, q)
    return Population(mean, shared, factor)


def start(hierarchy: Hierarchy, mean: jax.Array, sd: jax.Array) -> jax.Array:
    """Coordinates of a population without correlations; mean is (p + 1,), sd is ()."""
    pooled, shared = (np.array(hierarchy.places(r), int) for r in ("pooled", "shared"))
    q = len(pooled)
    parts = [mean[pooled], mean[shared], jnp.full(q, jnp.log(sd)), jnp.zeros(q * (q - 1) // 2)]
    return jnp.concatenate(parts)


def log_prior(hierarchy: Hierarchy, phi: jax.Array, constants: Constants) -> jax.Array:
    """Log density of the population's coordinates, up to a constant."""
    q, k = len(hierarchy.places("pooled")), len(hierarchy.places("shared"))
    _, _, log_sd, rest = jnp.split(phi, np.cumsum([q, k, q]))
    median, width = constants.spread
    spread = -0.5 * jnp.sum(((log_sd - jnp.log(median)) / width) ** 2)
    # Partial correlations are independent: beta distributed on (-1, 1) with these exponents.
    column = np.array([j for i in range(q) for j in range(i)], float)
    exponent = _ETA + (q - 2 - column) / 2
    return spread - 2 * jnp.sum(exponent * _log_cosh(rest))


def log_volume(hierarchy: Hierarchy, phi: jax.Array) -> jax.Array:
    """Log of the volume of the means per unit of the means in between-group standard deviations."""
    return jnp.sum(jnp.log(jnp.diagonal(unpack(hierarchy, phi).factor)))


def rescaled_means(hierarchy: Hierarchy, phi: jax.Array, mode: jax.Array) -> jax.Array:
    """`phi` with its means moved from those of `mode` in proportion to its own spread."""
    q, factor = len(hierarchy.places("pooled")), unpack(hierarchy, phi).factor
    if q == 0:
        return phi
    z = solve_triangular(unpack(hierarchy, mode).factor, phi[:q] - mode[:q], lower=True)
    return phi.at[:q].set(mode[:q] + factor @ z)


def _correlation_factor(rest: jax.Array, q: int) -> jax.Array:
    """Cholesky factor of a correlation matrix from q (q - 1) / 2 real numbers."""
    partial = jnp.tanh(rest)
    rows, offset = [], 0
    for i in range(q):
        left, row = jnp.ones(()), []
        for z in (partial[offset + j] for j in range(i)):
            row.append(z * jnp.sqrt(left))
            left = left * (1 - z * z)
        offset += i
        rows.append(jnp.stack([*row, jnp.sqrt(left), *[jnp.zeros(())] * (q - i - 1)]))
    return jnp.stack(rows) if q else jnp.zeros((0, 0))


def _log_cosh(x: jax.Array) -> jax.Array:
    return jnp.logaddexp(x, -x) - jnp.log(2.0)
