"""The verdict on a plan: the decision in a sentence, what speaks for it and what against it.

The decision is a range where the runs determine no number: a plan says what is known and not its
best guess alone.
"""

import math
from collections.abc import Iterator

import numpy as np

from scalejax.fitting import (
    Caveat,
    Judgement,
    about_point,
    failed_share,
    for_and_against,
    is_wide,
    judged,
    narrowing,
)
from scalejax.planning.measures import ACTIVE, TOTAL
from scalejax.planning.record import PlanRecord
from scalejax.quantities import amount, short_number

_FAR_SET = 2.0
"""Factor by which the N of a published set lies outside the interval before it is said: other data
and another way to count N move it by less. Set by judgement."""

_NAMED_SETS = 3
"""Published sets that are named; of more the number is said."""

_WORDS = {"N": "parameters", "D": "tokens", "D/N": "tokens per parameter"}

_DECIDED = ("N", "D")
"""Numbers that a headline names. Their ratio is twice as wide on a logarithmic scale where compute
is given: where it alone is wide, both stand with their intervals."""


def headline(plan: PlanRecord) -> str:
    """The decision in one sentence; a range where the runs do not determine it."""
    if not plan.found:
        advice = plan.answer.advice if plan.answer is not None else ""
        return f"No plan. {plan.outcome.sentence} {advice}".strip()
    if plan.answer is None:
        return "N and D are given; this is what they cost."
    wide = _wide(plan)
    if wide:
        return _range(plan, wide)
    said = f"{', '.join(_decision(plan))}: {_loss(plan)}"
    if reason := _no_interval(plan):
        return f"Train perhaps {said}: a best guess without an interval, because {reason}."
    return f"Train {said}."


def judge(plan: PlanRecord, backtest: Caveat | None = None, *, quick: bool = False) -> Judgement:
    """What speaks for a plan and what against it, from the rules of its fit and of its own.

    Args:
        plan: The plan.
        backtest: How well the law would have predicted the largest runs, if somebody tried: it
            stands first on its side.
        quick: Whether published sets are left out, each of which is another optimum.
    """
    backtest = backtest or plan.source.backtest
    own = [*([backtest] if backtest else []), *_about_interval(plan)]
    fit = plan.source.fit
    of_fit = for_and_against(fit) if fit is not None else Judgement((), ())
    if of_fit.support:
        clauses = ", ".join(one.short for one in of_fit.support if one.short)
        own.append(Caveat("fit", f"Its fit: {clauses}.", "for"))
    own += [*of_fit.against, *_about_point(plan)]
    own += [] if quick else _about_published(plan)
    own += [Caveat("plan", text, "note") for text in plan.warnings]
    return judged(own, of_fit.strength)


def _loss(plan: PlanRecord) -> str:
    return f"loss {plan['loss']:.4f} {plan.source.unit}".rstrip()


def _decision(plan: PlanRecord) -> list[str]:
    parts = [_size(plan), f"{amount(plan['D'])} {_WORDS['D']}"]
    if is_wide(*_ends(plan, "D/N")) and not _wide(plan):
        ends = [" to ".join(map(amount, _ends(plan, name))) for name in _DECIDED]
        parts = [f"{part} ({end})" for part, end in zip(parts, ends, strict=True)]
    if "bits" in set(plan.numbers["quantity"]):
        parts.append(f"{plan['bits']:.3g} bits")
    if plan.options:
        parts.append(f"in {next(iter(plan.options))}")
    return parts


def _size(plan: PlanRecord) -> str:
    """N in words, with the active parameters or all where it is not both."""
    sizes = {name: plan[name] for name in (ACTIVE, TOTAL) if name in set(plan.numbers["quantity"])}
    which = ACTIVE if sizes.get(ACTIVE) == plan["N"] else _WORDS["N"]
    words = {ACTIVE: "active", TOTAL: "in all"}
    others = [f"{amount(size)} {words[name]}" for name, size in sizes.items() if size != plan["N"]]
    return f"{amount(plan['N'])} {which}" + (f" ({', '.join(others)})" if others else "")


