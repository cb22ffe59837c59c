"""A question stated and solved for one set of parameters, with the quality that it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.optima import Answer, Optima, Problem, solve, solve_many
from scalejax.planning.measures import TRAINING_FLOP
from scalejax.planning.question import Question
from scalejax.planning.statement import (
    BITS_VARIABLE,
    D,
    Limit,
    N,
    args_of,
    decides_bits,
    loss_of,
    problem_of,
)
from scalejax.vocabulary import argument

QUALITY = "as_good_as"
"""Name of the limit whose best loss is the loss to reach."""


@dataclass(frozen=True)
class Stated:
    """A problem and its answer.

    Attributes:
        problem: The problem.
        args: Its args.
        answer: Its answer.
        quality: The answer whose loss is the loss to reach, if it is not a number.
    """

    problem: Problem
    args: dict[str, Any]
    answer: Answer
    quality: Answer | None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problem, and the one before it that sets the loss to reach."""
        return (self.problem,) if self.quality is None else (self.problem, self.quality.problem)

    @property
    def solutions(self) -> tuple[Any, ...]:
        """Their solutions."""
        found = (self.answer.solution,)
        return found if self.quality is None else (*found, self.quality.solution)

    @property
    def decision(self) -> dict[str, float]:
        """The decision, with what was given."""
        return {**self.args["held"], **self.answer.decision}

    def over(self, draws: Mapping[str, Floats]) -> dict[str, Any]:
        """What differs from draw to draw: the law, and the loss to reach if it is the law's own."""
        if not draws:
            return {}
        over: dict[str, Any] = {"law": dict(draws)}
        if self.quality is not None:
            quality = self.quality
            best = solve_many(quality.problem, self.args, over, known=quality.solution)
            count = len(best.goal)
            limits = {name: np.full(count, value) for name, value in self.args["limits"].items()}
            over["limits"] = {**limits, "loss": best.goal}
        return over

    def optima(self, over: Mapping[str, Any]) -> Optima | None:
        """The optima of the draws."""
        if not over:
            return None
        return solve_many(self.problem, self.args, over, known=self.answer.solution)


def state(
    question: Question, law: Law, params: Mapping[str, float], precision: str | None = None
) -> Stated:
    """State a question for one law, its parameters and one format, and solve it.

    Raises:
        UsageError: The quality to match has no optimum of its own.
    """
    quality, target = None, question.target_loss
    if question.as_good_as is not None:
        quality = _quality(question, law, params, precision)
        if not quality.found:
            raise UsageError(
                f"{argument('as_good_as')} has no optimum of its own. {quality.summary()}"
            )
        target = quality.goal
    args = args_of(question, law, params, target, precision)
    if quality is not None:
        args["limits"][QUALITY] = question.as_good_as
    problem = problem_of(question, law, target)
    return Stated(problem, args, solve(problem, args), quality)


def _quality(
    question: Question, law: Law, params: Mapping[str, float], precision: str | None
) -> Answer:
    """The best loss of the training compute that is to be matched."""
    args = args_of(question, law, params, None, precision)
    args["limits"][QUALITY] = question.as_good_as
    variables = (N, D, BITS_VARIABLE) if decides_bits(question, law) else (N, D)
    limit = TRAINING_FLOP.at_most(Limit(QUALITY))
    return solve(Problem(variables, loss_of(law), (limit,)), args)
