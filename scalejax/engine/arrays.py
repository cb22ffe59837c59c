"""From checked tables and declared bounds to the padded arrays that the compiled program takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.engine.chunk import Tables
from scalejax.errors import UsageError
from scalejax.objectives import Model, Rows
from scalejax.solvers import Box
from scalejax.vocabulary import argument

_LOG_SCALE_LIMIT = 40.0
"""Largest size of the logarithm of a fitted noise scale: far outside of what data can have."""


class HostTable(NamedTuple):
    """One table as NumPy arrays of n rows.

    Attributes:
        inputs: Inputs of the law, (n,) each.
        loss: Losses, (n,).
        weight: Weights, (n,).
        unit: Resampling unit of each row, (n,).
        stream: Number of the stream of random draws: tables of one stream get the same draws.
    """

    inputs: tuple[Floats, ...]
    loss: Floats
    weight: Floats
    unit: Ints
    stream: int = 0


def stack(tables: Sequence[HostTable], *, log: bool, length: int | None = None) -> Tables:
    """Pad tables to a common length, which is rounded up so that few lengths are compiled.

    Padding repeats the first row, at which the law is finite, with weight zero.

    Args:
        tables: The tables.
        log: Whether targets are logarithms of losses.
        length: Rows to pad to; if None, as many as the longest table needs.
    """
    length = length or _bucket(max(len(table.loss) for table in tables))

    def column(values: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([values, np.repeat(values[:1], length - len(values))])

    def zero_padded(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, length - len(values)))

    def stacked(columns: Sequence[NDArray[Any]]) -> Any:
        return np.stack(columns, axis=1)

    inputs = tuple(
        stacked([column(table.inputs[k]) for table in tables]) for k in range(len(tables[0].inputs))
    )
    target = stacked([column(np.log(t.loss) if log else t.loss) for t in tables])
    return Tables(
        rows=Rows(inputs, target),
        weight=stacked([zero_padded(table.weight) for table in tables]),
        length=np.array([len(table.loss) for table in tables], np.int32),
        unit=stacked([zero_padded(table.unit.astype(np.int32)) for table in tables]),
        units=np.array([np.max(table.unit) + 1 for table in tables], np.int32),
        stream=np.array([table.stream for table in tables], np.int32),
    )


def _bucket(length: int) -> int:
    """The next of 16, 24, 32, 48, 64, 96, ...: at most half of the rows more, few lengths."""
    size = 16
    while size < length:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return size


def make_box(model: Model, bounds: Mapping[str, tuple[float, float]]) -> Box:
    """The coordinates, with the law's declared bounds and the caller's own.

    Raises:
        UsageError: A bound on something that is not free, crossed, or outside the support.
    """
    complaints = [f"{name!r} is not a free parameter" for name in bounds if name not in model.free]
    complaints += wrong_bounds(model, bounds)
    if complaints:
        raise UsageError(f"{argument('bounds')}: {'; '.join(complaints)}.")
    lower, upper = [], []
    for name in model.free:
        parameter = model.law.parameters[name]
        low, high = bounds.get(name, parameter.bounds)
        lower.append(float(parameter.unconstrain(low)))
        upper.append(float(parameter.unconstrain(high)))
    if model.kernel.fitted_scale:
        lower.append(-_LOG_SCALE_LIMIT)
        upper.append(_LOG_SCALE_LIMIT)
    linear = np.array([name not in model.nonlinear for name in model.free])
    linear = np.pad(linear, (0, model.kernel.fitted_scale), constant_values=True)
    some = linear.any() and not linear.all()
    return Box(np.array(lower), np.array(upper), linear if some else None)


def wrong_bounds(model: Model, bounds: Mapping[str, tuple[float, float]]) -> list[str]:
    """What is wrong with bounds of free parameters, in words."""
    complaints = []
    for name in model.free:
        support = model.law.parameters[name].support
        low, high = bounds.get(name, model.law.parameters[name].bounds)
        if not support.lower <= low < high <= support.upper:
            complaints.append(
                f"bounds of {name!r} must increase and lie in its support ({support.name}), got "
                f"({low:g}, {high:g})"
            )
    return complaints
