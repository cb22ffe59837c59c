"""A fit as plain values and as columns, and back again, for the files of a saved fit.

`describe` gives everything but the arrays as valid JSON, `rows_to_arrow` and `draws_to_arrow` the
arrays; the functions that end in ``_of`` undo them. `scalejax.fitting.storage` puts them in files.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from scalejax.compute import SIX_N_D, saved_compute
from scalejax.data import SetAside, Table, encode_labels, read_only
from scalejax.errors import InputProblem
from scalejax.files import plain
from scalejax.fitting.record import Draws, FitRecord
from scalejax.laws import Law, describe_law
from scalejax.objectives import (
    Kernel,
    Objective,
    absolute,
    huber,
    least_squares,
    not_saved,
    student_t,
)
from scalejax.quantities import LOSS
from scalejax.shapes import is_count, is_real, is_text, is_texts, or_null
from scalejax.status import Status

SCHEMA = 1
"""Version of the files. A reader refuses a newer one."""

# Columns of rows.parquet beside the inputs, and of draws.parquet beside the parameters.
_LEVELS = ("cluster", "subcluster", "stratum", "group")
_ROW_COLUMNS = ("row", "loss", "weight", *_LEVELS)
_DRAW_COLUMNS = ("draw", "objective", "status")
_ANY: Mapping[Any, Any] = {...: lambda value: True}
SHAPE: dict[Any, Any] = {
    "schema": is_count,
    "law": {**_ANY, "name": is_text, "spec": is_text, "inputs": is_texts, "parameters": is_texts},
    "params": {...: is_real},
    "status": {**_ANY, "label": lambda value: value in [one.label for one in Status]},
    "objective": {
        **_ANY,
        "name": is_text,
        "constants": lambda value: isinstance(value, list) and all(map(is_real, value)),
        "on": lambda value: value in ("log", "loss"),
        "custom": lambda value: isinstance(value, bool),
        "value": is_real,
    },
    "noise_scale": or_null(lambda value: is_real(value) and not value < 0),
    "diagnostics": {
        "gradient": is_real,
        "condition": is_real,
        "starts": is_count,
        "agreeing": is_count,
        "on_bound": is_texts,
    },
    "draws": {**_ANY, "method": is_text, "asked": is_count, "used": is_count},
    "table": {**_ANY, "fingerprint": is_text, "inputs": is_texts, "notes": is_texts},
    "settings": {**_ANY, "fixed": {...: is_real}, "tied": {...: is_text}, "bounds": {**_ANY}},
    "versions": {...: is_text},
    # A later version of scalejax may save more.
    **_ANY,
}
"""The type and range of the fields of ``fit.json``; what is not here is read by its own reader."""

_MAKERS: dict[str, Callable[..., Objective]] = {
    make.__name__: make for make in (huber, least_squares, absolute, student_t)
}


def describe(fit: FitRecord) -> dict[str, Any]:
    """All of a fit but its arrays, as plain values that are valid JSON."""
    record = {
        "schema": SCHEMA,
        "law": describe_law(fit.law, str(fit.settings.get("law", ""))),
        "params": fit.params,
        "status": {"label": fit.status.label, "sentence": fit.sentence},
        "objective": {**describe_objective(fit.objective), "value": fit.objective_value},
        "noise_scale": fit.noise_scale,
        "diagnostics": {
            "gradient": fit.gradient,
            "condition": fit.condition,
            "starts": fit.starts,
            "agreeing": fit.agreeing,
            "on_bound": fit.on_bound,
        },
        "draws": {
            "method": fit.draws.method,
            "asked": len(fit.draws),
            "used": int(np.sum(fit.draws.usable)),
        },
        "table": _describe_table(fit.table),
        "settings": fit.settings,
        "versions": fit.versions,
    }
    non_finite: dict[str, str] = {}
    return {**plain(record, non_finite), "non_finite": non_finite}


def describe_rows(table: Table) -> dict[str, Any]:
    """All of a table but its rows (source, columns, notes ...), as plain values of valid JSON."""
    values: dict[str, Any] = plain(_describe_table(table))
    return values


def _describe_table(table: Table) -> dict[str, Any]:
    return {
        "source": table.source,
        "source_sha256": table.source_sha256,
        "fingerprint": table.fingerprint,
        "rows": table.n_rows,
        "inputs": list(table.inputs),
        "columns": table.columns,
        "set_aside": [vars(item) for item in table.set_aside],
        "notes": table.notes,
        "warnings": [vars(item) for item in table.warnings],
        "compute": None if table.compute is None else list(table.compute),
        "unit": table.unit,
    }


def _is_ours(objective: Objective) -> bool:
    make = _MAKERS.get(objective.name)
    on = "log" if objective.kernel.log else "loss"
    return make is not None and make(on=on).kernel == objective.kernel


def rows_to_arrow(table: Table) -> pa.Table:
    """The rows in use: row, the inputs, loss, weight, and clusters, strata and groups by name."""
    columns: dict[str, Any] = {"row": table.row}
    columns |= {_free_name(name, _ROW_COLUMNS): values for name, values in table.inputs.items()}
    columns |= {"loss": table.target, "weight": table.weight}
    for name in _LEVELS:
        codes, labels = getattr(table, name), getattr(table, f"{name}_labels")
        if codes is not None:
            columns[name] = pa.array([labels[code] for code in codes], pa.string())
    return pa.table(columns)


def draws_to_arrow(draws: Draws) -> pa.Table:
    """One row per draw: draw, the parameters, objective, status."""
    return pa.table(
        {
            "draw": np.arange(1, len(draws) + 1),
            **{_draw_name(name): values for name, values in draws.parameters.items()},
            "objective": draws.objective,
            "status": pa.array([Status(code).label for code in draws.status], pa.string()),
        }
    )


def record_of(record: Mapping[str, Any], law: Law, table: Table, draws: Draws) -> FitRecord:
    """The fit that `describe` described."""
    diagnostics = dict(record["diagnostics"])
    return FitRecord(
        law=law,
        params=record["params"],
        status=Status[record["status"]["label"].upper()],
        objective_value=record["objective"]["value"],
        objective=objective_of(record["objective"]),
        noise_scale=record["noise_scale"],
        on_bound=tuple(diagnostics.pop("on_bound")),
        **diagnostics,
        draws=draws,
        table=table,
        settings=record["settings"],
        versions=record["versions"],
    )


def describe_objective(objective: Objective) -> dict[str, Any]:
    """An objective as plain values; one of the caller's own by its name only."""
    return {
        "name": objective.name,
        "constants": objective.constants,
        "on": "log" if objective.kernel.log else "loss",
        "custom": not _is_ours(objective),
    }


