"""Where two loss curves cross, and whether one that goes on would overtake the other.

- `compare_curves`: both runs were measured. Who is ahead at each cost, and where do they cross?
- `overtakes`: one run ended long before. Its curve is carried on as a straight line in the
  logarithm of the cost, which is what eyes do (the article "Chinchilla's Death", 2023). Slopes
  depend on the stretch that they are read from, above all where the learning rate was falling, so
  every stretch is tried, and the answer is `NOT_DETERMINED` unless all agree.

Intervals come from resampled residuals, in blocks of neighbours because these go together. They
are about noise and stretches, not about whether the curve is a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.amounts import LEVEL, read, whole
from scalejax.curves.loss_curve import LossCurve
from scalejax.errors import UsageError
from scalejax.workload import MOST_DRAWS

WINDOWS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of a run after which its slope is read."""

# All by judgement. Last rows whose mean stands for the end of a run: more lag, fewer are noisy.
_END = 20
# Neighbouring rows whose residuals are drawn together: should exceed the length over which noise is
# correlated, and be short beside a run.
_BLOCK = 10
# Costs at which two runs are compared.
_GRID = 200
# Rows that a slope needs at least.
_FEWEST = 10


class CurveVerdict(StrEnum):
    """Whether one curve comes to lie below another."""

    YES = "yes"
    NO = "no"
    NOT_DETERMINED = "not determined"


