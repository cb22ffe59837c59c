"""Rows left out on purpose: by a 0/1 column, by number, or the largest values of a column.

Use it through ``load_table(..., exclude=...)``. The forms are closed, there is no expression to
evaluate: ``"outlier5"`` names a column of truth values, ``"top5(loss)"`` means the five largest
losses, and ``[3, 17]`` are row numbers. Every row that goes is recorded with its reason.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.data.columns import match_column, match_name
from scalejax.data.numbers import parse_column
from scalejax.errors import InputProblem, UsageError

_TOP = re.compile(r"\s*top([1-9][0-9]*)\(\s*(.+?)\s*\)\s*")
_TRUTH = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


def excluded_rows(
    frame: pd.DataFrame, exclude: str | Sequence[int], columns: Mapping[str, str] | None = None
) -> tuple[dict[int, str], list[InputProblem]]:
    """The rows that an exclusion names, with the reason of each.

    Args:
        frame: The raw cells.
        exclude: A column of 0/1 or true/false, ``"top<k>(<column>)"``, or row numbers from 1.
        columns: The user's explicit mapping, for the column inside ``top``.

    Returns:
        Row number to reason, and the problems: E124/E126 for the column, E120 for cells that are
        no truth values.

    Raises:
        UsageError: Row numbers or a k beyond the table.
    """
    if not isinstance(exclude, str):
        return _by_number(exclude, len(frame)), []
    match = _TOP.fullmatch(exclude)
    if match is not None and exclude not in frame.columns:
        return _by_size(frame, int(match[1]), match[2], columns)
    column = match_name(frame, exclude)
    return ({}, [column]) if isinstance(column, InputProblem) else _by_truth(frame[column], column)


def _by_number(rows: Sequence[int], count: int) -> dict[int, str]:
    beyond = [row for row in rows if not 1 <= row <= count]
    if beyond:
        raise UsageError(f"exclude names rows {beyond[:5]}, but rows go from 1 to {count}")
    return {int(row): "excluded by row number" for row in sorted(rows)}


def _by_size(
    frame: pd.DataFrame, count: int, wanted: str, columns: Mapping[str, str] | None
) -> tuple[dict[int, str], list[InputProblem]]:
    column = match_column(frame, wanted, columns) or match_name(frame, wanted)
    if isinstance(column, InputProblem):
        return {}, [column]
    parsed = parse_column(frame[column])
    values: Floats = parsed.values
    usable = int(np.isfinite(values).sum())
    if count >= usable:
        problems = parsed.problems(column, range(1, len(frame) + 1))
        if problems:
            return {}, problems
        raise UsageError(f"exclude: top{count}({wanted}) would leave no row of {usable}")
    # Stable, so that of equal values the earlier row goes first.
    order = np.argsort(np.where(np.isfinite(values), -values, np.inf), kind="stable")
    reason = f"excluded: among the {count} largest values of {column!r}"
    return {int(i) + 1: reason for i in np.sort(order[:count])}, []


def _by_truth(cells: "pd.Series[Any]", column: str) -> tuple[dict[int, str], list[InputProblem]]:
    truth = [_TRUTH.get(str(cell).strip().casefold()) for cell in cells.tolist()]
    unclear = tuple(row for row, value in enumerate(truth, 1) if value is None)
    if unclear:
        message = "a column to exclude by must hold 0 or 1 (or true, false) in every row"
        return {}, [InputProblem("E120", message, column, unclear)]
    return {row: f"excluded by {column!r}" for row, value in enumerate(truth, 1) if value}, []
