"""`LossCurve`: the loss of one measured run against its cost in tokens, FLOP or GPU-hours.

`throughput`, `gpu_hours` and `curve_in_hours` turn tokens into hours and back. `leaders` says which
run is ahead at each cost, `frontier` the lowest loss that any had reached. Where runs cross and
whether one will overtake another is a matter of noise: see `scalejax.curves.overtaking`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.laws import Value

SECONDS = 3600.0
"""Seconds of an hour."""

BINS = 30
"""Bins of a smoothed curve, evenly in the logarithm of the cost. By judgement: more of them follow
the noise, fewer blur the bends."""


def throughput(tokens: Value, hours: Value) -> Value:
    """Tokens per second and GPU, from tokens and GPU-hours."""
    return tokens / (hours * SECONDS)


def gpu_hours(tokens: Value, throughput: Value) -> Value:
    """GPU-hours for tokens at a throughput in tokens per second and GPU."""
    return tokens / (throughput * SECONDS)


@dataclass(frozen=True, eq=False)
class LossCurve:
    """One run: its loss as its cost grew.

    Attributes:
        name: Name of the run.
        cost: Cost so far, positive and rising, (n,); tokens, FLOP or GPU-hours.
        loss: Loss there, (n,), nats per token.

    Raises:
        UsageError: Columns that are no curve.
    """

    name: str
    cost: Floats
    loss: Floats

    def __post_init__(self) -> None:
        cost, loss = (np.asarray(x, np.float64) for x in (self.cost, self.loss))
        if cost.ndim != 1 or cost.shape != loss.shape or len(cost) < 2:
            raise UsageError(
                f"{self.name}: cost and loss are two columns of two or more rows, not "
                f"{cost.shape} and {loss.shape}."
            )
        if not (np.isfinite(cost) & np.isfinite(loss) & (cost > 0)).all():
            raise UsageError(f"{self.name}: cost must be positive, cost and loss finite.")
        if (np.diff(cost) < 0).any():
            raise UsageError(f"{self.name}: cost must not fall; sort the rows by it.")
        object.__setattr__(self, "cost", cost)
        object.__setattr__(self, "loss", loss)

    def end(self, rows: int = 20) -> float:
        """Mean loss of the last rows, less noisy than the last one alone."""
        return float(np.mean(self.loss[-rows:]))

    def smoothed(self, cost: ArrayLike, loss: ArrayLike | None = None) -> Floats:
        """The loss at costs (k,): means of bins, joined by lines in the logarithm of the cost.

        Args:
            cost: Costs, (k,).
            loss: Other losses of the same rows, (n,) or (..., n); those of the run by default.

        Returns:
            Smooth losses, (k,) or (..., k), NaN beyond the run.
        """
        x, values = np.log(self.cost), np.asarray(self.loss if loss is None else loss, np.float64)
        edges = np.linspace(x[0], x[-1], BINS + 1)
        bin_of_row = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, BINS - 1)
        bins, bin_of_row = np.unique(bin_of_row, return_inverse=True)
        mean = np.equal.outer(np.arange(len(bins)), bin_of_row) / np.bincount(bin_of_row)[:, None]
        log_cost = np.log(np.asarray(cost, np.float64))
        # Half a bin at each end lies outside the means, which is where the line is carried on.
        heights = values @ (_interpolation(mean @ x, log_cost) @ mean).T
        return np.where((log_cost >= x[0]) & (log_cost <= x[-1]), heights, np.nan)


def curve_in_hours(name: str, tokens: ArrayLike, loss: ArrayLike, hours: float) -> LossCurve:
    """A curve of tokens against GPU-hours at a constant throughput.

    Args:
        name: Name of the run.
        tokens: Tokens so far, (n,).
        loss: Loss there, (n,).
        hours: GPU-hours of the whole run, at its last row.
    """
    so_far = np.asarray(tokens, np.float64)
    return LossCurve(name, so_far / so_far[-1] * hours, np.asarray(loss, np.float64))


def leaders(curves: Sequence[LossCurve], cost: ArrayLike) -> list[str]:
    """The run with the lowest smoothed loss at each cost.

    Args:
        curves: The runs, against the same cost.
        cost: Costs, (k,).

    Returns:
        A name for each cost; empty where all runs begin later or have ended.
    """
    heights = np.stack([curve.smoothed(cost) for curve in curves])
    best = np.argmin(np.where(np.isnan(heights), np.inf, heights), axis=0)
    none = np.isnan(heights).all(axis=0)
    return [str(name) for name in np.where(none, "", [curves[k].name for k in best])]


def frontier(curves: Sequence[LossCurve], cost: ArrayLike) -> Floats:
    """The lowest smoothed loss that any run had reached at or below each cost, (k,).

    This is the Pareto frontier of cost and loss: no run reaches a lower loss for less. NaN below
    the cheapest point.
    """
    at = np.asarray(cost, np.float64)
    grid = np.unique(np.concatenate([at, *(curve.cost for curve in curves)]))
    heights = np.stack([curve.smoothed(grid) for curve in curves])
    lowest = np.minimum.accumulate(np.min(np.where(np.isnan(heights), np.inf, heights), axis=0))
    best_so_far = lowest[np.searchsorted(grid, at)]
    return np.where(np.isfinite(best_so_far), best_so_far, np.nan)


def _interpolation(x: Floats, at: Floats) -> Floats:
    """Weights (k, m) of the values at x (m,) for lines at `at` (k,), carried on at the ends."""
    if len(x) == 1:
        return np.ones((len(at), 1))
    left = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
    share = (at - x[left]) / (x[left + 1] - x[left])
    weights = np.zeros((len(at), len(x)))
    rows = np.arange(len(at))
    weights[rows, left], weights[rows, left + 1] = 1 - share, share
    return weights
