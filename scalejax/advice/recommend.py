"""Each published recommendation, applied to the runs at hand.

Those of Choshen et al. (arXiv:2410.11840) are for one family, so sizes and runs are counted family
by family, and the poorest family is named.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from scalejax.advice import evidence
from scalejax.advice.advice import CHOSHEN, Recommendation
from scalejax.advice.evidence import Trial
from scalejax.advice.families import FamilyRuns, families, has_checkpoints, run_codes
from scalejax.advice.repeats import Repeats
from scalejax.advice.worth import compare
from scalejax.data import Table
from scalejax.engine import run_set_of
from scalejax.errors import UsageError
from scalejax.identify import Identifiability, assess_design, listed
from scalejax.objectives import Model
from scalejax.vocabulary import argument

# Choshen et al. advise to drop the first 10 billion tokens and to train five sizes; 30 % of each
# training are enough.
_TOKENS, _SIZES, _SHARE = 1e10, 5, 0.3
_TENTH = 0.1
"""Share of a training that is dropped instead where runs have few tokens. Set by judgement."""

_FEWEST_SIZES = 3
"""Sizes without which the two parameters of a size term and the floor cannot be told apart."""

_DECADE = 0.999
"""Decades that sizes should span: one, less rounding."""

_FEW_CLUSTERS = 20
"""As in `scalejax.engine`, whose simulations of clusters covered well at 20."""

_NAMED = 3
"""Columns that a sentence names."""


def recommend(
    table: Table,
    model: Model,
    errors: pd.DataFrame,
    repeats: Repeats | None,
    level: float,
    planned: bool,
) -> tuple[Recommendation, ...]:
    """Every recommendation, whether there is something to do or not.

    Args:
        table: The runs.
        model: The law that is to be fitted, with its free parameters.
        errors: Held-out errors, from `scalejax.advice.evidence.held_out_errors`.
        repeats: Repeated runs, if there are any.
        level: Probability of the intervals.
        planned: Whether the table has no losses.
    """
    recommender = _Recommender(table, model, errors, level)
    items = (
        recommender.identifiability(),
        recommender.early_tokens(),
        recommender.checkpoints(),
        recommender.count_of_sizes(),
        recommender.spread_of_sizes(),
        recommender.partial_training(),
        recommender.borrowing(),
        _seeds(repeats, planned),
    )
    return tuple(item for item in items if item is not None)


@dataclass(frozen=True, eq=False)
class _Recommender:
    """A table, the law and the held-out errors, to be turned into recommendations."""

    table: Table
    model: Model
    errors: pd.DataFrame
    level: float

    @cached_property
    def families(self) -> tuple[FamilyRuns, ...]:
        return families(self.table)

    @property
    def has_checkpoints(self) -> bool:
        return has_checkpoints(self.table)

    def recommendation(
        self, name: str, advice: str, needed: bool, before: Trial, after: Trial
    ) -> Recommendation:
        """A recommendation with what it is worth; it applies only where it does no harm."""
        worth: dict[str, Any] = compare(self.errors, before, after, self.level)
        names = (before.name, after.name)
        item = Recommendation(name, advice, needed, CHOSHEN, names, **worth)
        return replace(item, applies=needed and not item.harms)

    def poorest_family(
        self, short: Callable[[FamilyRuns], bool], order: Callable[[FamilyRuns], float]
    ) -> tuple[FamilyRuns, str, int]:
        """The poorest family, words that introduce it, and how many families fall short."""
        poorest = min(self.families, key=order)
        count = sum(map(short, self.families))
        if len(self.families) == 1:
            return poorest, "", count
        words = f"{count} of {len(self.families)} families fall short; in {poorest.name}, "
        return poorest, words + "the poorest, ", count

    def identifiability(self) -> Recommendation | None:
        """Whether the runs determine the law at all; losses are not used."""
        parts = [self.table] if self.table.group is None else self.table.split().values()
        answers = [answer for part in parts if (answer := _answer(self.model, part)) is not None]
        if not answers:
            return None
        worst = max(answers, key=lambda answer: answer.condition)
        open_ = [answer for answer in answers if answer.verdict != "fine"]
        some = f"{len(open_)} of {len(answers)} families leave some open; the worst: "
        problems = "; ".join(map(str, worst.problems))
        advice = (
            f"{some if len(answers) > 1 else ''}{problems}"
            if open_
            else "the runs determine all parameters of the law"
        )
        advice += f" (condition of the runs {worst.condition:.1e}; it should be below 1e3)"
        source = "scalejax.conclusions.design_identifiability, scalejax check"
        return Recommendation("identifiability", advice, bool(open_), source)

    def early_tokens(self) -> Recommendation:
        """Drop what comes before 10 billion tokens, or the first tenth where runs are short."""
        if not self.has_checkpoints:
            return Recommendation("early tokens", _UNNAMED, False, CHOSHEN)
        D, run = self.table.inputs["D"], run_codes(self.table)
        last = np.zeros(run.max() + 1)
        np.maximum.at(last, run, D)
        long = bool(last.min() > 2 * _TOKENS)
        early = D < _TOKENS if long else D / last[run] < _TENTH
        where = "before 10 billion tokens" if long else "in the first tenth of each training"
        count = int(early.sum())
        advice = (
            f"leave out the checkpoints {where}: {count:,} of {self.table.n_rows:,} rows"
            if count
            else f"none of the {self.table.n_rows:,} checkpoints lies {where}"
        )
        after = evidence.TEN_BILLION if long else evidence.FIRST_TENTH
        return self.recommendation("early tokens", advice, count > 0, evidence.PLAIN, after)

    def checkpoints(self) -> Recommendation:
        """Fit intermediate checkpoints, and say which belong together."""
        if not self.has_checkpoints:
            advice = (
                "each run has one row: log losses during training as well, it costs nothing; if "
                f"rows are checkpoints of one model, name it with {argument('run')}"
            )
            return Recommendation("checkpoints", advice, True, CHOSHEN)
        runs = min(family.runs for family in self.families)
        words = f"{sum(family.runs for family in self.families)} runs"
        words += f", {runs} in the smallest family" if len(self.families) > 1 else ""
        few = f"; fewer than {_FEW_CLUSTERS} are few for intervals" if runs < _FEW_CLUSTERS else ""
        advice = (
            f"fit all checkpoints, not only the ends, with {argument('run')} naming the "
            f"runs ({words}){few}"
        )
        return self.recommendation("checkpoints", advice, True, evidence.ENDS, evidence.PLAIN)

    def count_of_sizes(self) -> Recommendation:
        """Five sizes or more."""
        poorest, where, short = self.poorest_family(
            lambda family: family.sizes < _SIZES, lambda family: family.sizes
        )
        count = f"{where}there {_are(poorest.sizes, 'size')}"
        advice = (
            f"train {_SIZES - poorest.sizes} more: {count}, and five are advised"
            if short
            else f"{count}, five are advised"
        )
        return self.recommendation(
            "number of sizes", advice, short > 0, evidence.THREE, evidence.FIVE
        )

    def spread_of_sizes(self) -> Recommendation:
        """Of as many sizes, the largest or those that are spread."""
        poorest, where, short = self.poorest_family(
            lambda family: family.decades < _DECADE, lambda family: family.decades
        )
        advice = (
            f"{where}the sizes span {poorest.decades:.1f} decades; train towards the target, not "
            "below"
        )
        return self.recommendation(
            "larger runs", advice, short > 0, evidence.SPREAD, evidence.LARGEST
        )

    def partial_training(self) -> Recommendation:
        """Thirty per cent of each training may be enough."""
        name = "partial training"
        if not self.has_checkpoints:
            advice = "partial trainings cannot be tested without checkpoints"
            return Recommendation(name, advice, False, CHOSHEN)
        advice = (
            f"{_SHARE:.0%} of each training may be enough: it saves {1 - _SHARE:.0%} of the compute"
        )
        return self.recommendation(name, advice, False, evidence.PLAIN, evidence.THIRD)

    def borrowing(self) -> Recommendation | None:
        """With one or two sizes, take the size term from another family."""
        if not evidence.BORROWED.keys() <= self.model.law.parameters.keys():
            return None
        poorest, where, short = self.poorest_family(
            lambda family: family.sizes < _FEWEST_SIZES, lambda family: family.sizes
        )
        advice = (
            f"{where}there {_are(poorest.sizes, 'size')}, too few for a size term: borrow A and "
            f"alpha from a family of the same architecture, with {argument('fixed')}"
            if short
            else "the runs have sizes of their own; one size with borrowed A and alpha is a "
            "fallback"
        )
        return self.recommendation("borrowing", advice, short > 0, evidence.PLAIN, evidence.ONE)


_UNNAMED = (
    f"there are no checkpoints to leave out ({argument('run')} names the model that rows belong to)"
)


def _answer(model: Model, table: Table) -> Identifiability | None:
    """Which parameters the runs determine; None if the law is finite at no typical point."""
    try:
        return assess_design(run_set_of(model, {}, table), columns=table.columns)
    except UsageError:
        return None


def _seeds(repeats: Repeats | None, planned: bool) -> Recommendation:
    """Measure what seeds do before small differences are believed."""
    if repeats is None:
        advice = (
            "repeat one small run with another seed: no two runs agree in N and D, so that what "
            "seeds differ by is not known here"
        )
        return Recommendation("seeds", advice, True, CHOSHEN)
    if repeats.separated_by:
        more = len(repeats.separated_by) - _NAMED
        rest = [f"{more} more columns"] if more > 0 else []
        apart = listed([*repeats.separated_by[:_NAMED], *rest])
        difference = "" if planned else f" (they differ by {repeats.difference:.2%})"
        advice = (
            f"repeat one small run with another seed: the {repeats.runs} runs of equal N and D"
            f"{difference} differ in {apart} as well"
        )
        return Recommendation("seeds", advice, True, CHOSHEN)
    advice = (
        f"{repeats.runs} runs of the plan are repeats: they will tell what seeds differ by"
        if planned
        else f"runs of equal N and D differ by {repeats.difference:.2%} (typical difference of "
        f"two, which is sqrt 2 standard deviations; {repeats.runs} runs)"
    )
    return Recommendation("seeds", advice, False, CHOSHEN)


def _are(count: int, noun: str) -> str:
    return f"is 1 {noun}" if count == 1 else f"are {count} {noun}s"
