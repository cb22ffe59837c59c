"""What a planner must know before believing a plan."""

import numpy as np
import pandas as pd

from scalejax.fitting import FAR, decades_beyond
from scalejax.optima import Answer, Optima
from scalejax.planning.question import Question
from scalejax.planning.source import Source
from scalejax.status import Outcome, Status

_DISAGREEMENT = 0.5
_SHORT_FAILED = 0.01
_FEWEST_BITS = 3.0

SEED_NOISE = (
    "Seeds alone make equal runs differ; forecasts of a loss have seldom been better than 4 % "
    "(arXiv:2410.11840)."
)


def warnings_of(
    source: Source,
    question: Question,
    numbers: pd.DataFrame,
    answer: Answer | None,
    optima: Optima | None,
) -> tuple[str, ...]:
    """Sentences, most important first."""
    found = [*_about_fit(source, numbers), *_about_answer(answer), *_about_draws(optima)]
    if source.published is not None and source.published.note:
        found.append(f"{source.published.id}: {source.published.note}")
    found += _about_bits(numbers)
    found += _about_prices(question)
    return (*found, SEED_NOISE)


def _value(numbers: pd.DataFrame, name: str) -> float | None:
    if numbers.empty or name not in set(numbers["quantity"]):
        return None
    return float(numbers.set_index("quantity")["estimate"].loc[[name]].iloc[0])


def _about_fit(source: Source, numbers: pd.DataFrame) -> list[str]:
    fit = source.fit
    if fit is None:
        return []
    found = []
    if fit.status != Status.CONVERGED:
        found.append(f"The fit is not whole: {fit.status.sentence}")
    point = {name: _value(numbers, name) for name in fit.law.inputs}
    if all(value is not None for value in point.values()):
        columns = {name: np.array([value], np.float64) for name, value in point.items()}
        beyond = float(decades_beyond(fit, columns)[0])
        if beyond > FAR:
            found.append(
                f"The plan lies {beyond:.1f} decades beyond the data: the intervals hold only as "
                "far as the law does (scalejax predict shows what a declared discrepancy does)."
            )
    ratio, seen = _value(numbers, "D/N"), fit.table.inputs["D"] / fit.table.inputs["N"]
    if ratio is not None and not np.min(seen) <= ratio <= np.max(seen):
        found.append(
            f"No run had {ratio:.3g} tokens per parameter: theirs were {np.min(seen):.3g} to "
            f"{np.max(seen):.3g}."
        )
    return found


def _about_answer(answer: Answer | None) -> list[str]:
    if answer is None or not answer.found:
        return []
    found = [answer.outcome.sentence] if answer.outcome == Outcome.AT_RANGE else []
    if answer.agreeing < _DISAGREEMENT:
        found.append(
            f"Only {100 * answer.agreeing:.0f} % of the starts came to this optimum: there are "
            "others, and it is the best of those found."
        )
    return found


def _about_draws(optima: Optima | None) -> list[str]:
    if optima is None:
        return []
    failed = 1 - float(np.mean(optima.solved))
    if failed <= _SHORT_FAILED:
        return []
    kinds = ", ".join(f"{count} {label}" for label, count in optima.failures.items())
    return [
        f"{100 * failed:.0f} % of the draws have no optimum ({kinds}); intervals are of the others."
    ]


def _about_bits(numbers: pd.DataFrame) -> list[str]:
    bits = _value(numbers, "bits")
    if bits is None or bits >= _FEWEST_BITS:
        return []
    return [f"{bits:.2g} bits are fewer than any run had that the law was fitted to."]


def _about_prices(question: Question) -> list[str]:
    found = []
    for place, given in (
        (question.hardware, question.usd_per_hour),
        (question.serving_hardware, question.serving_usd_per_hour),
    ):
        if place is not None and given is None:
            found.append(
                f"{place.name} at ${place.usd_per_hour:.2f} an hour is an assumption "
                f"({place.price_source}): give your own price."
            )
    return found
