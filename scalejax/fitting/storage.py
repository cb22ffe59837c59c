"""Saving a fit to a folder of open files, and loading it back exactly.

- ``fit.json``: everything but the arrays. Numbers round-trip bit for bit; one that is not finite
  is null, and ``non_finite`` says which it was.
- ``draws.parquet``: one row per resample: draw, the parameters, objective, status.
- ``rows.parquet``: the rows that were fitted: row, the inputs, loss, weight, cluster, group.
- ``manifest.json``: a reporting checklist with its answers, checksums of the other files, and
  versions, see `scalejax.fitting.manifest`. Loading compares the checksums. A fit without a
  manifest is taken with a warning; `scalejax.reproduce` needs one.

Loading never runs code that a file names. A law of your own is found if its module has been
imported already; else pass it as ``law=``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.data import Table
from scalejax.documents import read_document
from scalejax.errors import ScalejaxError
from scalejax.files import (
    DAMAGE,
    check_place,
    damaged,
    is_whole,
    read_record,
    say_unsealed,
    staged,
    to_json,
)
from scalejax.fitting.manifest import FILES, make_manifest, read_about
from scalejax.fitting.plain import (
    SCHEMA,
    SHAPE,
    describe,
    draws_of,
    draws_to_arrow,
    record_of,
    rows_to_arrow,
    table_of,
)
from scalejax.fitting.record import Draws, FitRecord
from scalejax.laws import Law, law_of
from scalejax.shapes import check_shape

RECORD, DRAWS, ROWS = "fit.json", "draws.parquet", "rows.parquet"
MANIFEST = "manifest.json"
"""The file of a saved fit that says what is needed to make it again, and the checklist."""


def save_fit(
    fit: FitRecord, folder: str | Path, about: Mapping[str, Any] | str | Path | None = None
) -> Path:
    """Write a fit to a folder, which appears complete or not at all.

    Args:
        fit: The fit.
        folder: Created if it does not exist. A fit that was saved there before is replaced.
        about: Answers to the reporting checklist by the key of the question in ``manifest.json``: a
            mapping, or a TOML file.

    Returns:
        The folder.

    Raises:
        UsageError: The folder holds something else, or `about` answers no question of ours.
        DiskError: The folder cannot be written.
    """
    check_folder(folder)
    answers = read_about(about)
    record = to_json(describe(fit))
    draws, rows = draws_to_arrow(fit.draws), rows_to_arrow(fit.table)
    target = Path(folder).resolve()
    with staged(target) as beside:
        beside.mkdir(parents=True)
        pq.write_table(draws, beside / DRAWS)
        pq.write_table(rows, beside / ROWS)
        (beside / RECORD).write_bytes(record)
        (beside / MANIFEST).write_bytes(to_json(make_manifest(fit, beside, answers)))
    return Path(folder)


def read_fit(folder: str | Path, law: str | Law | None = None) -> FitRecord:
    """The record of a fit that `save_fit` wrote; arguments and errors as for `load_fit`."""
    record = read_record(Path(folder) / RECORD, SCHEMA, "fit")
    _check_files(Path(folder))
    if wrong := list(check_shape(record, SHAPE)):
        raise damaged(folder, "fit", f"{RECORD}: {'; '.join(wrong)}")
    try:
        law = law_of(record["law"], law)
        table = table_of(record["table"], _read_parquet(Path(folder) / ROWS))
        draws = draws_of(record["draws"], _read_parquet(Path(folder) / DRAWS))
        _check_belonging(record, law, table, draws, folder)
        return record_of(record, law, table, draws)
    except DAMAGE as error:
        if isinstance(error, ScalejaxError):
            raise
        raise damaged(folder, "fit", f"{type(error).__name__}: {error}") from error


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that `save_fit` would not write to.

    Raises:
        UsageError: It is a file, or holds something but no saved fit.
    """
    check_place(folder, RECORD, "fit")


def _read_parquet(path: Path) -> pa.Table:
    if not path.is_file():
        raise ScalejaxError(f"{path.parent} is not a complete fit: there is no {path.name} in it.")
    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (OSError, pa.ArrowException) as error:
        raise damaged(path.parent, "fit", f"{path.name}: {error}") from error


def _check_files(folder: Path) -> None:
    """Refuse files that are not those that were saved, by the checksums of the manifest."""
    if not (folder / MANIFEST).is_file():
        say_unsealed(folder, "fit")
        return
    try:
        entries = read_document(folder / MANIFEST, file_names=True)["files"]
        pairs = {name: (entries[name]["bytes"], entries[name]["sha256"]) for name in FILES}
    except (OSError, *DAMAGE) as error:
        raise damaged(folder, "fit", f"{MANIFEST} is damaged: {error!r}") from error
    for name, (size, sha256) in pairs.items():
        if (folder / name).is_file() and not is_whole(folder / name, size, sha256):
            raise damaged(folder, "fit", f"{name} was changed after it was saved")


def _check_belonging(
    record: Mapping[str, Any], law: Law, table: Table, draws: Draws, folder: str | Path
) -> None:
    if table.fingerprint != record["table"]["fingerprint"]:
        raise damaged(folder, "fit", f"the rows in {ROWS} are not those that were fitted")
    if {*record["params"]} != {*law.parameters}:
        raise damaged(folder, "fit", f"{RECORD} has other parameters than {law.name}")
    if len(draws) != record["draws"]["asked"] or list(draws.parameters) != list(record["params"]):
        raise damaged(folder, "fit", f"{DRAWS} belongs to another fit")
