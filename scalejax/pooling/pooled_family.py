"""`PooledFamily`: one family under a fitted population, with draws of its law.

It may be a family that was pooled, one without runs, or a new one with a few.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax.laws import Law
from scalejax.points import points
from scalejax.resampling import check_level, percentile_interval
from scalejax.scope import own_settings


@dataclass(frozen=True, eq=False)
class PooledFamily:
    """The law of one family.

    Attributes:
        name: Name of the family.
        law: The law.
        params: Parameters at the posterior mode; for a family without runs those of the
            population's mean.
        draws: Draws of all parameters, (S,) each.
        noise: Draws of the noise scale of the log loss, (S,).
        rows: Number of its own runs.
        dof: Degrees of freedom of Student's t noise; None for Gaussian noise.
        seed: Seed of the draws.
    """

    name: str
    law: Law
    params: dict[str, float]
    draws: dict[str, Floats]
    noise: Floats
    rows: int
    dof: float | None
    seed: int

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Intervals of the parameters: estimate, stderr (of the draws), lo, hi, level."""
        check_level(level)
        ends = {name: percentile_interval(x, level) for name, x in self.draws.items()}
        return pd.DataFrame(
            {
                "estimate": self.params,
                "stderr": {name: float(np.std(x)) for name, x in self.draws.items()},
                "lo": {name: float(low) for name, (low, _) in ends.items()},
                "hi": {name: float(high) for name, (_, high) in ends.items()},
                "level": level,
            },
            index=list(self.params),
        ).rename_axis("parameter")

    def curves(self, inputs: Mapping[str, ArrayLike]) -> Floats:
        """The law at points (k,) under every draw, (S, k)."""
        points = points_of(self.law, inputs)
        with own_settings():
            parameters = {name: x[:, None] for name, x in self.draws.items()}
            return np.asarray(self.law(*points.values(), **parameters), np.float64)

    def predict(self, inputs: Mapping[str, ArrayLike], level: float = 0.95) -> pd.DataFrame:
        """Predict the loss of runs of this family.

        Args:
            inputs: The law's inputs by name, in raw units; scalars broadcast.
            level: Probability of the intervals.

        Returns:
            The inputs, loss, ``lo`` and ``hi`` for a new run (curve and noise), ``curve_lo`` and
            ``curve_hi`` for the curve alone, and level. The intervals hold if the law does.

        Raises:
            UsageError: An input is missing.
        """
        check_level(level)
        points = points_of(self.law, inputs)
        curves = self.curves(inputs)
        random = np.random.default_rng([self.seed, 1])
        shock = (
            random.standard_normal(curves.shape)
            if self.dof is None
            else random.standard_t(self.dof, curves.shape)
        )
        low, high = percentile_interval(curves * np.exp(self.noise[:, None] * shock), level)
        curve_low, curve_high = percentile_interval(curves, level)
        with own_settings():
            loss = np.asarray(self.law(*points.values(), **self.params), np.float64)
        ends = {"lo": low, "hi": high, "curve_lo": curve_low, "curve_hi": curve_high}
        return pd.DataFrame({**points, "loss": loss, **ends, "level": level})


def points_of(law: Law, inputs: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """The inputs of a law, (k,) each, in its order.

    Raises:
        UsageError: One is missing, or no number of its kind.
    """
    return points("inputs", inputs, law.inputs)
