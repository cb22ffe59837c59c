"""Profile likelihood: one parameter held at each of many values, the others fitted again.

The interval holds the values whose objective is not significantly worse than the best. It follows
curved and one-sided likelihoods that a symmetric interval cannot, and a parameter that the data do
not determine shows as a flat profile with an end that is infinite. All refits are one batch.

The drop in the objective is measured in units of its own noise: for least squares
``2 (S - S0) / s^2``, for other losses divided by ``mean(psi^2) / mean(chi)`` (Huber 1981, Robust
Statistics); for
Student's t with a fitted scale it is twice the log-likelihood. Its signed root is compared with
Student's t. Rows must be independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.amounts import whole
from scalejax.engine import DRAW_TOLERANCE, HINT, How
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.resampling import check_level, t_quantile
from scalejax.result import Result
from scalejax.scope import own_settings
from scalejax.wording import aligned, digits
from scalejax.workload import MOST_POINTS

_CERTAIN = 1e-5
"""Scaled gradient of a refit that counts as a minimum: ten times a fit's, by judgement."""

_FLAT_REACH, _FLAT_RISE = 0.5, 2.0
"""Flat: a parameter may change by half while the log-likelihood falls by less than one."""


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Result):
    """Profiles of a fit's parameters.

    Attributes:
        curves: One row per held value: parameter, value, root (signed root of the scaled drop in
            the objective), and certain (whether the refit is a minimum).
        intervals: Indexed by parameter: estimate, lo, hi, level, method, and flat (whether the
            parameter may change by half with hardly a worse fit). An end that the profile does not
            reach within its range is infinite, or the end of the parameter's bounds.
    """

    curves: pd.DataFrame
    intervals: pd.DataFrame

    @property
    def headline(self) -> str:
        """Each parameter with its interval in one line."""
        rows = self.intervals.iterrows()
        return ", ".join(
            f"{name} {digits(row['estimate'], 4)} ({digits(row['lo'], 4)} to "
            f"{digits(row['hi'], 4)})"
            for name, row in rows
        )

    def to_frame(self) -> pd.DataFrame:
        """Tidy frame, one row per parameter: `intervals`."""
        return self.intervals.reset_index()

    def summary(self) -> str:
        """The intervals as a table, and which parameters are flat."""
        frame = self.to_frame()
        level, method = frame["level"].iloc[0], frame["method"].iloc[0]
        rows = [
            [
                str(row["parameter"]),
                *(digits(row[name], 6) for name in ("estimate", "lo", "hi")),
                "may change by half with hardly a worse fit" if row["flat"] else "",
            ]
            for _, row in frame.iterrows()
        ]
        table = aligned(["parameter", "estimate", "lo", "hi", ""], rows)
        return "\n".join([*table, f"{100 * level:g} % intervals, {method}."])


def profile(
    fit: Fit,
    parameters: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    points: int = 24,
    how: How | None = None,
) -> Profile:
    """Profile parameters of a fit.

    Args:
        fit: A fit with independent rows.
        parameters: Which; all free ones if not given.
        level: Probability of the intervals.
        points: Held values on each side of the estimate.
        how: How to solve.

    Raises:
        UsageError: A parameter is not free, the rows are clustered, or the fit has no covariance
            to start from.
    """
    check_level(level)
    names = tuple(fit.asymptotics.names if parameters is None else parameters)
    if unknown := [name for name in names if name not in fit.asymptotics.names]:
        raise UsageError(f"{', '.join(unknown)}: no free parameters of this fit.")
    if fit.table.cluster is not None:
        raise UsageError("a profile takes rows as independent: with clusters, use the bootstrap.")
    threshold = t_quantile(level, fit.asymptotics.degrees_of_freedom)
    u, held, number = _grid(fit, names, threshold, points)
    root, certain = _roots(fit, u, held, how)
    frames, rows = [], []
    for k, name in enumerate(names):
        of_this = number == k
        coordinate = u[of_this][:, fit.asymptotics.names.index(name)]
        values = _values(fit, name, coordinate)
        frames.append(
            pd.DataFrame(
                {
                    "parameter": name,
                    "value": values,
                    "root": root[of_this],
                    "certain": certain[of_this],
                }
            )
        )
        rows.append(_interval(fit, name, frames[-1], threshold, level))
    return Profile(pd.concat(frames, ignore_index=True), pd.DataFrame(rows).set_index("parameter"))


