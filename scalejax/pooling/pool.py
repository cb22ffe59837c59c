"""`pool`: one law for many families that share strength, fitted by marginal likelihood."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax.amounts import POSITIVE, fits, whole
from scalejax.data import Table, TableOptions, group_by, load_table
from scalejax.engine import check_signs, host_table, refuse_broken, stack, target_of
from scalejax.errors import FitWarning, UsageError
from scalejax.fitting import warn_about_data
from scalejax.keywords import keywords
from scalejax.laws import Law, find_law
from scalejax.objectives import LogNormal, Model, Objective, least_squares, make_model
from scalejax.pooling.draws import joint_draws
from scalejax.pooling.hierarchy import Constants, Groups, Hierarchy, Role, centred_coefficients
from scalejax.pooling.pooled import Pooled
from scalejax.pooling.population import log_volume
from scalejax.pooling.search import Search, search
from scalejax.scope import own_settings
from scalejax.status import Status
from scalejax.vocabulary import argument
from scalejax.workload import MOST_DRAWS

SPREAD = LogNormal(0.2, 1.0)
"""Prior of a between-group standard deviation, by judgement: 0.03 to 1.4 with 95 % probability."""

# Families below which their spread rests mostly on its prior; by judgement.
_FEWEST_GROUPS = 3
# Largest Newton decrement that counts as converged: a thousandth of a standard deviation.
_DECREMENT = 1e-6
# Curvature, relative to that of the coordinates one by one, below which a direction counts as
# undetermined; by judgement.
_FLAT = 1e-6


@keywords(TableOptions, cluster="run")
def pool(
    data: Any,
    law: str | Law = "chinchilla",
    *,
    by: str | Sequence[str],
    shared: Sequence[str] = (),
    separate: Sequence[str] = (),
    fixed: Mapping[str, float] | None = None,
    likelihood: Objective | None = None,
    noise: Literal["common", "group"] = "common",
    spread: LogNormal = SPREAD,
    draws: int = 1000,
    seed: int = 0,
    **table_options: Unpack[TableOptions],
) -> Pooled:
    """Fit a law to families together: each has its own parameters, drawn from one population.

    Args:
        data: As for `scalejax.fit`; families may have fewer runs than the law has parameters.
        law: As for `scalejax.fit`.
        by: Column that names the family of each row, or several that name it together.
        shared: Parameters with one value for all families.
        separate: Parameters that each family has by itself, without a population.
        fixed: Parameters held at a value.
        likelihood: Noise of the log loss: ``least_squares()`` (Gaussian, the default) or
            ``student_t(3)``, for families with a few runs that are far off. The field's Huber loss
            with delta 1e-3 cannot be used here: it is nearly the absolute value, whose minimum lies
            at a kink where Laplace's approximation has no curvature.
        noise: Whether the noise scale is common, or pooled like the parameters (``"group"``).
        spread: Prior of every between-group standard deviation, in logarithms of terms and
            exponents.
        draws: Draws of population and families.
        seed: Seed of the draws.
        **table_options: As for `scalejax.fit`. Rows are independent given the law: of checkpoints,
            take the last of each run or a few far apart.

    Returns:
        The population and its families. Intervals are by Laplace's approximation: of those of 95 %,
        92 to 96 % held the truth in simulations, fewest for the families with most runs
        (``benchmarks/results/pooling.md``). `scalejax.pooling.pool_posterior` samples instead.

    Raises:
        InputError: The table is not usable.
        UsageError: Arguments that cannot be combined.
    """
    law = find_law(law)
    refuse_broken(law)
    objective = likelihood or least_squares()
    model = make_model(law, least_squares().kernel, fixed=fixed)
    roles = _roles(model, shared, separate, noise)
    _check(objective, noise, spread, draws, seed, table_options)
    options = target_of(law, table_options)
    table = load_table(**group_by(data, by), inputs=law.inputs, **options)
    warn_about_data(table)
    check_signs(objective, table.target)
    groups, order = _groups(table), tuple(table.group_labels)
    reference = tuple(_middle(values) for values in table.inputs.values())
    constants = Constants(reference, dict(fixed or {}), (float(spread.median), float(spread.sd)))
    with own_settings():
        centred = centred_coefficients(model, roles, constants)
    dof = objective.constants[0] if objective.name == "student_t" else None
    hierarchy = Hierarchy(model, roles, centred, dof)
    result = search(hierarchy, groups, constants)
    at = (result.best.phi, result.best.hessian)
    own = np.asarray(result.best.modes.own, np.float64)
    with own_settings():
        volume = log_volume(hierarchy, jnp.asarray(result.best.phi))
        log_marginal = -float(result.best.value + volume)
        population, v, new = joint_draws(
            hierarchy, jax.random.key(seed), at, own, draws, groups, constants
        )
        arrays = [np.asarray(x, np.float64) for x in (population, v, new)]
    pooled = Pooled(
        law=law,
        groups=order,
        status=_status(result),
        group_status=_group_status(result, order),
        hierarchy=hierarchy,
        constants=constants,
        runs=groups,
        table=table,
        phi=np.asarray(result.best.phi, np.float64),
        hessian=np.asarray(result.best.hessian, np.float64),
        own=own,
        log_marginal=log_marginal,
        starts=result.starts,
        agreeing=result.agreeing,
        population_draws=arrays[0],
        group_draws=arrays[1],
        new_draws=arrays[2],
        objective=objective,
        seed=seed,
    )
    _warn(pooled)
    return pooled


def _roles(
    model: Model, shared: Sequence[str], separate: Sequence[str], noise: str
) -> tuple[Role, ...]:
    names = [*shared, *separate]
    wrong = [name for name in names if name not in model.free]
    twice = sorted({name for name in names if names.count(name) > 1})
    if wrong or twice or isinstance(shared, str) or isinstance(separate, str):
        raise UsageError(
            f"{argument('shared')} and {argument('separate')} take lists of free "
            f"parameters of {model.law.name} "
            f"({', '.join(model.free)}), each once, not {list(shared)} and {list(separate)}."
        )
    if noise not in ("common", "group"):
        raise UsageError(f'{argument("noise")} is "common" or "group", not {noise!r}.')
    roles: list[Role] = [
        "shared" if name in shared else "separate" if name in separate else "pooled"
        for name in model.free
    ]
    return (*roles, "shared" if noise == "common" else "pooled")


def _check(
    objective: Objective,
    noise: str,
    spread: LogNormal,
    draws: int,
    seed: int,
    options: Mapping[str, Any],
) -> None:
    whole("draws", draws, 2, MOST_DRAWS), whole("seed", seed)
    complaints = []
    if objective.name not in ("least_squares", "student_t") or not objective.kernel.log:
        complaints.append("likelihood= is least_squares() or student_t(dof), on the log loss")
    if not (fits(spread.median, POSITIVE) and fits(spread.sd, POSITIVE)):
        complaints.append("spread= needs a positive median and sd")
    if options.get("run") is not None:
        complaints.append(
            f"rows are taken as independent, so there is no {argument('run')} here: keep "
            "the last checkpoint "
            "of each run, or a few that are far apart"
        )
    if complaints:
        raise UsageError(f"pool: {'; '.join(complaints)}.")


def _groups(table: Table) -> Groups:
    tables = stack([host_table(part) for part in table.split().values()], log=True)
    inputs = tuple(np.ascontiguousarray(x.T) for x in tables.rows.inputs)
    return Groups(inputs, np.ascontiguousarray(tables.rows.target.T), tables.weight.T.copy())


def _middle(values: Floats) -> float:
    """The geometric mean, or the mean of an input that is not positive."""
    return float(np.exp(np.mean(np.log(values))) if np.min(values) > 0 else np.mean(values))


def _status(result: Search) -> Status:
    best = result.best
    if not np.isfinite(best.value):
        return Status.NON_FINITE
    size = np.sqrt(np.maximum(np.abs(np.diagonal(best.hessian)), 1e-300))
    if np.linalg.eigvalsh(best.hessian / np.outer(size, size))[0] < _FLAT:
        return Status.NOT_IDENTIFIED
    if not best.decrement <= _DECREMENT:
        return Status.MAX_STEPS
    return Status.CONVERGED if result.agreeing > 1 else Status.STARTS_DISAGREE


def _group_status(result: Search, order: Sequence[str]) -> dict[str, Status]:
    modes = result.best.modes
    status = {}
    for k, name in enumerate(order):
        if not np.all(np.isfinite(modes.own[k])):
            status[name] = Status.NON_FINITE
        elif not modes.decrement[k] <= _DECREMENT:
            status[name] = Status.STALLED
        else:
            status[name] = Status.CONVERGED if result.stable[k] else Status.STARTS_DISAGREE
    return status


def _warn(pooled: Pooled) -> None:
    sentences = []
    if pooled.status != Status.CONVERGED:
        sentences.append(f"Status {pooled.status.label}. {pooled.status.sentence}")
    failed = [name for name, s in pooled.group_status.items() if s != Status.CONVERGED]
    if failed:
        sentences.append(f"{len(failed)} families did not converge: {', '.join(failed[:5])}.")
    if len(pooled.groups) < _FEWEST_GROUPS and pooled.hierarchy.places("pooled"):
        sentences.append(
            f"{len(pooled.groups)} families say little of how families differ: the spread is "
            "mostly the prior's (spread=)."
        )
    for words in sentences:
        warnings.warn(words, FitWarning, stacklevel=3)
