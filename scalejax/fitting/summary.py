"""`summarise`: what a person should read about a fit, as plain text of at most 100 columns.

The verdict comes first, in one sentence and as what speaks for the fit and against it
(`scalejax.fitting.caveats`), then the data and what was assumed of them, then the numbers.
Estimates carry enough digits to be typed into other code.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from scalejax.engine import CALLER_WEIGHTS
from scalejax.fitting.caveats import for_and_against
from scalejax.fitting.intervals import default_kind, method_name, parameter_intervals
from scalejax.fitting.judgement import Caveat
from scalejax.fitting.record import FitRecord
from scalejax.fitting.residual_caveats import is_perfect
from scalejax.quantities import short_number
from scalejax.wording import aligned, digits, labelled, retypable

# Ratio of standard errors (resampled to asymptotic) up to which they agree. Set by judgement.
_ALIKE = 2.0

# Fewer draws give no standard error to compare: 20 have an error of 16 % of it.
_FEWEST_DRAWS = 20


def summarise(fit: FitRecord, level: float = 0.95, backtest: Caveat | None = None) -> str:
    """Describe a fit.

    Args:
        fit: The fit.
        level: Probability of the intervals.
        backtest: How well the law would have predicted the largest runs, if somebody tried.

    Returns:
        Several lines of plain text.
    """
    blocks = [
        [labelled(label, text) for label, text in items]
        for items in (_verdict(fit, backtest), _data(fit), _quality(fit))
    ]
    blocks.append(_table(fit, level))
    blocks.append([labelled(label, text) for label, text in _provenance(fit, level)])
    return "\n\n".join("\n".join(block) for block in blocks)


def _verdict(fit: FitRecord, backtest: Caveat | None) -> Iterator[tuple[str, str]]:
    judgement = for_and_against(fit, backtest)
    yield "law", f"{fit.law.name}: {fit.law.about}" if fit.law.about else fit.law.name
    yield "verdict", judgement.sentence
    for side in ("for", "against"):
        for k, text in enumerate(judgement.texts(side)):
            yield "" if k else side, text


def _data(fit: FitRecord) -> Iterator[tuple[str, str]]:
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


def _quality(fit: FitRecord) -> Iterator[tuple[str, str]]:
    yield "on a bound", ", ".join(fit.on_bound) or "no parameter"
    yield "objective", f"{fit.objective} = {fit.objective_value:.6g}{_inliers(fit)}"
    if is_perfect(fit):
        yield "", "every row is fitted to rounding: these losses look computed, not measured"
    if fit.noise_scale is not None:
        where = "log loss" if fit.objective.kernel.log else "loss"
        yield "noise scale", f"{fit.noise_scale:.4g} of the {where}, fitted"


def _provenance(fit: FitRecord, level: float) -> Iterator[tuple[str, str]]:
    kind = default_kind(fit)
    if not fit.free:
        yield "intervals", "none: nothing was fitted"
        yield from _software(fit)
        return
    text = f"{100 * level:g} % {method_name(fit, kind)}"
    if len(fit.draws):
        usable = int(np.sum(fit.draws.usable))
        text += f"; resampling: {_resampling(fit)}; {len(fit.draws)} asked, {usable} used; "
        text += f"seed {fit.settings.get('seed', 0)}{_beside_wald(fit, kind)}"
    elif fit.table.cluster is None:
        text += "; no resamples were asked for, and rows are taken as independent"
    yield "intervals", text
    yield from (("no interval", words) for words in _gaps(fit, level))
    yield from _software(fit)


def _software(fit: FitRecord) -> Iterator[tuple[str, str]]:
    versions = dict(fit.versions)
    device = versions.pop("device", "an unknown device").replace("cpu (cpu)", "cpu")
    dtype = versions.pop("dtype", "")
    software = ", ".join(f"{name} {number}" for name, number in versions.items())
    yield "made with", f"{software}; {dtype} on {device}"


def _gaps(fit: FitRecord, level: float) -> list[str]:
    """Which fitted parameters have no interval and why, one line for each reason."""
    names: dict[str, list[str]] = {}
    for name, reason in parameter_intervals(fit, level, None)["reason"].items():
        if reason and name in fit.free:
            names.setdefault(reason, []).append(str(name))
    return [f"{', '.join(some)}: {reason}" for reason, some in names.items()]


def _beside_wald(fit: FitRecord, kind: str) -> str:
    """A clause on how the standard errors of the draws compare to the asymptotic ones."""
    if kind != "percentile" or not fit.is_whole or is_perfect(fit):
        return ""
    wald = parameter_intervals(fit, 0.95, "wald")["stderr"]
    errors = np.array([_relative(fit, name, wald[name]) for name in fit.free])
    spreads = np.array([_spread(fit, name) for name in fit.free])
    sound = np.isfinite(errors) & np.isfinite(spreads) & (errors > 0)
    if not sound.any():
        return ""
    ratios = spreads[sound] / errors[sound]
    low, high = float(np.min(ratios)), float(np.max(ratios))
    text = f"; standard errors {_span(low, high)} those of {method_name(fit, 'wald')}"
    alike = low > 1 / _ALIKE and high < _ALIKE
    return text if alike else f"{text}: far apart, as when noise differs between runs"


def _spread(fit: FitRecord, name: str) -> float:
    """Standard deviation of the draws; of their logarithm where the fit is in the logarithm."""
    values = fit.draws.parameters[name][fit.draws.usable]
    if len(values) < _FEWEST_DRAWS:
        return np.nan
    return float(np.std(np.log(values) if fit.law.parameters[name].logarithmic else values))


def _relative(fit: FitRecord, name: str, error: float) -> float:
    return error / fit.params[name] if fit.law.parameters[name].logarithmic else error


def _span(low: float, high: float) -> str:
    first, last = f"{low:.2g}", f"{high:.2g}"
    return f"{first} times" if first == last else f"{first} to {last} times"


def _resampling(fit: FitRecord) -> str:
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
        CALLER_WEIGHTS: "weights as given",
    }.get(fit.draws.method, fit.draws.method)


def _inliers(fit: FitRecord) -> str:
    """For Huber: the share of residuals in the quadratic part."""
    if fit.objective.name != "huber" or not fit.objective.constants:
        return ""
    inside = float(np.mean(np.abs(fit.residuals) <= fit.objective.constants[0]))
    return f"; {100 * inside:.0f} % of the residuals within delta"


def _table(fit: FitRecord, level: float) -> list[str]:
    frame = parameter_intervals(fit, level, None)
    header = ["parameter", "estimate", "stderr", "lo", "hi"]
    rows = []
    for name, estimate, stderr, low, high in frame[["estimate", "stderr", "lo", "hi"]].itertuples():
        cells = [str(name), retypable(estimate)]
        if name in fit.free:
            cells += [digits(stderr, 3), digits(low, 5), digits(high, 5)]
        else:
            cells += ["-", "-", "-"]
        rows.append([*cells, _remark(fit, str(name))])
    return aligned([*header, "unit"], rows)


def _remark(fit: FitRecord, name: str) -> str:
    """The unit, and whether the parameter was fitted."""
    remarks = [fit.table.own_unit(fit.law.parameters[name].unit)]
    if name in fit.settings.get("fixed", {}):
        remarks.append("(fixed)")
    if name in fit.settings.get("tied", {}):
        remarks.append(f"(tied to {fit.settings['tied'][name]})")
    if name in fit.on_bound:
        remarks.append("(on its bound)")
    return " ".join(remark for remark in remarks if remark)
