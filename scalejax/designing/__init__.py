"""Which runs to train next: the design of experiments for scaling laws.

`design` takes a fit, a forecast or a published law, a budget and a target, and gives a `Design`:
the runs to train, the width of the interval that they promise, how much better any design could be,
and what the usual grids would give for the same money. `Design.cost_for_width` says how much must
be spent to know the target to 20 %; `Design.simulate` checks the promise.

Whether runs determine a law at all is told by `scalejax.conclusions.design_identifiability`.

| module | when |
| --- | --- |
| `scalejax.designing.verb` | `design`: from arguments to a `Design` |
| `scalejax.designing.question`, `scalejax.designing.candidates` | the question, read and checked |
| `scalejax.designing.problem` | the question as arrays, to be solved for any amount of money |
| `scalejax.designing.by_forecast` | the same for a forecast, in which the law may bend |
| `scalejax.designing.past_runs` | noise of the runs so far; which rows are of one run |
| `scalejax.designing.information` | Fisher information of runs, as pure functions |
| `scalejax.designing.best_runs` | the best runs as a pure function of parameters and money |
| `scalejax.designing.continuous_design` | its first step: the best weights, fractions allowed |
| `scalejax.designing.whole_runs` | its second step: whole runs near these weights |
| `scalejax.designing.comparison` | grids that people train |
| `scalejax.designing.simulation` | the promised width checked by simulation |
| `scalejax.designing.forecast_simulation` | the same for a design by a forecast |
"""

from scalejax.designing.design import Design as Design
from scalejax.designing.forecast_simulation import ForecastSimulation as ForecastSimulation
from scalejax.designing.question import DesignQuestion as DesignQuestion
from scalejax.designing.question import question_of as question_of
from scalejax.designing.record import AMOUNTS as AMOUNTS
from scalejax.designing.simulation import Simulation as Simulation
from scalejax.designing.simulation import check_simulations as check_simulations
from scalejax.designing.summary import plan_of as plan_of
from scalejax.designing.verb import design as design
from scalejax.designing.verb import design_of as design_of
