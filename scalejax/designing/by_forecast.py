"""The next runs by a forecast: what they tell of the target while the law may bend.

At a grid point of the forecast everything is linear and Gaussian in the coordinates of the law and
the weights of the discrepancy (`scalejax.forecasting.Posterior`), so that a run is again a vector
and the runs so far an information matrix: the search is the one for a law alone, with draws of the
hyper-parameters for those of the parameters. Two things are new.

- The discrepancy of each run grows with its distance below the *largest* run, and nothing is tested
  beyond it. So the best runs are sought for several sizes of the largest, and the best of all kept.
- What is promised is not a mean over the draws: `ForecastProblem.judge` gives the variance of the
  whole forecast once its rows are there, over all grid points, with the tail and with how far the
  grid points disagree. Only their weights are taken to stay, and the losses of the new runs to be
  those that are expected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax.conclusions import PredictedLoss
from scalejax.designing.best_runs import BestRuns, Setting, solve_vectors
from scalejax.designing.comparison import Shape, grids_along
from scalejax.designing.information import Criterion, Stake
from scalejax.designing.problem import CandidateList, Problem
from scalejax.designing.region import Region, grid, run_at_place
from scalejax.forecasting import Belief, Posterior, tail_of
from scalejax.scope import own_settings

VARIANCE = Criterion(1.0, 0.0)
"""The criterion: priors determine every parameter, so that no volume need be mixed in."""

_SIZES = 5
"""Sizes of the largest run that are tried. Set by judgement."""

DIRECTIONS = 32
"""Directions of the coordinates that are kept, those that candidates tell of most: few runs can
tell of no more, and what is promised is computed with all."""

_ROUNDING = 1e-6
"""Share of the noise below which what is left of a candidate's variance tells nothing."""

_STEP = 1e-3
"""Step of the central differences of the target, in standard deviations of the prior where these
are below one."""


