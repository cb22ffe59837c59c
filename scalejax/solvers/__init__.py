"""Batched minimisers. They know no law and no table; any optax optimizer plugs in.

See `scalejax.solvers.solver` for the shape of a solver and which one to take.
"""

from scalejax.solvers.implicit import implicit_root
from scalejax.solvers.interior import Ranges, approach
from scalejax.solvers.kkt import Active, Finish, finish, solve_singular
from scalejax.solvers.lanes import LaneProblems, minimise
from scalejax.solvers.linear import factorise, solve, triangle
from scalejax.solvers.newton import damped_newton
from scalejax.solvers.solver import Box, Evaluation, Solver, SolverFactory, from_optax

__all__ = [
    "Active",
    "Box",
    "Evaluation",
    "Finish",
    "LaneProblems",
    "Ranges",
    "Solver",
    "SolverFactory",
    "approach",
    "damped_newton",
    "factorise",
    "finish",
    "from_optax",
    "implicit_root",
    "minimise",
    "solve",
    "solve_singular",
    "triangle",
]
