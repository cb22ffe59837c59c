"""Constrained optima: state a decision as pure functions, get the best one, certified.

- `Variable`, `Measure`, `Problem`: the statement (`scalejax.optima.problem`).
- `solve`: one answer for people, with what binds, shadow prices and elasticities; `choose` among
  several args.
- `optimum`: the same as a pure, differentiable function of args, for your own JAX code.
- `solve_many`, `solve_grid`: all draws of a law, frontiers and surfaces, in one batch.
- `allocation`: the N and D of least loss under C = 6 N D; `tokens_for`: the best D for an N.
- `revealed_demand`: how much inference a model's size and tokens were chosen for.
- `regret`: what a decision costs if a draw is the truth, and the decision that costs least.
"""

from scalejax.optima.allocation import Allocation as Allocation
from scalejax.optima.allocation import allocation as allocation
from scalejax.optima.allocation import tokens_for as tokens_for
from scalejax.optima.answer import Answer as Answer
from scalejax.optima.answer import Bound as Bound
from scalejax.optima.answer import choose as choose
from scalejax.optima.answer import solve as solve
from scalejax.optima.implicit import Optimum as Optimum
from scalejax.optima.implicit import attach as attach
from scalejax.optima.implicit import optimum as optimum
from scalejax.optima.lanes import as_arrays as as_arrays
from scalejax.optima.many import Optima as Optima
from scalejax.optima.many import solve_grid as solve_grid
from scalejax.optima.many import solve_many as solve_many
from scalejax.optima.problem import Constraint as Constraint
from scalejax.optima.problem import Measure as Measure
from scalejax.optima.problem import Problem as Problem
from scalejax.optima.problem import Variable as Variable
from scalejax.optima.regret import Regret as Regret
from scalejax.optima.regret import regret as regret
from scalejax.optima.wedge import Revealed as Revealed
from scalejax.optima.wedge import revealed_demand as revealed_demand
