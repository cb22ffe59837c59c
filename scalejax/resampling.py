"""Resampling as arrays: a resample is a row of weights or of targets, never a gathered copy.

So shapes never change, rows keep their places, and one engine refits them all. Which one, when:

- *weights*: `pairs` draws rows; `cluster` draws whole clusters (checkpoints of one run belong
  together: drawn one by one they make intervals several times too narrow); `nested` draws clusters
  and then the members within each; `stratified` draws within strata, so that every family keeps
  its share; `bayesian` gives every unit a random weight instead of a whole number, so that no
  resample loses a unit; `jackknife` leaves each unit out once.
- *targets*: `residual` and `wild` keep every row and put noise made of the residuals on the fitted
  curve, for tables too small to lose rows; `wild` (a random sign a unit) allows noise that differs
  between rows or is shared in a cluster; `parametric` draws Gaussian noise of known size.

A unit is a row, or a cluster. Draw k depends on the seed and k alone, not on how draws are divided
over chunks or devices, so two fits with the same rows, seed and kind see the same resamples.
Draw 0 is the sample itself. `draw_counts` and `draw_shares` are for compiled code, which draws
weights itself; `weight_rows` and `target_rows` make the arrays of the other kinds on the host.
Intervals of draws: `percentile_interval`, `t_quantile`.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from scalejax._arrays import Floats, Ints
from scalejax.amounts import LEVEL, read
from scalejax.scope import own_settings

WeightKind = Literal["pairs", "cluster", "nested", "stratified", "bayesian", "jackknife"]
TargetKind = Literal["residual", "wild", "parametric"]
WEIGHT_KINDS: tuple[WeightKind, ...] = (
    "pairs",
    "cluster",
    "nested",
    "stratified",
    "bayesian",
    "jackknife",
)
TARGET_KINDS: tuple[TargetKind, ...] = ("residual", "wild", "parametric")

FEW_RUNS = 10
"""Independent runs below which it is said that they are few: Chinchilla's law has five parameters,
so that nine runs leave four for the noise, and intervals of forecasts from so few held 80 % where
90 % were asked for."""


class Units(NamedTuple):
    """What is drawn: codes from 0 for each of n rows.

    Attributes:
        unit: Unit of each row: its number, or its cluster.
        inner: Unit within the unit, numbered over all units; None without a second level.
        stratum: Stratum of each row; None without strata. A unit lies in one stratum.
    """

    unit: Ints
    inner: Ints | None = None
    stratum: Ints | None = None


def draw_counts(key: jax.Array, draw: jax.Array, units: jax.Array, size: int) -> jax.Array:
    """How often each unit is drawn in one resample.

    Args:
        key: Random key of all draws.
        draw: Number of this draw, (); 0 gives every unit once.
        units: Number of units, (), at most `size`.
        size: Length of the result; entries from `units` on are zero.

    Returns:
        Counts that add up to `units`, (size,) of int32.
    """
    picks = jax.random.randint(jax.random.fold_in(key, draw), (size,), 0, units)
    position = jnp.arange(size)
    counts = jnp.zeros((size,), jnp.int32).at[picks].add(position < units)
    return jnp.where(draw == 0, (position < units).astype(jnp.int32), counts)


def draw_shares(key: jax.Array, draw: jax.Array, units: jax.Array, size: int) -> jax.Array:
    """Random weight of each unit in one draw of the Bayesian bootstrap.

    Source: Rubin (1981), Annals of Statistics 9, 130-134.

    Args:
        key: Random key of all draws.
        draw: Number of this draw, (); 0 gives every unit weight one.
        units: Number of units, (), at most `size`.
        size: Length of the result; entries from `units` on are zero.

    Returns:
        Weights with mean one, (size,) of float64.
    """
    real = jnp.arange(size) < units
    gaps = jax.random.exponential(jax.random.fold_in(key, draw), (size,), jnp.float64)
    gaps = jnp.where(real & (draw > 0), gaps, real)
    return gaps * units / jnp.sum(gaps)


def weight_rows(kind: WeightKind, units: Units, draws: int, seed: int) -> Floats:
    """Multipliers of the rows' weights, (draws, n); the jackknife has one row for each unit.

    Args:
        kind: Which resampling; not ``"pairs"`` or ``"cluster"``, which compiled code draws.
        units: What is drawn.
        draws: Number of resamples.
        seed: Seed.

    Raises:
        ValueError: A level that the kind needs is missing, or compiled code draws the kind.
    """
    unit, inner, stratum = units
    count = int(unit.max()) + 1
    if kind == "jackknife":
        return (unit[None, :] != np.arange(count)[:, None]).astype(np.float64)
    if kind == "nested":
        if inner is None:
            raise ValueError("nested resampling needs an inner level")
        nested = partial(_nested, unit[_rows_by_code(inner)], count)
        return _of_all_draws(_batch(nested), draws, seed)[:, inner]
    if kind == "stratified":
        if stratum is None:
            raise ValueError("stratified resampling needs strata")
        stratified = partial(_stratified, stratum[_rows_by_code(unit)])
        return _of_all_draws(_batch(stratified), draws, seed)[:, unit]
    if kind == "bayesian":
        return _of_all_draws(_exponentials(count), draws, seed)[:, unit]
    raise ValueError(f"{kind} resamples are drawn on the device, see draw_counts")


def target_rows(
    kind: TargetKind,
    fitted: Floats,
    noise: Floats,
    size: Floats,
    unit: Ints,
    draws: int,
    seed: int,
) -> Floats:
    """Targets of resamples, (draws, n).

    Args:
        kind: Which noise.
        fitted: Fitted log losses or losses, (n,).
        noise: Residuals over `size`, scaled up for what the fit took from them, (n,).
        size: Relative size of the noise of each row, (n,); its standard deviation for
            ``"parametric"``.
        unit: Unit of each row; rows of one unit share their sign in ``"wild"``.
        draws: Number of resamples.
        seed: Seed.
    """
    make = {"residual": _residual, "wild": _wild, "parametric": _parametric}[kind]
    return fitted + size * _of_all_draws(_batch(partial(make, noise, unit)), draws, seed)


def _rows_by_code(codes: Ints) -> Ints:
    """A row of each code, in the order of the codes."""
    return np.unique(codes, return_index=True)[1]


def _batch(make: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    return jax.jit(jax.vmap(make))


def _of_all_draws(make: Callable[[jax.Array], jax.Array], draws: int, seed: int) -> Floats:
    """What `make` gives for the keys of all draws, (draws, ...)."""
    with own_settings():
        return np.asarray(make(_keys(seed, np.arange(1, draws + 1))), np.float64)


@jax.jit
def _keys(seed: Any, numbers: Any) -> jax.Array:
    """The keys of draws by number, (B,)."""
    key = jax.random.fold_in(jax.random.key(seed), 0)
    return jax.vmap(partial(jax.random.fold_in, key))(numbers)


@lru_cache(maxsize=8)
def _exponentials(count: int) -> Callable[[jax.Array], jax.Array]:
    # Studies call this again and again for tables of one length: compiled once.
    return _batch(partial(_exponential, count))


def _exponential(count: int, key: jax.Array) -> jax.Array:
    """Weights of the Bayesian bootstrap, (count,): flat Dirichlet, with mean one."""
    gaps = jax.random.exponential(key, (count,))
    return gaps * count / jnp.sum(gaps)


def _stratified(stratum: Ints, key: jax.Array) -> jax.Array:
    """As many units from each stratum as it has; `stratum` of each unit, (K,)."""
    order = np.argsort(stratum, kind="stable")
    sizes = np.bincount(stratum)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])[stratum]
    share = jax.random.uniform(key, stratum.shape)
    picks = jnp.asarray(order)[first + jnp.floor(share * sizes[stratum]).astype(int)]
    return jnp.zeros(stratum.shape).at[picks].add(1.0)


def _nested(outer: Ints, count: int, key: jax.Array) -> jax.Array:
    """Outer units are drawn, then as many inner ones as each has; `outer` of each inner, (K,)."""
    order = np.argsort(outer, kind="stable")
    sizes = np.bincount(outer, minlength=count)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    which, within = jax.random.split(key)
    outer_picks = jax.random.randint(which, (count,), 0, count)
    share = jax.random.uniform(within, (count, int(sizes.max())))
    size = jnp.asarray(sizes)[outer_picks][:, None]
    picks = jnp.asarray(first)[outer_picks][:, None] + jnp.floor(share * size).astype(int)
    real = jnp.arange(share.shape[1]) < size
    inner = jnp.asarray(order)[jnp.where(real, picks, 0)]
    return jnp.zeros(outer.shape).at[inner].add(real.astype(float))


def _residual(noise: Floats, unit: Ints, key: jax.Array) -> jax.Array:
    return jnp.asarray(noise)[jax.random.randint(key, noise.shape, 0, len(noise))]


def _wild(noise: Floats, unit: Ints, key: jax.Array) -> jax.Array:
    """Random signs, one for each unit (Liu 1988, Annals of Statistics 16, 1696-1708)."""
    sign = jax.random.rademacher(key, (int(unit.max()) + 1,), noise.dtype)
    return jnp.asarray(noise) * sign[unit]


def _parametric(noise: Floats, unit: Ints, key: jax.Array) -> jax.Array:
    return jax.random.normal(key, noise.shape)


def check_level(level: Any) -> float:
    """The level of an interval, a probability.

    Raises:
        UsageError: It does not lie between 0 and 1.
    """
    return read("level", level, LEVEL)


def t_quantile(level: float, degrees_of_freedom: float) -> float:
    """Half-width, in standard errors, of a central interval of Student's t."""
    return float(stdtrit(degrees_of_freedom, (1 + level) / 2))


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Equal-tailed percentile interval of draws along the first axis; NaN without draws."""
    values = np.asarray(draws, np.float64)
    if values.shape[0] == 0:
        missing = np.full(values.shape[1:], np.nan)
        return missing, missing
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high
