"""The posterior of a fitted law by NUTS, if ``scalejax[bayes]`` is installed.

`posterior` samples it; what is sampled is in `scalejax.bayes.density`.
"""

from scalejax.bayes.posterior import (
    LEAST_ESS,
    R_HAT_LIMIT,
    Posterior,
    arviz_tree,
    extra,
    posterior,
    sample,
)

__all__ = [
    "LEAST_ESS",
    "R_HAT_LIMIT",
    "Posterior",
    "arviz_tree",
    "extra",
    "posterior",
    "sample",
]