def _grid(
    fit: Fit, names: tuple[str, ...], threshold: float, points: int
) -> tuple[Floats, NDArray[np.bool_], Ints]:
    """Starts (P, p) along the direction in which each parameter rises with the least loss of fit.

    Also which coordinate each start holds, (P, p), and the number of its parameter, (P,).
    """
    linear, problem = fit.asymptotics, fit.problem
    centre = problem.coordinates(fit.params, fit.noise_scale)
    covariance = np.nan_to_num(linear.covariance("wald"))
    whole("points", points, 1, MOST_POINTS)
    # In halves of the usual half-width: denser near the estimate, and to three times the half-width
    # for a profile that is not a parabola. Set by judgement.
    steps = np.concatenate([-np.geomspace(0.1, 6, points)[::-1], np.geomspace(0.1, 6, points)])
    starts, held, number = [], [], []
    box = problem.engine(How()).box
    for k, name in enumerate(names):
        j = linear.names.index(name)
        error = np.sqrt(covariance[j, j])
        if error == 0:
            # No covariance to go by, in a flat direction: move the parameter alone.
            error, along = max(abs(centre[j]), 1.0) / 6, np.eye(len(linear.names))[j]
        else:
            along = covariance[j] / covariance[j, j]
        for step in steps * threshold / 2 * error:
            point = centre.copy()
            point[: len(along)] += step * along
            # What is held must lie within its bounds; the solver keeps the rest there.
            point = np.clip(point, box.lower, box.upper)
            starts.append(point)
            held.append(np.arange(len(centre)) == j)
            number.append(k)
    return np.array(starts), np.array(held), np.array(number)


def _roots(
    fit: Fit, u: Floats, held: NDArray[np.bool_], how: How | None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Signed roots of the scaled drop in the objective, (P,), and which refits are minima."""
    engine = fit.problem.engine(how or How())
    count = len(u)
    none = np.zeros(count, np.int64)
    ends = engine.solve(none, none, starts=(HINT,), tolerance=DRAW_TOLERANCE, hint=u, held=held)
    drop = 2 * (ends.objective - fit.objective_value) / _noise_unit(fit)
    which = np.argmax(held, axis=1)
    centre = fit.problem.coordinates(fit.params, fit.noise_scale)
    side = np.sign(u[np.arange(count), which] - centre[which])
    return side * np.sqrt(np.maximum(drop, 0)), ends.gradient <= _CERTAIN


def _noise_unit(fit: Fit) -> float:
    """The rise of the objective that is one unit of twice the log-likelihood."""
    if fit.objective.kernel.fitted_scale:
        return 1.0
    linear = fit.asymptotics
    left = max(linear.rows - len(linear.names), 1)
    slope = float(np.sum(linear.weight * linear.psi**2)) / left
    return slope / (float(np.sum(linear.weight * linear.chi)) / float(np.sum(linear.weight)))


def _values(fit: Fit, name: str, coordinates: Floats) -> Floats:
    with own_settings():
        return np.asarray(fit.law.parameters[name].constrain(jnp.asarray(coordinates)))


def _interval(
    fit: Fit, name: str, curve: pd.DataFrame, threshold: float, level: float
) -> dict[str, Any]:
    sound = curve[curve["certain"]]
    lower, upper = sound[sound["root"] < 0], sound[sound["root"] > 0]
    estimate = fit.params[name]
    bounds = fit.settings["bounds"].get(name, fit.law.parameters[name].bounds)
    near = sound[np.abs(sound["value"] / estimate - 1) <= _FLAT_REACH]
    wide = np.ptp(sound["value"]) >= 2 * _FLAT_REACH * abs(estimate)
    return {
        "parameter": name,
        "estimate": estimate,
        "lo": _crossing(lower, -threshold, bounds[0]),
        "hi": _crossing(upper, threshold, bounds[1]),
        "level": level,
        "method": "profile",
        "flat": bool(wide and (near["root"] ** 2 < _FLAT_RISE).all()),
    }


def _crossing(curve: pd.DataFrame, threshold: float, beyond: float) -> float:
    """Value at which the root crosses the threshold; `beyond` if it never does."""
    ordered = curve.sort_values("root")
    root, value = ordered["root"].to_numpy(), ordered["value"].to_numpy()
    if not len(root) or not root[0] <= threshold <= root[-1]:
        return beyond
    return float(np.interp(threshold, root, value))
