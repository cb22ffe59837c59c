"""Learning-rate schedules as pure functions of the step: elementwise, for `jit`, `vmap`, `grad`.

- `constant`, `cosine`, `linear`: over a run of known length.
- `wsd`: a plateau and then a cooldown over the last steps; its shape is `exponential_cooldown`,
  `linear_cooldown` or `sqrt_cooldown` (1 - sqrt, the usual choice).
- `multi_step`: plateaus; with one boundary it is the two-stage schedule.
- `rates_of`: the array of rates that the laws of this room take. An array of your own, read from a
  log or computed elsewhere, goes wherever such an array does.

Conventions, those of the runs of arXiv:2503.12811: steps count from 0; element i of an array is the
rate of step i, so that a run of T steps has T + 1 of them; warm-up is linear from 0 at step 0 to
the peak at step `warmup`, and the rest of the schedule begins there. arXiv:2408.11029 counts the
warm-up at the peak instead: see `flat_warmup`.
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from scalejax.errors import UsageError
from scalejax.laws import Value

Cooldown = Callable[[Value, Value, Value], Value]
"""The rate at a share of the cooldown, from the peak and the final rate."""

Schedule = Callable[[Value], Value]
"""The rate at a step."""


def constant(step: Value, *, peak: Value, warmup: Value = 0) -> Value:
    """The peak rate at every step after the warm-up.

    Args:
        step: Step, any shape.
        peak: Rate after the warm-up.
        warmup: Steps of linear warm-up.

    Returns:
        The rate, in the shape of `step`.
    """
    return _warmed(step, jnp.full_like(jnp.asarray(step, float), peak), peak, warmup)


def cosine(
    step: Value, *, total: Value, peak: Value, final: Value = 0.0, warmup: Value = 0
) -> Value:
    """Half a cosine from the peak at step `warmup` to `final` at step `total`.

    Args:
        step: Step, any shape.
        total: Last step; the rate stays at `final` beyond.
        peak: Rate after the warm-up.
        final: Rate at the end.
        warmup: Steps of linear warm-up.

    Returns:
        The rate, in the shape of `step`.
    """
    share = _share(step, warmup, total)
    return _warmed(
        step, final + 0.5 * (peak - final) * (1 + jnp.cos(math.pi * share)), peak, warmup
    )


def linear(
    step: Value, *, total: Value, peak: Value, final: Value = 0.0, warmup: Value = 0
) -> Value:
    """A straight line from the peak at step `warmup` to `final` at step `total`; as `cosine`."""
    return _warmed(step, peak + (final - peak) * _share(step, warmup, total), peak, warmup)


def linear_cooldown(share: Value, peak: Value, final: Value) -> Value:
    """A straight line from the peak to `final`."""
    return peak + (final - peak) * share


def exponential_cooldown(share: Value, peak: Value, final: Value) -> Value:
    """Equal factors per step from the peak to `final`, which must be positive."""
    return peak * jnp.exp(share * jnp.log(final / peak))


def sqrt_cooldown(share: Value, peak: Value, final: Value) -> Value:
    """From the peak to `final` as 1 - sqrt(share) (Hagele et al., arXiv:2405.18392)."""
    # The slope of the root is infinite at 0; a one stands in there, whose slope does not count.
    cooling = share > 0
    return final + (peak - final) * (
        1 - jnp.where(cooling, jnp.sqrt(jnp.where(cooling, share, 1)), 0)
    )


def wsd(
    step: Value,
    *,
    start: Value,
    total: Value,
    peak: Value,
    final: Value = 0.0,
    warmup: Value = 0,
    cooldown: Cooldown = sqrt_cooldown,
) -> Value:
    """Warm-up, stable rate, decay: the peak up to step `start`, then a cooldown to step `total`.

    Args:
        step: Step, any shape.
        start: Last step at the peak; often .8 of `total`.
        total: Last step; the rate stays at `final` beyond.
        peak: Rate after the warm-up.
        final: Rate at the end.
        warmup: Steps of linear warm-up.
        cooldown: Shape of the cooldown.

    Returns:
        The rate, in the shape of `step`.
    """
    return _warmed(step, cooldown(_share(step, start, total), peak, final), peak, warmup)


def multi_step(
    step: Value, *, boundaries: Sequence[Value], rates: Sequence[Value], warmup: Value = 0
) -> Value:
    """Plateaus: ``rates[0]`` before the first boundary, ``rates[i]`` from boundary i - 1 on.

    Args:
        step: Step, any shape.
        boundaries: First step of each plateau but the first, increasing.
        rates: Rate of each plateau; one more than boundaries.
        warmup: Steps of linear warm-up.

    Returns:
        The rate, in the shape of `step`.

    Raises:
        UsageError: Not one rate more than boundaries.
    """
    if len(rates) != len(boundaries) + 1:
        raise UsageError(
            f"{len(boundaries)} boundaries part {len(boundaries) + 1} plateaus; got {len(rates)} "
            "rates."
        )
    level = jnp.full_like(jnp.asarray(step, float), rates[0])
    for boundary, rate in zip(boundaries, rates[1:], strict=True):
        level = jnp.where(step >= boundary, rate, level)
    return _warmed(step, level, rates[0], warmup)


def rates_of(schedule: Schedule, total: int) -> jax.Array:
    """The rates of steps 0 to `total`, (total + 1,), in the float type of the caller.

    Args:
        schedule: The rate at a step, such as ``partial(cosine, total=24000, peak=3e-4)``.
        total: Last step.
    """
    return jnp.asarray(schedule(jnp.arange(total + 1, dtype=float)))


def flat_warmup(rates: Value, warmup: int) -> jax.Array:
    """Rates (T + 1,) with the warm-up at the rate of step `warmup` (arXiv:2408.11029)."""
    rates = jnp.asarray(rates)
    return jnp.where(jnp.arange(rates.shape[0]) < warmup, rates[warmup], rates)


def _share(step: Value, start: Value, end: Value) -> Value:
    return jnp.clip((jnp.asarray(step, float) - start) / (end - start), 0.0, 1.0)


def _warmed(step: Value, rate: Value, peak: Value, warmup: Value) -> Value:
    # The maximum only keeps the branch that is not taken finite.
    return jnp.where(step < warmup, peak * step / jnp.maximum(warmup, 1), rate)
