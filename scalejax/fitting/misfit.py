"""Where a law does not fit: residuals that bend with compute, and rows that stand out.

A fit absorbs part of a bend, so that little of it is left in the residuals: they are tested against
curves from which everything has been taken that the law's own parameters could have done. Pure
NumPy; `scalejax.fitting.caveats` says it in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from scalejax._arrays import Floats, Ints
from scalejax._numerics import robust_sd

BENDS = 0.01
"""p-value below which residuals are said to bend, for each of two axes, so that a law that holds is
accused in 2 of 100 fits at most. Measured on 100 tables of 36 simulated runs over 4 decades of
compute, with noise of 0.5 %: none accused; a bend of the log loss by half of 3 % times the decades
squared, up or down, was seen in all (tests/fitting/test_caveats.py)."""

STANDS_OUT = 5.0
"""Robust standard deviations from which a row stands out. In 150 tables each of 36 and of 60 runs
with normal noise, fitted nearly by least absolute deviations, 1 of 100 had such a row."""

_DEGREES = (2, 3)
"""Powers of the logarithm of an axis: a bend, and one that is stronger at one end. A straight line
is what the law's exponents are for; the fourth power found no bend of the simulations that these
did not."""

_CLIP = 3.0
"""Robust standard deviations at which residuals are cut off, so that one bad run is no bend. Set by
judgement: 3 of 1,000 normal residuals are cut."""

_SPARE = 6
"""Rows beyond the parameters and the curve from which there is a test. Set by judgement."""

_FLAT = 1e-6
"""Relative singular value below which a direction is no direction: rounding."""

_LEFT = 1e-3
"""Share of a curve that has to be left when the law's own parameters have had their part. Set by
judgement: of what they can do to a thousandth, residuals show nothing."""

_BINS = 5
"""Bins of equal count: the first and the last are the ends that the words speak of."""


@dataclass(frozen=True)
class Bend:
    """Residuals that follow a curve.

    Attributes:
        axis: What they bend with, in words.
        p: Probability of such a curve, or a clearer one, under a law that holds.
        low: By how much the law is too high at the low end of the axis, relative; negative if it is
            too low.
        middle: The same in the middle.
        high: The same at the high end.
        size: Root mean square of what follows the curve and nothing named before.
    """

    axis: str
    p: float
    low: float
    middle: float
    high: float
    size: float


def find_bends(
    residual: Floats,
    jacobian: Floats,
    axes: Mapping[str, Floats],
    unit: Ints,
    level: float = BENDS,
) -> tuple[Bend, ...]:
    """Axes with which the residuals bend; the second counts for what the first leaves.

    The test is a score test with the variance of the scores as they are, summed over the rows of a
    unit, so that it holds where noise differs between runs and where checkpoints of one run go
    together (White 1982, Econometrica 50, 1-25).

    Args:
        residual: Relative residuals, predicted minus observed, times the root of the weight, (n,).
        jacobian: Their derivatives in the parameters, likewise, (n, p).
        axes: Positive values (n,) by name, the most important first.
        unit: Independent unit of each row, (n,).
        level: p-value below which an axis counts.
    """
    span = _span(jacobian)
    if span is None or not np.all(np.isfinite(residual)):
        return ()
    bends = []
    for axis, values in axes.items():
        curve = _span(_without(span, _powers(values)), least=_LEFT)
        if curve is None or len(residual) - span.shape[1] - curve.shape[1] < _SPARE:
            continue
        left = _clipped(residual, span)
        p = _chance(left, curve, unit)
        if p < level:
            size = float(np.sqrt(np.mean((curve @ (curve.T @ left)) ** 2)))
            bends.append(Bend(axis, p, *_ends(values, _cut(residual)), size))
            span = np.hstack([span, curve])
    return tuple(bends)


def standing_out(residual: Floats, parameters: int) -> tuple[Ints, Floats]:
    """Rows whose residual exceeds `STANDS_OUT`, the largest first, with how many deviations.

    Args:
        residual: Residuals times the root of their weight, (n,).
        parameters: Number of parameters that were fitted to them.
    """
    if len(residual) - parameters < _SPARE:
        return np.empty(0, np.int64), np.empty(0)
    size = np.abs(residual)
    # A robust fit goes through as many rows as it has parameters: these say nothing of the noise.
    scale = robust_sd(np.sort(size)[parameters:])
    with np.errstate(divide="ignore", invalid="ignore"):
        size = size / scale
    order = np.argsort(-size, kind="stable")
    rows = order[size[order] > STANDS_OUT]
    return rows, size[rows]


def _powers(values: Floats) -> Floats:
    """Powers of the standardised logarithm, (n, k); fewer for few distinct values."""
    x = np.log(values)
    x = (x - np.mean(x)) / max(float(np.std(x)), 1e-300)
    distinct = len(np.unique(np.round(x, 6)))
    powers = [x**degree for degree in _DEGREES if degree < distinct]
    return np.stack(powers, axis=1) if powers else np.empty((len(x), 0))


def _span(columns: Floats, least: float = _FLAT) -> Floats | None:
    """Orthonormal basis of what columns (n, p) span, (n, r); None if they are nothing."""
    size = np.sqrt(np.sum(columns**2, axis=0))
    columns = columns[:, size > least]
    if not columns.size or not np.all(np.isfinite(columns)):
        return None
    vectors, sizes, _ = np.linalg.svd(columns / size[size > least], full_matrices=False)
    basis: Floats = vectors[:, sizes > least * sizes[0]]
    return basis


def _without(span: Floats, columns: Floats) -> Floats:
    """Columns less what lies in the span."""
    return columns - span @ (span.T @ columns)


def _clipped(residual: Floats, span: Floats) -> Floats:
    """Residuals less what the parameters could have done, the largest cut off."""
    return _without(span, _cut(_without(span, residual)))


def _cut(residual: Floats) -> Floats:
    reach = _CLIP * robust_sd(residual)
    return np.clip(residual, -reach, reach)


def _chance(left: Floats, curve: Floats, unit: Ints) -> float:
    """p-value of the curve in residuals."""
    _, codes = np.unique(unit, return_inverse=True)
    scores = np.stack([np.bincount(codes, column * left) for column in curve.T], axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        total, variance = np.sum(scores, axis=0), scores.T @ scores
    if not np.all(np.isfinite(variance)):  # Of losses too large to say anything of.
        return 1.0
    spread, *_ = np.linalg.lstsq(variance, total, rcond=1e-12)
    return float(chdtrc(curve.shape[1], float(total @ spread)))


def _ends(values: Floats, residual: Floats) -> tuple[float, float, float]:
    """Mean residual in the lowest bin of an axis, in the middle ones and in the highest."""
    first, *middle, last = np.array_split(np.argsort(values, kind="stable"), _BINS)
    places: list[NDArray[np.int64]] = [first, np.concatenate(middle), last]
    low, centre, high = (float(np.mean(residual[place])) for place in places)
    return low, centre, high
