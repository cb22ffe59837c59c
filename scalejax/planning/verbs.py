"""The verbs `plan`, from a law and a question to a decision, and `load_plan`, a saved one again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from scalejax.amounts import kind_of, read
from scalejax.costs import amount_in
from scalejax.documents import read_document
from scalejax.errors import LawError, ScalejaxError
from scalejax.files import DAMAGE, check_seal, damaged, settle
from scalejax.fitting import Fit, load_fit
from scalejax.forecasting import Forecast, load_forecast
from scalejax.keywords import keywords
from scalejax.laws import LAWS, Law, find_law
from scalejax.planning.fields import QuestionFields, question_of
from scalejax.planning.plan import FIT, FORECAST, PLAN, Plan
from scalejax.planning.problem import decides_bits
from scalejax.planning.question import Question
from scalejax.planning.solution import solve_question
from scalejax.planning.source import source_of
from scalejax.resampling import check_level
from scalejax.shapes import check_shape, is_level, is_real, is_text, or_null
from scalejax.vocabulary import argument


def _is_question(value: Any) -> bool:
    """Whether the fields are numbers, texts and lists of them, and groups where they may be."""
    return isinstance(value, dict) and all(
        (isinstance(one, dict) and key in ("inputs", "hardware", "serving_hardware"))
        or all(
            item is None or isinstance(item, str | int | float)
            for item in (one if isinstance(one, list) else [one])
        )
        for key, one in value.items()
    )


_ANY: Mapping[Any, Any] = {...: lambda value: True}
SHAPE: dict[Any, Any] = {
    "law": is_text,
    "parameters": {...: is_real},
    "question": _is_question,
    "named": {...: {...: is_real}},
    "published_set": or_null(is_text),
    "level": is_level,
    **_ANY,
}


@keywords(QuestionFields, serving="serving_hardware")
def plan(
    source: Fit | Forecast | Law | str,
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
        source: A fit, a forecast (whose law and posterior draws then count), the identifier of a
            published set, or a law with `parameters`.
        question: The question; or give its fields as keywords.
        parameters: Parameters of the law, if `source` is one.
        candidates: Models by name, as values of N, and D where it is not to follow from the
            question; priced beside the optimum.
        level: Probability of the intervals.
        **fields: Fields of `Question`: amounts may be text (``"1e24"``, ``"5M USD"``, ``"70B"``),
            hardware a name, a file or numbers of your own, and `QuestionFields` has more ways to
            say what is served.

    Returns:
        The plan. Everything but the decision is computed when it is first read.

    Raises:
        UsageError: With everything that is wrong with the question.
    """
    check_level(level)
    models = _models(candidates or {})
    origin = source_of(source, parameters)
    question = _question(question, fields)
    if question.unique_tokens is not None:
        origin = origin.repeating()
    if question.precisions:
        origin = origin.in_formats()
    origin = replace(origin, said=question.sizes)
    question.check(origin.law, origin.sizes)
    if question.flop_per_token is None:
        question = replace(question, flop_per_token=origin.clear_compute)
    formats = question.precisions or (None,)
    by_format = {}
    if question.decided or decides_bits(question, origin.law):
        solutions = {str(name): solve_question(question, origin, name) for name in formats}
        rank = {name: (not one.answer.found, one.answer.goal) for name, one in solutions.items()}
        by_format = {
            name: solutions[name] for name in sorted(solutions, key=lambda name: rank[name])
        }
    result = Plan(question, origin, by_format, models, level)
    result.check_candidates()
    return result


def _question(question: Question | None, fields: Mapping[str, Any]) -> Question:
    return replace(question or Question(), **question_of(fields))


def _models(candidates: Mapping[str, Mapping[str, float | str]]) -> dict[str, dict[str, float]]:
    """Candidates with amounts that are text turned into numbers."""
    units = {"N": "parameters", "D": "tokens"}
    name = "candidates"
    return {
        model: {
            key: read(name, amount_in(value, units.get(key, "1"), name), kind_of(key), key)
            for key, value in values.items()
        }
        for model, values in candidates.items()
    }


def load_plan(folder: str | Path, law: str | Law | None = None) -> Plan:
    """Make a plan again that `Plan.save` wrote.

    The question is kept and answered anew, by the same steps: on the same machine and versions the
    numbers are the same.

    Args:
        folder: The folder.
        law: The law of its fit or forecast, if it is your own and its module is not imported yet.

    Raises:
        ScalejaxError: A file is missing or damaged.
    """
    place = Path(folder)
    settle(place)
    saved = _read_saved(place)
    fields = {name: value for name, value in saved["question"].items() if value is not None}
    candidates, level, published = saved["named"], saved["level"], saved["published_set"]
    parameters, name = saved["parameters"], saved["law"]
    runs = saved.get("from", FIT if (place / FIT).is_dir() else None)
    fields |= {key: tuple(fields[key]) for key in ("serving_mfu", "precisions") if key in fields}
    arguments: dict[str, Any] = {"candidates": candidates, "level": level, **fields}
    try:
        _question(None, fields)
    except DAMAGE as error:
        raise damaged(folder, "plan", f"{PLAN} / question: {error}") from error
    if runs == FORECAST:
        return plan(load_forecast(place / FORECAST, law), **arguments)
    if runs == FIT:
        return plan(load_fit(place / FIT, law), **arguments)
    if published is not None:
        return plan(published, **arguments)
    if law is None and name not in LAWS:
        raise LawError(
            f"the plan was made with a law that is not scalejax's own, {name!r}. Loading runs no "
            f"code that a file names: pass it as {argument('law')}."
        )
    own = find_law(law or ("chinchilla" if saved.get("borrowed") else name))
    if missing := [key for key in own.parameters if key not in parameters]:
        raise damaged(folder, "plan", f"{PLAN} lacks the parameters {', '.join(missing)}")
    return plan(own, parameters={key: parameters[key] for key in own.parameters}, **arguments)


def _read_saved(folder: Path) -> dict[str, Any]:
    """The record of a saved plan, of which every field is as it must be."""
    path = folder / PLAN
    if not path.is_file():
        raise ScalejaxError(f"there is no plan that can be read in {folder}: it has no {PLAN}.")
    try:
        saved: dict[str, Any] = read_document(path, file_names=True)
        wrong = list(check_shape(saved, SHAPE))
    except (OSError, *DAMAGE) as error:
        raise damaged(folder, "plan", f"{PLAN}: {error!r}") from error
    if wrong:
        raise damaged(folder, "plan", f"{PLAN}: {'; '.join(wrong)}")
    check_seal(saved, path, "plan")
    return saved
