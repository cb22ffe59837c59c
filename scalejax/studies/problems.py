"""From a study and a table to its problems: which rows each law is fitted to, before any fitting.

A *dataset* is one family with one subset of its runs; a *problem* is a dataset and a recipe. All
recipes of a dataset see the same resamples, so that they can be compared.
"""

from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax.data import Table, load_table
from scalejax.data.joining import SEPARATOR, join_groups
from scalejax.errors import UsageError
from scalejax.fitting.arguments import check_signs, target_of
from scalejax.fitting.arrays import HostTable
from scalejax.laws import Law
from scalejax.studies.study import Recipe, Study
from scalejax.studies.subsets import Chosen, Family, Subset, choose_rows

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """One family with one subset of its runs.

    Attributes:
        family: Name of the family.
        subset: The subset.
        train: Rows of the table that are fitted.
        test: Rows of the table that are predicted.
        unit: Resampling unit of each training row, codes from 0.
        reason: Why there is nothing to fit; empty if there is.
    """

    family: str
    subset: Subset
    train: Ints
    test: Ints
    unit: Ints
    reason: str

    def host_table(self, table: Table, law: Law, stream: int) -> HostTable:
        """The arrays of the training rows."""
        return HostTable(
            tuple(table.inputs[name][self.train] for name in law.inputs),
            table.target[self.train],
            table.weight[self.train],
            self.unit,
            stream,
        )


@dataclass(frozen=True, eq=False)
class Problems:
    """All problems of a study: problem ``r * len(datasets) + k`` is recipe r on dataset k.

    Attributes:
        study: The study.
        table: The rows.
        datasets: Families and subsets.
    """

    study: Study
    table: Table
    datasets: tuple[Dataset, ...]

    def __len__(self) -> int:
        return len(self.study.recipes) * len(self.datasets)

    def recipe(self, problem: int) -> Recipe:
        """How a problem is fitted."""
        return self.study.recipes[problem // len(self.datasets)]

    def dataset(self, problem: int) -> Dataset:
        """What a problem is fitted to."""
        return self.datasets[problem % len(self.datasets)]

    def frame(self) -> pd.DataFrame:
        """One row a problem: family, subset, recipe, counts, and why it was skipped, if so.

        ``N_largest`` is the largest size that is fitted, ``N_target`` the one that is predicted.
        """
        part = pd.DataFrame([self._describe(dataset) for dataset in self.datasets])
        if len(self.study.by) > 1:
            names = part["family"].str.split(SEPARATOR, expand=True, regex=False)
            names.columns = pd.Index([f"by {name}" for name in self.study.by])
            part = pd.concat([part[["family"]], names, part.drop(columns="family")], axis=1)
        parts = [part.assign(recipe=recipe.name) for recipe in self.study.recipes]
        frame = pd.concat(parts, ignore_index=True)
        frame.insert(0, "problem", np.arange(len(frame)))
        return frame

    def _describe(self, dataset: Dataset) -> dict[str, object]:
        size = self.table.inputs["N"]
        return {
            "family": dataset.family,
            **asdict(dataset.subset),
            "models": -1 if dataset.subset.models is None else dataset.subset.models,
            "n_rows": len(dataset.train),
            "n_units": int(dataset.unit.max(initial=-1)) + 1,
            "n_test": len(dataset.test),
            "N_largest": float(size[dataset.train].max()) if len(dataset.train) else np.nan,
            "N_target": float(size[dataset.test].max()) if len(dataset.test) else np.nan,
            "reason": dataset.reason,
        }


SUBSET_COLUMNS = tuple(field.name for field in fields(Subset))


def study_table(study: Study, data: object, **table_options: object) -> Table:
    """The checked rows of a study, with families as groups and runs as clusters.

    Raises:
        InputError: The data cannot be used; all reasons at once.
        UsageError: A column that the study names is not there.
    """
    if isinstance(data, Table):
        missing = [name for name in study.inputs if name not in data.inputs]
        if missing or (study.by and data.group is None) or (study.run and data.cluster is None):
            raise UsageError(
                f"the table must have the inputs {', '.join(study.inputs)}, and groups and "
                "clusters where the study has by= and run=."
            )
        return data
    options = target_of(study.recipes[0].found, table_options)
    data, group = join_groups(data, study.by)
    return load_table(data, inputs=study.inputs, group=group, cluster=study.run, **options)


def make_problems(study: Study, table: Table) -> Problems:
    """All problems of a study on a table.

    Raises:
        UsageError: Residuals of logarithms are asked for, and the response is not positive.
    """
    for recipe in study.recipes:
        check_signs(recipe.goal, table.target)
    families = {"all": np.arange(table.n_rows)}
    if table.group is not None:
        order = np.argsort(table.group, kind="stable")
        ends = np.cumsum(np.bincount(table.group, minlength=len(table.group_labels)))[:-1]
        families = dict(zip(table.group_labels, np.split(order, ends), strict=True))
    datasets: list[Dataset] = []
    for name, rows in families.items():
        datasets += _datasets(study, table, name, rows)
    return Problems(study, table, tuple(datasets))


def _datasets(study: Study, table: Table, name: str, rows: Ints) -> list[Dataset]:
    run = np.arange(len(rows)) if table.cluster is None else _codes(table.cluster[rows])
    family = Family(table.inputs["N"][rows], table.inputs["D"][rows], run)
    seen: dict[bytes, Subset] = {}
    made = []
    for subset in study.subsets:
        chosen = choose_rows(
            family, subset, target=study.target, target_part=study.target_part, seed=study.seed
        )
        if not chosen.reason:
            # The five smallest of five runs are all of them: one dataset, not two.
            same = seen.setdefault(chosen.train.tobytes() + b"|" + chosen.test.tobytes(), subset)
            if same is not subset:
                chosen = Chosen(chosen.train[:0], chosen.test[:0], f"the same rows as: {same}")
        unit = np.arange(len(chosen.train)) if study.resampling == "pairs" else run[chosen.train]
        made.append(
            Dataset(
                name, subset, rows[chosen.train], rows[chosen.test], _codes(unit), chosen.reason
            )
        )
    return made


def _codes(values: Ints) -> Ints:
    """The same names counted from 0."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
