"""Predicted losses with their errors, row by row.

A new run's loss is the forecast's (`scalejax.fitting.outlook`), which learns from the runs how far
the law bends, unless `discrepancy` says how far to trust the law, or ``"none"`` that it holds.

Then three sources of error are kept apart, because they answer different questions:

- the curve: what the runs leave open about the law (``curve_lo``, ``curve_hi``);
- the noise of one new run: the residuals of the fit (in ``lo``, ``hi``);
- the law itself: no data speak for it beyond the data, so it is *declared*, as a relative
  standard deviation for each decade beyond, of an input or of compute (``discrepancy=0.005``; in
  ``lo``, ``hi``). With none declared the interval holds if the law does.

Far beyond the data the first two alone do not cover: see benchmarks/results/coverage.md.
"""

import warnings
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from scalejax._arrays import Floats
from scalejax.amounts import DISCREPANCY, read
from scalejax.compute import SIX_N_D, Compute
from scalejax.engine import CovarianceKind
from scalejax.errors import FitWarning
from scalejax.fitting.intervals import MOST_FAILED, default_kind
from scalejax.fitting.outlook import forecast, unforeseeable
from scalejax.fitting.record import FitRecord
from scalejax.points import points as points_of
from scalejax.resampling import check_level, percentile_interval
from scalejax.scope import own_settings
from scalejax.vocabulary import argument

NO_DISCREPANCY = "none"
"""What `discrepancy` is where the law is to be believed."""

DISCREPANCIES = (0.0, 0.005, 0.01)
"""Discrepancies per decade that are shown where none was declared and a point is far.

0.5 % and 1 % of the loss, set by judgement.
"""

FAR = 1.0
"""Decades beyond the data from which an undeclared discrepancy is warned about; by judgement."""

# Decades, and widths of the data, that count as rounding.
_ROUNDING = 1e-9

# Quantiles of Student's t that stand for draws: a 95 % interval lies 50 of them from each end.
_DRAWS_WITHOUT_BOOTSTRAP = 2000


def predict(
    fit: FitRecord,
    inputs: pd.DataFrame | Mapping[str, ArrayLike],
    level: float,
    discrepancy: float | str | None,
) -> pd.DataFrame:
    """See `scalejax.fitting.fit.Fit.predict`."""
    check_level(level)
    if discrepancy == NO_DISCREPANCY:
        discrepancy = 0.0
    if discrepancy is not None:
        discrepancy = read("discrepancy", discrepancy, DISCREPANCY)
    points = points_of("inputs", inputs, fit.law.inputs)
    plain = _plain(fit, points, level, discrepancy)
    if discrepancy is None and not unforeseeable(fit):
        return _forecast(fit, points, level, plain)
    return plain


def _forecast(
    fit: FitRecord, points: Mapping[str, Floats], level: float, plain: pd.DataFrame
) -> pd.DataFrame:
    """The frame with the forecast of each point in place of the law's own prediction."""
    answer = forecast(fit, pd.DataFrame(points), level)
    new = {name: answer.points[name] for name in ("loss", "lo", "hi")}
    return plain.assign(**new, method="forecast", discrepancy=answer.tau[""])


def _plain(
    fit: FitRecord, points: dict[str, Floats], level: float, discrepancy: float | None
) -> pd.DataFrame:
    """The prediction of the law alone, under a declared discrepancy or none."""
    beyond = decades_beyond(fit, points)
    far = beyond > FAR + _ROUNDING
    if discrepancy is None and far.any() and unforeseeable(fit):
        warnings.warn(
            f"{int(far.sum())} of {len(far)} points lie more than a decade beyond the data (up to "
            f"{beyond.max():.1f}): their intervals hold only if the law does. Declare how far to "
            f"trust it, for example {argument('discrepancy', 0.005)} for 0.5 % a decade.",
            FitWarning,
            stacklevel=4,
        )
    curve = fit.curve(points, fit.params)
    draws = _curve_draws(fit, points)
    low, high = percentile_interval(draws, level)
    new = _new_runs(fit, draws, beyond * (discrepancy or 0.0))
    new_low, new_high = percentile_interval(new, level)
    return pd.DataFrame(
        {
            **points,
            "loss": curve,
            "lo": new_low,
            "hi": new_high,
            "curve": curve,
            "curve_lo": low,
            "curve_hi": high,
            "level": level,
            "method": _method(fit, len(draws)),
            "discrepancy": discrepancy or 0.0,
            "decades_beyond": beyond,
            "inside_hull": inside_hull(fit, points),
        }
    )


def decades_beyond(fit: FitRecord, points: Mapping[str, Floats]) -> Floats:
    """Decades between each point and the range of the data, in the farthest input.

    Compute counts as an input of a law of N and D.
    """
    farthest = np.zeros(len(next(iter(points.values()))))
    places = {name: points[name] for name in fit.table.inputs}
    compute = fit.table.compute or SIX_N_D
    pairs = (_ranges(inputs, compute) for inputs in (fit.table.inputs, places))
    for data, values in zip(*pairs, strict=True):
        if np.min(data) <= 0:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            above, below = np.log10(values / np.max(data)), np.log10(np.min(data) / values)
        farthest = np.maximum(farthest, np.maximum(above, below))
    return farthest


