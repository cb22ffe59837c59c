"""Frames, mappings, lists of records and tables of other libraries, copied to a pandas frame."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import interchange

from scalejax.errors import UsageError
from scalejax.sources.columnar import frame_of_arrow
from scalejax.sources.records import frame_of_records
from scalejax.sources.refusals import refusal


def is_records(source: Any) -> bool:
    """Whether a source is a list of records."""
    return isinstance(source, list | tuple) and bool(source) and isinstance(source[0], Mapping)


def frame_of_object(source: Any, name: str) -> pd.DataFrame:
    """A new frame of what holds a table in memory; the source is not changed.

    Raises:
        InputError: E121 columns of unequal length.
        UsageError: `source` is of a type that holds no table.
    """
    frame = _frame(source, name)
    frame.columns = pd.Index([str(column) for column in frame.columns])
    return frame.reset_index(drop=True)


def _frame(source: Any, name: str) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source.copy(deep=False)
    if isinstance(source, pd.Series):
        return source.to_frame(name="value" if source.name is None else source.name)
    if isinstance(source, Mapping):
        return _frame_of_arrays(source, name)
    if is_records(source):
        if odd := [row for row, item in enumerate(source, 1) if not isinstance(item, Mapping)]:
            raise refusal(name, "E121", "no record in the list; give a dict per run", odd)
        return frame_of_records(source, name)
    try:
        if hasattr(source, "__arrow_c_stream__"):
            return frame_of_arrow(pa.table(source), name)
        if hasattr(source, "__dataframe__"):
            return frame_of_arrow(interchange.from_dataframe(source), name)
    except pa.ArrowException as error:
        raise refusal(
            name, "E162", f"the frame cannot be read ({error}); pass one of pandas"
        ) from error
    raise UsageError(
        "a table is a path, several paths, a frame, a dict of arrays or a list of records, not "
        f"{type(source).__name__}"
    )


def _frame_of_arrays(arrays: Mapping[Any, Any], name: str) -> pd.DataFrame:
    columns = {str(key): _as_column(values) for key, values in arrays.items()}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        message = f"the columns have different lengths: {lengths}; give one value per run in each"
        raise refusal(name, "E121", message)
    return pd.DataFrame(columns)


def _as_column(values: Any) -> Any:
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if isinstance(values, np.ma.MaskedArray):
        return pd.Series(np.ma.getdata(values)).mask(np.ma.getmaskarray(values))
    array = np.asarray(values)
    if array.ndim != 1:
        raise UsageError(f"columns must have one dimension, not shape {array.shape}")
    return pd.Series(array)
