"""Fit one law to the loss curves of several schedules, and predict the curve of another.

    fitted = fit_multi_power(points, schedules, resamples=200)     # points: curve, step, loss
    fitted.fit.summary()
    fitted.predict(rates_of(partial(wsd, start=20000, total=24000, peak=3e-4), 24000), steps)

- `fit_multi_power`: several schedules, among them sudden falls of the rate; seven parameters, so
  give it at least three curves that differ.
- `fit_annealing`: one or two curves; four parameters, or five with a free decay.

`CurveFit.predict` gives two bands: of the fit alone, and of a run, which holds how far refits
without a curve (or, of a single one, without its end) were off there: decide by the second.

Points of a curve lie close together and share their noise, so they are thinned, and resamples draw
whole curves. Fewer than six are too few to draw from; then each curve is cut into blocks of
neighbouring points, and intervals of parameters say how well the points determine the law, not how
far the curve of another schedule may lie from it.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats, Ints
from scalejax.curve_fits.curve_points import POINT, POINTS, checked_steps, kept_points
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
from scalejax.errors import DataWarning, FitWarning, ScalejaxError
from scalejax.fitting import MOST_FAILED, Fit
from scalejax.fitting import fit as fit_law
from scalejax.laws import Law
from scalejax.resampling import percentile_interval, t_quantile
from scalejax.scope import own_settings

CurveOf = Callable[[Floats, Ints, dict[str, Any]], Any]
"""The loss at steps (k,) of a schedule (T + 1,) for one set of parameters."""

_BEGUN, _END = 0.1, 0.3
"""Share of a curve that does not count for its misfit, where losses fall fast, and share that is
left out where there is one curve. By judgement."""
_LEAST_FREEDOM = 2
"""Least degrees of freedom of a misfit: of one refit, Student's t would be of no use."""
# Draws that are evaluated together: memory grows with it, by judgement.
_DRAWS = 8


