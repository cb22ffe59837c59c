"""The problems of a study on a table: which rows each law is fitted to and predicts.

A *dataset* is one family with one subset of its runs; a *problem* is a dataset and a recipe. All
recipes of a dataset see the same resamples, so that they can be compared.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from scalejax._arrays import Ints
from scalejax.data import SEPARATOR, Table, join_groups, load_table, refuse_changing_runs
from scalejax.engine import HostTable, check_signs, target_of
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.studies.study import Recipe, Study
from scalejax.studies.subsets import FamilyRows, Subset, choose_rows
from scalejax.vocabulary import argument
from scalejax.workload import check_memory

_BYTES_PER_DATASET = 130
"""Of the numbers that are kept of a dataset. Measured: 130 each in a study of 3,000."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """One family with one subset of its runs.

    Attributes:
        subset: The subset.
        train: Rows of the table that are fitted.
        test: Rows of the table that are predicted.
        unit: Resampling unit of each training row, codes from 0.
        reason: Why there is nothing to fit; empty if there is.
    """

    subset: Subset
    train: Ints
    test: Ints
    unit: Ints
    reason: str

    def host_table(self, table: Table, law: Law, stream: int) -> HostTable:
        """The arrays of the training rows; `stream` numbers the random numbers of the dataset."""
        return HostTable(
            tuple(table.inputs[name][self.train] for name in law.inputs),
            table.target[self.train],
            table.weight[self.train],
            self.unit,
            stream,
        )


@dataclass(frozen=True, eq=False)
class Problems:
    """All problems of a study: problem ``r * datasets + k`` is recipe r on dataset k.

    Of a dataset only a few numbers are kept, and its rows are chosen again whenever they are
    needed, so that a study may have a million.

    Attributes:
        study: The study.
        table: The rows.
        families: Rows of the table of each family, by name.
        counts: One row a dataset, which is one subset of a family: n_rows, n_units, n_test,
            N_largest, N_target, and the reason why there is nothing to fit.
    """

    study: Study
    table: Table
    families: Mapping[str, Ints]
    counts: pd.DataFrame

    def __len__(self) -> int:
        return len(self.study.recipes) * self.datasets

    @property
    def datasets(self) -> int:
        """Number of datasets."""
        return len(self.counts)

    @property
    def rows(self) -> Ints:
        """Rows that are fitted of each dataset."""
        return self.counts["n_rows"].to_numpy()

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.families)

    def recipe(self, problem: int) -> Recipe:
        """The recipe of a problem."""
        return self.study.recipes[problem // self.datasets]

    def dataset(self, problem: int) -> Dataset:
        """The dataset of a problem."""
        number = problem % self.datasets
        family, k = divmod(number, len(self.study.subsets))
        subset = self.study.subsets[k]
        if reason := self.counts["reason"].iat[number]:
            return _nothing(subset, str(reason))
        rows = self.families[self._names[family]]
        return _FamilyDatasets.of(self.study, self.table, rows).dataset(subset)

    def frame(self, problems: Ints | None = None) -> pd.DataFrame:
        """One row a problem: family, subset, recipe, counts, and why it was skipped, if so.

        ``N_largest`` is the largest size that is fitted, ``N_target`` the one that is predicted.

        Args:
            problems: Numbers of the problems; all if not given.
        """
        numbers = np.arange(len(self)) if problems is None else problems
        recipe, dataset = np.divmod(numbers, self.datasets)
        family, subset = np.divmod(dataset, len(self.study.subsets))
        names = pd.DataFrame({"family": self._names})
        if len(self.study.by) > 1:
            parts = names["family"].str.split(SEPARATOR, expand=True, regex=False)
            parts.columns = pd.Index([f"by {name}" for name in self.study.by])
            names = pd.concat([names, parts], axis=1)
        subsets = pd.DataFrame([asdict(subset) for subset in self.study.subsets])
        subsets["models"] = subsets["models"].fillna(-1).astype(int)
        recipes = pd.DataFrame({"recipe": [recipe.name for recipe in self.study.recipes]})
        sources = ((names, family), (subsets, subset), (self.counts, dataset), (recipes, recipe))
        columns = [part.take(rows).reset_index(drop=True) for part, rows in sources]
        frame = pd.concat(columns, axis=1)
        frame.insert(0, "problem", numbers)
        return frame


def study_table(study: Study, data: object, **table_options: object) -> Table:
    """The checked rows of a study, with families as groups and runs as clusters.

    Raises:
        InputError: The data cannot be used; all reasons at once.
        UsageError: A column that the study names is not there.
    """
    if isinstance(data, Table):
        missing = [name for name in study.inputs if name not in data.inputs]
        parts = {label.count(SEPARATOR) + 1 for label in data.group_labels}
        joined = len(study.by) < 2 or parts == {len(study.by)}
        if missing or (study.by and data.group is None) or (study.run and data.cluster is None):
            raise UsageError(
                f"the table must have the inputs {', '.join(study.inputs)}, and groups and "
                f"clusters where the study has {argument('by')} and {argument('run')}."
            )
        if not joined:
            raise UsageError(
                f"the study has {len(study.by)} columns in {argument('by')}, so names of "
                "groups in the table "
                f"must have as many parts with {SEPARATOR!r} between them."
            )
        table = data
    else:
        if wrong := [name for name in ("inputs", "by", "run") if name in table_options]:
            raise UsageError(
                f"{', '.join(wrong)} of the table come from the study: say "
                f"{argument('by')} for the group and "
                f"{argument('run')} for the cluster."
            )
        # Rows of another sign are told by their number, unless every recipe can take them.
        log = next((one.goal for one in study.recipes if one.goal.kernel.log), None)
        first = study.recipes[0]
        options = target_of(first.found, table_options, log or first.goal)
        data, group = join_groups(data, study.by)
        table = load_table(data, inputs=study.inputs, by=group, run=study.run, **options)
    if study.run is not None:
        refuse_changing_runs(table)
    return table


def make_problems(study: Study, table: Table) -> Problems:
    """All problems of a study on a table.

    Raises:
        UsageError: An objective has residuals of logarithms, and the response is not positive.
    """
    for recipe in study.recipes:
        check_signs(recipe.goal, table.target)
    families: dict[str, Ints] = {"all": np.arange(table.n_rows)}
    if table.group is not None:
        order = np.argsort(table.group, kind="stable")
        ends = np.cumsum(np.bincount(table.group, minlength=len(table.group_labels)))[:-1]
        families = dict(zip(table.group_labels, np.split(order, ends), strict=True))
    kinds = {"families": len(families), "subsets": len(study.subsets)}
    check_memory("subsets", kinds, _BYTES_PER_DATASET)
    counts = [
        _counts(dataset, table)
        for rows in families.values()
        for dataset in _FamilyDatasets.of(study, table, rows).datasets()
    ]
    columns = ["n_rows", "n_units", "n_test", "N_largest", "N_target", "reason"]
    return Problems(study, table, families, pd.DataFrame(counts, columns=columns))


@dataclass(frozen=True, eq=False)
class _FamilyDatasets:
    """One family's rows and their places in the table, from which its datasets are made."""

    study: Study
    place: Ints
    rows: FamilyRows

    @classmethod
    def of(cls, study: Study, table: Table, place: Ints) -> "_FamilyDatasets":
        run = np.arange(len(place)) if table.cluster is None else _codes(table.cluster[place])
        rows = FamilyRows(table.inputs["N"][place], table.inputs["D"][place], run)
        return cls(study, place, rows)

    def dataset(self, subset: Subset) -> Dataset:
        """The dataset of one subset."""
        study = self.study
        split = choose_rows(
            self.rows, subset, target=study.target, target_part=study.target_part, seed=study.seed
        )
        run = self.rows.run[split.train]
        unit = np.arange(len(split.train)) if study.resampling == "pairs" else _codes(run)
        return Dataset(subset, self.place[split.train], self.place[split.test], unit, split.reason)

    def datasets(self) -> Iterator[Dataset]:
        """One for each subset; of those with the same rows only the first has something to fit."""
        owners: dict[bytes, Subset] = {}
        for subset in self.study.subsets:
            dataset = self.dataset(subset)
            if not dataset.reason:
                # The five smallest of five runs are all of them: one dataset, not two.
                rows = dataset.train.tobytes() + b"|" + dataset.test.tobytes()
                same = owners.setdefault(rows, subset)
                if same is not subset:
                    dataset = _nothing(subset, f"the same rows as: {same}")
            yield dataset


def _nothing(subset: Subset, reason: str) -> Dataset:
    none = np.empty(0, np.int64)
    return Dataset(subset, none, none, none, reason)


def _counts(dataset: Dataset, table: Table) -> tuple[object, ...]:
    size = table.inputs["N"]
    return (
        len(dataset.train),
        int(dataset.unit.max(initial=-1)) + 1,
        len(dataset.test),
        float(size[dataset.train].max()) if len(dataset.train) else np.nan,
        float(size[dataset.test].max()) if len(dataset.test) else np.nan,
        # Few reasons are given to many datasets: each is kept once.
        sys.intern(dataset.reason),
    )


def _codes(values: Ints) -> Ints:
    """The values as codes from 0."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
