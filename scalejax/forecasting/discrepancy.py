"""By how much a law may bend: features of a smooth function of compute and tokens per parameter.

Real tables bend a little everywhere. The bend is a Gaussian process with a Matern-3/2 kernel over
the logarithms of the inputs, written as Nystroem features, so that a table of any length costs the
same few columns. Distance is along total compute, and across it (tokens per parameter) twice as
much: losses of one compute are alike in a shorter range.
"""

from dataclasses import dataclass

import numpy as np

from scalejax._arrays import Floats

ACROSS = 2.0
"""Weight of a decade of tokens per parameter against one of compute, chosen on shared tables."""

INDUCING = 80
"""Points that carry the process; with 30 the errors of shared tables grow."""

GROWTH = 0.5
"""By how much of itself the bend grows for each decade below the largest run."""

_ROUNDED = 2
"""Decimals of a decade to which places are told apart: nearer ones are one."""

_JITTER, _LEAST = 1e-8, 1e-7
"""Ridge of the kernel between inducing points, and the share of its largest eigenvalue below which
a direction is rounding; both from the prototype that was measured."""


@dataclass(frozen=True)
class Places:
    """Where runs are, in decades.

    Attributes:
        axes: Compute first and then what lies across it, (n, 2), scaled for distance.
        compute: Decades of compute, (n,).
    """

    axes: Floats
    compute: Floats


def places(log_n: Floats, log_d: Floats) -> Places:
    """Places of runs of a law of N and D.

    Args:
        log_n: ln N, (n,).
        log_d: ln D, (n,).
    """
    decades = np.stack([log_n, log_d], 1) / np.log(10)
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]).T / np.sqrt(2) * np.array([1.0, ACROSS])
    return Places(decades @ turn, decades.sum(1))


def inducing_points(axes: Floats) -> Floats:
    """At most `INDUCING` of the places, each the farthest from those before it.

    Args:
        axes: Places of training and of target runs, (n, 2).
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
        axes: Places, (n, 2).
        points: Inducing points, (m, 2).
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
