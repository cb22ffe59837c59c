"""The reporting checklist of (Mis)Fitting (Li, Kudugunta and Zettlemoyer 2025, arXiv:2502.18969).

`QUESTIONS` has its four parts: the hypothesis, how the models were trained, how the data were
collected, how the law was fitted; in our words, and with a few questions of our own (units, scale
of the loss, points set aside). A question with a function is answered by the fit; the others only
you can answer.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scalejax.compute import SIX_N_D
from scalejax.engine import DRAW_TOLERANCE, POINT_TOLERANCE
from scalejax.fitting.intervals import default_kind, method_name
from scalejax.fitting.record import FitRecord
from scalejax.quantities import QUANTITIES

CHECKLIST = "arXiv:2502.18969"
"""The reporting checklist of (Mis)Fitting, which `QUESTIONS` follow."""

# Row numbers that a reason lists; fit.json has them all.
_SHOWN_ROWS = 20

Answer = str | list[str] | None


def _form(fit: FitRecord) -> Answer:
    return fit.law.about or repr(fit.law)


def _variables(fit: FitRecord) -> Answer:
    columns = fit.table.columns
    lines = []
    for name in (*fit.table.inputs, "loss"):
        quantity = QUANTITIES.get(name)
        unit = quantity.unit if quantity else ""
        if name == "loss":
            quantity, unit = fit.law.response, fit.table.unit
        what = f"{name}: {quantity.meaning}{f', in {unit}' * bool(unit)}" if quantity else name
        column = columns.get(name)
        lines.append(f"{what}; column {column!r}" if column else f"{what}; derived")
    return lines


def _parameters(fit: FitRecord) -> Answer:
    fixed, tied = fit.settings["fixed"], fit.settings["tied"]

    def role(name: str) -> str:
        if name in fixed:
            return f"fixed at {float(fixed[name])!r}"
        return f"tied to {tied[name]}" if name in tied else "fitted"

    units = {name: fit.table.own_unit(one.unit) for name, one in fit.law.parameters.items()}
    return [
        f"{name}: {role(name)}" + (f", in {unit}" if unit else "") for name, unit in units.items()
    ]


def _assumptions(fit: FitRecord) -> Answer:
    return list(fit.table.notes) or "none beyond the form"


def _sizes(fit: FitRecord) -> Answer:
    return [
        f"{name}: {len(np.unique(values))} distinct values from {np.min(values):g} to "
        f"{np.max(values):g}"
        for name, values in fit.table.inputs.items()
    ]


def _compute_count(fit: FitRecord) -> Answer:
    if fit.table.compute not in (None, SIX_N_D):
        return f"C = {fit.table.compute}"
    derived = [name for name in ("N", "D", "C") if name in fit.table.inputs]
    derived = [name for name in derived if name not in fit.table.columns]
    return f"{' and '.join(derived)} derived from C = 6 N D" if derived else None


def _loss_scale(fit: FitRecord) -> Answer:
    if fit.objective.kernel.log:
        return "residuals are differences of the logarithm of the loss"
    return "residuals are differences of the loss itself"


def _values(_: FitRecord) -> Answer:
    return "in rows.parquet, beside the manifest"


def _objective(fit: FitRecord) -> Answer:
    weighted = len(np.unique(fit.table.weight)) > 1
    text = f"{fit.objective}, summed over the rows"
    text += ", each with its weight (rows.parquet)" if weighted else ""
    text += ", plus a penalty of the caller's own" if fit.settings["penalty"] else ""
    return f"{text}; at the optimum {fit.objective_value:.6g}"


def _algorithm(fit: FitRecord) -> Answer:
    return f"{fit.settings['solver']}, in {fit.versions.get('dtype', 'float64')}"


def _tolerances(fit: FitRecord) -> Answer:
    text = f"at most {fit.settings['max_steps']} steps from each start"
    if fit.settings["solver"] != "damped_newton":
        return text
    return (
        f"{text}; relative Newton decrement {POINT_TOLERANCE:g} for the estimate and "
        f"{DRAW_TOLERANCE:g} for resamples"
    )


def _starts(fit: FitRecord) -> Answer:
    projected = ", ".join(fit.law.linear)
    how = f", with {projected} projected out" if projected else ""
    return (
        f"{fit.starts} starts: the best of each cell of a fixed set of candidates over the "
        f"plausible ranges{how}; nothing random"
    )


def _optimum(fit: FitRecord) -> Answer:
    return [
        f"the lowest objective of all starts; {fit.agreeing} of {fit.starts} agree on it",
        f"{fit.status.label.replace('_', ' ')}. {fit.sentence}",
        f"largest scaled gradient {fit.gradient:.3g}, condition {fit.condition:.3g}",
    ]


def _points(fit: FitRecord) -> Answer:
    text = f"{fit.table.n_rows} rows from {fit.table.source}"
    if fit.table.cluster is None:
        return f"{text}, taken as independent"
    return f"{text}, in {len(fit.table.cluster_labels)} clusters"


def _set_aside(fit: FitRecord) -> Answer:
    rows = defaultdict(list)
    for item in fit.table.set_aside:
        rows[item.reason].append(item.row)
    lines = []
    for reason, numbers in rows.items():
        text = ", ".join(map(str, numbers[:_SHOWN_ROWS]))
        more = " and others, see fit.json" if len(numbers) > _SHOWN_ROWS else ""
        lines.append(f"{len(numbers)} set aside, {reason}: rows {text}{more}")
    return lines or "all rows were used"


def _subsets(fit: FitRecord) -> Answer:
    by = fit.settings["table_options"].get("by")
    if by is None:
        return "all rows in one fit"
    columns = repr(by) if isinstance(by, str) else " and ".join(map(repr, by))
    return f"one fit for each {columns}; this one is {', '.join(fit.table.group_labels)}"


def _constraints(fit: FitRecord) -> Answer:
    lines = [
        f"{name} between {low:g} and {high:g}"
        for name, (low, high) in fit.settings["bounds"].items()
    ]
    lines += [
        f"prior on {name}: {kind}({', '.join(f'{number:g}' for number in numbers)})"
        for name, (kind, *numbers) in fit.settings["priors"].items()
    ]
    lines += [f"on its bound: {name}" for name in fit.on_bound]
    return lines or "the law's own bounds, which were not reached"


def _uncertainty(fit: FitRecord) -> Answer:
    method = f"intervals: {method_name(fit, default_kind(fit))}"
    if not len(fit.draws):
        return f"{method}; no resamples"
    usable = int(np.sum(fit.draws.usable))
    return (
        f"{method}; resampling {fit.draws.method}, {len(fit.draws)} resamples, {usable} of them "
        f"used, seed {fit.settings['seed']}"
    )


def _quality(fit: FitRecord) -> Answer:
    with np.errstate(all="ignore"):
        size = np.abs(fit.residuals)
        rms, median = float(np.sqrt(np.mean(size**2))), float(np.median(size))
    if not math.isfinite(rms):
        return "not finite"
    return f"residuals: root mean square {rms:.4g}, median size {median:.4g}"


def _software(fit: FitRecord) -> Answer:
    return f"scalejax {fit.versions.get('scalejax', 'unknown')}, with the settings in fit.json"


class CheckItem(NamedTuple):
    """One line of the checklist.

    Attributes:
        text: The question.
        answer: Gives the answer of a fit; None for what only you know.
    """

    text: str
    answer: Callable[[FitRecord], Answer] | None = None


QUESTIONS: dict[str, dict[str, CheckItem]] = {
    "hypothesis": {
        "form": CheckItem("What is the form of the law?", _form),
        "variables": CheckItem("Which variables does it take, in which units?", _variables),
        "parameters": CheckItem("Which parameters are fitted, fixed or tied?", _parameters),
        "assumptions": CheckItem("What is assumed about the variables?", _assumptions),
        "motivation": CheckItem("From which principle or earlier work does the form come?"),
        "purpose": CheckItem("What is the law for: predicting losses, the best D/N, a comparison?"),
    },
    "training": {
        "models": CheckItem("How many models were trained, counting those that are not used here?"),
        "sizes": CheckItem("Over which sizes and amounts of data?", _sizes),
        "architecture": CheckItem("Which architecture, and how do its dimensions grow with size?"),
        "parameter_count": CheckItem("How is N counted: with or without embeddings, which layers?"),
        "training_data": CheckItem("On which data were the models trained?"),
        "repeated_data": CheckItem("Was any data seen more than once by a model?"),
        "token_count": CheckItem("How is D counted: which tokenizer, in tokens or examples?"),
        "compute_count": CheckItem("How is C counted, attention included or not?", _compute_count),
        "counting_code": CheckItem("Where is the code that counts N, D and C?"),
        "optimizer": CheckItem("Which optimizer, with which settings?"),
        "learning_rate": CheckItem("Which learning rate and schedule, and does it change with N?"),
        "batch_size": CheckItem("Which batch size, and does it change with size?"),
        "tuning": CheckItem("How were these settings chosen, and which others change with size?"),
        "training_code": CheckItem("Where is the code that trained the models?"),
    },
    "collection": {
        "metric": CheckItem("What is the loss, measured on which data?"),
        "checkpoints": CheckItem("Which checkpoints of a run are used: the last, or several?"),
        "modified": CheckItem("Were values smoothed, interpolated, averaged or shifted?"),
        "modifying_code": CheckItem("Where is the code that did so?"),
        "loss_scale": CheckItem("On which scale is the loss fitted?", _loss_scale),
        "values": CheckItem("Where are the values that were fitted?", _values),
        "checkpoints_released": CheckItem("Where are the checkpoints of the models?"),
    },
    "fit": {
        "objective": CheckItem("What is minimised?", _objective),
        "algorithm": CheckItem("By which algorithm?", _algorithm),
        "tolerances": CheckItem("With which settings of the algorithm?", _tolerances),
        "starts": CheckItem("From where does it start?", _starts),
        "optimum": CheckItem("How was the optimum chosen, and is it one?", _optimum),
        "points": CheckItem("How many data points are fitted?", _points),
        "set_aside": CheckItem("Which points were left out, and why?", _set_aside),
        "subsets": CheckItem("Are parts of the data fitted by laws of their own?", _subsets),
        "constraints": CheckItem("Which bounds and priors hold the parameters?", _constraints),
        "uncertainty": CheckItem(
            "How uncertain are the parameters, by which method?", _uncertainty
        ),
        "quality": CheckItem("How well does the law fit?", _quality),
        "validation": CheckItem("Was the law checked on runs that were not fitted?"),
        "software": CheckItem("Where is the code of the fit?", _software),
    },
}
"""The questions by part and name, with the functions that answer what a fit can answer."""
