"""`fit` and `fit_many`: from a table of runs to laws at their certified global optima.

`fit` is for one table; with ``resamples=B`` it also refits B resamples, which is the same call for
one fit and for 100,000 refits. `fit_many` fits one law to every group of a table, all groups as
one batch. For several laws, resamples of each, subsets of the runs, or one frame of everything,
take `scalejax.study`; inside other JAX code, `scalejax.fit_arrays`.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Unpack

import jax
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax.amounts import POSITIVE, read
from scalejax.data import Table, TableOptions, source_name
from scalejax.engine import (
    CALLER_WEIGHTS,
    FEWEST_CLUSTERS,
    Ends,
    FitProblem,
    How,
    Layout,
    ObjectiveLike,
    Progress,
    Resampling,
    Solver,
    as_how,
    as_objective,
    checked_count,
    choose_resampling,
    default_layout,
    estimate,
    host_table,
    make_engine,
    refits,
    weight_resamples,
)
from scalejax.errors import UsageError
from scalejax.fitting.checkpoints import (
    LOOK_LIKE_CHECKPOINTS,
    run_label,
    undeclared_runs,
    with_runs,
)
from scalejax.fitting.entry import Terms, enter
from scalejax.fitting.fit import Fit
from scalejax.fitting.record import Draws
from scalejax.fitting.warn import (
    warn_about_data,
    warn_about_fit,
    warn_about_groups,
    warn_about_runs,
)
from scalejax.keywords import keywords
from scalejax.laws import Law
from scalejax.objectives import Model, Objective, Penalty, Prior
from scalejax.status import Status
from scalejax.vocabulary import argument

RESAMPLES = 1000
"""Resamples of one fit by default: they take less time than the compilation."""

# Tables that `fit_many` solves at a time: as many as a processor has lanes, see `default_layout`.
_TABLES_PER_CHUNK = 128


@keywords(TableOptions, bootstrap="resamples", cluster="run")
def fit(
    data: Any,
    law: str | Law | None = None,
    *,
    objective: ObjectiveLike = None,
    resamples: int | ArrayLike = RESAMPLES,
    resampling: str = "auto",
    noise: float | None = None,
    seed: int = 0,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Prior] | None = None,
    penalty: Penalty | None = None,
    solver: Solver | None = None,
    max_steps: int | None = None,
    allow_unidentified: bool = False,
    layout: Layout | None = None,
    progress: Progress | None = None,
    **table_options: Unpack[TableOptions],
) -> Fit:
    """Fit a law to a table of runs, at its global optimum, with a certified status.

    Args:
        data: A DataFrame, a mapping of arrays, the path of a file, or a `Table`.
        law: A registered name, a `Law`, ``module:name`` / ``file.py:name`` of your own, or
            ``formula: ...``. If not given it is Chinchilla's where the table has two of N, D and C,
            and a power law with a floor where it has one of them, or steps, alone: the note in
            `Table.notes` and the settings of the fit say which.
        objective: What is minimised, for example ``huber(1e-3)`` (the default) or
            ``student_t(3)``; or a pure function of one residual of the log loss.
        resamples: Number of resamples to refit for the intervals, or an array (B, n) of row
            weights, one resample a row; 0 leaves them out.
        resampling: How resamples are made: ``"pairs"``, ``"cluster"``, ``"nested"``,
            ``"stratified"``, ``"residual"``, ``"wild"``, ``"parametric"``, ``"bayesian"`` or
            ``"jackknife"``, see `scalejax.resampling`. ``"auto"`` takes whole clusters (declared,
            or found by order and residuals), random signs below 25 rows, rows otherwise.
        noise: Known standard deviation of one run's residual (0.003 is 0.3 % of the loss), for
            ``"parametric"``.
        seed: Seed of the resamples.
        fixed: Parameters held at a value. With all of them nothing is fitted: the fit has the
            objective, residuals and predictions at these coefficients, and no intervals.
        tied: Parameters that take the value of another, such as ``{"beta": "alpha"}``.
        bounds: Ranges that parameters may not leave.
        priors: Priors by parameter.
        penalty: Pure function of the dictionary of parameters, added to the summed objective.
        solver: A solver of ours, or any optax optimizer. The default is `damped_newton`.
        max_steps: Step limit of one start; 5,000, or 2,000 for an optax optimizer.
        allow_unidentified: Fit although the runs cannot determine all parameters; what they leave
            open gets no interval. See `scalejax.conclusions.design_identifiability`.
        layout: How work is laid out on the devices.
        progress: Called after every chunk as ``progress(done, total, failed)``.
        **table_options: Passed to `scalejax.data.load_table`: ``columns=``, ``units=``,
            ``weights=``, ``sigma=``, ``run=``, ``strata=``, ``exclude=``, ``on_bad=`` ...

    Returns:
        The fit. Soft trouble is in its status and a `FitWarning`.

    Raises:
        InputError: The data cannot be fitted; all reasons at once.
        LawError: The law is unknown or wrongly declared.
        UsageError: Arguments that cannot be combined.
    """
    if isinstance(resamples, str):
        raise UsageError(
            f"{argument('resamples')} is a number or an array of weights, not {resamples!r}; how "
            f"resamples are made is said with {argument('resampling')}."
        )
    how = as_how(solver, max_steps, seed, layout, progress)
    if not np.ndim(resamples):
        resamples = checked_count(resamples)
    if noise is not None:
        noise = read("noise", noise, POSITIVE)
    terms = Terms(
        law, objective, fixed or {}, tied or {}, bounds or {}, priors or {}, penalty,
        allow_unidentified,
    )  # fmt: skip
    entry = enter(data, terms, table_options)
    problem = entry.admitted()
    model, table = problem.model, problem.table
    warn_about_data(table)
    scheme = _resampling(resamples, resampling, noise, table) if model.free else Resampling()
    problem, point = estimate(problem, how, scheme)
    if resampling == "auto" and scheme.resamples is None:
        problem, scheme = _by_runs(data, problem, point, scheme)
    draws = Draws.of(refits(problem, how, point, scheme)) if scheme.count else Draws.none(model.law)
    settings = _settings(
        entry.name, model, problem.objective, fixed=problem.fixed, tied=tied,
        bounds=bounds, priors=priors, resamples=len(draws), resampling=draws.method, noise=noise,
        seed=seed, solver=solver, max_steps=how.max_steps, table_options=table_options,
    )  # fmt: skip
    result = fit_of(problem, how, settings, point, 0, draws)
    warn_about_fit(result)
    return result


def _resampling(
    resamples: int | ArrayLike, kind: str, noise: float | None, table: Table
) -> Resampling:
    """How many resamples of which kind; a jackknife has as many as there are units."""
    if np.ndim(resamples):
        weights = weight_resamples(resamples, table)
        return Resampling(CALLER_WEIGHTS, weights.count, resamples=weights)
    count = checked_count(resamples) or int(kind == "jackknife")
    return (
        Resampling(choose_resampling(kind, table, noise), count, noise) if count else Resampling()
    )


def _by_runs(
    data: Any, problem: FitProblem, point: Ends, scheme: Resampling
) -> tuple[FitProblem, Resampling]:
    """The problem and its resampling by whole runs, where rows look like checkpoints of runs."""
    label = run_label(data, problem.table)
    checkpoints = undeclared_runs(problem.table, problem.residuals(point.u[0]))
    if label is not None:
        names, sign = label.names, f"rows of one {label.column!r} have one N and growing D"
    elif checkpoints is not None:
        names = checkpoints[0]
        sign = (
            "rows of one N come with growing D, and their residuals go together (intraclass "
            f"correlation {checkpoints[1]:.2f})"
        )
    else:
        return problem, scheme
    runs = len(set(names))
    enough = runs >= FEWEST_CLUSTERS
    warn_about_runs(runs, sign, enough, label)
    note = f"{LOOK_LIKE_CHECKPOINTS} of {runs} runs: {sign}"
    if not enough:
        notes = (*problem.table.notes, note)
        return replace(problem, table=replace(problem.table, notes=notes)), scheme
    problem = replace(problem, table=with_runs(problem.table, names, note))
    return problem, replace(scheme, kind="cluster") if scheme.count else scheme


@keywords(TableOptions, cluster="run")
def fit_many(
    data: Any,
    law: str | Law | None = None,
    *,
    by: str | Sequence[str],
    objective: ObjectiveLike = None,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Prior] | None = None,
    penalty: Penalty | None = None,
    solver: Solver | None = None,
    max_steps: int | None = None,
    layout: Layout | None = None,
    progress: Progress | None = None,
    **table_options: Unpack[TableOptions],
) -> dict[str, Fit]:
    """Fit a law to every group of a table, all groups as one batch.

    Args:
        data: As for `fit`.
        law: As for `fit`.
        by: Column that names the group of each row, or several that name it together: groups are
            then called ``"first / second"``.
        objective: As for `fit`; an automatic delta is not available here.
        fixed: As for `fit`, the same for all groups.
        tied: As for `fit`.
        bounds: As for `fit`.
        priors: As for `fit`.
        penalty: As for `fit`.
        solver: As for `fit`.
        max_steps: As for `fit`.
        layout: As for `fit`.
        progress: As for `fit`.
        **table_options: As for `fit`.

    Returns:
        The fits by group, in order of appearance. A group that failed has a status that says so
        and leaves the others as they are.

    Raises:
        InputError: The table cannot be used; all reasons at once.
        UsageError: Several laws, or arguments that do not go together.
    """
    if isinstance(law, Sequence) and not isinstance(law, str):
        raise UsageError(
            "fit_many fits one law. Several are a study, whose result is one frame: "
            'study(Study(recipes=["chinchilla", "kaplan"], by=["family"], target=False), runs).'
        )
    if (objective := as_objective(objective)).tuning is not None:
        raise UsageError('huber("auto") tunes one table at a time: give fit_many a number.')
    how = as_how(solver, max_steps, 0, layout, progress)
    terms = Terms(
        law, objective, fixed or {}, tied or {}, bounds or {}, priors or {}, penalty, empty=False
    )
    entry = enter(data, terms, table_options, by)
    problem = entry.admitted()
    model, whole = problem.model, problem.table
    warn_about_data(whole)
    groups = whole.split()
    # Longest first, so that the lanes of a chunk walk over tables of similar length.
    labels = sorted(groups, key=lambda label: -groups[label].n_rows)
    engine = make_engine(problem, [host_table(groups[label]) for label in labels], how)
    chunk = min(_TABLES_PER_CHUNK, (layout or default_layout()).chunk)
    points = engine.estimates(np.arange(len(labels)), chunk=chunk)
    settings = _settings(
        entry.name, model, objective, fixed=problem.fixed, tied=tied, bounds=bounds, priors=priors,
        resamples=0, resampling="none", noise=None, seed=0, solver=solver, max_steps=how.max_steps,
        table_options={**table_options, "by": by if isinstance(by, str) else list(by)},
    )  # fmt: skip
    place = {label: k for k, label in enumerate(labels)}
    none = Draws.none(model.law)
    fits = {
        label: fit_of(replace(problem, table=table), how, settings, points, place[label], none)
        for label, table in groups.items()
    }
    warn_about_groups(fits)
    return fits


def fit_of(
    problem: FitProblem, how: How, settings: dict[str, Any], ends: Ends, k: int, draws: Draws
) -> Fit:
    """The `Fit` of problem k of the ends."""
    model = problem.model
    parameters = problem.parameters(ends.u[k : k + 1])
    scale = float(np.exp(ends.u[k, -1])) if model.kernel.fitted_scale else None
    on_bound = zip(model.free, ends.on_bound[k], strict=False)
    return Fit(
        law=model.law,
        params={name: float(values[0]) for name, values in parameters.items()},
        status=Status(int(ends.status[k])),
        objective_value=float(ends.objective[k]),
        objective=problem.objective,
        noise_scale=scale,
        gradient=float(ends.gradient[k]),
        condition=float(ends.condition[k]),
        starts=int(ends.starts[k]),
        agreeing=int(ends.agreeing[k]),
        on_bound=tuple(name for name, hit in on_bound if hit),
        draws=draws,
        table=problem.table,
        settings=settings,
        versions=_versions(how),
        penalty=model.penalty,
    )


def _versions(how: How) -> dict[str, str]:
    """Versions of what computed the fit, and on what."""
    device = (how.layout or default_layout()).devices[0]
    return {
        "scalejax": version("scalejax"),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "python": platform.python_version(),
        "device": f"{device.platform} ({device.device_kind})",
        "dtype": "float64",
    }


def _settings(law: str, model: Model, objective: Objective, **choices: Any) -> dict[str, Any]:
    """The arguments of a fit as plain values, for the record."""
    solver = choices.pop("solver")
    if (runs := choices["table_options"].get("runs")) is not None:
        choices["table_options"] = {**choices["table_options"], "runs": source_name(runs)}
    priors = choices.pop("priors") or {}
    return {
        "law": law,
        "objective": {
            "name": objective.name,
            "constants": list(objective.constants),
            "on": "log" if objective.kernel.log else "loss",
        },
        "fixed": dict(choices.pop("fixed") or {}),
        "tied": dict(choices.pop("tied") or {}),
        "bounds": {name: list(pair) for name, pair in (choices.pop("bounds") or {}).items()},
        "priors": {name: [type(p).__name__, *map(float, p)] for name, p in priors.items()},
        "penalty": model.penalty is not None,
        "solver": "damped_newton" if solver is None else getattr(solver, "__name__", "optax"),
        **choices,
    }
