"""Warnings of a plan: far extrapolation, failed draws, other optima, assumed prices.

What speaks against its fit, or against the point that it names, is in `scalejax.planning.verdict`.
"""

import numpy as np
import pandas as pd

from scalejax.fitting import FAR, decades_beyond
from scalejax.laws import kumar2024
from scalejax.optima import Answer, Optima
from scalejax.planning.question import Question
from scalejax.planning.source import Source
from scalejax.status import Outcome
from scalejax.vocabulary import argument

_DISAGREEMENT = 0.5
"""Share of starts at the optimum below which others are mentioned. Set by judgement."""

_SHORT_FAILED = 0.01
"""Share of draws without an optimum that needs no warning. Set by judgement."""

_FEWEST_BITS = 3.0
"""The fewest bits of the runs of Kumar et al. (arXiv:2411.04330), whose law is the one of bits."""

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
    """Warnings as sentences, most important first.

    Args:
        source: The law.
        question: The question.
        numbers: The numbers of the plan; empty if it has none.
        answer: The optimum, or why there is none.
        optima: The optima of the draws.
    """
    sentences = [*_about_fit(source, numbers), *_about_answer(answer), *_about_draws(optima)]
    if source.published is not None and source.published.note:
        sentences.append(f"{source.published.id}: {source.published.note}")
    sentences += [*_about_bits(numbers), *_about_borrowed(source)]
    sentences += _about_prices(question)
    return (*sentences, SEED_NOISE)


def _value(numbers: pd.DataFrame, name: str) -> float | None:
    if numbers.empty or name not in set(numbers["quantity"]):
        return None
    return float(numbers.set_index("quantity")["estimate"].loc[[name]].iloc[0])


def _about_fit(source: Source, numbers: pd.DataFrame) -> list[str]:
    fit = source.fit
    if fit is None:
        return []
    sentences = []
    point = {name: _value(numbers, name) for name in fit.law.inputs}
    if all(value is not None for value in point.values()):
        columns = {name: np.array([value], np.float64) for name, value in point.items()}
        beyond = float(decades_beyond(fit, columns)[0])
        if beyond > FAR:
            sentences.append(
                f"The plan lies {beyond:.1f} decades beyond the data: the intervals hold only as "
                "far as the law does (scalejax predict shows what a declared discrepancy does)."
            )
    return sentences


def _about_answer(answer: Answer | None) -> list[str]:
    if answer is None or not answer.found:
        return []
    sentences = [answer.outcome.sentence] if answer.outcome == Outcome.AT_RANGE else []
    if answer.agreeing < _DISAGREEMENT:
        sentences.append(
            f"Only {100 * answer.agreeing:.0f} % of the starts came to this optimum: there are "
            "others, and it is the best of those found."
        )
    return sentences


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


def _about_borrowed(source: Source) -> list[str]:
    if source.law is not kumar2024 or not source.added:
        return []
    return [
        "What bits cost is borrowed: the runs say nothing of precision. It is that of kumar2024, "
        "integers with one scale per tensor or channel in models of 30M to 1.7B parameters; finer "
        "scales cost less (arXiv:2501.02423), and no interval has this in it."
    ]


def _about_prices(question: Question) -> list[str]:
    sentences = []
    for place, name in (
        (question.hardware, "usd_per_hour"),
        (question.serving_hardware, "serving_usd_per_hour"),
    ):
        rent = getattr(question, name)
        if place is not None and rent is None and place.usd_per_hour is None:
            sentences.append(
                f"Dollars are not counted: no price of {place.name} is known here. Give "
                f"{argument(name)}."
            )
        elif place is not None and rent is None and place.price_source:
            sentences.append(
                f"{place.name} at ${place.usd_per_hour:.2f} an hour is an assumption "
                f"({place.price_source}): give your own price."
            )
    return sentences
