"""What is refused before anything is solved: laws, runs and bounds that no fit can mend.

- `refuse_broken`: a law that cannot be evaluated.
- `inert_inputs`: inputs that no free parameter's effect depends on; they need not vary.
- `refuse_unidentified`: runs that cannot determine the parameters, in words (E132, E133, E134).
- `refuse_bounds`: bounds that are crossed, or hold a floor above an observed loss (E145).
- `open_parameters`: the parameters that the runs do not determine, for `allow_unidentified`.
"""

import traceback
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._numerics import dependencies
from scalejax.data import Table
from scalejax.engine.arrays import wrong_bounds
from scalejax.engine.fit_problem import FitProblem
from scalejax.errors import InputError, InputProblem, LawError, UsageError
from scalejax.identify import Identifiability, RunSet, assess_design, listed
from scalejax.laws import Law
from scalejax.objectives import Model
from scalejax.scope import own_settings
from scalejax.vocabulary import argument

_ROUNDING = 1e-9
"""Relative difference of losses that are equal but for rounding: far above float64's 1e-16."""


def refuse_broken(law: Law) -> None:
    """Try a law on one run, without compiling anything.

    Raises:
        LawError: It raises, or does not give one real number.
    """
    with own_settings():
        number = jax.ShapeDtypeStruct((), jnp.float64)
        points = [number] * len(law.inputs)
        try:
            loss = jax.eval_shape(law, *points, **dict.fromkeys(law.parameters, number))
        except Exception as error:  # Whatever the user's own code may raise.
            raise LawError(
                f"the law {law.name!r} cannot be evaluated{_where(law, error)}: "
                f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            ) from error
    shape = getattr(loss, "shape", None)
    if shape != () or not jnp.issubdtype(loss.dtype, jnp.floating):
        got = type(loss).__name__ if shape is None else f"{loss.dtype}{list(shape)}"
        raise LawError(f"the law {law.name!r} must give one real number for one run, not {got}.")


def _where(law: Law, error: Exception) -> str:
    """The line of the law's own file at which it failed."""
    code = getattr(law.function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if code and frame.filename == code.co_filename]
    return f" (line {lines[-1]} of {code.co_filename})" if code and lines else ""


def inert_inputs(model: Model) -> tuple[str, ...]:
    """Inputs that no derivative of the law in a free parameter depends on.

    Whether they vary does not matter to the fit: with A and alpha of Chinchilla's law held, N only
    changes a term without free parameters.
    """
    law = model.law
    held = [name for name in law.parameters if name not in (*model.free, *dict(model.tied))]
    if not held:
        return ()
    count = len(law.inputs)

    def slopes(*numbers: jax.Array) -> dict[str, jax.Array]:
        fixed = dict(zip(held, numbers[count : count + len(held)], strict=True))
        free = dict(zip(model.free, numbers[count + len(held) :], strict=True))
        loss = partial(law, *numbers[:count])
        return jax.grad(lambda x: jnp.asarray(loss(**model.complete(x, fixed))))(free)

    with own_settings():
        number = jax.ShapeDtypeStruct((), jnp.float64)
        reached = dependencies(slopes, *[number] * (count + len(held) + len(model.free)))
    moving = frozenset[int]().union(*reached)
    return tuple(name for k, name in enumerate(law.inputs) if k not in moving)


def refuse_unidentified(problem: FitProblem) -> None:
    """Refuse runs that do not determine all free parameters, wherever the optimum will be.

    Priors and a penalty may determine what the runs do not, so with them nothing is refused.

    Raises:
        InputError: With the reason and the runs that would help.
    """
    errors = [one for one in design_problems(problem) if not one.code.startswith("W")]
    if errors:
        raise InputError(errors, problem.table.source)


def design_problems(problem: FitProblem) -> tuple[InputProblem, ...]:
    """E132, E133, E134, W217 and W218: parameters that the runs determine badly or not at all."""
    answer = _identifiability(problem)
    if answer is None:
        return ()
    if answer.verdict != "not identified":
        return answer.problems
    *first, last = answer.problems
    how = f"{last.message}. To fit nevertheless, without intervals for what is left open, say "
    return (*first, replace(last, message=f"{how}{argument('allow_unidentified', True)}."))


def open_parameters(problem: FitProblem) -> tuple[str, ...]:
    """Free parameters that the runs do not determine, wherever the estimate lies."""
    answer = _identifiability(problem)
    return () if answer is None else answer.flat


def _identifiability(problem: FitProblem) -> Identifiability | None:
    """What the runs determine before a fit; None if priors, a penalty or the law forbid to say."""
    if problem.priors or problem.model.penalty is not None or not problem.model.free:
        return None
    runs = run_set_of(problem.model, problem.fixed, problem.table)
    try:
        return assess_design(runs, columns=problem.table.columns)
    except UsageError:  # The law is not finite at any typical point, which says nothing.
        return None


def run_set_of(model: Model, fixed: Mapping[str, float], table: Table) -> RunSet:
    """The runs of a table, without their losses: its rows that carry weight.

    Raises:
        UsageError: An input is missing, or no row carries weight.
    """
    missing = [name for name in model.law.inputs if name not in table.inputs]
    if missing:
        raise UsageError(f"the table has no {listed(missing)} (law {model.law.name}).")
    used = table.weight > 0
    if not used.any():
        raise UsageError("no row of the table carries weight.")
    inputs = {name: table.inputs[name][used] for name in model.law.inputs}
    return RunSet(model, fixed, inputs, table.weight[used] / np.mean(table.weight[used]))


def refuse_bounds(problem: FitProblem) -> None:
    """Refuse bounds that cannot hold, and a floor bounded or fixed above the smallest loss.

    Raises:
        InputError: Code E145.
    """
    held = {name: low for name, (low, _) in problem.bounds.items()} | dict(problem.fixed)
    lowest = float(np.min(problem.table.target[problem.table.weight > 0]))
    problems = [
        InputProblem("E145", words) for words in wrong_bounds(problem.model, problem.bounds)
    ]
    problems += [
        InputProblem(
            "E145",
            f"{name} is held at {low:g} or above, but the smallest loss is {lowest:.4g}, and no "
            f"loss can lie below {name}; lower it",
        )
        for name, low in held.items()
        if low >= lowest and name in floors(problem)
    ]
    if problems:
        raise InputError(problems, problem.table.source)


def floors(problem: FitProblem) -> tuple[str, ...]:
    """Parameters that are a floor of the loss: what the law adds to them is never negative."""
    law = problem.model.law
    parts = {name: law.parameters[name] for name in law.linear}
    if any(part.support.lower < 0 for part in parts.values()):
        return ()
    with own_settings():
        inputs = tuple(jnp.asarray(problem.table.inputs[name]) for name in law.inputs)
        rest = {
            name: float(np.mean(parameter.plausible))
            for name, parameter in law.parameters.items()
            if name not in law.linear
        }

        def losses(linear: dict[str, float]) -> jax.Array:
            return jnp.broadcast_to(law(*inputs, **rest, **linear), inputs[0].shape)

        ones = dict.fromkeys(parts, 1.0)
        columns = {name: np.asarray(x) for name, x in jax.jacfwd(losses)(ones).items()}
        total = np.asarray(losses(ones))
    sums = np.allclose(total, sum(columns.values()), rtol=_ROUNDING, atol=0)
    if not sums or any(np.min(column) < 0 for column in columns.values()):
        return ()
    return tuple(name for name, x in columns.items() if np.allclose(x, 1, rtol=_ROUNDING, atol=0))
