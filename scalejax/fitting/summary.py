"""`summarise`: what a person should read about a fit, as plain text of at most 100 columns.

The verdict comes first, then what could mislead (rows set aside, assumptions, identifiability,
starts, bounds), then the numbers. Estimates carry enough digits to be typed into other code.
"""

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from scalejax.fitting.drawing import GIVEN
from scalejax.fitting.intervals import default_kind, method_name
from scalejax.fitting.result import Fit
from scalejax.quantities import short_number
from scalejax.status import CONDITION_LIMIT, WEAK_CONDITION, Status

WIDTH = 100
_LABEL = 12
_ALIKE = 2.0
_FEWEST_DRAWS = 20
_ROUNDING = 1e-11


def summarise(fit: Fit, level: float = 0.95) -> str:
    """Describe a fit.

    Args:
        fit: The fit.
        level: Probability of the intervals.

    Returns:
        Several lines of plain text.
    """
    blocks = [
        [_line(label, text) for label, text in items]
        for items in (_verdict(fit), _data(fit), _quality(fit))
    ]
    blocks.append(_table(fit, level))
    blocks.append([_line(label, text) for label, text in _provenance(fit, level)])
    return "\n\n".join("\n".join(block) for block in blocks)


def retypable(value: float) -> str:
    """Seven significant digits: enough to type an estimate into other code.

    The rounding moves ln L by less than 1e-6, and the best D/N far beyond the data by less than
    0.01 %.
    """
    return _digits(value, 7)


def _digits(value: float, count: int) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:#.{count}g}".removesuffix(".")


def _verdict(fit: Fit) -> Iterator[tuple[str, str]]:
    yield "law", f"{fit.law.name}: {fit.law.about}" if fit.law.about else fit.law.name
    label, sentence = fit.status.label, fit.status.sentence
    yield "verdict", sentence if sentence.lower().startswith(label) else f"{label}: {sentence}"
    failed = _failed_draws(fit)
    if failed:
        yield "", f"{sum(failed.values())} of {len(fit.draws)} resamples failed: {_counts(failed)}."


def _data(fit: Fit) -> Iterator[tuple[str, str]]:
    table = fit.table
    aside = Counter(item.reason for item in table.set_aside)
    yield "rows", f"{table.n_rows} used, {len(table.set_aside)} set aside, from {table.source}"
    for reason, count in aside.items():
        yield "", f"{count} set aside: {reason}"
    for name, values in table.inputs.items():
        column = table.columns.get(name, name)
        origin = f"  (column {column!r})" if column != name else ""
        low, high = float(np.min(values)), float(np.max(values))
        yield f"range {name}", f"{short_number(low)} .. {short_number(high)}{origin}"
    low, high = float(np.min(table.target)), float(np.max(table.target))
    yield "range loss", f"{low:.4g} .. {high:.4g}"
    if table.cluster is not None:
        yield "clusters", str(len(table.cluster_labels))
    for note in table.notes:
        yield "assumed", note
    for problem in table.warnings:
        yield "warning", str(problem)


def _quality(fit: Fit) -> Iterator[tuple[str, str]]:
    yield "condition", f"{fit.condition:.3g} of the scaled Jacobian: {_condition_word(fit)}"
    yield "starts", f"{fit.agreeing} of {fit.starts} agree on the lowest objective"
    yield "on a bound", ", ".join(fit.on_bound) or "no parameter"
    yield "objective", f"{fit.objective} = {fit.objective_value:.6g}{_inliers(fit)}"
    if _is_perfect(fit):
        yield "", "every row is fitted to rounding: these losses look computed, not measured"
    if fit.noise_scale is not None:
        where = "log loss" if fit.objective.kernel.log else "loss"
        yield "noise scale", f"{fit.noise_scale:.4g} of the {where}, fitted"


def _provenance(fit: Fit, level: float) -> Iterator[tuple[str, str]]:
    kind = default_kind(fit)
    text = f"{100 * level:g} % {method_name(fit, kind)}"
    if len(fit.draws):
        used = int(np.sum(fit.draws.usable))
        text += f"; resampling: {_resampling(fit)}; {len(fit.draws)} asked, {used} used; "
        text += f"seed {fit.settings.get('seed', 0)}{_beside(fit, kind)}"
    elif fit.table.cluster is None:
        text += "; no bootstrap was asked for, and rows are taken as independent"
    yield "intervals", text
    versions = dict(fit.versions)
    device = versions.pop("device", "an unknown device").replace("cpu (cpu)", "cpu")
    dtype = versions.pop("dtype", "")
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    yield "made with", f"{listed}; {dtype} on {device}"


