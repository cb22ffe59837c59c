"""The marginal likelihood of a population by Laplace's approximation, one group at a time.

A group's own coordinates are integrated out around their posterior mode. The curvature is Fisher's
information of the runs plus the precision of the population, which is positive definite wherever
the mode lies (the first-order conditional method of Lindstrom & Bates 1990, doi:10.2307/2532087).
It is exact for Gaussian noise and laws whose logarithm is linear in the coordinates.

The mode is found by damped scoring steps and then refined by one Newton step through which
derivatives are taken: by the implicit function theorem that is the exact gradient.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import gammaln

from scalejax.pooling.hierarchy import Constants, Groups, Hierarchy
from scalejax.pooling.population import Population, log_prior, unpack

# Scoring steps at most, and the squared distance to the mode, in standard deviations, at which to
# stop. By judgement; with these every search over 1,000 simulated populations converged
# (benchmarks/results/pooling.md).
_STEPS = 60
_TOLERANCE = 1e-12
_LOG_2PI = float(np.log(2 * np.pi))


class Mode(NamedTuple):
    """The posterior mode of one group under a population.

    Attributes:
        own: The group's own coordinates, (r,).
        value: Negative log of likelihood times population density there, ().
        decrement: Squared distance to the minimum, in standard deviations, ().
    """

    own: jax.Array
    value: jax.Array
    decrement: jax.Array


def joint(
    hierarchy: Hierarchy, own: jax.Array, population: Population, rows: Groups, constants: Constants
) -> jax.Array:
    """Negative log of the likelihood of a group's rows times its density in the population."""
    v = hierarchy.coordinates(own, population.shared)
    residual = hierarchy.residual(v, rows.inputs, rows.target, constants)
    weighted = rows.weight > 0
    z2 = rows.weight * residual**2 * jnp.exp(-2 * v[-1])
    log_scale = v[-1] - 0.5 * jnp.log(jnp.where(weighted, rows.weight, 1.0))
    nu = hierarchy.dof
    if nu is None:
        each = 0.5 * z2 + 0.5 * _LOG_2PI
    else:
        constant = gammaln(nu / 2) - gammaln((nu + 1) / 2) + 0.5 * jnp.log(nu * jnp.pi)
        each = 0.5 * (nu + 1) * jnp.log1p(z2 / nu) + constant
    likelihood = jnp.sum(jnp.where(weighted, each + log_scale, 0.0))
    return likelihood + _rarity(own, population)


def _rarity(own: jax.Array, population: Population) -> jax.Array:
    """Negative log density of the pooled coordinates in the population."""
    q = population.mean.shape[0]
    if q == 0:
        return jnp.zeros(())
    z = solve_triangular(population.factor, own[:q] - population.mean, lower=True)
    return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diagonal(population.factor))) + 0.5 * q * _LOG_2PI


def information(
    hierarchy: Hierarchy, own: jax.Array, population: Population, rows: Groups, constants: Constants
) -> jax.Array:
    """Fisher's information of a group's rows plus the population's precision, (r, r)."""
    q, r, nu = population.mean.shape[0], own.shape[0], hierarchy.dof
    noise = hierarchy.coordinates(own, population.shared)[-1]
    jacobian = jax.jacfwd(
        lambda x: hierarchy.residual(
            hierarchy.coordinates(x, population.shared), rows.inputs, rows.target, constants
        )
    )(own)
    slope, bend = (1.0, 2.0) if nu is None else ((nu + 1) / (nu + 3), 2 * nu / (nu + 3))
    matrix = (jacobian.T * (rows.weight * slope * jnp.exp(-2 * noise))) @ jacobian
    last = len(hierarchy.names) - 1
    if last in hierarchy.own:
        k = hierarchy.own.index(last)
        matrix = matrix.at[k, k].add(bend * jnp.sum(rows.weight > 0))
    inverse = solve_triangular(population.factor, jnp.eye(q), lower=True)
    return matrix + jnp.zeros((r, r)).at[:q, :q].set(inverse.T @ inverse)


