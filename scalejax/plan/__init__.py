"""Plans: what to train, from a law and a question, with intervals and everything asked next.

`plan` takes a fit or a published set and a `Question` (a budget in FLOP or dollars, or a quality to
reach; demand, hardware, data, memory, latency) and gives a `Plan`. For a decision that is not of N,
D and bits, state your own problem with `scalejax.optima`.
"""

from scalejax.plan.planning import plan as plan
from scalejax.plan.question import Question as Question
from scalejax.plan.record import Plan as Plan
from scalejax.plan.source import Source as Source
from scalejax.plan.source import source_of as source_of
