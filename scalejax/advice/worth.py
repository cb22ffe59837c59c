"""From held-out errors to the worth of a recommendation and the error to expect at a target."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.advice.evidence import PLAIN, Trial
from scalejax.resampling import t_quantile

FEWEST = 3
"""Held-out runs below which no interval is given: two numbers do not tell how they scatter."""

_ROUNDING = 1e-6
"""Relative errors below this count as this: a ratio to zero would be infinite."""


@dataclass(frozen=True)
class ExpectedError:
    """The error to expect of an extrapolation, from held-out runs about as far away.

    Attributes:
        error: Median relative error of the held-out runs.
        lo: Lower end of the interval that half of them lie in; NaN below three runs.
        hi: Upper end.
        runs: How many held-out runs.
        nearest: Decades of compute to the nearest of them.
        farthest: Decades of compute to the farthest of them.
    """

    error: float
    lo: float
    hi: float
    runs: int
    nearest: float
    farthest: float


def expected_error(errors: pd.DataFrame, distance: float) -> ExpectedError | None:
    """The error to expect at a distance in decades of compute; None if no law could be fitted.

    Held-out runs at half the distance or more count. Where these are fewer than three, the
    farthest half of all counts, but three at least. The rule was set by judgement.

    Args:
        errors: From `scalejax.advice.evidence.held_out_errors`.
        distance: Decades of compute to the target.
    """
    plain = errors[errors["trial"] == PLAIN.name].dropna(subset="ARE")
    if plain.empty:
        return None
    far = plain[plain["distance"] >= distance / 2]
    if len(far) < FEWEST:
        far = plain.nlargest(max(FEWEST, -(-len(plain) // 2)), "distance", keep="all")
    low, high = (np.nan, np.nan) if len(far) < FEWEST else far["ARE"].quantile([0.25, 0.75])
    ends = far["distance"].agg(["min", "max"])
    return ExpectedError(
        float(far["ARE"].median()), float(low), float(high), len(far), *map(float, ends)
    )


def compare(errors: pd.DataFrame, before: Trial, after: Trial, level: float) -> dict[str, float]:
    """Median errors before and after on the same targets, and their typical ratio.

    The ratio is the geometric mean, with Student's t interval of the mean logarithm; below three
    targets there is none. Targets at which both trials fit the same rows are left out. Those at
    which one trial gives no law are counted and left out of both medians; where that leaves none,
    each median is of the trial's own targets.
    """
    sides = [
        errors[errors["trial"] == trial.name]
        .set_index("target")[["ARE", "fitted"]]
        .add_suffix(suffix)
        for trial, suffix in ((before, " before"), (after, " after"))
    ]
    pairs = pd.concat(sides, axis=1, join="inner")
    pairs = pairs[pairs["fitted before"] != pairs["fitted after"]]
    both = pairs.dropna()
    counted = pairs if both.empty else both
    low, middle, high = _ratio(both["ARE before"].to_numpy(), both["ARE after"].to_numpy(), level)
    return {
        "before": float(counted["ARE before"].median()),
        "after": float(counted["ARE after"].median()),
        "ratio": middle,
        "lo": low,
        "hi": high,
        "targets": len(both),
        "failed_before": int(pairs["ARE before"].isna().sum()),
        "failed_after": int(pairs["ARE after"].isna().sum()),
    }


def _ratio(before: Floats, after: Floats, level: float) -> tuple[float, float, float]:
    """Lower end, geometric mean and upper end of the ratios; an error of zero is rounding."""
    count = len(before)
    if not count:
        return np.nan, np.nan, np.nan
    logs = np.log(np.maximum(after, _ROUNDING) / np.maximum(before, _ROUNDING))
    half = np.nan
    if count >= FEWEST:
        half = t_quantile(level, count - 1) * float(np.std(logs, ddof=1)) / np.sqrt(count)
    mean = float(np.mean(logs))
    return float(np.exp(mean - half)), float(np.exp(mean)), float(np.exp(mean + half))
