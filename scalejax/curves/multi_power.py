"""The multi-power law: every change of the rate adds a power law of its own (arXiv:2503.12811).

Use it to predict the loss curve of one schedule from those of others, and to look for the best
schedule (`scalejax.curves.best_schedule`). `multi_power_curve` evaluates it from an array of rates.

Its sum has a term for each earlier step at which the rate changes, and a term depends on the point
of the curve only through S(t), the sum of the rates so far. So the law here is a function of S(t)
and of `Changes`: how far the rate changes, to which rate, and after which sum of rates. `changes`
gives all of them and is differentiable; `merged_changes` puts small neighbouring ones together, on
the host, which makes long schedules and fits cheap.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from scalejax._arrays import Floats, Ints
from scalejax.curves.areas import forward_area
from scalejax.errors import UsageError
from scalejax.laws import PublishedSet, Value

_NAMES = ("L0", "A", "alpha", "B", "C", "beta", "gamma")
# Points of a curve that are evaluated together. By judgement: memory is this times the number of
# changes, while fewer points leave the processor waiting.
_POINTS = 16


def _published(size: str, *values: float) -> PublishedSet:
    return PublishedSet(
        f"luo2025-{size}",
        dict(zip(_NAMES, values, strict=True)),
        source="code of arXiv:2503.12811, commit 8da9f190",
        convention=f"{size} parameters, validation loss in nats; the sums include the warm-up",
        note="Fitted to cosine_24000, constant_24000 and wsdcon_9 of its runs (peak 3e-4, warm-up "
        "2,160 steps); the rates of another optimiser or batch size are other rates.",
    )


LUO2025 = {
    "25M": _published(
        "25M", 3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257
    ),
    "100M": _published(
        "100M", 2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644
    ),
    "400M": _published(
        "400M", 2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457
    ),
}
"""Published coefficients by size of the model."""


class Changes(NamedTuple):
    """Where the rate of a schedule changes; all (n,).

    Attributes:
        size: The new rate less the old one.
        rate: The new rate.
        area: Sum of the rates before the change.
        step: First step at the new rate.
    """

    size: Any
    rate: Any
    area: Any
    step: Any


def changes(rates: Value, warmup: int = 0) -> Changes:
    """Every change of a schedule, differentiable in its rates.

    Args:
        rates: Rates of steps 0 to T, (T + 1,). The rate of step 0 is where it begins, no change.
        warmup: Changes up to this step are left out. The published fits count the warm-up (0);
            leaving it out moves late losses down by B times the peak, the optimum of a schedule
            hardly at all.

    Returns:
        T - warmup changes, those of size zero included.
    """
    rates = jnp.asarray(rates, float)
    step = jnp.arange(1, rates.shape[0], dtype=float)
    every = Changes(jnp.diff(rates), rates[1:], forward_area(rates)[:-1], step)
    return Changes(*(column[warmup:] for column in every))


def merged_changes(rates: ArrayLike, steps: ArrayLike = (), share: float = 1e-3) -> Changes:
    """The changes of a schedule with small neighbouring ones put together, on the host.

    A group has changes of one sign that add up to at most `share` of the highest rate (or is one
    larger change), and stands where their centroid is. As the bracket of the law rises from 0 to 1,
    a point of the curve sees the group at most its own size too soon or too late: losses are off by
    less than ``B * share * peak``, 1.6e-4 nats for the published sets. At `steps`, where no group
    is half over, it is a tenth of that.

    Args:
        rates: Rates of steps 0 to T, (T + 1,).
        steps: Steps at which the loss will be wanted, which no group reaches across.
        share: Largest change that is put together, relative to the highest rate; 0 for none.

    Returns:
        The changes, NumPy float64.

    Raises:
        UsageError: The rates are no schedule.
    """
    values = checked_rates(rates)
    size = np.diff(values)
    at = np.flatnonzero(size)
    size, rate, area = size[at], values[1:][at], np.cumsum(values)[:-1][at]
    part = np.searchsorted(np.unique(np.asarray(steps, np.int64)), at + 1)
    group = _groups(size, part, share * float(np.max(values)))
    weight = np.abs(size)
    total = np.bincount(group, weight)
    centre = [np.bincount(group, weight * x) / total for x in (rate, area, at + 1.0)]
    return Changes(np.bincount(group, size), *centre)


def checked_rates(rates: ArrayLike) -> Floats:
    """Rates as NumPy float64.

    Raises:
        UsageError: They are not one row of two or more, finite, none negative, one positive.
    """
    values = np.asarray(rates, np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise UsageError(f"a schedule is one row of two or more rates, not {values.shape}.")
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        step = int(np.argmax(wrong))
        raise UsageError(f"the rate of step {step} is {values[step]}: it must be finite and >= 0.")
    if not values.any():
        raise UsageError("all rates of the schedule are zero.")
    return values


def multi_power(
    area: Value,
    changes: Changes,
    *,
    L0: Value,
    A: Value,
    alpha: Value,
    B: Value,
    C: Value,
    beta: Value,
    gamma: Value,
) -> Value:
    """The loss at one point of a schedule.

    L0 + A/S^alpha + B sum_k (r_k - r_(k-1)) [1 - (1 + C r_k^-gamma S_k)^-beta] over the changes k
    so far, with S_k the sum of the rates from k on (arXiv:2503.12811, equation 2).

    Args:
        area: S, sum of the rates so far, the present one included, ().
        changes: Changes of the whole schedule; later ones do not count.
        L0: Loss that is approached.
        A: Coefficient of the power law at a constant rate.
        alpha: Its exponent.
        B: Gain per fall of the rate.
        C: How soon a fall takes effect.
        beta: Exponent at which it does.
        gamma: How much sooner at a lower rate.

    Returns:
        The loss, (). A fall to rate zero has its full effect as soon as S grows.
    """
    since = jnp.maximum(area - changes.area, 0)
    moving = changes.rate > 0
    # At rate zero the power is infinite; a one stands in, whose slopes do not count.
    speed = C * jnp.where(moving, changes.rate, 1) ** -gamma
    effect = -jnp.expm1(-beta * jnp.log1p(speed * since))
    effect = jnp.where(moving, effect, since > 0)
    return L0 + A * area**-alpha + B * jnp.sum(changes.size * effect)


def multi_power_along(area: Value, changes: Changes, **parameters: Value) -> jax.Array:
    """`multi_power` at many points (k,) with memory for a few at a time, also in its gradient."""

    @jax.checkpoint
    def one(area: jax.Array) -> jax.Array:
        return jnp.asarray(multi_power(area, changes, **parameters))

    return lax.map(one, jnp.asarray(area, float), batch_size=_POINTS)


def multi_power_curve(rates: Value, steps: Value, **parameters: Value) -> jax.Array:
    """The loss at some steps of a schedule, with no changes merged.

    Args:
        rates: Rates of steps 0 to T, (T + 1,); may be traced.
        steps: Steps at which the loss is wanted, (k,) integers; the rates up to and including each
            are summed, and one of them must be positive.
        **parameters: L0, A, alpha, B, C, beta, gamma, as for `multi_power`.

    Returns:
        Losses, (k,). At a constant rate r this is ``L0 + A ((t + 1) r)^-alpha`` exactly.
    """
    area = forward_area(rates)[jnp.asarray(steps)]
    return multi_power_along(area, changes(rates), **parameters)


def _groups(size: Floats, part: Ints, most: float) -> Ints:
    """Group number of each change, (n,).

    Args:
        size: Sizes of the changes, (n,).
        part: Stretch of the schedule of each, (n,); no group reaches across two.
        most: Largest total size of a group of several changes.
    """
    group = np.zeros(len(size), np.int64)
    total = 0.0
    for k, change in enumerate(size):
        same = k > 0 and part[k] == part[k - 1] and change * size[k - 1] > 0
        same = same and abs(total + change) <= most
        total = total + change if same else change
        group[k] = (group[k - 1] if k else 0) + (k > 0 and not same)
    return group
