"""Laws with the bits of training and of quantisation after it (Kumar et al., arXiv:2411.04330).

`kumar2024` is for models trained with quantised weights, activations and KV cache: fewer bits act
like fewer parameters. `kumar2024_ptq` is for models trained without and quantised afterwards, whose
damage grows with the tokens seen. `kumar2024_unified` has both; its coefficients were not all
published, so it has to be fitted. `scalejax.laws.precision` has the pieces, and says what happens
where there are too few bits.

The paper's equations for optima are misprinted: 6 and 17 differ in an exponent, 7 and 28 miss the
optimum of the law, and 12 lacks a factor. Nothing here uses them.
"""

import math

import jax.numpy as jnp

from scalejax.laws.chinchilla import FIELD, chinchilla
from scalejax.laws.law import Reduction, law
from scalejax.laws.precision import counted_bits, effective_parameters, ptq_degradation
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Real, Value

_LOSS = "nats/token"
_EXPONENT = (0.05, 1.5)
_BASE = {"E": (0.3, 4.0), "A": (1.0, 1e5), "alpha": _EXPONENT, "B": (1.0, 1e5), "beta": _EXPONENT}
_TRAINING = {
    **{f"gamma_{x}": (0.5, 5.0) for x in ("w", "a", "kv")},
    **{f"n_{x}": (0.05, 2.5) for x in ("w", "a", "kv")},
}
_POST = {"C_T": (1e-4, 1e2), "gamma_D": (0.1, 1.0), "gamma_N": (0.1, 1.0), "gamma_post": (0.2, 3.0)}
_CROSSING = {f"C_{x}": (0.02, 2.0) for x in ("w", "a", "kv")}
_BASE_UNITS = {"E": _LOSS, "A": f"{_LOSS} x parameters^alpha", "B": f"{_LOSS} x tokens^beta"}
_TRAINING_UNITS = {f"gamma_{x}": "bits" for x in ("w", "a", "kv")}
_POST_UNITS = {
    "C_T": f"{_LOSS} x parameters^gamma_N / tokens^gamma_D",
    "gamma_post": "bits",
}
_CROSSING_UNITS = {f"C_{x}": "1/bits" for x in ("w", "a", "kv")}

_TABLE_2 = "arXiv:2411.04330, table 2"
_CONVENTION = "Integer quantisation of the forward pass, Dolma, nats"
_RUNS = {"N": (30e6, 1.7e9), "D": (1.5e9, 26e9)}
_KUMAR_BASE = {"E": 2.7648, "A": 4.299e3, "alpha": 0.4965, "B": 1.806e4, "beta": 0.4965}

KUMAR2024 = PublishedSet(
    "kumar2024",
    {
        **_KUMAR_BASE,
        "gamma_w": 2.6745,
        "n_w": 0.3037,
        "gamma_a": 2.2102,
        "n_a": 1.4072,
        "gamma_kv": 0.9578,
        "n_kv": 2.4185,
    },
    source=_TABLE_2,
    convention=_CONVENTION,
    counts="non-embedding",
    valid=_RUNS,
    note="Fitted with alpha = beta, 30M to 220M parameters, 3 to 16 bits; activations and KV cache "
    "above 3 bits only. The sign of the offsets n is the one that gives the paper's optimum.",
)
KUMAR2024_PTQ = PublishedSet(
    "kumar2024",
    {
        **_KUMAR_BASE,
        "C_T": 0.0598 * math.exp(1.1277),
        "gamma_D": 0.5068,
        "gamma_N": 0.3439,
        "gamma_post": 0.5907,
    },
    source=_TABLE_2,
    convention=_CONVENTION,
    counts="non-embedding",
    valid=_RUNS,
    note="Weights only. C_T is 0.0598 exp(1.1277): the table has C_T and b apart. "
    "arXiv:2510.06213 says that the decay of the learning rate causes the damage, and not tokens.",
)


