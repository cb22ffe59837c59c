"""Whether runs speak for an answer: how wide its interval is, and how near the runs come to it."""

from collections.abc import Iterator

import numpy as np

from scalejax.fitting.judgement import Caveat
from scalejax.fitting.record import FitRecord
from scalejax.quantities import amount
from scalejax.resampling import FEW_RUNS

WIDE = 3.0
"""Factor between the ends of an interval of a size, of tokens or of their ratio from which the
range is the answer and not the best guess. Set by judgement: nobody trains a model of three times
the size by mistake, and an N off by 1.7 times to either side at the same compute costs 0.2 % of the
loss (2 % of what is above its floor) under the coefficients of arXiv:2404.10102 at 1e23 FLOP."""

NEAR, REMOTE = 0.3, 0.5
"""Decades in (lg N, lg D) from the nearest run: up to the first an answer is near the runs, beyond
the second it says how far it is. Held-out runs under 0.3 decades away were predicted to 0.7 %,
those more than one decade away to 3.6 to 4 %."""

_FAR_AWAY = 1.0
"""Decades from the nearest run beyond which an answer is to be used with care: where the errors
were measured that are said."""

_RATIOS = 4.0
"""Range of tokens per parameter, as a factor, among the largest runs below which more of it is what
tells N from D. Set by judgement: twice the ratio of the optimum, or half, raises the loss by 0.08 %
under the coefficients of arXiv:2404.10102 at 1e23 FLOP, less than noise."""

_LARGEST = 10.0
"""The largest runs are those within this factor of the largest compute. Set by judgement."""


def is_wide(low: float, high: float) -> bool:
    """Whether an interval is so wide that its ends are the answer."""
    return bool(np.isfinite(low) and np.isfinite(high) and high > WIDE * max(low, 0.0))


def narrowing(fit: FitRecord) -> str:
    """What runs would narrow the answer of a law of N and D, as the cheapest true thing known."""
    inputs = fit.table.inputs
    if not {"N", "D"} <= set(inputs):
        return "more runs; scalejax design finds them"
    n, d, compute = inputs["N"], inputs["D"], fit.table.flop
    top = compute >= np.max(compute) / _LARGEST
    ratio = (d / n)[top]
    if len(np.unique(compute)) < FEW_RUNS and len(n) < FEW_RUNS:
        runs = "more runs"
    elif np.max(ratio) < _RATIOS * np.min(ratio):
        most = f"{np.max(compute):.2g} FLOP".replace("e+", "e")
        runs = f"runs across tokens per parameter at the largest compute ({most})"
    else:
        runs = "larger runs"
    return f"{runs}; scalejax design finds them"


def nearest_run(fit: FitRecord, n: float, d: float) -> float:
    """Decades in (lg N, lg D) between a point and the nearest run."""
    inputs = fit.table.inputs
    away = np.hypot(np.log10(inputs["N"] / n), np.log10(inputs["D"] / d))
    return float(np.min(away[fit.table.weight > 0]))


def about_point(fit: FitRecord, n: float, d: float) -> Iterator[Caveat]:
    """How near the runs come to an answer, in size and in tokens per parameter.

    Args:
        fit: A fit of a law of N and D.
        n: Parameters of the answer.
        d: Its tokens.
    """
    if not {"N", "D"} <= set(fit.table.inputs):
        return
    away = nearest_run(fit, n, d)
    if away > REMOTE:
        yield Caveat(
            "distance",
            f"The nearest run is {away:.1f} decades away (in lg N and lg D): measured errors were "
            "0.7 % under 0.3 decades, and 3.6 to 4 % over one.",
            "care" if away > _FAR_AWAY else "note",
            short=f"the nearest run is {away:.1f} decades away",
        )
    elif away <= NEAR:
        yield Caveat("distance", f"The nearest run is {away:.1g} decades away.", "for")
    yield from _about_ratio(fit, d / n)


def _about_ratio(fit: FitRecord, ratio: float) -> Iterator[Caveat]:
    seen = (fit.table.inputs["D"] / fit.table.inputs["N"])[fit.table.weight > 0]
    low, high = float(np.min(seen)), float(np.max(seen))
    span = f"{amount(float(f'{low:.3g}'))} to {amount(float(f'{high:.3g}'))}"
    if low <= ratio <= high:
        text = f"Runs had {span} tokens per parameter, and this answer has {ratio:.3g}."
        yield Caveat("tokens per parameter", text, "for")
        return
    yield Caveat(
        "tokens per parameter",
        f"No run had {ratio:.3g} tokens per parameter: theirs were {span}.",
        short=f"no run had {ratio:.3g} tokens per parameter",
    )
