"""`PlanSolution`: a question as a solved problem, for one set of parameters and one format."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.optima import Answer, Optima, Problem, solve, solve_many
from scalejax.planning.measures import TRAINING_FLOP, sized
from scalejax.planning.problem import (
    BITS_VARIABLE,
    D,
    N,
    NamedLimit,
    args_of,
    decides_bits,
    loss_of,
    problem_of,
    widened,
)
from scalejax.planning.question import Question
from scalejax.planning.source import Source
from scalejax.vocabulary import argument

QUALITY = "as_good_as"
"""Name of the limit whose best loss is the loss to reach."""


@dataclass(frozen=True)
class PlanSolution:
    """A problem of a plan and its answer.

    Attributes:
        problem: The problem.
        args: Its args.
        answer: Its answer.
        quality: For `as_good_as`, the optimum of that training compute, whose loss is to be
            reached; otherwise None.
    """

    problem: Problem
    args: dict[str, Any]
    answer: Answer
    quality: Answer | None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problem, and after it the one whose optimum is the loss to reach, if any."""
        return (self.problem,) if self.quality is None else (self.problem, self.quality.problem)

    @property
    def solver_solutions(self) -> tuple[Any, ...]:
        """The solver's solutions of `problems`."""
        solutions = (self.answer.solution,)
        return solutions if self.quality is None else (*solutions, self.quality.solution)

    @property
    def decision(self) -> dict[str, float]:
        """Values of all variables, those that the question gives included."""
        return {**self.args["held"], **self.answer.decision}

    def over(self, draws: Mapping[str, Floats]) -> dict[str, Any]:
        """Args that differ from draw to draw: the law, and with `as_good_as` the loss to reach."""
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
        """The optima of the draws; None without draws."""
        if not over:
            return None
        return solve_many(self.problem, self.args, over, known=self.answer.solution)


def solve_question(
    question: Question, source: Source, precision: str | None = None
) -> PlanSolution:
    """Solve a question for one law with its parameters and one format.

    Raises:
        UsageError: The quality to match has no optimum of its own.
    """
    quality, target = None, question.target_loss
    if question.as_good_as is not None:
        quality = _quality(question, source, precision)
        if not quality.found:
            raise UsageError(
                f"{argument('as_good_as')} has no optimum of its own. {quality.summary()}"
            )
        target = quality.goal
    law = source.law
    args = args_of(question, law, source.params, target, precision)
    if quality is not None:
        args["limits"][QUALITY] = question.as_good_as
    answer = _solve(problem_of(question, law, target, source.sizes), args)
    return PlanSolution(answer.problem, args, answer, quality)


def _solve(problem: Problem, args: dict[str, Any]) -> Answer:
    """The answer, in wider ranges where it hangs on those of the solver."""
    answer = solve(problem, args)
    if not {"N", "D"} & set(answer.at_end):
        return answer
    wide = solve(widened(problem), args)
    return wide if wide.found or not answer.found else answer


def _quality(question: Question, source: Source, precision: str | None) -> Answer:
    """The optimum of the training compute that `as_good_as` names."""
    law = source.law
    args = args_of(question, law, source.params, None, precision)
    args["limits"][QUALITY] = question.as_good_as
    variables = (N, D, BITS_VARIABLE) if decides_bits(question, law) else (N, D)
    limit = sized(TRAINING_FLOP, source.sizes).at_most(NamedLimit(QUALITY))
    return _solve(Problem(variables, loss_of(law), (limit,)), args)