def find_mode(
    hierarchy: Hierarchy, own: jax.Array, population: Population, rows: Groups, constants: Constants
) -> Mode:
    """The mode of a group's own coordinates by damped scoring from `own`."""

    def value(x: jax.Array) -> jax.Array:
        result = joint(hierarchy, x, population, rows, constants)
        return jnp.where(jnp.isfinite(result), result, jnp.inf)

    def going(state: Any) -> jax.Array:
        _, _, decrement, damping, steps = state
        return (decrement > _TOLERANCE) & (damping < 1e12) & (steps < _STEPS)

    def step(state: Any) -> Any:
        x, best, _, damping, steps = state
        slope = jax.grad(value)(x)
        matrix = information(hierarchy, x, population, rows, constants)
        size = jnp.sqrt(jnp.maximum(jnp.diagonal(matrix), 1e-300))
        # Far below any curvature that counts: it only keeps a singular matrix solvable.
        scaled = matrix / size[:, None] / size + 1e-12 * jnp.eye(x.shape[0])
        move = jnp.linalg.solve(scaled + damping * jnp.eye(x.shape[0]), slope / size) / size
        trial = value(x - move)
        # A step that changes the value by less than rounding does is accepted.
        better = trial <= best + 1e-13 * jnp.abs(best)
        x, best = jnp.where(better, x - move, x), jnp.where(better, trial, best)
        decrement = jnp.where(better & (damping < 1e-2), slope @ move, jnp.inf)
        # Ten times less damping after a better step and ten times more after a worse one, as is
        # usual; a decrement counts only where damping hardly shortens the step.
        damping = jnp.where(better, jnp.where(damping < 1e-8, 0.0, damping * 0.1), damping * 10)
        damping = jnp.where(better, damping, jnp.maximum(damping, 1e-4))
        return x, best, decrement, damping, steps + 1

    if own.shape[0] == 0:
        return Mode(own, value(own), jnp.zeros(()))
    first = (own, value(own), jnp.array(jnp.inf), jnp.array(1e-4), 0)
    x, best, decrement, *_ = lax.while_loop(going, step, first)
    return Mode(x, best, decrement)


def marginal(
    hierarchy: Hierarchy, phi: jax.Array, groups: Groups, near: jax.Array, constants: Constants
) -> tuple[jax.Array, Mode]:
    """Negative log posterior of a population, groups integrated out, and the groups' modes.

    Args:
        hierarchy: The static half.
        phi: Coordinates of the population, (m,).
        groups: The runs.
        near: Starts of the groups' own coordinates, (G, r).
        constants: Numbers that are neither data nor estimated.

    Returns:
        The value (), whose first derivative in `phi` is exact, and the modes, (G, ...) each.
    """
    population = unpack(hierarchy, phi)

    def one(rows: Groups, first: jax.Array) -> tuple[jax.Array, Mode]:
        fixed = lax.stop_gradient(population)
        mode = find_mode(hierarchy, first, fixed, rows, constants)
        mode = lax.stop_gradient(mode)
        own = _refined(hierarchy, mode.own, population, rows, constants)
        matrix = information(hierarchy, own, population, rows, constants)
        volume = 0.5 * jnp.linalg.slogdet(matrix)[1] - 0.5 * own.shape[0] * _LOG_2PI
        total = joint(hierarchy, own, population, rows, constants) + volume
        return total, Mode(lax.stop_gradient(own), mode.value, mode.decrement)

    each, modes = jax.vmap(one)(groups, near)
    return jnp.sum(each) - log_prior(hierarchy, phi, constants), modes


def _refined(
    hierarchy: Hierarchy, own: jax.Array, population: Population, rows: Groups, constants: Constants
) -> jax.Array:
    """One Newton step from a mode, whose derivative is that of the mode."""
    if own.shape[0] == 0:
        return own
    fixed = lax.stop_gradient(population)
    hessian = jax.hessian(lambda x: joint(hierarchy, x, fixed, rows, constants))(own)
    slope = jax.grad(lambda x: joint(hierarchy, x, population, rows, constants))(own)
    move = _solve(lax.stop_gradient(hessian), slope)
    # Where the Hessian is singular, far from the mode, the group stays where it is.
    return own - jnp.where(jnp.all(jnp.isfinite(move)), move, 0.0)


def _solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    size = jnp.sqrt(jnp.maximum(jnp.abs(jnp.diagonal(matrix)), 1e-300))
    return jnp.linalg.solve(matrix / size[:, None] / size, right / size) / size
