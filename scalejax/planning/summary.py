"""A plan in words: the decision first, what speaks for and against it, what binds, what else."""

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd

from scalejax.compute import SIX_N_D
from scalejax.fitting import Caveat, Judgement
from scalejax.laws import as_counted
from scalejax.planning.question import Question
from scalejax.planning.record import PlanRecord
from scalejax.planning.verdict import headline, judge
from scalejax.quantities import LOSS, amount
from scalejax.wording import aligned

_WIDTH = 88
_STRONGEST = 3
"""Sensitivities that the text shows."""
_NOTHING = 1e-9
"""Changes and regrets below this are rounding, and shown as none."""
_COMPUTE = {
    "per_parameter": "FLOP of a parameter and token",
    "per_token": "FLOP of a token beside N",
}
_DECIDED = {"parameters": "N", "tokens": "D"}
_FACTS = {"usd_per_hour": "hourly price", "peak": "peak rate", "gpus": "number of accelerators"}


def summarise(plan: PlanRecord, backtest: Caveat | None = None) -> str:
    """The plan as text.

    Args:
        plan: The plan.
        backtest: How well the law would have predicted the largest runs, if somebody tried.
    """
    return "\n".join(sections(plan, backtest))


def sections(
    plan: PlanRecord, backtest: Caveat | None = None, *, quick: bool = False
) -> Iterator[str]:
    """The lines of `summarise`, each part when it is known: the decision first.

    Args:
        plan: The plan.
        backtest: As for `summarise`.
        quick: Whether regret and published sets, which take longer than the decision, are left out.
    """
    yield textwrap.fill(headline(plan), _WIDTH)
    judgement = judge(plan, backtest, quick=quick)
    yield from _grade(plan, judgement)
    parts: list[Callable[[], list[str]]] = [lambda: [f"Law: {plan.source.label}", *_question(plan)]]
    if plan.found:
        parts += [lambda: _sides(judgement)]
        of_plan = [_numbers, _binding, _options, _candidates]
        of_plan += [_strongest] if quick else [_regret, _strongest, _published]
        parts += [partial(part, plan) for part in of_plan]
    for part in parts:
        if lines := part():
            yield "\n".join(["", *lines])


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def _question(plan: PlanRecord) -> list[str]:
    """The question in a line; empty if it says nothing."""
    q, parts = plan.question, []
    if q.as_good_as is not None:
        parts.append(f"as good as the best of {q.as_good_as:.4g} FLOP of training")
    if plan.target is not None:
        parts.append(f"loss at most {plan.target:.5g}")
    parts += [
        f"{label} at most {amount(value)}{unit}" for label, value, unit in _limits(q) if value
    ]
    if q.demand:
        parts.append(f"serving {amount(q.input_tokens)} tokens in, {amount(q.output_tokens)} out")
    values = {"N": q.params, "D": q.tokens, **q.inputs}
    parts += [f"{name} = {amount(value)}" for name, value in values.items() if value is not None]
    if q.hardware is not None:
        number = "" if q.gpus is None else f"{q.gpus:g} "
        parts.append(f"on {number}{q.hardware.name} at {100 * q.mfu:g} % of peak")
    if q.hardware is not None and (q.demand or q.latency is not None):
        parts.append(_serving(plan))
    lines = [_wrapped("Asked: " + "; ".join(parts), "")] if parts else []
    plain = q.compute is None and plan.source.compute == SIX_N_D
    return lines if plain else [*lines, _wrapped(f"Compute: {_compute(plan)}", "")]


def _serving(plan: PlanRecord) -> str:
    """What serves, at which rate and price."""
    q = plan.question
    precision = next(iter(plan.by_format), "None")
    trained = None if precision == "None" else precision
    place, price = q.serves, q.rents[1]
    rent = "" if price is None else f" at ${price:.2f} an hour"
    shares = " and ".join(f"{100 * share:g} %" for share in q.serving_mfu)
    if "bits" in plan.args["serving"]:
        how = f"{q.weight_bits(trained):g} bits at the peak of {q.serving_format(trained)}"
    else:
        how = "the bits of training"
    reach = f", of which reading and writing reach {shares}" if q.demand else ""
    return f"served on {'' if place is None else place.name}{rent} in {how}{reach}"


def _compute(plan: PlanRecord) -> str:
    """What a run is taken to cost, and who says so."""
    compute = plan.question.flop_per_token
    said = "by the column of compute of the runs" if compute == plan.source.compute else "as given"
    serving = "; serving 2 N a token" if plan.question.demand else ""
    which = "" if plan.source.sizes.active is as_counted else " with N active"
    return f"C = {compute}{which}, {said}{serving}"


def _limits(q: Question) -> list[tuple[str, float | None, str]]:
    spent = "training and serving" if q.demand else "training"
    return [
        (spent, q.budget, " FLOP"),
        ("cost", q.usd, " dollars"),
        ("training", q.days, " days"),
        ("data", q.max_tokens, " tokens"),
        ("unique data", q.unique_tokens, " tokens"),
        ("size", q.max_params, " parameters"),
        ("weights", q.memory, " bytes"),
        ("time per token", q.latency, " s"),
    ]


