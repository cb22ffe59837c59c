"""Fit one law to the loss curves of several schedules, and predict the curve of another.

    fitted = fit_multi_power(points, schedules, resamples=200)     # points: curve, step, loss
    fitted.fit.summary()
    fitted.predict(rates_of(partial(wsd, start=20000, total=24000, peak=3e-4), 24000), steps)

- `fit_multi_power`: several schedules, among them sudden falls of the rate; seven parameters, so
  give it at least three curves that differ.
- `fit_annealing`: one or two curves; four parameters, or five with a free decay.

Points of a curve lie close together and share their noise, so they are thinned, and resamples take
whole curves. Below six curves that would be too few to draw from; then each curve is cut into
blocks of neighbouring points, and what resamples show is what the points leave open about the law,
not how far one more schedule may lie from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats, Ints
from scalejax.curves import (
    Pool,
    annealing,
    annealing_area,
    annealing_curve,
    annealing_law,
    checked_rates,
    merged_changes,
    multi_power_along,
    multi_power_law,
    pool,
)
from scalejax.errors import UsageError
from scalejax.fitting import MOST_FAILED, Fit
from scalejax.fitting import fit as fit_law
from scalejax.laws import Law
from scalejax.resampling import percentile_interval

CurveOf = Callable[[Floats, Ints, dict[str, Any]], Any]
"""The loss at steps (k,) of a schedule (T + 1,) for one set of parameters."""

POINTS = 40
"""Points that are kept of each curve."""

_ENOUGH_CURVES = 6
_BLOCKS = 24
_DRAWS = 8


@dataclass(frozen=True, eq=False)
class CurveFit:
    """A law fitted to several curves.

    Attributes:
        fit: The fit; its rows are the points that were kept.
        schedules: Rates of the fitted curves by name.
        curve: The law along a schedule.
    """

    fit: Fit
    schedules: Mapping[str, Floats]
    curve: CurveOf

    def predict(self, rates: ArrayLike, steps: ArrayLike, level: float = 0.95) -> pd.DataFrame:
        """The loss curve of a schedule, fitted or not.

        Args:
            rates: Rates of steps 0 to T, (T + 1,).
            steps: Steps at which the loss is wanted, (k,).
            level: Probability of the band.

        Returns:
            step, loss, ``curve_lo`` and ``curve_hi``: the band of the draws of the fit, NaN without
            enough of them. It says what the fitted points leave open about the curve; an unseen
            schedule has often been found to lie outside it, because the law is only nearly true.

        Raises:
            UsageError: Steps outside the schedule.
        """
        values, at = checked_rates(rates), _checked_steps(steps, len(checked_rates(rates)))
        with jax.enable_x64(True):
            draws = self._draws()
            sets = {name: np.append(x, draws[name]) for name, x in self.fit.params.items()}

            def one(parameters: dict[str, Any]) -> Any:
                return self.curve(values, at, parameters)

            loss, *drawn = np.asarray(jax.lax.map(one, sets, batch_size=_DRAWS), np.float64)
        low, high = percentile_interval(np.reshape(drawn, (-1, len(at))), level)
        return pd.DataFrame({"step": at, "loss": loss, "curve_lo": low, "curve_hi": high})

    def _draws(self) -> dict[str, Floats]:
        """Usable draws, or none where so many failed that the rest are no sample."""
        draws = self.fit.draws
        enough = bool(len(draws)) and np.mean(~draws.usable) <= MOST_FAILED
        return {name: x if enough else x[:0] for name, x in draws.arrays().items()}


def fit_multi_power(
    points: Any,
    schedules: Mapping[str, ArrayLike],
    *,
    keep: int = POINTS,
    **options: Any,
) -> CurveFit:
    """Fit the multi-power law (arXiv:2503.12811) to several curves at once.

    B, C, beta and gamma trade places, and three curves hardly tell them apart: the global optimum
    may lie far from the published values and predict no better. Holding the exponents at those of
    another size, ``fixed={"beta": .5935, "gamma": .6347}``, is determined and predicts better.

    Args:
        points: A frame or mapping with columns curve (a name of `schedules`), step and loss.
        schedules: Rates of steps 0 to T by name, (T + 1,), warm-up included.
        keep: Points to keep of each curve, see `thinned`.
        **options: Passed to `scalejax.fit`: ``resamples=``, ``objective=``, ``seed=`` ...

    Returns:
        The fit.

    Raises:
        UsageError: A curve without a schedule, or a step beyond it.
    """
    table, known = _table(points, schedules, keep)
    law = multi_power_law(_pooled(table, known))
    return CurveFit(_fitted(table, law, options), known, _multi_power_of)


def fit_annealing(
    points: Any,
    schedules: Mapping[str, ArrayLike],
    *,
    decay: float | None = 0.999,
    keep: int = POINTS,
    **options: Any,
) -> CurveFit:
    """Fit the annealing law (arXiv:2408.11029) to one or more curves at once.

    Args:
        points: A frame or mapping with columns curve (a name of `schedules`), step and loss.
        schedules: Rates of steps 0 to T by name, (T + 1,); the paper counts the warm-up at the
            peak, see `scalejax.curves.flat_warmup`.
        decay: Share of the momentum that is left after a step; None to fit it.
        keep: Points to keep of each curve, see `thinned`.
        **options: Passed to `scalejax.fit`.

    Returns:
        The fit.

    Raises:
        UsageError: A curve without a schedule, or a step beyond it.
    """
    table, known = _table(points, schedules, keep)
    if decay is None:
        law = annealing_law(_pooled(table, known))
        return CurveFit(_fitted(table, law, options), known, _annealing_of)
    with jax.enable_x64(True):
        area = {name: np.asarray(annealing_area(rates, decay)) for name, rates in known.items()}
    at = zip(table["curve"], table["step"], strict=True)
    table["S2"] = [area[name][step] for name, step in at]

    def curve(rates: Floats, steps: Ints, parameters: dict[str, Any]) -> Any:
        return annealing_curve(rates, steps, decay=decay, **parameters)

    return CurveFit(_fitted(table, annealing, options), known, curve)


def thinned(steps: ArrayLike, keep: int) -> Ints:
    """Positions of the points to keep, as even in the logarithm of the step as they allow.

    Half are spread over the logarithm of the step and half over the steps themselves, so that both
    the first decade and the end of a schedule, where rates fall, are seen.

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
    wanted = np.concatenate([np.geomspace(low, high, half), np.linspace(low, high, keep - half)])
    nearest = np.abs(values[order][:, None] - wanted[None]).argmin(axis=0)
    return np.unique(order[nearest])


