"""Points of curves: which of them are kept, and the schedules that they lie on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats, Ints
from scalejax.curves import checked_rates
from scalejax.errors import UsageError
from scalejax.vocabulary import argument

POINTS = 40
"""Points to keep of each curve. By judgement: they share noise, so that more add little."""

# Curves from which whole ones are drawn, and blocks of all curves together where they are fewer.
# By judgement: of fewer than about six, resamples hardly differ.
_ENOUGH_CURVES = 6
_BLOCKS = 24
POINT = ["curve", "step", "loss"]


def thinned(steps: ArrayLike, keep: int) -> Ints:
    """Which points of a curve to keep.

    Half are spread evenly over the logarithm of the step and half over the step itself, so that
    both the first decade and the end of a schedule, where rates fall, are covered.

    Args:
        steps: Steps of the points of one curve, (n,).
        keep: How many; all are kept if there are no more than that.

    Returns:
        Positions, increasing, at most `keep`.
    """
    values = np.asarray(steps, np.float64)
    if len(values) <= keep:
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    low, high = max(values[order[0]], 1.0), values[order[-1]]
    half = keep // 2
    targets = np.concatenate([np.geomspace(low, high, half), np.linspace(low, high, keep - half)])
    nearest = np.abs(values[order][:, None] - targets[None]).argmin(axis=0)
    return np.unique(order[nearest])


def kept_points(
    points: Any, schedules: Mapping[str, ArrayLike], keep: int
) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """The kept points with position, S1 and block of each, and the schedules of their curves."""
    frame = pd.DataFrame(points)
    missing = [name for name in ("curve", "step", "loss") if name not in frame]
    if missing:
        raise UsageError(
            f"{argument('points')} needs the columns curve, step and loss; lacks {missing}."
        )
    names = list(dict.fromkeys(frame["curve"]))
    unknown = [name for name in names if name not in schedules]
    if unknown:
        raise UsageError(f"schedules= has no rates for the curves {unknown}.")
    rates_by_name = {name: checked_rates(schedules[name]) for name in names}
    blocks = 1 if len(names) >= _ENOUGH_CURVES else -(-_BLOCKS // len(names))
    parts, first = [], 0
    for name, rates in rates_by_name.items():
        own = frame[frame["curve"] == name]
        step = checked_steps(own["step"], len(rates))
        index = thinned(step, keep)
        # Blocks of single points would group nothing.
        own_blocks = blocks if blocks < len(index) else max(len(index) // 2, 1)
        part = {
            "curve": name,
            "step": step[index],
            "position": float(first) + step[index],
            "S1": np.cumsum(rates)[step[index]],
            "loss": own["loss"].to_numpy()[index],
            "block": [f"{name}/{k}" for k in np.arange(len(index)) * own_blocks // len(index)],
        }
        parts.append(pd.DataFrame(part))
        first += len(rates)
    # Runs that branch off one trunk share its points, which are seen once.
    return pd.concat(parts).drop_duplicates(["S1", "loss"], ignore_index=True), rates_by_name


def checked_steps(steps: ArrayLike, length: int) -> Ints:
    """Steps as whole numbers.

    Raises:
        UsageError: One is not on a schedule of so many steps.
    """
    values = np.asarray(steps)
    whole = values.astype(np.int64)
    wrong = (whole != values) | (whole < 0) | (whole >= length)
    if wrong.any():
        raise UsageError(
            f"step {values[np.argmax(wrong)]} is not on a schedule of the steps 0 to {length - 1}."
        )
    return whole
