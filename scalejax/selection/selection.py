"""`Selection`: laws compared on the same runs, as frames of numbers and as words."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scalejax._arrays import Floats
from scalejax.data import Table, read_numbers
from scalejax.errors import UsageError
from scalejax.files import plain
from scalejax.fitting import Fit
from scalejax.folds import Fold
from scalejax.laws import Law
from scalejax.resampling import check_level, percentile_interval
from scalejax.result import Result
from scalejax.selection.criteria import criteria
from scalejax.wording import aligned

FEWEST_DRAWS = 20
"""Fewer draws give no interval: its ends would be single draws. Set by judgement."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One law of a selection.

    Attributes:
        law: The law.
        fit: Its fit to all runs; the draws are its refits of all folds and resamples. None if the
            law could not be fitted.
        reason: Why it could not be fitted, or an empty text.
    """

    law: Law
    fit: Fit | None
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class Selection(Result):
    """Laws compared on the same runs.

    Attributes:
        table: The runs.
        candidates: The laws, in the order of the call.
        folds: Which runs were held out, and which trained.
        multipliers: Common weights of the rows, (1 + resamples, n), the first all ones.
        axis: Input along which runs were held out.
        size: Its values, (n,).
        seed: Seed of the resamples.
    """

    table: Table
    candidates: tuple[Candidate, ...]
    folds: tuple[Fold, ...]
    multipliers: Floats
    axis: str
    size: Floats
    seed: int

    @cached_property
    def _fits(self) -> dict[str, Fit]:
        fits = {c.law.name: c.fit for c in self.candidates if c.fit is not None}
        if not fits:
            reasons = "; ".join(f"{c.law.name}: {c.reason}" for c in self.candidates)
            raise UsageError(f"no law could be fitted: {reasons}")
        return fits

    @property
    def failed(self) -> dict[str, str]:
        """The laws that could not be fitted, with the reason."""
        return {c.law.name: c.reason for c in self.candidates if c.fit is None}

    def _blocks(self, values: NDArray[Any]) -> NDArray[Any]:
        """Draws (B, ...) as (1 + folds, 1 + resamples, ...): all runs first."""
        return values.reshape(1 + len(self.folds), len(self.multipliers), *values.shape[1:])

    def _parameters(self, fit: Fit) -> dict[str, Floats]:
        """Parameters of all blocks; NaN where a refit is no minimum."""
        usable = self._blocks(fit.draws.usable)
        return {
            name: np.where(usable, self._blocks(values), np.nan)
            for name, values in fit.draws.parameters.items()
        }

    @cached_property
    def _relative(self) -> dict[str, Floats]:
        """|prediction / observation - 1| by law, (folds, 1 + resamples, n)."""
        points = {name: values[None, None] for name, values in self.table.inputs.items()}
        errors = {}
        for name, fit in self._fits.items():
            parameters = {key: v[1:, :, None] for key, v in self._parameters(fit).items()}
            errors[name] = np.abs(fit.curve(points, parameters) / self.table.target - 1)
        return errors

    @cached_property
    def _errors(self) -> dict[str, Floats]:
        """Mean held-out error of every fold by law, (folds, 1 + resamples)."""
        tests = np.stack([fold.test for fold in self.folds])[:, None, :]
        weight = tests * self.multipliers[None] * self.table.weight
        weight /= weight.sum(2, keepdims=True)
        return {
            name: np.sum(np.where(tests, error, 0.0) * weight, 2)
            for name, error in self._relative.items()
        }

    def errors(self) -> pd.DataFrame:
        """Every held-out prediction: law, fold, row, distance (decades), predicted error.

        Returns:
            One row per law, fold and held-out run; ``error`` is prediction / observation - 1, and
            ``are`` its absolute value.
        """
        frames = []
        for name, fit in self._fits.items():
            parameters = {key: v[1:, 0, None] for key, v in self._parameters(fit).items()}
            points = {key: values[None] for key, values in self.table.inputs.items()}
            error = fit.curve(points, parameters) / self.table.target - 1
            for fold, of_rows in zip(self.folds, error, strict=True):
                frames.append(
                    pd.DataFrame(
                        {
                            "law": name,
                            "fold": fold.name,
                            "row": self.table.row[fold.test],
                            self.axis: self.size[fold.test],
                            "decades_beyond": fold.distance[fold.test],
                            "error": of_rows[fold.test],
                            "are": np.abs(of_rows[fold.test]),
                        }
                    )
                )
        return pd.concat(frames, ignore_index=True)

    def ranking(self, level: float = 0.95) -> pd.DataFrame:
        """The laws by held-out error, the best first.

        Args:
            level: Probability of the intervals.

        Returns:
            Indexed by law: are (mean absolute relative error of what was held out, over folds),
            are_lo, are_hi, behind (difference to the best), behind_lo, behind_hi (from common
            resamples), best_in (share of the resamples in which it is the best), tied (whether the
            interval of the difference holds zero), converged (share of the refits), aic, aicc, bic
            and delta_aicc. A law whose refits failed somewhere has NaN there and no rank.
        """
        check_level(level)
        overall = {name: error.mean(0) for name, error in self._errors.items()}
        best = min(overall, key=lambda name: _at_end(overall[name][0]))
        names = list(overall)
        wins = self._wins(overall)
        rows = []
        for name in names:
            behind = overall[name] - overall[best]
            of_fit = criteria(self._fits[name])
            rows.append(
                {
                    "law": name,
                    "are": overall[name][0],
                    **_ends("are", overall[name][1:], level),
                    "behind": behind[0],
                    **_ends("behind", behind[1:], level),
                    "best_in": wins[name],
                    "converged": float(np.mean(self._fits[name].draws.usable)),
                    "aic": of_fit.aic,
                    "aicc": of_fit.aicc,
                    "bic": of_fit.bic,
                }
            )
        frame = pd.DataFrame(rows).set_index("law").sort_values("are", na_position="last")
        frame["tied"] = (frame["behind"] == 0) | (frame["behind_lo"] <= 0)
        frame["delta_aicc"] = frame["aicc"] - frame["aicc"].min()
        return frame

    def _wins(self, overall: Mapping[str, Floats]) -> dict[str, float]:
        """Share of the resamples in which each law is the best; of the runs without any."""
        every = np.stack(list(overall.values()))
        every = every[:, 1:] if every.shape[1] > 1 else every
        sound = every[:, np.any(np.isfinite(every), 0)]
        first = np.nanargmin(sound, 0) if sound.size else np.zeros(0, int)
        count = max(len(first), 1)
        return {name: float(np.sum(first == k)) / count for k, name in enumerate(overall)}

    def weights(self, level: float = 0.95) -> dict[str, float]:
        """Share of each law in the average: how often it wins, among those tied with the best."""
        ranking = self.ranking(level)
        tied = ranking[ranking["tied"]]
        share = tied["best_in"] if tied["best_in"].sum() > 0 else tied["best_in"] + 1
        return {str(name): float(value) for name, value in (share / share.sum()).items()}

    def predict(
        self, inputs: pd.DataFrame | Mapping[str, ArrayLike], level: float = 0.95
    ) -> pd.DataFrame:
        """Predictions of every tied law, and of their average, whose interval holds the spread.

        Args:
            inputs: The inputs of all tied laws by name; scalars broadcast.
            level: Probability of the intervals.

        Returns:
            One row per point and law, and per point one of law ``"average"``: point (from 0), the
            inputs, law, weight, loss, curve_lo and curve_hi. Intervals are of the curve: a new run
            adds its noise.

        Raises:
            UsageError: An input is missing, or there are too few resamples for intervals.
        """
        weights = self.weights(level)
        if len(self.multipliers) - 1 < FEWEST_DRAWS:
            raise UsageError(f"an average needs at least {FEWEST_DRAWS} resamples.")
        names = dict.fromkeys(n for name in weights for n in self._fits[name].law.inputs)
        if missing := [name for name in names if name not in inputs]:
            raise UsageError(f"predict needs the inputs {missing}.")
        arrays = np.broadcast_arrays(*(np.atleast_1d(read_numbers(inputs[n])) for n in names))
        points = dict(zip(names, arrays, strict=True))
        curves = {name: self._curves(self._fits[name], points) for name in weights}
        frames = [_law_frame(name, weights[name], points, *curves[name], level) for name in weights]
        frames.append(_average_frame(weights, points, curves, level))
        whole = pd.concat(frames, ignore_index=True)
        return whole.sort_values("point", kind="stable", ignore_index=True)

    def _curves(self, fit: Fit, points: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """The law at points (m,), and its usable draws from all runs (B, m)."""
        draws = {name: v[0, 1:] for name, v in self._parameters(fit).items()}
        sound = np.isfinite(np.stack([*draws.values()])).all(0)
        each = {name: values[sound, None] for name, values in draws.items()}
        rows = {name: values.reshape(1, -1) for name, values in points.items()}
        return fit.curve(points, fit.params).reshape(-1), fit.curve(rows, each)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Tidy frame, one row per law: what `ranking` gives."""
        return self.ranking(level).reset_index()

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        values: dict[str, Any] = plain(
            {
                "ranking": self.to_frame(level).to_dict("records"),
                "failed": self.failed,
                "weights": self.weights(level),
                "axis": self.axis,
                "folds": [fold.name for fold in self.folds],
                "resamples": len(self.multipliers) - 1,
                "seed": self.seed,
            }
        )
        return values

    def summary(self, level: float = 0.95) -> str:
        """What a person should read: the verdict first, then the numbers."""
        return _summary(self, level)