@dataclass(frozen=True, eq=False)
class CurveFit:
    """A law fitted to several curves.

    Attributes:
        fit: The fit; its rows are the points that were kept.
        schedules: Rates of the fitted curves by name.
        curve: The law along a schedule.
        points: What was fitted: curve, step and loss.
        refit: Fits some of the points in the same way, without resamples.
    """

    fit: Fit
    schedules: Mapping[str, Floats]
    curve: CurveOf
    points: pd.DataFrame
    refit: "Callable[[pd.DataFrame], CurveFit]"

    def predict(self, rates: ArrayLike, steps: ArrayLike, level: float = 0.95) -> pd.DataFrame:
        """The loss curve of a schedule, fitted or not.

        Args:
            rates: Rates of steps 0 to T, (T + 1,).
            steps: Steps at which the loss is wanted, (k,).
            level: Probability of the band.

        Returns:
            step, loss, ``lo`` and ``hi`` of a run on that schedule, which hold `misfit`, and
            ``curve_lo`` and ``curve_hi`` of the draws of the fit, NaN without enough of them: the
            uncertainty of the fit alone, which curves of unseen schedules often leave, because the
            law is only nearly true.

        Raises:
            UsageError: Steps outside the schedule.
        """
        values, at = checked_rates(rates), checked_steps(steps, len(checked_rates(rates)))
        with own_settings():
            draws = self._draws()
            sets = {name: np.append(x, draws[name]) for name, x in self.fit.params.items()}

            def one(parameters: dict[str, Any]) -> Any:
                return self.curve(values, at, parameters)

            loss, *band = np.asarray(jax.lax.map(one, sets, batch_size=_DRAWS), np.float64)
        low, high = percentile_interval(np.reshape(band, (-1, len(at))), level)
        misfit, tries = self.misfit
        reach = float(t_quantile(level, max(tries, _LEAST_FREEDOM))) * misfit
        of_fit = [np.nan_to_num(np.log(end / loss)) for end in (low, high)]
        lo, hi = (
            loss * np.exp(sign * np.hypot(reach, part))
            for sign, part in zip((-1, 1), of_fit, strict=True)
        )
        return pd.DataFrame(
            {"step": at, "loss": loss, "lo": lo, "hi": hi, "curve_lo": low, "curve_hi": high}
        )

    @cached_property
    def misfit(self) -> tuple[float, int]:
        """How far the law is off where it was not fitted, from refits without it.

        Each curve in turn is left out; of a single curve, its last part.

        Returns:
            Root mean square of ln(predicted / observed), NaN if no refit came to an end, and the
            number of refits.
        """
        squares = []
        for kept, left_out in self._folds():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", FitWarning)
                    warnings.simplefilter("ignore", DataWarning)
                    other = self.refit(kept)
            except ScalejaxError:
                continue
            if not other.fit.has_estimate:
                continue
            for name, part in left_out.groupby("curve"):
                steps = part["step"].to_numpy()
                with own_settings():
                    loss = np.asarray(
                        self.curve(self.schedules[str(name)], steps, other.fit.params)
                    )
                squares.append(np.mean(np.log(loss / part["loss"].to_numpy()) ** 2))
        return (float(np.sqrt(np.mean(squares))) if squares else np.nan), len(squares)

    def _folds(self) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """What is kept and what is left out, apart from the beginning of each curve."""
        frame, last = self.points, self.points.groupby("curve")["step"].transform("max")
        begun = frame["step"] >= _BEGUN * last
        if len(self.schedules) > 1:
            for name in self.schedules:
                of_curve = frame["curve"] == name
                yield frame[~of_curve], frame[of_curve & begun]
            return
        end = frame["step"] > (1 - _END) * last
        yield frame[~end], frame[end]

    def _draws(self) -> dict[str, Floats]:
        """Usable draws, or none where too many failed for the rest to be a fair sample."""
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
    table, rates_by_name = kept_points(points, schedules, keep)
    law = multi_power_law(_pool_of(table, rates_by_name))
    again = partial(
        fit_multi_power, schedules=rates_by_name, keep=keep, **{**options, "resamples": 0}
    )
    fitted = _fit_points(table, law, options)
    return CurveFit(fitted, rates_by_name, _multi_power_of, table[POINT], again)


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
    table, rates_by_name = kept_points(points, schedules, keep)
    again = partial(
        fit_annealing, schedules=rates_by_name, decay=decay, keep=keep,
        **{**options, "resamples": 0},
    )  # fmt: skip
    if decay is None:
        law = annealing_law(_pool_of(table, rates_by_name))
        fitted = _fit_points(table, law, options)
        return CurveFit(fitted, rates_by_name, _annealing_of, table[POINT], again)
    with own_settings():
        area = {
            name: np.asarray(annealing_area(rates, decay)) for name, rates in rates_by_name.items()
        }
    at = zip(table["curve"], table["step"], strict=True)
    table["S2"] = [area[name][step] for name, step in at]

    def curve(rates: Floats, steps: Ints, parameters: dict[str, Any]) -> Any:
        return annealing_curve(rates, steps, decay=decay, **parameters)

    fitted = _fit_points(table, annealing, options)
    return CurveFit(fitted, rates_by_name, curve, table[POINT], again)


def _pool_of(table: pd.DataFrame, rates_by_name: Mapping[str, Floats]) -> Pool:
    steps = table.groupby("curve")["step"]
    return pool(list(rates_by_name.values()), [steps.get_group(name) for name in rates_by_name])


def _fit_points(table: pd.DataFrame, law: Law, options: Mapping[str, Any]) -> Fit:
    columns = [*law.inputs, "loss", "block"]
    return fit_law(table[columns], law, run="block", **{"resamples": 0, **options})


def _multi_power_of(rates: Floats, steps: Ints, parameters: dict[str, Any]) -> Any:
    area = np.cumsum(rates)[steps]
    return multi_power_along(area, merged_changes(rates, steps), **parameters)


def _annealing_of(rates: Floats, steps: Ints, parameters: dict[str, Any]) -> Any:
    return annealing_curve(rates, steps, **parameters)
