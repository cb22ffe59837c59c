"""The numbers of a report as frames: conclusions, predictions, influence and sensitivity.

Influence and sensitivity refit the law and take nearly all the time. They share one compiled
program, which leaves rows out by weights, and `check_robustness` can run in a thread of its own
while pictures are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.compute import clear_compute
from scalejax.conclusions import (
    BEYOND,
    ComputeOptimum,
    Conclusions,
    Point,
    PredictedLoss,
    conclude,
    conclusion_at,
    influence,
    largest_moves,
    sensitivity,
)
from scalejax.errors import UsageError
from scalejax.fitting import (
    DISCREPANCIES,
    MOST_FAILED,
    Draws,
    Fit,
    decades_beyond,
    default_kind,
    method_name,
)
from scalejax.forecasting import Forecast
from scalejax.isoflop import true_optimum
from scalejax.reporting.blocks import Absent, attempt
from scalejax.resampling import percentile_interval
from scalejax.status import Status

MULTIPLES = (1.0, 10.0, 100.0, 1000.0)
"""Sizes that are predicted, in multiples of the largest run: a decade apart, set by judgement."""

DELTAS = (1e-4, 1e-3, 3e-3, 1e-2, 1.0)
"""Deltas of Huber's loss that are tried: about the usual 0.001, from nearly absolute on."""

LEAST_SQUARES_DELTA = 1.0
"""Log losses never differ by more, so that this delta is least squares in effect."""

VARIANT_DRAWS = 200
"""Resamples of each variant of the sensitivity table. Set by judgement: the table shows how far a
conclusion moves, for which rough intervals do, and they are solved for every variant."""

MOST_UNITS = 2000
"""Most runs or clusters that are left out one by one: each costs a refit, and of more no single one
matters much. Set by judgement."""


@dataclass(frozen=True, eq=False)
class Robustness:
    """How firm the conclusions are: influence of single runs, sensitivity to choices."""

    influence: pd.DataFrame | Absent
    sensitivity: pd.DataFrame | Absent


def conclusions_at(fit: Fit, at: Sequence[Point] | None) -> Conclusions:
    """The conclusions of a report: exponents and, at each point, a best model or a loss.

    Without points, a law of other inputs than N and D concludes the loss of a far larger run.
    """
    if at is not None or allocates(fit):
        return conclude(fit, at=at)
    return conclude(fit, at=[scaled_run(fit, BEYOND)])


def allocates(fit: Fit) -> bool:
    """Whether the law says how to split compute: whether its inputs are N and D."""
    return set(fit.law.inputs) == {"N", "D"}


def largest_compute(fit: Fit) -> float:
    """Compute of the largest run, FLOP."""
    return float(np.max(fit.table.flop))


def scaled_run(fit: Fit, factor: float) -> dict[str, float]:
    """The run with the largest N D (or C) times a factor: its square root for N and D each."""
    inputs = fit.table.inputs
    growing: list[str] = [name for name in ("N", "D", "C") if name in inputs] or [fit.law.inputs[0]]
    place = int(np.argmax(np.prod([inputs[name] for name in growing], axis=0)))
    each = factor ** (1 / len(growing))
    return {
        name: float(values[place]) * (each if name in growing else 1.0)
        for name, values in inputs.items()
    }


def check_robustness(fit: Fit, what: Conclusions, level: float) -> Robustness:
    """Refit without each run, and under other objectives and exclusions.

    Changes are in standard errors; those of the covariance where too many resamples failed.
    """
    base = replace(fit, draws=Draws.none(fit.law)) if draws_withheld(fit) else fit
    # The standard error of a parameter on its bound is zero: its change in units of it is NaN.
    with np.errstate(divide="ignore", invalid="ignore"):
        return Robustness(
            attempt("Influence of single runs", lambda: _influence(base, what)),
            attempt("Sensitivity to choices", lambda: _sensitivity(base, what, level)),
        )


def units(fit: Fit) -> int:
    """Number of runs, or of clusters where the fit has them, that can be left out."""
    table = fit.table
    return table.n_rows if table.cluster is None else len(table.cluster_labels)


def draws_withheld(fit: Fit) -> bool:
    """Whether too many resamples failed for their intervals to be shown."""
    return len(fit.draws) > 0 and float(np.mean(~fit.draws.usable)) > MOST_FAILED


def _influence(fit: Fit, what: Conclusions) -> pd.DataFrame:
    if units(fit) > MOST_UNITS:
        raise UsageError(
            f"there are {units(fit)} of them, and a report tries at most {MOST_UNITS}; "
            "scalejax.influence does it"
        )
    return influence(fit, what)


def _sensitivity(fit: Fit, what: Conclusions, level: float) -> pd.DataFrame:
    """Variants within few compiled programs: Huber's deltas and exclusions."""
    own = fit.objective
    deltas = [delta for delta in DELTAS if not _tells_nothing(own.name, delta)]
    frame = sensitivity(
        replace(fit, draws=_few_weights()), what, objectives={}, deltas=deltas, level=level
    )
    estimates = frame["estimate"].to_numpy(np.float64).reshape(-1, len(what.names))
    frame["change_in_se"] = what.moves(fit, estimates).ravel()
    in_effect = f"Huber {LEAST_SQUARES_DELTA:g}"
    return frame.replace({"variant": {in_effect: "least squares (Huber, delta 1)"}})


def _tells_nothing(objective: str, delta: float) -> bool:
    return objective == "least_squares" and delta == LEAST_SQUARES_DELTA


