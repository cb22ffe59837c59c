"""The families of a table, and the sizes in each: a law is fitted to one family at a time."""

from dataclasses import dataclass

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.data import Table

_SAME_SIZE = 1e-6
"""Relative difference of N that is rounding of a table and makes no new size. Set by judgement."""


@dataclass(frozen=True, eq=False)
class FamilyRuns:
    """The rows of one family.

    Attributes:
        name: Its name.
        N: Parameters, (n,).
        D: Tokens, (n,).
        run: Run of each row, (n,), from `run_codes`.
    """

    name: str
    N: Floats
    D: Floats
    run: Ints

    @property
    def sizes(self) -> int:
        """Number of different sizes."""
        return int(size_codes(self.N).max()) + 1

    @property
    def runs(self) -> int:
        """Number of different runs."""
        return len(np.unique(self.run))

    @property
    def decades(self) -> float:
        """Decades that the sizes span."""
        return float(np.log10(self.N.max() / self.N.min()))

    @property
    def reach(self) -> float:
        """Largest N D, as its decimal logarithm."""
        return float(np.log10(np.max(self.N * self.D)))


def families(table: Table) -> tuple[FamilyRuns, ...]:
    """The families of a table; one if no column names them."""
    group = np.zeros(table.n_rows, np.int64) if table.group is None else table.group
    names = table.group_labels or ("all",)
    run = run_codes(table)
    N, D = table.inputs["N"], table.inputs["D"]
    return tuple(
        FamilyRuns(name, N[group == k], D[group == k], run[group == k])
        for k, name in enumerate(names)
    )


def size_codes(N: Floats) -> Ints:
    """Sizes counted from the smallest, (n,); rounding makes no new size."""
    order = np.argsort(N, kind="stable")
    new = np.diff(N[order], prepend=N[order[:1]]) > _SAME_SIZE * N[order]
    codes = np.empty(len(N), np.int64)
    codes[order] = np.cumsum(new)
    return codes


def run_codes(table: Table) -> Ints:
    """Runs counted from 0, (n,): a name that two families share is two runs, a row is one."""
    if table.cluster is None:
        return np.arange(table.n_rows)
    group = 0 if table.group is None else table.group
    pairs = group * len(table.cluster_labels) + table.cluster
    return np.unique(pairs, return_inverse=True)[1].astype(np.int64)


def has_checkpoints(table: Table) -> bool:
    """Whether any run has more than one row."""
    return bool(run_codes(table).max() + 1 < table.n_rows)
