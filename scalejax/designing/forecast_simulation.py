"""A design by a forecast checked by simulation: the runs are trained, the forecast is made anew.

A truth is a draw of what the forecast knows: the sizes of bend and noise by their weight, then the
law and how it bends, together. The runs so far keep their losses; those of the design and the run
to come get theirs from the truth, with the noise of a run, and the forecast is made again from all
rows as it will be then (rows that were weighed down stay so). So the check is of what the promise
neglects: that the new rows move the sizes of bend and noise, that the law is curved, and what
losses they happen to have. It cannot tell whether real laws bend as the forecast believes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scalejax._arrays import Floats
from scalejax.designing.by_forecast import ForecastProblem
from scalejax.designing.record import DesignRecord
from scalejax.errors import UsageError
from scalejax.forecasting import ForecastRows, Posterior, reach_of, solve_all
from scalejax.vocabulary import argument

SIMULATIONS = 48
"""Simulations unless asked otherwise: three batches, which say to some hundredths how often an
interval holds."""

_TOGETHER = 16
"""Simulations between two words of progress: the tables of one batch of forecasts."""

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, eq=False)
class ForecastSimulation:
    """The interval that a design by a forecast promises against those of simulated forecasts.

    Attributes:
        promised: Half the width of the interval that the design promises: .03 is 3 % up.
        widths: That of each simulated forecast, (n,).
        errors: Forecast less true logarithm of the loss of the run to come, (n,).
        held: Whether the interval of each held it, (n,).
        level: Probability of the intervals.
        seed: Seed of truths and noise.
    """

    promised: float
    widths: Floats
    errors: Floats
    held: Any
    level: float
    seed: int

    @property
    def ratio(self) -> float:
        """Median width over the promised one."""
        return float(np.median(self.widths)) / self.promised

    @property
    def ratio_range(self) -> tuple[float, float]:
        """Ends between which nine in ten simulated widths lie, over the promised one."""
        low, high = np.quantile(self.widths, [0.05, 0.95]) / self.promised
        return float(low), float(high)

    def to_dict(self) -> dict[str, Any]:
        """What was found, as plain values."""
        return {
            "simulations": len(self.widths),
            "promised": self.promised,
            "width": float(np.median(self.widths)),
            "ratio": self.ratio,
            "ratio_range": list(self.ratio_range),
            "held": int(np.sum(self.held)),
            "error": float(np.sqrt(np.mean(self.errors**2))),
        }

    def __str__(self) -> str:
        low, high = self.ratio_range
        return (
            f"interval in {len(self.widths)} simulated forecasts (seed {self.seed}): "
            f"+{100 * float(np.median(self.widths)):.3g} %, promised +{100 * self.promised:.3g} %, "
            f"ratio {self.ratio:.3f} (nine in ten {low:.3f} to {high:.3f}); the "
            f"{100 * self.level:g} % interval held {int(np.sum(self.held))} of {len(self.held)}."
        )


def simulate_forecasts(
    design: DesignRecord, simulations: int, seed: int, progress: Progress | None = None
) -> ForecastSimulation:
    """Forecast anew after simulated runs, see `scalejax.designing.design.Design.simulate`.

    Raises:
        UsageError: The target is not the loss of a run.
    """
    problem = design.question
    assert isinstance(problem, ForecastProblem)
    if problem.goal is None:
        raise UsageError(
            "simulated forecasts are held against the loss of a run, and the target is "
            f"{design.target}: design for one, {argument('at', {'N': '70B', 'D': '1.4T'})}."
        )
    used = np.asarray(design.solution.used)
    new = {name: np.asarray(design.solution.runs[name])[used] for name in problem.goal}
    losses, truth = draw_losses(problem.posterior, new, problem.goal, simulations, seed)
    tables = [_with_runs(problem.posterior.rows, new, one) for one in losses]
    means, sds = np.zeros(simulations), np.zeros(simulations)
    for part in np.array_split(np.arange(simulations), -(-simulations // _TOGETHER)):
        answers = solve_all(
            problem.posterior.inside,
            [tables[k] for k in part],
            [problem.goal] * len(part),
            {name: float(value) for name, value in problem.posterior.context.fixed.items()},
        )
        means[part] = [one.log_response[0] for one in answers]
        sds[part] = [one.sd[0] for one in answers]
        if progress is not None:
            progress(int(part[-1]) + 1, simulations, 0)
    reach = reach_of(tables[0], design.level) * sds
    return ForecastSimulation(
        promised=design.width,
        widths=np.expm1(reach),
        errors=means - truth,
        held=np.abs(means - truth) <= reach,
        level=design.level,
        seed=seed,
    )


def draw_losses(
    posterior: Posterior,
    runs: Mapping[str, Floats],
    target: Mapping[str, Floats],
    count: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Logarithms of losses drawn from what a forecast knows.

    Args:
        posterior: What it knows.
        runs: Inputs of runs that will be rows, (n,) each.
        target: Inputs of the run to come, (1,) each.
        count: Number of draws, B.
        seed: Seed of the draws.

    Returns:
        Those of the runs, (B, n), and of the run to come, (B,).
    """
    largest = max(posterior.largest, float(posterior.decades(runs).max()))
    beliefs = posterior.beliefs(runs, target, largest)
    beyond = max(float(posterior.decades(target)[0]) - largest, 0.0)
    rng = np.random.default_rng(seed)
    weight = np.array([one.weight for one in beliefs])
    place = rng.choice(len(beliefs), count, p=weight / weight.sum())
    size = len(beliefs[0].mean)
    normal = rng.standard_normal((2, count, max(size, beliefs[0].covariance.shape[0])))
    values = np.zeros((count, size))
    for k, belief in enumerate(beliefs):
        mine = place == k
        factor = np.linalg.cholesky(belief.covariance)
        sd = np.sqrt(np.append(np.full(size - 1, belief.noise), belief.own(beyond)))
        coordinates = normal[0, mine, : len(factor)] @ factor.T
        values[mine] = belief.mean + coordinates @ belief.slopes.T + sd * normal[1, mine, :size]
    return values[:, :-1], values[:, -1]


def _with_runs(rows: ForecastRows, runs: Mapping[str, Floats], log_losses: Floats) -> ForecastRows:
    """The rows and new ones behind them, each a run of its own."""
    count = len(log_losses)
    codes = None if rows.run is None else rows.run.max() + 1 + np.arange(count)
    return replace(
        rows,
        inputs={name: np.concatenate([x, runs[name]]) for name, x in rows.inputs.items()},
        log_response=np.concatenate([rows.log_response, log_losses]),
        run=None if rows.run is None else np.concatenate([rows.run, codes]),
        weight=np.concatenate([rows.weight, np.ones(count)]),
        source=rows.source + count,
    )
