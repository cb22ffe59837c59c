"""`BestSchedule`: the schedule of least final loss, by gradients through a law of the whole of it.

    best = optimal_schedule(
        lambda rates: multi_power_curve(rates, [24000], **LUO2025["400M"])[0],
        total=24000, peak=3e-4, warmup=2160,
    )

After a given warm-up the rate only falls. The logarithm of the rate is a line between knots that
lie closer and closer together towards the end of the run, evenly in the logarithm of the steps
that are left, because the last steps are where schedules differ. Each knot lies below the one
before by a positive amount, so that rates are always positive and never rise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.scope import own_settings
from scalejax.status import Outcome

FinalLoss = Callable[[jax.Array], jax.Array]
"""The loss at the end of a run from its rates (T + 1,)."""

# Final rates of the two starts, as shares of the peak: a mild and a deep decay, by judgement.
_FIRST_FALLS = (1e-1, 1e-3)
# Nats between the ends of the two starts that still count as one: far less than the law is good
# for, and far more than the 3e-8 by which they differ in benchmarks/curves.py.
_AGREED = 1e-4
# Largest slope at a solution and at which to stop, nats per logarithm of a knot's fall; by
# judgement, two decades apart so that a search which just misses the second still counts.
_FLAT = 1e-5
_STILL = 1e-7
# Steps at most, and past steps that L-BFGS remembers; by judgement.
_STEPS = 400
_MEMORY = 20


@dataclass(frozen=True, eq=False)
class BestSchedule:
    """The schedule with the least final loss.

    Attributes:
        rates: Rates of steps 0 to T, NumPy float64 (T + 1,).
        loss: Final loss.
        outcome: `SOLVED` if the slopes vanish and both starts end at one loss.
        slope: Largest slope of the loss in the logarithm of a knot's fall.
        losses: Final loss from each start.
    """

    rates: Floats
    loss: float
    outcome: Outcome
    slope: float
    losses: tuple[float, ...]


class _Descent(NamedTuple):
    z: Any
    inner: Any
    slope: Any
    count: Any


def optimal_schedule(
    loss: FinalLoss, *, total: int, peak: float, warmup: int = 0, knots: int = 100
) -> BestSchedule:
    """Minimise the final loss over all schedules that never rise after the warm-up.

    Args:
        loss: Pure function of the rates of steps 0 to `total`; a law of this room, or your own.
        total: Last step.
        peak: Rate at step `warmup`, which no later one exceeds.
        warmup: Steps of linear warm-up, which are given and not optimised.
        knots: Falls of the rate that are optimised; more follow the optimum closer and cost more.

    Returns:
        The schedule, with an outcome that says whether it can be trusted.

    Raises:
        UsageError: Numbers that make no schedule.
    """
    if not (0 <= warmup < total - 1 and peak > 0 and knots >= 2):
        raise UsageError(
            f"a schedule needs 0 <= warmup < total - 1, a positive peak and two knots or more; not "
            f"warmup={warmup!r}, total={total!r}, peak={peak!r}, knots={knots!r}."
        )
    with own_settings():
        at = jnp.asarray(_knots(total - warmup, knots))
        falls = -jnp.log(jnp.asarray(_FIRST_FALLS)) / knots
        starts = jnp.broadcast_to(_inverse_softplus(falls)[:, None], (len(_FIRST_FALLS), knots))

        def rates(z: jax.Array) -> jax.Array:
            return _rates(z, at, total, peak, warmup)

        def solve(z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            z, slope = _minimise(lambda z: loss(rates(z)), z)
            return rates(z), loss(rates(z)), slope

        ends = jax.jit(lambda starts: lax.map(solve, starts))(starts)
        schedules, losses, slopes = (np.asarray(x, np.float64) for x in ends)
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    outcome = _outcome(losses, float(slopes[best]))
    return BestSchedule(
        schedules[best], float(losses[best]), outcome, float(slopes[best]), tuple(losses.tolist())
    )


def _knots(length: int, count: int) -> Floats:
    """Steps after the warm-up at which the knots lie, (count + 1,), the first and last included."""
    left = np.geomspace(length, 1, count)
    return np.concatenate([length - left, [length]])


def _rates(z: jax.Array, at: jax.Array, total: int, peak: float, warmup: int) -> jax.Array:
    """Rates (total + 1,) from unconstrained falls `z` at the knots `at` after the warm-up."""
    fallen = jnp.concatenate([jnp.zeros(1), jnp.cumsum(jax.nn.softplus(z))])
    step = jnp.arange(total - warmup + 1, dtype=float)
    rising = peak * jnp.arange(warmup, dtype=float) / max(warmup, 1)
    return jnp.concatenate([rising, peak * jnp.exp(-jnp.interp(step, at, fallen))])


def _minimise(loss: FinalLoss, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """L-BFGS until no slope is left: the last point and its largest slope."""
    solver = optax.lbfgs(memory_size=_MEMORY)
    evaluate = optax.value_and_grad_from_state(loss)

    def step(state: _Descent) -> _Descent:
        value, slope = evaluate(state.z, state=state.inner)
        update, inner = solver.update(
            slope, state.inner, state.z, value=value, grad=slope, value_fn=loss
        )
        z = optax.apply_updates(state.z, update)
        return _Descent(z, inner, jnp.max(jnp.abs(slope)), state.count + 1)

    def going(state: _Descent) -> jax.Array:
        return (state.count < _STEPS) & (state.slope > _STILL)

    begin = _Descent(z, solver.init(z), jnp.asarray(jnp.inf), 0)
    end = lax.while_loop(going, step, begin)
    return end.z, jnp.max(jnp.abs(jax.grad(loss)(end.z)))


def _outcome(losses: Floats, slope: float) -> Outcome:
    if not np.isfinite(losses).any():
        return Outcome.NON_FINITE
    agreed = float(np.ptp(losses)) <= _AGREED
    return Outcome.SOLVED if agreed and slope <= _FLAT else Outcome.NOT_CONVERGED


def _inverse_softplus(y: jax.Array) -> jax.Array:
    return jnp.log(jnp.expm1(y))
