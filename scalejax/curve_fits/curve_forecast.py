"""`CurveForecast`: losses on schedules not yet run to their end, by laws averaged by their fit.

    forecast_curve(points, schedules)                      # the last step of every schedule
    forecast_curve(points, schedules, at={"wsd": steps})   # the curve of one of them

`points` may hold whole curves of other schedules, the first part of the run that is asked about, or
both: nothing else differs. How often its intervals held on public curves that it had not seen is in
benchmarks/results/curves_forecast.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax.curve_fits.curve_points import POINTS, checked_steps, kept_points
from scalejax.curves import LAWS, CurveRows, average, checked_rates, curve_rows
from scalejax.errors import UsageError
from scalejax.files import plain
from scalejax.resampling import check_level
from scalejax.result import Result
from scalejax.scope import own_settings
from scalejax.vocabulary import argument
from scalejax.wording import aligned, digits, labelled

_FEWEST = 6
"""Points: from them come three coefficients of a law, its exponent, its error and the noise."""
_FALLEN = 0.1
"""Share of the peak by which a rate must have come down for points to say what a fall gains. By
judgement."""
_FAR = 3.0
"""Sums of rates, as multiples of the largest in the points, up to which forecasts were tested."""


@dataclass(frozen=True, eq=False, repr=False)
class CurveForecast(Result):
    """Losses to come along schedules.

    Attributes:
        points: One row per step asked about: curve, step, loss, lo, hi.
        weights: Share of the average of each law, and of nothing else.
        curves: Points that were kept of each curve.
        level: Probability of the intervals.
        notes: What a reader should know.
    """

    points: pd.DataFrame
    weights: Mapping[str, float]
    curves: Mapping[str, int]
    level: float
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The last loss with its interval, and how many others there are."""
        last = self.points.iloc[-1]
        more = f", and {len(self.points) - 1} more" if len(self.points) > 1 else ""
        loss, low, high = (digits(last[name], 4) for name in ("loss", "lo", "hi"))
        return f"loss {loss} ({low} to {high}) at step {last['step']:,} of {last['curve']}{more}"

    def to_frame(self) -> pd.DataFrame:
        """Tidy frame, one row per step asked about: `points`."""
        return self.points

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        described: dict[str, Any] = plain(
            {**vars(self), "points": self.points.to_dict("records"), "headline": self.headline}
        )
        return described

    def summary(self) -> str:
        """What a person should read: the losses first, then what they rest on."""
        shown = zip(*(self.points[name] for name in self.points), strict=True)
        rows = [
            [str(curve), f"{step:,}", *(digits(float(x), 5) for x in ends), ""]
            for curve, step, *ends in shown
        ]
        parts = [f"{name} {100 * share:.0f} %" for name, share in self.weights.items()]
        kept = [f"{name} ({count} points)" for name, count in self.curves.items()]
        lines = [
            self.headline,
            "",
            *aligned([*self.points, ""], rows),
            "",
            f"{100 * self.level:g} % intervals of a run: parameters, what the laws miss, noise.",
            labelled("laws", ", ".join(parts)),
            labelled("rests on", ", ".join(kept)),
            *(labelled("note", note) for note in self.notes),
        ]
        return "\n".join(lines)


def forecast_curve(
    points: Any,
    schedules: Mapping[str, ArrayLike],
    *,
    at: Mapping[str, ArrayLike] | None = None,
    level: float = 0.95,
    keep: int = POINTS,
) -> CurveForecast:
    """Forecast the loss on schedules not yet run, or the end of a run from its first part.

    The annealing law (arXiv:2408.11029) and the multi-power law (arXiv:2503.12811) with many values
    of what is not linear in them are averaged by how well they fit, and a smooth error of the laws
    is part of the interval, see `scalejax.curves.average`. It takes seconds, and one curve is
    enough. Where no rate has fallen yet, what a fall gains is taken from published runs, and said.

    Args:
        points: A frame or mapping with columns curve (a name of `schedules`), step and loss: whole
            curves, the first part of one, or both. All of one model and one loss.
        schedules: Rates of steps 0 to T by name, (T + 1,), warm-up included: of the curves, and of
            what is asked about.
        at: Steps at which the loss is wanted, by name; the last of every schedule by default.
        level: Probability of the intervals, one point at a time.
        keep: Points to keep of each curve, see `thinned`.

    Returns:
        The forecast.

    Raises:
        UsageError: A curve without a schedule, a step beyond it or before any positive rate, losses
            that are not positive or do not fall, or fewer than six points.
    """
    check_level(level)
    table, _ = kept_points(points, schedules, keep)
    table["curve"] = table["curve"].astype(str)
    _check_points(table)
    rates = {str(name): checked_rates(values) for name, values in schedules.items()}
    wanted = _targets(rates, at)
    peak = max(float(np.max(rates[name])) for name in {*table["curve"], *wanted["curve"]})
    with own_settings():
        rows, targets = (_rows(frame, rates, peak) for frame in (table, wanted))
        laws = average(table["loss"].to_numpy(np.float64), rows, targets)
    if not len(laws.weight):
        raise UsageError(
            "the losses do not fall as training goes on: no law of the loss along a schedule fits."
        )
    tail = (1 - level) / 2
    found = wanted[["curve", "step"]].assign(
        loss=laws.loss, lo=laws.quantile(tail), hi=laws.quantile(1 - tail)
    )
    names = np.array(LAWS)[laws.law]
    weights = {name: float(laws.weight[names == name].sum()) for name in dict.fromkeys(LAWS)}
    kept = {str(name): int(n) for name, n in table["curve"].value_counts(sort=False).items()}
    return CurveForecast(found, weights, kept, level, tuple(_notes(table, wanted, rates)))


