"""The page of a decision as plain data: the law, its draws, the question, the runs, the verdict."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D
from scalejax.costs import HARDWARE, Hardware
from scalejax.errors import UsageError
from scalejax.fitting import WIDE, Fit
from scalejax.pages.arithmetic import LIMITS, arithmetic
from scalejax.planning import (
    BITS,
    PRECISION_BITS,
    TRAINING_FLOP,
    D,
    N,
    Plan,
    Question,
    Source,
    args_of,
    judge,
)
from scalejax.vocabulary import argument
from scalejax.wording import printable

MOST_DRAWS = 1000
"""Draws of a page. Set by judgement: the ends of a 95 % interval rest on 25 of them each, and they
are a seventh of the 400 kB that a page may have."""

MOST_RUNS = 1500
"""Runs that pictures show; of more every so many. Set by judgement: more are one blot."""

_NAMES = {"C": "FLOP", "N": "parameters", "D": "tokens", "U": "unique tokens"}
_ANY = Hardware("none", dict.fromkeys(PRECISION_BITS, 1.0), 1.0, 1.0, None, "")
"""Stands for hardware that is not said: no number that rests on it is shown."""


@dataclass(frozen=True)
class Field:
    """A control of a page.

    Attributes:
        key: Its keyword in Python, and its name in the address.
        label: What it is, for people.
        value: Its value in the plan; None if it is open.
        low: The left end of its slider.
        high: The right end.
        limit: The measure that it limits.
        path: The number of the question that it is.
        more: Whether it stands among those that few need.
    """

    key: str
    label: str
    value: float | None
    low: float
    high: float
    limit: str = ""
    path: str = ""
    more: bool = False


def decision(plan: Plan) -> dict[str, Any]:
    """What the page of a plan holds, with its arithmetic as ``code``.

    Raises:
        UsageError: The question holds D, or decides nothing.
        LawError: The law cannot be written for a page.
    """
    question, source = plan.question, plan.source
    if "D" not in question.decided or plan.best is None:
        raise UsageError(
            f"a page finds the best D: leave out {argument('tokens')}, and ask the plan itself "
            "what a given N and D cost."
        )
    if source.law.name in ("chinchilla", "chinchilla_tied"):
        source = source.repeating()
    precision = next(iter(plan.by_format)) if question.precisions else None
    args = args_for_page(question, source, precision)
    bits = None if question.precisions else plan.best.answer.decision.get(BITS)
    written = arithmetic(source.law, args, bits)
    judgement = judge(plan, quick=True)
    parameters = {name: float(source.params[name]) for name in source.law.parameters}
    return {
        "kind": "decision",
        "code": written.code,
        "title": f"What to train: {plan.source.label}",
        "headline": plan.headline,
        "grade": judgement.grade if source.from_runs else "",
        "support": judgement.texts("for"),
        "against": judgement.texts("against"),
        "law": {"name": source.law.name, "about": source.law.about, "parameters": parameters},
        "added": sorted(source.added),
        "unit": plan.source.unit,
        "about": _about(plan),
        "level": plan.level,
        "wide": WIDE,
        **_draws(source),
        "paths": list(written.fields),
        "values": list(written.fields.values()),
        "fields": [vars(field) for field in _fields(plan, written.fields)],
        "limits": [one.name for one in LIMITS],
        "units": {one.name: one.unit for one in (*LIMITS, TRAINING_FLOP)},
        "size": question.params,
        "share": question.output_tokens / question.demand if question.demand else 215 / 285,
        "hardware": [_machine(one) for one in _machines(question)],
        "chosen": None if question.hardware is None else question.hardware.name,
        "apart": question.serving_hardware is not None,
        "formats": {name: PRECISION_BITS[name] for name in question.precisions},
        "format": precision or "bf16",
        "ranges": {"N": [N.low, N.high], "D": [D.low, D.high]},
        "runs": None if source.fit is None else runs(source.fit),
        "ends": {} if source.fit is None else _ends(source.fit),
        "notes": [_computed(source), *_beyond(question, plan)],
    }


def _about(plan: Plan) -> str:
    """Where the law comes from, and what its intervals rest on."""
    fit, method = plan.source.fit, plan.method
    origin = plan.source.label
    if fit is not None:
        origin = printable(f"{origin} to {fit.table.n_rows} rows of {fit.table.source}")
    compute = f"C = {plan.question.flop_per_token or SIX_N_D}"
    what = f"{100 * plan.level:g} % intervals from {method}" if method else "no intervals"
    return f"{origin[:1].upper()}{origin[1:]}; {compute}; {what}."


def runs(fit: Fit) -> dict[str, Any]:
    """The runs of a fit by name: inputs, loss, what the law says, compute of laws of N and D."""
    table = fit.table
    keep = np.arange(table.n_rows)
    if table.n_rows > MOST_RUNS:
        keep = np.unique(np.linspace(0, table.n_rows - 1, MOST_RUNS).astype(int))
    fitted = fit.curve(table.inputs, fit.params)
    columns = {**table.inputs, "loss": table.target, "law": fitted, "weight": table.weight}
    if {"N", "D"} <= set(table.inputs):
        columns["C"] = table.flop
    return {
        "total": table.n_rows,
        "names": [run_name(fit, int(k)) for k in keep],
        **{name: values[keep].tolist() for name, values in columns.items()},
    }


def run_name(fit: Fit, row: int) -> str:
    """What a row is called: its run if it has one, and where it stands in the source."""
    table = fit.table
    place = f"row {table.row[row]}"
    if table.subcluster is not None:
        return printable(f"{table.subcluster_labels[table.subcluster[row]]}, {place}")
    if table.cluster is not None:
        return printable(f"{table.cluster_labels[table.cluster[row]]}, {place}")
    return place


def column(values: Floats) -> float | str:
    """Numbers as base64 of their bytes, a number that never changes as itself."""
    array = np.asarray(values, "<f8")
    if len(array) and np.all(array == array[0]):
        return float(array[0])
    return base64.b64encode(array.tobytes()).decode("ascii")


def _draws(source: Source) -> dict[str, Any]:
    draws, method = source.draws()
    total = len(next(iter(draws.values()))) if draws else 0
    return {
        "count": min(total, MOST_DRAWS),
        "total": total,
        "method": method,
        "draws": [column(draws[name][:MOST_DRAWS]) for name in source.law.parameters if draws],
    }


def args_for_page(question: Question, source: Source, precision: str | None) -> dict[str, Any]:
    """The args of a plan's problem with all that a page may ask for besides.

    Args:
        question: The question.
        source: The law and its parameters.
        precision: The format of training, if the question names formats.
    """
    whole = vars(question) | {
        "hardware": question.hardware or _ANY,
        "gpus": question.gpus or 1.0,
        "usd_per_hour": question.rents[0] or 1.0,
        "serving_usd_per_hour": question.rents[1] or 1.0,
        "unique_tokens": question.unique_tokens or (np.inf if source.added else None),
    }
    args = args_of(Question(**whole), source.law, source.params, None, precision)
    args["compute"] = question.flop_per_token or SIX_N_D
    args["serving"] = {key: 1.0 if x is None else x for key, x in args["serving"].items()}
    return args


def _fields(plan: Plan, paths: Mapping[str, float]) -> list[Field]:
    q = plan.question
    spent = q.budget or q.as_good_as or _typical(plan)
    dollars = q.usd or 1e6
    made = [
        Field(
            "budget", "compute, FLOP", q.budget, spent / 1e4, spent * 1e4, "compute with serving"
        ),
        Field("usd", "dollars", q.usd, dollars / 1e4, dollars * 1e4, "dollars"),
        Field("served_tokens", "tokens served in its life", q.demand or None, 1e9, 1e16),
    ]
    if "fixed.U" in paths:
        made.append(
            Field("unique_tokens", "unique tokens", q.unique_tokens, 1e8, 1e15, path="fixed.U")
        )
    made += [
        Field("max_tokens", "most tokens, each seen once", q.max_tokens, 1e8, 1e15, "tokens"),
        Field("max_params", "most parameters", q.max_params, 1e7, 1e13, "parameters", more=True),
        Field("memory", "most bytes of weights", q.memory, 1e8, 1e13, "weights", more=True),
        Field("latency", "most seconds a token", q.latency, 1e-4, 1.0, "time per token", more=True),
        Field("days", "most days of training", q.days, 1.0, 1000.0, "days", more=True),
        Field("gpus", "accelerators", q.gpus, 1.0, 1e5, path="training.gpus", more=True),
        Field("usd_per_hour", "dollars an hour", q.usd_per_hour, 0.1, 20.0, more=True),
        Field(
            "mfu", "share of the peak in training", q.mfu, 0.05, 1.0, path="training.mfu", more=True
        ),
        Field("target_loss", "loss to reach", plan.question.target_loss, 0.1, 10.0),
        Field("as_good_as", "as good as the best of, FLOP", q.as_good_as, spent / 1e4, spent * 1e4),
    ]
    others = [path for path in paths if path == BITS or path.startswith("fixed.")]
    for path in others:
        name, value = path.removeprefix("fixed."), paths[path]
        if name != "U" and not (name == BITS and q.precisions):
            ends = (
                (1.0, 32.0) if name == BITS else (abs(value) / 100 or 1e-3, abs(value) * 100 or 10)
            )
            made.append(Field(name, _NAMES.get(name, name), value, *ends, path=path))
    return made


def _typical(plan: Plan) -> float:
    """The training compute of the plan."""
    return float(plan[TRAINING_FLOP.name]) if plan.found else 1e22


def _machines(question: Question) -> list[Hardware]:
    own = [question.hardware] if question.hardware is not None else []
    names = {one.name for one in own}
    return [*own, *(one for one in HARDWARE.values() if one.name not in names)]


def _machine(hardware: Hardware) -> dict[str, Any]:
    peaks = dict(hardware.peaks)
    if "bf16" not in peaks and "fp16" in peaks:
        peaks["bf16"] = peaks["fp16"]
    return {
        "name": hardware.name,
        "peaks": peaks,
        "bandwidth": hardware.bandwidth,
        "usd": hardware.usd_per_hour,
    }


def _ends(fit: Fit) -> dict[str, list[float]]:
    """Smallest and largest of each input that is positive, and of compute for laws of N and D."""
    table = fit.table
    columns = dict(table.inputs)
    if {"N", "D"} <= set(columns):
        columns["C"] = table.flop
    return {k: [float(v.min()), float(v.max())] for k, v in columns.items() if v.min() > 0}


def _computed(source: Source) -> str:
    return (
        "This page computes by itself, offline: its arithmetic is written from the operations of "
        f"{source.law.name} and of the costs, and it finds the best N at the D that the limits "
        "leave. It asks nothing of any server."
    )


def _beyond(question: Question, plan: Plan) -> list[str]:
    """What the page does not answer, in words."""
    said = [
        "Sensitivities to every price, published sets and named candidates are in scalejax plan."
    ]
    if plan.best is not None and BITS in plan.best.problem.names:
        said.append(
            "Bits are held where you set them; scalejax plan finds the best together with N and D."
        )
    if question.precisions:
        said.append("Formats are compared by choosing each; the plan says how often each is best.")
    return said
