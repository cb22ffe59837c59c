"""From cells to the arrays of a `Table`: columns of numbers, names as codes, rows left out.

Steps of `scalejax.data.load_table`, which puts them in order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats, Ints
from scalejax.compute import SIX_N_D
from scalejax.data.checks import NumericColumn
from scalejax.data.numbers import is_nested, parse_column
from scalejax.data.reading_plan import ReadingPlan, derived_values
from scalejax.data.request import LABELS, Request
from scalejax.data.table import SetAside, Table, encode_labels, read_only
from scalejax.errors import InputProblem

_WHY_DROPPED = {
    "E101": "missing or infinite",
    "E102": "not a positive loss",
    "E103": "zero or negative",
    "E120": "not a number",
    "E128": "empty name",
}


def numeric_columns(
    frame: pd.DataFrame, request: Request, plan: ReadingPlan
) -> dict[str, NumericColumn]:
    """The columns of numbers that the plan names, by role."""
    numbers = {}
    for role, column in plan.columns.items():
        if role not in LABELS:
            positive = request.is_positive(role) or role in plan.derivation_sources
            numbers[role] = _measure(frame, role, column, plan.factors.get(role, 1.0), positive)
    return _logarithms(numbers) if plan.response.log else numbers


def _logarithms(numbers: dict[str, NumericColumn]) -> dict[str, NumericColumn]:
    """The columns with the logarithm of the loss, and sigma relative to what it was taken of."""
    loss = numbers["loss"]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = replace(loss, values=np.log(loss.values))
        if "sigma" not in numbers:
            return {**numbers, "loss": logs}
        sigma = replace(numbers["sigma"], values=numbers["sigma"].values / loss.values)
    return {**numbers, "loss": logs, "sigma": sigma}


def compute_column(frame: pd.DataFrame, plan: ReadingPlan) -> NumericColumn | None:
    """The column of measured C beside those of N and D; None if there is none."""
    if plan.compute is None:
        return None
    return _measure(frame, "C", plan.compute, plan.factors.get("C", 1.0), True)


def _measure(
    frame: pd.DataFrame, role: str, column: str, factor: float, positive: bool
) -> NumericColumn:
    parsed = parse_column(frame[column])
    return NumericColumn(role, column, parsed, parsed.values * factor, positive)


def names_of(
    frame: pd.DataFrame, plan: ReadingPlan
) -> tuple[dict[str, list[str]], list[InputProblem]]:
    """The name in every row by role (group, cluster ...), and E129 for columns of no names."""
    labels, problems = {}, []
    for role in LABELS:
        if role not in plan.columns:
            continue
        cells = frame[plan.columns[role]].tolist()
        nested = tuple(row for row, cell in enumerate(cells, 1) if is_nested(cell))
        if nested:
            message = "holds lists or records; give plain names"
            problems.append(InputProblem("E129", message, plan.columns[role], nested))
        labels[role] = [name_of(cell) for cell in cells]
    return labels, problems


def name_of(cell: Any) -> str:
    """The name in a cell; empty if there is none."""
    return "" if not is_nested(cell) and pd.isna(cell) else str(cell).strip()


def set_aside_of(
    excluded: Mapping[int, str], dropped: Sequence[InputProblem]
) -> tuple[SetAside, ...]:
    """The record of every row left out, in order.

    Args:
        excluded: Row number to reason, of the rows excluded on purpose.
        dropped: Problems whose rows are dropped; a record has all reasons of its row, and the code
            of the first.
    """
    reasons: dict[int, list[tuple[str, str]]] = {}
    for problem in dropped:
        reason = f"{problem.column!r}: {_WHY_DROPPED[problem.code]}"
        for row in problem.rows:
            reasons.setdefault(row, []).append((problem.code, reason))
    records = {row: SetAside(row, reason, "excluded") for row, reason in excluded.items()}
    for row, pairs in reasons.items():
        records[row] = SetAside(row, "; ".join(reason for _, reason in pairs), pairs[0][0])
    return tuple(records[row] for row in sorted(records))


def assemble(
    rows: Ints,
    numbers: Mapping[str, NumericColumn],
    labels: Mapping[str, list[str]],
    plan: ReadingPlan,
    request: Request,
    name: str,
) -> Table:
    """The table of some rows of the source.

    Args:
        rows: Row numbers in the source, 1 being the first.
        numbers: Columns of numbers by role.
        labels: The name in every row by role.
        plan: Which column is read for what.
        request: What the table is read for.
        name: What to call the source.
    """
    values = {role: item.values[rows - 1] for role, item in numbers.items()}
    compute = request.compute or SIX_N_D
    values |= {quantity: derived_values(quantity, values, compute) for quantity in plan.derived}
    if "subcluster" in labels:
        # Runs called "1" in two families are two runs.
        pairs = zip(labels["cluster"], labels["subcluster"], strict=True)
        labels = {**labels, "subcluster": [f"{outer}/{inner}" for outer, inner in pairs]}
    codes: dict[str, Any] = {}
    for role, names in labels.items():
        codes[role], codes[f"{role}_labels"] = encode_labels([names[row - 1] for row in rows])
    return Table(
        inputs={quantity: read_only(values[quantity]) for quantity in request.inputs},
        target=read_only(values["loss"]),
        weight=read_only(_weight(values)),
        row=read_only(rows),
        **{"cluster": None, "cluster_labels": (), "group": None, "group_labels": (), **codes},
        set_aside=(),
        notes=plan.notes,
        warnings=(),
        columns=dict(plan.columns),
        source=name,
        unit=plan.response.unit,
        mapping=plan.mapping,
    )


def _weight(values: Mapping[str, Floats]) -> Floats:
    if "sigma" in values:
        with np.errstate(divide="ignore", over="ignore"):
            return 1 / values["sigma"] ** 2
    return values.get("weights", np.ones_like(values["loss"]))
