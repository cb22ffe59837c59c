"""Repeated runs in a table, and by how much their losses differ."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scalejax.advice.families import run_codes
from scalejax.data import Table, normalised, parse_column


@dataclass(frozen=True)
class Repeats:
    """Runs of one family with equal inputs of the law, such as N and D.

    Attributes:
        runs: How many runs have such a twin.
        difference: Typical relative difference of the losses of two of them, which is sqrt(2)
            standard deviations of one; NaN for a plan.
        separated_by: Other columns in which all of them differ, so that more than the seed does;
            empty if runs are left that agree in all columns.
    """

    runs: int
    difference: float
    separated_by: tuple[str, ...]


def find_repeats(table: Table, frame: pd.DataFrame | None, planned: bool) -> Repeats | None:
    """The repeated runs of a table, of checkpoints the last ones; None if there are none.

    Args:
        table: The runs.
        frame: The user's table, whose other columns tell runs apart; columns of seeds do not.
        planned: Whether the table is a plan, whose losses are placeholders.
    """
    rows = pd.DataFrame({name: [f"{x:.6g}" for x in v] for name, v in table.inputs.items()})
    rows["family"] = 0 if table.group is None else table.group
    keys = [*table.inputs, "family"]
    rows["loss"] = table.target
    others = pd.DataFrame(index=rows.index) if frame is None else _others(frame, table)
    ends = pd.Series(table.inputs["D"]).groupby(pd.Series(run_codes(table))).idxmax()
    rows, others = rows.loc[ends], others.loc[ends]
    others = others[[name for name in others if _tells(others[name], rows["family"])]]
    alike = _repeated(rows, keys)
    if alike.empty:
        return None
    names = [f"column {name}" for name in others]
    rows = pd.concat([rows, others.set_axis(names, axis=1)], axis=1)
    same = _repeated(rows, [*keys, *names])
    used, by = (alike, keys) if same.empty else (same, [*keys, *names])
    groups = rows.loc[used.index].groupby(by, dropna=False)
    apart = () if len(same) else tuple(
        name.removeprefix("column ") for name in names if (groups[name].nunique() > 1).any()
    )  # fmt: skip
    deviations = used["loss"] / groups["loss"].transform("mean") - 1
    variance = np.sum(deviations**2) / (len(used) - groups.ngroups)
    return Repeats(len(used), np.nan if planned else float(np.sqrt(2 * variance)), apart)


def _repeated(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return rows[rows.duplicated(keys, keep=False)]


def _others(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The columns of the user's table that were not read, at the rows in use."""
    read = {*table.columns.values()}
    names = [name for name in map(str, frame) if name not in read]
    names = [name for name in names if "seed" not in normalised(name)]
    return frame.iloc[table.row - 1][names].reset_index(drop=True).astype(str)


def _tells(cells: "pd.Series[str]", family: "pd.Series[int]") -> bool:
    """Whether a column may say how a run was trained: numbers, or words that runs share."""
    numeric = bool(np.isfinite(parse_column(cells).values).any())
    return numeric or bool(pd.DataFrame({"cells": cells, "family": family}).duplicated().any())