def _rows(frame: pd.DataFrame, rates: Mapping[str, Floats], peak: float) -> CurveRows:
    """The points of a frame, whose curves follow one another, as the laws see them."""
    parts = [
        curve_rows(rates[str(name)], part["step"].to_numpy(), peak)
        for name, part in frame.groupby("curve", sort=False)
    ]
    areas, falls = zip(*parts, strict=True)
    return CurveRows(np.concatenate(areas), np.concatenate(falls, axis=1))


def _targets(rates: Mapping[str, Floats], at: Mapping[str, ArrayLike] | None) -> pd.DataFrame:
    """Curve, step and sum of the rates of each step asked about."""
    ends = {name: [len(values) - 1] for name, values in rates.items()}
    steps = ends if at is None else {str(name): asked for name, asked in at.items()}
    unknown = [name for name in steps if name not in rates]
    if unknown or not steps:
        raise UsageError(
            f"{argument('at')} asks about {unknown}, which schedules= has no rates for."
        )
    parts = []
    for name, asked in steps.items():
        step = checked_steps(np.atleast_1d(asked), len(rates[name]))
        area = np.cumsum(rates[name])[step]
        parts.append(pd.DataFrame({"curve": name, "step": step, "S1": area}))
    wanted = pd.concat(parts, ignore_index=True)
    _check_begun(wanted)
    return wanted


def _check_points(table: pd.DataFrame) -> None:
    loss = table["loss"].to_numpy(np.float64)
    wrong = ~(np.isfinite(loss) & (loss > 0))
    if wrong.any():
        row = table.iloc[int(np.argmax(wrong))]
        raise UsageError(
            f"the loss of {row['curve']} at step {row['step']} is {row['loss']}: it must be "
            "positive and finite."
        )
    if len(table) < _FEWEST:
        raise UsageError(f"{len(table)} points are too few for a forecast: {_FEWEST} are needed.")
    _check_begun(table)


def _check_begun(table: pd.DataFrame) -> None:
    if not (table["S1"] > 0).all():
        row = table.iloc[int(np.argmin(table["S1"]))]
        raise UsageError(
            f"step {row['step']} of {row['curve']} comes before any rate above zero: no training "
            "has been done there."
        )


def _notes(table: pd.DataFrame, wanted: pd.DataFrame, rates: Mapping[str, Floats]) -> Iterator[str]:
    if _fall(table, rates) < _FALLEN <= _fall(wanted, rates):
        yield (
            "no rate has come down in these points: what the fall to come gains is that of "
            "published runs (5 % of the loss from the peak to zero, give or take 3), unless a "
            "curve with a fall is added"
        )
    far = float(wanted["S1"].max() / table["S1"].max())
    if far > _FAR:
        yield (
            f"the sum of the rates goes {far:.1f} times as far as that of the points; forecasts of "
            f"this kind were tested to {_FAR:g} times"
        )


def _fall(table: pd.DataFrame, rates: Mapping[str, Floats]) -> float:
    """The largest share of its highest rate so far by which a rate has come down."""
    falls = [0.0]
    for name, part in table.groupby("curve"):
        values = rates[str(name)]
        high = np.maximum.accumulate(values)[part["step"]]
        falls.append(float(np.max(1 - values[part["step"]] / high)))
    return max(falls)