def _beside(fit: Fit, kind: str) -> str:
    """How far the standard errors of the draws are from the asymptotic ones."""
    if kind != "percentile" or not fit.is_whole or _is_perfect(fit):
        return ""
    wald = fit.conf_int(kind="wald")["stderr"]
    ratios = [
        ratio
        for name in fit.free
        if np.isfinite(ratio := _spread(fit, name) / _relative(fit, name, float(wald[name])))
    ]
    if not ratios:
        return ""
    low, high = min(ratios), max(ratios)
    text = f"; standard errors {_span(low, high)} those of {method_name(fit, 'wald')}"
    alike = low > 1 / _ALIKE and high < _ALIKE
    return text if alike else f"{text}: far apart, as when noise differs between runs"


def _spread(fit: Fit, name: str) -> float:
    """Standard deviation of the draws, of the logarithm where that is what a fit moves."""
    values = fit.draws.parameters[name][fit.draws.usable]
    if len(values) < _FEWEST_DRAWS:
        return np.nan
    return float(np.std(np.log(values) if fit.law.parameters[name].logarithmic else values))


def _relative(fit: Fit, name: str, error: float) -> float:
    return error / fit.params[name] if fit.law.parameters[name].logarithmic else error


def _span(low: float, high: float) -> str:
    first, last = f"{low:.2g}", f"{high:.2g}"
    return f"{first} times" if first == last else f"{first} to {last} times"


def _resampling(fit: Fit) -> str:
    return {
        "pairs": "rows drawn",
        "cluster": "whole clusters drawn",
        "nested": "clusters, then their members drawn",
        "stratified": "rows drawn within strata",
        "residual": "residuals drawn",
        "wild": "residuals with random signs",
        "cluster wild": "residuals with a random sign for each cluster",
        "parametric": "noise of the given size",
        "bayesian": "random weights",
        GIVEN: "weights as given",
    }.get(fit.draws.method, fit.draws.method)


def _failed_draws(fit: Fit) -> Counter[str]:
    return Counter(Status(code).label for code in fit.draws.status[~fit.draws.usable])


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


def _condition_word(fit: Fit) -> str:
    if fit.condition < WEAK_CONDITION:
        return "fine"
    if fit.condition < CONDITION_LIMIT:
        return "weak; intervals are wide in some direction"
    return f"not identified; flat: {', '.join(fit.flat) or 'some direction'}"


def _is_perfect(fit: Fit) -> bool:
    return float(np.max(np.abs(fit.residuals[fit.table.weight > 0]))) < _ROUNDING


def _inliers(fit: Fit) -> str:
    """For Huber: the share of residuals in the quadratic part."""
    if fit.objective.name != "huber" or not fit.objective.constants:
        return ""
    inside = float(np.mean(np.abs(fit.residuals) <= fit.objective.constants[0]))
    return f"; {100 * inside:.0f} % of the residuals within delta"


def _table(fit: Fit, level: float) -> list[str]:
    frame = fit.conf_int(level)
    header = ["parameter", "estimate", "stderr", "lo", "hi"]
    rows = []
    for name, estimate, stderr, low, high in frame[["estimate", "stderr", "lo", "hi"]].itertuples():
        cells = [str(name), retypable(estimate)]
        if name in fit.free:
            cells += [_digits(stderr, 3), _digits(low, 5), _digits(high, 5)]
        else:
            cells += ["-", "-", "-"]
        rows.append([*cells, _remark(fit, str(name))])
    return aligned([*header, "unit"], rows)


def _remark(fit: Fit, name: str) -> str:
    """The unit, and whether the parameter was fitted."""
    remarks = [fit.law.parameters[name].unit]
    if name in fit.settings.get("fixed", {}):
        remarks.append("(fixed)")
    if name in fit.settings.get("tied", {}):
        remarks.append(f"(tied to {fit.settings['tied'][name]})")
    if name in fit.on_bound:
        remarks.append("(on its bound)")
    return " ".join(remark for remark in remarks if remark)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns: the first and the last to the left, numbers to the right."""
    header, *rows = ([printable(cell) for cell in cells] for cells in (header, *rows))
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = []
    for cells in (header, *rows):
        numbers = zip(cells[1:-1], widths[1:-1], strict=True)
        middle = "  ".join(cell.rjust(width) for cell, width in numbers)
        lines.append(f"{cells[0].ljust(widths[0])}  {middle}  {cells[-1]}".rstrip())
    return lines


def printable(text: str) -> str:
    """Text from data on one line of a terminal: what would steer the terminal is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _line(label: str, text: str) -> str:
    """A labelled line, wrapped under itself."""
    return textwrap.fill(
        printable(" ".join(text.split())),
        WIDTH,
        initial_indent=label.ljust(_LABEL),
        subsequent_indent=" " * _LABEL,
    )
