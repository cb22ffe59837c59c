"""Kaplan's joint laws, in which the terms share no floor.

`kaplan` is the loss after training on D tokens, `kaplan_steps` along the way, after S steps at a
batch far below the critical one. Use them to compare with Kaplan et al. (2020); for new runs
`chinchilla` fits better because it has an irreducible loss. N counts non-embedding parameters here.
"""

from scalejax.laws.law import law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Value

_LOSS = "nats/token"

KAPLAN2020 = PublishedSet(
    "kaplan2020",
    {"Nc": 6.4e13, "alpha_N": 0.076, "Dc": 1.8e13, "alpha_D": 0.103},
    source="arXiv:2001.08361, table 2",
    convention="WebText2, nats",
    counts="non-embedding",
)
KAPLAN2020_STEPS = PublishedSet(
    "kaplan2020",
    {"Nc": 6.5e13, "alpha_N": 0.077, "Sc": 2.1e3, "alpha_S": 0.76},
    source="arXiv:2001.08361, table 3",
    convention="WebText2, nats; S is the least number of steps, at a batch far above the critical",
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


@law(
    cite="kaplan2020",
    plausible={
        "Nc": (1e9, 1e17),
        "alpha_N": (0.03, 0.5),
        "Sc": (1.0, 1e6),
        "alpha_S": (0.2, 1.5),
    },
    bounds={"Nc": (1.0, 1e40), "Sc": (1e-6, 1e20)},
    units={"Nc": "parameters", "Sc": "steps"},
    published=(KAPLAN2020_STEPS,),
)
def kaplan_steps(
    N: Value, S: Value, *, Nc: Positive, alpha_N: Positive, Sc: Positive, alpha_S: Positive
) -> Value:
    """Loss (Nc/N)^alpha_N + (Sc/S)^alpha_S (Kaplan et al., arXiv:2001.08361, eq. 1.6)."""
    return (Nc / N) ** alpha_N + (Sc / S) ** alpha_S
