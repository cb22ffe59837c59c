"""`summarise`: an `Advice` in words: what to do, what it is worth here, what error to expect."""

import math
import textwrap
from collections.abc import Iterator

from scalejax.advice.evidence import FEWEST_SIZES
from scalejax.advice.record import CHOSHEN, Advice, Recommendation
from scalejax.studies import RANKS, SEED_FLOOR
from scalejax.wording import WIDTH, aligned


def summarise(advice: Advice) -> str:
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
    """What it is worth, in a few words."""
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
    found = advice.expected
    if found is None:
        yield f"What error to expect is not known: {_why_unknown(advice)}."
        return
    # Adding zero makes -0.0 and 0.0 the same.
    ends = [f"{round(end, 1) + 0.0:.1f}" for end in (found.nearest, found.farthest)]
    where = f"{' to '.join(dict.fromkeys(ends))} decades of compute beyond what was fitted"
    if math.isnan(found.lo):
        few = _count(found.runs)
        yield f"Expect an error of {found.error:.2%} ({few}, {where}: too few for an interval)."
    else:
        half = f"half of them lie between {found.lo:.2%} and {found.hi:.2%}"
        yield (
            f"Expect an error of {found.error:.2%} (median of {_count(found.runs)}, {where}; "
            f"{half})."
        )
    if advice.distance > advice.tested:
        yield (
            f"That was tested over {advice.tested:.1f} decades at most: farther out it is a lower "
            "bound."
        )
    if found.error > RANKS:
        yield f"Above {RANKS:.0%} a law ranks no choices ({CHOSHEN}): train something larger."
    if measured is not None and (found.error if math.isnan(found.hi) else found.hi) < measured:
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
