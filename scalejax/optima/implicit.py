"""Constrained optima are differentiated by the implicit function theorem.

`optimum` is a pure function of a problem's args. Its derivatives follow from the optimality
conditions, with the same constraints binding, and not from the iterations that led to the point: so
`jax.grad`, `jacfwd`, `jacrev`, `vmap`, `jit` and derivatives of any order work.

Where a constraint is just about to bind (or a redundant one to take over), the optimum has a
kink: the derivative is then that of the side on which the constraint does not bind. Multipliers of
redundant constraints are not unique; the derivative of the decision is.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.optima.problem import Problem
from scalejax.optima.solution import Solution, best_of, starting_points
from scalejax.solvers import implicit_root, solve_singular


class Optimum(NamedTuple):
    """An optimum, differentiable in the args of its problem.

    Attributes:
        decision: A value per variable, ().
        goal: What was minimised, in its unit, ().
        multipliers: Of the constraints, (m,): what is minimised (its logarithm, if the measure is
            compared by it) changes by this per unit of excess allowed.
        outcome: An `Outcome`, ().
        defect: Largest scaled error in the optimality conditions, ().
        agreeing: Share of starts that came to it, ().
    """

    decision: dict[str, jax.Array]
    goal: jax.Array
    multipliers: jax.Array
    outcome: jax.Array
    defect: jax.Array
    agreeing: jax.Array


def optimum(problem: Problem, args: Any, *, starts: int = 16) -> Optimum:
    """The optimum of a problem as a differentiable function of its args.

    Args:
        problem: The problem.
        args: Its args; a pytree of arrays or numbers.
        starts: Starts of the search, spread over the ranges.

    Returns:
        The optimum. If there is none, `outcome` says so and the decision is NaN.
    """
    solution = best_of(problem, lax.stop_gradient(args), starting_points(problem, starts))
    point, multipliers = attach(problem, solution, args)
    solved = solution.outcome <= 1
    decision = {
        name: jnp.where(solved, value, jnp.nan) for name, value in problem.decision(point).items()
    }
    return Optimum(
        decision,
        problem.minimize(decision, args),
        multipliers,
        solution.outcome,
        solution.defect,
        solution.agreeing,
    )


@partial(jax.jit, static_argnums=0)
def attach(problem: Problem, found: Solution, args: Any) -> tuple[jax.Array, jax.Array]:
    """The point (n,) and multipliers (m,) of a solution, with their derivatives in the args."""
    solution = lax.stop_gradient(found)
    free, binds = solution.active.end == 0, solution.active.constraint
    n = solution.point.shape[0]

    def conditions(x: jax.Array) -> jax.Array:
        """Zero at the optimum, (n + m,)."""
        y, z = x[:n], x[n:]

        def lagrangian(y: jax.Array) -> jax.Array:
            value = problem.values(y, args)
            return value[0] + jnp.where(binds, z, 0.0) @ value[1:]

        pull = jnp.where(free, jax.grad(lagrangian)(y), y - solution.point)
        return jnp.concatenate([pull, jnp.where(binds, problem.values(y, args)[1:], -z)])

    def tangent(linear: Callable[[jax.Array], jax.Array], right: jax.Array) -> jax.Array:
        # The conditions are the gradient of one function, but for the rows of what does not move.
        matrix = jax.jacfwd(linear)(jnp.zeros_like(right))
        held = jnp.concatenate([~free, ~binds])
        fixed = jnp.where(held, jnp.where(jnp.arange(right.shape[0]) < n, right, -right), 0.0)
        rest = jnp.where(held, right, right - matrix @ fixed)
        symmetric = jnp.where(held[:, None] | held, jnp.diag(jnp.diagonal(matrix)), matrix)
        return solve_singular(symmetric, rest)

    start = jnp.concatenate([solution.point, jnp.where(binds, solution.multipliers, 0.0)])
    x = implicit_root(conditions, start, tangent)
    return x[:n], x[n:]
