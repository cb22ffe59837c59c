"""What `advise` found: one row for each recommendation, with what it is worth on these runs."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from scalejax.advice.repeats import Repeats
from scalejax.advice.worth import Expected

CHOSHEN = "Choshen et al., arXiv:2410.11840"


@dataclass(frozen=True)
class Recommendation:
    """One piece of advice.

    Attributes:
        name: Short name.
        advice: What to do with these runs, in a sentence.
        applies: Whether there is something to do.
        source: Who recommends it.
        compared: What was fitted without it and with it, in words; empty if nothing was compared.
        before: Median held-out error without it; NaN if it could not be computed.
        after: The same with it.
        ratio: Typical ratio after / before, over the held-out runs that both could be fitted for.
        lo: Lower end of its interval; NaN below three held-out runs.
        hi: Upper end.
        targets: Held-out runs from which this was computed.
        failed_before: Held-out runs for which no law could be fitted without it.
        failed_after: The same with it.
    """

    name: str
    advice: str
    applies: bool
    source: str
    compared: tuple[str, ...] = ()
    before: float = math.nan
    after: float = math.nan
    ratio: float = math.nan
    lo: float = math.nan
    hi: float = math.nan
    targets: int = 0
    failed_before: int = 0
    failed_after: int = 0

    @property
    def tested(self) -> bool:
        """Whether any held-out run was tried."""
        return self.targets + self.failed_before + self.failed_after > 0

    @property
    def verdict(self) -> str:
        """What the numbers say: helps, hurts, or cannot be told apart."""
        if not self.tested:
            return "not tested"
        without, with_it = math.isfinite(self.before), math.isfinite(self.after)
        if not (without or with_it):
            return "no law could be fitted"
        if without != with_it:
            return "fits only with it" if with_it else "fits only without it"
        if math.isnan(self.lo):
            return "too few to tell"
        if self.hi < 1:
            return "helps"
        return "hurts" if self.lo > 1 else "no clear difference"

    @property
    def harms(self) -> bool:
        """Whether the runs themselves speak against it."""
        return self.verdict in ("hurts", "fits only without it")


@dataclass(frozen=True, eq=False)
class Advice:
    """All recommendations for a table of runs.

    Attributes:
        recommendations: One for each published piece of advice.
        expected: Error of the extrapolation that was asked for; None if nothing was asked, or no
            held-out run could be predicted.
        distance: Decades of compute between the largest run and the target, if one was given; of
            several families, from that whose runs end first.
        targets: Runs that were held out.
        tested: Largest distance in decades at which the runs themselves could test a law.
        repeats: Repeated runs, if there are any.
        level: Probability of the intervals.
        planned: Whether the table has no losses, so that nothing could be tested.
    """

    recommendations: tuple[Recommendation, ...]
    expected: Expected | None
    distance: float | None
    targets: int
    tested: float
    repeats: Repeats | None
    level: float
    planned: bool = False

    @property
    def seed_difference(self) -> float | None:
        """What runs differ by that differ in nothing but the seed; None if that is not known."""
        if self.repeats is None or self.repeats.separated_by or self.planned:
            return None
        return self.repeats.difference

    def to_frame(self) -> pd.DataFrame:
        """One row for each recommendation."""
        rows = [{**vars(item), "verdict": item.verdict} for item in self.recommendations]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, with None for numbers that there are not."""
        frame = self.to_frame().astype(object)
        return {
            "recommendations": frame.where(frame.notna(), None).to_dict("records"),
            "expected": None if self.expected is None else _plain(self.expected),
            "distance": self.distance,
            "targets": self.targets,
            "tested": self.tested,
            "repeats": None if self.repeats is None else _plain(self.repeats),
            "seed_difference": self.seed_difference,
            "level": self.level,
            "planned": self.planned,
        }

    def summary(self) -> str:
        """What a person should read: what to do, what it is worth here, what error to expect."""
        from scalejax.advice.summary import summarise

        return summarise(self)


def _plain(record: Expected | Repeats) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in vars(record).items()
    }
