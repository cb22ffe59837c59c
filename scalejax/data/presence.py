"""`Presence`: which quantities of the vocabulary a table has, whatever it is to be read for.

A law that nobody named is chosen by them (`Request.choose`), and so are the laws that a person is
told of.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from scalejax.data.columns import match_column
from scalejax.data.headers import words_of
from scalejax.data.numbers import parse_column
from scalejax.data.request import Request
from scalejax.data.table import Table
from scalejax.quantities import QUANTITIES

_LARGE, _SPREAD = 1e6, 1.5
"""The least median of tokens or parameters, and how far apart they lie; by judgement. Seconds since
1970 are as large and lie closer."""
_LOOKED_AT = 100
_NO_SIZE = {
    *("time", "timestamp", "date", "runtime", "seconds", "created", "updated"),
    *("seed", "id", "run", "index", "hash", "bytes", "memory", "rss"),
}


@dataclass(frozen=True)
class Presence:
    """The quantities of a table.

    Attributes:
        symbols: Those that it has a column of, or several candidates.
        constant: Those of them that have one value in all rows.
        source: What to call the table.
        columns: Names of all columns.
        large: Unread columns that may be a size or compute by their values, where one of N, D and
            C is there alone.
    """

    symbols: tuple[str, ...]
    constant: tuple[str, ...]
    source: str
    columns: tuple[str, ...] = ()
    large: tuple[str, ...] = ()


def presence_of(frame: pd.DataFrame, source: str, request: Request) -> Presence:
    """What a frame of raw cells has, by the names of its columns and those that the request says.

    Args:
        frame: The cells.
        source: What to call the table.
        request: Its `columns` win over names.
    """
    matches = {name: match_column(frame, name, request.columns) for name in QUANTITIES}
    symbols = tuple(name for name, match in matches.items() if match is not None)
    single = [
        name
        for name, match in matches.items()
        if isinstance(match, str) and _is_constant(frame[match])
    ]
    alone = len({"N", "D", "C"} & {*symbols}) == 1
    read = {*map(str, matches.values()), *request.columns.values()}
    large = [name for name in frame.columns if alone and name not in read and _large(frame[name])]
    return Presence(symbols, tuple(single), source, tuple(map(str, frame.columns)), tuple(large))


def presence_of_table(table: Table) -> Presence:
    """What a checked table has."""
    single = [name for name, values in table.inputs.items() if len(np.unique(values)) == 1]
    return Presence((*table.inputs, "loss"), tuple(single), table.source, tuple(table.columns))


def settled(request: Request, presence: Presence | None) -> Request:
    """The request with what it is read for chosen by what the table has."""
    if request.choose is None or presence is None:
        return request
    return replace(request, choose=None, **request.choose(presence))


def _large(cells: "pd.Series[Any]") -> bool:
    """Whether a column holds counts as large as tokens, and is no time, seed or name of a run."""
    if _NO_SIZE & {*words_of(str(cells.name))}:
        return False
    if not np.nanmax(parse_column(cells.head(_LOOKED_AT)).values, initial=0.0) >= _LARGE:
        return False
    values = parse_column(cells).values
    values = values[np.isfinite(values)]
    return bool(np.median(values) >= _LARGE and values.max() >= _SPREAD * values.min())


def _is_constant(cells: "pd.Series[Any]") -> bool:
    if cells.iloc[:1].tolist() != cells.iloc[-1:].tolist():  # Most columns vary.
        return False
    values = parse_column(cells).values
    return len(np.unique(values[np.isfinite(values)])) == 1
