"""A design checked by simulation: losses are drawn, everything is refitted, errors are compared.

The estimate is taken for the truth. Losses of the runs so far and of the new ones are the law's,
with Gaussian noise of the size that the design assumes (a part of it common to the rows of a run,
where they come in clusters), and are fitted by least squares with weights to match, all simulations
as one batch. So the check is of what the design neglects: that the law is curved and tables are
small. It cannot tell whether the law or its noise are right.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from scalejax._arrays import Floats, Ints
from scalejax.amounts import fits
from scalejax.designing.best_runs import Knowledge, Setting
from scalejax.designing.information import run_sd
from scalejax.designing.past_runs import fitting_weight
from scalejax.designing.problem import DesignProblem
from scalejax.designing.record import DesignRecord
from scalejax.engine import Engine, HostTable, make_box
from scalejax.errors import UsageError
from scalejax.objectives import least_squares
from scalejax.scope import own_settings
from scalejax.status import MINIMA

_FEWEST_OUTSIDE = 5
"""Simulations beyond the ends of the interval, both together, on which its width has to rest."""

_FEWEST_FORECASTS = 10
"""Simulated forecasts below which a share that held says nothing. Set by judgement."""

SIMULATIONS = 400
"""Simulated refits unless asked otherwise."""

_RESAMPLES = 1000
"""Resamples for a 95 % interval of the ratio, of which 25 lie beyond each end."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """A design's promised standard error against that of simulated refits.

    Attributes:
        predicted: Standard error that the design promises.
        spread: Half the width of the interval between quantiles of the simulated estimates, in
            normal standard deviations; infinite values of the target count as far out.
        ratio: spread / predicted.
        ratio_range: 95 % interval of the ratio, from resampled simulations.
        values: The target in each simulation, (n,); its logarithm if it is relative.
        solved: Share of simulations whose fit is a minimum with a finite target.
        seed: Seed of the noise.
    """

    predicted: float
    spread: float
    ratio: float
    ratio_range: tuple[float, float]
    values: Floats
    solved: float
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """What was found, as plain values."""
        return {
            "simulations": len(self.values),
            "predicted": self.predicted,
            "spread": self.spread,
            "ratio": self.ratio,
            "ratio_range": list(self.ratio_range),
        }

    def __str__(self) -> str:
        low, high = self.ratio_range
        return (
            f"spread in {len(self.values)} simulations (seed {self.seed}): {self.spread:.4g}, "
            f"predicted {self.predicted:.4g}, ratio {self.ratio:.3f} ({low:.3f} to {high:.3f}); "
            f"{100 * self.solved:.1f} % of the fits have the target."
        )


def simulate(design: DesignRecord, simulations: int, seed: int) -> Simulation:
    """Refit simulated losses of all runs, see `scalejax.designing.design.Design.simulate`.

    Raises:
        UsageError: Too few simulations.
    """
    check_simulations(simulations, design.level)
    question = design.question
    assert isinstance(question, DesignProblem)
    setting, knowledge = question.setting, question.knowledge
    used = np.asarray(design.solution.used)
    new = {name: np.asarray(design.solution.runs[name])[used] for name in knowledge.past.runs}
    values, minimum = refit_targets(setting, knowledge, new, simulations, seed)
    spread = quantile_spread(values, design.level)
    generator = np.random.default_rng(seed)
    again = generator.choice(values, (_RESAMPLES, len(values)))
    ratios = np.apply_along_axis(quantile_spread, 1, again, design.level) / design.stderr
    low, high = np.quantile(ratios, [0.025, 0.975])
    return Simulation(
        predicted=design.stderr,
        spread=spread,
        ratio=spread / design.stderr,
        ratio_range=(float(low), float(high)),
        values=values,
        solved=float(np.mean(minimum & np.isfinite(values))),
        seed=seed,
    )


def check_simulations(simulations: int, level: float, by_forecast: bool = False) -> None:
    """Refuse so few simulations that the ends of the interval rest on fewer than three each.

    Args:
        simulations: Their number.
        level: Probability of the interval.
        by_forecast: Whether each simulation has an interval of its own, so that few will do.

    Raises:
        UsageError: Too few, or no whole number.
    """
    fewest = math.ceil(round(_FEWEST_OUTSIDE / (1 - level), 6))
    why = f" for {100 * level:g} % intervals", "of their ends"
    if by_forecast:
        fewest, why = _FEWEST_FORECASTS, ("", "of how often intervals hold")
    if not (fits(simulations) and float(simulations).is_integer() and simulations >= fewest):
        raise UsageError(
            f"simulations must be a whole number of {fewest} or more{why[0]}, not "
            f"{simulations!r}: fewer say nothing {why[1]}."
        )


def refit_targets(
    setting: Setting, knowledge: Knowledge, new: dict[str, Floats], simulations: int, seed: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """The target (n,) of refits of simulated losses, and which of them are minima.

    Args:
        setting: The law.
        knowledge: The truth, and the runs so far.
        new: Inputs and ``log_compute`` of the new runs, (k,) each.
        simulations: Their number, n.
        seed: Seed of the noise.
    """
    past, model = knowledge.past, setting.model
    kept = np.asarray(past.weight) > 0
    weight = np.asarray(past.weight)[kept]
    old = {name: np.asarray(values)[kept] for name, values in past.runs.items()}
    runs = {name: np.concatenate([old[name], new[name]]) for name in old}
    with own_settings():
        inputs = tuple(runs[name] for name in model.law.inputs)
        truth = np.asarray(
            model.residual(jnp.asarray(knowledge.u[0]), inputs, 0.0, knowledge.fixed)
        )
        old_sd = np.asarray(run_sd(past.noise, old["log_compute"]))
        new_sd = np.asarray(run_sd(knowledge.noise, new["log_compute"]))
    generator, share = np.random.default_rng(seed), float(past.correlation)
    noise = generator.standard_normal((simulations, len(truth)))
    noise[:, len(weight) :] *= new_sd
    noise[:, : len(weight)] *= old_sd * np.sqrt((1 - share) / weight)
    if share > 0:
        codes = np.unique(np.asarray(past.cluster)[kept], return_inverse=True)[1]
        common = generator.standard_normal((simulations, codes.max() + 1))
        noise[:, : len(weight)] += old_sd * np.sqrt(share) * common[:, codes]
    counted = old_sd / np.sqrt(fitting_weight(past)[kept])
    u, status = refits(setting, knowledge, runs, truth + noise, np.concatenate([counted, new_sd]))
    return targets_at(setting, knowledge, u), np.isin(status, MINIMA)


def refits(
    setting: Setting, knowledge: Knowledge, runs: dict[str, Floats], targets: Floats, sd: Floats
) -> tuple[Floats, Ints]:
    """Coordinates (B, p) and status (B,) of weighted least-squares fits.

    Args:
        setting: The law.
        knowledge: Parameters to start from.
        runs: Inputs, (n,) each.
        targets: Log losses, or losses, of each simulation, (B, n).
        sd: Standard deviation of each residual, (n,); rows are weighted by its inverse square.
    """
    model = setting.model
    inputs = tuple(runs[name] for name in model.law.inputs)
    loss = np.exp(targets[0]) if model.kernel.log else targets[0]
    table = HostTable(inputs, loss, np.mean(sd**-2.0) ** -1 / sd**2, np.arange(len(sd)))
    objective = least_squares(on="log" if model.kernel.log else "loss")
    engine = Engine(model, objective, [table], make_box(model, {}), fixed=knowledge.fixed)
    zeros = np.zeros(len(targets), np.int64)
    hint = np.repeat(np.asarray(knowledge.u[:1], np.float64), len(targets), axis=0)
    ends = engine.refit(zeros, zeros, target=targets, hint=hint)
    return ends.u, ends.status


def targets_at(setting: Setting, knowledge: Knowledge, u: Floats) -> Floats:
    """The target (B,) at coordinates (B, p); its logarithm if it is relative."""
    with own_settings():
        return np.asarray(_targets(setting, knowledge.fixed, jnp.asarray(u)), np.float64)


@partial(jax.jit, static_argnums=0)
def _targets(setting: Setting, fixed: Any, u: jax.Array) -> jax.Array:
    model = setting.model
    return jax.vmap(lambda u: setting.target(model.law, model.parameters(u, fixed)))(u)


def quantile_spread(values: Floats, level: float) -> float:
    """Half the width between quantiles of values (n,), in normal standard deviations."""
    far = np.where(np.isfinite(values), values, np.inf)
    low, high = np.quantile(far, [(1 - level) / 2, (1 + level) / 2], method="nearest")
    return float(high - low) / (2 * float(ndtri((1 + level) / 2)))
