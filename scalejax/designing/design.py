"""`Design`: which runs to train next, as people hold it: text, frame and a check by simulation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scalejax.designing.by_forecast import ForecastProblem
from scalejax.designing.forecast_simulation import SIMULATIONS as FORECASTS
from scalejax.designing.forecast_simulation import ForecastSimulation, simulate_forecasts
from scalejax.designing.record import DesignRecord
from scalejax.designing.simulation import SIMULATIONS, Simulation, check_simulations, simulate
from scalejax.designing.summary import cost_sentence, summarise
from scalejax.files import plain
from scalejax.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Design(DesignRecord, Result):
    """Runs to train next; their numbers are those of `scalejax.designing.record.DesignRecord`."""

    def cost_sentence(self, width: float, cost: float) -> str:
        """A sentence on a width and what it costs, as `cost_for_width` gives it."""
        return cost_sentence(self, width, cost)

    def simulate(
        self,
        simulations: int | None = None,
        seed: int = 0,
        progress: Callable[[int, int, int], None] | None = None,
    ) -> Simulation | ForecastSimulation:
        """Check the promise: draw losses, and fit or forecast anew.

        See `scalejax.designing.simulation`, and for a design by a forecast
        `scalejax.designing.forecast_simulation`, whose truths bend as the forecast believes.

        Args:
            simulations: Number of simulated tables. Refits of a law, 400 unless you say otherwise,
                should be 100 or more for 95 % intervals and 500 for 99 %; of forecasts, 48, ten
                will do.
            seed: Seed of truths and noise.
            progress: Called while forecasts are made, as ``progress(done, total, failed)``.

        Raises:
            UsageError: Too few simulations, or a forecast was asked for another number than the
                loss of a run.
        """
        if not isinstance(self.question, ForecastProblem):
            return simulate(self, SIMULATIONS if simulations is None else simulations, seed)
        count = FORECASTS if simulations is None else simulations
        check_simulations(count, self.level, by_forecast=True)
        return simulate_forecasts(self, int(count), seed, progress)

    def summary(self) -> str:
        """What to train and why, as text."""
        return summarise(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        described: dict[str, Any] = {
            "target": self.target,
            "criterion": self.question.setting.criterion,
            "budget": self.budget,
            "unit": self.unit,
            "noise": self.noise,
            "discrepancy": self.discrepancy,
            "level": self.level,
            "seed": self.seed,
            "runs_before": self.runs_before,
            "runs": self.runs.to_dict("records"),
            "width": self.width,
            "reach": self.reach,
            "width_range": self.width_range,
            "width_before": self.width_before,
            "efficiency": self.efficiency,
            "scores": self.scores.to_dict("records"),
            "notes": self.notes,
        }
        values: dict[str, Any] = plain(described)
        return values
