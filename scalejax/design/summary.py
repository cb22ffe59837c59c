"""A design in words: what to train, what it promises, and what the usual grids would give."""

import textwrap

import numpy as np

from scalejax.design.record import Design
from scalejax.fitting.summary import WIDTH, aligned
from scalejax.quantities import short_number

_CRITERIA = {
    "c": "the variance of the target, and a little the volume of the parameters",
    "D": "the determinant of the parameters' covariance (D)",
    "A": "the sum of squared relative errors of the parameters (A)",
}


def summarise(design: Design) -> str:
    """What to train and why, as plain text."""
    setting = design.question.setting
    count = int(design.runs["count"].sum())
    draws = len(design.found.error) - 1
    low, high = design.width_range
    prose = [
        f"Train these {count} runs for {money(design.cost, design.unit)} to know {design.target} "
        f"to {width(design, design.width)} ({100 * design.level:g} %).",
        f"Runs so far: {design.runs_before}, which leave it "
        f"{_known(design)}. Law: {design.source.label}.",
        f"Chosen to minimise {_CRITERIA[setting.criterion]}"
        + (f", mean over the estimate and {draws} draws" if draws else " at the estimate")
        + f"; at least {100 * min(design.efficiency, 1):.3g} % as good as any design of "
        f"{setting.slots} runs for the money.",
        f"Noise of a run {_noise(design)}"
        + (f", discrepancy {100 * design.discrepancy:g} % a decade" if design.discrepancy else "")
        + (
            f"; over the draws the width is {width(design, low)} to {width(design, high)}"
            * (draws > 0)
        )
        + f"; seed {design.seed}.",
        *design.notes,
    ]
    first, *rest = (textwrap.fill(line, WIDTH) for line in prose)
    lines = [first, "", *_runs(design), "", *rest]
    if len(design.scores) > 1:
        lines += ["", "For the same money:", *_scores(design)]
    return "\n".join(lines)


def _noise(design: Design) -> str:
    log = design.question.setting.model.kernel.log
    return f"{100 * design.noise:.2g} %" if log else f"{design.noise:.2g}"


def _known(design: Design) -> str:
    now = width(design, design.width_before)
    return now if now == "unknown" else f"known to {now}"


def _runs(design: Design) -> list[str]:
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


def setting_inputs(design: Design) -> tuple[str, ...]:
    """Inputs of the law."""
    return design.question.setting.model.law.inputs


def _scores(design: Design) -> list[str]:
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


def width(design: Design, value: float) -> str:
    """A width for people."""
    if not np.isfinite(value) or (design.relative and value > 1e3):
        return "unknown"
    return f"+{100 * value:.3g} %" if design.relative else f"+-{value:.3g}"


def cost_sentence(design: Design, wanted: float, cost: float) -> str:
    """What a width costs."""
    aim = f"{design.target} to {width(design, wanted)}"
    most = design.question.setting.slots
    if cost == 0:
        return f"The runs so far give {aim}."
    if not np.isfinite(cost):
        return (
            f"No money gives {aim} with {design.question.setting.slots} runs: allow more of them."
        )
    return f"To know {aim}, spend {money(cost, design.unit)} on {most} runs."


def money(value: float, unit: str) -> str:
    """An amount for people."""
    return f"{value:,.0f} USD" if unit == "USD" else f"{value:.3g} {unit}"


def _times(value: float) -> str:
    if not np.isfinite(value):
        return "more than 10000 x" if np.isinf(value) else "-"
    return f"{value:.3g} x"
