"""Columns of text whose cells are all plain numbers, converted by Arrow: a million in no time.

The result is what `scalejax.data.numbers` gives cell by cell: Arrow rounds correctly too.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scalejax._arrays import Floats

_ZERO = r"^[+-]?0(\.0*)?([eE]|$)"
_PLAIN = r"^([+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?)?$"


def plain_numbers(cells: "pd.Series[Any]") -> Floats | None:
    """The numbers of a column of text, NaN for empty cells; None if any cell is anything else.

    Args:
        cells: Length n.

    Returns:
        float64 (n,), or None: for a column that is no text of pandas, for suffixes, thousands
        separators, and numbers that float64 cannot hold.
    """
    if not isinstance(cells.dtype, pd.StringDtype):
        return None
    text = pa.array(cells.array)
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    if text.null_count or not pc.all(pc.match_substring_regex(text, _PLAIN), min_count=0).as_py():
        return None
    values = pc.cast(pc.if_else(pc.equal(text, ""), None, text), pa.float64()).to_numpy(
        zero_copy_only=False
    )
    # Beyond float64 Arrow gives zero or infinity, which are to be refused and not read.
    zeros = text.filter(pa.array(values == 0))
    if (
        np.isinf(values).any()
        or not pc.all(pc.match_substring_regex(zeros, _ZERO), min_count=0).as_py()
    ):
        return None
    return np.asarray(values, np.float64)
