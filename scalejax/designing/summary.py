"""A design as text: what to train, what it promises, and what the usual grids would give."""

import textwrap
from typing import Any

import numpy as np

from scalejax.designing.by_forecast import DIRECTIONS, ForecastProblem
from scalejax.designing.problem import CandidateList
from scalejax.designing.question import DesignQuestion
from scalejax.designing.record import DesignRecord
from scalejax.designing.region import compute_range, grid_size
from scalejax.quantities import short_number
from scalejax.scope import own_settings
from scalejax.wording import WIDTH, aligned, is_untested

_CRITERIA = {
    "c": "the variance of the target, and a little the volume of the parameters",
    "D": "the determinant of the parameters' covariance (D)",
    "A": "the sum of squared relative errors of the parameters (A)",
}


def summarise(design: DesignRecord) -> str:
    """What to train and why, as plain text."""
    setting = design.question.setting
    count = int(design.runs["count"].sum())
    low, high = design.width_range
    promise = f"{design.target} to {width(design, design.width)} ({100 * design.level:g} %)"
    promise += _condition(design)
    if not np.isfinite(design.width):
        promise = (
            f"{design.target}. How well they will is not known: all runs are no more than the "
            f"{len(setting.model.free)} parameters, so that none are left to tell the noise by"
        )
    prose = [
        f"Train these {count} runs for {money(design.cost, design.unit)} to know {promise}.",
        f"Runs so far: {_before(design)}. Law: {design.source.label}.",
        f"Chosen to minimise {_aim(design)}; at least "
        f"{100 * min(design.efficiency, 1):.3g} % as good as any {setting.slots} runs for "
        f"the money out of the {_places(design.question.place)}.",
        f"Noise of a run {_noise(design)}"
        + (f", discrepancy {100 * design.discrepancy:g} % a decade" if design.discrepancy else "")
        + (
            f"; over the draws the width is {width(design, low)} to {width(design, high)}"
            * (len(design.solution.error) > 1 and bool(np.isfinite(low)))
        )
        + f"; seed {design.seed}.",
        *design.notes,
    ]
    first, *rest = (textwrap.fill(line, WIDTH) for line in prose)
    lines = [first, "", *_runs(design), "", *rest]
    if len(design.scores) > 1:
        lines += ["", "For the same money:", *_scores(design)]
    return "\n".join(lines)


def _condition(design: DesignRecord) -> str:
    """What a width is subject to: the law, where these runs do not test it."""
    if design.reach is None or not is_untested(*design.reach):
        return ""
    tested, far = design.reach
    return (
        f", if the law holds that far: all runs together test it over {tested:.1f} decades, and "
        f"the target is {far:.1f} beyond the largest"
    )


def _aim(design: DesignRecord) -> str:
    """What the runs minimise, and what it is averaged over."""
    question = design.question
    if isinstance(question, ForecastProblem):
        many = f"{question.draws} draws" if question.draws > 1 else "one draw"
        return f"the variance of the forecast, its logarithm over {many} of its hyper-parameters"
    draws = len(design.solution.error) - 1
    over = f", mean over the estimate and {draws} draws" if draws else " at the estimate"
    return _CRITERIA[question.setting.criterion] + over


def _noise(design: DesignRecord) -> str:
    log = design.question.setting.model.kernel.log
    return f"{100 * design.noise:.2g} %" if log else f"{design.noise:.2g}"


def _before(design: DesignRecord) -> str:
    if not design.runs_before:
        return "none"
    rows = design.question.rows_before
    counted = f" ({rows} rows)" if rows > design.runs_before else ""
    now = width(design, design.width_before)
    knowledge = now if now == "unknown" else f"known to {now}"
    return f"{design.runs_before}{counted}, which leave it {knowledge}"


def _places(place: Any) -> str:
    if isinstance(place, CandidateList):
        return f"{len(place.cost)} candidates"
    return f"{grid_size()} places of a grid"


