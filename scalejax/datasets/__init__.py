"""Named datasets: `load("golden36")`, `load("chinchilla")`; `names()` lists them.

`golden36` is computed by a formula. `chinchilla` is read from the folder that the environment
variable ``SCALEJAX_DATA`` names, or without one downloaded once, and compared with a checksum of
its values. All others (`TABLES`) are read from that folder and compared with a checksum of the
file: data are never shipped. `describe` tells where a table is from, its units and its traps.
"""

from collections.abc import Callable

import pandas as pd

from scalejax.data import golden36
from scalejax.datasets.chinchilla_runs import chinchilla, values_checksum
from scalejax.datasets.folder import DATA_FOLDER_VARIABLE, read_table
from scalejax.datasets.tables import TABLES, RunTable
from scalejax.errors import UsageError
from scalejax.vocabulary import did_you_mean

__all__ = [
    "DATA_FOLDER_VARIABLE",
    "TABLES",
    "RunTable",
    "describe",
    "load",
    "names",
    "values_checksum",
]

_LOADERS: dict[str, Callable[[], pd.DataFrame]] = {"golden36": golden36, "chinchilla": chinchilla}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return (*_LOADERS, *TABLES)


def load(name: str) -> pd.DataFrame:
    """Loads a dataset.

    Args:
        name: ``"golden36"`` (a formula), ``"chinchilla"``, or one of `TABLES`.

    Returns:
        The table. ``"golden36"`` and ``"chinchilla"`` have N (parameters), D (tokens) and loss
        (nats/token). ``"chinchilla"`` also has C (FLOP, as read from the figure; D is C/(6N)) and
        outlier5, true for the five highest losses, which the replication leaves out. Others have
        the columns of their file; `describe` gives the units.

    Raises:
        UsageError: The name is unknown.
        ScalejaxError: The data cannot be read or downloaded, or are not the published ones.
    """
    if name in _LOADERS:
        return _LOADERS[name]()
    return read_table(describe(name))


def describe(name: str) -> RunTable:
    """Source, licence, units and caveats of one of `TABLES`.

    Raises:
        UsageError: The name is unknown.
    """
    if name not in TABLES:
        near = did_you_mean(name, names()) or f"; there are {', '.join(names())}"
        raise UsageError(f"unknown dataset {name!r}{near}")
    return TABLES[name]