def _numbers(plan: PlanRecord) -> list[str]:
    frame = plan.numbers
    if "precision" in frame:
        return _by_precision(frame)
    columns = ["", "estimate"]
    intervals = "lo" in frame and bool(frame["lo"].notna().any())
    delta = "delta_lo" in frame
    columns += [f"{100 * plan.level:g} % interval"] if intervals else []
    columns += ["delta method"] if delta else []
    rows = []
    for row in frame.to_dict("records"):
        cells = [str(row["quantity"]), amount(row["estimate"])]
        cells += [_interval(row["lo"], row["hi"])] if intervals else []
        cells += [_interval(row["delta_lo"], row["delta_hi"])] if delta else []
        rows.append([*cells, str(row["unit"])])
    lines = aligned([*columns, ""], rows)
    if intervals:
        lines.append(f"Intervals: percentiles of {plan.method}, each with its own optimum.")
    elif plan.source.fit is None:
        lines.append("No intervals: a published set has no draws. Fit the runs to get them.")
    else:
        lines.append("No intervals: too many resamples failed, or the fit has no covariance.")
    return lines


def _by_precision(frame: pd.DataFrame) -> list[str]:
    """A column for each precision that was named, where nothing was left to decide."""
    wide = frame.pivot_table(
        index=["quantity", "unit"], columns="precision", values="estimate", sort=False
    )
    rows = [
        [str(quantity), *(amount(value) for value in values), str(unit)]
        for (quantity, unit), values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    return aligned(["", *map(str, wide.columns), ""], rows)


def _interval(low: float, high: float) -> str:
    return "-" if math.isnan(low) or math.isnan(high) else f"{amount(low)} to {amount(high)}"


def _binding(plan: PlanRecord) -> list[str]:
    if plan.answer is None:
        return []
    goal = plan.answer.problem.minimize
    lines = []
    for bound in plan.answer.bounds:
        limit = f"{amount(bound.limit)} {plan.source.own_unit(bound.unit)}".strip()
        if bound.binds:
            lines.append(
                f"  {bound.name} {bound.sense} {limit} binds: 1 % more of it changes {goal.name} "
                f"by {bound.elasticity:+.3g} %{_worth(bound, goal, plan.source.own_unit)}"
            )
        else:
            lines.append(f"  {bound.name} {bound.sense} {limit} has room ({amount(bound.value)})")
    ranges = {one.name: {"low": one.low, "high": one.high} for one in plan.answer.problem.variables}
    lines += [
        f"  {name} is at the {end} end of the solver's range, {amount(ranges[name][end])}"
        for name, end in plan.answer.at_end.items()
    ]
    return ["What holds it back:", *lines] if lines else []


def _worth(bound: Any, goal: Any, own_unit: Callable[[str], str]) -> str:
    """The shadow price where it is in dollars."""
    if bound.unit == "USD":
        return f"; one more million dollars buys {1e6 * bound.price:+.2g} {own_unit(goal.unit)}"
    if goal.unit == "USD" and bound.unit == LOSS.unit:
        loss = own_unit(bound.unit).partition("/")[0] or "of loss"
        return f"; 0.01 {loss} more would save {amount(-0.01 * bound.price)} dollars"
    return ""


def _options(plan: PlanRecord) -> list[str]:
    if not plan.options:
        return []
    goal = next(iter(plan.options.values())).problem.minimize
    rows = []
    for name, one in plan.options.items():
        decision = " ".join(f"{key}={amount(value)}" for key, value in one.decision.items())
        chance = plan.chances.get(name)
        remark = "" if chance is None else f"best in {100 * chance:.0f} % of draws"
        rows.append(
            [name, amount(one.goal) if one.found else "-", decision, remark or one.outcome.label]
        )
    lines = aligned(["", goal.name, "", ""], rows)
    return ["Precisions, best first:", *(f"  {line}" for line in lines), *_bits(plan)]


def _bits(plan: PlanRecord) -> list[str]:
    """What other published laws of bits say of the formats, where the bits are borrowed."""
    frame = plan.bits
    if len(frame) < 2:
        return []
    names = [name for name in plan.options if name in frame]
    losses = frame[names].to_numpy(float)
    rows = [[s, *(f"{x:.4f}" for x in row)] for s, row in zip(frame["set"], losses, strict=True)]
    table = aligned(["", *names], rows)
    return ["The loss of each under every published law of bits:", *(f"  {x}" for x in table)]


def _candidates(plan: PlanRecord) -> list[str]:
    frame = plan.candidates
    if frame.empty:
        return []
    goal = plan.answer.problem.minimize.name if plan.answer is not None else "goal"
    rows = []
    for row in frame.to_dict("records"):
        excess = row.get("excess", math.nan)
        over = "-" if math.isnan(excess) else f"{100 * excess:+.2f} %"
        low, high = row.get("excess_lo", math.nan), row.get("excess_hi", math.nan)
        if not (math.isnan(low) or math.isnan(high)):
            over += f" ({100 * low:+.2f} to {100 * high:+.2f})"
        loss, broken = row.get("loss", math.nan), _broken(plan, row)
        rows.append(
            [
                str(row["candidate"]),
                *("-" if math.isnan(x := row.get(name, math.nan)) else amount(x) for name in "ND"),
                "-" if math.isnan(loss) else f"{loss:.4f}",
                over,
                f"breaks: {broken}" if broken else "",
            ]
        )
    header = ["", "N", "D", "loss", f"{goal} above the plan's", ""]
    return ["Candidates:", *(f"  {line}" for line in aligned(header, rows))]


def _broken(plan: PlanRecord, row: Mapping[Any, Any]) -> str:
    """The limits that a candidate breaks, each with what it takes and how much that is too much."""
    broken = row.get("breaks") or ""
    for bound in () if plan.answer is None else plan.answer.bounds:
        value = row.get(_DECIDED.get(bound.name, bound.name), math.nan)
        if bound.name in broken.split(", ") and math.isfinite(value):
            unit = plan.source.own_unit(bound.unit)
            over = f"{amount(value)} {unit}, {amount(value - bound.limit)} too much"
            broken = broken.replace(bound.name, f"{bound.name} ({over})")
    return broken


def _regret(plan: PlanRecord) -> list[str]:
    if plan.regret is None or plan.answer is None:
        return []
    goal, regret = plan.answer.problem.minimize.name, plan.regret
    if regret.worst_decile[0] < _NOTHING:
        return []
    own = (
        f"{100 * regret.mean[0]:.3g} % more {goal} on average, {100 * regret.worst_decile[0]:.3g} %"
    )
    if not math.isfinite(regret.mean[0]):
        failing = float((~pd.Series(regret.regret[0]).map(math.isfinite)).mean())
        own = f"no way to meet the limits in {100 * failing:.2g} % of the draws"
        own += f", and in the others {_finite_mean(regret.regret[0])} more {goal} on average"
    else:
        own += " in the worst tenth"
    safest = amount(regret.choice("worst_decile")["N"])
    return [
        _wrapped(
            f"Regret of this N if a draw is the truth and the rest adapts: {own}. The N that is "
            f"safest in the worst tenth is {safest}.",
            "",
        )
    ]


def _finite_mean(values: Any) -> str:
    kept = [value for value in values if math.isfinite(value)]
    return f"{100 * sum(kept) / max(len(kept), 1):.3g} %"


def _strongest(plan: PlanRecord) -> list[str]:
    frame = plan.sensitivities
    if frame.empty or plan.answer is None:
        return []
    goal = plan.answer.problem.minimize.name
    watched = [name for name in ("N", "D", "bits", goal) if name in frame]
    size = frame[watched].abs().max(axis=1)
    rows = frame.loc[size.sort_values(ascending=False).index].head(_STRONGEST)
    lines = ["What moves it most (change for 1 % more):"]
    for row in rows.to_dict("records"):
        moves = ", ".join(f"{name} {_per_cent(row[name])}" for name in watched)
        lines.append(f"  {_named(str(row['input']))}: {moves}")
    return lines


def _per_cent(value: float) -> str:
    return "-" if abs(value) < _NOTHING else f"{value:+.3g} %"


def _named(path: str) -> str:
    """One of the args, by its path, as people call it."""
    group, _, name = path.partition(".")
    words = {"limits": f"{name} allowed", "demand": f"{name} tokens served"}
    places = {"training": "of training", "serving": "of serving"}
    if group == "compute":
        return _COMPUTE.get(name, name)
    if group in places:
        return f"{_FACTS.get(name, name)} {places[group]}"
    return words.get(group, name)


def _published(plan: PlanRecord) -> list[str]:
    frame = plan.published
    if len(frame) < 2:
        return []
    names = [name for name in ("N", "D", "D/N") if name in frame]
    rows = [
        [str(row["set"]), *(amount(row[name]) for name in names), amount(row["goal"]), row["law"]]
        for row in frame.to_dict("records")
    ]
    goal = plan.answer.problem.minimize.name if plan.answer is not None else "goal"
    table = aligned(["", *names, goal, ""], rows)
    return ["The same question under each published set:", *(f"  {line}" for line in table)]


def _grade(plan: PlanRecord, judgement: Judgement) -> list[str]:
    """How far to trust a plan from runs."""
    if plan.source.fit is None or not plan.found:
        return []
    return [textwrap.fill(judgement.sentence, _WIDTH)]


def _sides(judgement: Judgement) -> list[str]:
    """What speaks for the plan and against it."""
    lines: list[str] = []
    for title, side in (("For:", judgement.support), ("Against:", judgement.against)):
        if side:
            lines += [title, *(_wrapped(f"- {one.text}") for one in side)]
    return lines
