"""The posterior of a fitted law by NUTS, if ``scalejax[bayes]`` is installed.

`posterior` samples it; what is sampled is in `scalejax.bayes.density`.
"""

from scalejax.bayes.posterior import LEAST_ESS as LEAST_ESS
from scalejax.bayes.posterior import R_HAT_LIMIT as R_HAT_LIMIT
from scalejax.bayes.posterior import Posterior as Posterior
from scalejax.bayes.posterior import arviz_tree as arviz_tree
from scalejax.bayes.posterior import extra as extra
from scalejax.bayes.posterior import posterior as posterior
from scalejax.bayes.posterior import sample as sample
