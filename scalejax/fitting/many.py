"""`fit_many`: one law for every group of a table, all groups as one batch.

It gives a `Fit` for each group. For several laws, resamples of each, subsets of the runs, or one
frame of everything, take `scalejax.run_study`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scalejax.data import load_table
from scalejax.data.joining import join_groups
from scalejax.errors import UsageError
from scalejax.fitting.arguments import (
    ObjectiveLike,
    Solver,
    as_how,
    as_objective,
    check_priors,
    check_signs,
    describe_settings,
    target_of,
)
from scalejax.fitting.engine import Progress
from scalejax.fitting.gate import inputs_at_rest, refuse_broken
from scalejax.fitting.layout import Layout, default_layout
from scalejax.fitting.problem import Problem, host_table, make_engine
from scalejax.fitting.result import Fit
from scalejax.fitting.solving import no_draws, record, solve_points
from scalejax.fitting.warn import warn_about_data, warn_about_groups
from scalejax.laws import Law, find_law
from scalejax.objectives import Prior, make_model
from scalejax.objectives.model import Penalty

_TABLES_PER_CHUNK = 128


def fit_many(
    data: Any,
    law: str | Law = "chinchilla",
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
    **table_options: Any,
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
            'run_study(Study(recipes=["chinchilla", "kaplan"], by=["family"], target=False), runs).'
        )
    name = law if isinstance(law, str) else law.name
    law = find_law(law)
    refuse_broken(law)
    objective = as_objective(objective)
    if objective.tuning is not None:
        raise UsageError('huber("auto") tunes one table at a time: give fit_many a number.')
    model = make_model(law, objective.kernel, fixed=fixed, tied=tied, penalty=penalty)
    options = target_of(law, table_options)
    data, group = join_groups(data, by)
    whole = load_table(
        data, inputs=law.inputs, group=group, n_parameters=model.size,
        constant=inputs_at_rest(model), **options,
    )  # fmt: skip
    warn_about_data(whole)
    check_signs(objective, whole.target)
    groups = whole.split()
    # Longest first, so that the lanes of a chunk walk over tables of similar length.
    labels = sorted(groups, key=lambda label: -groups[label].n_rows)
    problem = Problem(
        model, objective, whole, fixed or {}, bounds or {}, check_priors(model, priors)
    )
    how = as_how(solver, max_steps, 0, layout, progress)
    engine = make_engine(problem, [host_table(groups[label]) for label in labels], how)
    chunk = min(_TABLES_PER_CHUNK, (layout or default_layout()).chunk)
    points = solve_points(engine, len(labels), chunk)
    settings = describe_settings(
        name, model, objective, fixed=fixed, tied=tied, bounds=bounds, priors=priors, bootstrap=0,
        resampling="none", noise=None, seed=0, solver=solver, max_steps=how.max_steps,
        table_options={**table_options, "by": by if isinstance(by, str) else list(by)},
    )  # fmt: skip
    place = {label: k for k, label in enumerate(labels)}
    none = no_draws(law)
    fits = {
        label: record(replace(problem, table=table), how, settings, points, place[label], none)
        for label, table in groups.items()
    }
    warn_about_groups(fits)
    return fits
