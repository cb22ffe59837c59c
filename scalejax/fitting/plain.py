"""A fit as plain values and as columns, and back again, for the files of a saved fit.

`describe` gives everything but the arrays as valid JSON, `rows_to_arrow` and `draws_to_arrow` the
arrays; the functions that end in ``_of`` undo them. `scalejax.fitting.storage` puts them in files.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scalejax.data import SetAside, Table, encode_labels, read_only
from scalejax.errors import InputProblem, LawError
from scalejax.files import plain
from scalejax.fitting.record import Draws, FitRecord
from scalejax.laws import LAWS, PREFIX, Law, find_law, formula_law, formula_spec
from scalejax.objectives import (
    Kernel,
    Objective,
    absolute,
    huber,
    least_squares,
    not_saved,
    student_t,
)
from scalejax.status import Status
from scalejax.vocabulary import argument

SCHEMA = 1
"""Version of the files. A reader refuses a newer one."""

# Columns of rows.parquet beside the inputs, and of draws.parquet beside the parameters.
_LEVELS = ("cluster", "subcluster", "stratum", "group")
_ROW_COLUMNS = ("row", "loss", "weight", *_LEVELS)
_DRAW_COLUMNS = ("draw", "objective", "status")
_MAKERS: dict[str, Callable[..., Objective]] = {
    make.__name__: make for make in (huber, least_squares, absolute, student_t)
}


def describe(fit: FitRecord) -> dict[str, Any]:
    """All of a fit but its arrays, as plain values that are valid JSON."""
    record = {
        "schema": SCHEMA,
        "law": describe_law(fit.law, str(fit.settings.get("law", ""))),
        "params": fit.params,
        "status": {"label": fit.status.label, "sentence": fit.status.sentence},
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
    }


def describe_law(law: Law, name: str) -> dict[str, Any]:
    """A law as plain values, from which `law_of` finds it again; `name` as the caller wrote it."""
    ours = LAWS.get(law.name) is law
    return {
        "name": law.name,
        "spec": law.name if ours else _law_spec(law, name),
        "registered": ours,
        "inputs": list(law.inputs),
        "parameters": list(law.parameters),
    }


def _law_spec(law: Law, name: str) -> str:
    """A name by which `find_law` finds a law that is not ours: formula, or module and function."""
    formula = formula_spec(law)
    if formula is not None:
        return formula
    if ":" in name:
        return name
    return f"{law.function.__module__}:{law.function.__name__}"


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


def law_of(record: Mapping[str, Any], law: str | Law | None) -> Law:
    """The law that was fitted: the one passed as `law`, or the one that the record names.

    Raises:
        LawError: `law` has other inputs or parameters, or is needed and missing.
    """
    saved = record["law"]
    match = find_law(law) if law is not None else _law_at_hand(saved)
    if match is None:
        raise LawError(
            f"the fit was made with a law that is not scalejax's own, {saved['spec']!r}. Loading "
            "runs no code that a file names: import the law first, or pass it as "
            f"{argument('law')}."
        )
    if [*match.inputs] != saved["inputs"] or [*match.parameters] != saved["parameters"]:
        raise LawError(
            f"the fit was made with {saved['name']} ({', '.join(saved['inputs'])}; "
            f"{', '.join(saved['parameters'])}), which {match!r} is not."
        )
    return match


def _law_at_hand(saved: Mapping[str, Any]) -> Law | None:
    """The law, if it is ours, a formula, or lies in a module that has been imported."""
    if saved["registered"]:
        return LAWS.get(saved["name"])
    if saved["spec"].startswith(PREFIX):
        return formula_law(saved["spec"].removeprefix(PREFIX), name=saved["name"])
    place, _, attribute = saved["spec"].rpartition(":")
    if place.endswith(".py"):
        place = f"_scalejax_law_{Path(place).stem}"
    value = getattr(sys.modules.get(place), attribute, None)
    return value if isinstance(value, Law) else None


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
            InputProblem(**{**item, "rows": tuple(item["rows"])}) for item in saved["warnings"]
        ),
        columns=saved["columns"],
        source=saved["source"],
        source_sha256=saved["source_sha256"],
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
