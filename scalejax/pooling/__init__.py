"""Families that share strength: laws around a population, and parameters borrowed from another.

- `pool` fits one law to many families at once. Each family has its own parameters, which come from
  a population; the less its own runs determine them, the more it is drawn towards the population.
  Take it where families have few runs, and to predict the next family, or the largest model of a
  family. With many runs per family it agrees with `scalejax.fit_many`.
- `borrow` takes parameters from one donor and holds them fixed: the cheapest way to make a law of a
  single training curve (arXiv:2410.11840). It ignores the uncertainty of the donor;
  `Pooled.update` does not.
- `principal_components`: along how many directions do fitted laws differ?
- `pool_posterior` samples the same model by NUTS, with ``scalejax[bayes]`` installed, to check the
  approximation.

The model: coordinates in `scalejax.pooling.hierarchy`, priors in `scalejax.pooling.population`,
likelihood in `scalejax.pooling.marginal`.
"""

from scalejax.pooling.borrowing import borrow as borrow
from scalejax.pooling.components import Components as Components
from scalejax.pooling.components import principal_components as principal_components
from scalejax.pooling.pool import pool as pool
from scalejax.pooling.pooled import Pooled as Pooled
from scalejax.pooling.pooled_family import PooledFamily as PooledFamily
from scalejax.pooling.sampling import PooledPosterior as PooledPosterior
from scalejax.pooling.sampling import pool_posterior as pool_posterior
