"""Intervals of a fit's parameters and of anything computed from them, by several methods.

- ``percentile``: quantiles of the draws. The default with draws: it covers for independent rows
  and for clusters (benchmarks/results/coverage.md).
- ``basic``: the percentile interval reflected at the estimate.
- ``wald``: the estimate and Student's t times the classical standard error. Needs no draws; for
  fewer than 25 independent rows it is the default. With clusters it is the cluster sandwich.
- ``sandwich``: the same with the heteroscedastic (or cluster) sandwich: too narrow for few rows.
- ``jackknife``: Student's t times the jackknife standard error, from jackknife draws.

Ends of parameters are made in the coordinates of the fit (logarithms of coefficients), and none
lies outside the parameter's support. A method that the fit has no draws or functions for gives NaN,
and the column ``reason`` says why; no other method takes its place. The profile likelihood, which
refits, is `scalejax.profile`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.engine import CALLER_WEIGHTS, SMALL_SAMPLE, CovarianceKind
from scalejax.errors import UsageError
from scalejax.fitting.record import FitRecord
from scalejax.resampling import percentile_interval, t_quantile
from scalejax.scope import own_settings

IntervalKind = Literal["percentile", "basic", "wald", "sandwich", "jackknife"]
"""How an interval is made; see the head of `scalejax.fitting.intervals`."""
Derived = Callable[[Mapping[str, Any]], Any]

MOST_FAILED = 0.05
"""With a larger share of failed draws no intervals come from draws: what is left is no fair sample.
Set by judgement."""

_ASYMPTOTIC: tuple[IntervalKind, ...] = ("wald", "sandwich")
_OPEN = "the runs do not determine it"
_OF_OPEN = "it depends on a parameter without an interval, or is not finite"
_NOT_FINITE = "it is not finite"


def default_kind(fit: FitRecord) -> IntervalKind:
    """The method that suits a fit: the default of `Fit.conf_int`."""
    method = fit.draws.method
    if method.endswith("jackknife"):
        return "jackknife"
    if not len(fit.draws):
        return "wald"
    small = fit.table.cluster is None and int(np.sum(fit.table.weight > 0)) < SMALL_SAMPLE
    return "wald" if small and method != CALLER_WEIGHTS else "percentile"


def checked_kind(fit: FitRecord, kind: str | None) -> IntervalKind:
    """The method of a name, or the default.

    Raises:
        UsageError: There is no such method, or it needs other draws.
    """
    kinds: tuple[IntervalKind, ...] = get_args(IntervalKind)
    if kind is None:
        return default_kind(fit)
    choice = next((one for one in kinds if one == kind), None)
    if choice is None:
        raise UsageError(f"kind= is one of {', '.join(kinds)}, not {kind!r}.")
    jackknifed = fit.draws.method.endswith("jackknife")
    if (kind == "jackknife") != jackknifed and kind in ("percentile", "basic", "jackknife"):
        resampling = fit.draws.method
        raise UsageError(f'kind="{kind}" does not go with these draws (resampling: {resampling}).')
    return choice


def parameter_intervals(fit: FitRecord, level: float, kind: str | None) -> pd.DataFrame:
    """One row per parameter; see `scalejax.fitting.fit.Fit.conf_int`."""
    method = checked_kind(fit, kind)
    gaps = {name: _gap(fit, name, method) for name in fit.params}
    if kind is not None and method in _ASYMPTOTIC:
        _ = fit.problem  # Which says what is missing, where it was not saved.
    rows = [
        (name, value, *((np.nan,) * 3 if gaps[name] else _of_parameter(fit, name, level, method)))
        for name, value in fit.params.items()
    ]
    frame = pd.DataFrame(rows, columns=["parameter", "estimate", "stderr", "lo", "hi"])
    missing = frame[["stderr", "lo", "hi"]].isna().any(axis=1)
    reasons = [
        gaps[name] or _NOT_FINITE * lost for name, lost in zip(fit.params, missing, strict=True)
    ]
    frame = _with_labels(frame, fit, level, method).assign(reason=reasons)
    return frame.set_index("parameter")


def _of_parameter(
    fit: FitRecord, name: str, level: float, method: IntervalKind
) -> tuple[float, float, float]:
    """Standard error and ends of a parameter that has them.

    Ends are made in the coordinate of the fit. Where that is the parameter itself they are cut off
    at the end of its support: in the logarithm, intervals of a weak exponent were wider and held
    the truth less often (90 % instead of 94 % where 95 % were asked for; benchmarks/coverage.py's
    twelve runs with four times the noise).
    """
    leader = fit.settings["tied"].get(name, name)
    parameter, value = fit.law.parameters[leader], fit.params[name]
    if method == "percentile":
        error, low, high = _from_draws(fit, value, fit.draws.parameters[name], level, method)
        return float(error), float(low), float(high)
    centre = parameter.unconstrain(np.float64(value))
    if method in _ASYMPTOTIC:
        linear = fit.asymptotics
        k = linear.names.index(leader)
        of_u = float(np.sqrt(linear.covariance(_covariance_kind(fit, method))[k, k]))
        error, reach = of_u * abs(linear.scale[k]), t_quantile(level, linear.degrees_of_freedom)
        ends = centre - reach * of_u, centre + reach * of_u
    else:
        draws = fit.draws.parameters[name]
        error = _from_draws(fit, value, draws, level, method)[0]
        ends = _from_draws(fit, centre, parameter.unconstrain(draws), level, method)[1:]
    low, high = (float(parameter.constrain(end)) for end in ends)
    support = parameter.support
    return float(error), max(low, support.lower), min(high, support.upper)


def derived_interval(
    fit: FitRecord, function: Derived, level: float, kind: str | None
) -> pd.DataFrame:
    """One row per element of what `function` gives; see `scalejax.fitting.fit.Fit.interval`."""
    method = checked_kind(fit, kind)
    reason = _gap_of_all(fit, method)
    with own_settings():
        estimate = np.atleast_1d(np.asarray(function(fit.params), np.float64))
        if reason:
            error = low = high = np.full(estimate.shape, np.nan)
        elif method in _ASYMPTOTIC:
            error, low, high = _wald_derived(fit, function, estimate, level, method)
        else:
            draws = {name: jnp.asarray(values) for name, values in fit.draws.parameters.items()}
            values = np.asarray(jax.vmap(lambda p: jnp.atleast_1d(function(p)))(draws), np.float64)
            error, low, high = _from_draws(fit, estimate, values, level, method)
    frame = pd.DataFrame({"estimate": estimate, "stderr": error, "lo": low, "hi": high})
    reasons = [(reason or _OF_OPEN) * lost for lost in frame.isna().any(axis=1)]
    return _with_labels(frame, fit, level, method).assign(reason=reasons)


def _with_labels(
    frame: pd.DataFrame, fit: FitRecord, level: float, kind: IntervalKind
) -> pd.DataFrame:
    by_draws = kind in ("percentile", "basic", "jackknife")
    frame["level"] = level
    frame["method"] = method_name(fit, kind)
    frame["b_asked"] = len(fit.draws) if by_draws else 0
    frame["b_used"] = int(np.sum(fit.draws.usable)) if by_draws else 0
    return frame


def method_name(fit: FitRecord, kind: IntervalKind) -> str:
    """How the intervals were made, in a few words."""
    if kind in ("percentile", "basic"):
        if not len(fit.draws):
            return "none"
        withheld = " (withheld: too many draws failed)" if _too_many_failed(fit) else ""
        return f"{fit.draws.method} {kind}{withheld}"
    if kind == "jackknife":
        return f"{fit.draws.method} t"
    if not fit.is_whole:
        return "none (functions of your own are not saved)"
    clustered = fit.table.cluster is not None
    return "cluster sandwich t" if clustered else "wald t" if kind == "wald" else "sandwich t"


def _too_many_failed(fit: FitRecord) -> bool:
    return float(np.mean(~fit.draws.usable)) > MOST_FAILED


def _gap(fit: FitRecord, name: str, kind: IntervalKind) -> str:
    """Why a parameter has no interval of a kind, in words; empty where it has one."""
    if kind in _ASYMPTOTIC and name in fit.settings["fixed"]:
        return "it was held at a value"
    if reason := _gap_of_all(fit, kind):
        return reason
    if kind not in _ASYMPTOTIC:
        return _OPEN * (name in fit.flat)
    leader = fit.settings["tied"].get(name, name)
    return fit.asymptotics.gap(leader, _covariance_kind(fit, kind))


def _gap_of_all(fit: FitRecord, kind: IntervalKind) -> str:
    """Why nothing has an interval of a kind, in words; empty where something has one."""
    if not fit.has_estimate:
        return "there is no finite estimate"
    if kind not in _ASYMPTOTIC:
        return _gap_of_draws(fit, kind)
    if not fit.is_whole:
        return "functions of your own are not saved with a fit"
    if not fit.free:
        return "nothing was fitted"
    return fit.asymptotics.obstacle(_covariance_kind(fit, kind))


def _gap_of_draws(fit: FitRecord, kind: IntervalKind) -> str:
    count, failed = len(fit.draws), int(np.sum(~fit.draws.usable))
    if not count:
        return "there are no resamples"
    if kind == "jackknife":
        units = f"{failed} of {count} units could not be left out" if failed else ""
        return "there is one unit only" if count == 1 else units
    return f"{failed} of {count} resamples failed" if _too_many_failed(fit) else ""


def _from_draws(
    fit: FitRecord, estimate: Any, draws: Floats | None, level: float, kind: IntervalKind
) -> tuple[Any, Any, Any]:
    """Standard error and ends from all draws (B, ...) of one quantity."""
    shape = np.shape(estimate)
    if draws is None or not len(fit.draws) or (kind != "jackknife" and _too_many_failed(fit)):
        missing = np.full(shape, np.nan)
        return missing, missing, missing
    values = draws[fit.draws.usable]
    if kind == "jackknife":
        return _jackknife(estimate, values, level, len(fit.draws))
    error = np.std(values, axis=0) if len(values) > 1 else np.full(shape, np.nan)
    low, high = percentile_interval(values, level)
    if kind == "basic":
        low, high = 2 * estimate - high, 2 * estimate - low
    return error, low, high


def _jackknife(estimate: Any, values: Floats, level: float, count: int) -> tuple[Any, Any, Any]:
    """Tukey's interval; NaN if any unit could not be left out."""
    if len(values) < count:
        missing = np.full(np.shape(estimate), np.nan)
        return missing, missing, missing
    error = np.sqrt((count - 1) * np.mean((values - np.mean(values, axis=0)) ** 2, axis=0))
    reach = t_quantile(level, count - 1) * error
    return error, estimate - reach, estimate + reach


def _covariance_kind(fit: FitRecord, kind: IntervalKind) -> CovarianceKind:
    # A classical covariance of rows that are not independent would be far too small.
    return "sandwich" if kind == "sandwich" or fit.table.cluster is not None else "wald"


def _wald_derived(
    fit: FitRecord, function: Derived, estimate: Floats, level: float, kind: IntervalKind
) -> tuple[Floats, Floats, Floats]:
    linear, problem = fit.asymptotics, fit.problem
    u = problem.coordinates(fit.params, fit.noise_scale)[: len(linear.names)]

    def of_coordinates(u: jax.Array) -> jax.Array:
        return jnp.atleast_1d(function(problem.model.parameters(u, problem.fixed)))

    slope = np.asarray(jax.jacfwd(of_coordinates)(jnp.asarray(u)), np.float64)
    error = linear.standard_errors(slope, _covariance_kind(fit, kind))
    reach = t_quantile(level, linear.degrees_of_freedom) * error
    return error, estimate - reach, estimate + reach
