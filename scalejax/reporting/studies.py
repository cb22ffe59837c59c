"""The questions that a report asks of a fit, each answered or with the reason why not.

Refits are what takes time: influence and sensitivity share one compiled program, which leaves rows
out by weights, and `refits` can run beside the drawing of pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from scalejax._arrays import Floats
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
from scalejax.isoflop import true_optimum
from scalejax.quantities import FLOP_PER_PAIR
from scalejax.reporting.blocks import Absent, attempt
from scalejax.resampling import percentile_interval
from scalejax.status import Status

MULTIPLES = (1.0, 10.0, 100.0, 1000.0)
"""Sizes that are predicted, in multiples of the largest run."""

DELTAS = (1e-4, 1e-3, 3e-3, 1e-2, 1.0)
LEAST_SQUARES_DELTA = 1.0
"""Log losses never differ by more, so that this delta is least squares in effect."""

VARIANT_DRAWS = 200
"""Resamples of each variant of the sensitivity table: few, because the table asks how far."""

MOST_UNITS = 2000
"""Runs or clusters that are left out one by one; of more, no single one matters much."""


@dataclass(frozen=True, eq=False)
class Refits:
    """What takes refits: influence and sensitivity, as frames."""

    influence: pd.DataFrame | Absent
    sensitivity: pd.DataFrame | Absent


def chosen_conclusions(fit: Fit, at: Sequence[Point] | None) -> Conclusions:
    """Exponents, and what is wanted at the points; for other laws the loss of a far run."""
    if at is not None or allocates(fit):
        return conclude(fit, at=at)
    return conclude(fit, at=[scaled_run(fit, BEYOND)])


def allocates(fit: Fit) -> bool:
    """Whether the law says how to split compute: whether its inputs are N and D."""
    return set(fit.law.inputs) == {"N", "D"}


def largest_compute(fit: Fit) -> float:
    """6 N D of the largest run, FLOP."""
    return float(FLOP_PER_PAIR * np.max(fit.table.inputs["N"] * fit.table.inputs["D"]))


def scaled_run(fit: Fit, factor: float) -> dict[str, float]:
    """The largest run with N, D or C larger: by the factor, or its root each for N and D."""
    inputs = fit.table.inputs
    grown: list[str] = [name for name in ("N", "D", "C") if name in inputs] or [fit.law.inputs[0]]
    place = int(np.argmax(np.prod([inputs[name] for name in grown], axis=0)))
    each = factor ** (1 / len(grown))
    return {
        name: float(values[place]) * (each if name in grown else 1.0)
        for name, values in inputs.items()
    }


def refits(fit: Fit, what: Conclusions, level: float) -> Refits:
    """Leave rows out, and make other choices.

    Changes are in standard errors of the covariance where too many resamples failed.
    """
    judged = replace(fit, draws=Draws.none(fit.law)) if withheld(fit) else fit
    # A conclusion whose standard error is zero, such as a parameter on its bound, moves by no
    # number of them.
    with np.errstate(divide="ignore", invalid="ignore"):
        return Refits(
            attempt("Influence of single runs", lambda: _influence(judged, what)),
            attempt("Sensitivity to choices", lambda: _sensitivity(judged, what, level)),
        )


def units(fit: Fit) -> int:
    """How many runs, or clusters of a fit that has them, can be left out."""
    table = fit.table
    return table.n_rows if table.cluster is None else len(table.cluster_labels)


def withheld(fit: Fit) -> bool:
    """Whether so many resamples failed that what they say is not shown."""
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
    error = dict(zip(what.names, what.standard_errors(fit), strict=True))
    frame["change_in_se"] = frame["change"] / frame["conclusion"].map(error)
    in_effect = f"Huber {LEAST_SQUARES_DELTA:g}"
    return frame.replace({"variant": {in_effect: "least squares (Huber, delta 1)"}})


def _tells_nothing(objective: str, delta: float) -> bool:
    return objective == "least_squares" and delta == LEAST_SQUARES_DELTA


def _few_weights() -> Draws:
    """Draws that ask for few random weights, which the program of the influence solves too.

    They say nothing themselves, so none of them is usable.
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
    if withheld(fit):
        missing = np.full(len(what.names), np.nan)
        return missing, missing
    return percentile_interval(what.of_many(fit.law, fit.draws.arrays()), level)


