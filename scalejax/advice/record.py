"""What `advise` found: one row for each recommendation, with what it is worth on these runs."""

import textwrap
from dataclasses import dataclass

import pandas as pd

from scalejax.fitting.summary import WIDTH, aligned
from scalejax.studies.results import RANKS

CHOSHEN = "Choshen et al., arXiv:2410.11840"


@dataclass(frozen=True)
class Recommendation:
    """One piece of advice.

    Attributes:
        name: Short name.
        advice: What to do with these runs, in a sentence.
        applies: Whether there is something to do.
        source: Who recommends it.
        before: Median held-out error without it; NaN if it could not be computed.
        after: The same with it.
        lo: Lower end of the interval of the ratio after / before.
        hi: Upper end.
        targets: Held-out runs from which this was computed.
        failed: Held-out runs for which the law could not be fitted, with it or without it.
    """

    name: str
    advice: str
    applies: bool
    source: str
    before: float = float("nan")
    after: float = float("nan")
    lo: float = float("nan")
    hi: float = float("nan")
    targets: int = 0
    failed: int = 0

    @property
    def verdict(self) -> str:
        """What the numbers say: helps, hurts, or cannot be told apart."""
        if self.targets == 0:
            return "no law could be fitted" if self.failed else "not tested"
        if self.hi < 1:
            return "helps"
        return "hurts" if self.lo > 1 else "no clear difference"


@dataclass(frozen=True, eq=False)
class Advice:
    """All recommendations for a table of runs.

    Attributes:
        recommendations: One for each published piece of advice.
        expected: Expected relative error of the extrapolation that was asked for, with the interval
            that half of the held-out runs lay in; None if nothing was asked or tested.
        distance: Decades of compute between the largest run and the target, if one was given.
        tested: Largest distance in decades at which the runs themselves could test a law.
        floor: Error that seeds alone make: measured on repeated runs, else the published 4 %.
        floor_measured: Whether it was measured here.
        level: Probability of the intervals.
        seed: Seed of the resampling of held-out runs.
        planned: Whether the table has no losses, so that nothing could be tested.
    """

    recommendations: tuple[Recommendation, ...]
    expected: tuple[float, float, float] | None
    distance: float | None
    tested: float
    floor: float
    floor_measured: bool
    level: float
    seed: int
    planned: bool = False

    def to_frame(self) -> pd.DataFrame:
        """One row for each recommendation."""
        rows = [{**vars(item), "verdict": item.verdict} for item in self.recommendations]
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """What a person should read: what to do, what it is worth here, what error to expect."""
        lines = ["No column of losses was found: this is advice on a plan.", ""] * self.planned
        for title, wanted in (("To do", True), ("In order, or not to be had", False)):
            chosen = [item for item in self.recommendations if item.applies is wanted]
            if chosen:
                lines += [f"{title}:", *(_line(item) for item in chosen), ""]
        tested = [item for item in self.recommendations if item.targets + item.failed]
        if tested:
            rows = [
                [
                    item.name,
                    f"{item.before:.2%}" if item.targets else "-",
                    f"{item.after:.2%}" if item.targets else "-",
                    f"{item.lo:.2f} to {item.hi:.2f}" if item.targets > 2 else "-",
                    str(item.targets),
                    str(item.failed),
                    item.verdict,
                ]
                for item in tested
            ]
            head = ["", "error without", "with", "ratio", "targets", "no fit", "verdict"]
            lines += [
                "Tested on these runs: median error on the largest of all runs up to a size, when "
                "it was held out.",
                *aligned(head, rows),
                "",
            ]
        return "\n".join([*lines, *self._expectation()])

    def _expectation(self) -> list[str]:
        how = "measured on repeated runs" if self.floor_measured else f"the usual, {CHOSHEN}"
        lines = [f"Seeds alone make an error of about {self.floor:.1%} ({how})."]
        if self.distance is None:
            return lines
        lines.append(f"The target is {self.distance:.1f} decades of compute beyond the runs.")
        if self.expected is None:
            lines.append("There are too few sizes to test an extrapolation on these runs.")
            return lines
        middle, low, high = self.expected
        lines.append(
            f"Expect an error of {middle:.1%} (half of the held-out runs: {low:.1%} to {high:.1%})."
        )
        if self.distance > self.tested:
            lines.append(
                f"That was tested over {self.tested:.1f} decades at most: farther out it is a "
                "lower bound."
            )
        if middle > RANKS:
            lines.append(f"Above {RANKS:.0%} a law ranks no choices: train something larger.")
        if high < self.floor:
            lines.append(
                "The law errs less than seeds differ: one run of the target may miss it by more."
            )
        return lines


def _line(item: Recommendation) -> str:
    words = f"{item.name}: {item.advice} [{item.source}]"
    return textwrap.fill(words, WIDTH, initial_indent="  ", subsequent_indent="    ")
