"""From a `Question` to an optimisation problem and its args.

`problem_of` gives variables, what is minimised and the limits; `args_of` the numbers that go in;
`reported_measures` what a plan reports besides. Numbers are in the args only, so that equal
questions with other numbers are the same problem and compile once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from scalejax.laws import DENSE, Law, Sizes
from scalejax.optima import Measure, Problem, Variable
from scalejax.planning.measures import (
    ACTIVE_PARAMETERS,
    BITS,
    DAYS,
    EPOCHS,
    GPU_HOURS,
    LATENCY,
    LIFETIME_FLOP,
    MEMORY,
    PARAMETERS,
    PRECISION_BITS,
    PRECISION_INPUTS,
    TOKENS,
    TOKENS_PER_PARAMETER,
    TOTAL_PARAMETERS,
    TRAINING_FLOP,
    USD,
    loss_measure,
    sized,
)
from scalejax.planning.question import Question

# Ranges far beyond any model. Where one of their ends is in the way, `widened` has others.
N = Variable("N", 1e5, 1e15, unit="parameters")
D = Variable("D", 1e6, 1e18, unit="tokens")
_FAR = {"N": replace(N, low=1.0, high=1e30), "D": replace(D, low=1.0, high=1e36)}
"""Ranges that no question leaves; an optimum at an end of them is named. Set by judgement, so that
FLOP, 1e67 at most, and the worth of what remains are told apart in float64."""
BITS_VARIABLE = Variable(BITS, 1.0, 32.0, scale="linear", unit="bits")


@dataclass(frozen=True)
class NamedLimit:
    """A limit read from args by its name; limits of one name are equal, and compile once."""

    name: str

    def __call__(self, args: Any) -> Any:
        """The limit among args."""
        return args["limits"][self.name]


_cached_loss = cache(loss_measure)


def loss_of(law: Law) -> Measure:
    """The loss under a law; one measure for each law."""
    return _cached_loss(law)


def limits_of(question: Question, target: float | None) -> list[tuple[Measure | None, float]]:
    """Each limited measure with its limit; None stands for the loss."""
    spent = LIFETIME_FLOP if question.demand else TRAINING_FLOP
    limits: list[tuple[Measure | None, float | None]] = [
        (None, target),
        (spent, question.budget),
        (USD, question.usd),
        (DAYS, question.days),
        (TOKENS, question.max_tokens),
        (PARAMETERS, question.max_params),
        (MEMORY, question.memory),
        (LATENCY, question.latency),
    ]
    return [(measure, float(limit)) for measure, limit in limits if limit is not None]


def problem_of(question: Question, law: Law, target: float | None, sizes: Sizes = DENSE) -> Problem:
    """The problem that a question states for a law.

    Args:
        question: The question, checked.
        law: The law.
        target: Loss to reach, nats/token; None to minimise the loss.
        sizes: What N counts.
    """
    loss = loss_of(law)
    spent = LIFETIME_FLOP if question.demand else TRAINING_FLOP
    cost = USD if question.counts_money else spent
    variables = (N, D, BITS_VARIABLE) if decides_bits(question, law) else (N, D)
    whole = Problem(
        variables,
        minimize=loss if target is None else sized(cost, sizes),
        subject_to=tuple(
            (loss if measure is None else sized(measure, sizes)).at_most(
                NamedLimit((measure or loss).name)
            )
            for measure, _ in limits_of(question, target)
        ),
    )
    held = [name for name in ("N", "D") if name not in question.decided]
    return whole.holding(*held) if held else whole


def widened(problem: Problem) -> Problem:
    """The same problem in the widest ranges of N and D."""
    variables = tuple(_FAR.get(one.name, one) for one in problem.variables)
    return replace(problem, variables=variables)


def decides_bits(question: Question, law: Law) -> bool:
    """Whether the bits of training are a variable: the law has them and the question does not."""
    inputs = {*question.inputs, *(PRECISION_INPUTS if BITS in question.inputs else ())}
    return not question.precisions and bool(set(PRECISION_INPUTS) & (set(law.inputs) - inputs))


def args_of(
    question: Question,
    law: Law,
    parameters: Mapping[str, Any],
    target: float | None,
    precision: str | None = None,
) -> dict[str, Any]:
    """The args of the problem.

    Args:
        question: The question, checked.
        law: The law.
        parameters: Its parameters.
        target: Loss to reach, nats/token; None to minimise the loss.
        precision: The format in which to train, if the question names formats.
    """
    fixed = {name: float(value) for name, value in question.inputs.items()}
    if question.unique_tokens is not None:
        fixed["U"] = question.unique_tokens
    for name, share in (
        ("active_per_n", question.active_per_n),
        ("total_per_n", question.total_per_n),
    ):
        if share is not None:
            fixed[name] = share
    if precision is not None and set(PRECISION_INPUTS) & set(law.inputs):
        fixed[BITS] = PRECISION_BITS[precision]
    args: dict[str, Any] = {
        "law": {name: parameters[name] for name in law.parameters},
        "fixed": fixed,
        "demand": {"input": question.input_tokens, "output": question.output_tokens},
        "limits": {
            (measure or loss_of(law)).name: limit for measure, limit in limits_of(question, target)
        },
    }
    if question.compute is not None:
        args["compute"] = question.compute
    args["serving"] = {}
    held = {"N": question.params, "D": question.tokens}
    args["held"] = {name: value for name, value in held.items() if value is not None}
    if question.hardware is not None:
        serving = question.serves or question.hardware
        args["training"] = {
            "peak": question.hardware.peak(precision or "bf16"),
            "mfu": question.mfu,
            "usd_per_hour": question.rents[0],
            "gpus": question.gpus or 1.0,
        }
        args["serving"] = {
            "peak": serving.peak(question.serving_format(precision)),
            "input_mfu": question.serving_mfu[0],
            "output_mfu": question.serving_mfu[1],
            "usd_per_hour": question.rents[1],
            "bandwidth": serving.bandwidth,
            "context": question.context,
        }
    if question.serving_bits is not None or not decides_bits(question, law):
        args["serving"]["bits"] = question.weight_bits(precision)
    return args


def reported_measures(question: Question, law: Law, sizes: Sizes = DENSE) -> list[Measure]:
    """The measures that a plan reports besides N, D and bits, in their order in the text."""
    measures = [TOKENS_PER_PARAMETER, loss_of(law), TRAINING_FLOP]
    if not sizes.is_dense:
        measures[:0] = [ACTIVE_PARAMETERS] + [TOTAL_PARAMETERS] * (sizes.total is not None)
    if question.unique_tokens is not None:
        measures.insert(1, EPOCHS)
    if question.demand:
        measures.append(LIFETIME_FLOP)
    if question.hardware is not None:
        measures.append(GPU_HOURS)
        if question.gpus is not None:
            measures.append(DAYS)
    if question.counts_money:
        measures.append(USD)
    if question.memory is not None:
        measures.append(MEMORY)
    if question.latency is not None:
        measures.append(LATENCY)
    return [one if one == loss_of(law) else sized(one, sizes) for one in measures]
