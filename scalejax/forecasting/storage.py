"""The folder of a saved forecast: open files that load to equal numbers.

- ``forecast.json``: everything but the draws. Numbers round-trip bit for bit; one that is not
  finite is null, and ``non_finite`` says which it was.
- ``draws.parquet``: one row per draw of the parameters, family after family; its checksum is in
  ``forecast.json``, which holds its own.

Loading never runs code that a file names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax._arrays import Floats
from scalejax.errors import ScalejaxError
from scalejax.files import (
    check_place,
    damaged,
    plain,
    read_record,
    sealed,
    sha256_of,
    staged,
    to_json,
)
from scalejax.shapes import check_shape, is_count, is_level, is_real, is_text, is_texts

RECORD, DRAWS = "forecast.json", "draws.parquet"

SCHEMA = 1
"""Version of the files. A reader refuses a newer one."""

_WHAT = "forecast"


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_ANY: Mapping[Any, Any] = {...: lambda value: True}
SHAPE: dict[Any, Any] = {
    "law": {**_ANY, "name": is_text, "spec": is_text, "inputs": is_texts, "parameters": is_texts},
    "points": _is_rows,
    "parameters": _is_rows,
    "params": {...: {...: is_real}},
    "tau": {...: is_real},
    "runs": {...: is_count},
    "rows": {...: is_count},
    "backtest": {...: {"runs": is_count, "error": is_real, "held": is_count}},
    "level": is_level,
    "notes": is_texts,
    "draws": {"sha256": is_text, "parameters": is_texts, "count": {...: is_count}},
    **_ANY,
}
"""The type and range of the fields of ``forecast.json``."""

Draws = Mapping[str, Mapping[str, Floats]]


def write(record: Mapping[str, Any], draws: Draws, folder: str | Path) -> Path:
    """Write a forecast to a folder, which appears complete or not at all.

    Args:
        record: All of it but the draws.
        draws: Draws of the parameters by family, (B,) each.
        folder: Created if it does not exist. A forecast that was saved there before is replaced.

    Raises:
        UsageError: The folder holds something else.
        DiskError: The folder cannot be written.
    """
    check_folder(folder)
    names = list(next(iter(draws.values())))
    columns = [np.concatenate([values[name] for values in draws.values()]) for name in names]
    with staged(Path(folder).resolve()) as beside:
        beside.mkdir(parents=True)
        pq.write_table(pa.table(columns, names), beside / DRAWS)
        about = {
            "sha256": sha256_of(beside / DRAWS),
            "parameters": names,
            "count": {name: len(values[names[0]]) for name, values in draws.items()},
        }
        non_finite: dict[str, str] = {}
        values = plain({"schema": SCHEMA, **record, "draws": about}, non_finite)
        (beside / RECORD).write_bytes(to_json(sealed({**values, "non_finite": non_finite})))
    return Path(folder)


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that `write` would not write to.

    Raises:
        UsageError: It is a file, or holds something but no saved forecast.
    """
    check_place(folder, RECORD, _WHAT)


def is_forecast(folder: str | Path) -> bool:
    """Whether a folder is that of a saved forecast."""
    return (Path(folder) / RECORD).is_file()


def read(folder: str | Path) -> tuple[dict[str, Any], dict[str, dict[str, Floats]]]:
    """What `write` wrote: the record, and the draws by family.

    Raises:
        ScalejaxError: A file is missing, damaged, of a newer version, or of another forecast.
    """
    record = read_record(Path(folder) / RECORD, SCHEMA, _WHAT, own_checksum=True)
    if wrong := list(check_shape(record, SHAPE)):
        raise damaged(folder, _WHAT, f"{RECORD}: {'; '.join(wrong)}")
    path = Path(folder) / DRAWS
    if not path.is_file():
        raise ScalejaxError(f"{folder} is not a complete forecast: there is no {DRAWS} in it.")
    about = record["draws"]
    if sha256_of(path) != about["sha256"]:
        raise damaged(folder, _WHAT, f"{DRAWS} is not what was saved")
    with pq.ParquetFile(path) as file:
        columns = [np.array(column, np.float64) for column in file.read().columns]
    ends = np.cumsum([0, *about["count"].values()])
    draws = {
        family: dict(zip(about["parameters"], (one[first:last] for one in columns), strict=True))
        for family, first, last in zip(about["count"], ends, ends[1:], strict=False)
    }
    return record, draws
