"""Laws of mixtures of experts: Clark, Krajewski, Ludziejewski and Abnar.

`clark2022` has parameters per token and experts, at a fixed number of tokens: use it to compare
routers. `krajewski2024` has all parameters, tokens and the granularity of the experts, at a fixed
number of experts: use it to choose granularity. `ludziejewski2025` has active parameters, tokens
and experts: use it to plan runs. `abnar2025` has all parameters, tokens and the share of them that
is idle. What N counts differs among them, and sets are not interchangeable.

`effective_experts` saturates the number of experts, in two of the laws. The dense baselines are
sets of other laws: "clark2022-dense" of `power_N` and "krajewski2024-dense" of `chinchilla`.
"""

from typing import Any

import jax.numpy as jnp

from scalejax.laws.chinchilla import chinchilla
from scalejax.laws.law import Reduction, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.sizes import Sizes, among_experts, as_counted, not_idle, with_experts
from scalejax.laws.supports import Positive, Real, Value

_LOSS = "nats/token"
_EXPONENT = (0.05, 1.5)
_BASE = {"E": (0.3, 4.0), "A": (1.0, 1e5), "alpha": _EXPONENT, "B": (1.0, 1e5), "beta": _EXPONENT}
_BASE_UNITS = {"E": _LOSS, "A": f"{_LOSS} x parameters^alpha", "B": f"{_LOSS} x tokens^beta"}
_EXPERTS = {"E_start": (1.0, 10.0), "E_max": (100.0, 1000.0)}
_EXPERT_BOUNDS = {"E_start": (0.1, 20.0), "E_max": (25.0, 1e6)}
_EXPERT_UNITS = {"E_start": "experts", "E_max": "experts"}

_CLARK = {
    "s-base": (-0.082, -0.108, 0.009, 1.104, 1.847, 314.478),
    "rl-r": (-0.083, -0.126, 0.012, 1.111, 1.880, 469.982),
    "hash": (-0.087, -0.136, 0.012, 1.157, 4.175, 477.741),
}
CLARK2022 = tuple(
    PublishedSet(
        f"clark2022-{router}",
        dict(zip(("a", "b", "c", "d", "E_start", "E_max"), values, strict=True)),
        source="arXiv:2202.01169, table 3",
        convention="MassiveText, nats; 130 billion tokens for every model; half of the layers "
        "routed, one expert per token",
        counts="active",
        valid={"N": (15e6, 1.3e9), "experts": (1, 512)},
        note="Three decimals are few: they move `cutoff_size` by up to a factor of 2.7.",
    )
    for router, values in _CLARK.items()
)
KRAJEWSKI2024 = PublishedSet(
    "krajewski2024",
    {"E": 0.47, "A": 18.1, "alpha": 0.115, "B": 30.8, "beta": 0.147, "g": 2.1, "gamma": 0.58},
    source="arXiv:2402.07871",
    convention="C4, nats; 64 experts",
    counts="total",
    sizes=Sizes(among_experts(64), as_counted),
    note="Active parameters are N/43. The paper writes c, a and b for E, A and B.",
)
LUDZIEJEWSKI2025 = PublishedSet(
    "ludziejewski2025",
    {
        "E": 1.3637,
        "A": 35.91,
        "alpha": 0.1889,
        "B": 35.98,
        "beta": 0.1775,
        "delta": 0.2285,
        "gamma": 0.0098,
        "omega": 0.5529,
        "zeta": 0.0259,
        "E_start": 2.0732,
        "E_max": 290.4521,
    },
    source="arXiv:2502.05172",
    convention="nats; one expert per token",
    counts="active",
    evidence="secondary",
    sizes=Sizes(as_counted, with_experts),
    note="Unverified. The signs were inferred: they are those for which the loss falls with "
    "experts. All parameters are counted as if an expert were two thirds of a layer, as in "
    "krajewski2024 by the same authors.",
)
ABNAR2025 = PublishedSet(
    "abnar2025",
    {
        "E": 0.94,
        "A": 16612.5,
        "alpha": 0.5962,
        "B": 5455.67,
        "beta": 0.3954,
        "c": 0.4598,
        "lam": -0.1666,
        "d": 17.26,
        "delta": 0.1603,
        "gamma": 0.1595,
    },
    source="arXiv:2501.12370",
    convention="nats; sparsity is the share of the experts that is idle",
    counts="total",
    evidence="secondary",
    note="Unverified: from notes on the paper. The paper writes e, a and b for E, A and B.",
)


def effective_experts(experts: Value, E_start: Value, E_max: Value) -> Value:
    """What a number of experts is worth, which saturates (Clark et al., arXiv:2202.01169).

    1/E_eff = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max.

    Args:
        experts: Experts per routed layer; 1 is a dense model.
        E_start: What one expert is worth.
        E_max: What endless experts are worth; where it is below `E_start`, every number of experts
            is worth that.

    Returns:
        Effective experts.
    """
    room = jnp.maximum(1 / E_start - 1 / E_max, 0)
    return 1 / (room / (1 + (experts - 1) * room) + 1 / E_max)


