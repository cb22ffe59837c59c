"""`Advice`: recommendations with what each is worth on these runs, as text and as a frame."""

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from scalejax.advice.evidence import FEWEST_SIZES
from scalejax.advice.repeats import Repeats
from scalejax.advice.worth import ExpectedError
from scalejax.files import plain
from scalejax.result import Result
from scalejax.studies import RANKS, SEED_FLOOR
from scalejax.wording import WIDTH, aligned, how_far, is_untested

CHOSHEN = "Choshen et al., arXiv:2410.11840"


@dataclass(frozen=True)
class Recommendation:
    """One piece of advice.

    Attributes:
        name: Short name.
        advice: What to do with these runs, in a sentence.
        applies: Whether there is something to do.
        source: Who recommends it.
        compared: Names of the choices of runs without it and with it; empty if not tested.
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


@dataclass(frozen=True, eq=False, repr=False)
class Advice(Result):
    """All recommendations for a table of runs.

    Attributes:
        recommendations: One for each published piece of advice.
        expected: Error to expect at the target; None without a target, or if no held-out run
            could be predicted.
        distance: Decades of compute between the largest run and the target, if there is one; of
            several families, from that whose runs end first.
        targets: Runs that were held out.
        tested: Decades of compute to the farthest held-out run that a law could be tested on.
        repeats: Repeated runs, if there are any.
        level: Probability of the intervals.
        planned: Whether the table has no losses, so that nothing could be tested.
    """

    recommendations: tuple[Recommendation, ...]
    expected: ExpectedError | None
    distance: float | None
    targets: int
    tested: float
    repeats: Repeats | None
    level: float
    planned: bool = False

    @property
    def seed_difference(self) -> float | None:
        """Relative difference of runs that differ in the seed only; None if it is not known."""
        if self.repeats is None or self.repeats.separated_by or self.planned:
            return None
        return self.repeats.difference

    def to_frame(self) -> pd.DataFrame:
        """One row for each recommendation."""
        rows = [{**vars(item), "verdict": item.verdict} for item in self.recommendations]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, with None for numbers that there are not."""
        described: dict[str, Any] = {
            "recommendations": self.to_frame().to_dict("records"),
            "expected": None if self.expected is None else vars(self.expected),
            "distance": self.distance,
            "targets": self.targets,
            "tested": self.tested,
            "repeats": None if self.repeats is None else vars(self.repeats),
            "seed_difference": self.seed_difference,
            "level": self.level,
            "planned": self.planned,
        }
        values: dict[str, Any] = plain(described)
        return values

    @property
    def headline(self) -> str:
        """What to do, what speaks against it, and the error over the distance that was tested."""
        due = [item.name for item in self.recommendations if item.applies]
        harmful = [item.name for item in self.recommendations if item.harms]
        words = f"to do: {', '.join(due) or 'nothing'}"
        words += f"; not to do: {', '.join(harmful)}" if harmful else ""
        if self.expected is None or self.distance is None:
            return words
        far = how_far(self.tested, self.distance)
        return f"{words}; an error of {self.expected.error:.2%}, {far}"

    def summary(self) -> str:
        """What a person should read: what to do, what it is worth here, what error to expect."""
        return _summary(self)


def _summary(advice: Advice) -> str:
    """What a person should read, as plain text of at most 100 columns."""
    lines = ["No losses: this is advice on a plan.", ""] * advice.planned
    harmful = [item for item in advice.recommendations if item.harms]
    due = [item for item in advice.recommendations if item.applies]
    rest = [item for item in advice.recommendations if not (item.applies or item.harms)]
    for title, items in (
        ("To do", due),
        ("Not to do: held-out runs of yours speak against it", harmful),
        ("In order, or not to be had", rest),
    ):
        if items:
            lines += [f"{title}:", *map(_line, items), ""]
    lines += _table(advice)
    lines += [textwrap.fill(line, WIDTH) for line in _expectation(advice)]
    return "\n".join(lines)


