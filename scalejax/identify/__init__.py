"""Which parameters a set of runs determines, in words: before a fit, and at an estimate.

The condition of the column-scaled Jacobian decides, with the thresholds of `scalejax.status`: below
1e3 all is fine, up to 1e6 a direction is weak and intervals along it are wide, above that it is
flat and the parameters that take part in it are not identified, while the others are. Priors and
penalties do not count: the question is what the runs say.

- `RunSet`, `assess_design`: before a fit, or before the runs;
  `scalejax.conclusions.design_identifiability`.
- `assess_estimate`: at the estimate of a fit; `scalejax.identifiability`.
- `Identifiability`, `Direction`: the answer.
"""

from scalejax.identify.causes import listed as listed
from scalejax.identify.identifiability import TYPICAL_NOISE as TYPICAL_NOISE
from scalejax.identify.identifiability import Direction as Direction
from scalejax.identify.identifiability import Identifiability as Identifiability
from scalejax.identify.identifiability import assess_design as assess_design
from scalejax.identify.identifiability import assess_estimate as assess_estimate
from scalejax.identify.run_set import RunSet as RunSet
