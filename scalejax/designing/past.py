"""The runs so far, as a fit has them: their noise, and which rows are of one run.

A row has the noise of its run, which all its rows share, and its own:
``residual = run + own / sqrt(weight)``. The second variance is taken from what is left within runs,
the first from what that leaves of all residuals; both are unbiased for least squares, whatever the
sizes of the runs. For other objectives the slope at each residual stands for the residual, as in
the sandwich. Without clusters all rows are runs of their own.

So a new run is worth one row with both kinds of noise, and 20 checkpoints of an old one little more
than its last. What this assumes: rows of a run are equally correlated, near or far apart, and new
runs scatter as the old.
"""

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.data import Table
from scalejax.designing.information import Noise, Past
from scalejax.fitting import Fit

_MOST_ALIKE = 0.999


def no_past(inputs: tuple[str, ...], noise: Noise) -> Past:
    """No runs yet."""
    none = np.zeros(0)
    runs = dict.fromkeys((*inputs, "log_compute"), none)
    return Past(runs, none, noise, np.zeros(0, np.int64), 0.0)


def noise_so_far(fit: Fit) -> tuple[float, float]:
    """Standard deviation of a row of mean weight, and the correlation of rows of one run.

    The first is what classical standard errors of the fit rest on: with n residuals of one size the
    root of their mean square over n - p, and more where the objective makes rows worth less. It is
    not finite or zero where nothing is left to tell the noise by.
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
    if np.all(np.isfinite(covariance)):
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
    """Variances of what is a row's own and of what a run shares (Henderson's third method, 1953).

    Args:
        residual: Residuals of a least-squares fit, times the roots of the weights, (n,).
        jacobian: Their slopes, likewise, (n, p).
        weight: Weights, (n,).
        cluster: Run of each row, (n,).
    """
    root = np.sqrt(weight)[:, None]
    used, runs = np.unique(cluster[weight > 0], return_inverse=True)
    code = np.searchsorted(used, cluster).clip(max=len(used) - 1)
    basis = np.linalg.qr(jacobian)[0]
    columns = np.column_stack([basis, residual])
    # Z'columns of the design matrix Z of runs, and what is left of columns beside Z.
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
    # The trace of Z'(1 - QQ')Z is what a shared variance of one adds to the sum of squares.
    between = (total - (n - p) * within) / float(np.sum(size) - np.sum(sums[:, :-1] ** 2))
    return (within, between) if between > 0 else (total / (n - p), 0.0)


def unit_weight(table: Table) -> Floats:
    """Weights of the rows, one on average: their scale says nothing."""
    return np.asarray(table.weight / np.mean(table.weight[table.weight > 0]), np.float64)


def fitting_weight(past: Past) -> Floats:
    """What each row so far counts beside a new run of one row in a fit to both, (n,).

    The rows of a run together weigh what they tell as one.
    """
    if not len(past.weight):
        return np.zeros(0)
    together = np.bincount(past.cluster, past.weight)[past.cluster]
    return np.asarray(past.weight / (1 + past.correlation * (together - 1)), np.float64)


def independent_runs(table: Table) -> int:
    """How many independent units have weight: clusters, or rows."""
    used = table.weight > 0
    return int(np.sum(used)) if table.cluster is None else len(np.unique(table.cluster[used]))


def last_rows(table: Table) -> Ints:
    """Where the runs ended: of the rows of one cluster and one N that with the most tokens."""
    used = np.flatnonzero(table.weight > 0)
    if table.cluster is None:
        return used
    inputs = table.inputs
    marks = [table.cluster[used], *([inputs["N"][used]] if "N" in inputs else [])]
    run = np.unique(np.stack(marks, 1), axis=0, return_inverse=True)[1].reshape(-1)
    size = inputs.get("D", inputs.get("C", np.arange(table.n_rows)))[used]
    order = np.lexsort((size, run))
    return used[order[np.append(np.diff(run[order]) > 0, True)]]
