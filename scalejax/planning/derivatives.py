"""Derivatives of every reported number of a plan by every one of its args, through the optimum.

One pure function computes all numbers from args. The optimum is made a function of args by the
implicit function theorem (`scalejax.optima.attach`); if the loss to reach is itself the best of a
budget, so is that optimum. The delta method and the table of sensitivities use these derivatives.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax._numerics import RUN_ONCE
from scalejax.optima import Measure, Problem, attach
from scalejax.resampling import t_quantile


@partial(jax.jit, static_argnums=(0, 1), compiler_options=RUN_ONCE)
def elasticities(
    problems: tuple[Problem, ...],
    measures: tuple[Measure, ...],
    solutions: tuple[Any, ...],
    args: Any,
) -> tuple[Any, Any]:
    """Numbers and their logarithms' derivatives by the logarithm of each of args.

    Args:
        problems: The problem, and after it the one whose optimum is the loss to reach, if any.
        measures: What to compute besides the variables.
        solutions: The solver's solution of each problem.
        args: Args of both.

    Returns:
        Variables and measures, (k,), and for each leaf of args a column (k,).
    """

    def numbers(args: Any) -> jax.Array:
        if len(problems) > 1:
            args = with_quality(problems[1], solutions[1], args)
        point, _ = attach(problems[0], solutions[0], args)
        decision = {**args["held"], **problems[0].decision(point)}
        values = [decision[name] for name in sorted(decision)]
        values += [measure(decision, args) for measure in measures]
        return jnp.stack([jnp.asarray(value, float) for value in values])

    value = numbers(args)
    slopes = jax.jacfwd(numbers)(args)
    relative = jax.tree.map(lambda slope, leaf: slope * leaf / value, slopes, args)
    return value, relative


def with_quality(problem: Problem, solution: Any, args: Mapping[str, Any]) -> dict[str, Any]:
    """The args, with the optimum of another problem as the loss to reach."""
    point, _ = attach(problem, solution, args)
    goal = problem.minimize(problem.decision(point), args)
    return {**args, "limits": {**args["limits"], problem.minimize.name: goal}}


def delta_intervals(
    value: Floats,
    by_parameter: Mapping[str, Floats],
    params: Mapping[str, float],
    covariance: tuple[tuple[str, ...], Floats],
    level: float,
    degrees_of_freedom: int,
) -> tuple[Floats, Floats]:
    """Intervals of positive numbers (k,) by the delta method on their logarithms.

    Args:
        value: The numbers.
        by_parameter: Elasticities in each parameter of the law, (k,).
        params: The parameters.
        covariance: Names and covariance of the fitted parameters.
        level: Probability.
        degrees_of_freedom: Of Student's t.

    Returns:
        Lower and upper ends, (k,) each.
    """
    names, matrix = covariance
    slope = np.stack([by_parameter[name] / params[name] for name in names], axis=1)
    error = np.sqrt(np.einsum("ki,ij,kj->k", slope, matrix, slope))
    reach = t_quantile(level, degrees_of_freedom) * error
    return value * np.exp(-reach), value * np.exp(reach)
