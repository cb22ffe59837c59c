"""`plan`: from a law and a question to a decision; `load_plan`: a saved one again."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from scalejax.costs import amount_in
from scalejax.errors import ScalejaxError
from scalejax.fitting import Fit, load_fit
from scalejax.keywords import keywords
from scalejax.laws import Law, find_law
from scalejax.planning.plan import FIT, PLAN, Plan
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
    candidates: Mapping[str, Mapping[str, float | str]] | None = None,
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
    made = Plan(asked, origin, stated, _models(candidates or {}), level)
    made.check_candidates()
    return made


def _question(question: Question | None, given: Mapping[str, Any]) -> Question:
    return replace(question or Question(), **question_of(given))


def _models(candidates: Mapping[str, Mapping[str, float | str]]) -> dict[str, dict[str, float]]:
    """Models by name with their numbers read."""
    units = {"N": "parameters", "D": "tokens"}
    return {
        model: {key: amount_in(value, units.get(key, "1")) for key, value in values.items()}
        for model, values in candidates.items()
    }


def load_plan(folder: str | Path, law: str | Law | None = None) -> Plan:
    """Make a plan again that `Plan.save` wrote.

    The question is kept and answered anew, by the same steps: on the same machine and versions the
    numbers are the same.

    Args:
        folder: The folder.
        law: The law of its fit, if it is your own and its module is not imported yet.

    Raises:
        ScalejaxError: A file is missing or damaged.
        UsageError: It was planned with hardware of your own, which has no name.
    """
    place = Path(folder)
    try:
        saved = json.loads((place / PLAN).read_text())
        fields = {name: value for name, value in saved["question"].items() if value is not None}
        named, level, chosen = saved["named"], saved["level"], saved["published_set"]
        parameters, name = saved["parameters"], saved["law"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScalejaxError(f"there is no plan that can be read in {folder}: {error!r}") from error
    fields |= {key: tuple(fields[key]) for key in ("serving_mfu", "precisions") if key in fields}
    kept: dict[str, Any] = {"candidates": named, "level": level, **fields}
    if (place / FIT).is_dir():
        return plan(load_fit(place / FIT, law), **kept)
    if chosen is not None:
        return plan(chosen, **kept)
    own = find_law(law or ("chinchilla" if "unique_tokens" in fields else name))
    return plan(own, parameters={key: parameters[key] for key in own.parameters}, **kept)
