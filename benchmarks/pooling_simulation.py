"""Populations of families with a known truth: how often pooled intervals hold it, and how far off.

Families follow Chinchilla's law with parameters drawn from a population; each has few runs, and one
in three has a single size. Everything from the runs to the intervals is one pure JAX function of a
random key, batched over populations. The search starts from the law's plausible middle, never from
the truth.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from scalejax.bayes.posterior import sample
from scalejax.laws import chinchilla
from scalejax.objectives import least_squares, make_model
from scalejax.pooling.draws import group_draws, new_draws, population_draws
from scalejax.pooling.hierarchy import Constants, Groups, Hierarchy, centred_coefficients
from scalejax.pooling.maximum import maximise
from scalejax.pooling.population import start, unpack
from scalejax.pooling.sampling import joint_density, unpacked
from scalejax.pooling.search import middle

NOISE = 0.005
DRAWS, WARMUP = 600, 400
"""Of the chain of each population, where NUTS is asked for."""
SD = np.array([0.10, 0.20, 0.15, 0.20, 0.15])
CORRELATION = 0.5
TARGET = (1e10, 2e11)
_SIZES = np.array([1e8, 1e8, 2e8, 4e8, 4e8, 8e8, 1.6e9, 1.6e9])
_RATIOS = np.array([20.0, 100.0, 40.0, 20.0, 160.0, 40.0, 20.0, 80.0])
_RUNS = (8, 6, 4)


class Outcome(NamedTuple):
    """One population, of G families.

    Attributes:
        parameters: Whether the interval of each coordinate of each family holds it, (G, 5).
        curve: Whether that of the loss of each family's target does, (G,).
        run: The same for the loss of a run there, noise included, (G,).
        new_curve: The same for a family never seen, ().
        new_run: The same with noise, ().
        means: Whether the intervals of the population's means hold them, (5,).
        spreads: The same for the between-group standard deviations, (5,).
        error: |predicted / true - 1| at the families' targets, (G,).
        width: Relative width of the curve's interval there, (G,).
        decrement: Newton decrement at the end, ().
        target: Log losses of the runs, (G, n).
        truth: True loss at the target, (G,).
    """

    parameters: Any
    curve: Any
    run: Any
    new_curve: Any
    new_run: Any
    means: Any
    spreads: Any
    error: Any
    width: Any
    decrement: Any
    target: Any
    truth: Any


def design(families: int) -> tuple[Any, Any, Any]:
    """N, D and weight (G, n): 8 runs, 6 runs, or 4 checkpoints of a single size, in turn."""
    sizes = np.tile(_SIZES, (families, 1))
    single = np.arange(families) % 3 == 2
    sizes[single] = 4e8
    tokens = sizes * _RATIOS
    tokens[single] = 4e8 * np.array([10.0, 30.0, 90.0, 270.0] * 2)
    runs = np.array([_RUNS[k % 3] for k in range(families)])
    return sizes, tokens, (np.arange(len(_SIZES)) < runs[:, None]).astype(float)


def truth(hierarchy: Hierarchy, constants: Constants) -> tuple[Any, Any]:
    """Mean (5,) and Cholesky factor (5, 5) of the population."""
    published = chinchilla.published["besiroglu2024"]
    with jax.enable_x64(True):
        mean = hierarchy.unconstrained({k: jnp.asarray(x) for k, x in published.items()}, constants)
    correlation = CORRELATION ** np.abs(np.arange(5)[:, None] - np.arange(5))
    return np.asarray(mean), np.linalg.cholesky(correlation * np.outer(SD, SD))


def hierarchy_of(families: int) -> tuple[Hierarchy, Constants]:
    """The model that is fitted: all five parameters pooled, a common noise scale."""
    sizes, tokens, weight = design(families)
    model = make_model(chinchilla, least_squares().kernel)
    roles: Any = (*["pooled"] * 5, "shared")
    middle_of = [float(np.exp(np.mean(np.log(x[weight > 0])))) for x in (sizes, tokens)]
    constants = Constants(tuple(middle_of), {}, (0.2, 1.0))
    with jax.enable_x64(True):
        return Hierarchy(model, roles, centred_coefficients(model, roles, constants)), constants


def one_population(
    families: int,
    draws: int,
    warmup: int,
    hierarchy: Hierarchy,
    constants: Constants,
    known_truth: Any,
    key: Any,
) -> Outcome:
    """Simulate a population, fit it, and compare its intervals with the truth.

    With `warmup` the draws are of one chain of NUTS, else of Laplace's approximation.
    """
    sizes, tokens, weight = (jnp.asarray(x) for x in design(families))
    mean, factor, begin = (jnp.asarray(x) for x in known_truth)
    keys = jax.random.split(key, 8)
    v = mean + jax.random.normal(keys[0], (families + 1, 5)) @ factor.T

    def loss(v: Any, N: Any, D: Any) -> Any:
        return chinchilla(N, D, **hierarchy.parameters(jnp.append(v, 0.0), constants))

    clean = jax.vmap(loss)(v[:-1], sizes, tokens)
    target = jnp.log(clean) + NOISE * jax.random.normal(keys[1], clean.shape)
    groups = Groups((sizes, tokens), target, weight)
    # Where the search begins needs one number of the data, their mean.
    level = jnp.sum(target * weight) / jnp.sum(weight)
    begin = begin + level * jnp.array([name in hierarchy.centred for name in hierarchy.names])
    near = jnp.tile(begin[:5], (families, 1))
    found = maximise(hierarchy, start(hierarchy, begin, jnp.asarray(0.2)), near, groups, constants)
    if warmup:
        at = (found.phi, found.hessian, found.modes.own, groups)
        density = joint_density(hierarchy, *at, jax.tree.map(jnp.asarray, constants))
        z, _, _ = sample(density, keys[2][None], draws, warmup)
        populations, known = (x[0] for x in unpacked(density, z)[:2])
    else:
        populations = population_draws(hierarchy, keys[2], found.phi, found.hessian, draws)
        known = group_draws(hierarchy, keys[3], populations, groups, found.modes.own, constants)
    new = new_draws(hierarchy, keys[4], populations)

    curves = jax.vmap(jax.vmap(lambda v: loss(v[:5], *TARGET)))(known)
    curve_new = jax.vmap(lambda v: loss(v[:5], *TARGET))(new)
    true = jax.vmap(lambda v: loss(v, *TARGET))(v)
    seen = true * jnp.exp(NOISE * jax.random.normal(keys[5], true.shape))

    def noisy(curve: Any, v: Any, key: Any) -> Any:
        return curve * jnp.exp(jnp.exp(v[..., 5]) * jax.random.normal(key, curve.shape))

    middle_curve = jax.vmap(lambda own: loss(own, *TARGET))(found.modes.own)
    ends = jnp.quantile(curves, jnp.array([0.025, 0.975]), axis=0)
    spreads = jax.vmap(lambda p: jnp.sqrt(jnp.sum(unpack(hierarchy, p).factor ** 2, 1)))
    return Outcome(
        parameters=_holds(known[..., :5], v[:-1]),
        curve=_holds(curves, true[:-1]),
        run=_holds(noisy(curves, known, keys[6]), seen[:-1]),
        new_curve=_holds(curve_new, true[-1]),
        new_run=_holds(noisy(curve_new, new, keys[7]), seen[-1]),
        means=_holds(populations[:, :5], mean),
        spreads=_holds(spreads(populations), jnp.asarray(SD)),
        error=jnp.abs(middle_curve / true[:-1] - 1),
        width=(ends[1] - ends[0]) / true[:-1],
        decrement=found.decrement,
        target=target,
        truth=true[:-1],
    )


def _holds(draws: Any, value: Any) -> Any:
    low, high = jnp.quantile(draws, jnp.array([0.025, 0.975]), axis=0)
    return (low <= value) & (value <= high)


def simulate(
    families: int, populations: int, draws: int = 400, warmup: int = 0, together: int = 20
) -> Outcome:
    """Outcomes of many populations, (populations, ...) each; by NUTS with `warmup`."""
    hierarchy, constants = hierarchy_of(families)
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), populations)
        known = (*truth(hierarchy, constants), middle(hierarchy, 0.0))
        run = jax.jit(
            jax.vmap(
                lambda k: one_population(families, draws, warmup, hierarchy, constants, known, k)
            )
        )
        parts = [
            jax.device_get(run(keys[first : first + together]))
            for first in range(0, populations, together)
        ]
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)
