"""Kaplan's joint law, in which data and model terms share one outer exponent and no floor.

Use it to compare with Kaplan et al. (2020); for new runs `chinchilla` fits better because it has
an irreducible loss. N counts non-embedding parameters here.
"""

from scalejax.laws.law import law
from scalejax.laws.published import PublishedSet
from scalejax.laws.supports import Positive, Value

KAPLAN2020 = PublishedSet(
    "kaplan2020",
    {"Nc": 6.4e13, "alpha_N": 0.076, "Dc": 1.8e13, "alpha_D": 0.103},
    source="arXiv:2001.08361, table 2",
    convention="WebText2, nats",
    counts="non-embedding",
)


@law(
    cite="kaplan2020",
    plausible={
        "Nc": (1e9, 1e17),
        "alpha_N": (0.03, 0.5),
        "Dc": (1e9, 1e17),
        "alpha_D": (0.03, 0.5),
    },
    bounds={"Nc": (1.0, 1e40), "Dc": (1.0, 1e40)},
    units={"Nc": "parameters", "Dc": "tokens"},
    published=(KAPLAN2020,),
)
def kaplan(
    N: Value, D: Value, *, Nc: Positive, alpha_N: Positive, Dc: Positive, alpha_D: Positive
) -> Value:
    """Loss [(Nc/N)^(alpha_N/alpha_D) + Dc/D]^alpha_D (Kaplan et al., arXiv:2001.08361, eq. 1.5)."""
    return ((Nc / N) ** (alpha_N / alpha_D) + Dc / D) ** alpha_D
