"""The folder of public run tables, which the user names."""

import hashlib
import os
from pathlib import Path

import pandas as pd

from scalejax.datasets.tables import RunTable
from scalejax.errors import ScalejaxError

DATA_FOLDER_VARIABLE = "SCALEJAX_DATA"


def is_here(table: RunTable) -> bool:
    """Whether the folder that the user names has the file of a table."""
    folder = os.environ.get(DATA_FOLDER_VARIABLE)
    return bool(folder) and (Path(str(folder)) / table.path).is_file()


def read_table(table: RunTable) -> pd.DataFrame:
    """A table of the folder, whose file must have the checksum of `table`.

    Raises:
        ScalejaxError: No folder is named, it has no such file, or the file has other contents.
    """
    folder = os.environ.get(DATA_FOLDER_VARIABLE)
    if not folder:
        raise ScalejaxError(
            f"the dataset {table.name!r} is read from the folder that {DATA_FOLDER_VARIABLE} names "
            f"({table.path} below it), and none is named. It comes from {table.source}."
        )
    path = Path(folder) / table.path
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise ScalejaxError(
            f"the dataset {table.name!r} cannot be read from {path} ({type(error).__name__}): "
            f"correct {DATA_FOLDER_VARIABLE}. It comes from {table.source}."
        ) from error
    if hashlib.sha256(contents).hexdigest() != table.sha256:
        raise ScalejaxError(
            f"{path} is not the table {table.name!r} that is known here (other SHA-256): read it "
            "as a file of your own, or replace it."
        )
    return pd.read_csv(path)