def _at_end(value: float) -> float:
    """The held-out error to rank by; infinite for a law without one."""
    return float(value) if np.isfinite(value) else np.inf


def _ends(name: str, draws: Floats, level: float) -> dict[str, float]:
    sound = draws[np.isfinite(draws)]
    if len(sound) < FEWEST_DRAWS:
        return {f"{name}_lo": np.nan, f"{name}_hi": np.nan}
    low, high = percentile_interval(sound, level)
    return {f"{name}_lo": float(low), f"{name}_hi": float(high)}


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


def _points_frame(points: Mapping[str, Floats]) -> pd.DataFrame:
    columns = {name: values.reshape(-1) for name, values in points.items()}
    count = len(next(iter(columns.values())))
    return pd.DataFrame({"point": np.arange(count), **columns})


def _summary(selection: Selection, level: float) -> str:
    """The verdict, the ranking, and what failed, as plain text."""
    ranking = selection.ranking(level)
    tied = [str(name) for name in ranking.index[ranking["tied"]]]
    best = str(ranking.index[0])
    count = int(sum(fold.test.sum() for fold in selection.folds))
    farthest = max(float(fold.distance.max()) for fold in selection.folds)
    lines = [
        _verdict(best, tied, level),
        "",
        f"{len(selection.folds)} folds along {selection.axis} hold out {count} predictions, up to "
        f"{farthest:.1f} decades beyond what was trained on; {len(selection.multipliers) - 1} "
        f"common resamples, seed {selection.seed}.",
        "",
    ]
    rows = [
        [
            str(name),
            f"{100 * row['are']:.2f} %",
            _between(100 * row["are_lo"], 100 * row["are_hi"]),
            f"{100 * row['behind']:+.2f} %",
            _between(100 * row["behind_lo"], 100 * row["behind_hi"]),
            f"{100 * row['best_in']:.0f} %",
            f"{row['delta_aicc']:.1f}",
        ]
        for name, row in ranking.iterrows()
    ]
    interval = f"{100 * level:g} %"
    header = ["law", "held-out ARE", interval, "behind", interval, "wins", "delta AICc"]
    lines += aligned(header, rows)
    lines += [
        "",
        "ARE: mean of |predicted / observed - 1| over what was held out. behind: the difference "
        "to the best law under the same resamples. wins: resamples in which the law is the best.",
    ]
    failing = ranking[ranking["converged"] < 1]
    lines += [
        f"{name}: {100 * (1 - share):.1f} % of its refits are no minimum and were left out."
        for name, share in failing["converged"].items()
    ]
    lines += [f"{name}: not fitted. {reason}" for name, reason in selection.failed.items()]
    return "\n".join(lines)


def _verdict(best: str, tied: list[str], level: float) -> str:
    others = [name for name in tied if name != best]
    if not others:
        return f"{best} extrapolates best, and the others are behind it at {100 * level:g} %."
    return (
        f"{best} extrapolates best, but these runs cannot tell it from {', '.join(others)}: "
        "predict with all of them."
    )


def _between(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}"