def plan_of(question: DesignQuestion) -> dict[str, Any]:
    """What `design` would do for a question, by name, as plain values; nothing is compiled."""
    setting, place, posterior = question.setting, question.place, question.posterior
    fit = question.origin.fit
    aim, slopes = _CRITERIA[setting.criterion], len(setting.model.free)
    points, rows = 1 + question.draws, 0 if fit is None else fit.table.n_rows
    if posterior is not None:
        aim, slopes = "the variance of the forecast", DIRECTIONS + 1
        points, rows = max(question.draws, 1), posterior.rows.source
    if isinstance(place, CandidateList):
        number, ends = len(place.cost), (float(place.cost.min()), float(place.cost.max()))
    else:
        with own_settings():
            logs = compute_range(place, np.log(question.money / question.rate))
        number, ends = (
            grid_size(),
            (question.rate * np.exp(logs[0]), question.rate * np.exp(logs[1])),
        )
    noise = (
        f"{question.noise:g}"
        if question.noise is not None
        else "the forecast's"
        if posterior is not None
        else "a guess"
        if fit is None
        else "the fit's"
    )
    return {
        "law": question.origin.label,
        "runs so far": len(question.ends),
        "rows so far": rows,
        "target": setting.target.label,
        "money": money(question.money, question.unit),
        "most runs": setting.slots,
        "criterion": aim,
        "candidates": number,
        "one costs": " to ".join(money(float(end), question.unit) for end in ends),
        "noise": noise,
        "arrays": f"{points} points x {number} candidates x {slopes} slopes",
    }


def _runs(design: DesignRecord) -> list[str]:
    inputs = list(setting_inputs(design))
    ratio = {"N", "D"} <= set(inputs)
    rows = []
    for _, run in design.runs.iterrows():
        cells = [short_number(float(run[name])) for name in inputs]
        cells += [f"{run['D'] / run['N']:.3g}"] if ratio else []
        cost = money(float(run["cost"]) / float(run["count"]), design.unit)
        rows.append([f"{int(run['count'])} x", *cells, cost, f"{100 * run['share']:.1f} %"])
    header = ["runs", *inputs, *(["D/N"] if ratio else []), "cost of one", "share"]
    return aligned(header, rows)


def setting_inputs(design: DesignRecord) -> tuple[str, ...]:
    """Inputs of the law."""
    return design.question.setting.model.law.inputs


def _scores(design: DesignRecord) -> list[str]:
    rows = [
        [
            str(row["design"]),
            str(row["runs"]),
            width(design, float(row["width"])),
            _times(float(row["variance_ratio"])),
            _times(float(row["money_ratio"])),
        ]
        for _, row in design.scores.iterrows()
    ]
    return aligned(["design", "runs", "width", "variance", "money for the same width"], rows)


def width(design: DesignRecord, value: float) -> str:
    """A width as text."""
    if not np.isfinite(value) or (design.relative and value > 1e3):
        return "unknown"
    return f"+{100 * value:.3g} %" if design.relative else f"+-{value:.3g}"


def cost_sentence(design: DesignRecord, target_width: float, cost: float) -> str:
    """A sentence on a width and what it costs."""
    aim = f"{design.target} to {width(design, target_width)}"
    most = design.question.setting.slots
    if cost == 0:
        return f"The runs so far give {aim}."
    if not np.isfinite(cost):
        return f"No money gives {aim} with {most} runs: allow more of them."
    far = ", if the law holds that far" * bool(_condition(design))
    return f"To know {aim}{far}, spend {money(cost, design.unit)} on {most} runs."


def money(value: float, unit: str) -> str:
    """An amount of money as text."""
    whole = unit == "USD" or (unit != "FLOP" and 100 <= value < 1e7)
    return f"{value:,.0f} {unit}" if whole else f"{value:.3g} {unit}"


def _times(value: float) -> str:
    if not np.isfinite(value):
        return "more than 10000 x" if np.isinf(value) else "-"
    return f"{value:.3g} x"
