"""What the residuals of a fit say for the law or against it, in words."""

from collections.abc import Iterator

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax._numerics import robust_sd
from scalejax.fitting.judgement import Caveat
from scalejax.fitting.misfit import STANDS_OUT, Bend, find_bends, standing_out
from scalejax.fitting.record import FitRecord

WORST = 5
"""Rows that are named; of more the number is said. Set by judgement: what a person looks up."""

ROUNDING = 1e-11
"""Residuals below this are rounding: the law meets every row."""

_VISIBLE = 1e-4
"""Bends below a hundredth of a per cent are not worth a word. Set by judgement: noise of equal runs
is twenty times as large."""

_BESIDE = 0.1
"""Size of a bend relative to the larger one from which it is named beside it. Set by judgement."""

_GROWTH = 12.0
"""By how much a bend with compute has grown at ten times the largest runs, times the decades that
the runs span. In simulations (36 runs, a log loss bent quadratically in the decades, 15 tables a
case) Chinchilla's law was off there by 6 to 9, 3.5 to 5, 2.5 to 4 and 1.3 times its largest part
in the table, where runs spanned 2, 3, 4 and 6 decades. A bend matters from where that is more than
the noise of a run, which a prediction has in any case."""

_ALIKE = 1 / 4
"""Size of one end of a bend relative to its largest part, from which both ends are named together.
Set by judgement; it only chooses the words."""

_ENDS = {
    "compute": ("at the smallest compute", "in the middle", "at the largest runs"),
    "tokens per parameter": ("at few tokens per parameter", "in the middle", "at many"),
}


def is_perfect(fit: FitRecord) -> bool:
    """Whether the law meets every row to rounding."""
    residuals = fit.residuals[fit.table.weight > 0]
    return len(residuals) > 0 and float(np.max(np.abs(residuals))) < ROUNDING


def bends_of(fit: FitRecord) -> tuple[Bend, ...]:
    """How the residuals of a fit bend, see `misfit`; none where it is no minimum."""
    if not (fit.is_minimum and fit.is_whole) or is_perfect(fit):
        return ()
    linear, table = fit.asymptotics, fit.table
    used = table.weight > 0
    scale = np.sqrt(table.weight[used] / np.mean(table.weight[used])) / residual_unit(fit)[used]
    axes = {name: values[used] for name, values in _axes(fit).items() if np.all(values[used] > 0)}
    jacobian = linear.jacobian[used, : len(linear.names)] * scale[:, None]
    bends = find_bends(fit.residuals[used] * scale, jacobian, axes, linear.unit[used])
    largest = max((one.size for one in bends), default=0.0)
    return tuple(one for one in bends if one.size > max(_VISIBLE, _BESIDE * largest))


def worst_rows(fit: FitRecord) -> tuple[Ints, Floats]:
    """Places of the rows that stand out, and by how much they lie above the law, relative."""
    if not fit.has_estimate or is_perfect(fit):
        return np.empty(0, np.int64), np.empty(0)
    used = np.flatnonzero(fit.table.weight > 0)
    weight = fit.table.weight[used]
    found, _ = standing_out(fit.residuals[used] * np.sqrt(weight), len(fit.free))
    rows = used[found]
    return rows, (fit.table.target / fit.curve(fit.table.inputs, fit.params) - 1)[rows]


def residual_unit(fit: FitRecord) -> Floats:
    """What residuals are relative to: one for logarithms, the loss else."""
    table = fit.table
    return np.ones(table.n_rows) if fit.objective.kernel.log else np.abs(table.target)


def _axes(fit: FitRecord) -> dict[str, Floats]:
    """What residuals may bend with: compute and tokens per parameter, or the first cost."""
    inputs = fit.table.inputs
    if {"N", "D"} <= set(inputs):
        n, d = inputs["N"], inputs["D"]
        return {"compute": n * d, "tokens per parameter": d / n}
    name = next((one for one in ("C", "D", "N") if one in inputs), next(iter(inputs)))
    return {"compute" if name == "C" else name: inputs[name]}


