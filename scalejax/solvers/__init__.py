"""Minimisers of small smooth problems, in batches. They know no law and no table.

- `minimise`: many unconstrained problems at once, by `damped_newton` or any optax optimizer; see
  `scalejax.solvers.solver` for the shape of a solver and which one to take.
- `approach`, then `finish`: one problem with constraints, from anywhere to a certified optimum.
- `implicit_root`: derivatives of whatever was solved for.
"""

from scalejax.solvers.implicit import implicit_root as implicit_root
from scalejax.solvers.interior import Ranges as Ranges
from scalejax.solvers.interior import approach as approach
from scalejax.solvers.kkt import Active as Active
from scalejax.solvers.kkt import Finish as Finish
from scalejax.solvers.kkt import finish as finish
from scalejax.solvers.kkt import solve_singular as solve_singular
from scalejax.solvers.lanes import LaneProblems as LaneProblems
from scalejax.solvers.lanes import minimise as minimise
from scalejax.solvers.linear import factorise as factorise
from scalejax.solvers.linear import largest_eigenvalue as largest_eigenvalue
from scalejax.solvers.linear import solve as solve
from scalejax.solvers.linear import symmetric as symmetric
from scalejax.solvers.linear import symmetric_inverse as symmetric_inverse
from scalejax.solvers.linear import triangle as triangle
from scalejax.solvers.newton import damped_newton as damped_newton
from scalejax.solvers.solver import Box as Box
from scalejax.solvers.solver import Evaluation as Evaluation
from scalejax.solvers.solver import Solver as Solver
from scalejax.solvers.solver import SolverFactory as SolverFactory
from scalejax.solvers.solver import from_optax as from_optax
