"""Runs without their losses, and runs that could be added to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from scalejax._arrays import Floats
from scalejax.objectives import Model

_REACH = 16.0  # Runs that could be added go this factor beyond the middle of the runs, or ...
_BEYOND = 4.0  # ... this factor beyond their ends if that is farther. Set by judgement.
_MOST_CANDIDATES = 81
"""Most candidates that are tried, in pairs: all of one or two inputs, an even choice of more."""


@dataclass(frozen=True, eq=False)
class RunSet:
    """Inputs and weights of n runs, and the law that is to be fitted to them.

    Attributes:
        model: The law and its free parameters.
        fixed: Values of fixed parameters.
        inputs: Inputs of the law in raw units, (n,) each, in its order.
        weight: Weights with mean one, (n,).
    """

    model: Model
    fixed: Mapping[str, float]
    inputs: dict[str, Floats]
    weight: Floats

    @property
    def n_rows(self) -> int:
        """Number of runs, n."""
        return len(self.weight)

    @cached_property
    def levels(self) -> dict[str, Floats]:
        """Five values of each input, ascending, with two digits; the ends lie beyond the runs."""
        return {name: _levels(values) for name, values in self.inputs.items()}

    @cached_property
    def central(self) -> int:
        """The run that is closest to the middle."""
        far = np.zeros(self.n_rows)
        for name, values in self.inputs.items():
            far += np.abs(values - self.levels[name][2]) / (np.ptp(values) or 1)
        return int(np.argmin(far))

    @cached_property
    def candidates(self) -> tuple[Floats, Floats]:
        """Runs that could be added (m, q), and how far each is from the middle, (m + 1,).

        The last distance, zero, is that of adding none.
        """
        runs = self._whole(np.array(list(product(*self.levels.values()))))
        steps = np.array(list(product(range(-2, 3), repeat=len(self.levels))))
        stride = -(-len(runs) // _MOST_CANDIDATES)
        far = np.sum(steps**2, axis=1)[::stride]
        return runs[::stride], np.append(far, 0).astype(float)

    def _whole(self, runs: Floats) -> Floats:
        """Runs (m, q) whose shares of one whole add up to one, if the law has such inputs."""
        simplex = self.model.law.simplex
        places = [k for k, name in enumerate(self.inputs) if name in simplex]
        if not places:
            return runs
        shares = np.maximum(runs[:, places], 0)
        total = shares.sum(axis=1, keepdims=True)
        whole = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / len(places))
        # Two digits of every share but the last, which is what is left.
        whole = np.floor(100 * whole) / 100
        whole[:, -1] += 1 - whole.sum(axis=1)
        runs[:, places] = whole
        return runs


def _levels(values: Floats) -> Floats:
    low, high = float(np.min(values)), float(np.max(values))
    if low > 0:
        centre = float(np.exp(np.mean(np.log(values))))
        bottom, top = min(centre / _REACH, low / _BEYOND), max(centre * _REACH, high * _BEYOND)
        levels = [bottom, np.sqrt(bottom * centre), centre, np.sqrt(centre * top), top]
    else:
        reach = high - low or max(abs(high), 1.0)
        levels = [(low + high) / 2 + reach * x for x in (-1, -0.5, 0, 0.5, 1)]
    return np.array([float(f"{level:.2g}") for level in levels])
