"""The file store of MLflow: folders of runs with a small text file per parameter and metric."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scalejax.sources.raw_table import Cells
from scalejax.sources.records import frame_of_rows, frame_of_series
from scalejax.sources.refusals import counted, refusal
from scalejax.sources.text import decode
from scalejax.sources.unpack import check_size, file_bytes

_META = "meta.yaml"
_DELETED = re.compile(r"^lifecycle_stage:\s*deleted\s*$", re.MULTILINE)


def store_runs(folder: Path) -> list[Path]:
    """Folders of runs in a store, an experiment or a run; empty if the folder is none of them."""
    if (folder / _META).is_file() and (folder / "metrics").is_dir():
        return [folder]
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name != ".trash"]
    runs = [path for path in inside if (path / _META).is_file() and (path / "metrics").is_dir()]
    if runs or (folder / _META).is_file():
        return runs
    experiments = [path for path in inside if (path / _META).is_file()]
    return [run for experiment in experiments for run in store_runs(experiment)]


def read_store(runs: list[Path], name: str, limit: int) -> Cells:
    """One row per run and step, with the parameters of the run in every row.

    Args:
        runs: Folders of runs, see `store_runs`.
        name: What to call the source in messages.
        limit: The most bytes of all files together.

    Raises:
        InputError: E120 a line that is no metric, E123, E127 no metrics, E161 too large.
    """
    parameters: dict[str, dict[str, Any]] = {}
    values: list[tuple[str, int, str, str]] = []
    live = [folder for folder in runs if not _DELETED.search(_meta(folder, name, limit))]
    for folder in live:
        texts, limit = _texts(folder, name, limit)
        called = texts.get("tags/mlflow.runName", "").strip() or folder.name
        run = called if called not in parameters else f"{called} ({folder.name})"
        parameters[run] = {
            f"params.{key.removeprefix('params/')}": text.strip()
            for key, text in texts.items()
            if key.startswith("params/")
        }
        values += _metrics(run, texts, name)
    if not values:
        raise refusal(name, "E127", "no run of the store has a metric; log some")
    series, notes = frame_of_series(values, name)
    rows = [
        {str(key): cell for key, cell in row.items() if cell is not None} | parameters[row["run"]]
        for row in series.to_dict("records")
    ]
    note = f"a file store of MLflow: {counted(len(live), 'run')}, one row per run and step"
    if len(live) < len(runs):
        note += f"; {counted(len(runs) - len(live), 'deleted run')} left out"
    return Cells(frame_of_rows(rows, name), (note, *notes))


def _meta(folder: Path, name: str, limit: int) -> str:
    return decode(file_bytes(folder / _META, name, limit), name)


def _texts(folder: Path, name: str, limit: int) -> tuple[dict[str, str], int]:
    """The files of a run by their place in it, and what is left of the limit."""
    texts = {}
    for kind in ("params", "metrics", "tags"):
        for path in sorted((folder / kind).rglob("*")):
            if path.is_dir():
                continue
            content = file_bytes(path, name, limit)
            limit -= len(content)
            check_size(-limit, name, 0)
            texts[path.relative_to(folder).as_posix()] = decode(content, name)
    return texts, limit


def _metrics(run: str, texts: dict[str, str], name: str) -> Iterator[tuple[str, int, str, str]]:
    for place, text in texts.items():
        if not place.startswith("metrics/"):
            continue
        metric = f"metrics.{place.removeprefix('metrics/')}"
        for line in filter(None, map(str.strip, text.split("\n"))):
            match line.split():
                case [_, value, step] if step.removeprefix("-").isdigit():
                    yield run, int(step[:20]), metric, value
                case [_, value]:
                    yield run, 0, metric, value
                case _:
                    message = f"{metric} of run {run!r} has a line that is no metric: {line[:40]!r}"
                    raise refusal(name, "E121", f"{message}; write time, value and step")
