"""Which runs to train next: the design of experiments for scaling laws.

`design` takes a fit (or a published law), a budget and a target, and gives a `Design`: the
runs to train, the width of the interval that they promise, how far any design could be better, and
what the usual grids would give for the same money. `Design.cost_for_width` says how much must be
spent to know the target to 20 %; `Design.simulate` checks the promise.

Whether runs determine a law at all is told by `scalejax.conclusions.design_identifiability`.

| module | when |
| --- | --- |
| `scalejax.designing.make` | `design` |
| `scalejax.designing.question`, `scalejax.designing.candidates` | a question, checked |
| `scalejax.designing.problem` | the same as arrays, to be solved for any amount of money |
| `scalejax.designing.past` | what the runs so far tell, checkpoints and weights included |
| `scalejax.designing.information` | what runs tell, as pure functions |
| `scalejax.designing.choice` | the best runs as a pure function, to be mapped over laws and money |
| `scalejax.designing.measure`, `scalejax.designing.exact` | how they are found |
| `scalejax.designing.comparison` | grids that people train |
| `scalejax.designing.simulation` | promise against simulation |
"""

from scalejax.designing.design import Design as Design
from scalejax.designing.make import answered as answered
from scalejax.designing.make import design as design
from scalejax.designing.question import DesignQuestion as DesignQuestion
from scalejax.designing.question import question_of as question_of
from scalejax.designing.record import AMOUNTS as AMOUNTS
from scalejax.designing.simulation import Simulated as Simulated
from scalejax.designing.simulation import check_simulations as check_simulations
from scalejax.designing.summary import plan_of as plan_of