def _few_weights() -> Draws:
    """Draws without numbers that make `sensitivity` refit under few random weights.

    Influence is solved by weights too, so that both share one compiled program.
    """
    unknown = np.full(VARIANT_DRAWS, np.nan)
    status = np.full(VARIANT_DRAWS, int(Status.MAX_STEPS))
    return Draws({}, status, unknown, "bayesian")


def conclusion_frame(fit: Fit, what: Conclusions, level: float) -> pd.DataFrame:
    """One row per conclusion: estimate, lo, hi, level, method, decades_beyond."""
    estimate = what.of(fit.law, fit.params)
    kind = default_kind(fit)
    if kind == "percentile":
        low, high = _percentiles(fit, what, level)
    else:
        low, high = _from_covariance(fit, what, level, estimate)
    return pd.DataFrame(
        {
            "conclusion": what.names,
            "estimate": estimate,
            "lo": low,
            "hi": high,
            "level": level,
            "method": method_name(fit, kind),
            "decades_beyond": _beyond(fit, what, estimate),
        }
    )


def _percentiles(fit: Fit, what: Conclusions, level: float) -> tuple[Floats, Floats]:
    if draws_withheld(fit):
        missing = np.full(len(what.names), np.nan)
        return missing, missing
    return percentile_interval(what.of_many(fit.law, fit.draws.arrays()), level)


def _from_covariance(
    fit: Fit, what: Conclusions, level: float, estimate: Floats
) -> tuple[Floats, Floats]:
    """Intervals from the covariance, of the logarithm where the estimate is positive.

    So that no end of an interval of a model size is negative.
    """

    def numbers(parameters: Any) -> Any:
        values = jnp.concatenate([part(fit.law, parameters) for part in what.parts])
        return jnp.where(jnp.asarray(estimate) > 0, jnp.log(jnp.abs(values)), values)

    frame = fit.interval(numbers, level)
    ends = [frame[name].to_numpy() for name in ("lo", "hi")]
    low, high = (np.where(estimate > 0, np.exp(end), end) for end in ends)
    return low, high


def _beyond(fit: Fit, what: Conclusions, estimate: Floats) -> Floats:
    """Decades between each conclusion and the data, NaN for parameters."""
    decades, place = np.full(len(estimate), np.nan), 0
    for conclusion in what.parts:
        count, point = len(conclusion.names), None
        if isinstance(conclusion, ComputeOptimum):
            n = float(estimate[place])
            point = {"N": n, "D": conclusion.compute.tokens(conclusion.budget, n)}
        elif isinstance(conclusion, PredictedLoss):
            point = dict(conclusion.point)
        if point is not None:
            arrays = {name: np.array([value]) for name, value in point.items()}
            decades[place : place + count] = decades_beyond(fit, arrays)[0]
        place += count
    return decades


def with_moves(frame: pd.DataFrame, variants: pd.DataFrame | Absent) -> pd.DataFrame:
    """Conclusions with the variant that moves each most: moved_by, moved_to, moved_in_se."""
    if isinstance(variants, Absent):
        return frame
    moves = largest_moves(variants)[["conclusion", "variant", "estimate", "change_in_se"]]
    moves.columns = pd.Index(["conclusion", "moved_by", "moved_to", "moved_in_se"])
    return frame.merge(moves, on="conclusion", how="left")


def larger_runs(fit: Fit, at: Sequence[Point] | None) -> tuple[str, list[float], dict[str, Floats]]:
    """The compute-optimal path, or ever larger runs if there is none.

    Returns:
        What the path is, multiples of the largest run, and the inputs there.
    """
    times = [*MULTIPLES]
    for conclusion in (conclusion_at(point, fit.law, fit.table.compute) for point in at or ()):
        if isinstance(conclusion, ComputeOptimum):
            times.append(conclusion.budget / largest_compute(fit))
    times = sorted(set(times))
    path, points = _optimal_path(fit, times)
    return path, times, points


def prediction_table(
    fit: Fit,
    level: float,
    at: Sequence[Point] | None,
    discrepancy: float | None,
    forecast: Forecast | Absent,
) -> pd.DataFrame:
    """Losses along the compute-optimal path, or of ever larger runs if there is none.

    Args:
        fit: The fit.
        level: Probability of the intervals.
        at: Points that were asked about.
        discrepancy: A declared discrepancy, if there is one.
        forecast: The forecast of `larger_runs`.

    Returns:
        One row per size and discrepancy: times (the largest run), path, and what `Fit.predict`
        gives; C (FLOP) for laws of N and D; forecast, forecast_lo and forecast_hi.
    """
    path, times, points = larger_runs(fit, at)
    discrepancies = sorted({*DISCREPANCIES, *([] if discrepancy is None else [discrepancy])})
    frames = []
    for per_decade in discrepancies:
        frame = fit.predict(points, level, discrepancy=per_decade)
        frame.insert(0, "times", times)
        frame.insert(1, "path", path)
        if allocates(fit):
            frame.insert(2, "C", fit.table.cost(frame["N"], frame["D"]))
        if not isinstance(forecast, Absent):
            new = forecast.points
            frame = frame.assign(forecast=new["loss"], forecast_lo=new["lo"], forecast_hi=new["hi"])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _optimal_path(fit: Fit, times: Sequence[float]) -> tuple[str, dict[str, Floats]]:
    if allocates(fit):
        budgets = largest_compute(fit) * np.array(times)
        best = true_optimum(fit.law, fit.params, budgets, clear_compute(fit.table.compute))
        if np.all(np.isfinite(best.N)):
            return "compute-optimal", {"N": best.N, "D": best.D}
    runs = [scaled_run(fit, factor) for factor in times]
    return "largest run, scaled", {
        name: np.array([run[name] for run in runs]) for name in fit.law.inputs
    }
