"""How the resamples of a fit are made: which kind suits a table, and its arrays.

`choose_resampling` holds the defaults, chosen by measured coverage
(benchmarks/results/coverage.md): whole clusters where rows come in clusters; random signs on the
residuals for fewer than 25 rows, of which drawing would lose too many; rows otherwise.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from scalejax._arrays import Floats, Ints
from scalejax.data import Table
from scalejax.engine.asymptotics import asymptotics
from scalejax.engine.fit_problem import FitProblem
from scalejax.errors import UsageError
from scalejax.resampling import (
    TARGET_KINDS,
    WEIGHT_KINDS,
    TargetKind,
    Units,
    target_rows,
    weight_rows,
)
from scalejax.vocabulary import argument

SMALL_SAMPLE = 25
"""Below this number of rows a fit's own covariance beats drawing rows.

Measured (benchmarks/results/coverage.md): of 25 rows drawn resamples cover, of 12 their intervals
are 1.6 times as wide as those of the covariance.
"""

FEWEST_CLUSTERS, FEW_CLUSTERS = 6, 20
"""Fewer clusters than the first are refused, fewer than the second bring a warning.

Set by judgement: in simulations 20 clusters covered as they should, while with 8 nearly half of
the fits gave no interval; of 5 clusters only 126 resamples differ at all.
"""

CALLER_WEIGHTS = "given weights"
"""The method of resamples whose weights the caller made."""

_LEAST_LEFT = 1e-3
"""A residual of which the fit left less than this share says nothing of its noise. By judgement."""

DRAWN_ON_DEVICE = ("pairs", "cluster")
"""Kinds whose weights the compiled program draws itself."""


@dataclass(frozen=True, eq=False)
class Resamples:
    """Resamples of one table.

    Attributes:
        method: How they were made; with ``"pairs"`` and ``"cluster"`` the engine draws them.
        count: How many.
        unit: What is drawn, (n,).
        weight: Weights, (count, n), or None.
        target: Log losses or losses, (count, n), or None.
    """

    method: str
    count: int
    unit: Ints
    weight: Floats | None = None
    target: Floats | None = None


def choose_resampling(name: str, table: Table, noise: float | None) -> str:
    """The kind of resampling of a name; for ``"auto"`` what suits the table.

    Raises:
        UsageError: The kind is unknown, or the table lacks what it needs.
    """
    names = ("auto", *WEIGHT_KINDS, *TARGET_KINDS)
    if name not in names:
        raise UsageError(f"{argument('resampling')} is one of {', '.join(names)}, not {name!r}.")
    kind = _default(table, noise) if name == "auto" else name
    needs = {
        "cluster": (table.cluster is not None, f"{argument('run')}"),
        "nested": (table.subcluster is not None, f"{argument('run', ('outer', 'inner'))}"),
        "stratified": (table.stratum is not None, f"{argument('strata')}"),
        "parametric": (noise is not None, f"{argument('noise')}"),
    }
    if kind in needs and not needs[kind][0]:
        raise UsageError(f'resampling="{kind}" needs {needs[kind][1]}.')
    if noise is not None and kind != "parametric":
        raise UsageError(f"{argument('noise')} is for {argument('resampling', 'parametric')}.")
    if noise is not None and not noise > 0:
        raise UsageError(
            f"{argument('noise')} must be a positive standard deviation, not {noise!r}."
        )
    clusters = len(table.cluster_labels)
    if (
        table.cluster is not None
        and kind not in ("pairs", "residual")
        and clusters < FEWEST_CLUSTERS
    ):
        raise UsageError(
            f"{clusters} clusters are too few to resample (at least {FEWEST_CLUSTERS}): intervals "
            f"would mean little. Take {argument('resamples', 0)}, a finer "
            f"{argument('run')}, or {argument('resampling', 'pairs')} if the "
            "rows are independent after all."
        )
    return kind


def _default(table: Table, noise: float | None) -> str:
    if noise is not None:
        return "parametric"
    if table.stratum is not None:
        return "stratified"
    if table.cluster is not None:
        return "cluster"
    return "pairs" if int(np.sum(table.weight > 0)) >= SMALL_SAMPLE else "wild"


def weight_resamples(resamples: ArrayLike, table: Table) -> Resamples:
    """Resamples made of the caller's own weights, (B, n).

    Raises:
        UsageError: The array is not (B, n).
    """
    weight = np.asarray(resamples, np.float64)
    if weight.ndim != 2 or weight.shape[1] != table.n_rows:
        raise UsageError(
            f"resamples as weights needs the shape (B, {table.n_rows}), one column for each row in "
            f"use, got {weight.shape}."
        )
    return Resamples(CALLER_WEIGHTS, len(weight), np.arange(table.n_rows), weight * table.weight)


def make_resamples(
    kind: str, problem: FitProblem, u: Floats, count: int, seed: int, noise: float | None
) -> Resamples:
    """The resamples of a problem whose solution is at coordinates u (p,)."""
    table = problem.table
    rows = np.arange(table.n_rows)
    unit = rows if table.cluster is None or kind in ("pairs", "residual") else table.cluster
    method = f"cluster {kind}" if unit is not rows and kind not in ("cluster", "nested") else kind
    if kind in DRAWN_ON_DEVICE:
        return Resamples(method, count, unit)
    if kind in WEIGHT_KINDS:
        units = Units(unit, table.subcluster, table.stratum)
        weight = weight_rows(kind, units, count, seed) * table.weight
        return Resamples(method, len(weight), unit, weight=weight)
    fitted = problem.target + problem.residuals(u)
    spread = _noise(kind, problem, u, unit, noise)
    target = target_rows(cast(TargetKind, kind), fitted, *spread, unit, count, seed)
    return Resamples(method, count, unit, target=target)


def _noise(
    kind: str, problem: FitProblem, u: Floats, unit: Ints, sd: float | None
) -> tuple[Floats, Floats]:
    """Standardised noise and the size of each row's, (n,) each.

    Residuals are smaller than the noise that made them, because the law was fitted to them; they
    are divided by what the fit left of it: one minus the leverage for the wild kind, a matrix for
    each cluster (as CR3: Bell and McCaffrey 2002, Survey Methodology 28, 169-181), its square root
    for the residual kind.
    """
    table = problem.table
    size = np.where(table.weight > 0, table.weight, np.inf) ** -0.5
    if kind == "parametric":
        return np.ones(table.n_rows), np.full(table.n_rows, sd, np.float64)
    linear = asymptotics(problem, u, (), unit)
    scaled = linear.jacobian / size[:, None]
    # A slope that is not finite does not say how far the law followed the noise.
    finite = np.all(np.isfinite(scaled), axis=0)
    basis = np.linalg.svd(scaled[:, finite], full_matrices=False)[0]
    noise = -linear.residual / size
    for code in np.unique(unit) if kind == "wild" else np.arange(0):
        block = np.flatnonzero(unit == code)
        left = np.eye(len(block)) - basis[block] @ basis[block].T
        noise[block] = np.linalg.lstsq(left, noise[block], rcond=_LEAST_LEFT)[0]
    if kind == "residual":
        noise = noise / np.sqrt(np.maximum(1 - np.sum(basis**2, axis=1), _LEAST_LEFT))
        noise = noise - np.mean(noise)
    return noise, size
