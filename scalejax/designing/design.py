"""`Design`: which runs to train next, as people hold it: text, frame and a check by simulation."""

from dataclasses import dataclass
from typing import Any

from scalejax.designing.record import DesignRecord
from scalejax.designing.simulation import Simulation, simulate
from scalejax.designing.summary import cost_sentence, summarise
from scalejax.files import plain
from scalejax.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Design(DesignRecord, Result):
    """Runs to train next; their numbers are those of `scalejax.designing.record.DesignRecord`."""

    def cost_sentence(self, width: float, cost: float) -> str:
        """A sentence on a width and what it costs, as `cost_for_width` gives it."""
        return cost_sentence(self, width, cost)

    def simulate(self, simulations: int = 400, seed: int = 0) -> Simulation:
        """Check the promise: draw losses, refit, and compare, see `scalejax.designing.simulation`.

        Args:
            simulations: Number of simulated tables; 100 or more for 95 % intervals, 500 for 99 %.
            seed: Seed of their noise.
        """
        return simulate(self, simulations, seed)

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
