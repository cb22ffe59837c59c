"""The record of a plan: the decision with its intervals, alternatives, sensitivities, warnings.

People hold a `scalejax.planning.Plan`, which is one that can say and save what it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from scalejax.errors import UsageError
from scalejax.optima import Answer, Measure, Optima, Regret
from scalejax.planning.alternatives import chances_of, price_candidates, published_spread
from scalejax.planning.followups import (
    numbers,
    numbers_of_draws,
    regret_of,
    sensitivities,
    with_delta_intervals,
)
from scalejax.planning.numbers import evaluate_draws
from scalejax.planning.question import Question
from scalejax.planning.source import Source
from scalejax.planning.stated import Stated, state
from scalejax.planning.statement import args_of, loss_of, reported
from scalejax.planning.warn import warnings_of
from scalejax.status import Outcome


@dataclass(frozen=True, eq=False, repr=False)
class PlanRecord:
    """What to train, and how sure that is, as numbers.

    They are computed when they are first asked for.

    Attributes:
        question: What was asked.
        source: The law and where its parameters come from.
        stated: The problem with its answer for each format that was named, best first; one if none
            was named, and empty if nothing was left to decide.
        named: Models that were named, by name.
        level: Probability of the intervals.
    """

    question: Question
    source: Source
    stated: Mapping[str, Stated]
    named: Mapping[str, Mapping[str, float]]
    level: float

    @property
    def best(self) -> Stated | None:
        """The best of them."""
        return next(iter(self.stated.values()), None)

    @property
    def answer(self) -> Answer | None:
        """The optimum, or why there is none; None if nothing was left to decide."""
        return None if self.best is None else self.best.answer

    @property
    def args(self) -> Mapping[str, Any]:
        """The args of the problem."""
        return self._given_args()[0][1] if self.best is None else self.best.args

    @property
    def target(self) -> float | None:
        """Loss to reach; None if a loss is minimised."""
        return self.args["limits"].get(loss_of(self.source.law).name)

    @property
    def options(self) -> dict[str, Answer]:
        """Answers for each format that was named, best first."""
        several = len(self.stated) > 1
        return {name: one.answer for name, one in self.stated.items()} if several else {}

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
        """What is told of a decision."""
        return tuple(reported(self.question, self.source.law))

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
            {name: one.optima(one.over(self._draws[0])) for name, one in self.stated.items()}
        )

    @cached_property
    def numbers(self) -> pd.DataFrame:
        """A row for each number, with intervals.

        Columns are `quantity`, `unit`, `estimate`; `lo` and `hi` with draws; `delta_lo` and
        `delta_hi` with a covariance; `precision` if only prices of several formats were asked.
        """
        if self.best is None:
            return self._given()
        if not self.found:
            return pd.DataFrame()
        drawn = numbers_of_draws(self.measures, self.best, self.optima, self.over)
        frame = numbers(self.measures, self.best.decision, self.args, drawn, self.level)
        if self.source.covariance() is None:
            return frame
        return with_delta_intervals(frame, self.sensitivities, self.source, self.level)

    @cached_property
    def sensitivities(self) -> pd.DataFrame:
        """A row for each of the args, a column for each number: per cent per per cent."""
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
        """A row for each published set of laws with the same inputs, where losses do not matter."""
        asked = self.question
        if not self.found or self.best is None or asked.target_loss is not None or asked.precisions:
            return pd.DataFrame()
        return published_spread(
            self.source, lambda other: state(asked, other.law, other.params).answer
        )

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """A row for each model that was named, priced beside the optimum."""
        if self.best is None or not self.found:
            return pd.DataFrame()
        return price_candidates(
            self.named, self.best, self.measures, self.optima, self.over, self.level
        )

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing it."""
        return warnings_of(self.source, self.question, self.numbers, self.answer, self.optima)

    def check_candidates(self) -> None:
        """Refuse candidates that give what is not decided.

        Raises:
            UsageError: With the candidate and what is decided.
        """
        names = () if self.best is None else self.best.problem.names
        for name, given in self.named.items():
            if unknown := set(given) - set(names):
                raise UsageError(
                    f"candidate {name!r} gives {', '.join(sorted(unknown))}, but what is decided "
                    f"here is {', '.join(names) or 'nothing'}."
                )

    def _given_args(self) -> list[tuple[str | None, dict[str, Any]]]:
        """Args for each format where nothing is decided."""
        return [
            (name, args_of(self.question, self.source.law, self.source.params, None, name))
            for name in self.question.precisions or (None,)
        ]

    def _given(self) -> pd.DataFrame:
        """N and D are given: only their price is asked."""
        frames = []
        for name, args in self._given_args():
            over, held = {"law": self._draws[0]}, args["held"]
            drawn = evaluate_draws(self.measures, held, args, over) if self._draws[0] else None
            frame = numbers(self.measures, held, args, drawn, self.level)
            frames.append(frame if name is None else frame.assign(precision=name))
        return pd.concat(frames, ignore_index=True)

    def __getitem__(self, quantity: str) -> float:
        """The estimate of a number of the plan, such as ``plan["N"]``."""
        rows = self.numbers.set_index("quantity")["estimate"]
        if quantity not in rows.index:
            raise KeyError(f"{quantity!r}: the plan has {', '.join(map(str, rows.index))}")
        return float(rows[quantity])
