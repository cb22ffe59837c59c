"""Named datasets: `load("golden36")`, `load("chinchilla")`; `catalogue()` lists them.

`golden36` is computed by a formula. `chinchilla` is read from the folder that the environment
variable ``SCALEJAX_DATA`` names, or without one downloaded once, and compared with a checksum of
its values. All others (`TABLES`) are read from that folder and compared with a checksum of the
file: data are never shipped. `describe` tells where a table is from, its units and its traps.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Unpack, overload

import pandas as pd

from scalejax.data import Table, TableOptions, golden36, load_table
from scalejax.datasets.chinchilla_runs import chinchilla, values_checksum
from scalejax.datasets.folder import DATA_FOLDER_VARIABLE, is_here, read_table
from scalejax.datasets.tables import TABLES, RunTable
from scalejax.errors import UsageError
from scalejax.keywords import keywords
from scalejax.vocabulary import did_you_mean

__all__ = [
    "DATA_FOLDER_VARIABLE",
    "TABLES",
    "RunTable",
    "catalogue",
    "describe",
    "load",
    "names",
    "values_checksum",
]

_LOADERS: dict[str, Callable[[], pd.DataFrame]] = {"golden36": golden36, "chinchilla": chinchilla}

_OURS = {
    table.name: table
    for table in (
        RunTable(
            "golden36",
            "",
            "",
            rows=36,
            source="a formula",
            licence="none needed",
            units="N, D; loss nats/token",
            serves="a first fit; the truth is known",
            caveat="two runs are 3 % too high on purpose",
        ),
        RunTable(
            "chinchilla",
            "chinchilla_epoch/chinchilla_epoch.csv",
            "",
            rows=245,
            source="epoch-research/analyzing-chinchilla; arXiv:2404.10102",
            licence="numbers read from a figure",
            units="N, D = C/6N, C FLOP; loss nats/token",
            serves="the replication of Chinchilla's law",
            caveat="outlier5 marks the five highest losses, which the replication leaves out",
        ),
    )
}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return (*_LOADERS, *TABLES)


def catalogue() -> pd.DataFrame:
    """All datasets, a row each: name, rows, columns (with units), source, licence and here.

    ``here`` says whether `load` finds the data without a download: its file may still turn out to
    be another one.
    """
    tables = [describe(name) for name in names()]
    return pd.DataFrame(
        {
            "name": [table.name for table in tables],
            "rows": [table.rows for table in tables],
            "columns": [table.units for table in tables],
            "source": [table.source for table in tables],
            "licence": [table.licence for table in tables],
            "here": [not table.path or is_here(table) for table in tables],
        }
    )


@overload
def load(name: str) -> pd.DataFrame: ...
@overload
def load(
    name: str, *, inputs: Sequence[str] = ..., **table_options: Unpack[TableOptions]
) -> Table: ...
@keywords(TableOptions)
def load(
    name: str, *, inputs: Sequence[str] | None = None, **table_options: Unpack[TableOptions]
) -> pd.DataFrame | Table:
    """Loads a dataset.

    Args:
        name: ``"golden36"`` (a formula), ``"chinchilla"``, or one of `TABLES`.
        inputs: Quantities to read; N and D if not given.
        **table_options: Options of `scalejax.data.load_table`: with one of them, or with `inputs`,
            the table is read and checked.

    Returns:
        The raw table as a frame, or a checked `Table` where it is read with options.
        ``"golden36"`` and ``"chinchilla"`` have N (parameters), D (tokens) and loss (nats/token).
        ``"chinchilla"`` also has C (FLOP, as read from the figure; D is C/(6N)) and outlier5, true
        for the five highest losses, which the replication leaves out. Others have the columns of
        their file; `describe` gives the units.

    Raises:
        UsageError: The name is unknown.
        InputError: Read with these options the table cannot be used.
        ScalejaxError: The data cannot be read or downloaded, or are not the published ones.
    """
    frame = _LOADERS[name]() if name in _LOADERS else read_table(describe(name))
    if inputs is None and not table_options:
        return frame
    table = load_table(frame, inputs=inputs or ("N", "D"), **table_options)
    return replace(table, source=name)


def describe(name: str) -> RunTable:
    """Source, licence, units and caveats of a dataset.

    Raises:
        UsageError: The name is unknown.
    """
    known = _OURS | TABLES
    if name not in known:
        near = did_you_mean(name, names()) or f"; there are {', '.join(names())}"
        raise UsageError(f"unknown dataset {name!r}{near}")
    return known[name]
