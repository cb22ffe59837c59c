"""`compare`: how two fits differ, with intervals from the resamples that they share.

Two fits of the same rows with the same seed and kind of resampling saw the same resamples, so the
noise that both share cancels from each difference: the interval of the difference is narrower
than the two intervals suggest.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scalejax.conclusions.conclusions import (
    Conclusions,
    ParameterValue,
    Point,
    conclude,
    in_logs,
)
from scalejax.engine import CALLER_WEIGHTS
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.keywords import keywords
from scalejax.resampling import check_level, percentile_interval
from scalejax.vocabulary import argument


@keywords()
def compare(
    first: Fit,
    second: Fit,
    what: Conclusions | None = None,
    *,
    at: Point | Sequence[Point] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Differences second minus first, draw by draw.

    Args:
        first: A fit with draws.
        second: Another, of the same rows, with the same resamples.
        what: What to compare; if not given, the parameters that both have and the usual
            conclusions of the first.
        at: Points of the usual ones, as for `conclude`.
        level: Probability of the intervals.

    Returns:
        Indexed by conclusion: first, second, difference, lo, hi, change_in_se, level, method,
        b_asked, b_used. change_in_se is the difference in standard deviations of the paired
        differences, both of logarithms for positive numbers (see `Conclusions.moves`). Only
        resamples in which both refits are minima are used.

    Raises:
        UsageError: The two did not see the same resamples.
    """
    check_level(level)
    _check_resamples(first, second)
    if what is None:
        shared = [name for name in first.params if name in second.params]
        usual = [
            part for part in conclude(first, at=at).parts if not isinstance(part, ParameterValue)
        ]
        what = Conclusions((*(ParameterValue(name) for name in shared), *usual))
    both = first.draws.usable & second.draws.usable
    a, b = (what.of(fit.law, fit.params) for fit in (first, second))
    draws = [
        what.of_many(fit.law, {name: v[both] for name, v in fit.draws.parameters.items()})
        for fit in (first, second)
    ]
    low, high = percentile_interval(draws[1] - draws[0], level)
    logs = what.logarithmic(first.law, a) & what.logarithmic(second.law, b)
    away = in_logs(b, logs) - in_logs(a, logs)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = away / np.std(in_logs(draws[1], logs) - in_logs(draws[0], logs), axis=0)
    return pd.DataFrame(
        {
            "first": a,
            "second": b,
            "difference": b - a,
            "lo": low,
            "hi": high,
            "change_in_se": moves,
            "level": level,
            "method": f"{first.draws.method} percentile of paired draws",
            "b_asked": len(both),
            "b_used": int(np.sum(both)),
        },
        index=pd.Index(what.names, name="conclusion"),
    )


def _check_resamples(first: Fit, second: Fit) -> None:
    """Refuse fits whose draws are not of the same resamples."""
    complaints = []
    if not len(first.draws) or not len(second.draws):
        complaints.append(f"both need draws ({argument('resamples')})")
    if len(first.draws) != len(second.draws):
        complaints.append(f"{len(first.draws)} and {len(second.draws)} resamples")
    if first.draws.method != second.draws.method:
        complaints.append(f"resampled by {first.draws.method} and by {second.draws.method}")
    elif first.draws.method.removeprefix("cluster ") in ("residual", "wild", "parametric"):
        complaints.append("noise made from each fit's own residuals is not shared: draw rows")
    if first.settings["seed"] != second.settings["seed"] and first.draws.method != CALLER_WEIGHTS:
        complaints.append(f"seeds {first.settings['seed']} and {second.settings['seed']}")
    if not np.array_equal(first.table.row, second.table.row):
        complaints.append("fitted to different rows")
    if complaints:
        raise UsageError(f"the fits cannot be paired: {'; '.join(complaints)}.")