@dataclass(frozen=True)
class Crossing:
    """One change of the lead.

    Attributes:
        lo: Last cost before the crossing at which one run is surely ahead.
        cost: Cost at which the smoothed curves meet.
        hi: First cost after the crossing at which the other run is surely ahead.
        loss: Loss at which they meet.
        ahead: Who is ahead afterwards.
    """

    lo: float
    cost: float
    hi: float
    loss: float
    ahead: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs at the costs that both have, (k,) each.

    Attributes:
        names: Names of the two.
        cost: Costs, even in their logarithm.
        loss: Mean of the two smoothed losses.
        gap: Smoothed loss of the first less that of the second.
        lo: Lower ends of its interval at each cost.
        hi: Upper ends.
    """

    names: tuple[str, str]
    cost: Floats
    loss: Floats
    gap: Floats
    lo: Floats
    hi: Floats

    @property
    def lead(self) -> Ints:
        """1 where the first run is surely ahead, -1 where the second is, 0 where neither, (k,)."""
        return (self.hi < 0).astype(np.int64) - (self.lo > 0)

    @property
    def ahead(self) -> tuple[str, ...]:
        """The name of the run that is surely ahead at each cost, or "not determined"."""
        words = {1: self.names[0], -1: self.names[1], 0: str(CurveVerdict.NOT_DETERMINED)}
        return tuple(words[int(sign)] for sign in self.lead)

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """Changes from a sure lead of one run to a sure lead of the other."""
        sure = np.flatnonzero(self.lead).tolist()
        pairs = pairwise(sure)
        return tuple(self._between(i, j) for i, j in pairs if self.lead[i] != self.lead[j])

    @property
    def crosses(self) -> CurveVerdict:
        """`NO` only if one run is surely ahead at every cost."""
        if self.crossings:
            return CurveVerdict.YES
        return (
            CurveVerdict.NO
            if abs(int(np.sum(self.lead))) == len(self.cost)
            else (CurveVerdict.NOT_DETERMINED)
        )

    def _between(self, i: int, j: int) -> Crossing:
        gap = self.gap[i : j + 1]
        k = i + int(np.flatnonzero(np.sign(gap[1:]) != np.sign(gap[:-1]))[-1])
        share = self.gap[k] / (self.gap[k] - self.gap[k + 1])
        cost = self.cost[k] * (self.cost[k + 1] / self.cost[k]) ** share
        loss = self.loss[k] + share * (self.loss[k + 1] - self.loss[k])
        name = self.names[0] if self.lead[j] > 0 else self.names[1]
        return Crossing(float(self.cost[i]), float(cost), float(self.cost[j]), float(loss), name)


@dataclass(frozen=True, eq=False)
class Overtaking:
    """The loss that a run would reach if it went on, by the slopes of w stretches; (w,) each.

    Attributes:
        verdict: Whether it ends below its rival, if all stretches agree.
        windows: Shares of the run after which the slope was read.
        loss: Loss at the cost of the rival.
        lo: Lower ends of its interval.
        hi: Upper ends.
        rival: Loss of the rival.
    """

    verdict: CurveVerdict
    windows: Floats
    loss: Floats
    lo: Floats
    hi: Floats
    rival: float

    @property
    def below(self) -> int:
        """Number of stretches by whose slope the run ends below its rival."""
        return int(np.sum(self.loss < self.rival))


def compare_curves(
    a: LossCurve, b: LossCurve, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Comparison:
    """Who is ahead at each cost that two runs have in common, and where they cross.

    Args:
        a: A run.
        b: Another, against the same cost.
        level: Probability of the interval at each cost.
        draws: Resamples of the residuals of both.
        seed: Their seed.

    Returns:
        The comparison; a lead that noise could reverse is not determined.

    Raises:
        UsageError: The runs have no cost in common.
    """
    low, high = max(a.cost[0], b.cost[0]), min(a.cost[-1], b.cost[-1])
    if not low < high:
        raise UsageError(f"{a.name} and {b.name} have no cost in common.")
    # Rounding of the ends must not leave the range of either run.
    cost = np.clip(np.geomspace(low, high, _GRID), low, high)
    read("level", level, LEVEL)
    whole("draws", draws, 1, MOST_DRAWS)
    random = np.random.default_rng(whole("seed", seed))
    heights = [curve.smoothed(cost) for curve in (a, b)]
    replicates = [_refits(curve, cost, draws, random) for curve in (a, b)]
    tail = (1 - level) / 2
    lo, hi = np.quantile(replicates[0] - replicates[1], [tail, 1 - tail], axis=0)
    return Comparison(
        (a.name, b.name), cost, np.mean(heights, axis=0), heights[0] - heights[1], lo, hi
    )


def overtakes(
    curve: LossCurve,
    *,
    rival: float,
    cost: float,
    windows: Sequence[float] = WINDOWS,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Overtaking:
    """Whether a run that goes on to a cost would come to lie below a loss.

    Each stretch gives a least-squares slope of the loss in the logarithm of the cost, which is
    carried on from the mean of the last 20 rows at the end of the run.

    Args:
        curve: The run.
        rival: Loss of the other run, for example its `LossCurve.end`.
        cost: Cost at which the two are compared.
        windows: Shares of the run's cost after which the slope is read.
        level: Probability of the intervals.
        draws: Resamples of the residuals.
        seed: Their seed.

    Returns:
        The losses by stretch, and the verdict.

    Raises:
        UsageError: The cost lies within the run, or a stretch has too few rows.
    """
    if not cost > curve.cost[-1]:
        raise UsageError(f"{curve.name} has come to {cost:g} itself: compare the curves there.")
    read("level", level, LEVEL)
    whole("draws", draws, 1, MOST_DRAWS)
    random = np.random.default_rng(whole("seed", seed))
    stretches = np.asarray(windows, np.float64)
    rows = [_continued(curve, cost, share, draws, random) for share in stretches]
    loss = np.array([centre for centre, _ in rows])
    tail = (1 - level) / 2
    lo, hi = np.quantile(np.stack([sample for _, sample in rows]), [tail, 1 - tail], axis=1)
    verdict = CurveVerdict.YES if np.all(hi < rival) else CurveVerdict.NOT_DETERMINED
    verdict = CurveVerdict.NO if np.all(lo > rival) else verdict
    return Overtaking(verdict, stretches, loss, lo, hi, rival)


def _continued(
    curve: LossCurve, cost: float, share: float, draws: int, random: np.random.Generator
) -> tuple[float, Floats]:
    """The loss at a cost beyond the run, and resamples of it, (draws,).

    Args:
        curve: The run.
        cost: The cost.
        share: Share of the run's cost after which the slope is read.
        draws: Number of resamples.
        random: Generator.
    """
    stretch = curve.cost > share * curve.cost[-1]
    x, loss = np.log(curve.cost[stretch]), curve.loss[stretch]
    if len(x) < _FEWEST:
        raise UsageError(f"{curve.name} has {len(x)} rows after {share:g} of it: too few.")
    centred = x - np.mean(x)
    # The loss that is reached is a weighted sum of the rows: their last mean and their slope.
    weight = np.log(cost / curve.cost[-1]) * centred / (centred @ centred)
    rows = min(_END, len(x))
    weight[-rows:] += 1 / rows
    line = np.mean(loss) + centred * (centred @ loss) / (centred @ centred)
    noise = _blocks(loss - line, draws, random)
    return float(weight @ loss), weight @ line + noise @ weight


def _refits(curve: LossCurve, grid: Floats, draws: int, random: np.random.Generator) -> Floats:
    """Smoothed losses of resampled runs, (draws, k)."""
    smooth = curve.smoothed(curve.cost)
    return curve.smoothed(grid, smooth + _blocks(curve.loss - smooth, draws, random))


def _blocks(residual: Floats, draws: int, random: np.random.Generator) -> Floats:
    """Residuals drawn in blocks of neighbours, (draws, n)."""
    n = len(residual)
    length = min(_BLOCK, n)
    first = random.integers(0, n - length + 1, size=(draws, -(-n // length)))
    rows = (first[:, :, None] + np.arange(length)).reshape(draws, -1)[:, :n]
    return (residual - np.mean(residual))[rows]
