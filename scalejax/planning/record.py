"""The record of a plan: the decision with its intervals, alternatives, sensitivities, warnings.

People hold a `scalejax.planning.Plan`, which adds text and files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from scalejax.errors import UsageError
from scalejax.laws import kumar2024
from scalejax.optima import Answer, Measure, Optima, Regret
from scalejax.planning.alternatives import chances_of, price_candidates, published_spread
from scalejax.planning.analysis import (
    numbers,
    numbers_of_draws,
    regret_of,
    sensitivities,
    with_delta_intervals,
)
from scalejax.planning.evaluation import evaluate_draws
from scalejax.planning.formats import losses_by_bits
from scalejax.planning.problem import args_of, loss_of, reported_measures
from scalejax.planning.question import Question
from scalejax.planning.solution import PlanSolution, solve_question
from scalejax.planning.source import Source
from scalejax.planning.warn import warnings_of
from scalejax.status import Outcome


@dataclass(frozen=True, eq=False, repr=False)
class PlanRecord:
    """What to train, and how sure that is, as numbers.

    Everything but the decision is computed when it is first read.

    Attributes:
        question: The question.
        source: The law and where its parameters come from.
        by_format: The solved problem for each format of the question, best first; one if it names
            none, and empty if it leaves nothing to decide.
        named: The models to price beside the optimum, by name.
        level: Probability of the intervals.
    """

    question: Question
    source: Source
    by_format: Mapping[str, PlanSolution]
    named: Mapping[str, Mapping[str, float]]
    level: float

    @property
    def best(self) -> PlanSolution | None:
        """The solved problem of the best format; None if nothing was left to decide."""
        return next(iter(self.by_format.values()), None)

    @property
    def answer(self) -> Answer | None:
        """The optimum, or why there is none; None if nothing was left to decide."""
        return None if self.best is None else self.best.answer

    @property
    def args(self) -> Mapping[str, Any]:
        """The args of the problem."""
        return self._args_by_format()[0][1] if self.best is None else self.best.args

    @property
    def target(self) -> float | None:
        """Loss to reach; None if a loss is minimised."""
        return self.args["limits"].get(loss_of(self.source.law).name)

    @property
    def options(self) -> dict[str, Answer]:
        """Answers for each format of the question, best first; empty for fewer than two."""
        several = len(self.by_format) > 1
        return {name: one.answer for name, one in self.by_format.items()} if several else {}

    @property
    def outcome(self) -> Outcome:
        """How the search ended; solved if there was nothing to decide."""
        return Outcome.SOLVED if self.answer is None else self.answer.outcome

    @property
    def found(self) -> bool:
        """Whether there is a decision."""
        return self.outcome <= Outcome.AT_RANGE

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that are reported."""
        return tuple(reported_measures(self.question, self.source.law, self.source.sizes))

    @cached_property
    def _draws(self) -> tuple[dict[str, Any], str]:
        return self.source.draws()

    @property
    def method(self) -> str:
        """How the draws were made; empty without any."""
        return self._draws[1]

    @cached_property
    def over(self) -> dict[str, Any]:
        """Args that differ from draw to draw."""
        return {} if self.best is None else self.best.over(self._draws[0])

    @cached_property
    def optima(self) -> Optima | None:
        """The optima of the draws."""
        return self.best.optima(self.over) if self.best is not None and self.found else None

    @cached_property
    def chances(self) -> dict[str, float]:
        """Share of the draws in which each of the formats is best."""
        if not self.options or not self.found:
            return {}
        return chances_of(
            {name: one.optima(one.over(self._draws[0])) for name, one in self.by_format.items()}
        )

    @cached_property
    def bits(self) -> pd.DataFrame:
        """Losses of the formats' decisions under each published law of bits, if they are borrowed.

        A row for each law of bits that has the formats, a column for each of them.
        """
        borrowed = self.source.law is kumar2024 and self.source.added
        if not borrowed or not self.options or not self.found:
            return pd.DataFrame()
        decisions = {name: one.decision for name, one in self.by_format.items() if one.answer.found}
        return losses_by_bits(self.source, decisions)

    @cached_property
    def numbers(self) -> pd.DataFrame:
        """A row for each number, with intervals.

        Columns are `quantity`, `unit`, `estimate`; `lo` and `hi` with draws; `delta_lo` and
        `delta_hi` with a covariance; `precision` where N and D are given and formats are compared.
        """
        if self.best is None:
            return self._prices()
        if not self.found:
            return pd.DataFrame()
        drawn = numbers_of_draws(self.measures, self.best, self.optima, self.over)
        frame = self._own_units(
            numbers(self.measures, self.best.decision, self.args, drawn, self.level)
        )
        if self.source.covariance() is None:
            return frame
        return with_delta_intervals(frame, self.sensitivities, self.source, self.level)

    @cached_property
    def sensitivities(self) -> pd.DataFrame:
        """A row for each of the args, a column for each number: its change in per cent for 1 %."""
        if self.best is None or not self.found:
            return pd.DataFrame()
        return sensitivities(self.best, self.measures)

    @cached_property
    def regret(self) -> Regret | None:
        """What the decision costs under the draws, if N is decided with something else."""
        if self.best is None or not self.found:
            return None
        return regret_of(self.best, self.optima, self.over)

    @cached_property
    def published(self) -> pd.DataFrame:
        """The answer under each published set; empty with `target_loss` or `precisions`."""
        q = self.question
        if not self.found or self.best is None or q.target_loss is not None or q.precisions:
            return pd.DataFrame()
        return published_spread(self.source, lambda other: solve_question(q, other).answer)

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """A row for each model of `named`, priced beside the optimum."""
        if self.best is None or not self.found:
            return pd.DataFrame()
        return price_candidates(
            self.named, self.best, self.measures, self.optima, self.over, self.level
        )

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing the plan, most important first."""
        return warnings_of(self.source, self.question, self.numbers, self.answer, self.optima)

    def check_candidates(self) -> None:
        """Refuse candidates that give what is not decided.

        Raises:
            UsageError: With the candidate and what is decided.
        """
        names = () if self.best is None else self.best.problem.names
        for name, values in self.named.items():
            if unknown := set(values) - set(names):
                raise UsageError(
                    f"candidate {name!r} gives {', '.join(sorted(unknown))}, but what is decided "
                    f"here is {', '.join(names) or 'nothing'}."
                )

    def _args_by_format(self) -> list[tuple[str | None, dict[str, Any]]]:
        """Args for each format where nothing is decided."""
        return [
            (name, args_of(self.question, self.source.law, self.source.params, None, name))
            for name in self.question.precisions or (None,)
        ]

    def _own_units(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(unit=[self.source.own_unit(unit) for unit in frame["unit"]])

    def _prices(self) -> pd.DataFrame:
        """The numbers of a question that gives both N and D: what they cost."""
        frames = []
        for name, args in self._args_by_format():
            over, held = {"law": self._draws[0]}, args["held"]
            drawn = evaluate_draws(self.measures, held, args, over) if self._draws[0] else None
            frame = self._own_units(numbers(self.measures, held, args, drawn, self.level))
            frames.append(frame if name is None else frame.assign(precision=name))
        return pd.concat(frames, ignore_index=True)

    def __getitem__(self, quantity: str) -> float:
        """The estimate of a number of the plan, such as ``plan["N"]``."""
        rows = self.numbers.set_index("quantity")["estimate"]
        if quantity not in rows.index:
            raise KeyError(f"{quantity!r}: the plan has {', '.join(map(str, rows.index))}")
        return float(rows[quantity])
