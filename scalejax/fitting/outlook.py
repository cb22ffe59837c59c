"""The forecast of a fit: its rows, its law inside, and how far the law may bend beside it.

`forecast` answers what the next run's loss will be, and `forecast_many` for many fits at once;
`scalejax.fitting.prediction` makes the frame of `Fit.predict` from it. Where a fit cannot be
forecast, `unforeseeable` says why.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import bdtr

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D, Compute
from scalejax.errors import UsageError
from scalejax.fitting.judgement import Caveat
from scalejax.fitting.record import FitRecord
from scalejax.forecasting import (
    FEWEST_ROWS,
    NINE_IN_TEN,
    AnyLaw,
    At,
    FieldLaw,
    Forecast,
    ForecastRows,
    LawInside,
    inside_of,
    make_forecast,
    rows_of,
    runs_to_come,
)
from scalejax.laws import LAWS, Law
from scalejax.objectives import LogNormal, Normal, Prior, least_squares, make_model
from scalejax.resampling import check_level
from scalejax.vocabulary import argument

_OF_THE_FIELD = ("chinchilla", "outer_exponent")
"""Laws whose forecasts have Chinchilla's law with an outer exponent inside: on public tables it
predicted better than Chinchilla's own."""

_SIZES = ("C", "N", "D", "S", "step", "x")
"""Inputs that are compute or grow with it, the first of which is made larger where N and D are not
both there."""

_UNLIKELY = 0.05
"""Chance of as few held runs, were the interval right, below which a backtest speaks against it."""

TIMES = (10.0, 100.0)
"""Multiples of the largest compute that are forecast where nothing else is asked for."""


def forecast(fit: FitRecord, at: At | None, level: float, seed: int = 0) -> Forecast:
    """See `scalejax.Fit.forecast`."""
    return forecast_many({"": fit}, at, level, seed=seed)


def forecast_many(
    fits: Mapping[str, FitRecord], at: At | None = None, level: float = 0.95, *, seed: int = 0
) -> Forecast:
    """Forecast the losses of runs to come of many fits as one batch.

        fits = sj.fit_many(runs, by="family")
        sj.forecast_many(fits, at={"N": "70B", "D": "1.4T"})

    Args:
        fits: Fits of one law by family, as `scalejax.fit_many` gives them.
        at: The runs to come, the same of all families; if not given, runs of 10 and 100 times the
            largest compute of each, along the ratio of its largest run.
        level: Probability of the intervals.
        seed: Seed of the draws of the parameters.

    Returns:
        The forecast, with the families by their names: the losses are those of `Fit.forecast` of
        each fit by itself.

    Raises:
        UsageError: A fit cannot be forecast, an input is missing, or the fits have not one law with
            the same parameters fixed, tied or known.
    """
    check_level(level)
    if not fits:
        raise UsageError("there is no fit to forecast from.")
    for name, fit in fits.items():
        if why := unforeseeable(fit):
            raise UsageError(f"no forecast{f' of {name}' if name else ''}: {why}.")
    kinds = {(law_inside_of(fit), tuple(sorted(_fixed(fit).items()))) for fit in fits.values()}
    if len(kinds) > 1:
        names = ", ".join(dict.fromkeys(fit.law.name for fit in fits.values()))
        raise UsageError(
            f"the fits ({names}) differ in their law or in what was fixed, tied or known: forecast "
            "those that agree together."
        )
    ((inside, fixed),) = kinds
    rows = {name: rows_of(fit.table) for name, fit in fits.items()}
    targets = {
        name: runs_to_come(
            larger_runs(rows[name], compute=fit.table.compute) if at is None else at, fit.law.inputs
        )
        for name, fit in fits.items()
    }
    unit = next(iter(fits.values())).table.unit
    return make_forecast(
        inside, rows, targets, level=level, seed=seed, fixed=dict(fixed),
        unit=unit, compute={name: fit.table.compute for name, fit in fits.items()},
    )  # fmt: skip


def _fixed(fit: FitRecord) -> dict[str, float]:
    """Values of parameters that are not sought."""
    return {} if isinstance(law_inside_of(fit), FieldLaw) else dict(fit.settings["fixed"])


