"""Training by replicas that seldom synchronise: DiLoCo (Charles et al., arXiv:2503.09799).

Use `diloco2025` for models trained to the same tokens per parameter by M replicas, each with its
own share of the batch. One replica is `power_N`.
"""

from scalejax.laws.law import Reduction, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Real, Value

DILOCO2025 = PublishedSet(
    "diloco2025",
    {"A": 19.226, "alpha": 0.0985, "beta": 0.0116},
    source="arXiv:2503.09799",
    convention="C4, nats; tokens in proportion to parameters",
    counts="not stated",
    evidence="secondary",
    valid={"N": (35e6, 2.4e9)},
    note="Unverified: not seen in the paper.",
)


@law(
    linear=("A",),
    cite="charles2025",
    plausible={"A": (1.0, 1e5), "alpha": (0.02, 1.5), "beta": (-0.1, 0.1)},
    units={"A": "nats/token x parameters^alpha"},
    published=(DILOCO2025,),
    reductions=(Reduction("power_N", {"replicas": 1.0}),),
)
def diloco2025(N: Value, replicas: Value, *, A: Positive, alpha: Positive, beta: Real) -> Value:
    """Loss A M^beta/N^alpha of M replicas (Charles et al., arXiv:2503.09799)."""
    return A * N**-alpha * replicas**beta