def _line(item: Recommendation) -> str:
    words = f"{item.name}: {item.advice}{_worth(item)} [{item.source}]"
    return textwrap.fill(words, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _worth(item: Recommendation) -> str:
    """What it is worth, in a few words; empty if not tested."""
    if not item.tested:
        return ""
    without, with_it = item.compared
    errors = f"error {_percent(item.before)} ({without}), {_percent(item.after)} ({with_it})"
    return f"; here: {errors}, {item.verdict}"


def _table(advice: Advice) -> list[str]:
    tested = [item for item in advice.recommendations if item.tested]
    if not tested:
        return []
    rows = [
        [
            item.name,
            _percent(item.before),
            _percent(item.after),
            "-" if math.isnan(item.ratio) else f"{item.ratio:.2f}",
            "-" if math.isnan(item.lo) else f"{item.lo:.2f} to {item.hi:.2f}",
            str(item.targets),
            f"{item.failed_before}, {item.failed_after}",
            item.verdict,
        ]
        for item in tested
    ]
    head = [
        *("", "error without", "with", "ratio", f"{advice.level:.0%} interval", "targets"),
        *("no fit", "verdict"),
    ]
    what = (
        f"Tested on these runs: median error on {_count(advice.targets)}, predicted from smaller "
        "sizes. No fit: how many of them no law could be fitted for, without it and with it."
    )
    return [textwrap.fill(what, WIDTH), *aligned(head, rows), ""]


def _count(runs: int) -> str:
    return f"{runs} held-out run{'s' * (runs != 1)}"


def _percent(error: float) -> str:
    return "-" if math.isnan(error) else f"{error:.2%}"


def _expectation(advice: Advice) -> Iterator[str]:
    measured = advice.seed_difference
    published = f"in the families of {CHOSHEN}, seeds alone make an error of about {SEED_FLOOR:.0%}"
    if measured is None:
        yield f"What seeds do was not measured in these runs; {published}."
    else:
        yield f"Repeated runs of yours differ by {measured:.2%}; {published}."
    if advice.distance is None:
        return
    yield f"The target is {advice.distance:.1f} decades of compute beyond the runs."
    expected = advice.expected
    if expected is None:
        yield f"What error to expect is not known: {_why_unknown(advice)}."
        return
    # Adding zero makes -0.0 and 0.0 the same.
    beyond = is_untested(advice.tested, advice.distance)
    ends = [f"{round(end, 1) + 0.0:.1f}" for end in (expected.nearest, expected.farthest)]
    where = f"{' to '.join(dict.fromkeys(ends))} decades of compute beyond what was fitted"
    if math.isnan(expected.lo):
        rests = f"{_count(expected.runs)}, {where}: too few for an interval"
    else:
        half = f"half of them lie between {expected.lo:.2%} and {expected.hi:.2%}"
        rests = f"median of {_count(expected.runs)}, {where}; {half}"
    promise = "The error was" if beyond else "Expect an error of"
    yield f"{promise} {expected.error:.2%} ({rests})."
    if beyond:
        far = how_far(advice.tested, advice.distance)
        yield f"It was {far}: farther out it is a lower bound, and no error is promised."
    if expected.error > RANKS:
        yield f"Above {RANKS:.0%} a law ranks no choices ({CHOSHEN}): train something larger."
    if (
        measured is not None
        and (expected.error if math.isnan(expected.hi) else expected.hi) < measured
    ):
        yield (
            "The law errs less than repeated runs differ: one run of the target may miss it by "
            "more."
        )


def _why_unknown(advice: Advice) -> str:
    if advice.planned:
        return "a plan has no losses"
    if not advice.targets:
        return (
            f"no family has the {FEWEST_SIZES} sizes that it takes to hold one out and predict it "
            "from the others"
        )
    return f"a law could be fitted to the smaller sizes for none of {_count(advice.targets)}"