def _ranges(inputs: Mapping[str, Floats], compute: Compute) -> list[Floats]:
    flop = [compute.flop(inputs["N"], inputs["D"])] if {"N", "D"} <= set(inputs) else []
    return [*inputs.values(), *flop]


def inside_hull(fit: FitRecord, points: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Whether each point lies in the convex hull of the runs (of logarithms where positive)."""
    cloud, places = [], []
    for name, values in fit.table.inputs.items():
        logs = bool(np.min(values) > 0) and bool(np.min(points[name]) > 0)
        cloud.append(np.log(values) if logs else values)
        places.append(np.log(points[name]) if logs else points[name])
    return _in_hull(np.stack(places, axis=1), np.stack(cloud, axis=1))


def _in_hull(points: Floats, cloud: Floats) -> NDArray[np.bool_]:
    """Whether points (k, d) are mixtures of the cloud (n, d)."""
    from scipy.spatial import ConvexHull, QhullError

    low, width = cloud.min(axis=0), np.maximum(np.ptp(cloud, axis=0), 1e-300)
    cloud, points = (cloud - low) / width, (points - low) / width
    inside = np.all((points >= -1e-9) & (points <= 1 + 1e-9), axis=1)
    if cloud.shape[1] == 1:
        return inside
    try:
        walls = ConvexHull(cloud).equations
        return np.all(points @ walls[:, :-1].T + walls[:, -1] <= _ROUNDING, axis=1)
    except QhullError:
        # All runs on a line or plane: only the runs themselves are inside.
        nearest = np.min(np.abs(points[:, None] - cloud[None]).max(axis=-1), axis=1)
        return inside & (nearest < 1e-9)


def _curve_draws(fit: FitRecord, points: Mapping[str, Floats]) -> Floats:
    """Draws of the curve at the points, (B, k): refits, or from the covariance without any."""
    if default_kind(fit) == "percentile":
        if not np.any(fit.draws.usable) or np.mean(~fit.draws.usable) > MOST_FAILED:
            return np.empty((0, len(points[fit.law.inputs[0]])))
        draws = {name: values[:, None] for name, values in fit.draws.arrays().items()}
        return fit.curve(points, draws)
    return _wald_draws(fit, points)


def _wald_draws(fit: FitRecord, points: Mapping[str, Floats]) -> Floats:
    """Draws of Student's t around the curve (its log, if residuals are of log losses)."""
    linear, problem = fit.asymptotics, fit.problem
    kind: CovarianceKind = "wald" if fit.table.cluster is None else "sandwich"
    u = problem.coordinates(fit.params, fit.noise_scale)[: len(linear.names)]
    log = problem.model.kernel.log
    with own_settings():
        inputs = tuple(jnp.asarray(points[name]) for name in fit.law.inputs)

        def curve(u: jax.Array) -> jax.Array:
            loss = fit.law(*inputs, **problem.model.parameters(u, problem.fixed))
            return jnp.broadcast_to(jnp.log(loss) if log else loss, inputs[0].shape)

        slope, centre = (np.asarray(f(jnp.asarray(u))) for f in (jax.jacfwd(curve), curve))
    # Quantiles in place of random draws, so that the curve's own interval is exact.
    share = (np.arange(_DRAWS_WITHOUT_BOOTSTRAP) + 0.5) / _DRAWS_WITHOUT_BOOTSTRAP
    steps = stdtrit(linear.degrees_of_freedom, share)
    draws = centre + steps[:, None] * linear.standard_errors(slope, kind)
    return np.exp(draws) if log else draws


def _new_runs(fit: FitRecord, curve: Floats, discrepancy: Floats) -> Floats:
    """Losses of new runs, (B, k): draws of the curve plus residuals plus discrepancy."""
    generator = np.random.default_rng(fit.settings.get("seed", 0))
    residual = fit.residuals[fit.table.weight > 0]
    # Residuals are smaller than the noise, because the law was fitted to them.
    freedom = max(len(residual) - len(fit.free), 1)
    residual = (residual - np.mean(residual)) * np.sqrt(len(residual) / freedom)
    # Residuals are predicted minus observed. One draw serves all points, so that bands are smooth.
    each = (len(curve), 1)
    noise = -generator.choice(residual, size=each)
    # How large the noise is has been estimated too: this makes Student's t of a normal one.
    noise *= np.sqrt(freedom / generator.chisquare(freedom, size=each))
    # The next residual is none of those seen, but near them.
    noise += _kernel_width(residual) * generator.standard_normal(each)
    law_error = discrepancy * generator.standard_normal(each)
    if fit.objective.kernel.log:
        return curve * np.exp(noise + law_error)
    return curve * np.exp(law_error) + noise


def _kernel_width(residual: Floats) -> float:
    """Half the kernel width of Silverman, so that no outlier is blurred into the rest.

    That width is 1.06 n**-0.2 times the smaller of the standard deviation and the interquartile
    range / 1.349 (Silverman 1986, Density Estimation for Statistics and Data Analysis, section
    3.4.2).
    """
    low, high = np.percentile(residual, [25, 75])
    size = min(float(np.std(residual)), float(high - low) / 1.349)
    return 0.5 * 1.06 * size * len(residual) ** -0.2


def _method(fit: FitRecord, draws: int) -> str:
    if not draws:
        return "none"
    if default_kind(fit) == "percentile":
        return f"{fit.draws.method} percentile + residuals"
    return "wald t + residuals"
