"""The population of greatest marginal likelihood, by Newton's method from given starts.

The gradient of the marginal likelihood is exact; its Hessian is taken by central differences of it,
all at once as one batch. Steps go down in every direction (eigenvalues by their size) and are cut
until the likelihood rises. `maximise` is a pure function of padded arrays: `vmap` it over many
sets of groups.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scalejax.pooling.hierarchy import Given, Groups, Hierarchy
from scalejax.pooling.marginal import Mode, marginal

_STEPS = 60
_TOLERANCE = 1e-9
_SHIFT = 1e-4
_LONGEST = 4.0
_CUTS = np.array([1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 1e-3, 1e-4])


class Maximum(NamedTuple):
    """A population and its groups at the maximum.

    Attributes:
        phi: Coordinates of the population, (m,).
        value: Negative log posterior, ().
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
    hierarchy: Hierarchy, phi: jax.Array, own: jax.Array, groups: Groups, given: Given
) -> Maximum:
    """The population of greatest marginal likelihood near a start.

    Args:
        hierarchy: The static half.
        phi: Start of the population, (m,).
        own: Starts of the groups' own coordinates, (G, r).
        groups: The runs.
        given: Other numbers.
    """
    sloped = jax.value_and_grad(
        lambda p, near: marginal(hierarchy, p, groups, near, given), has_aux=True
    )

    def curved(p: jax.Array, near: jax.Array) -> tuple[jax.Array, jax.Array, Mode, jax.Array]:
        shifts = _SHIFT * jnp.concatenate(
            [jnp.zeros((1, len(p))), jnp.eye(len(p)), -jnp.eye(len(p))]
        )
        (value, modes), slope = jax.vmap(lambda s: sloped(p + s, near))(shifts)
        up, down = slope[1 : len(p) + 1], slope[len(p) + 1 :]
        hessian = (up - down) / (2 * _SHIFT)
        first = jax.tree.map(lambda x: x[0], modes)
        return value[0], slope[0], first, 0.5 * (hessian + hessian.T)

    def values(p: jax.Array, near: jax.Array) -> jax.Array:
        found = marginal(hierarchy, p, groups, near, given)[0]
        return jnp.where(jnp.isfinite(found), found, jnp.inf)

    def going(state: Any) -> jax.Array:
        at, decrement, stuck = state
        return (at.steps <= _STEPS) & ((at.steps == 0) | (decrement > _TOLERANCE)) & ~stuck

    def step(state: Any) -> Any:
        # The first step stays at the start, so that each function is compiled once.
        at = state[0]
        move, _ = _newton(at)
        trials = at.phi - jnp.asarray(_CUTS)[:, None] * move
        found = jax.vmap(values, (0, None))(trials, at.modes.own)
        best = jnp.argmin(found)
        # Rounding of the value hides the last steps, which the gradient still sees.
        stuck = ~(found[best] <= at.value + 1e-9 * jnp.abs(at.value))
        phi = jnp.where(stuck, at.phi, trials[best])
        value, slope, modes, hessian = curved(phi, at.modes.own)
        at = Maximum(phi, value, slope, hessian, modes, at.steps + 1)
        return at, _newton(at)[1], stuck

    zero, count = jnp.zeros(()), len(groups.target)
    unknown = Mode(own, jnp.zeros(count), jnp.zeros(count))
    begun = Maximum(phi, zero + jnp.inf, 0 * phi, jnp.eye(len(phi)), unknown, jnp.array(0))
    ended, decrement, _ = lax.while_loop(going, step, (begun, zero, jnp.array(False)))
    return ended._replace(decrement=decrement)


def _newton(at: Maximum) -> tuple[jax.Array, jax.Array]:
    """A step down, and the Newton decrement; `at.decrement` holds the gradient here."""
    slope = at.decrement
    size = jnp.sqrt(jnp.maximum(jnp.abs(jnp.diagonal(at.hessian)), 1e-8))
    scaled = at.hessian / size[:, None] / size
    bends, turn = jnp.linalg.eigh(jnp.where(jnp.isfinite(scaled), scaled, 0.0))
    along = turn.T @ (slope / size) / jnp.maximum(jnp.abs(bends), 1e-6)
    move = turn @ along / size
    longest = jnp.max(jnp.abs(move))
    return move * jnp.minimum(1.0, _LONGEST / longest), slope @ move
