"""Results of lm-evaluation-harness: one row per file, a column per task and metric."""

from collections.abc import Mapping
from typing import Any

from scalejax.sources.raw_table import Cells
from scalejax.sources.records import frame_of_rows
from scalejax.sources.refusals import refusal

_BESIDE = ("versions", "configs", "config", "n-shot", "n-samples", "higher_is_better")


def is_harness(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object holds results of the harness."""
    results = document.get("results")
    return (
        isinstance(results, dict)
        and any(key in document for key in _BESIDE)
        and all(isinstance(metrics, dict) for metrics in results.values())
    )


def of_harness(document: Mapping[str, Any], name: str) -> Cells:
    """One row: the model, its size if the file has it, and ``task.metric`` for every result.

    The filter of a metric is left out of its name where it is ``none``: ``acc,none`` of ``piqa``
    is the column ``piqa.acc``.
    """
    row: dict[str, Any] = {}
    config = document.get("config")
    config = config if isinstance(config, dict) else {}
    model = document.get("model_name") or config.get("model_args") or config.get("model")
    if isinstance(model, str):
        row["model"] = model
    if isinstance(size := config.get("model_num_parameters"), int):
        row["model_num_parameters"] = size
    tasks = document["results"]
    for task, metrics in tasks.items():
        for metric, value in metrics.items():
            column = f"{task}.{metric.removesuffix(',none').replace(',', '.')}"
            if column in row:
                raise refusal(name, "E125", f"two results are called {column!r}; remove one")
            if metric not in ("alias", "name"):
                row[column] = None if value == "N/A" else value
    note = f"results of lm-evaluation-harness: {len(tasks)} tasks, columns named task.metric"
    return Cells(frame_of_rows([row], name), (note,))
