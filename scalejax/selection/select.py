"""`select`: fit several laws to the same runs and compare how well they extrapolate."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from scalejax._arrays import Floats
from scalejax.data import Table, TableOptions, group_by, load_table
from scalejax.engine import ObjectiveLike
from scalejax.errors import InputError, LawError, UsageError
from scalejax.fitting import Fit, fit
from scalejax.folds import Fold, leave_groups, leave_largest, rolling_origin
from scalejax.keywords import keywords
from scalejax.laws import Law, find_law
from scalejax.quantities import FLOP_PER_PAIR, LOSS
from scalejax.resampling import Units, weight_rows
from scalejax.selection.selection import Candidate, Selection

# Runs that a fold needs beyond the number of parameters: with none every law meets them exactly.
_SPARE_ROWS = 1


@keywords(TableOptions, cluster="run")
def select(
    data: Any,
    laws: Sequence[str | Law],
    *,
    folds: str | Sequence[Fold] = "rolling",
    leave_out: str | None = None,
    axis: str | None = None,
    resamples: int = 200,
    objective: ObjectiveLike = None,
    seed: int = 0,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **table_options: Unpack[TableOptions],
) -> Selection:
    """Compare laws on the same runs.

    Every law is fitted to all runs and to the training runs of every fold, each under the same
    resamples, as one batch per law: random weights of runs, or of clusters, under which no refit
    loses a run. Intervals from them are up to a quarter too narrow below 60 runs.

    Args:
        data: A DataFrame, a mapping of arrays, the path of a file, or a `Table` that has the inputs
            of all laws.
        laws: Laws, or their names. All must give the same response.
        folds: ``"rolling"`` (an expanding window), ``"largest"`` (the largest fifth), or folds of
            your own, see `scalejax.folds`.
        leave_out: Column of names; the rows of each name are held out in turn, instead of `folds`.
        axis: Input along which runs are held out. By default C, the input or 6 N D, else the first
            input.
        resamples: Random weightings of the runs, from which the intervals come.
        objective: As for `scalejax.fit`.
        seed: Seed of the resamples.
        options: Arguments of `scalejax.fit` by the name of the law, such as
            ``{"chinchilla": {"tied": {"beta": "alpha"}}}``.
        **table_options: As for `scalejax.fit`.

    Returns:
        The selection. A law that could not be fitted is in it, with the reason.

    Raises:
        InputError: The data cannot be used by any law.
        LawError: A law is unknown, or is given twice.
        UsageError: Laws of different responses, or nothing can be held out.
    """
    laws = _comparable([find_law(law) for law in laws])
    table = _table(data, laws, dict(table_options), leave_out)
    if leave_out is not None and table.group is not None:
        folds = leave_groups([table.group_labels[code] for code in table.group])
    axis, size = _axis(table, axis)
    folds = _folds(folds, axis, size, table.n_rows)
    most = max(len(law.parameters) for law in laws)
    for fold in folds:
        if fold.train.sum() < most + _SPARE_ROWS:
            raise UsageError(
                f"fold {fold.name!r} trains on {int(fold.train.sum())} runs, too few for {most} "
                "parameters: hold out fewer."
            )
    multipliers = _multipliers(table, resamples, seed)
    # The first block trains on all runs; each block begins with the runs as they are.
    masks = np.stack([np.ones(table.n_rows), *(fold.train for fold in folds)])
    weights = (masks[:, None, :] * multipliers[None]).reshape(-1, table.n_rows)
    candidates = [
        _candidate(table, law, weights, objective, dict((options or {}).get(law.name, {})))
        for law in laws
    ]
    return Selection(table, tuple(candidates), tuple(folds), multipliers, axis, size, seed)


def _comparable(laws: list[Law]) -> list[Law]:
    names = [law.name for law in laws]
    if not laws or len(set(names)) < len(names):
        raise LawError(f"give laws of different names, not {names}.")
    responses = {law.response.symbol for law in laws}
    if len(responses) > 1:
        raise UsageError(f"the laws give different things: {sorted(responses)}.")
    return laws


def _table(data: Any, laws: Sequence[Law], options: dict[str, Any], leave_out: str | None) -> Table:
    if leave_out is not None:
        options |= group_by(data, leave_out)
        data = options.pop("source")
    inputs = tuple(dict.fromkeys(name for law in laws for name in law.inputs))
    response = laws[0].response
    has_target = "target" in options or "loss" in (options.get("columns") or {})
    plain = response is LOSS or has_target or isinstance(data, Table)
    target = {} if plain else {"target": response.symbol}
    return load_table(data, inputs=inputs, **{**target, **options})


def _axis(table: Table, axis: str | None) -> tuple[str, Floats]:
    inputs = dict(table.inputs)
    if "C" not in inputs and {"N", "D"} <= inputs.keys():
        inputs["C"] = FLOP_PER_PAIR * inputs["N"] * inputs["D"]
    if axis is None:
        axis = "C" if "C" in inputs else next(iter(inputs))
    if axis not in inputs:
        raise UsageError(f"axis is one of {', '.join(inputs)}, not {axis!r}.")
    return axis, inputs[axis]


def _folds(folds: str | Sequence[Fold], axis: str, size: Floats, rows: int) -> list[Fold]:
    if folds == "rolling":
        return rolling_origin(size, axis=axis)
    if folds == "largest":
        return leave_largest(size, axis=axis)
    if isinstance(folds, str):
        raise UsageError(f'folds is "rolling", "largest" or a list of folds, not {folds!r}.')
    if not folds or any(len(fold.train) != rows for fold in folds):
        raise UsageError(f"folds must be for the {rows} rows in use; there must be at least one.")
    return list(folds)


def _multipliers(table: Table, resamples: int, seed: int) -> Floats:
    """Random weights of the rows, (1 + resamples, n); the first row is all ones."""
    if resamples < 0:
        raise UsageError(f"resamples must not be negative, got {resamples}.")
    unit = np.arange(table.n_rows) if table.cluster is None else table.cluster
    plain = np.ones((1, table.n_rows))
    if not resamples:
        return plain
    return np.concatenate([plain, weight_rows("bayesian", Units(unit), resamples, seed)])


def _candidate(
    table: Table, law: Law, weights: Floats, objective: ObjectiveLike, options: dict[str, Any]
) -> Candidate:
    try:
        law_fit: Fit = fit(table, law, objective=objective, resamples=weights, **options)
    except InputError as error:
        return Candidate(law, None, str(error))
    return Candidate(law, law_fit, "")