def about_bends(fit: FitRecord) -> Iterator[Caveat]:
    """Whether the law bends away from its runs, where, and what mends it."""
    bends = bends_of(fit)
    for k, bend in enumerate(bends):
        words = f"the law bends with {bend.axis}: {_where(bend)}"
        # p-values far out are those of the normal limit and not to be taken at their word.
        chance = "0.001" if bend.p < 1e-3 else f"{bend.p:.1g}"
        sign = "<" if bend.p < 1e-3 else "="
        text = f"T{words[1:]} (p {sign} {chance})"
        if limit := _harmless(fit, bend, bends):
            yield Caveat("bend", f"{text}, which is less than matters: {limit}.", "for", "")
        else:
            yield Caveat("bend", f"{text}.{'' if k else _remedy(fit)}", "care", words)
    if not bends and fit.is_minimum and fit.is_whole and not is_perfect(fit):
        names = " or ".join(_axes(fit))
        text = f"Residuals do not bend with {names}."
        yield Caveat("bend", text, "for", "residuals do not bend")


def _harmless(fit: FitRecord, bend: Bend, bends: tuple[Bend, ...]) -> str:
    """Why a bend matters less than the noise of a run; empty where it matters."""
    axes, used = _axes(fit), fit.table.weight > 0
    spread = robust_sd((fit.residuals / residual_unit(fit))[used])
    # Of what residuals are, the bends are no noise.
    noise = float(np.sqrt(max(spread**2 - sum(_largest(one) ** 2 for one in bends), 0.0)))
    largest = _largest(bend)
    run = f"the noise of a run ({100 * noise:.2g} %)"
    if bend.axis != next(iter(axes)):
        return f"it is smaller than {run}" if largest < noise else ""
    decades = float(np.ptp(np.log10(axes[bend.axis][used])))
    grown = largest * max(1.0, _GROWTH / decades)
    return f"at ten times the largest runs it is still smaller than {run}" if grown < noise else ""


def _largest(bend: Bend) -> float:
    return max(abs(part) for part in (bend.low, bend.middle, bend.high))


def _where(bend: Bend) -> str:
    """``too low by 1 % at both ends``; the middle is the other way round."""
    low, middle, high = bend.low, bend.middle, bend.high
    places = _ENDS.get(bend.axis, (f"at small {bend.axis}", "in the middle", "at large"))
    least, most = sorted((abs(low), abs(high)))
    if low * high > 0 and least > _ALIKE * most and most > abs(middle):
        sizes = dict.fromkeys(f"{100 * size:.1g}" for size in (least, most))
        return f"{_off(low, *sizes)} at both ends"
    parts = zip((low, middle, high), places, strict=True)
    value, place = max(parts, key=lambda part: abs(part[0]))
    return f"{_off(value)} {place}"


def _off(value: float, *sizes: str) -> str:
    """``too low by 1 to 2 %``: by the value, or by sizes of its sign."""
    by = " to ".join(sizes or (f"{100 * abs(value):.1g}",))
    return f"too {'high' if value > 0 else 'low'} by {by} %"


def _remedy(fit: FitRecord) -> str:
    if fit.law.name in ("chinchilla", "chinchilla_tied"):
        return " The law outer_exponent can bend; scalejax forecast allows for it."
    if {"N", "D"} == set(fit.law.inputs):
        return " scalejax forecast allows for it."
    return " Predictions beyond the data lean on it."


def about_outliers(fit: FitRecord) -> Iterator[Caveat]:
    """The rows that stand out, by their numbers."""
    rows, off = worst_rows(fit)
    if not len(rows):
        return
    named = [
        f"{_row_name(fit, row)}: {100 * abs(value):.2g} % {'above' if value > 0 else 'below'}"
        for row, value in zip(rows[:WORST], off[:WORST], strict=True)
    ]
    more = f", and {len(rows) - WORST} more" if len(rows) > WORST else ""
    robust = fit.objective.name not in ("least_squares", "custom")
    yield Caveat(
        "worst runs",
        f"Far from the law ({STANDS_OUT:g} robust standard deviations): {', '.join(named)}{more}.",
        "note" if robust and 10 * len(rows) <= fit.table.n_rows else "care",
        f"{_row_name(fit, rows[0])} lies {100 * abs(off[0]):.2g} % off the law",
    )


def _row_name(fit: FitRecord, place: int) -> str:
    table = fit.table
    name = f"row {table.row[place]}"
    if table.cluster is None:
        return name
    return f"{name} ({table.cluster_labels[table.cluster[place]]})"