def _ends(plan: PlanRecord, quantity: str) -> tuple[float, float]:
    """The interval of a number; NaN without one."""
    frame = plan.numbers
    if plan.answer is None or "lo" not in frame or quantity not in set(frame["quantity"]):
        return math.nan, math.nan
    row = frame[frame["quantity"] == quantity].iloc[0]
    return float(row["lo"]), float(row["hi"])


def _wide(plan: PlanRecord) -> str:
    """The first of N and D that the runs do not determine; empty if they do."""
    return next((name for name in _DECIDED if is_wide(*_ends(plan, name))), "")


def _range(plan: PlanRecord, wide: str) -> str:
    low, high = map(amount, _ends(plan, wide))
    sizes = f"{amount(plan['N'])} parameters on " if wide == "D" else ""
    guess = ", ".join(_decision(plan)[wide == "D" :])
    fit = plan.source.fit
    means = "larger runs; scalejax design finds them" if fit is None else narrowing(fit)
    how = f" What would narrow it: {means}." if plan.source.from_runs else ""
    return (
        f"Train {sizes}{low} to {high} {_WORDS[wide]}: the runs do not say more (best guess "
        f"{guess}: {_loss(plan)}).{how}"
    )


def _no_interval(plan: PlanRecord) -> str:
    """Why a plan from runs has no interval; empty if it has one, or is not from runs."""
    fit = plan.source.fit
    if fit is None or plan.answer is None or any(map(math.isfinite, _ends(plan, "N"))):
        return ""
    if failed_share(fit) > 0:
        failed = int(np.sum(~fit.draws.usable))
        return f"{failed} of {len(fit.draws)} resamples failed"
    if not fit.is_minimum:
        return "the fit is no certified minimum"
    return "the runs do not determine the parameters"


def _about_interval(plan: PlanRecord) -> Iterator[Caveat]:
    if not plan.found or plan.answer is None or not plan.source.from_runs:
        return
    if reason := _no_interval(plan):
        yield Caveat("interval", f"There is no interval: {reason}.", "fault", reason)
        return
    ends = {name: _ends(plan, name) for name in _WORDS}
    wide = [name for name, pair in ends.items() if is_wide(*pair)]
    low, high = ends["N"]
    if wide:
        spans = [_span(name, *ends[name]) for name in wide]
        # The range of a size is the headline already.
        short = "" if _wide(plan) else f"the runs leave {spans[0]}"
        yield Caveat("interval", f"The runs leave {', '.join(spans)}.", "care", short)
    if "N" not in wide and 0 < low < high:
        text = f"The runs hold N within a factor of {high / low:.2g} ({_span('N', low, high)})."
        yield Caveat("interval", text, "for")


def _span(name: str, low: float, high: float) -> str:
    return f"{short_number(low)} to {short_number(high)} {_WORDS[name]}"


def _about_point(plan: PlanRecord) -> Iterator[Caveat]:
    fit = plan.source.fit
    if fit is None or not plan.found or not {"N", "D"} <= set(plan.numbers["quantity"]):
        return
    values = plan.numbers.drop_duplicates("quantity").set_index("quantity")["estimate"]
    yield from about_point(fit, float(values["N"]), float(values["D"]))


def _about_published(plan: PlanRecord) -> Iterator[Caveat]:
    """Published sets whose N lies outside the interval by more than a factor."""
    frame, (low, high) = plan.published, _ends(plan, "N")
    if frame.empty or "N" not in frame or math.isnan(low):
        return
    sizes = frame[np.isfinite(frame["N"])]
    far = sizes[(sizes["N"] < low / _FAR_SET) | (sizes["N"] > high * _FAR_SET)]
    if far.empty and is_wide(low, high):
        return  # Agreement with an interval that excludes nothing is none.
    if far.empty:
        text = f"The N of all {len(sizes)} published sets is within twice the interval's ends."
        yield Caveat("published sets", text, "for")
        return
    rows = far.head(_NAMED_SETS).to_dict("records")
    named = ", ".join(f"{row['set']} ({amount(row['N'])})" for row in rows)
    more = f" and {len(far) - len(rows)} more" if len(far) > len(rows) else ""
    yield Caveat(
        "published sets",
        f"{len(far)} of {len(sizes)} published sets have an N more than {_FAR_SET:g} times outside "
        f"the interval: {named}{more}.",
        "note",
    )