def _from_covariance(
    fit: Fit, what: Conclusions, level: float, estimate: Floats
) -> tuple[Floats, Floats]:
    """Intervals of the logarithm where all is positive, so that no model size is negative."""

    def numbers(parameters: Any) -> Any:
        values = jnp.concatenate([part(fit.law, parameters) for part in what.parts])
        return jnp.where(jnp.asarray(estimate) > 0, jnp.log(jnp.abs(values)), values)

    frame = fit.interval(numbers, level)
    ends = [frame[name].to_numpy() for name in ("lo", "hi")]
    low, high = (np.where(estimate > 0, np.exp(end), end) for end in ends)
    return low, high


def _beyond(fit: Fit, what: Conclusions, estimate: Floats) -> Floats:
    """Decades between each conclusion and the data, NaN for parameters."""
    found, place = np.full(len(estimate), np.nan), 0
    for conclusion in what.parts:
        count, point = len(conclusion.names), None
        if isinstance(conclusion, ComputeOptimum):
            n = float(estimate[place])
            point = {"N": n, "D": conclusion.budget / (FLOP_PER_PAIR * n)}
        elif isinstance(conclusion, PredictedLoss):
            point = dict(conclusion.point)
        if point is not None:
            arrays = {name: np.array([value]) for name, value in point.items()}
            found[place : place + count] = decades_beyond(fit, arrays)[0]
        place += count
    return found


def with_moves(frame: pd.DataFrame, sensitive: pd.DataFrame | Absent) -> pd.DataFrame:
    """Conclusions with the variant that moves each most: moved_by, moved_to, moved_in_se."""
    if isinstance(sensitive, Absent):
        return frame
    moves = largest_moves(sensitive)[["conclusion", "variant", "estimate", "change_in_se"]]
    moves.columns = pd.Index(["conclusion", "moved_by", "moved_to", "moved_in_se"])
    return frame.merge(moves, on="conclusion", how="left")


def prediction_table(
    fit: Fit, level: float, at: Sequence[Point] | None, discrepancy: float | None
) -> pd.DataFrame:
    """Losses along the compute-optimal path, or of ever larger runs if there is none.

    Returns:
        One row per size and discrepancy: times (the largest run), path, and what `Fit.predict`
        gives; C (FLOP) for laws of N and D.
    """
    times = [*MULTIPLES]
    for conclusion in (conclusion_at(point, fit.law) for point in at or ()):
        if isinstance(conclusion, ComputeOptimum):
            times.append(conclusion.budget / largest_compute(fit))
    times = sorted(set(times))
    path, points = _optimal_path(fit, times)
    known = sorted({*DISCREPANCIES, *([] if discrepancy is None else [discrepancy])})
    frames = []
    for declared in known:
        frame = fit.predict(points, level, discrepancy=declared)
        frame.insert(0, "times", times)
        frame.insert(1, "path", path)
        if allocates(fit):
            frame.insert(2, "C", FLOP_PER_PAIR * frame["N"] * frame["D"])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _optimal_path(fit: Fit, times: Sequence[float]) -> tuple[str, dict[str, Floats]]:
    if allocates(fit):
        best = true_optimum(fit.law, fit.params, largest_compute(fit) * np.array(times))
        if np.all(np.isfinite(best.N)):
            return "compute-optimal", {"N": best.N, "D": best.D}
    runs = [scaled_run(fit, factor) for factor in times]
    return "largest run, scaled", {
        name: np.array([run[name] for run in runs]) for name in fit.law.inputs
    }
