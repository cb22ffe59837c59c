"""Conclusions from a fit, and how far to trust them.

- `conclude`: the numbers themselves: exponents, the best model of a budget, a planned loss.
- `identifiability`, `design_identifiability`: which parameters the runs leave open, and a remedy.
- `profile`: intervals that follow a curved or one-sided likelihood; it refits.
- `influence`: every run, or cluster, left out once.
- `sensitivity`: refits under other objectives, exclusions, counts and laws, in one table.
- `compare`: how two fits differ, with intervals from the resamples that they share.
"""

from scalejax.conclusions.compare import compare as compare
from scalejax.conclusions.conclusions import BEYOND as BEYOND
from scalejax.conclusions.conclusions import ComputeOptimum as ComputeOptimum
from scalejax.conclusions.conclusions import Conclusion as Conclusion
from scalejax.conclusions.conclusions import Conclusions as Conclusions
from scalejax.conclusions.conclusions import OwnNumber as OwnNumber
from scalejax.conclusions.conclusions import Point as Point
from scalejax.conclusions.conclusions import PredictedLoss as PredictedLoss
from scalejax.conclusions.conclusions import conclude as conclude
from scalejax.conclusions.conclusions import conclusion_at as conclusion_at
from scalejax.conclusions.identifiability import design_identifiability as design_identifiability
from scalejax.conclusions.identifiability import identifiability as identifiability
from scalejax.conclusions.influence import influence as influence
from scalejax.conclusions.profile import Profile as Profile
from scalejax.conclusions.profile import profile as profile
from scalejax.conclusions.sensitivity import describe_moves as describe_moves
from scalejax.conclusions.sensitivity import largest_moves as largest_moves
from scalejax.conclusions.sensitivity import sensitivity as sensitivity
from scalejax.identify import Identifiability as Identifiability
