"""Plans: what to train, from a law and a question, with intervals, alternatives and warnings.

`plan` takes a fit or a published set and a `Question` (a budget in FLOP or dollars, or a quality to
reach; demand, hardware, data, memory, latency) and gives a `Plan`. For a decision that is not of N,
D and bits, state your own problem with `scalejax.optima`.

`frontier` and `contours` give the numbers around a plan, `ratio_surface` what demand does to models
of many sizes; `scalejax.plots` draws all three.

What a plan is solved with, for those who solve it elsewhere: the measures (`TRAINING_FLOP`, `USD`
...), `loss_of` a law, the ranges of `N` and `D`, and `args_of` a question. `judge` is the verdict.
"""

from scalejax.planning.contours import Contours as Contours
from scalejax.planning.contours import contours as contours
from scalejax.planning.frontier import frontier as frontier
from scalejax.planning.measures import BITS as BITS
from scalejax.planning.measures import DAYS as DAYS
from scalejax.planning.measures import EPOCHS as EPOCHS
from scalejax.planning.measures import GPU_HOURS as GPU_HOURS
from scalejax.planning.measures import LATENCY as LATENCY
from scalejax.planning.measures import LIFETIME_FLOP as LIFETIME_FLOP
from scalejax.planning.measures import MEMORY as MEMORY
from scalejax.planning.measures import PARAMETERS as PARAMETERS
from scalejax.planning.measures import PRECISION_BITS as PRECISION_BITS
from scalejax.planning.measures import TOKENS as TOKENS
from scalejax.planning.measures import TOKENS_PER_PARAMETER as TOKENS_PER_PARAMETER
from scalejax.planning.measures import TRAINING_FLOP as TRAINING_FLOP
from scalejax.planning.measures import USD as USD
from scalejax.planning.plan import PLAN as PLAN
from scalejax.planning.plan import Plan as Plan
from scalejax.planning.plan import check_plan_place as check_plan_place
from scalejax.planning.problem import D as D
from scalejax.planning.problem import N as N
from scalejax.planning.problem import args_of as args_of
from scalejax.planning.problem import loss_of as loss_of
from scalejax.planning.question import Question as Question
from scalejax.planning.source import Source as Source
from scalejax.planning.source import source_of as source_of
from scalejax.planning.surface import ratio_surface as ratio_surface
from scalejax.planning.verbs import load_plan as load_plan
from scalejax.planning.verbs import plan as plan
from scalejax.planning.verdict import judge as judge
