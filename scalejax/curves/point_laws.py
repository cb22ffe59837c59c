"""Laws of single points of several curves, to fit the curves together.

A fit needs a law of one row, but a loss depends on the whole schedule before it. `pool` lays the
schedules end to end; a row then gives its *position* (``first`` of its schedule, plus its step) and
the sum S1 of the rates so far. `multi_power_law` and `annealing_law` make the law of such rows,
`scalejax.curve_fits` the rows. With a fixed decay the plain law `annealing` of S1 and S2 is
quicker.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from scalejax._arrays import Floats, Ints
from scalejax.curves.annealing import PLAUSIBLE, UNITS, annealing
from scalejax.curves.multi_power import LUO2025, Changes, merged_changes, multi_power
from scalejax.laws import Law, Positive, UnitInterval, Value, law

# Area and step of changes that only fill up arrays: beyond the end of any schedule.
_BEYOND = 1e30
_LOSS = "nats/token"
_MULTI_POWER = ("L0", "A", "alpha", "B", "C", "beta", "gamma")


class Pool(NamedTuple):
    """Schedules laid end to end.

    Attributes:
        first: Position of step 0 of each schedule, (curves,).
        changes: Changes of each schedule, (curves, n) each.
    """

    first: Ints
    changes: Changes


def pool(schedules: Sequence[ArrayLike], steps: Sequence[ArrayLike], share: float = 0.02) -> Pool:
    """Lay schedules end to end, with small neighbouring changes put together.

    Args:
        schedules: Rates of steps 0 to T of each curve, (T + 1,) each.
        steps: Steps of the points of each curve.
        share: See `merged_changes`; losses of the published sets move by 2e-4 nats at most.

    Returns:
        The schedules as arrays of equal lengths.
    """
    merged = [merged_changes(*pair, share) for pair in zip(schedules, steps, strict=True)]
    lengths = [len(np.asarray(rates)) for rates in schedules]
    return Pool(np.cumsum([0, *lengths[:-1]]), _stack(merged))


def multi_power_law(schedules: Pool) -> Law:
    """The multi-power law of points of pooled schedules (arXiv:2503.12811, equation 2).

    Returns:
        A law of ``position`` and ``S1``; the latter is the sum of the rates up to the point.
    """

    @law(
        name="multi_power",
        linear=("L0", "A", "B"),
        cite="luo2025",
        plausible={
            "L0": (0.3, 4.0),
            "A": (0.05, 50.0),
            "alpha": (0.1, 1.0),
            "B": (10.0, 1e4),
            "C": (0.3, 30.0),
            "beta": (0.2, 1.5),
            "gamma": (0.2, 1.2),
        },
        bounds={"C": (1e-6, 1e6)},
        units={"L0": _LOSS, "A": f"{_LOSS} x S1^alpha", "B": f"{_LOSS} per rate"},
        published=tuple(LUO2025.values()),
    )
    def points(
        position: Value,
        S1: Value,
        *,
        L0: Positive,
        A: Positive,
        alpha: Positive,
        B: Positive,
        C: Positive,
        beta: Positive,
        gamma: Positive,
    ) -> Value:
        """Loss L0 + A/S1^alpha + B sum_k dr_k [1 - (1 + C r_k^-gamma S_k)^-beta] (Luo et al.)."""

        def one(position: Value, S1: Value, *rest: Value) -> Value:
            _, changes = _locate(schedules, position)
            return multi_power(S1, changes, **dict(zip(_MULTI_POWER, rest, strict=True)))

        return jnp.vectorize(one)(position, S1, L0, A, alpha, B, C, beta, gamma)

    return points


def annealing_law(schedules: Pool) -> Law:
    """The annealing law of points of pooled schedules with a free decay (arXiv:2408.11029).

    Returns:
        A law of ``position`` and ``S1``; the latter is the sum of the rates up to the point.
    """

    @law(
        name="annealing_decay",
        linear=("L0", "A", "C"),
        cite="tissue2024",
        plausible={**PLAUSIBLE, "decay": (0.98, 0.9999)},
        bounds={"C": (1e-9, 1e9)},
        units=UNITS,
    )
    def points(
        position: Value,
        S1: Value,
        *,
        L0: Positive,
        A: Positive,
        alpha: Positive,
        C: Positive,
        decay: UnitInterval,
    ) -> Value:
        """Loss L0 + A/S1^alpha - C S2, S2 by falls that act with momentum `decay` (Tissue)."""

        def one(position: Value, decay: Value) -> Value:
            return _annealing_sum(*_locate(schedules, position), decay)

        S2 = jnp.vectorize(one)(position, decay)
        return annealing(S1, S2, L0=L0, A=A, alpha=alpha, C=C)

    return points


def _annealing_sum(step: Value, changes: Changes, decay: Value) -> jax.Array:
    """S2 at a step: a fall d adds d (1 + decay + decay^2 + ...), one term for each step since."""
    since = jnp.maximum(step - changes.step + 1, 0)
    return -jnp.sum(changes.size * jnp.expm1(since * jnp.log(decay))) / (decay - 1)


def _locate(schedules: Pool, position: Value) -> tuple[Value, Changes]:
    """Step and changes of the schedule at a position."""
    at = jnp.asarray(position).astype(int)
    first = jnp.asarray(schedules.first, int)
    curve = jnp.searchsorted(first, at, side="right") - 1

    def row(column: Any) -> jax.Array:
        return jnp.asarray(column, float)[curve]

    return at - first[curve], Changes(*map(row, schedules.changes))


def _stack(changes: Sequence[Changes]) -> Changes:
    """Changes of all schedules, (curves, n) each; shorter ones end in changes that never come."""
    longest = max(len(one.size) for one in changes)
    filler = Changes(size=0.0, rate=1.0, area=_BEYOND, step=_BEYOND)

    def stacked(fill: float, *columns: Any) -> Floats:
        return np.stack([np.pad(x, (0, longest - len(x)), constant_values=fill) for x in columns])

    return Changes(*map(stacked, filler, *changes))
