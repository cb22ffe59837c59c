"""Plans: what to train, from a law and a question, with intervals, alternatives and warnings.

`plan` takes a fit or a published set and a `Question` (a budget in FLOP or dollars, or a quality to
reach; demand, hardware, data, memory, latency) and gives a `Plan`. For a decision that is not of N,
D and bits, state your own problem with `scalejax.optima`.

`frontier` and `contours` give the numbers around a plan, `ratio_surface` what demand does to models
of many sizes; `scalejax.plots` draws all three.
"""

from scalejax.planning.contours import Contours as Contours
from scalejax.planning.contours import contours as contours
from scalejax.planning.frontier import frontier as frontier
from scalejax.planning.plan import Plan as Plan
from scalejax.planning.plan import check_plan_place as check_plan_place
from scalejax.planning.question import Question as Question
from scalejax.planning.source import Source as Source
from scalejax.planning.source import source_of as source_of
from scalejax.planning.surface import ratio_surface as ratio_surface
from scalejax.planning.verbs import load_plan as load_plan
from scalejax.planning.verbs import plan as plan
