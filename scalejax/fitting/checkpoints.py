"""Checkpoints of one run that nobody declared as such.

Rows of one N come with growing D in the order of the file. A grid of independent runs may look like
that too, so a second sign is needed: correlated residuals (`undeclared_runs`; how often they are
seen, and for nothing, is in benchmarks/results/coverage.md), or a column whose labels repeat with
more rows each than grids have, or with growing steps (`run_label`).
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from scalejax._arrays import Floats, Ints
from scalejax.data import KEYS, STDIN, Table, encode_labels, folded, read_frame
from scalejax.quantities import LEARNING_RATE

LOOK_LIKE_CHECKPOINTS = "rows look like checkpoints"
"""How the note of a table begins whose rows were not declared as such."""

# The limits were set by judgement. In simulations (benchmarks/results/coverage.md) they know 20
# runs of 8 checkpoints that share 80 % of the variance always, and take no grid of independent runs
# for checkpoints.

# Rows of one N that can be checkpoints; two are no trend.
_FEWEST_CHECKPOINTS = 3

# Share of all rows that must lie in such runs.
_MOST_ROWS = 0.8

# Probability of such a correlation between independent rows below which it is believed.
_SIGNIFICANT = 1e-3

# Rows of one label from which they are taken for checkpoints without growing steps: public grids of
# independent runs have up to 8 token counts a size.
_MANY_ROWS = 10

_STEPS, _RUNS = KEYS["step"], KEYS["run"]
_RATES = (LEARNING_RATE.symbol, *LEARNING_RATE.aliases, "rate", "lr_logged")

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


class RunLabel(NamedTuple):
    """A column that seems to name runs whose rows are checkpoints.

    Attributes:
        column: Its name.
        names: The name of each row of the table.
        schedule: The columns of steps and rates, if there are both.
    """

    column: str
    names: tuple[str, ...]
    schedule: tuple[str, ...]


def run_label(data: Any, table: Table) -> RunLabel | None:
    """The first column that names runs, if rows look like their checkpoints.

    Args:
        data: What the table was read from; a `Table` and a pipe say nothing more.
        table: Rows without declared clusters.
    """
    if table.cluster is not None or not {"N", "D"} <= set(table.inputs):
        return None
    if isinstance(data, Table) or (isinstance(data, str) and data == STDIN):
        return None
    if len(np.unique(table.inputs["N"])) > table.n_rows / _FEWEST_CHECKPOINTS:
        return None  # no file is read twice for nothing
    frame = read_frame(data).iloc[table.row - 1]
    steps, rates = (_first(frame, names) for names in (_STEPS, _RATES))
    for column in frame.columns.difference([*table.columns.values(), steps, rates], sort=False):
        if frame[column].isna().any() or not _names_things(frame[column]):
            continue
        codes, labels = encode_labels([str(label) for label in frame[column]])
        if _are_runs(table, codes, len(labels), None if steps is None else frame[steps]):
            both = () if steps is None or rates is None else (steps, rates)
            return RunLabel(str(column), tuple(labels[code] for code in codes), both)
    return None


def _names_things(column: pd.Series) -> bool:
    """Whether cells are words, or numbers below a name for runs: another count of N is no label."""
    words = pd.to_numeric(column, errors="coerce").isna().any()
    return bool(words) or folded(str(column.name)) in map(folded, _RUNS)


def _are_runs(table: Table, codes: Ints, count: int, steps: pd.Series | None) -> bool:
    """Whether rows of a label have one N and growing D, are many, or come with growing steps."""
    members = [np.flatnonzero(codes == k) for k in range(count)]
    sizes = np.array([len(rows) for rows in members])
    if sizes[sizes >= _FEWEST_CHECKPOINTS].sum() < _MOST_ROWS * table.n_rows:
        return False
    n, d = table.inputs["N"], table.inputs["D"]
    if not all(np.all(n[rows] == n[rows[0]]) and _grows(d[rows]) for rows in members):
        return False
    values = None if steps is None else pd.to_numeric(steps, errors="coerce").to_numpy(np.float64)
    by_steps = values is not None and all(_grows(values[rows]) for rows in members)
    return by_steps or float(np.median(sizes)) >= _MANY_ROWS


def _grows(values: Floats) -> bool:
    return bool(np.all(np.diff(values) > 0))


def _first(frame: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """The first column of one of these names."""
    known = {folded(name) for name in names}
    return next((column for column in frame.columns if folded(column) in known), None)


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
