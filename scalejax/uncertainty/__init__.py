"""How far to trust a fit: identifiability, profiles, influence, sensitivity, comparison, posterior.

- `identifiability`, `design_identifiability`: which directions the runs leave open, in words.
- `profile`: intervals that follow a curved or one-sided likelihood; refits.
- `influence`: every run, or cluster, left out once.
- `sensitivity`: refits under other objectives, exclusions, counts and laws, in one table.
- `compare`: how two fits differ, with intervals from the resamples that they share.
- `posterior`: NUTS on the same law, if ``scalejax[bayes]`` is installed.
"""

from scalejax.identify import Identifiability
from scalejax.uncertainty.compare import compare
from scalejax.uncertainty.conclusions import Conclusions, conclusions
from scalejax.uncertainty.identifiability import design_identifiability, identifiability
from scalejax.uncertainty.influence import influence
from scalejax.uncertainty.posterior import Posterior, posterior
from scalejax.uncertainty.profile import Profile, profile
from scalejax.uncertainty.sensitivity import largest_moves, sensitivity

__all__ = [
    "Conclusions",
    "Identifiability",
    "Posterior",
    "Profile",
    "compare",
    "conclusions",
    "design_identifiability",
    "identifiability",
    "influence",
    "largest_moves",
    "posterior",
    "profile",
    "sensitivity",
]
