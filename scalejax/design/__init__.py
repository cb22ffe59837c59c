"""Which runs to train next: the design of experiments for scaling laws.

`design_runs` takes a fit (or a published law), a budget and a target, and gives a `Design`: the
runs to train, the width of the interval that they promise, how far any design could be better, and
what the usual grids would give for the same money. `Design.cost_for_width` says how much must be
spent to know the target to 20 %; `Design.simulate` checks the promise.

Whether runs determine a law at all is told by `scalejax.design_identifiability`.

| module | when |
| --- | --- |
| `scalejax.design.make` | `design_runs` |
| `scalejax.design.asking`, `scalejax.design.candidates` | a question, checked |
| `scalejax.design.past` | what the runs so far tell, checkpoints and weights included |
| `scalejax.design.information` | what runs tell, as pure functions |
| `scalejax.design.choice` | the best runs as a pure function, to be mapped over laws and money |
| `scalejax.design.measure`, `scalejax.design.exact` | how they are found |
| `scalejax.design.comparison` | grids that people train |
| `scalejax.design.simulation` | promise against simulation |
"""

from scalejax.design.asking import Asked as Asked
from scalejax.design.asking import asked as asked
from scalejax.design.design import Design as Design
from scalejax.design.make import answered as answered
from scalejax.design.make import design_runs as design_runs
from scalejax.design.question import Question as Question
from scalejax.design.record import AMOUNTS as AMOUNTS
from scalejax.design.simulation import Simulated as Simulated
from scalejax.design.simulation import check_simulations as check_simulations
from scalejax.design.summary import plan_of as plan_of
