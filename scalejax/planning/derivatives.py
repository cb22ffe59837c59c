"""How every reported number of a plan moves with every one of its args, through the optimum.

One pure function gives all numbers from args, its optimum attached by the implicit function
theorem; if the loss to reach is itself the best of a budget, that optimum is inside it too. Its
derivative is the delta method's and the sensitivities'.
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
    problems: tuple[Problem, ...], measures: tuple[Measure, ...], found: tuple[Any, ...], args: Any
) -> tuple[Any, Any]:
    """Numbers and their logarithms' derivatives by the logarithm of each of args.

    Args:
        problems: The problem, and after it the one whose optimum is the loss to reach, if any.
        measures: What to tell besides the variables.
        found: Their solutions.
        args: Args of both.

    Returns:
        Variables and measures, (k,), and for each leaf of args a column (k,).
    """

    def numbers(args: Any) -> jax.Array:
        if len(problems) > 1:
            args = with_quality(problems[1], found[1], args)
        point, _ = attach(problems[0], found[0], args)
        decision = {**args["held"], **problems[0].decision(point)}
        told = [decision[name] for name in sorted(decision)]
        told += [measure(decision, args) for measure in measures]
        return jnp.stack([jnp.asarray(value, float) for value in told])

    value = numbers(args)
    slopes = jax.jacfwd(numbers)(args)
    relative = jax.tree.map(lambda slope, leaf: slope * leaf / value, slopes, args)
    return value, relative


def with_quality(problem: Problem, found: Any, args: Mapping[str, Any]) -> dict[str, Any]:
    """Args whose loss to reach is the optimum of another problem."""
    point, _ = attach(problem, found, args)
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
        covariance: Names and covariance of those that were fitted.
        level: Probability.
        degrees_of_freedom: Of Student's t.
    """
    names, matrix = covariance
    slope = np.stack([by_parameter[name] / params[name] for name in names], axis=1)
    error = np.sqrt(np.einsum("ki,ij,kj->k", slope, matrix, slope))
    reach = t_quantile(level, degrees_of_freedom) * error
    return value * np.exp(-reach), value * np.exp(reach)
