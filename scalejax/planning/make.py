"""`plan`: from a law and a question to a decision."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

from scalejax.fitting import Fit
from scalejax.keywords import keywords
from scalejax.laws import Law
from scalejax.planning.plan import Plan
from scalejax.planning.question import Question, QuestionFields, question_of
from scalejax.planning.source import source_of
from scalejax.planning.stated import state
from scalejax.planning.statement import decides_bits
from scalejax.resampling import check_level


@keywords(QuestionFields, serving="serving_hardware")
def plan(
    source: Fit | Law | str,
    question: Question | None = None,
    *,
    parameters: Mapping[str, float] | None = None,
    candidates: Mapping[str, Mapping[str, float]] | None = None,
    level: float = 0.95,
    **fields: Unpack[QuestionFields],
) -> Plan:
    """The best model to train for a question, with intervals, alternatives and sensitivities.

        sj.plan(fit, budget=1e24)
        sj.plan("besiroglu2024", as_good_as=5.76e23, output_tokens=1e13)
        sj.plan(fit, usd=5e6, hardware="h100", gpus=4096, unique_tokens=3e11)

    Args:
        source: A fit, the identifier of a published set, or a law with `parameters`.
        question: What is asked; or give its fields as keywords.
        parameters: Parameters of the law, if `source` is one.
        candidates: Models by name, as values of N, and D where it is not to follow from the
            question; priced beside the optimum.
        level: Probability of the intervals.
        **fields: Fields of `Question`: amounts may be text (``"1e24"``, ``"5M USD"``, ``"70B"``),
            hardware a name, and `QuestionFields` has more ways to say what is served.

    Returns:
        The plan. What it can tell besides the decision is computed when it is first asked for.

    Raises:
        UsageError: With everything that is wrong with the question.
    """
    check_level(level)
    origin = source_of(source, parameters)
    asked = _question(question, fields)
    if asked.unique_tokens is not None:
        origin = origin.repeating()
    asked.check(origin.law)
    formats = asked.precisions or (None,)
    stated = {}
    if asked.decided or decides_bits(asked, origin.law):
        found = {str(name): state(asked, origin.law, origin.params, name) for name in formats}
        rank = {name: (not one.answer.found, one.answer.goal) for name, one in found.items()}
        stated = {name: found[name] for name in sorted(found, key=lambda name: rank[name])}
    made = Plan(asked, origin, stated, dict(candidates or {}), level)
    made.check_candidates()
    return made


def _question(question: Question | None, given: Mapping[str, Any]) -> Question:
    return replace(question or Question(), **question_of(given))
