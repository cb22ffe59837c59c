"""`fit`: from a table of runs to a law at its certified global optimum.

With ``bootstrap=B`` it also refits B resamples, which is the same call for one fit and for 100,000
refits. `scalejax.fit_many` fits the same law to every group of a table as one batch. Inside other
JAX code use `scalejax.fit_arrays`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scalejax.data import load_table
from scalejax.fitting.arguments import (
    ObjectiveLike,
    Solver,
    as_how,
    as_objective,
    check_priors,
    check_signs,
    checked_count,
    describe_settings,
    target_of,
)
from scalejax.fitting.checkpoints import undeclared_runs, with_runs
from scalejax.fitting.drawing import (
    FEWEST_CLUSTERS,
    Resamples,
    choose_resampling,
    given_weights,
    make_resamples,
)
from scalejax.fitting.engine import Ends, Progress
from scalejax.fitting.gate import inputs_at_rest, refuse_bounds, refuse_broken, refuse_unidentified
from scalejax.fitting.layout import Layout
from scalejax.fitting.problem import How, Problem
from scalejax.fitting.result import Draws, Fit
from scalejax.fitting.solving import Sample, no_draws, record, solve_draws, solve_sample
from scalejax.fitting.warn import warn_about_data, warn_about_fit, warn_about_runs
from scalejax.laws import Law, find_law
from scalejax.objectives import Prior, make_model
from scalejax.objectives.model import Penalty


def fit(
    data: Any,
    law: str | Law = "chinchilla",
    *,
    objective: ObjectiveLike = None,
    bootstrap: int | ArrayLike = 0,
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
    **table_options: Any,
) -> Fit:
    """Fit a law to a table of runs, at its global optimum, with a certified status.

    Args:
        data: A DataFrame, a mapping of arrays, the path of a file, or a `Table`.
        law: A registered name, a `Law`, ``module:name`` / ``file.py:name`` of your own, or
            ``formula: ...``.
        objective: What is minimised, for example ``huber(1e-3)`` (the default) or
            ``student_t(3)``; or a pure function of one residual of the log loss.
        bootstrap: Number of resamples to refit, or an array (B, n) of row weights, one resample a
            row.
        resampling: How resamples are made: ``"pairs"``, ``"cluster"``, ``"nested"``,
            ``"stratified"``, ``"residual"``, ``"wild"``, ``"parametric"``, ``"bayesian"`` or
            ``"jackknife"``, see `scalejax.resampling`. ``"auto"`` takes whole clusters (declared,
            or found by order and residuals), random signs below 25 rows, rows otherwise.
        noise: Known standard deviation of one run's residual (0.003 is 0.3 % of the loss), for
            ``"parametric"``.
        seed: Seed of the resamples.
        fixed: Parameters held at a value.
        tied: Parameters that take the value of another, such as ``{"beta": "alpha"}``.
        bounds: Ranges that parameters may not leave.
        priors: Priors by parameter.
        penalty: Pure function of the dictionary of parameters, added to the summed objective.
        solver: A solver of ours, or any optax optimizer. The default is `damped_newton`.
        max_steps: Step limit of one start; 200, or 2,000 for an optax optimizer.
        allow_unidentified: Fit although the runs cannot determine all parameters; what they leave
            open gets no interval. See `scalejax.design_identifiability`.
        layout: How work is laid out on the devices.
        progress: Called after every chunk as ``progress(done, total, failed)``.
        **table_options: Passed to `scalejax.data.load_table`: ``columns=``, ``units=``,
            ``weights=``, ``sigma=``, ``cluster=``, ``strata=``, ``exclude=``, ``on_bad=`` ...

    Returns:
        The fit. Soft trouble is in its status and a `FitWarning`.

    Raises:
        InputError: The data cannot be fitted; all reasons at once.
        LawError: The law is unknown or wrongly declared.
        UsageError: Arguments that cannot be combined.
    """
    name = law if isinstance(law, str) else law.name
    law = find_law(law)
    refuse_broken(law)
    objective = as_objective(objective)
    model = make_model(law, objective.kernel, fixed=fixed, tied=tied, penalty=penalty)
    options = target_of(law, table_options)
    table = load_table(
        data, inputs=law.inputs, n_parameters=model.size, constant=inputs_at_rest(model), **options
    )
    warn_about_data(table)
    check_signs(objective, table.target)
    problem = Problem(
        model, objective, table, fixed or {}, bounds or {}, check_priors(model, priors)
    )
    refuse_bounds(problem)
    if not allow_unidentified:
        refuse_unidentified(problem)
    how = as_how(solver, max_steps, seed, layout, progress)
    asked = _asked(bootstrap, resampling)
    if isinstance(asked, int):
        kind = choose_resampling(resampling, table, noise) if asked else "none"
        problem, point, draws = _solve(problem, how, kind, asked, noise, resampling)
    else:
        problem, point, draws = _solve_given(problem, how, given_weights(asked, table))
    settings = describe_settings(
        name, model, problem.objective, fixed=fixed, tied=tied, bounds=bounds, priors=priors,
        bootstrap=len(draws), resampling=draws.method, noise=noise,
        seed=seed, solver=solver, max_steps=how.max_steps, table_options=table_options,
    )  # fmt: skip
    result = record(problem, how, settings, point, 0, draws)
    warn_about_fit(result)
    return result


def _asked(bootstrap: int | ArrayLike, resampling: str) -> int | ArrayLike:
    """The number of resamples, or their weights; a jackknife has as many as there are units."""
    if not isinstance(bootstrap, int | np.integer):
        return bootstrap
    return checked_count(int(bootstrap)) or int(resampling == "jackknife")


def _solve(
    problem: Problem, how: How, kind: str, count: int, noise: float | None, asked: str
) -> tuple[Problem, Ends, Draws]:
    """The estimate and its resamples; the problem may come back tuned, and with runs found."""
    # Explicit arrays are another compiled program, so the estimate takes them too.
    sample = Sample.like(kind, problem)
    chunk = problem.engine(how).chunk_size(count)
    problem, point = solve_sample(problem, how, chunk, sample)
    found = None
    if asked == "auto":
        found = undeclared_runs(problem.table, problem.residuals(point.u[0]))
    if found is not None:
        names, correlation = found
        enough = len(set(names)) >= FEWEST_CLUSTERS
        warn_about_runs(len(set(names)), correlation, enough)
        if enough:
            note = (
                f"rows of one N are checkpoints of one run (residuals correlate {correlation:.2f})"
            )
            problem = replace(problem, table=with_runs(problem.table, names, note))
            kind = "cluster" if count else kind
    if not count:
        return problem, point, no_draws(problem.model.law)
    resamples = make_resamples(kind, problem, point.u[0], count, how.seed, noise)
    return problem, point, solve_draws(problem, how, point, resamples, chunk)


def _solve_given(problem: Problem, how: How, resamples: Resamples) -> tuple[Problem, Ends, Draws]:
    chunk = problem.engine(how).chunk_size(resamples.count)
    sample = Sample(weight=problem.table.weight[None])
    problem, point = solve_sample(problem, how, chunk, sample)
    return problem, point, solve_draws(problem, how, point, resamples, chunk)
