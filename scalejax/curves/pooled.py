"""Laws of single points of several curves, for fits that pool the curves.

A fit needs a law of one row. `multi_power_law` and `annealing_law` make one that knows the
schedules: a row says on which curve it lies (numbered from 1, in the order of the schedules), at
which step, and which sum of rates S1 it has come to. `scalejax.curve_fits` makes such tables.
With a decay that is held, the plain law `scalejax.curves.annealing` of S1 and S2 is quicker.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from scalejax.curves.multi_power import LUO2025, Changes, multi_power
from scalejax.curves.tissue import PLAUSIBLE, UNITS, annealing
from scalejax.laws import Law, Positive, UnitInterval, Value, law

_BEYOND = 1e300
_LOSS = "nats/token"


def multi_power_law(changes: Sequence[Changes]) -> Law:
    """The multi-power law of points of these schedules (arXiv:2503.12811, equation 2).

    Args:
        changes: Changes of each schedule, from `merged_changes`.

    Returns:
        A law of ``curve`` (its number from 1) and ``S1`` (sum of the rates up to the point).
    """
    table = _stacked(changes)

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
        units={"L0": _LOSS, "A": f"{_LOSS} x S1^alpha", "B": f"{_LOSS} per rate"},
        published=tuple(LUO2025.values()),
    )
    def points(
        curve: Value,
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

        def one(curve: Value, S1: Value, *rest: Value) -> Value:
            return multi_power(S1, _of(table, curve), **dict(zip(_MULTI_POWER, rest, strict=True)))

        return jnp.vectorize(one)(curve, S1, L0, A, alpha, B, C, beta, gamma)

    return points


_MULTI_POWER = ("L0", "A", "alpha", "B", "C", "beta", "gamma")


def annealing_law(changes: Sequence[Changes]) -> Law:
    """The annealing law of points of these schedules with a free decay (arXiv:2408.11029).

    Args:
        changes: Changes of each schedule, from `merged_changes`.

    Returns:
        A law of ``curve`` (its number from 1), ``step`` and ``S1`` (sum of the rates up to it).
    """
    table = _stacked(changes)

    @law(
        name="annealing_decay",
        linear=("L0", "A", "C"),
        cite="tissue2024",
        plausible={**PLAUSIBLE, "decay": (0.98, 0.9999)},
        bounds={"C": (1e-9, 1e9)},
        units=UNITS,
    )
    def points(
        curve: Value,
        step: Value,
        S1: Value,
        *,
        L0: Positive,
        A: Positive,
        alpha: Positive,
        C: Positive,
        decay: UnitInterval,
    ) -> Value:
        """Loss L0 + A/S1^alpha - C S2, S2 by falls that act with momentum `decay` (Tissue)."""
        S2 = jnp.vectorize(lambda *point: _annealed(_of(table, point[0]), *point[1:]))(
            curve, step, decay
        )
        return annealing(S1, S2, L0=L0, A=A, alpha=alpha, C=C)

    return points


def _annealed(changes: Changes, step: Value, decay: Value) -> jax.Array:
    """S2 at a step: each fall d counts d (1 + decay + decay^2 + ...), a term for each step since."""
    since = jnp.maximum(step - changes.step + 1, 0)
    return -jnp.sum(changes.size * jnp.expm1(since * jnp.log(decay))) / (decay - 1)


def _of(table: Changes, curve: Value) -> Changes:
    row = jnp.asarray(curve).astype(int) - 1
    return Changes(*(jnp.asarray(column, jnp.result_type(float))[row] for column in table))


def _stacked(changes: Sequence[Changes]) -> Changes:
    """Changes of all schedules, (curves, n) each, filled up with changes that never come."""
    longest = max((len(one.size) for one in changes), default=0)
    filler = Changes(size=0.0, rate=1.0, area=_BEYOND, step=_BEYOND)
    columns = [
        np.stack([np.pad(column, (0, longest - len(column)), constant_values=fill) for column in of])
        for *of, fill in zip(*changes, filler, strict=True)
    ]
    return Changes(*columns)
