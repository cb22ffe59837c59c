"""Where the search for a population begins, and whether all beginnings end at one place.

Three starts are run as one batch: from the law's plausible middle, and twice from the separate fits
of the groups (each searched from many starts by the engine), with little and with much spread. When
they have ended, every group's mode is looked for again from all of them under the population that
was found; a better mode starts one more round.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from scalejax._numerics import RUN_ONCE
from scalejax.laws.supports import positive
from scalejax.pooling.hierarchy import Given, Groups, Hierarchy
from scalejax.pooling.marginal import Mode, find_mode
from scalejax.pooling.maximum import Maximum, maximise
from scalejax.pooling.population import start, unpack

Floats = NDArray[np.float64]

_SPREADS = (0.2, 0.1, 0.5)
_FARTHEST = 1.0
_TYPICAL_NOISE = 0.01
_AGREEMENT = 1e-6


class Search(NamedTuple):
    """What was found.

    Attributes:
        best: The maximum, as NumPy arrays.
        starts: Starts tried.
        agreeing: Starts that reached it.
        settled: Whether no start gives a group a better mode, (G,).
    """

    best: Maximum
    starts: int
    agreeing: int
    settled: NDArray[np.bool_]


def middle(hierarchy: Hierarchy, level: float) -> Floats:
    """Typical coordinates (p + 1,) before any run is looked at but for their mean log loss."""
    found = []
    for name in hierarchy.model.free:
        parameter = hierarchy.model.law.parameters[name]
        low, high = parameter.plausible
        typical = np.sqrt(low * high) if parameter.support is positive else (low + high) / 2
        with jax.enable_x64(True):
            u = float(parameter.support.unconstrain(jnp.asarray(typical)))
        # Terms of equal size that add up to the mean loss.
        found.append(level - np.log(len(hierarchy.centred)) if name in hierarchy.centred else u)
    return np.array([*found, np.log(_TYPICAL_NOISE)])


def search(hierarchy: Hierarchy, groups: Groups, separate: Floats, given: Given) -> Search:
    """The population of greatest marginal likelihood, from several starts.

    Args:
        hierarchy: The static half.
        groups: The runs.
        separate: Coordinates of the separate fits, (G, p + 1); NaN where there is none.
        given: Other numbers.
    """
    level = float(np.sum(groups.target * groups.weight) / np.sum(groups.weight))
    cold = middle(hierarchy, level)
    known: NDArray[np.bool_] = np.all(np.isfinite(separate), axis=1)
    warm = np.median(separate[known], axis=0) if known.any() else cold
    near = np.where(known[:, None], separate, warm)
    near = np.clip(near, warm - _FARTHEST, warm + _FARTHEST)
    starts = np.stack([np.broadcast_to(cold, near.shape), near, np.broadcast_to(warm, near.shape)])
    own = starts[:, :, np.array(hierarchy.own, int)]
    with jax.enable_x64(True):
        phi = np.stack(
            [
                start(hierarchy, jnp.asarray(mean), jnp.asarray(sd))
                for mean, sd in zip((cold, warm, warm), _SPREADS, strict=True)
            ]
        )
        for _ in range(2):
            ends = jax.device_get(_maximise_all(hierarchy, phi, own, groups, given))
            value = np.where(np.isfinite(ends.value), ends.value, np.inf)
            best = _lane(ends, int(np.argmin(value)))
            tried = np.concatenate([own, ends.modes.own, best.modes.own[None]])
            modes = jax.device_get(_modes_all(hierarchy, best.phi, tried, groups, given))
            values = np.where(np.isfinite(modes.value), modes.value, np.inf)
            settled = values.min(axis=0) >= values[-1] - _AGREEMENT
            if settled.all() or not np.isfinite(best.value):
                break
            first = modes.own[values.argmin(axis=0), np.arange(len(settled))]
            phi, own = np.stack([best.phi] * 3), np.stack([first] * 3)
    agreeing = int(np.sum(value <= best.value + _AGREEMENT * (1 + np.abs(best.value))))
    return Search(best, len(value), agreeing, settled)


def _lane(ends: Maximum, k: int) -> Maximum:
    return jax.tree.map(lambda x: np.asarray(x[k]), ends)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _maximise_all(
    hierarchy: Hierarchy, phi: jax.Array, own: jax.Array, groups: Groups, given: Given
) -> Maximum:
    return jax.vmap(lambda p, near: maximise(hierarchy, p, near, groups, given))(phi, own)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _modes_all(
    hierarchy: Hierarchy, phi: jax.Array, own: jax.Array, groups: Groups, given: Given
) -> Mode:
    """Modes of every group from many starts (S, G, r), the population held."""
    population = unpack(hierarchy, phi)

    def one(near: jax.Array, rows: Groups) -> Mode:
        return find_mode(hierarchy, near, population, rows, given)

    return jax.vmap(jax.vmap(one), (0, None))(own, groups)