def _table(
    points: Any, schedules: Mapping[str, ArrayLike], keep: int
) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """The kept points with position, S1 and block of each, and the schedules of their curves."""
    frame = pd.DataFrame(points)
    missing = [name for name in ("curve", "step", "loss") if name not in frame]
    if missing:
        raise UsageError(f"points= needs the columns curve, step and loss; lacks {missing}.")
    names = list(dict.fromkeys(frame["curve"]))
    unknown = [name for name in names if name not in schedules]
    if unknown:
        raise UsageError(f"schedules= has no rates for the curves {unknown}.")
    known = {name: checked_rates(schedules[name]) for name in names}
    blocks = 1 if len(names) >= _ENOUGH_CURVES else -(-_BLOCKS // len(names))
    parts, first = [], 0
    for name, rates in known.items():
        own = frame[frame["curve"] == name]
        step = _checked_steps(own["step"], len(rates))
        kept = thinned(step, keep)
        part = {
            "curve": name,
            "step": step[kept],
            "position": float(first) + step[kept],
            "S1": np.cumsum(rates)[step[kept]],
            "loss": own["loss"].to_numpy()[kept],
            "block": [f"{name}/{k}" for k in np.arange(len(kept)) * blocks // len(kept)],
        }
        parts.append(pd.DataFrame(part))
        first += len(rates)
    # Runs that branch off one trunk share its points, which are seen once.
    return pd.concat(parts).drop_duplicates(["S1", "loss"], ignore_index=True), known


def _pooled(table: pd.DataFrame, known: Mapping[str, Floats]) -> Pool:
    steps = table.groupby("curve")["step"]
    return pool(list(known.values()), [steps.get_group(name) for name in known])


def _fitted(table: pd.DataFrame, law: Law, options: Mapping[str, Any]) -> Fit:
    columns = [*law.inputs, "loss", "block"]
    return fit_law(table[columns], law, run="block", **{"resamples": 0, **options})


def _multi_power_of(rates: Floats, steps: Ints, parameters: dict[str, Any]) -> Any:
    area = np.cumsum(rates)[steps]
    return multi_power_along(area, merged_changes(rates, steps), **parameters)


def _annealing_of(rates: Floats, steps: Ints, parameters: dict[str, Any]) -> Any:
    return annealing_curve(rates, steps, **parameters)


def _checked_steps(steps: ArrayLike, length: int) -> Ints:
    values = np.asarray(steps)
    whole = values.astype(np.int64)
    wrong = (whole != values) | (whole < 0) | (whole >= length)
    if wrong.any():
        raise UsageError(
            f"step {values[np.argmax(wrong)]} is not on a schedule of the steps 0 to {length - 1}."
        )
    return whole
