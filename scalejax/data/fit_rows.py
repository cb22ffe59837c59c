"""`FitRows`: the rows left for a fit, and whether there are enough of them for a law.

Use `scarcity_problems` before anything compiles: it counts rows and distinct values, group by
group. Whether the rows are *placed* well enough to identify every parameter takes the law itself:
see `scalejax.identify`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.data.checks import problem_at
from scalejax.errors import InputProblem

# Rounding in files (seven digits and more) must not make two sizes of one; by judgement.
_SAME_VALUE = 1e-6


@dataclass(frozen=True)
class FitRows:
    """The rows that a law is to be fitted to.

    Attributes:
        inputs: Quantity to float64 (n,).
        columns: Quantity to the user's column name.
        weight: float64 (n,).
        row: Row numbers in the source, int64 (n,).
        group: Group codes, int64 (n,), or None for one group.
        group_labels: Name of each code.
    """

    inputs: Mapping[str, Floats]
    columns: Mapping[str, str]
    weight: Floats
    row: Ints
    group: Ints | None = None
    group_labels: tuple[str, ...] = ()

    def members(self) -> list[tuple[str, Ints]]:
        """Name and positions of each group; one nameless group if there are none."""
        if self.group is None:
            return [("", np.arange(len(self.row)))]
        return [(name, np.flatnonzero(self.group == i)) for i, name in enumerate(self.group_labels)]


def scarcity_problems(rows: FitRows, n_parameters: int) -> list[InputProblem]:
    """E130, E131, E142, W210 and W211: too few rows or sizes for a law, group by group.

    Args:
        rows: The rows to fit.
        n_parameters: Parameters of the law, p. There must be p + 1 rows at least (E130), and as
            many of positive weight (E142); fewer than p + 3 is a warning (W210). With 0, where no
            law is known, only weights that are all zero are refused.
    """
    if not rows.weight.any():
        return [
            InputProblem(
                "E142", "all weights are zero, so that no row is left to fit; give some a weight"
            )
        ]
    if n_parameters <= 0:
        return []
    groups = rows.members()
    problems = _row_count_problems(rows, groups, n_parameters)
    # A row without weight tells the fit nothing, so it adds no size either.
    weighted = [(name, members[rows.weight[members] != 0]) for name, members in groups]
    for quantity, values in rows.inputs.items():
        if not np.isfinite(values).all():
            continue  # Unreadable rows have their own code and may hold further sizes.
        column = rows.columns.get(quantity, quantity)
        problems += _variety_problems(quantity, column, values, weighted, rows.row)
    return problems


def _row_count_problems(
    rows: FitRows, groups: Sequence[tuple[str, Ints]], n_parameters: int
) -> list[InputProblem]:
    few, tight, unweighted = [], [], []
    for name, members in groups:
        weighted = int((rows.weight[members] > 0).sum())
        if members.size <= n_parameters:
            few.append((name, members))
        elif weighted <= n_parameters:
            unweighted.append((name, members))
        elif weighted < n_parameters + 3:
            tight.append((name, members))
    enough = f"for {n_parameters} parameters"
    causes = (
        ("E130", few, f"fewer than {n_parameters + 1} rows {enough}; add runs or simplify the law"),
        (
            "E142",
            unweighted,
            f"positive weights on fewer than {n_parameters + 1} rows {enough}; weigh more of them",
        ),
        ("W210", tight, f"fewer than {n_parameters + 3} rows {enough}; intervals will be wide"),
    )
    return [for_groups(code, text, None, hit, rows.row) for code, hit, text in causes if hit]


def _variety_problems(
    quantity: str,
    column: str,
    values: Floats,
    groups: Sequence[tuple[str, Ints]],
    row: Ints,
) -> list[InputProblem]:
    counts = [(group, distinct_values(values[group[1]])) for group in groups]
    one = [group for group, count in counts if count <= 1]
    two = [group for group, count in counts if count == 2]
    causes = (
        (
            "E131",
            one,
            f"only one value of {quantity}: its exponent cannot be determined; add others",
        ),
        (
            "W211",
            two,
            f"only two values of {quantity}: its exponent rests on two points; add a third",
        ),
    )
    return [for_groups(code, text, column, hit, row) for code, hit, text in causes if hit]


def distinct_values(values: Floats) -> int:
    """How many values differ by more than one part in a million (rounding makes no new size)."""
    ordered = np.sort(values)
    steps = np.diff(ordered) > _SAME_VALUE * np.abs(ordered[1:])
    return int(steps.sum()) + (ordered.size > 0)


def for_groups(
    code: str, message: str, column: str | None, groups: Sequence[tuple[str, Ints]], row: Ints
) -> InputProblem:
    """One problem for all groups that have it, with their names, sizes and rows.

    Args:
        code: Code of the problem.
        message: What is wrong and what to do.
        column: The user's name of the column; None if it is not of one column.
        groups: Name and positions of each group that has it; one nameless group for a whole table.
        row: Row numbers in the source by position, (n,).
    """
    names = [name for name, _ in groups]
    if names == [""]:
        return InputProblem(code, f"{message} ({groups[0][1].size} rows)", column)
    sizes = ", ".join(f"{name!r} ({members.size} rows)" for name, members in groups)
    rows = np.sort(np.concatenate([row[members] for _, members in groups]))
    return problem_at(code, f"{message}, in group {sizes}", column, rows)