def unforeseeable(fit: FitRecord) -> str:
    """Why a fit has no forecast, in words; empty where it has one."""
    if fit.settings["penalty"]:
        return "a penalty of your own has no place in it"
    return unforeseeable_rows(fit.free, fit.table.target, fit.table.weight)


def unforeseeable_rows(free: Sequence[str], target: Floats, weight: Floats) -> str:
    """Why rows have no forecast, in words; empty where they have one.

    Args:
        free: Parameters that are sought.
        target: Response of the rows, (n,).
        weight: Of each, (n,).
    """
    if not free:
        return "nothing of the law was fitted"
    if np.any(target <= 0):
        return "it is of logarithms, and the response is not positive everywhere"
    rows = int(np.sum(weight > 0))
    return f"{rows} rows are too few" if rows < FEWEST_ROWS else ""


def law_inside_of(fit: FitRecord) -> LawInside:
    """The law inside the forecast of a fit: its own, with what was fixed, tied or known."""
    settings = fit.settings
    return usual_inside(fit.law, settings["fixed"], settings["tied"], fit.problem.priors)


def usual_inside(
    law: Law,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    priors: Mapping[str, Prior] | None = None,
) -> LawInside:
    """The law inside forecasts of what was fitted with a law: of Chinchilla's family the field's.

    Where something was fixed, tied or known, it is the law itself.
    """
    told = fixed or tied or priors
    if not told and any(law is LAWS[name] for name in _OF_THE_FIELD):
        return FieldLaw()
    return law_inside(law, fixed, tied, priors)


def law_inside(
    law: Law,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    priors: Mapping[str, Prior] | None = None,
) -> LawInside:
    """A law inside a forecast, itself and no other, with what was fixed, tied or known."""
    if not (fixed or tied or priors):
        return inside_of(law)
    model = make_model(law, least_squares().kernel, fixed=fixed, tied=tied)
    ranges = {name: _range(prior) for name, prior in (priors or {}).items()}
    return AnyLaw(model, tuple(sorted(ranges.items())))


def _range(prior: Prior) -> tuple[float, float]:
    """The range that holds nine in ten values of a prior."""
    if isinstance(prior, LogNormal):
        factor = float(np.exp(NINE_IN_TEN * prior.sd))
        return float(prior.median) / factor, float(prior.median) * factor
    assert isinstance(prior, Normal)
    mean, sd = float(prior.mean), float(prior.sd)
    return mean - NINE_IN_TEN * sd, mean + NINE_IN_TEN * sd


def larger_runs(
    rows: ForecastRows,
    times: Sequence[float] = TIMES,
    keyword: str = "at",
    compute: Compute | None = None,
) -> dict[str, Floats]:
    """Runs of multiples of the largest compute, along that run's own ratio.

    Args:
        rows: The rows.
        times: The multiples.
        keyword: By which runs can be said instead.
        compute: What a run costs; if None, 6 N D.

    Raises:
        UsageError: The law has no size of which there could be ten times as much.
    """
    largest = int(np.argmax(rows.ground.places(rows.inputs).compute))
    factors = np.array(times)
    runs = {name: np.full(len(times), values[largest]) for name, values in rows.inputs.items()}
    if {"N", "D"} <= runs.keys():
        compute, ratio = compute or SIX_N_D, runs["D"] / runs["N"]
        flop = factors * compute.flop(runs["N"], runs["D"])
        n = np.exp(compute.log_size_at(np.log(flop), np.log(ratio)))
        return {**runs, "N": n, "D": ratio * n}
    size = next((name for name in _SIZES if name in runs), None)
    if size is None:
        raise UsageError(
            f"{', '.join(runs)}: none is a size that could be {times[0]:g} times larger; say the "
            f"runs by {argument(keyword)}."
        )
    return {**runs, size: runs[size] * factors}


def about_backtest(answer: Forecast) -> Caveat | None:
    """How the largest runs of one family were predicted from the rest; None where too few."""
    if len(answer.backtest) != 1:
        return None
    (test,) = answer.backtest.values()
    text = f"Predicting your {test.sentence(answer.level)}."
    if bdtr(test.held, test.runs, answer.level) >= _UNLIKELY:
        return Caveat(
            "backtest", text, "for", f"held-out largest runs {100 * test.error:.2g} % off"
        )
    short = f"the forecast held {test.held} of your {test.runs} largest runs"
    return Caveat("backtest", text, "care", short)
