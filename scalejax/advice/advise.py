"""`advise`: which published recommendations apply to a table of runs, and what each is worth there.

The recommendations are those of Choshen et al. (arXiv:2410.11840). What they are worth was found on
their 485 models; here it is computed again on the runs at hand, by holding out runs that are larger
than all that are fitted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scalejax.advice import evidence
from scalejax.advice.record import CHOSHEN, Advice, Recommendation
from scalejax.data import Table, load_table
from scalejax.data.columns import match_column
from scalejax.data.joining import join_groups
from scalejax.data.reader import read_frame
from scalejax.errors import UsageError
from scalejax.fitting.arguments import ObjectiveLike
from scalejax.laws import Law, find_law
from scalejax.studies.results import SEED_FLOOR

_TOKENS = 1e10
SUBSETS = (
    *(evidence.PLAIN, evidence.TEN_BILLION, evidence.FIRST_TENTH, evidence.ENDS),
    *(evidence.THIRD, evidence.ONE, evidence.SPREAD, evidence.LARGEST),
    *(evidence.THREE, evidence.FIVE),
)
"""Choices of runs that are compared."""

_SIZES = 5
_SHARE = 0.3
_FEW_CLUSTERS = 20


def advise(
    data: Any,
    law: str | Law = "chinchilla",
    *,
    run: str | None = None,
    by: str | Sequence[str] | None = None,
    target: Mapping[str, float] | None = None,
    objective: ObjectiveLike = None,
    level: float = 0.95,
    seed: int = 0,
    **table_options: Any,
) -> Advice:
    """Say what to do with a table of runs before a law is believed.

    Args:
        data: As for `scalejax.fit`. A plan of runs, without losses, gets advice without numbers.
        law: The law that is to be fitted, with N and D among its inputs.
        run: Column that names the model of a row, whose rows are its checkpoints.
        by: Column that names the family of a row, or several that name it together.
        target: The model that is to be predicted, ``{"N": 7e10, "D": 1.4e12}``.
        objective: As for `scalejax.fit`.
        level: Probability of the intervals.
        seed: Seed of the resampling of held-out runs.
        **table_options: As for `scalejax.fit`.

    Returns:
        The advice.

    Raises:
        InputError: The data cannot be used.
        UsageError: The law has no N and D, or the target lacks one.
    """
    law = find_law(law)
    if not {"N", "D"} <= {*law.inputs}:
        raise UsageError(
            f"advice needs a law of N and D; {law.name} takes {', '.join(law.inputs)}."
        )
    if target is not None and not {"N", "D"} <= target.keys():
        raise UsageError(f'target= needs N and D, such as {{"N": 7e10, "D": 1.4e12}}: {target}.')
    data, group = join_groups(data, by or ())
    options = {"cluster": run, "group": group, **table_options}
    options = {name: value for name, value in options.items() if value is not None}
    data, planned = _with_losses(data, options)
    table = load_table(data, inputs=law.inputs, **options)
    errors = evidence.nothing()
    if not planned:
        errors = evidence.held_out_errors(table, law, objective, SUBSETS, seed)
    found = _Finder(table, errors, level, seed)
    noise = None if planned else evidence.seed_noise(table)
    distance = None if target is None else _distance(table, target)
    return Advice(
        recommendations=found.all(noise),
        expected=_expected(errors, distance),
        distance=distance,
        tested=float(errors.dropna(subset="ARE")["distance"].max()) if len(errors) else 0.0,
        floor=SEED_FLOOR if noise is None else noise,
        floor_measured=noise is not None,
        level=level,
        seed=seed,
        planned=planned,
    )


class _Finder:
    """Turns a table and its held-out errors into recommendations."""

    def __init__(self, table: Table, errors: pd.DataFrame, level: float, seed: int) -> None:
        self.errors, self.level, self.seed = errors, level, seed
        N, D = table.inputs["N"], table.inputs["D"]
        run = np.arange(table.n_rows) if table.cluster is None else table.cluster
        self.sizes = np.unique(N)
        self.runs = int(run.max()) + 1
        self.rows = table.n_rows
        self.early = int(np.sum(D < _TOKENS))
        self.smallest_end = float(min(D[run == k].max() for k in range(self.runs)))

    def all(self, noise: float | None) -> tuple[Recommendation, ...]:
        """Every recommendation, whether it applies or not."""
        return (
            self.early_tokens(),
            self.checkpoints(),
            self.count_of_sizes(),
            self.spread_of_sizes(),
            self.partial_training(),
            self.borrowing(),
            self.seeds(noise),
        )

    def worth(self, before: Any, after: Any) -> dict[str, Any]:
        """What a change of the subset, or of the recipe, is worth."""
        if self.errors.empty:
            return {}
        return evidence.compare(self.errors, before, after, self.level, self.seed)

    def early_tokens(self) -> Recommendation:
        """Drop what comes before 10 billion tokens, or the first tenth where runs are short."""
        long = self.smallest_end > 2 * _TOKENS
        subset = evidence.TEN_BILLION if long else evidence.FIRST_TENTH
        has = self.rows > self.runs
        how = "before 10 billion tokens" if long else "of the first tenth of each training"
        advice = (
            f"leave out checkpoints {how} ({self.early:,} of {self.rows:,} rows lie before 10 "
            "billion tokens)"
            if has
            else "there are no checkpoints to leave out"
        )
        worth = self.worth((evidence.LAW, evidence.PLAIN), (evidence.LAW, subset)) if has else {}
        return Recommendation("early tokens", advice, has, CHOSHEN, **worth)

    def checkpoints(self) -> Recommendation:
        """Fit intermediate checkpoints, and say which belong together."""
        has = self.rows > self.runs
        few = f", and {self.runs} runs are few for intervals" if self.runs < _FEW_CLUSTERS else ""
        advice = (
            f"fit all checkpoints, not only the ends, with run= or cluster= naming the "
            f"{self.runs} runs{few}"
            if has
            else "each run has one row: log losses during training as well, it costs nothing"
        )
        ends, whole = (evidence.LAW, evidence.ENDS), (evidence.LAW, evidence.PLAIN)
        worth = self.worth(ends, whole) if has else {}
        return Recommendation("checkpoints", advice, True, CHOSHEN, **worth)

    def count_of_sizes(self) -> Recommendation:
        """Five sizes or more."""
        missing = _SIZES - len(self.sizes)
        advice = (
            f"train {missing} more sizes: there are {len(self.sizes)}, and five are advised"
            if missing > 0
            else f"there are {len(self.sizes)} sizes, five are advised"
        )
        three, five = (evidence.LAW, evidence.THREE), (evidence.LAW, evidence.FIVE)
        return Recommendation(
            "number of sizes", advice, missing > 0, CHOSHEN, **self.worth(three, five)
        )

    def spread_of_sizes(self) -> Recommendation:
        """Of as many runs, the largest or those that are spread."""
        decades = float(np.log10(self.sizes[-1] / self.sizes[0]))
        advice = f"the sizes span {decades:.1f} decades; train towards the target, not below"
        worth = self.worth((evidence.LAW, evidence.SPREAD), (evidence.LAW, evidence.LARGEST))
        return Recommendation("larger runs", advice, decades < 1, CHOSHEN, **worth)

    def partial_training(self) -> Recommendation:
        """Thirty per cent of each training may be enough."""
        has = self.rows > self.runs
        advice = (
            f"{_SHARE:.0%} of each training may be enough: it saves {1 - _SHARE:.0%} of the compute"
            if has
            else "partial trainings cannot be tested without checkpoints"
        )
        plain, part = (evidence.LAW, evidence.PLAIN), (evidence.LAW, evidence.THIRD)
        return Recommendation(
            "partial training", advice, False, CHOSHEN, **(self.worth(plain, part) if has else {})
        )

    def borrowing(self) -> Recommendation:
        """With one or two sizes, take the size term from another family."""
        few = len(self.sizes) < 3
        advice = (
            "too few sizes for a size term: borrow A and alpha from a family of the same "
            "architecture, with fixed="
            if few
            else "the runs have sizes of their own; one run with borrowed A and alpha is a fallback"
        )
        own, borrowed = (evidence.LAW, evidence.PLAIN), (evidence.BORROW, evidence.ONE)
        return Recommendation("borrowing", advice, few, CHOSHEN, **self.worth(own, borrowed))

    def seeds(self, noise: float | None) -> Recommendation:
        """Know what seeds do before small differences are believed."""
        advice = (
            "repeat one small run with another seed: no two runs differ in the seed only, so that "
            "the floor of the error is not known here"
            if noise is None
            else f"repeated runs differ by {noise:.2%}"
        )
        return Recommendation("seeds", advice, noise is None, CHOSHEN)


def _distance(table: Table, target: Mapping[str, float]) -> float:
    """Decades of compute 6 N D from the largest run to the target, 0 if it lies within."""
    largest = float(np.max(table.inputs["N"] * table.inputs["D"]))
    return max(float(np.log10(target["N"] * target["D"] / largest)), 0.0)


def _expected(errors: pd.DataFrame, distance: float | None) -> tuple[float, float, float] | None:
    """Median and quartiles of the errors of held-out runs that were at least half as far."""
    if distance is None or errors.empty:
        return None
    plain = errors[(errors["recipe"] == evidence.LAW) & (errors["subset"] == evidence.PLAIN)]
    plain = plain.dropna(subset="ARE")
    far = plain[plain["distance"] >= min(distance / 2, plain["distance"].max())]
    if far.empty:
        return None
    low, middle, high = far["ARE"].quantile([0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)


def _with_losses(data: Any, options: Mapping[str, Any]) -> tuple[Any, bool]:
    """The data; a plan without losses gets ones, which are not looked at."""
    if isinstance(data, Table) or "target" in options:
        return data, False
    frame = read_frame(data)
    if match_column(frame, "loss", options.get("columns")) is not None:
        return data, False
    return frame.assign(loss=1.0), True
