"""Numbers asked of a fit, and how far to trust them.

- `conclude`: the numbers themselves: exponents, the best model of a budget, a planned loss.
- `identifiability`, `design_identifiability`: which directions the runs leave open, in words.
- `profile`: intervals that follow a curved or one-sided likelihood; refits.
- `influence`: every run, or cluster, left out once.
- `sensitivity`: refits under other objectives, exclusions, counts and laws, in one table.
- `compare`: how two fits differ, with intervals from the resamples that they share.
"""

from scalejax.conclusions.compare import compare
from scalejax.conclusions.conclusions import (
    BEYOND,
    ComputeOptimum,
    Conclusions,
    OwnNumber,
    PredictedLoss,
    Quantity,
    conclude,
)
from scalejax.conclusions.identifiability import design_identifiability, identifiability
from scalejax.conclusions.influence import influence
from scalejax.conclusions.profile import Profile, profile
from scalejax.conclusions.sensitivity import describe_moves, largest_moves, sensitivity
from scalejax.identify import Identifiability

__all__ = [
    "BEYOND",
    "ComputeOptimum",
    "Conclusions",
    "Identifiability",
    "OwnNumber",
    "PredictedLoss",
    "Profile",
    "Quantity",
    "compare",
    "conclude",
    "describe_moves",
    "design_identifiability",
    "identifiability",
    "influence",
    "largest_moves",
    "profile",
    "sensitivity",
]
