"""`Table`: checked runs as plain NumPy arrays, and a record of every row left out.

A table comes from `scalejax.data.load_table` (files and frames) and is what the fitting rooms work
on. Values are float64 in raw units, whatever the source held. `row` says where each row came from;
rows that are not in the arrays are in `set_aside` with a reason.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.compute import SIX_N_D, Compute
from scalejax.data.mapping import MappedColumn
from scalejax.errors import InputProblem, UsageError
from scalejax.quantities import LOSS
from scalejax.vocabulary import argument

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True)
class SetAside:
    """A row that is not used.

    Attributes:
        row: Row number in the source, 1 being the first row of data.
        reason: Why, in words.
        code: ``"excluded"`` (on purpose), ``"selected"`` (by `Table.select`), or the code of the
            problem for which ``on_bad="drop"`` dropped it, such as ``"E101"``.
    """

    row: int
    reason: str
    code: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """Runs ready to be fitted. Arrays are read-only and share the length n.

    Attributes:
        inputs: Quantity to values in raw units, float64 (n,), in the order of the request.
        target: The loss, float64 (n,).
        weight: Weight per row, float64 (n,): 1/sigma**2 if sigma was given, else the weights, else
            ones.
        row: Row numbers in the source, int64 (n,).
        cluster: Codes 0..K-1 in order of appearance, int64 (n,), or None.
        cluster_labels: The names of the codes.
        subcluster: Codes of the inner level, if clusters are nested (runs of a family), or None.
            A code belongs to one cluster only.
        subcluster_labels: The names of the codes, ``"<cluster>/<inner name>"``.
        stratum: Codes of the strata within which rows are resampled, or None.
        stratum_labels: The names of the codes.
        group: Codes like `cluster`, or None.
        group_labels: The names of the codes.
        set_aside: Rows of the source that are not here, in order.
        notes: Assumptions made, in words.
        warnings: Suspicious things that did not stop the load (codes W...).
        columns: Quantity to the user's column name, for every column that was read.
        compute: What a run costs, as a function of N and D; None where the table has a column of
            compute that is no such function.
        source: File name, or ``"DataFrame"``.
        source_sha256: SHA-256 (hex) of the file as it lies on disk; None if there is none.
        unit: Unit of the target, such as ``"nats/token"`` or ``"bits/byte"``; empty if unknown.
        mapping: What each column was taken for, in words; empty for a table of a saved fit.
    """

    inputs: dict[str, Floats]
    target: Floats
    weight: Floats
    row: Ints
    cluster: Ints | None
    cluster_labels: tuple[str, ...]
    subcluster: Ints | None = None
    subcluster_labels: tuple[str, ...] = ()
    stratum: Ints | None = None
    stratum_labels: tuple[str, ...] = ()
    group: Ints | None
    group_labels: tuple[str, ...]
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]
    warnings: tuple[InputProblem, ...]
    columns: dict[str, str]
    source: str
    source_sha256: str | None = None
    compute: Compute | None = SIX_N_D
    unit: str = LOSS.unit
    mapping: tuple[MappedColumn, ...] = ()

    @property
    def flop(self) -> Floats:
        """Compute of each row, (n,).

        Raises:
            KeyError: The table has no N, or no D.
        """
        return np.asarray(self.cost(self.inputs["N"], self.inputs["D"]), np.float64)

    def cost(self, N: Any, D: Any) -> Any:
        """Compute of runs of the same kind, to show them by: 6 N D where the table leaves it open.

        What decides by compute asks instead (`scalejax.compute.clear_compute`).
        """
        return (self.compute or SIX_N_D).flop(N, D)

    @property
    def n_rows(self) -> int:
        """Rows in use, n."""
        return len(self.target)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what a fit depends on: the values and the order of the rows.

        Inputs count under their symbols; column names, labels, row numbers, notes and the order
        of the columns do not count.
        """
        digest = hashlib.sha256(f"scalejax-table-1 rows={self.n_rows}".encode())
        parts: dict[str, NDArray[Any] | None] = {
            **{f"input {symbol}": self.inputs[symbol] for symbol in sorted(self.inputs)},
            "target": self.target,
            "weight": self.weight,
            "cluster": self.cluster,
            "group": self.group,
        }
        later = {"subcluster": self.subcluster, "stratum": self.stratum}
        parts |= {name: codes for name, codes in later.items() if codes is not None}
        for name, values in parts.items():
            digest.update(f"\n{name}:".encode())
            if values is not None:
                # Adding zero makes -0.0 and 0.0 the same bytes.
                digest.update(np.ascontiguousarray(values + 0.0, dtype="<f8").tobytes())
        return digest.hexdigest()

    def own_unit(self, unit: str) -> str:
        """A unit of a law's parameter, "nats/token x parameters^alpha", by that of the target."""
        if self.unit == LOSS.unit or not unit.startswith(LOSS.unit):
            return unit
        return f"{self.unit}{unit.removeprefix(LOSS.unit)}".removeprefix(" x ")

    def select(self, mask: NDArray[np.bool_], reason: str = "not selected") -> "Table":
        """The rows where `mask` is true; the others are recorded in `set_aside`.

        Codes of names are counted anew, so that they stay 0..K-1.

        Args:
            mask: Booleans, shape (n,).
            reason: What `set_aside` says about the rows that go.

        Raises:
            UsageError: The mask has another shape or type.
        """
        mask = np.asarray(mask)
        if mask.dtype != np.bool_ or mask.shape != (self.n_rows,):
            raise UsageError(f"a mask must hold {self.n_rows} booleans")
        left_out = [SetAside(int(row), reason, "selected") for row in self.row[~mask]]
        set_aside = tuple(sorted([*self.set_aside, *left_out], key=lambda item: item.row))
        return replace(self.take(np.flatnonzero(mask)), set_aside=set_aside)

    def split(self) -> dict[str, "Table"]:
        """One table per group, by name in order of appearance.

        Each keeps the notes, warnings and set-aside rows of the whole.

        Raises:
            UsageError: The table has no groups.
        """
        if self.group is None:
            raise UsageError(f"the table has no groups: load it with {argument('by')}")
        order = np.argsort(self.group, kind="stable")
        ends = np.cumsum(np.bincount(self.group, minlength=len(self.group_labels)))
        parts = np.split(order, ends[:-1])
        return {
            label: self.take(part) for label, part in zip(self.group_labels, parts, strict=True)
        }

    def take(self, index: Ints) -> "Table":
        """The rows at these positions, repeated if need be, with codes of names counted anew."""
        cluster, cluster_labels = _recoded(self.cluster, self.cluster_labels, index)
        subcluster, subcluster_labels = _recoded(self.subcluster, self.subcluster_labels, index)
        stratum, stratum_labels = _recoded(self.stratum, self.stratum_labels, index)
        group, group_labels = _recoded(self.group, self.group_labels, index)
        return replace(
            self,
            inputs={symbol: read_only(values[index]) for symbol, values in self.inputs.items()},
            target=read_only(self.target[index]),
            weight=read_only(self.weight[index]),
            row=read_only(self.row[index]),
            cluster=cluster,
            cluster_labels=cluster_labels,
            subcluster=subcluster,
            subcluster_labels=subcluster_labels,
            stratum=stratum,
            stratum_labels=stratum_labels,
            group=group,
            group_labels=group_labels,
        )

    def to_frame(self) -> pd.DataFrame:
        """A frame with the columns row, the inputs, loss, weight, and those of names.

        The latter are cluster, subcluster, stratum and group, as far as the table has them.
        """
        columns: dict[str, Any] = {"row": self.row, **self.inputs}
        columns |= {"loss": self.target, "weight": self.weight}
        for name, codes, labels in (
            ("cluster", self.cluster, self.cluster_labels),
            ("subcluster", self.subcluster, self.subcluster_labels),
            ("stratum", self.stratum, self.stratum_labels),
            ("group", self.group, self.group_labels),
        ):
            if codes is not None:
                columns[name] = [labels[code] for code in codes]
        return pd.DataFrame(columns)


def encode_labels(labels: list[str]) -> tuple[Ints, tuple[str, ...]]:
    """Names to codes 0..K-1 in order of appearance, and the name of each code."""
    names = tuple(dict.fromkeys(labels))
    code = {name: i for i, name in enumerate(names)}
    return read_only(np.array([code[name] for name in labels], dtype=np.int64)), names


def read_only(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """The array itself, with writing forbidden; never pass an array that belongs to the user."""
    array.setflags(write=False)
    return array


def _recoded(
    codes: Ints | None, labels: tuple[str, ...], index: Ints
) -> tuple[Ints | None, tuple[str, ...]]:
    if codes is None:
        return None, ()
    return encode_labels([labels[code] for code in codes[index]])
