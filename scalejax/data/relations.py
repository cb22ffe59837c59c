"""What is odd between rows and between columns: ratios, repeats, trends, names that do not group.

Use `relation_problems` on an assembled table; single cells and columns have been checked before.
Rows with a problem of their own are left out here, so that no fault is reported twice.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.data.checks import problem_at
from scalejax.data.fit_rows import distinct_values, for_groups
from scalejax.data.table import Table
from scalejax.errors import InputError, InputProblem
from scalejax.quantities import CHECKED
from scalejax.vocabulary import argument

# All limits below were set by judgement: tighter ones warn of sound tables, wider ones miss faults.
TOKENS_PER_PARAMETER = (0.01, 1e5)
"""Usual D/N. The lowest of the 245 Chinchilla runs is 0.036; mixed units are off by 1e3 or more."""
NEAR = 0.01
"""Difference in the logarithm of every input below which two rows are nearly one run."""
# A gap in D/N that takes mixed units, which are off by 1e3 or more, and no wide design.
_JUMP = 100.0
# Share of rows with a near neighbour from which it is reported: a few are neighbours by chance.
_MANY_NEAR = 0.1
# Rounding of N in a log is no change of size.
_SAME_SIZE = 1e-6
# Correlation of log loss and log compute from which the loss counts as rising, and the rows that it
# takes: in fewer, noise alone gives such a correlation.
_RISING_CORRELATION = 0.5
_RISING_ROWS = 6


def relation_problems(table: Table, *, ratio_settled: bool = False) -> list[InputProblem]:
    """E111 for D/N, E150, W202-W204, W213 and W214.

    Args:
        table: The rows in use, n.
        ratio_settled: Whether D/N needs no check: because the user gave the units of N or D
            (fine-tuning and early checkpoints rightly have an odd ratio), or because a column has
            a problem of its own.
    """
    sound = np.isfinite(table.target) & (table.target > 0)
    for quantity, values in table.inputs.items():
        entry = CHECKED.get(quantity)
        sound &= np.isfinite(values) & ((values > 0) | (entry is None or not entry.positive))
    sound_rows = table.select(sound)
    if not sound_rows.n_rows:
        return []
    return [
        *([] if ratio_settled else _tokens_per_parameter(sound_rows)),
        *_inner_runs(sound_rows),
        *_rising_loss(sound_rows),
        *_repeats(sound_rows),
        *_constant_loss(sound_rows),
        *_useless_names(sound_rows),
    ]


def _tokens_per_parameter(table: Table) -> list[InputProblem]:
    """E111 for D/N: beyond the range in the median, or in rows that lie far from all others."""
    if not {"N", "D"} <= table.inputs.keys():
        return []
    ratio = table.inputs["D"] / table.inputs["N"]
    low, high = TOKENS_PER_PARAMETER
    below, above = ratio < low, ratio > high
    odd = below | above
    if low <= np.median(ratio) <= high:
        odd = below & _apart(ratio, below) | above & _apart(1 / ratio, above)
    if not odd.any():
        return []
    message = (
        f"D/N is {ratio[odd].min():.3g} to {ratio[odd].max():.3g} tokens per parameter, outside "
        f"{low:g} to {high:g}: are units mixed up? Correct them; if they are right, say so by "
        f"{argument('units', {'D': 1})}"
    )
    column = table.columns.get("D", table.columns.get("N"))
    return [problem_at("E111", message, column, table.row[odd])]


def _apart(ratio: Floats, low: NDArray[np.bool_]) -> bool:
    """Whether the low ratios are further from the others than runs of one design are."""
    return bool(low.any() and np.min(ratio[~low]) > _JUMP * np.max(ratio[low]))


def _inner_runs(table: Table) -> list[InputProblem]:
    """E150, for the inner level of nested clusters only: a family rightly holds several sizes."""
    runs = table.subcluster
    if runs is None or "N" not in table.columns:
        return []
    column = table.columns["subcluster"]
    otherwise = f"or leave the inner column of {argument('run')} out"
    return changing_runs(table, runs, table.subcluster_labels, column, otherwise)


def changing_runs(
    table: Table, runs: Ints, names: Sequence[str], column: str, otherwise: str
) -> list[InputProblem]:
    """E150: runs that change their size, if any.

    Args:
        table: The rows, n.
        runs: Run of each row, codes from 0, (n,).
        names: Names of the codes.
        column: Column that names them.
        otherwise: What the user may do instead of giving each run its own name, in words.
    """
    if "N" not in table.inputs:
        return []
    size = table.inputs["N"]
    smallest = np.full(len(names), np.inf)
    largest = np.zeros_like(smallest)
    np.minimum.at(smallest, runs, size)
    np.maximum.at(largest, runs, size)
    changing = np.flatnonzero(largest > smallest * (1 + _SAME_SIZE))
    if not changing.size:
        return []
    first = changing[0]
    message = (
        f"{changing.size} runs change their N, {names[first]!r} from {smallest[first]:.6g} to "
        f"{largest[first]:.6g}: two runs under one name? Give every run a name of its own, "
        f"{otherwise}"
    )
    return [problem_at("E150", message, column, table.row[np.isin(runs, changing)])]


def _rising_loss(table: Table) -> list[InputProblem]:
    budget = _log_budget(table)
    if budget is None:
        return []
    loss = np.log(table.target)

    def rises(rows: Ints) -> bool:
        if rows.size < _RISING_ROWS or not (np.ptp(budget[rows]) > 0 and np.ptp(loss[rows]) > 0):
            return False
        return bool(np.corrcoef(budget[rows], loss[rows])[0, 1] > _RISING_CORRELATION)

    message = (
        "the loss rises with compute: an accuracy or a reward in place of a loss, or columns "
        f"mixed up? Name the right one with {argument('columns')}"
    )
    return _in_groups("W202", message, table, rises)


def _log_budget(table: Table) -> Floats | None:
    """The logarithm of C; without it that of N D, or of the one of N and D that there is."""
    if "C" in table.inputs:
        return np.log(table.inputs["C"])
    logs = [np.log(table.inputs[name]) for name in ("N", "D") if name in table.inputs]
    return np.sum(logs, axis=0) if logs else None


def _constant_loss(table: Table) -> list[InputProblem]:
    message = (
        "the loss is the same in every row, so there is nothing to fit and no error to estimate: "
        f"a summary copied to each row? Name the column of final losses with {argument('columns')}"
    )

    def constant(rows: Ints) -> bool:
        return rows.size > 1 and distinct_values(table.target[rows]) == 1

    return _in_groups("W213", message, table, constant)


def _in_groups(
    code: str, message: str, table: Table, is_odd: Callable[[Ints], bool]
) -> list[InputProblem]:
    members = [("", np.arange(table.n_rows))]
    if table.group is not None:
        members = [(n, np.flatnonzero(table.group == i)) for i, n in enumerate(table.group_labels)]
    odd = [(name, rows) for name, rows in members if is_odd(rows)]
    return [for_groups(code, message, table.columns["loss"], odd, table.row)] if odd else []


def _repeats(table: Table) -> list[InputProblem]:
    """W203 for the later copies of a row, W204 for rows that are nearly the same run."""
    inputs = list(table.inputs.values())
    if len(inputs) < 2:
        return []  # Of runs that differ in what the law does not know, nothing is a repeat.
    group = np.zeros(table.n_rows) if table.group is None else table.group.astype(float)
    runs = np.column_stack([group, *inputs, table.target])
    copies = _repeated(runs, keep="first")
    problems = []
    if copies.any():
        copy = int(np.argmax(copies))
        original = int(np.argmax((runs == runs[copy]).all(axis=1)))
        message = (
            f"the same inputs and loss as an earlier row (row {table.row[copy]} as row "
            f"{table.row[original]}): they count double, no weight is changed; remove copies"
        )
        problems.append(problem_at("W203", message, None, table.row[copies]))
    if table.cluster is not None:
        return problems  # Checkpoints of a run that was named are resampled with it.
    single = np.flatnonzero(~copies)
    near = single[_crowded(group[single], [_on_log_scale(values[single]) for values in inputs])]
    # In a plane full of runs a few are neighbours by chance, and their weight does not matter.
    if near.size > _MANY_NEAR * table.n_rows:
        message = (
            f"another row is within 1 % in {', '.join(table.inputs)}: seeds, a sweep of something "
            f"else, or one run twice? Name runs with {argument('run')}, fit what differs "
            f"apart with {argument('by')}, or "
            "keep the best of a sweep; no weight is changed"
        )
        problems.append(problem_at("W204", message, None, table.row[near]))
    return problems


def _on_log_scale(values: Floats) -> Floats:
    """Logarithms, or the values of an input that may be zero."""
    return np.log(values) if (values > 0).all() else values


def _crowded(group: Floats, logs: list[Floats]) -> NDArray[np.bool_]:
    """Which points share a cell of width `NEAR` with another one, on shifted grids.

    Pairs closer than half a cell always do, pairs further apart than a cell never.
    """
    crowded = np.zeros(len(group), bool)
    for shifts in product((0.0, 0.5), repeat=len(logs)):
        cells = [np.floor(x / NEAR + shift) for x, shift in zip(logs, shifts, strict=True)]
        crowded |= _repeated(np.column_stack([group, *cells]), keep=False)
    return crowded


def _repeated(rows: Floats, *, keep: Literal["first", False]) -> NDArray[np.bool_]:
    """Which rows (n, k) repeat another; with ``keep="first"`` the first of equal ones does not."""
    return pd.DataFrame(rows).duplicated(keep=keep).to_numpy()


def _useless_names(table: Table) -> list[InputProblem]:
    problems = []
    for role, labels, remedy in (
        (
            "cluster",
            table.cluster_labels,
            f"leave {argument('run')} out, or name the column of runs",
        ),
        ("subcluster", table.subcluster_labels, f"leave the inner column of {argument('run')} out"),
        (
            "stratum",
            table.stratum_labels,
            f"leave {argument('strata')} out, or name another column",
        ),
    ):
        if role in table.columns and table.n_rows > 1 and len(labels) in (1, table.n_rows):
            what = "the same name in every row" if len(labels) == 1 else "another name in every row"
            message = f"{what}, so that it groups nothing: {remedy}"
            problems.append(InputProblem("W214", message, table.columns[role]))
    return problems


def refuse_changing_runs(table: Table) -> None:
    """Refuse runs of several sizes, which are several runs: shares of training would mean nothing.

    Args:
        table: Runs as clusters, families as groups: a name in two families is two runs.

    Raises:
        InputError: Some runs change their N.
    """
    if table.cluster is None:
        return
    group = np.zeros_like(table.cluster) if table.group is None else table.group
    codes, run = np.unique(group * len(table.cluster_labels) + table.cluster, return_inverse=True)
    names = [table.cluster_labels[code % len(table.cluster_labels)] for code in codes]
    column = table.columns.get("cluster", "cluster")
    if problems := changing_runs(table, run, names, column, f"or leave {argument('run')} out"):
        raise InputError(problems, table.source)
