"""`Pooled`: families that share strength, with a summary in words."""

from dataclasses import dataclass

from scalejax.forecasting import At, Forecast
from scalejax.pooling.outlook import forecast
from scalejax.pooling.record import PooledRecord
from scalejax.pooling.summary import summarise
from scalejax.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Pooled(PooledRecord, Result):
    """Families that share strength; numbers as in `scalejax.pooling.record.PooledRecord`."""

    def forecast(self, at: At, level: float = 0.95, *, seed: int = 0) -> Forecast:
        """Forecast runs to come of every family, with the error of the law inside the interval.

        As `scalejax.forecast` with the pooled law inside, whose prior is the population with its
        uncertainty: a normal with the mean and covariance of a family never seen. So a family may
        have fewer runs than a forecast needs by itself. Each family counts in the population too,
        which of few families is the more narrow for it.

        Args:
            at: The runs to come, the same of all families, as for `scalejax.forecast`.
            level: Probability of the intervals.
            seed: Seed of the draws of the parameters.

        Returns:
            The forecast. It has no backtest, as the population has seen the largest runs.

        Raises:
            UsageError: An input is missing, or some parameters are separate, so that there is no
                population of them.
        """
        return forecast(self, at, level, seed)

    def summary(self, level: float = 0.95) -> str:
        """Status, population and families, as plain text."""
        return summarise(self, level)
