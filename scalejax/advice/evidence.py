"""Errors on held-out runs, for each choice of runs that a recommendation is about (`TRIALS`).

Every size from the fourth up takes its turn as the target: all other runs of that size and of
larger ones are set aside, and the end of its training is predicted from the smaller sizes. Where
each run has one row, a size stands for a model: all of its rows are the target, or none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from scalejax._arrays import Ints
from scalejax.advice.families import has_checkpoints, size_codes
from scalejax.data import Table, encode_labels
from scalejax.engine import ObjectiveLike
from scalejax.folds import leave_sizes
from scalejax.laws import Law
from scalejax.studies import Recipe, Study, StudyResult, Subset
from scalejax.studies import study as run_study

FEWEST_SIZES = 4
"""Sizes that a family needs: one to predict, and three to fit a law without borrowing."""

MOST_TARGETS = 6
"""Most targets of a family, spread over its sizes; more cost time. Set by judgement."""

BORROWED = {"A": float(np.exp(6.255414)), "alpha": 0.3526596}
"""Size term to borrow by default: the start of the fits in the code of arXiv:2410.11840."""


class Trial(NamedTuple):
    """A way to choose and to fit the runs below a target.

    Attributes:
        name: Its name.
        subset: Which of the rows are fitted.
        part: Whether it takes a part of each training, which needs checkpoints.
        counts_sizes: Whether its number of models is one of sizes, however many runs each has.
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


class Targets(NamedTuple):
    """For every target the rows of its run and of all runs of smaller sizes.

    Attributes:
        table: The rows, with the target as group; sizes that differ by rounding are the same.
        names: Of each row its size, and its run, which is the size where runs have no checkpoints.
        rank: Of each row the number of its size from the smallest.
    """

    table: Table
    names: dict[str, list[str]]
    rank: Ints

    def __bool__(self) -> bool:
        return self.table.n_rows > 0

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the targets."""
        return self.table.group_labels

    def by(self, unit: str) -> Table:
        """The rows with clusters of sizes, or of runs."""
        codes, labels = encode_labels(self.names[unit])
        return replace(self.table, cluster=codes, cluster_labels=labels)

    @property
    def distances(self) -> dict[str, float]:
        """Decades of compute, as N D, between each target and the largest run that is fitted."""
        compute = np.log10(self.table.inputs["N"] * self.table.inputs["D"])
        distances = {}
        for code, name in enumerate(self.groups):
            own = self.table.group == code
            last = own & (self.rank == self.rank[own].max())
            distances[name] = float(compute[last].max() - compute[own & ~last].max())
        return distances


def rolling_targets(table: Table) -> Targets:
    """The targets of a table of families."""
    size = size_codes(table.inputs["N"])
    N, D = table.inputs["N"][np.unique(size, return_index=True)[1]][size], table.inputs["D"]
    sizes = [f"size {code}" for code in size]
    cluster = table.cluster if has_checkpoints(table) else None
    runs = sizes if cluster is None else [table.cluster_labels[code] for code in cluster]
    run = encode_labels(runs)[0]
    group = np.zeros(table.n_rows, np.int64) if table.group is None else table.group
    places, names = [], []
    for code, family in enumerate(table.group_labels or ("all",)):
        rows = np.flatnonzero(group == code)
        for fold in leave_sizes(size[rows], D[rows], run[rows], FEWEST_SIZES, MOST_TARGETS):
            members = rows[fold.train | fold.test]
            places.append(members)
            names += [f"{family} up to {N[rows][fold.test][0]:.7g}"] * len(members)
    index = np.concatenate(places) if places else np.empty(0, np.int64)
    codes, labels = encode_labels(names)
    rows_of_targets = replace(table, inputs={**table.inputs, "N": N}).take(index)
    return Targets(
        replace(rows_of_targets, group=codes, group_labels=labels),
        {"size": [sizes[k] for k in index], "run": [runs[k] for k in index]},
        size[index],
    )


def studies(
    targets: Targets, law: Law, objective: ObjectiveLike, trials: Sequence[Trial] = TRIALS
) -> Iterator[tuple[Study, Table, dict[Subset, Trial]]]:
    """Studies that cover the trials of all targets, with rows and the trial of each subset."""
    names = targets.names
    checkpoints = names["run"] != names["size"]
    each = {*zip(np.asarray(targets.table.group), names["size"], names["run"], strict=True)}
    several = len(each) > len({(group, size) for group, size, _ in each})
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
            targets.by(unit),
            batch,
        )  # fmt: skip


def held_out_errors(
    targets: Targets, law: Law, objective: ObjectiveLike, trials: Sequence[Trial] = TRIALS
) -> pd.DataFrame:
    """Errors of every target in every trial that its rows allow.

    Args:
        targets: From `rolling_targets`.
        law: The law.
        objective: As for `scalejax.fit`.
        trials: What to try.

    Returns:
        Columns target, trial, ARE (NaN where no law could be fitted), fitted (the same for trials
        that fit the same rows) and distance (decades of compute beyond the runs that are fitted).
    """
    records: list[dict[str, object]] = []
    if targets:
        for number, (study, table, batch) in enumerate(studies(targets, law, objective, trials)):
            result = run_study(study, table)
            assert result is not None
            records += _errors(result, batch, number)
    errors = pd.DataFrame(records, columns=["target", "trial", "ARE", "fitted"])
    return errors.assign(distance=errors["target"].map(targets.distances).astype(float))


def _errors(
    result: StudyResult, batch: dict[Subset, Trial], number: int
) -> Iterator[dict[str, object]]:
    """One record for each target and trial of a study of one recipe."""
    estimates = result.held_out.set_index("problem")["estimate"]
    minimum = {*result.usable["problem"]}
    problems = result.problems.frame()
    subsets = [*batch] * (len(problems) // len(batch))
    # A subset that leaves the rows of an earlier one is not fitted again.
    twins = {
        (family, f"the same rows as: {subset}"): problem
        for problem, family, subset in zip(
            problems["problem"], problems["family"], subsets, strict=True
        )
    }
    columns = problems[["problem", "family", "reason"]].itertuples(index=False)
    for (problem, family, reason), subset in zip(columns, subsets, strict=True):
        twin = twins.get((family, reason), problem)
        if twin in estimates.index:
            yield {
                "target": family,
                "trial": batch[subset].name,
                "ARE": estimates[twin] if twin in minimum else np.nan,
                "fitted": f"{number}/{twin}",
            }
