"""The forecast of each problem of a shard: one run to come, all problems as one batch.

It rests on the rows of the problem and on no resample, so that the shard with the sample itself
makes it. A problem that cannot be forecast says why.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from scalejax._arrays import Floats
from scalejax.compute import Compute
from scalejax.errors import UsageError
from scalejax.fitting import larger_runs, unforeseeable_rows, usual_inside
from scalejax.forecasting import (
    FieldLaw,
    ForecastRows,
    reach_of,
    rows_of,
    runs_to_come,
    solve_all,
)
from scalejax.laws import Law
from scalejax.studies.problems import Problems
from scalejax.studies.shards import Shard
from scalejax.studies.study import multiple_of

LOSS, LOW, HIGH, REASON = FORECAST = (
    "forecast",
    "forecast_lo",
    "forecast_hi",
    "forecast_reason",
)
"""Columns: the loss, the ends of its interval, and why there is none."""


def forecast_columns(problems: Problems, shard: Shard) -> dict[str, Any]:
    """The columns of a shard; of rows that are resamples they are empty.

    Args:
        problems: All problems of the study.
        shard: The shard.

    Returns:
        One value a fit, in the order of the rows.
    """
    columns: dict[str, Any] = {name: np.full(shard.fits, np.nan) for name in (LOSS, LOW, HIGH)}
    reasons = [""] * shard.fits
    if shard.first == 0:
        numbers, why = _forecasts(problems, shard.problems)
        for name, values in zip((LOSS, LOW, HIGH), numbers.T, strict=True):
            columns[name][:: shard.draws] = values
        reasons[:: shard.draws] = why
    return {**columns, REASON: reasons}


def _forecasts(problems: Problems, some: tuple[int, ...]) -> tuple[Floats, list[str]]:
    """Loss and ends of some problems of one recipe, (p, 3), and why there are none."""
    study, recipe = problems.study, problems.recipe(some[0])
    law, table = recipe.found, problems.table
    numbers, why = np.full((len(some), 3), np.nan), [""] * len(some)
    # A table of a study has the inputs of all its laws.
    own = replace(table, inputs={name: table.inputs[name] for name in law.inputs})
    rows, ahead = {}, {}
    for place, problem in enumerate(some):
        train = problems.dataset(problem).train
        why[place] = unforeseeable_rows(recipe.model.free, table.target[train], table.weight[train])
        if why[place]:
            continue
        rows[place] = rows_of(own, train)
        try:
            ahead[place] = _run_to_come(study.forecast_at, rows[place], law, table.compute)
        except UsageError as error:
            why[place] = str(error)
            del rows[place]
    if not rows:
        return numbers, why
    inside = usual_inside(law, recipe.fixed, recipe.tied)
    fixed = {} if isinstance(inside, FieldLaw) else dict(recipe.fixed)
    answers = solve_all(inside, [*rows.values()], [*ahead.values()], fixed)
    for place, answer in zip(rows, answers, strict=True):
        reach = reach_of(rows[place], study.level) * answer.sd
        log = answer.log_response
        with np.errstate(over="ignore"):
            values = np.exp(np.concatenate([log, log - reach, log + reach]))
        if np.isfinite(values).all():
            numbers[place] = values
        else:
            why[place] = "its interval has no finite end"
    return numbers, why


def _run_to_come(
    at: Any, rows: ForecastRows, law: Law, compute: Compute | None
) -> dict[str, Floats]:
    """Inputs of the run to come, (1,) each."""
    if isinstance(at, str):
        at = larger_runs(rows, (multiple_of(at),), "forecast_at", compute)
    return runs_to_come(at, law.inputs)
