"""Checkpoints of one run that nobody declared as such, known by their order and residuals.

Two signs together: rows of one N come with growing D in the order of the file, and their residuals
are correlated. A grid of independent runs shows the first sign and not the second. How often they
are seen, and for nothing, is in benchmarks/results/coverage.md.
"""

from dataclasses import replace

import numpy as np
from scipy.special import fdtrc

from scalejax._arrays import Floats, Ints
from scalejax.data import Table, encode_labels

# The limits were set by judgement. In simulations (benchmarks/results/coverage.md) they know 20
# runs of 8 checkpoints that share 80 % of the variance always, and take no grid of independent runs
# for checkpoints.

# Rows of one N that can be checkpoints; two are no trend.
_FEWEST_CHECKPOINTS = 3

# Share of all rows that must lie in such runs.
_MOST_ROWS = 0.8

# Probability of such a correlation between independent rows below which it is believed.
_SIGNIFICANT = 1e-3

# Smaller residuals are rounding, whose correlation says nothing.
_ROUNDING = 1e-7


def undeclared_runs(table: Table, residual: Floats) -> tuple[tuple[str, ...], float] | None:
    """Names of the runs, and the correlation within them, if rows look like their checkpoints.

    Args:
        table: Rows without declared clusters.
        residual: Predicted minus observed, (n,).

    Returns:
        The name of the run of each row and the intraclass correlation of the residuals; None if
        rows do not look like checkpoints.
    """
    if table.cluster is not None or not {"N", "D"} <= set(table.inputs):
        return None
    names = [f"N={value:.6g}" for value in table.inputs["N"]]
    codes, labels = encode_labels(names)
    members = [np.flatnonzero(codes == k) for k in range(len(labels))]
    runs = [rows for rows in members if len(rows) >= _FEWEST_CHECKPOINTS]
    growing = all(np.all(np.diff(table.inputs["D"][rows]) > 0) for rows in members)
    if not growing or len(runs) < 2 or sum(map(len, runs)) < _MOST_ROWS * table.n_rows:
        return None
    if np.max(np.abs(residual)) < _ROUNDING:
        return None
    correlation, chance = intraclass(residual * np.sqrt(table.weight), codes)
    return (tuple(names), correlation) if chance < _SIGNIFICANT and correlation > 0 else None


def intraclass(values: Floats, codes: Ints) -> tuple[float, float]:
    """Intraclass correlation of values (n,) in classes (n,), and its p-value.

    One-way analysis of variance (Donner 1986, International Statistical Review 54, 67-82); the
    p-value is that of the F test for a correlation of zero.
    """
    n, sizes = len(values), np.bincount(codes)
    k = len(sizes)
    if not k < n or k < 2:
        return 0.0, 1.0
    means = np.bincount(codes, values) / sizes
    between = float(np.sum(sizes * (means - np.mean(values)) ** 2)) / (k - 1)
    within = float(np.sum((values - means[codes]) ** 2)) / (n - k)
    if within == 0:
        return 0.0, 1.0
    typical = (n - np.sum(sizes**2) / n) / (k - 1)
    correlation = (between - within) / (between + (typical - 1) * within)
    return float(correlation), float(fdtrc(k - 1, n - k, between / within))


def with_runs(table: Table, names: tuple[str, ...], note: str) -> Table:
    """The table with its rows clustered by these names."""
    codes, labels = encode_labels(list(names))
    return replace(table, cluster=codes, cluster_labels=labels, notes=(*table.notes, note))
