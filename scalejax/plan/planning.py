"""`plan`: from a law and a question to a decision with everything that a planner asks next."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax.costs import Hardware, find_hardware
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.optima import Answer, Optima, Problem, Regret, regret, solve, solve_many
from scalejax.optima.many import as_arrays
from scalejax.plan.alternatives import chances_of, price_candidates, published_spread
from scalejax.plan.derivatives import delta_intervals, elasticities
from scalejax.plan.measures import BITS, TRAINING_FLOP
from scalejax.plan.numbers import evaluate, evaluate_draws, quantile_interval
from scalejax.plan.question import Question
from scalejax.plan.record import Plan
from scalejax.plan.source import Source, source_of
from scalejax.plan.statement import (
    BITS_VARIABLE,
    D,
    Limit,
    N,
    args_of,
    decides_bits,
    loss_of,
    problem_of,
    reported,
)
from scalejax.plan.warn import warnings_of

if TYPE_CHECKING:
    from scalejax.fitting import Fit

Floats = NDArray[np.float64]

QUALITY = "as_good_as"
_CANDIDATES = 31
_SPREAD = 6.0


def plan(
    source: "Fit | Law | str",
    question: Question | None = None,
    *,
    parameters: Mapping[str, float] | None = None,
    candidates: Mapping[str, Mapping[str, float]] | None = None,
    level: float = 0.95,
    **asked: Any,
) -> Plan:
    """The best model to train for a question, with intervals, alternatives and sensitivities.

        sj.plan(fit, budget=1e24)
        sj.plan("besiroglu2024", as_good_as=5.76e23, output_tokens=1e13)
        sj.plan(fit, usd=5e6, hardware="h100", gpus=4096, max_tokens=3e11)

    Args:
        source: A fit, the identifier of a published set, or a law with `parameters`.
        question: What is asked; or give its fields as keywords.
        parameters: Parameters of the law, if `source` is one.
        candidates: Models by name, as values of N, and D where it is not to follow from the
            question; priced beside the optimum.
        level: Probability of the intervals.
        **asked: Fields of `Question`; hardware may be given by name.

    Raises:
        UsageError: With everything that is wrong with the question.
    """
    origin = source_of(source, parameters)
    asked_for = _question(question, asked)
    asked_for.check(origin.law)
    return _Planner(origin, asked_for, level).plan(candidates or {})


def _question(question: Question | None, asked: Mapping[str, Any]) -> Question:
    if question is not None:
        return replace(question, **asked)
    known = {one.name for one in fields(Question)}
    if unknown := set(asked) - known:
        raise UsageError(
            f"plan has no {', '.join(f'{name}=' for name in sorted(unknown))}; a question has "
            f"{', '.join(sorted(known))}."
        )
    named: dict[str, Hardware | None] = {
        name: find_hardware(value) if isinstance(value, str) else value
        for name, value in asked.items()
        if name in ("hardware", "serving")
    }
    return Question(**{**asked, **named})


@dataclass(frozen=True)
class _Stated:
    """One problem ready to solve: with the problem whose optimum is the loss to reach."""

    problem: Problem
    args: dict[str, Any]
    answer: Answer
    quality: Answer | None

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (self.problem,) if self.quality is None else (self.problem, self.quality.problem)

    @property
    def solutions(self) -> tuple[Any, ...]:
        if self.quality is None:
            return (self.answer.solution,)
        return (self.answer.solution, self.quality.solution)


class _Planner:
    """The steps of a plan, which share the law, the question and the draws."""

    def __init__(self, source: Source, question: Question, level: float) -> None:
        self.source, self.question, self.level = source, question, level
        self.law = source.law
        self.measures = tuple(reported(question, source.law))
        self.draws, self.method = source.draws()

    def plan(self, candidates: Mapping[str, Mapping[str, float]]) -> Plan:
        """The whole of it."""
        precisions = self.question.precisions or (None,)
        if not self.question.decided and not decides_bits(self.question, self.law):
            return self._given(candidates)
        stated = {str(name): self._state(self.source.params, name) for name in precisions}
        ranked = sorted(
            stated, key=lambda name: (not stated[name].answer.found, stated[name].answer.goal)
        )
        best = stated[ranked[0]]
        found = best.answer.found
        optima = {name: self._optima(stated[name]) for name in ranked} if found else {}
        mine = optima.get(ranked[0])
        numbers, slopes = self._numbers(best, mine) if found else (pd.DataFrame(), pd.DataFrame())
        options = {name: stated[name].answer for name in ranked} if len(ranked) > 1 else {}
        return Plan(
            question=self.question,
            source=self.source,
            args=best.args,
            target=best.args["limits"].get("loss"),
            answer=best.answer,
            numbers=numbers,
            level=self.level,
            method=self.method,
            optima=mine,
            regret=self._regret(best, mine) if found else None,
            options=options,
            chances=chances_of(optima) if options else {},
            published=self._published() if found else pd.DataFrame(),
            candidates=price_candidates(
                candidates,
                best.problem,
                best.args,
                self.measures,
                mine,
                self._over(best),
                self.level,
            ),
            sensitivities=slopes,
            warnings=warnings_of(self.source, self.question, numbers, best.answer, mine),
        )

    def _given(self, candidates: Mapping[str, Mapping[str, float]]) -> Plan:
        """N and D are given: only their price is asked."""
        frames = []
        for name in self.question.precisions or (None,):
            args = args_of(self.question, self.law, self.source.params, None, name)
            over = {"law": self.draws} if self.draws else {}
            frame = self._frame(args["held"], args, over, None)
            frames.append(frame if name is None else frame.assign(precision=name))
        numbers = pd.concat(frames, ignore_index=True)
        first = args_of(
            self.question,
            self.law,
            self.source.params,
            None,
            (self.question.precisions or (None,))[0],
        )
        return Plan(
            self.question, self.source, first, None, None, numbers, self.level, self.method,
            None, None, {}, {}, pd.DataFrame(), pd.DataFrame(), pd.DataFrame(),
            warnings_of(self.source, self.question, numbers, None, None),
        )  # fmt: skip

    def _state(
        self, params: Mapping[str, float], precision: str | None, law: Law | None = None
    ) -> _Stated:
        """The problem for one set of parameters and one precision, solved."""
        law = law or self.law
        question, quality, target = self.question, None, self.question.target_loss
        if question.as_good_as is not None:
            quality = self._quality(law, params, precision)
            if not quality.found:
                raise UsageError(f"as_good_as= has no optimum of its own. {quality.summary()}")
            target = quality.goal
        args = args_of(question, law, params, target, precision)
        if quality is not None:
            args["limits"][QUALITY] = question.as_good_as
        problem = problem_of(question, law, target)
        return _Stated(problem, args, solve(problem, args), quality)

    def _quality(self, law: Law, params: Mapping[str, float], precision: str | None) -> Answer:
        """The best loss of the training compute that is to be matched."""
        args = args_of(self.question, law, params, None, precision)
        args["limits"][QUALITY] = self.question.as_good_as
        variables = (N, D, BITS_VARIABLE) if decides_bits(self.question, law) else (N, D)
        limit = TRAINING_FLOP.at_most(Limit(QUALITY))
        return solve(Problem(variables, loss_of(law), (limit,)), args)

    def _over(self, stated: _Stated) -> dict[str, Any]:
        """What differs from draw to draw: the law, and the loss to reach if it is the law's own."""
        if not self.draws:
            return {}
        over: dict[str, Any] = {"law": dict(self.draws)}
        if stated.quality is not None:
            best = solve_many(stated.quality.problem, stated.args, over)
            count = len(best.goal)
            limits = {name: np.full(count, value) for name, value in stated.args["limits"].items()}
            over["limits"] = {**limits, "loss": best.goal}
        return over

    def _optima(self, stated: _Stated) -> Optima | None:
        over = self._over(stated)
        return solve_many(stated.problem, stated.args, over) if over else None

    def _numbers(self, best: _Stated, optima: Optima | None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The numbers of the plan with their intervals, and what moves them."""
        decision = {**best.args["held"], **best.answer.decision}
        frame = self._frame(decision, best.args, self._over(best), optima)
        with jax.enable_x64(True):
            args = as_arrays(best.args)
            value, slopes = elasticities(best.problems, self.measures, best.solutions, args)
        names = [*sorted(decision), *(measure.name for measure in self.measures)]
        place = [names.index(quantity) for quantity in frame["quantity"]]
        paths, _ = jax.tree_util.tree_flatten_with_path(slopes)
        moves = pd.DataFrame([np.asarray(slope) for _, slope in paths], columns=names)
        moves.insert(0, "input", [_path(path) for path, _ in paths])
        moves.insert(1, "value", [float(leaf) for leaf in jax.tree.leaves(args)])
        known = self.source.covariance()
        if known is not None and self.source.fit is not None:
            by_parameter = {name: np.asarray(slopes["law"][name])[place] for name in known[0]}
            freedom = self.source.fit.asymptotics.degrees_of_freedom
            low, high = delta_intervals(
                np.asarray(value)[place],
                by_parameter,
                self.source.params,
                known,
                self.level,
                freedom,
            )
            frame = frame.assign(delta_lo=low, delta_hi=high)
        return frame, moves

    def _frame(
        self,
        decision: Mapping[str, float],
        args: Any,
        over: Mapping[str, Any],
        optima: Optima | None,
    ) -> pd.DataFrame:
        """A row for each variable and measure."""
        order = [name for name in ("N", "D", BITS) if name in decision]
        told = {name: float(decision[name]) for name in order}
        told |= evaluate(self.measures, decision, args)
        units = {"N": "parameters", "D": "tokens", "bits": "bits"}
        units |= {measure.name: measure.unit for measure in self.measures}
        frame = pd.DataFrame(
            {
                "quantity": list(told),
                "unit": [units[name] for name in told],
                "estimate": list(told.values()),
            }
        )
        if not over:
            return frame
        drawn = evaluate_draws(
            self.measures, decision if optima is None else optima.decision, args, over
        )
        ends = [quantile_interval(drawn[name], self.level) for name in told]
        return frame.assign(lo=[low for low, _ in ends], hi=[high for _, high in ends])

    def _regret(self, best: _Stated, optima: Optima | None) -> Regret | None:
        names = best.problem.names
        if optima is None or "N" not in names or len(names) < 2:
            return None
        chosen = best.answer.decision["N"]
        own = optima.decision["N"][optima.solved]
        if not len(own):
            return None
        ends = np.quantile(own, [0.005, 0.995])
        tried = np.append(chosen, np.geomspace(ends[0], ends[1], _CANDIDATES))
        return regret(
            best.problem,
            best.args,
            self._over(best),
            hold=("N",),
            candidates={"N": tried},
            best=optima,
        )

    def _published(self) -> pd.DataFrame:
        """What the question gives under each published set; not where losses would be compared."""
        if self.question.target_loss is not None or self.question.precisions:
            return pd.DataFrame()
        return published_spread(
            self.law, lambda law, params: self._state(params, None, law).answer, self.measures
        )


def _path(path: Any) -> str:
    return ".".join(str(getattr(key, "key", key)) for key in path)
