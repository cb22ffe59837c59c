"""`Pooled`: families that share strength, with a summary in words."""

from dataclasses import dataclass

from scalejax.pooling.record import PooledRecord
from scalejax.pooling.summary import summarise
from scalejax.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Pooled(PooledRecord, Result):
    """Families that share strength; numbers as in `scalejax.pooling.record.PooledRecord`."""

    def summary(self, level: float = 0.95) -> str:
        """Status, population and families, as plain text."""
        return summarise(self, level)
