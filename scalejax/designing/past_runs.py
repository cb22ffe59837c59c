"""The runs so far, from a fit: their noise, which rows are of one run, and where each run ended.

A row has the noise of its run, which all its rows share, and its own:
``residual = run + own / sqrt(weight)``. The variance of a row's own noise is estimated from the
residuals within runs, that of the runs from the rest of all residuals; both are unbiased for least
squares, whatever the sizes of the runs. For other objectives the slope of the loss at each residual
stands for the residual, as in the sandwich. Without clusters each row is a run of its own.

So a new run is worth one row with both kinds of noise, and 20 checkpoints of an old one little more
than its last. What this assumes: rows of a run are equally correlated, near or far apart, and new
runs scatter as the old.
"""

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.data import Table
from scalejax.designing.information import Noise, PastRuns
from scalejax.fitting import Fit

_MOST_ALIKE = 0.999
"""Largest correlation of rows of one run; at 1 their information would be singular."""


def no_past_runs(inputs: tuple[str, ...], noise: Noise) -> PastRuns:
    """The runs so far where there are none."""
    none = np.zeros(0)
    runs = dict.fromkeys((*inputs, "log_compute"), none)
    return PastRuns(runs, none, noise, np.zeros(0, np.int64), 0.0)


def noise_so_far(fit: Fit) -> tuple[float, float]:
    """Standard deviation of a row of mean weight, and the correlation of rows of one run.

    The first is the noise that the classical standard errors of the fit rest on: for least squares
    the root of the sum of squared residuals over n - p, and more for objectives that use less of
    each row. It is zero or not finite where n - p or all residuals are zero.
    """
    linear = fit.asymptotics
    weight = unit_weight(fit.table)
    rows = int(np.sum(weight > 0))
    left = rows - len(fit.free)
    if left < 1:
        return float("nan"), 0.0
    jacobian = np.sqrt(weight)[:, None] * linear.jacobian
    covariance = linear.covariance("wald")
    variance = float(np.sum(weight * fit.residuals**2)) / left
    if len(covariance) and np.all(np.isfinite(covariance)):
        variance = float(np.trace(covariance @ jacobian.T @ jacobian)) / len(covariance)
    if fit.table.cluster is None or independent_runs(fit.table) == rows:
        return float(np.sqrt(variance)), 0.0
    slope = np.sqrt(weight) * linear.psi
    within, between = variance_components(slope, jacobian, weight, fit.table.cluster)
    total = (within + between) / (float(slope @ slope) / left)
    alike = min(between / (within + between), _MOST_ALIKE)
    return float(np.sqrt(variance * total)), float(alike)


def variance_components(
    residual: Floats, jacobian: Floats, weight: Floats, cluster: Ints
) -> tuple[float, float]:
    """Variances of the noise of single rows and of the noise that the rows of a run share.

    By Henderson's third method (1953, Biometrics 9, 226-252).

    Args:
        residual: Residuals of a least-squares fit, times the roots of the weights, (n,).
        jacobian: Their slopes in the coordinates, times the same roots, (n, p).
        weight: Weights, (n,).
        cluster: Run of each row, (n,).

    Returns:
        The variance within runs, for a row of weight one, and the variance between runs.
    """
    root = np.sqrt(weight)[:, None]
    used, runs = np.unique(cluster[weight > 0], return_inverse=True)
    code = np.searchsorted(used, cluster).clip(max=len(used) - 1)
    basis = np.linalg.qr(jacobian)[0]
    columns = np.column_stack([basis, residual])
    # Z is the design matrix of runs: Z'columns, and the part of columns orthogonal to Z.
    sums = np.zeros((len(used), columns.shape[1]))
    np.add.at(sums, code, root * columns)
    size = np.bincount(runs, weight[weight > 0])
    beside = columns - root * (sums / size[:, None])[code]
    (n, p), groups = (len(runs), basis.shape[1]), len(used)
    coefficients, _, rank, _ = np.linalg.lstsq(beside[:, :-1], beside[:, -1], rcond=1e-9)
    own = beside[:, -1] - beside[:, :-1] @ coefficients
    total = float(residual @ residual)
    if n - groups - rank < 1:
        return total / (n - p), 0.0
    within = float(own @ own) / float(n - groups - rank)
    # A variance of one between runs adds the trace of Z'(1 - QQ')Z to the sum of squares.
    between = (total - (n - p) * within) / float(np.sum(size) - np.sum(sums[:, :-1] ** 2))
    return (within, between) if between > 0 else (total / (n - p), 0.0)


def unit_weight(table: Table) -> Floats:
    """Weights of the rows, (n,), scaled to one on average."""
    return np.asarray(table.weight / np.mean(table.weight[table.weight > 0]), np.float64)


def fitting_weight(past: PastRuns) -> Floats:
    """Weight of each row so far in a fit together with new runs, whose weight is one, (n,).

    The rows of a run share noise, so together they weigh less than as many runs.
    """
    if not len(past.weight):
        return np.zeros(0)
    together = np.bincount(past.cluster, past.weight)[past.cluster]
    return np.asarray(past.weight / (1 + past.correlation * (together - 1)), np.float64)


def independent_runs(table: Table) -> int:
    """Number of independent units with weight: clusters, or rows without clusters."""
    used = table.weight > 0
    return int(np.sum(used)) if table.cluster is None else len(np.unique(table.cluster[used]))


def last_rows(table: Table) -> Ints:
    """Indices of the rows where runs ended: for each cluster and N the one with the most tokens."""
    used = np.flatnonzero(table.weight > 0)
    if table.cluster is None:
        return used
    inputs = table.inputs
    marks = [table.cluster[used], *([inputs["N"][used]] if "N" in inputs else [])]
    run = np.unique(np.stack(marks, 1), axis=0, return_inverse=True)[1].reshape(-1)
    size = inputs.get("D", inputs.get("C", np.arange(table.n_rows)))[used]
    order = np.lexsort((size, run))
    return used[order[np.append(np.diff(run[order]) > 0, True)]]
