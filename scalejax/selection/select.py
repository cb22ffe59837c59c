"""`select`: several laws on the same runs, compared by how well they extrapolate."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from scalejax._arrays import Floats
from scalejax.amounts import whole
from scalejax.data import Table, TableOptions, group_by, load_table
from scalejax.engine import ObjectiveLike, as_objective
from scalejax.errors import FitWarning, InputError, LawError, UsageError
from scalejax.fitting import Fit, fit
from scalejax.folds import Fold, leave_groups, leave_largest, rolling_origin
from scalejax.forecasting import FEWEST_ROWS
from scalejax.keywords import keywords
from scalejax.laws import Law, find_law
from scalejax.quantities import LOSS
from scalejax.resampling import Units, weight_rows
from scalejax.selection.density import held_out_density, unforeseeable
from scalejax.selection.ranking import CRITERIA
from scalejax.selection.record import Candidate, with_compute
from scalejax.selection.selection import Selection
from scalejax.workload import BYTES_PER_FIT, check_memory

DEFAULT_LAWS = ("chinchilla", "chinchilla_tied", "outer_exponent", "kaplan")
"""Laws of N and D that are compared where none are named: the usual one, the same with a parameter
fewer and one more, and the other shape of the field. Each costs seconds to compile."""


@keywords(TableOptions, cluster="run")
def select(
    data: Any,
    laws: Sequence[str | Law] | None = None,
    *,
    criterion: str = "density",
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

    Every fold is predicted by the forecast with each law inside (`scalejax.forecast`), which there
    is for four runs already, so that all laws are scored on the same runs. Laws are ranked by the
    mean log density that it gives to what was held out, all predictions alike but for the weights
    of their rows, and weighed by the mixture of forecasts that gives most (stacking).

    Beside that every law is fitted plainly to all runs and to the training runs of every fold, each
    under the same resamples, as one batch per law: random weights of runs, or of clusters, under
    which no refit loses a run. A plain fit that ends in no minimum costs a law its error there, and
    not its rank. Intervals are up to a quarter too narrow below 60 runs; those of a density are of
    which runs were held out, with forecasts as they are.

    Args:
        data: A DataFrame, a mapping of arrays, the path of a file, or a `Table` that has the inputs
            of all laws.
        laws: Laws, or their names. All must give the same response. Four usual laws of N and D if
            not given.
        criterion: By what laws are ranked: ``"density"``, ``"error"`` (the mean relative error of
            the plain fits), ``"aic"``, ``"aicc"`` or ``"bic"``.
        folds: ``"rolling"`` (an expanding window), ``"largest"`` (the largest fifth), or folds of
            your own, see `scalejax.folds`. One that trains on fewer than four runs is left out for
            all laws.
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
        The selection. A law that could not be fitted or ranked is in it, with the reason.

    Raises:
        InputError: The data cannot be used by any law.
        LawError: A law is unknown, or is given twice.
        UsageError: Laws of different responses, an unknown criterion, or nothing can be held out.
    """
    if criterion not in CRITERIA:
        raise UsageError(f"criterion is one of {', '.join(CRITERIA)}, not {criterion!r}.")
    found = _comparable([find_law(law) for law in (DEFAULT_LAWS if laws is None else laws)])
    resamples, seed = whole("resamples", resamples), whole("seed", seed)
    signed = not as_objective(objective).kernel.log
    table = _table(data, found, {**table_options, "signed": signed}, leave_out)
    if leave_out is not None and table.group is not None:
        folds = leave_groups([table.group_labels[code] for code in table.group])
    axis, size = _axis(table, axis)
    common, notes = _common(_folds(folds, axis, size, table.n_rows), table)
    each = BYTES_PER_FIT + 8 * table.n_rows
    counts = {"laws": len(found), "folds": len(common) + 1, "refits": resamples + 1}
    check_memory("resamples", counts, each)
    multipliers = _multipliers(table, resamples, seed)
    # The first block trains on all runs; each block begins with the runs as they are.
    masks = np.stack([np.ones(table.n_rows), *(fold.train for fold in common)])
    weights = (masks[:, None, :] * multipliers[None]).reshape(-1, table.n_rows)
    candidates = tuple(
        _candidate(table, law, common, weights, objective, (options or {}).get(law.name, {}))
        for law in found
    )
    if criterion == "density" and not any(c.density is not None for c in candidates):
        notes.append(f"Ranked by error: {candidates[0].unforeseen}.")
        criterion = "error"
    return Selection(
        table, candidates, common, multipliers, axis, size, seed, criterion, tuple(notes)
    )


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
    inputs = with_compute(table.inputs)
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


def _common(folds: Sequence[Fold], table: Table) -> tuple[tuple[Fold, ...], list[str]]:
    """The folds that every law can be scored on, and what is to be said of the rest."""
    kept, notes = [], []
    for fold in folds:
        runs = int(np.sum(fold.train & (table.weight > 0)))
        if runs >= FEWEST_ROWS and np.any(fold.test & (table.weight > 0)):
            kept.append(fold)
        else:
            notes.append(f"Fold {fold.name!r} trains on {runs} runs: left out for all laws.")
    if not kept:
        raise UsageError(
            f"no fold trains on {FEWEST_ROWS} runs or more, which a forecast needs, and holds out "
            "runs with weight: hold out fewer."
        )
    return tuple(kept), notes


def _multipliers(table: Table, resamples: int, seed: int) -> Floats:
    """Random weights of the rows, (1 + resamples, n); the first row is all ones."""
    unit = np.arange(table.n_rows) if table.cluster is None else table.cluster
    plain = np.ones((1, table.n_rows))
    if not resamples:
        return plain
    return np.concatenate([plain, weight_rows("bayesian", Units(unit), resamples, seed)])


def _candidate(
    table: Table,
    law: Law,
    folds: Sequence[Fold],
    weights: Floats,
    objective: ObjectiveLike,
    options: Mapping[str, Any],
) -> Candidate:
    law_fit: Fit | None = None
    reason, unforeseen = "", unforeseeable(table, options)
    try:
        with warnings.catch_warnings():
            # Of refits in folds, which the selection counts and names itself.
            warnings.simplefilter("ignore", FitWarning)
            law_fit = fit(table, law, objective=objective, resamples=weights, **options)
    except InputError as error:
        reason = str(error)
    density = None if unforeseen else held_out_density(table, law, options, folds)
    return Candidate(law, options, law_fit, reason, density, unforeseen)
