"""New runs by several laws: curves of their plain fits, and forecasts, each with its average."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.forecasting import At, reach_of, runs_to_come
from scalejax.points import points as points_of
from scalejax.resampling import check_level, percentile_interval
from scalejax.selection.density import forecasts, mixture_quantile
from scalejax.selection.ranking import FEWEST_DRAWS
from scalejax.selection.record import SelectionRecord


def curves_of(
    record: SelectionRecord,
    weights: Mapping[str, float],
    inputs: pd.DataFrame | Mapping[str, ArrayLike],
    level: float,
) -> pd.DataFrame:
    """See `scalejax.selection.Selection.predict`."""
    check_level(level)
    total = sum(weight for name, weight in weights.items() if name in record.fits)
    if not total > 0:
        raise UsageError(f"no law that counts has a plain fit: {_reasons(record)}")
    weights = {name: w / total for name, w in weights.items() if name in record.fits}
    if len(record.multipliers) - 1 < FEWEST_DRAWS:
        raise UsageError(f"an average needs at least {FEWEST_DRAWS} resamples.")
    names = dict.fromkeys(n for name in weights for n in record.fits[name].law.inputs)
    every = {name for one in record.fits.values() for name in one.law.inputs}
    points = points_of("inputs", inputs, names, every)
    curves = {name: _curves(record, record.fits[name], points) for name in weights}
    frames = [_law_frame(name, weights[name], points, *curves[name], level) for name in weights]
    frames.append(_average_frame(weights, points, curves, level))
    whole = pd.concat(frames, ignore_index=True)
    return whole.sort_values("point", kind="stable", ignore_index=True)


def forecast_of(
    record: SelectionRecord, weights: Mapping[str, float], at: At, level: float
) -> pd.DataFrame:
    """See `scalejax.selection.Selection.forecast`."""
    check_level(level)
    laws = [c for c in record.candidates if c.law.name in record.densities.keys() & weights.keys()]
    if not laws:
        raise UsageError(f"no law has a forecast: {_reasons(record)}")
    points = runs_to_come(at, tuple(dict.fromkeys(n for c in laws for n in c.law.inputs)))
    every = [np.ones(record.table.n_rows, bool)]
    made = [forecasts(record.table, c.law, c.options, every, [points])[0] for c in laws]
    share = np.array([weights[c.law.name] for c in laws])
    frames = []
    for candidate, weight, (rows, answer) in zip(laws, share, made, strict=True):
        reach = reach_of(rows, level) * answer.sd
        ends = (answer.log_response - reach, answer.log_response + reach)
        frames.append(_new_runs(points, candidate.law.name, weight, answer.log_response, *ends))
    mean = np.sum([w * answer.log_response for w, (_, answer) in zip(share, made, strict=True)], 0)
    low, high = (mixture_quantile(end, share, made) for end in ((1 - level) / 2, (1 + level) / 2))
    frames.append(_new_runs(points, "stacked", 1.0, mean, low, high))
    whole = pd.concat(frames, ignore_index=True)
    sizes = record.along({name: whole[name].to_numpy(np.float64) for name in points})
    whole["decades_beyond"] = np.maximum(np.log10(sizes / record.size.max()), 0.0)
    return whole.sort_values("point", kind="stable", ignore_index=True)


def _reasons(record: SelectionRecord) -> str:
    return "; ".join(f"{c.law.name}: {record.note(c)}" for c in record.candidates)


def _curves(
    record: SelectionRecord, fit: Fit, points: Mapping[str, Floats]
) -> tuple[Floats, Floats]:
    """The law at points (m,), and its usable draws from all runs (B, m)."""
    draws = {name: v[0, 1:] for name, v in record.parameters(fit).items()}
    sound = np.isfinite(np.stack([*draws.values()])).all(0)
    each = {name: values[sound, None] for name, values in draws.items()}
    rows = {name: values.reshape(1, -1) for name, values in points.items()}
    return fit.curve(points, fit.params).reshape(-1), fit.curve(rows, each)


def _law_frame(
    name: str,
    weight: float,
    points: Mapping[str, Floats],
    estimate: Floats,
    draws: Floats,
    level: float,
) -> pd.DataFrame:
    low, high = percentile_interval(draws, level)
    return _points_frame(points).assign(
        law=name, weight=weight, loss=estimate, curve_lo=low, curve_hi=high
    )


def _average_frame(
    weights: Mapping[str, float],
    points: Mapping[str, Floats],
    curves: Mapping[str, tuple[Floats, Floats]],
    level: float,
) -> pd.DataFrame:
    """The mixture of the laws: its interval holds what they disagree about."""
    mean = sum(weight * curves[name][0] for name, weight in weights.items())
    draws = np.concatenate([curves[name][1] for name in weights])
    share = np.concatenate(
        [np.full(len(curves[n][1]), w / max(len(curves[n][1]), 1)) for n, w in weights.items()]
    )
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(draws, ends, axis=0, weights=share, method="inverted_cdf")
    return _points_frame(points).assign(
        law="average", weight=1.0, loss=mean, curve_lo=low, curve_hi=high
    )


def _new_runs(
    points: Mapping[str, Floats], law: str, weight: float, mean: Floats, low: Floats, high: Floats
) -> pd.DataFrame:
    return _points_frame(points).assign(
        law=law, weight=float(weight), loss=np.exp(mean), lo=np.exp(low), hi=np.exp(high)
    )


def _points_frame(points: Mapping[str, Any]) -> pd.DataFrame:
    columns = {name: values.reshape(-1) for name, values in points.items()}
    count = len(next(iter(columns.values())))
    return pd.DataFrame({"point": np.arange(count), **columns})
