"""Arguments of a fit, checked and turned into the objects that the engine takes."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import numpy as np
import optax

from scalejax._arrays import Floats
from scalejax.amounts import whole
from scalejax.engine.engine import NEWTON_STEPS, Progress
from scalejax.engine.fit_problem import How
from scalejax.engine.layout import Layout
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.objectives import Model, Objective, Prior, custom, huber, named
from scalejax.quantities import LOSS
from scalejax.solvers import SolverFactory, damped_newton, from_optax
from scalejax.vocabulary import argument
from scalejax.workload import BYTES_PER_FIT, check_memory

Solver: TypeAlias = SolverFactory | optax.GradientTransformation
"""What `solver=` takes: a factory as in `scalejax.solvers.solver`, or any optax optimizer."""
ObjectiveLike: TypeAlias = Objective | str | Callable[[jax.Array], jax.Array] | None
"""What `objective=` takes: an objective, its name, a loss of one residual, or None."""

_OPTAX_STEPS = 2000
"""Default step limit. On 4,000 resamples of 240 runs L-BFGS took 140 steps on average and 259 at
most, Adam thousands."""


def target_of(
    law: Law, options: Mapping[str, Any], objective: Objective | None = None
) -> dict[str, Any]:
    """The options of a table with its target: what the law gives, unless the caller names one.

    An objective without logarithms takes a response of any sign.
    """
    options = dict(options)
    if objective is not None and not objective.kernel.log:
        options["signed"] = True
    # By the loss the best of a sweep is taken: there it is not what the law gives.
    names_loss = "loss" in (options.get("columns") or {}) and not options.get("best_of")
    has_target = "target" in options or names_loss
    if law.response is LOSS or has_target:
        return options
    return {**options, "target": law.response.symbol}


def check_signs(objective: Objective, target: Floats) -> None:
    """Refuse logarithms of a response that is not positive everywhere.

    Raises:
        UsageError: The residuals are logarithmic and a target is not positive.
    """
    if objective.kernel.log and np.any(target <= 0):
        raise UsageError(
            "the response is not positive everywhere, so that residuals cannot be those of its "
            f"logarithm: give an objective with {argument('on', 'loss')}."
        )


def as_objective(objective: ObjectiveLike) -> Objective:
    """An objective as it is, Huber's for None, one by its name, or one made of a function.

    Raises:
        UsageError: It is none of these.
    """
    if objective is None:
        return huber()
    if isinstance(objective, Objective):
        return objective
    if isinstance(objective, str):
        return named(objective)
    if callable(objective):
        return custom(objective)
    raise UsageError(
        f"{argument('objective')} takes an objective such as scalejax.huber(1e-3), or a "
        "function of the "
        f"residual, not {objective!r}."
    )


def as_how(
    solver: Solver | None,
    max_steps: int | None,
    seed: int,
    layout: Layout | None,
    progress: Progress | None,
) -> How:
    """How to solve: the default solver for None, an optax optimizer wrapped, and its step limit.

    Raises:
        UsageError: Something that is no solver, no step limit or no seed.
    """
    if max_steps is None:
        max_steps = NEWTON_STEPS if solver is None else _OPTAX_STEPS
    max_steps, seed = whole("max_steps", max_steps, 1), whole("seed", seed)
    return How(_as_solver(solver), max_steps, seed, layout, progress)


def _as_solver(solver: Solver | None) -> SolverFactory:
    if solver is None:
        return damped_newton
    if isinstance(solver, optax.GradientTransformation):
        return from_optax(solver)
    if callable(solver):
        return solver
    raise UsageError(f"solver= takes an optax optimizer or a solver of ours, not {solver!r}.")


def check_priors(model: Model, priors: Mapping[str, Prior] | None) -> Mapping[str, Prior]:
    """The priors, none for None.

    Raises:
        UsageError: One belongs to no parameter of the law.
    """
    wrong = [name for name in priors or {} if name not in model.law.parameters]
    if wrong:
        raise UsageError(
            f"{argument('priors')} names {', '.join(map(repr, wrong))}; the parameters of "
            f"{model.law.name} are "
            f"{', '.join(model.law.parameters)}."
        )
    return priors or {}


def checked_count(resamples: Any) -> int:
    """The number of resamples.

    Raises:
        UsageError: It is no whole number, negative, or more than this machine can hold.
    """
    count = whole("resamples", resamples)
    check_memory("resamples", {"refits": count}, BYTES_PER_FIT)
    return count
