"""Plans: what to train, from a law and a question, with intervals and everything asked next.

`plan` takes a fit or a published set and a `Question` (a budget in FLOP or dollars, or a quality to
reach; demand, hardware, data, memory, latency) and gives a `Plan`. For a decision that is not of N,
D and bits, state your own problem with `scalejax.optima`.

`frontier` and `contours` give the numbers around a plan, `ratio_surface` what demand does to models
of many sizes; `scalejax.plots` draws all three.
"""

from scalejax.plan.frontier import Contours as Contours
from scalejax.plan.frontier import contours as contours
from scalejax.plan.frontier import frontier as frontier
from scalejax.plan.planning import plan as plan
from scalejax.plan.question import Question as Question
from scalejax.plan.record import Plan as Plan
from scalejax.plan.source import Source as Source
from scalejax.plan.source import source_of as source_of
from scalejax.plan.surface import ratio_surface as ratio_surface
