"""What one attempt at many problems is of: the problems, and how they are tried."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.objectives import Settings


class Problems(NamedTuple):
    """P problems; see `Engine.solve`."""

    table: Ints
    draw: Ints
    weight: Floats | None
    target: Floats | None
    hint: Floats
    held: NDArray[np.bool_] | None

    def take(self, some: Any) -> "Problems":
        """Some of them."""
        parts: list[Any] = [None if values is None else values[some] for values in self]
        return Problems(*parts)


class Trial(NamedTuple):
    """How problems are tried: from which starts, how far, with which numbers, in which shapes."""

    starts: tuple[int, ...]
    tolerance: float
    settings: Settings
    limit: int
    chunk: int
    tasks: int


def pad(values: NDArray[Any], length: int) -> Any:
    """Repeat the last entry up to a length."""
    return np.concatenate([values, np.repeat(values[-1:], length - len(values), axis=0)])
