"""By how much a law may bend: features of a smooth function of what a run's inputs are.

Real tables bend a little everywhere. The bend is a Gaussian process with a Matern-3/2 kernel over
the logarithms of the inputs, written as Nystroem features, so that a table of any length costs the
same few columns. For laws of N and D distance is along total compute, and across it (tokens per
parameter) twice as much: losses of one compute are alike in a shorter range. Other inputs are axes
of their own, as far apart as tokens per parameter are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scalejax._arrays import Floats

ACROSS = 2.0
"""Weight of a decade of tokens per parameter against one of compute, chosen on shared tables."""

INDUCING = 80
"""Points that carry the process; with 30 the errors of shared tables grow."""

GROWTH = 0.5
"""By how much of itself the bend grows for each decade below the largest run."""

COSTS = ("C", "compute")
"""Inputs that are compute themselves, by which runs are ordered where a law has them."""

_ROUNDED = 2
"""Decimals of a decade to which places are told apart: nearer ones are one."""

_JITTER, _LEAST = 1e-8, 1e-7
"""Ridge of the kernel between inducing points, and the share of its largest eigenvalue below which
a direction is rounding; both from the prototype that was measured."""


@dataclass(frozen=True)
class Places:
    """Where runs are, in decades.

    Attributes:
        axes: Compute first and then what lies across it, (n, k), scaled for distance.
        compute: Decades of compute from the middle of the table, (n,); of the first input where a
            law has neither compute nor N and D.
    """

    axes: Floats
    compute: Floats


@dataclass(frozen=True)
class Ground:
    """How the inputs of a table become places, for its own rows and for runs to come.

    Attributes:
        names: The inputs.
        logs: Whether the places of each are decades; else its range in the table is one.
        largest: Finite value of each, (k,): infinity, as of bits, is a decade beyond.
        centre: Of each, in logarithms where these count, (k,).
        unit: What counts as one decade of each, (k,).
    """

    names: tuple[str, ...]
    logs: tuple[bool, ...]
    largest: Floats
    centre: Floats
    unit: Floats

    @classmethod
    def of(cls, inputs: Mapping[str, Floats]) -> "Ground":
        """The ground of a table's rows, (n,) each."""
        logs = tuple(bool(np.min(values) > 0) for values in inputs.values())
        largest = np.array(
            [np.max(v[np.isfinite(v)], initial=np.finfo(float).tiny) for v in inputs.values()]
        )
        columns = _columns(inputs, logs, largest)
        ranges = np.maximum(np.ptp(columns, axis=0), 1e-300)
        unit = np.where(logs, np.log(10), ranges)
        return cls(tuple(inputs), logs, largest, columns.mean(0), unit)

    def places(self, inputs: Mapping[str, Floats]) -> Places:
        """Places of runs, by the values of their inputs, (n,) each."""
        decades = (_columns(inputs, self.logs, self.largest) - self.centre) / self.unit
        here = dict(zip(self.names, decades.T, strict=True))
        if {"N", "D"} <= here.keys():
            n, d = here.pop("N"), here.pop("D")
            first = [(n + d) / np.sqrt(2), (d - n) / np.sqrt(2) * ACROSS]
            compute = n + d
        else:
            name = next((one for one in COSTS if one in here), self.names[0])
            compute = here.pop(name)
            first = [compute / np.sqrt(2)]
        rest = [values * ACROSS / np.sqrt(2) for values in here.values()]
        return Places(np.stack([*first, *rest], 1), compute)


def _columns(inputs: Mapping[str, Floats], logs: tuple[bool, ...], largest: Floats) -> Floats:
    """The inputs as columns (n, k), logarithms where `logs` says so."""
    columns = []
    for values, log, most in zip(inputs.values(), logs, largest, strict=True):
        finite = np.where(np.isinf(values), 10 * most, values)
        columns.append(np.log(finite) if log else finite)
    return np.stack(columns, 1)


def inducing_points(axes: Floats) -> Floats:
    """At most `INDUCING` of the places, each the farthest from those before it.

    Args:
        axes: Places of training and of target runs, (n, k).
    """
    distinct = np.unique(np.round(axes, _ROUNDED), axis=0)
    if len(distinct) <= INDUCING:
        return distinct
    order, far = [0], np.full(len(distinct), np.inf)
    for _ in range(INDUCING - 1):
        far = np.minimum(far, ((distinct - distinct[order[-1]]) ** 2).sum(1))
        order.append(int(far.argmax()))
    return distinct[order]


def features(axes: Floats, points: Floats, length: float) -> Floats:
    """Features whose products are the kernel between places, (n, INDUCING); zero where unused.

    Args:
        axes: Places, (n, k).
        points: Inducing points, (m, k).
        length: Length of the kernel in decades.
    """
    values, vectors = np.linalg.eigh(
        _kernel(points, points, length) + _JITTER * np.eye(len(points))
    )
    kept = values > _LEAST * values.max()
    columns = _kernel(axes, points, length) @ (vectors[:, kept] / np.sqrt(values[kept]))
    return np.pad(columns, ((0, 0), (0, INDUCING - columns.shape[1])))


def _kernel(first: Floats, second: Floats, length: float) -> Floats:
    square = ((first[:, None] - second[None]) ** 2).sum(-1)
    x = np.sqrt(3.0) * np.sqrt(square + 1e-12) / length
    return (1 + x) * np.exp(-x)