@law(
    cite="clark2022",
    plausible={
        "a": (-0.15, -0.03),
        "b": (-0.3, -0.02),
        "c": (0.001, 0.03),
        "d": (0.8, 1.5),
        **_EXPERTS,
    },
    bounds=_EXPERT_BOUNDS,
    units=_EXPERT_UNITS,
    published=CLARK2022,
    sizes=Sizes(active=as_counted),
    log_base=10.0,
)
def clark2022(
    N: Value,
    experts: Value,
    *,
    a: Real,
    b: Real,
    c: Real,
    d: Real,
    E_start: Positive,
    E_max: Positive,
) -> Value:
    """log10 L = a log10 N + b log10 E_eff + c log10 N log10 E_eff + d (Clark, arXiv:2202.01169).

    E_eff is `effective_experts`.
    """
    size = jnp.log10(N)
    routed = jnp.log10(effective_experts(experts, E_start, E_max))
    return 10.0 ** (a * size + b * routed + c * size * routed + d)


def cutoff_size(*, b: Value, c: Value, **unused: Any) -> Value:
    """Parameters beyond which `clark2022` gains nothing from experts: 10^(-b/c).

    Args:
        b: Slope of the log loss in log experts.
        c: Interaction of log parameters and log experts.
        **unused: The other parameters, so that a published set can be splatted.

    Returns:
        Active parameters (arXiv:2202.01169).
    """
    return 10.0 ** (-b / c)


@law(
    linear=("E", "A", "B", "g"),
    cite="krajewski2024",
    plausible={**_BASE, "g": (0.1, 100.0), "gamma": (0.1, 2.0)},
    units={**_BASE_UNITS, "g": f"{_LOSS} x parameters^alpha"},
    published=(KRAJEWSKI2024,),
    sizes=Sizes(total=as_counted),
    reductions=(Reduction("chinchilla", {"granularity": float("inf")}),),
)
def krajewski2024(
    N: Value,
    D: Value,
    granularity: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    g: Positive,
    gamma: Positive,
) -> Value:
    """Loss E + (g/G^gamma + A)/N^alpha + B/D^beta, N all parameters (arXiv:2402.07871).

    G is the granularity: into how many parts each expert of the size of a dense layer is split.
    """
    return chinchilla(N, D, E=E, A=g * granularity**-gamma + A, alpha=alpha, B=B, beta=beta)


@law(
    linear=("E", "A", "B"),
    cite="ludziejewski2025",
    plausible={
        **_BASE,
        "delta": (0.01, 1.0),
        "gamma": (0.001, 0.03),
        "omega": (0.01, 1.0),
        "zeta": (0.001, 0.1),
        **_EXPERTS,
    },
    bounds=_EXPERT_BOUNDS,
    units={**_BASE_UNITS, **_EXPERT_UNITS},
    published=(LUDZIEJEWSKI2025,),
    sizes=Sizes(active=as_counted),
    reductions=(Reduction("chinchilla", {"experts": 1.0, "E_start": 1.0}),),
)
def ludziejewski2025(
    N: Value,
    D: Value,
    experts: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    delta: Positive,
    gamma: Positive,
    omega: Positive,
    zeta: Positive,
    E_start: Positive,
    E_max: Positive,
) -> Value:
    """Loss E + A X^-delta N^-(alpha - gamma ln X) + B X^omega D^-(beta + zeta ln X).

    Ludziejewski et al., arXiv:2502.05172; X is `effective_experts`. The signs were inferred, as
    the source at hand has none: they are those for which experts help.
    """
    worth = effective_experts(experts, E_start, E_max)
    rate = jnp.log(worth)
    return chinchilla(
        N, D, E=E, A=A * worth**-delta, alpha=alpha - gamma * rate,
        B=B * worth**omega, beta=beta + zeta * rate,
    )  # fmt: skip


@law(
    linear=("E", "A", "B", "c", "d"),
    cite="abnar2025",
    plausible={
        **_BASE,
        "c": (0.01, 10.0),
        "lam": (-1.0, 1.0),
        "d": (0.1, 1e3),
        "delta": (0.01, 1.0),
        "gamma": (0.02, 1.0),
    },
    units={**_BASE_UNITS, "c": _LOSS, "d": f"{_LOSS} x parameters^gamma"},
    published=(ABNAR2025,),
    sizes=Sizes(not_idle, as_counted),
    reductions=(Reduction("chinchilla", {"c": 0.0, "d": 0.0}),),
)
def abnar2025(
    N: Value,
    D: Value,
    sparsity: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    c: Positive,
    lam: Real,
    d: Positive,
    delta: Positive,
    gamma: Positive,
) -> Value:
    """Loss E + A/N^alpha + B/D^beta + c/(1-S)^lam + d/((1-S)^delta N^gamma), N all parameters.

    Abnar et al., arXiv:2501.12370; S is the share of the experts that is idle.
    """
    active = 1 - sparsity
    idle = c * active**-lam + d * active**-delta * N**-gamma
    return chinchilla(N, D, E=E, A=A, alpha=alpha, B=B, beta=beta) + idle


ROUTED_LAWS = (clark2022, krajewski2024, ludziejewski2025, abnar2025)
