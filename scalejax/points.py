"""Arrays of numbers that a person writes, held to what one number is held to in `amounts`.

`read_array` gives numbers of a `Kind`, `points` the inputs of a law at some points.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from scalejax._arrays import Floats
from scalejax.amounts import FINITE, Kind, check_names, is_other, kind_of, read, short
from scalejax.errors import UsageError
from scalejax.vocabulary import argument


def read_array(name: str, values: Any, kind: Kind = FINITE, key: str = "") -> Floats:
    """Numbers, or texts such as "70B", one or several, as float64 of the same shape.

    Raises:
        UsageError: One is not of the kind.
    """
    # Of a list NumPy would make numbers of true and false.
    has_type = getattr(values, "dtype", None) is not None
    cells = np.asarray(values) if has_type else np.asarray(values, object)
    if is_other(cells):
        read(name, cells, kind, key)
    if cells.dtype.kind not in "iuf":
        cells = cells.astype(object)
        flat = [read(name, cell, kind, key) for cell in cells.ravel()]
        return np.asarray(flat, np.float64).reshape(cells.shape)
    numbers = np.asarray(cells, np.float64)
    for number in np.unique(numbers[~np.isfinite(numbers)]):
        read(name, float(number), kind, key)
    # The extremes tell of all: every kind is a range.
    for number in (numbers.min(), numbers.max()) if numbers.size else ():
        read(name, float(number), kind, key)
    return numbers


def points(
    name: str, values: Any, inputs: Collection[str], known: Collection[str] = ()
) -> dict[str, Floats]:
    """The inputs of a law at some points, (k,) each, in the order of `inputs`.

    Args:
        name: The keyword in Python.
        values: A frame, which may have other columns, or a mapping, which may not.
        inputs: Inputs of the law.
        known: Others that a mapping may have.

    Raises:
        UsageError: One is missing, is no input, is not of its kind, or lengths differ.
    """
    if isinstance(values, str) or not hasattr(values, "keys"):
        raise UsageError(
            f"{argument(name)} must name {', '.join(inputs)} with numbers, not {short(values)}."
        )
    if missing := [one for one in inputs if one not in values]:
        raise UsageError(f"{argument(name)} lacks {', '.join(missing)}.")
    if isinstance(values, Mapping):
        check_names(name, values, {*inputs, *known})
    columns = {
        one: np.atleast_1d(read_array(name, values[one], kind_of(one), one)) for one in inputs
    }
    if empty := [one for one, column in columns.items() if not column.size]:
        raise UsageError(f"{argument(name)} has no numbers of {', '.join(empty)}.")
    try:
        arrays = np.broadcast_arrays(*columns.values())
    except ValueError:
        lengths = ", ".join(f"{len(column)} of {one}" for one, column in columns.items())
        raise UsageError(f"{argument(name)} has columns of different lengths: {lengths}.") from None
    return dict(zip(inputs, arrays, strict=True))
