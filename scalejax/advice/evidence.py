"""Errors on held-out runs, with each choice of runs that a recommendation is about and without it.

Every size from the fourth up takes its turn as the target: all other runs of that size and of
larger ones are set aside, and the end of its training is predicted from the smaller sizes. Where
each run has one row, a size stands for a model: all of its rows are the target, or none.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scalejax.advice.families import has_checkpoints, size_codes
from scalejax.data import Table
from scalejax.engine import ObjectiveLike
from scalejax.laws import Law
from scalejax.studies import Recipe, Study, StudyResult, Subset, run_study

FEWEST_SIZES = 4
MOST_TARGETS = 6

BORROWED = {"A": float(np.exp(6.255414)), "alpha": 0.3526596}
"""Size term to borrow if nothing better is at hand: where the code of arXiv:2410.11840 starts."""

ROWS: dict[str, Any] = {"weights": "weight", "columns": {"loss": "loss"}}
"""How `rolling_targets` names its columns."""


class Trial(NamedTuple):
    """A way to choose and to fit the runs below a target.

    Attributes:
        name: Its name.
        subset: Which of the rows are fitted.
        part: Whether it takes a part of each training, which needs checkpoints.
        counts_sizes: Whether the models that it counts are sizes, however many runs each has.
        borrowed: Whether the size term is borrowed.
    """

    name: str
    subset: Subset
    part: bool = False
    counts_sizes: bool = False
    borrowed: bool = False


PLAIN = Trial("all rows", Subset())
TEN_BILLION = Trial("rows from 10 billion tokens on", Subset(drop=1e10), part=True)
FIRST_TENTH = Trial("rows after the first tenth", Subset(since=0.1), part=True)
ENDS = Trial("ends only", Subset(since=1.0), part=True)
THIRD = Trial("first 30 % only", Subset(until=0.3), part=True)
SPREAD = Trial("four spread sizes", Subset(models=4, choose="spread"), counts_sizes=True)
LARGEST = Trial("the four largest sizes", Subset(models=4, choose="largest"), counts_sizes=True)
THREE = Trial("three sizes", Subset(models=3, choose="spread"), counts_sizes=True)
FIVE = Trial("five sizes", Subset(models=5, choose="spread"), counts_sizes=True)
ONE = Trial(
    "one size, borrowed", Subset(models=1, choose="largest"), counts_sizes=True, borrowed=True
)

TRIALS = (PLAIN, TEN_BILLION, FIRST_TENTH, ENDS, THIRD, SPREAD, LARGEST, THREE, FIVE, ONE)


def rolling_targets(table: Table) -> pd.DataFrame:
    """Rows of every target: its run, and all runs of smaller sizes.

    The group names the target, ``size`` the size, and ``run`` the run, which is the size where
    runs have no checkpoints. Sizes that differ by rounding are made the same.
    """
    frame = table.to_frame()
    if table.group is None:
        frame["group"] = "all"
    frame["rank"] = size_codes(table.inputs["N"])
    frame["N"] = frame.groupby("rank")["N"].transform("first")
    frame["size"] = "size " + frame["rank"].astype(str)
    frame["run"] = frame["cluster"] if has_checkpoints(table) else frame["size"]
    parts: list[pd.DataFrame] = []
    for name, rows in frame.groupby("group", sort=False):
        ranks = np.unique(rows["rank"])[FEWEST_SIZES - 1 :]
        places = np.linspace(0, len(ranks) - 1, min(MOST_TARGETS, len(ranks))).round().astype(int)
        for rank in ranks[places]:
            same = rows["rank"] == rank
            last = rows[same].sort_values("D").iloc[-1]
            part = rows[(rows["rank"] < rank) | (same & (rows["run"] == last["run"]))]
            parts.append(part.assign(group=f"{name} up to {last['N']:.7g}"))
    return pd.concat(parts, ignore_index=True) if parts else frame.iloc[:0]


def studies(
    rows: pd.DataFrame, law: Law, objective: ObjectiveLike, trials: Sequence[Trial] = TRIALS
) -> Iterator[tuple[Study, dict[Subset, Trial]]]:
    """The studies that the trials of all targets make, and the trial of each subset."""
    checkpoints = bool((rows["run"] != rows["size"]).any())
    several = bool((rows.groupby(["group", "size"])["run"].nunique() > 1).any())
    batches: dict[tuple[str, bool], dict[Subset, Trial]] = {}
    for trial in trials:
        if trial.part and not checkpoints:
            continue
        if trial.borrowed and not BORROWED.keys() <= law.parameters.keys():
            continue
        # Where each size has one run, one study serves both ways of counting.
        unit = "size" if trial.counts_sizes and several else "run"
        batches.setdefault((unit, trial.borrowed), {})[trial.subset] = trial
    for (unit, borrowed), batch in batches.items():
        recipe = Recipe(law, objective, fixed=BORROWED if borrowed else {})
        yield (
            Study(
                recipes=(recipe,), by=("group",), run=unit, subsets=tuple(batch), resamples=0
            ),
            batch,
        )  # fmt: skip


def held_out_errors(
    rows: pd.DataFrame, law: Law, objective: ObjectiveLike, trials: Sequence[Trial] = TRIALS
) -> pd.DataFrame:
    """Errors of every target in every trial that can be made.

    Args:
        rows: From `rolling_targets`.
        law: The law.
        objective: As for `scalejax.fit`.
        trials: What to try.

    Returns:
        Columns target, trial, ARE (NaN where no law could be fitted), fitted (the same for trials
        that fit the same rows) and distance (decades of compute beyond the runs that are fitted).
    """
    found: list[dict[str, object]] = []
    if len(rows):
        for number, (study, batch) in enumerate(studies(rows, law, objective, trials)):
            result = run_study(study, rows, **ROWS)
            assert result is not None
            found += _errors(result, batch, number)
    errors = pd.DataFrame(found, columns=["target", "trial", "ARE", "fitted"])
    distance = {name: _distance(part) for name, part in rows.groupby("group")}
    return errors.assign(distance=errors["target"].map(distance).astype(float))


def _errors(
    result: StudyResult, batch: dict[Subset, Trial], number: int
) -> Iterator[dict[str, object]]:
    """One record for each target and trial of a study of one recipe."""
    estimates = result.held_out.set_index("problem")["estimate"]
    minimum = {*result.usable["problem"]}
    described = result.problems.frame()
    subsets = [*batch] * (len(described) // len(batch))
    # A subset that leaves the rows of an earlier one is not fitted again.
    twins = {
        (family, f"the same rows as: {subset}"): problem
        for problem, family, subset in zip(
            described["problem"], described["family"], subsets, strict=True
        )
    }
    columns = described[["problem", "family", "reason"]].itertuples(index=False)
    for (problem, family, reason), subset in zip(columns, subsets, strict=True):
        solved = twins.get((family, reason), problem)
        if solved in estimates.index:
            yield {
                "target": family,
                "trial": batch[subset].name,
                "ARE": estimates[solved] if solved in minimum else np.nan,
                "fitted": f"{number}/{solved}",
            }


def _distance(rows: pd.DataFrame) -> float:
    """Decades of compute, as N D, between the target and the largest run that is fitted."""
    own = rows["rank"] == rows["rank"].max()
    compute = np.log10(rows["N"] * rows["D"])
    return float(compute[own].max() - compute[~own].max())
