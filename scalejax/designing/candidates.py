"""A caller's list of runs to choose from: read, checked, with the cost of each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.compute import Compute
from scalejax.data import Candidate, column_list, column_of, parse_column, problem_at
from scalejax.designing.problem import CandidateList
from scalejax.errors import InputError, InputProblem, UsageError
from scalejax.laws import Law
from scalejax.quantities import CHECKED
from scalejax.vocabulary import argument

COST = "cost"


class Candidates(NamedTuple):
    """Runs that could be trained.

    Attributes:
        runs: Inputs, (n,) each.
        cost: Cost of one run of each, (n,); None if it follows from N and D.
    """

    runs: dict[str, Floats]
    cost: Floats | None


def candidates_of(source: pd.DataFrame | Mapping[str, Any], law: Law) -> Candidates:
    """Candidates from a table: the law's inputs under any of their usual names, and ``cost``.

    Raises:
        InputError: A column is missing, or cells are blank, no numbers or not positive; all at
            once, with their rows.
        UsageError: The source is no table.
    """
    frame = _frame(source)
    matches = {name: column_of(frame, name) for name in (*law.inputs, COST)}
    missing = [name for name in law.inputs if matches[name] is None]
    if matches[COST] is None and not {"N", "D"} <= set(law.inputs):
        missing.append(COST)
    problems = []
    if missing:
        text = f"no column for {', '.join(missing)} ({law.name}); {column_list(frame)}"
        problems.append(InputProblem("E126", text))
    values: dict[str, Floats] = {}
    for name, match in matches.items():
        if isinstance(match, InputProblem):
            what = match.message.partition(";")[0]
            problems.append(InputProblem(match.code, f"{what}: rename all but one", match.column))
        elif match is not None:
            values[name], wrong = _read(frame, name, match)
            problems += wrong
    if not len(frame):
        problems.append(InputProblem("E101", "no rows"))
    if problems:
        raise InputError(problems, f"{argument('candidates')}")
    return Candidates({name: values[name] for name in law.inputs}, values.get(COST))


def with_cost(candidates: Candidates, rate: float, money: float, compute: Compute) -> CandidateList:
    """Candidates with their cost.

    Args:
        candidates: The runs.
        rate: Cost of one FLOP.
        money: What may be spent, in the unit of the costs.
        compute: FLOP of a run.

    Raises:
        UsageError: There is not money enough for any.
    """
    runs, cost = candidates
    if cost is None:
        cost = rate * np.asarray(compute.flop(runs["N"], runs["D"]))
    if np.min(cost) > money:
        raise UsageError(
            f"no candidate can be paid for: the cheapest costs {np.min(cost):.3g}, and there is "
            f"{money:.3g}."
        )
    return CandidateList(with_compute(runs, compute), cost)


def with_compute(runs: Mapping[str, Floats], compute: Compute) -> dict[str, Floats]:
    """Runs (n,) with ``log_compute``; zero for laws without N and D."""
    if {"N", "D"} <= runs.keys():
        return {**runs, "log_compute": np.log(compute.flop(runs["N"], runs["D"]))}
    return {**runs, "log_compute": np.zeros(len(next(iter(runs.values()))))}


def _frame(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source.reset_index(drop=True)
    try:
        if isinstance(source, Mapping):
            columns = np.broadcast_arrays(*map(np.atleast_1d, source.values()))
            return pd.DataFrame(dict(zip(map(str, source), columns, strict=True)))
        return pd.DataFrame(source)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{argument('candidates')} is a table of runs, or columns by name: {error}"
        ) from error


def _read(frame: pd.DataFrame, name: str, match: Candidate) -> tuple[Floats, list[InputProblem]]:
    """A column as raw numbers, by the unit in its header, and what is wrong with it."""
    column = match.column
    parsed = parse_column(frame[column])
    rows = np.arange(1, len(frame) + 1)
    problems = parsed.problems(column, rows.tolist())
    if parsed.refused_type:
        return parsed.values, problems
    unreadable = np.isin(rows, [*parsed.unreadable, *parsed.decimal_commas])
    blank = ~np.isfinite(parsed.values) & ~unreadable
    if blank.any():
        message = "blank or not finite; complete these rows or leave them out"
        problems.append(problem_at("E101", message, column, rows[blank]))
    low = np.isfinite(parsed.values) & (parsed.values <= 0)
    if low.any() and (name == COST or (name in CHECKED and CHECKED[name].positive)):
        problems.append(problem_at("E103", f"{name} must be positive", column, rows[low]))
    return parsed.values * match.unit.factor, problems
