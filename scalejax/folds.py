"""What is held out: train on the small runs, predict the large ones.

`leave_largest` holds out the runs above one cut, `rolling_origin` moves the cut upwards so that
every fold trains on all that is smaller: both ask how a law extrapolates. `leave_groups` holds out
one group after the other: how it carries over. For runs with checkpoints, `leave_sizes` predicts
one size after the other from all smaller ones, and `leave_last_run` the end of the largest run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalejax._arrays import Floats, Ints
from scalejax.errors import UsageError

_HELD_OUT = 0.2  # Share of the runs above the default cut: the usual fifth of cross-validation.
_LEAST_TRAINED = 0.4
"""Least share of the runs that one of several origins trains on. By judgement: fewer are too few
for a law of five parameters, more leave the origin no room."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to hold runs out.

    Attributes:
        name: What is held out, in words.
        train: Rows that are fitted, (n,) of bool.
        test: Rows that are predicted, (n,) of bool.
        distance: Decades of each row beyond the largest training run, (n,); 0 where folds are not
            by size, and within the training runs.
    """

    name: str
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    distance: Floats


def leave_largest(size: ArrayLike, above: float | None = None, *, axis: str = "C") -> list[Fold]:
    """One fold: the runs above a size are held out.

    Args:
        size: Size of each run, (n,).
        above: The largest size to train on; if None, the largest fifth of the runs (whole sizes at
            a time) is held out.
        axis: Name of the size, for words.

    Raises:
        UsageError: Nothing would be left to train on, or to predict.
    """
    values = _sizes(size)
    if above is None:
        above = _cut_below(values, _HELD_OUT)
    return [_fold(values, above, axis)]


def rolling_origin(size: ArrayLike, folds: int = 4, *, axis: str = "C") -> list[Fold]:
    """Expanding windows: train on all runs up to a size, predict all that are larger.

    The origins leave at least two fifths of the runs to train on and at least one size to predict,
    and divide the runs between into equal parts.

    Args:
        size: Size of each run, (n,).
        folds: Most folds; fewer if there are fewer sizes.
        axis: Name of the size, for words.

    Raises:
        UsageError: There are fewer than three sizes.
    """
    values = _sizes(size)
    if folds < 1:
        raise UsageError(f"folds must be at least 1, not {folds}.")
    distinct = np.unique(values)
    shares = np.array([np.mean(values <= cut) for cut in distinct[:-1]])
    cuts = distinct[:-1][shares >= min(_LEAST_TRAINED, shares[-1])]
    places = np.linspace(0, len(cuts) - 1, min(folds, len(cuts))).round().astype(int)
    return [_fold(values, float(cuts[k]), axis) for k in np.unique(places)]


def leave_groups(groups: Sequence[object] | NDArray[np.generic]) -> list[Fold]:
    """One fold per group, held out whole.

    Args:
        groups: Group of each run, (n,).

    Raises:
        UsageError: There is only one group.
    """
    labels = np.asarray(groups).astype(str)
    distinct = list(dict.fromkeys(labels))
    if len(distinct) < 2:
        raise UsageError(f"there is only one group, {distinct}: nothing is left to train on.")
    return [
        Fold(f"group {name}", labels != name, labels == name, np.zeros(len(labels)))
        for name in distinct
    ]


def _sizes(size: ArrayLike) -> Floats:
    values = np.asarray(size, np.float64)
    if values.ndim != 1 or not np.all(np.isfinite(values) & (values > 0)):
        raise UsageError("sizes must be positive and finite, one for each run.")
    if len(np.unique(values)) < 3:
        raise UsageError("there are fewer than three sizes: nothing can be held out.")
    return values


def _cut_below(values: Floats, share: float) -> float:
    """The largest size that leaves at least a share of the runs above it."""
    distinct = np.unique(values)
    enough = [cut for cut in distinct[:-1] if np.mean(values > cut) >= share]
    return float(enough[-1] if enough else distinct[-2])


def _fold(values: Floats, above: float, axis: str) -> Fold:
    train = values <= above
    test = ~train
    if not train.any() or not test.any():
        raise UsageError(f"no run has {axis} {'up to' if test.any() else 'above'} {above:.4g}.")
    distance = np.maximum(np.log10(values / values[train].max()), 0.0)
    return Fold(f"{axis} above {values[train].max():.3g}", train, test, distance)


def leave_last_run(N: Floats, D: Floats, run: Ints, part: float) -> Fold:
    """The largest run of a family is held out, and the end of its training predicted.

    Args:
        N: Parameters, (n,).
        D: Tokens, (n,).
        run: Run of each row, codes from 0, (n,).
        part: Last share of its training that is predicted.

    Returns:
        The fold; of several largest runs it holds out the one that was trained longest.
    """
    held = run[np.lexsort((D, N))[-1]]
    own = run == held
    late = own & (training_share(D, run) > 1 - part)
    return Fold(f"run {held}", ~own, late, np.zeros(len(N)))


def training_share(D: Floats, run: Ints) -> Floats:
    """Share of its run's training that each row has seen, (n,)."""
    last = np.zeros(int(run.max()) + 1)
    np.maximum.at(last, run, D)
    return D / last[run]


def leave_sizes(size: Ints, D: Floats, run: Ints, fewest: int, most: int) -> Iterator[Fold]:
    """Sizes as targets: of each, the run that was trained longest, from the runs of smaller sizes.

    Args:
        size: Number of each row's size from the smallest, (n,).
        D: Tokens, (n,).
        run: Run of each row, (n,).
        fewest: Place of the first size that is a target, counted from 1.
        most: Most targets, spread over the sizes.
    """
    sizes = np.unique(size)[fewest - 1 :]
    places = np.linspace(0, len(sizes) - 1, min(most, len(sizes))).round().astype(int)
    for target in sizes[places]:
        rows = np.flatnonzero(size == target)
        last = run[rows[np.argsort(D[rows], kind="stable")[-1]]]
        yield Fold(
            f"size {target}", size < target, (size == target) & (run == last), np.zeros(len(size))
        )
