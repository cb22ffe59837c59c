"""The population of greatest posterior density, groups integrated out, by Newton's method.

The gradient of the marginal likelihood is exact; the Hessian is a central difference of it, all
directions as one batch. Steps go uphill in every direction (negative curvatures count by their
size) and are shortened until the likelihood rises. `maximise` is a pure function of padded arrays:
`vmap` it over many sets of groups.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.pooling.hierarchy import Constants, Groups, Hierarchy
from scalejax.pooling.marginal import Mode, marginal
from scalejax.pooling.population import log_volume

# All by judgement; with these every search over 1,000 simulated populations converged
# (benchmarks/results/pooling.md). Newton steps at most, and the decrement at which to stop.
_STEPS = 80
_TOLERANCE = 1e-9
# Half-width of the central differences: smaller ones are lost in rounding of the gradient, larger
# ones see its curvature.
_SHIFT = 1e-4
# Longest move of a coordinate in a step; of a logarithm it is a factor of 55.
_LONGEST = 4.0
# Share of a step that is tried after one that failed, and the least before the search gives up.
_CUT, _LEAST_CUT = 0.3, 1e-6


class Maximum(NamedTuple):
    """A population and its groups at the maximum.

    Attributes:
        phi: Coordinates of the population, (m,).
        value: Negative log posterior density, means measured in standard deviations, ().
        decrement: Newton decrement, which vanishes at a maximum, ().
        hessian: Second derivatives of the value, (m, m).
        modes: The groups, (G, ...) each.
        steps: Newton steps taken, ().
    """

    phi: jax.Array
    value: jax.Array
    decrement: jax.Array
    hessian: jax.Array
    modes: Mode
    steps: jax.Array


def maximise(
    hierarchy: Hierarchy, phi: jax.Array, own: jax.Array, groups: Groups, constants: Constants
) -> Maximum:
    """The population of greatest posterior density near a start.

    Args:
        hierarchy: The static half.
        phi: Start of the population, (m,).
        own: Starts of the groups' own coordinates, (G, r).
        groups: The runs.
        constants: Numbers that are neither data nor estimated.

    Returns:
        The best population reached; `decrement` says how close it is to a maximum.
    """

    def density(p: jax.Array, near: jax.Array) -> tuple[jax.Array, Mode]:
        value, modes = marginal(hierarchy, p, groups, near, constants)
        return value - log_volume(hierarchy, p), modes

    sloped = jax.value_and_grad(density, has_aux=True)

    def curved(p: jax.Array, near: jax.Array) -> tuple[jax.Array, jax.Array, Mode, jax.Array]:
        shifts = _SHIFT * jnp.concatenate(
            [jnp.zeros((1, len(p))), jnp.eye(len(p)), -jnp.eye(len(p))]
        )
        (value, modes), slope = jax.vmap(lambda s: sloped(p + s, near))(shifts)
        up, down = slope[1 : len(p) + 1], slope[len(p) + 1 :]
        hessian = (up - down) / (2 * _SHIFT)
        first = jax.tree.map(lambda x: x[0], modes)
        return value[0], slope[0], first, 0.5 * (hessian + hessian.T)

    def going(state: Any) -> jax.Array:
        at, decrement, cut = state
        open_ = (at.steps == 0) | (decrement > _TOLERANCE)
        return open_ & (at.steps < _STEPS) & (cut > _LEAST_CUT)

    def step(state: Any) -> Any:
        # The first step stays at the start, so that the likelihood is compiled once.
        at, _, cut = state
        trial = at.phi - cut * _newton(at)[0]
        value, slope, modes, hessian = curved(trial, at.modes.own)
        # Rounding of the value hides the last steps, which the gradient still sees.
        better = value <= at.value + 1e-9 * jnp.abs(at.value)
        new = Maximum(trial, value, slope, hessian, modes, at.steps)
        at = jax.tree.map(lambda x, old: jnp.where(better, x, old), new, at)
        at = at._replace(steps=at.steps + 1)
        return at, _newton(at)[1], jnp.where(better, 1.0, cut * _CUT)

    zero, count = jnp.zeros(()), len(groups.target)
    no_modes = Mode(own, jnp.zeros(count), jnp.zeros(count))
    first = Maximum(phi, zero + 1e300, 0 * phi, jnp.eye(len(phi)), no_modes, jnp.array(0))
    last, decrement, _ = lax.while_loop(going, step, (first, zero, zero + 1.0))
    return last._replace(decrement=decrement)


def _newton(at: Maximum) -> tuple[jax.Array, jax.Array]:
    """A step down, and the Newton decrement; `at.decrement` holds the gradient here."""
    slope = at.decrement
    # The floors bound the step along flat directions, which `_LONGEST` then cuts.
    size = jnp.sqrt(jnp.maximum(jnp.abs(jnp.diagonal(at.hessian)), 1e-8))
    scaled = at.hessian / size[:, None] / size
    bends, turn = jnp.linalg.eigh(jnp.where(jnp.isfinite(scaled), scaled, 0.0))
    along = turn.T @ (slope / size) / jnp.maximum(jnp.abs(bends), 1e-6)
    move = turn @ along / size
    longest = jnp.max(jnp.abs(move))
    return move * jnp.minimum(1.0, _LONGEST / longest), slope @ move