@dataclass(frozen=True, eq=False)
class ForecastProblem(Problem):
    """A question to a forecast as arrays, which can be solved again for other money.

    Attributes:
        posterior: What the forecast knows.
        draws: Draws of its hyper-parameters over which the criterion is averaged.
    """

    posterior: Posterior
    draws: int

    @property
    def rows_before(self) -> int:
        """Rows so far."""
        return self.posterior.rows.source

    def freedom(self, runs: int) -> float:
        """Degrees of freedom of the forecast's interval after some new runs."""
        freedom = tail_of(self.posterior.rows, runs)
        return np.inf if freedom is None else freedom

    @property
    def goal(self) -> dict[str, Floats] | None:
        """Inputs of the run whose loss is the target, (1,) each; None for other targets."""
        conclusion = self.setting.target.conclusion
        if not isinstance(conclusion, PredictedLoss):
            return None
        return {name: np.array([value]) for name, value in conclusion.point}

    def _best(self, money: float) -> BestRuns:
        candidates, cost = self._candidates(money)
        decades = self.posterior.decades(self._inputs(candidates))
        tried = [
            self._best_below(largest, candidates, cost, decades, money)
            for largest in self._sizes(decades[cost <= money * (1 + 1e-9)])
        ]
        return min(tried, key=lambda one: float(one.error[0]))

    def _sizes(self, decades: Floats) -> Floats:
        """Decades of the largest run to try: that of the rows, and some that can be paid for."""
        larger = np.unique(np.round(decades[decades > self.posterior.largest + 1e-6], 6))
        if len(larger) > _SIZES - 1:
            larger = larger[np.linspace(0, len(larger) - 1, _SIZES - 1).round().astype(int)]
        smaller = np.any(decades <= self.posterior.largest + 1e-6)
        return np.append(self.posterior.largest, larger) if smaller else larger

    def _best_below(
        self,
        largest: float,
        candidates: dict[str, Floats],
        cost: Floats,
        decades: Floats,
        money: float,
    ) -> BestRuns:
        """The best runs none of which has more than so many decades of compute."""
        beliefs = self.posterior.beliefs(self._inputs(candidates), self.goal, largest)
        stakes, vectors = self._stakes(beliefs, largest)
        # What costs more than all the money is left out by the search.
        cost = np.where(decades <= largest + 1e-6, cost, 2 * np.maximum(cost, money))
        with own_settings():
            continuous, choice = jax.device_get(
                solve_vectors(VARIANCE, self.setting.slots, stakes, vectors, cost, money)
            )
        used = choice.slot < len(cost)
        slot = np.where(used, choice.slot, 0)
        runs = {name: values[slot] for name, values in candidates.items()} | {"cost": cost[slot]}
        error = self.judge({name: values[used] for name, values in runs.items()})
        return BestRuns(runs, used, continuous, choice.log_spread, error)

    def _places(self, beliefs: list[Belief]) -> list[int]:
        """Draws of the grid points by their weights, evenly spread: places in the beliefs."""
        total = np.cumsum([one.weight for one in beliefs])
        marks = (np.arange(max(self.draws, 1)) + 0.5) / max(self.draws, 1)
        return [int(k) for k in np.minimum(np.searchsorted(total, marks), len(total) - 1)]

    def _stakes(self, beliefs: list[Belief], largest: float) -> tuple[Stake, Floats]:
        """Stakes (S, ...) and vectors (S, n, p) of the candidates, at draws of the beliefs."""
        stakes, vectors = [], []
        for k in self._places(beliefs):
            belief = beliefs[k]
            every = np.vstack(self._vectors(belief, self._of_law[1][k]))
            rows, rest = independent_rows(every @ belief.covariance @ every.T)
            # The last direction has the part of the variance that no run can take away.
            goal = np.append(rows[-1], np.sqrt(rest[-1] + self._own(belief, largest)))
            none = np.zeros(0)
            stakes.append(Stake(none, none, np.eye(len(goal)), goal[:, None], goal))
            vectors.append(np.pad(rows[:-1], ((0, 0), (0, 1))))
        together: Stake = jax.tree.map(lambda *values: np.stack(values), *stakes)
        return together, np.stack(vectors)

    def _vectors(self, belief: Belief, slope: Floats) -> tuple[Floats, Floats]:
        """Vectors of the runs of a belief (n, k), and the slope of the target (k,)."""
        if self.goal is None:
            goal = np.pad(slope, (0, belief.slopes.shape[1] - len(slope)))
            return belief.slopes / np.sqrt(belief.noise), goal
        return belief.slopes[:-1] / np.sqrt(belief.noise), belief.slopes[-1]

    def _own(self, belief: Belief, largest: float) -> float:
        """Variance of a run to come beside law and discrepancy; of another target none."""
        goal = self.goal
        if goal is None:
            return 0.0
        return belief.own(max(float(self.posterior.decades(goal)[0]) - largest, 0.0))

    def judge(self, runs: Mapping[str, Floats]) -> Floats:
        """Standard error of the target after runs, (1 + h,).

        Args:
            runs: Inputs, (n,) each; n may be 0.

        Returns:
            That of the whole forecast, then that at each grid point which counts.
        """
        inputs, posterior = self._inputs(runs), self.posterior
        largest = posterior.largest
        if len(next(iter(inputs.values()))):
            largest = max(largest, float(posterior.decades(inputs).max()))
        beliefs = posterior.beliefs(inputs, self.goal, largest)
        weight = np.array([one.weight for one in beliefs])
        count = len(next(iter(inputs.values())))
        expected = weight @ np.stack([one.mean[:count] for one in beliefs])
        values, slopes = self._of_law
        means, variances = np.zeros(len(beliefs)), np.zeros(len(beliefs))
        for k, belief in enumerate(beliefs):
            f, g = self._vectors(belief, slopes[k])
            across = f @ belief.covariance
            gain = np.linalg.solve(np.eye(count) + across @ f.T, across @ g)
            variances[k] = g @ belief.covariance @ g - gain @ (across @ g)
            variances[k] += self._own(belief, largest)
            means[k] = values[k] if self.goal is None else belief.mean[-1]
            means[k] += gain @ (expected - belief.mean[:count]) / np.sqrt(belief.noise)
        whole = weight @ (variances + (means - weight @ means) ** 2)
        return np.sqrt(np.append(whole, variances))

    def error_before(self, money: float) -> float:
        """Standard error of the target from the runs so far."""
        return float(self.judge({name: np.zeros(0) for name in self.setting.model.law.inputs})[0])

    def grid_errors(self, shapes: tuple[Shape, ...], moneys: Floats) -> Floats:
        """Standard error of the target after usual grids, (m, shapes), for FLOP (m,)."""
        with own_settings():
            grids = jax.device_get(grids_along(shapes, self.place, jnp.asarray(moneys)))
        errors = np.full((len(moneys), len(shapes)), np.nan)
        for column, runs in enumerate(grids):
            for row in np.flatnonzero(np.isfinite(runs["N"]).all(1)):
                errors[row, column] = self.judge({name: x[row] for name, x in runs.items()})[0]
        return errors

    @cached_property
    def _of_law(self) -> tuple[Floats, Floats]:
        """A target of the law alone at each grid point that counts (h,), and its slopes (h, p)."""
        posterior = self.posterior
        theta = posterior.theta[posterior.points]
        if self.goal is not None:
            return np.zeros(len(theta)), np.zeros_like(theta)
        step = _STEP * np.minimum(posterior.inside.prior.sd, 1.0)
        moves = np.concatenate([np.zeros((1, len(step))), np.diag(step), -np.diag(step)])
        around = (theta[:, None] + moves).reshape(-1, len(step))
        with own_settings():
            values = _targets(self.setting, posterior.parameters(around))
        values = np.asarray(values, np.float64).reshape(len(theta), -1)
        up, down = np.split(values[:, 1:], 2, axis=1)
        return values[:, 0], (up - down) / (2 * step)

    def _inputs(self, runs: Mapping[str, Floats]) -> dict[str, Floats]:
        return {name: np.asarray(runs[name]) for name in self.setting.model.law.inputs}

    def _candidates(self, money: float) -> tuple[dict[str, Floats], Floats]:
        if isinstance(self.place, CandidateList):
            return self.place.runs, self.place.cost
        with own_settings():
            runs = jax.device_get(_grid_runs(self.place, money / self.rate))
        return runs, self.rate * np.exp(runs["log_compute"])


def independent_rows(kernel: Floats) -> tuple[Floats, Floats]:
    """Rows with the inner products of a kernel, by Cholesky's factor with pivots.

    Args:
        kernel: Covariance of candidates, in units of their noise, and of the target behind them,
            (n + 1, n + 1).

    Returns:
        The rows (n + 1, DIRECTIONS), and what each lacks of its variance, (n + 1,).
    """
    rows = np.zeros((len(kernel), DIRECTIONS))
    rest = np.diag(kernel).copy()
    for j in range(DIRECTIONS):
        pivot = int(np.argmax(rest[:-1]))
        if rest[pivot] < _ROUNDING:
            break
        column = kernel[:, pivot] - rows[:, :j] @ rows[pivot, :j]
        rows[:, j] = column / np.sqrt(rest[pivot])
        rest = np.maximum(rest - rows[:, j] ** 2, 0.0)
    return rows, rest


@jax.jit
def _grid_runs(region: Region, flop: Any) -> dict[str, Any]:
    return run_at_place(region, *grid(region, jnp.log(flop)))


@partial(jax.jit, static_argnums=0)
def _targets(setting: Setting, parameters: Any) -> jax.Array:
    return jax.vmap(lambda one: setting.target(setting.model.law, one))(parameters)
