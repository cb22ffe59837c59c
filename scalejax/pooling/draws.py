"""Draws from the joint posterior of a population and its groups, by Laplace's approximation.

The population's coordinates are drawn from a normal around their mode with the inverse of the
Hessian, means measured in between-group standard deviations. Under each such population the mode of
every group is found anew and the group drawn around it. So intervals of a group allow for the
errors in mean and spread of its population, which those of empirical Bayes do not.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from scalejax._numerics import RUN_ONCE
from scalejax.pooling.hierarchy import Constants, Groups, Hierarchy
from scalejax.pooling.marginal import find_mode, information
from scalejax.pooling.population import rescaled_means, unpack

# Populations under which groups are drawn together: memory grows with it, by judgement.
_TOGETHER = 50


def population_draws(
    hierarchy: Hierarchy, key: jax.Array, phi: jax.Array, hessian: jax.Array, draws: int
) -> jax.Array:
    """Draws of the population's coordinates, (S, m).

    Args:
        hierarchy: The static half.
        key: Random key.
        phi: The mode, (m,).
        hessian: Second derivatives of the negative log posterior there, (m, m).
        draws: Number of draws, S.
    """
    # The floors only keep draws finite along a direction that nothing determines.
    size = jnp.sqrt(jnp.maximum(jnp.abs(jnp.diagonal(hessian)), 1e-12))
    bends, turn = jnp.linalg.eigh(hessian / size[:, None] / size)
    z = jax.random.normal(key, (draws, len(phi)))
    points = phi + (z / jnp.sqrt(jnp.maximum(bends, 1e-8))) @ turn.T / size
    return jax.vmap(lambda p: rescaled_means(hierarchy, p, phi))(points)


def group_draws(
    hierarchy: Hierarchy,
    key: jax.Array,
    populations: jax.Array,
    groups: Groups,
    near: jax.Array,
    constants: Constants,
) -> jax.Array:
    """All coordinates of every group, (S, G, p + 1), under populations (S, m).

    Args:
        hierarchy: The static half.
        key: Random key.
        populations: Draws of the population's coordinates.
        groups: The runs.
        near: Starts of the groups' own coordinates, (G, r).
        constants: Numbers that are neither data nor estimated.
    """

    def one(phi: jax.Array, z: jax.Array) -> jax.Array:
        population = unpack(hierarchy, phi)

        def group(rows: Groups, first: jax.Array, z: jax.Array) -> jax.Array:
            own = find_mode(hierarchy, first, population, rows, constants).own
            matrix = information(hierarchy, own, population, rows, constants)
            size = jnp.sqrt(jnp.diagonal(matrix))
            factor = jnp.linalg.cholesky(matrix / size[:, None] / size)
            own = own + jax.scipy.linalg.solve_triangular(factor.T, z) / size
            return hierarchy.coordinates(own, population.shared)

        return jax.vmap(group)(groups, near, z)

    z = jax.random.normal(key, (len(populations), *near.shape))
    return lax.map(lambda pair: one(*pair), (populations, z), batch_size=_TOGETHER)


def new_draws(hierarchy: Hierarchy, key: jax.Array, populations: jax.Array) -> jax.Array:
    """Draws of the coordinates of a group without runs, (S, p + 1); separate ones are NaN."""
    q, last = len(hierarchy.places("pooled")), len(hierarchy.own)

    def one(phi: jax.Array, z: jax.Array) -> jax.Array:
        population = unpack(hierarchy, phi)
        own = jnp.full(last, jnp.nan).at[:q].set(population.mean + population.factor @ z)
        return hierarchy.coordinates(own, population.shared)

    return jax.vmap(one)(populations, jax.random.normal(key, (len(populations), q)))


@partial(jax.jit, static_argnums=(0, 4), compiler_options=RUN_ONCE)
def joint_draws(
    hierarchy: Hierarchy,
    key: jax.Array,
    at: tuple[jax.Array, jax.Array],
    near: jax.Array,
    draws: int,
    groups: Groups,
    constants: Constants,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Draws of everything at once.

    Args:
        hierarchy: The static half.
        key: Random key.
        at: Mode of the population (m,), and the Hessian of its negative log posterior (m, m).
        near: Starts of the groups' own coordinates, (G, r).
        draws: Number of draws, S.
        groups: The runs.
        constants: Numbers that are neither data nor estimated.

    Returns:
        Populations (S, m), groups (S, G, p + 1) and a group without runs (S, p + 1).
    """
    first, second, third = jax.random.split(key, 3)
    populations = population_draws(hierarchy, first, *at, draws)
    group_points = group_draws(hierarchy, second, populations, groups, near, constants)
    return populations, group_points, new_draws(hierarchy, third, populations)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def updated_draws(
    hierarchy: Hierarchy, key: jax.Array, populations: jax.Array, rows: Groups, constants: Constants
) -> tuple[jax.Array, jax.Array]:
    """A new group from its first runs (1, n): draws (S, p + 1), and its mode (p + 1,)."""
    population = unpack(hierarchy, jnp.median(populations, axis=0))
    alone = jax.tree.map(lambda x: x[0], rows)
    own = find_mode(hierarchy, population.mean, population, alone, constants).own
    draws = group_draws(hierarchy, key, populations, rows, own[None], constants)[:, 0]
    return draws, hierarchy.coordinates(own, population.shared)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def parameters_of(hierarchy: Hierarchy, v: jax.Array, constants: Constants) -> dict[str, jax.Array]:
    """All parameters of the law at coordinates (..., p + 1), (...) each."""
    flat = v.reshape(-1, v.shape[-1])
    parameters = jax.vmap(lambda row: hierarchy.parameters(row, constants))(flat)
    return {
        name: jnp.broadcast_to(x, flat.shape[:1]).reshape(v.shape[:-1])
        for name, x in parameters.items()
    }
