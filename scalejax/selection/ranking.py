"""The ranking of laws: by what the forecast with each inside gives to held-out runs, or otherwise.

Every criterion is turned into a score of which less is better, of the runs and of each resample.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.resampling import check_level, percentile_interval
from scalejax.selection.criteria import criteria
from scalejax.selection.density import stacked_weights
from scalejax.selection.record import Candidate, SelectionRecord

CRITERIA = ("density", "error", "aic", "aicc", "bic")
"""By what laws may be ranked."""

FEWEST_DRAWS = 20
"""Fewer draws give no interval: its ends would be single draws. Set by judgement."""

ALIKE = 0.1
"""Nats a held-out run by which laws are not told apart, whatever the resamples of held-out runs
say: standard deviations that are wrong by a factor of 1.4 cost as much, and the forecasts
themselves are not resampled."""

_OF_ALL = ("aic", "aicc", "bic")


def ranking_of(record: SelectionRecord, level: float) -> pd.DataFrame:
    """See `scalejax.selection.Selection.ranking`."""
    check_level(level)
    scores = _scores(record)
    best = min(scores, key=lambda name: scores[name][0], default=None)
    wins, weights = _wins(scores), weights_of(record)
    rows = []
    for candidate in record.candidates:
        name = candidate.law.name
        behind = scores[name] - scores[best] if best and name in scores else np.full(1, np.nan)
        rows.append(
            {
                "law": name,
                "score": scores[name][0] if name in scores else np.inf,
                "weight": weights.get(name, 0.0),
                "log_density": -_surprise(record, name)[0],
                "behind": behind[0],
                **_ends("behind", behind[1:], level),
                "best_in": wins.get(name, np.nan),
                "tied": bool(behind[0] == 0),
                **_of_plain_fit(record, candidate, level),
                "note": record.note(candidate),
            }
        )
    frame = pd.DataFrame(rows).sort_values("score", kind="stable").set_index("law")
    frame["tied"] |= frame["behind_lo"] <= 0
    if record.criterion == "density":
        frame["tied"] |= frame["behind"] < ALIKE
    if not weights:
        wins_of_tied = frame["best_in"].where(frame["tied"], 0.0).fillna(0.0)
        frame["weight"] = wins_of_tied / max(wins_of_tied.sum(), np.finfo(float).tiny)
    frame["delta_aicc"] = frame["aicc"] - frame["aicc"].min()
    places = np.arange(1.0, len(frame) + 1)
    frame.insert(0, "rank", np.where(np.isfinite(frame.pop("score")), places, np.nan))
    return frame


def weights_of(record: SelectionRecord) -> dict[str, float]:
    """Stacked weights of the laws that have densities; none if no law has."""
    names = list(record.densities)
    if not names:
        return {}
    used = record.held_out > 0
    each = np.stack([record.densities[name][used] for name in names])
    weights = stacked_weights(each, record.held_out[used])
    return dict(zip(names, map(float, weights), strict=True))


def error_of(record: SelectionRecord, name: str) -> Floats:
    """Mean held-out error of a law's plain fits in the shared folds, (1 + resamples,)."""
    errors = record.errors_by_fold.get(name)
    if errors is None:
        return np.full(1, np.nan)
    errors = errors[record.shared]
    sound = np.isfinite(errors)
    count = sound.sum(0)
    total = np.sum(np.where(sound, errors, 0.0), 0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _surprise(record: SelectionRecord, name: str) -> Floats:
    """Minus the mean ln density of what was held out, (1 + resamples,), runs weighted anew."""
    density = record.densities.get(name)
    if density is None:
        return np.full(1, np.nan)
    weight = record.held_out[None] * record.multipliers[:, None, :]
    return np.asarray(-np.sum(weight * density, (1, 2)) / np.sum(weight, (1, 2)))


def _scores(record: SelectionRecord) -> dict[str, Floats]:
    """The score of each law that has one: of the runs, and of each resample."""
    names = [candidate.law.name for candidate in record.candidates]
    if record.criterion == "density":
        scores = {name: _surprise(record, name) for name in names}
    elif record.criterion == "error":
        scores = {name: error_of(record, name) for name in names}
    else:
        scores = {
            name: np.array([getattr(criteria(fit), record.criterion)])
            for name, fit in record.fits.items()
        }
    return {name: score for name, score in scores.items() if np.isfinite(score[0])}


def _wins(scores: Mapping[str, Floats]) -> dict[str, float]:
    """Share of the resamples in which each law is the best; of the runs without any."""
    if not scores:
        return {}
    every = np.stack(list(scores.values()))
    every = every[:, 1:] if every.shape[1] > 1 else every
    sound = every[:, np.any(np.isfinite(every), 0)]
    first = np.nanargmin(sound, 0) if sound.size else np.zeros(0, int)
    count = max(len(first), 1)
    return {name: float(np.sum(first == k)) / count for k, name in enumerate(scores)}


def _of_plain_fit(record: SelectionRecord, candidate: Candidate, level: float) -> dict[str, float]:
    """What the plain fit gives: held-out error, refits that ended well, information criteria."""
    error = error_of(record, candidate.law.name)
    columns = {"are": float(error[0]), **_ends("are", error[1:], level)}
    if candidate.fit is None:
        return {**columns, "converged": np.nan, **dict.fromkeys(_OF_ALL, np.nan)}
    of_fit = criteria(candidate.fit)
    columns["converged"] = float(np.mean(candidate.fit.draws.usable))
    return {**columns, **{name: getattr(of_fit, name) for name in _OF_ALL}}


def _ends(name: str, draws: Floats, level: float) -> dict[str, float]:
    sound = draws[np.isfinite(draws)]
    if len(sound) < FEWEST_DRAWS:
        return {f"{name}_lo": np.nan, f"{name}_hi": np.nan}
    low, high = percentile_interval(sound, level)
    return {f"{name}_lo": float(low), f"{name}_hi": float(high)}
