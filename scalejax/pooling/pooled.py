"""`Pooled`: families that share strength, with a summary in words."""

from dataclasses import dataclass

from scalejax.pooling.record import PooledRecord
from scalejax.pooling.summary import summarise


@dataclass(frozen=True, eq=False)
class Pooled(PooledRecord):
    """Families that share strength; numbers as in `scalejax.pooling.record.PooledRecord`."""

    def summary(self, level: float = 0.95) -> str:
        """Status, population and families, as plain text."""
        return summarise(self, level)

    def __str__(self) -> str:
        return self.summary()