def objective_of(saved: Mapping[str, Any]) -> Objective:
    """The objective that `describe_objective` described."""
    constants = tuple(saved["constants"])
    if saved["custom"]:
        return Objective(saved["name"], Kernel(not_saved, saved["on"] == "log"), constants)
    objective = _MAKERS[saved["name"]](on=saved["on"])
    return replace(objective, constants=constants)


def table_of(saved: Mapping[str, Any], rows: pa.Table) -> Table:
    """The table of the rows (n,) and of what `describe_rows` gave."""

    def floats(name: str) -> Any:
        return read_only(np.array(rows[name], np.float64))

    levels: dict[str, Any] = dict.fromkeys(_LEVELS)
    levels |= {f"{name}_labels": () for name in _LEVELS}
    for name in set(_LEVELS) & set(rows.column_names):
        levels[name], levels[f"{name}_labels"] = encode_labels(rows[name].to_pylist())
    return Table(
        inputs={name: floats(_free_name(name, _ROW_COLUMNS)) for name in saved["inputs"]},
        target=floats("loss"),
        weight=floats("weight"),
        row=read_only(np.array(rows["row"], np.int64)),
        **levels,
        set_aside=tuple(SetAside(**item) for item in saved["set_aside"]),
        notes=tuple(saved["notes"]),
        warnings=tuple(
            InputProblem(
                **{
                    **item,
                    "rows": tuple(item["rows"]),
                    "mend": tuple(map(tuple, item.get("mend", ()))),
                }
            )
            for item in saved["warnings"]
        ),
        columns=saved["columns"],
        source=saved["source"],
        source_sha256=saved["source_sha256"],
        # A fit of before has none.
        compute=saved_compute(saved.get("compute", SIX_N_D)),
        unit=saved.get("unit", LOSS.unit),
    )


def draws_of(saved: Mapping[str, Any], draws: pa.Table) -> Draws:
    """The draws of the columns that `draws_to_arrow` gave, (B,) each."""
    names = [name for name in draws.column_names if name not in _DRAW_COLUMNS]
    return Draws(
        parameters={
            name.removeprefix("parameter "): np.array(draws[name], np.float64) for name in names
        },
        status=np.array([Status[label.upper()] for label in draws["status"].to_pylist()], np.int64),
        objective=np.array(draws["objective"], np.float64),
        method=saved["method"],
    )


def _free_name(name: str, reserved: tuple[str, ...]) -> str:
    return f"input {name}" if name in reserved else name


def _draw_name(name: str) -> str:
    return f"parameter {name}" if name in _DRAW_COLUMNS else name
