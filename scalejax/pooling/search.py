"""`search`: the best population from several starts, and whether they agree.

First every family is solved from many starts under a wide population in the law's plausible middle,
all as one batch. Three searches for the population then start from the middle itself and from the
families' best modes, with little and with much spread. At the end every family is solved from all
those starts again under the best population; a better mode anywhere starts one more round.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from scalejax._arrays import Floats
from scalejax._numerics import RUN_ONCE
from scalejax.laws import positive
from scalejax.pooling.hierarchy import Constants, Groups, Hierarchy
from scalejax.pooling.marginal import Mode, find_mode
from scalejax.pooling.maximum import Maximum, maximise
from scalejax.pooling.population import start, unpack
from scalejax.scope import own_settings

# All by judgement; with these every search over 1,000 simulated populations converged
# (benchmarks/results/pooling.md). Between-group standard deviations of the three starts: the
# prior's median, a small one and a large one.
_SPREADS = (0.2, 0.1, 0.5)
# Spread of the scattered starts, how many there are, and how many are tried a second time.
_WIDE, _COUNT, _AGAIN = 1.0, 12, 6
# Noise scale of the log loss at the starts: 1 %.
_TYPICAL_NOISE = 0.01
# Difference of log densities that still counts as the same maximum.
_AGREEMENT = 1e-6


class Search(NamedTuple):
    """The outcome of `search`.

    Attributes:
        best: The maximum, as NumPy arrays.
        starts: Starts tried.
        agreeing: Starts that reached it.
        stable: Whether no start gives a group a better mode, (G,).
    """

    best: Maximum
    starts: int
    agreeing: int
    stable: NDArray[np.bool_]


def middle(hierarchy: Hierarchy, level: float) -> Floats:
    """Typical coordinates (p + 1,) of a law, by plausible ranges and the mean log loss `level`."""
    coordinates = []
    for name in hierarchy.model.free:
        parameter = hierarchy.model.law.parameters[name]
        low, high = parameter.plausible
        typical = np.sqrt(low * high) if parameter.support is positive else (low + high) / 2
        u = float(parameter.support.unconstrain(typical))
        if name in hierarchy.centred:
            # Terms of equal size that add up to the mean loss.
            u = level - np.log(len(hierarchy.centred))
        coordinates.append(u)
    return np.array([*coordinates, np.log(_TYPICAL_NOISE)])


def search(hierarchy: Hierarchy, groups: Groups, constants: Constants) -> Search:
    """The population of greatest posterior density, from several starts.

    Args:
        hierarchy: The static half.
        groups: The runs.
        constants: Numbers that are neither data nor estimated.
    """
    level = float(np.sum(groups.target * groups.weight) / np.sum(groups.weight))
    cold = middle(hierarchy, level)
    places = np.array(hierarchy.own, int)
    scattered = _scattered(_COUNT, len(cold))
    starts = cold + _WIDE * np.concatenate([np.zeros((1, len(cold))), scattered])
    count = (len(groups.target), len(places))
    first = np.broadcast_to(starts[:, None, places], (len(starts), *count))
    with own_settings():
        wide = start(hierarchy, jnp.asarray(cold), jnp.asarray(_WIDE))
        modes = jax.device_get(_modes_all(hierarchy, wide, first, groups, constants))
        near = modes.own[_finite(modes.value).argmin(axis=0), np.arange(count[0])]
        warm = cold.copy()
        warm[places] = np.median(near, axis=0)
        same = np.broadcast_to(cold[places], count)
        own = np.stack([same, near, np.broadcast_to(warm[places], count)])
        phi = np.stack(
            [
                start(hierarchy, jnp.asarray(mean), jnp.asarray(sd))
                for mean, sd in zip((cold, warm, warm), _SPREADS, strict=True)
            ]
        )
        for _ in range(2):
            ends = jax.device_get(_maximise_all(hierarchy, phi, own, groups, constants))
            value = _finite(ends.value)
            best = _lane(ends, int(np.argmin(value)))
            trials = np.concatenate([first[-_AGAIN:], own, ends.modes.own, best.modes.own[None]])
            modes = jax.device_get(_modes_all(hierarchy, best.phi, trials, groups, constants))
            values = _finite(modes.value)
            stable = values.min(axis=0) >= values[-1] - _AGREEMENT
            if stable.all() or not np.isfinite(best.value):
                break
            better = modes.own[values.argmin(axis=0), np.arange(count[0])]
            phi, own = np.stack([best.phi] * 3), np.stack([better] * 3)
    agreeing = int(np.sum(value <= best.value + _AGREEMENT * (1 + np.abs(best.value))))
    return Search(best, len(value), agreeing, stable)


def _scattered(count: int, dimensions: int) -> Floats:
    """Evenly spread quantiles of a normal, (count, dimensions): Halton's points, not random."""
    # SciPy's statistics take a while to import.
    from scipy.stats import qmc

    points = qmc.Halton(dimensions, scramble=False)
    # The first point is a corner, where normal deviates are infinite.
    points.fast_forward(1)
    return np.asarray(ndtri(points.random(count)), np.float64)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.inf)


def _lane(ends: Maximum, k: int) -> Maximum:
    return jax.tree.map(lambda x: np.asarray(x[k]), ends)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _maximise_all(
    hierarchy: Hierarchy, phi: jax.Array, own: jax.Array, groups: Groups, constants: Constants
) -> Maximum:
    return jax.vmap(lambda p, near: maximise(hierarchy, p, near, groups, constants))(phi, own)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _modes_all(
    hierarchy: Hierarchy, phi: jax.Array, own: jax.Array, groups: Groups, constants: Constants
) -> Mode:
    """Modes of every group from many starts (S, G, r), the population held."""
    population = unpack(hierarchy, phi)

    def one(near: jax.Array, rows: Groups) -> Mode:
        return find_mode(hierarchy, near, population, rows, constants)

    return jax.vmap(jax.vmap(one), (0, None))(own, groups)