@law(
    linear=("E", "A", "B"),
    cite="kumar2024",
    plausible={**_BASE, **_TRAINING},
    units={**_BASE_UNITS, **_TRAINING_UNITS},
    published=(KUMAR2024,),
    prior=FIELD,
    reductions=(Reduction("chinchilla", dict.fromkeys(("P_w", "P_a", "P_kv"), math.inf)),),
)
def kumar2024(
    N: Value,
    D: Value,
    P_w: Value,
    P_a: Value,
    P_kv: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    gamma_w: Positive,
    n_w: Real,
    gamma_a: Positive,
    n_a: Real,
    gamma_kv: Positive,
    n_kv: Real,
) -> Value:
    """Loss E + A/N_eff^alpha + B/D^beta, N_eff = N prod_x [1 - exp(n_x - P_x/gamma_x)] (Kumar).

    From arXiv:2411.04330; see `effective_parameters`. The paper ties beta to alpha.
    """
    N_eff = effective_parameters(
        N, P_w, P_a, P_kv,
        gamma_w=gamma_w, n_w=n_w, gamma_a=gamma_a, n_a=n_a, gamma_kv=gamma_kv, n_kv=n_kv,
    )  # fmt: skip
    return chinchilla(N_eff, D, E=E, A=A, alpha=alpha, B=B, beta=beta)


@law(
    linear=("E", "A", "B", "C_T"),
    cite="kumar2024",
    plausible={**_BASE, **_POST},
    units={**_BASE_UNITS, **_POST_UNITS},
    published=(KUMAR2024_PTQ,),
    prior=FIELD,
    reductions=(Reduction("chinchilla", {"P_post": math.inf}),),
)
def kumar2024_ptq(
    N: Value,
    D: Value,
    P_post: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    C_T: Positive,
    gamma_D: Positive,
    gamma_N: Positive,
    gamma_post: Positive,
) -> Value:
    """Loss E + A/N^alpha + B/D^beta + C_T D^gamma_D/N^gamma_N exp(-P_post/gamma_post) (Kumar).

    From arXiv:2411.04330, for weights quantised after training; see `ptq_degradation`.
    """
    base = chinchilla(N, D, E=E, A=A, alpha=alpha, B=B, beta=beta)
    return base + ptq_degradation(
        N, D, P_post, C_T=C_T, gamma_D=gamma_D, gamma_N=gamma_N, gamma_post=gamma_post
    )


@law(
    linear=("E", "A", "B", "C_T"),
    cite="kumar2024",
    plausible={**_BASE, **_TRAINING, **_POST, **_CROSSING},
    prior=FIELD,
    units={**_BASE_UNITS, **_TRAINING_UNITS, **_POST_UNITS, **_CROSSING_UNITS},
    reductions=(
        Reduction("kumar2024", {"P_post": math.inf}),
        Reduction("chinchilla", dict.fromkeys(("P_w", "P_a", "P_kv", "P_post"), math.inf)),
    ),
)
def kumar2024_unified(
    N: Value,
    D: Value,
    P_w: Value,
    P_a: Value,
    P_kv: Value,
    P_post: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    gamma_w: Positive,
    n_w: Real,
    gamma_a: Positive,
    n_a: Real,
    gamma_kv: Positive,
    n_kv: Real,
    C_T: Positive,
    gamma_D: Positive,
    gamma_N: Positive,
    gamma_post: Positive,
    C_w: Positive,
    C_a: Positive,
    C_kv: Positive,
) -> Value:
    """Loss kumar2024 + kumar2024_ptq's degradation at N_eff times prod_x [1-exp(-C_x(P_x-P_post))].

    From arXiv:2411.04330. Nothing is added where P_post is not below P_x: such a model needs no
    quantising. The C_x were not published.
    """
    N_eff = effective_parameters(
        N, P_w, P_a, P_kv,
        gamma_w=gamma_w, n_w=n_w, gamma_a=gamma_a, n_a=n_a, gamma_kv=gamma_kv, n_kv=n_kv,
    )  # fmt: skip
    degradation = ptq_degradation(
        N_eff, D, P_post, C_T=C_T, gamma_D=gamma_D, gamma_N=gamma_N, gamma_post=gamma_post
    )
    for P, rate in ((P_w, C_w), (P_a, C_a), (P_kv, C_kv)):
        dropped = counted_bits(P) - counted_bits(P_post)
        degradation *= -jnp.expm1(-rate * jnp.maximum(dropped, 0))
    return chinchilla(N_eff, D, E=E, A=A, alpha=alpha, B=B, beta=beta) + degradation
