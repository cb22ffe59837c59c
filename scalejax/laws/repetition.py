"""Training on data that repeat (Muennighoff et al., arXiv:2305.16264).

A token that was seen before is worth less than a new one, and parameters beyond what the unique
tokens can use are worth less than the first: `effective_tokens` and `effective_size` count both by
what they are worth. They go into any law of N and D; `data_constrained` is Chinchilla's law with
both.
"""

import math
from typing import Any

import jax.numpy as jnp

from scalejax.laws.chinchilla import FIELD, MUENNIGHOFF2023, chinchilla
from scalejax.laws.law import Reduction, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Value

_LOSS = "nats/token"
_EXPONENT = (0.05, 1.5)
# Logarithms of parameters that bound `size_for`: e^80 still fits float32, which ends at e^88.
_LEAST, _MOST = -30.0, 80.0

MUENNIGHOFF2023_REPETITION = PublishedSet(
    "muennighoff2023-repetition",
    {
        **MUENNIGHOFF2023,
        "beta": MUENNIGHOFF2023["alpha"],
        "R_D": 15.387756,
        "R_N": 5.309743,
    },
    source="arXiv:2305.16264 and its code",
    convention=MUENNIGHOFF2023.convention,
    counts=MUENNIGHOFF2023.counts,
    note="182 runs, R2 .77. Overstates what repetition was measured to cost 8.7B parameters on 44 "
    "billion unique tokens (.7 % against .5 %).",
)


def effective_tokens(D: Value, U: Value, R_D: Value) -> Value:
    """Fresh tokens that are worth as much as D tokens drawn from U unique ones with repetition.

    Args:
        D: Tokens seen.
        U: Unique tokens; infinity is allowed.
        R_D: Repetitions after which the worth of more has fallen by e.

    Returns:
        U + U R_D (1 - exp(-R/R_D)) with R = D/U - 1 repetitions, and D itself up to U
        (arXiv:2305.16264, equation 5).
    """
    repeats = D > U
    # Where nothing repeats, ones stand in: their slopes are finite and do not count.
    unique, tokens = jnp.where(repeats, U, 1.0), jnp.where(repeats, D, 1.0)
    worth = unique - unique * R_D * jnp.expm1(-(tokens / unique - 1) / R_D)
    return jnp.where(repeats, worth, D)


def size_for(U: Value, *, A: Value, alpha: Value, B: Value, beta: Value, **unused: Any) -> Value:
    """Parameters of Chinchilla's optimal model for U tokens (where 6NU is best spent)."""
    balance = (jnp.log(alpha * A) - jnp.log(beta * B)) / (alpha + beta)
    endless = jnp.isinf(U)
    size = balance + beta / alpha * (balance + jnp.log(jnp.where(endless, 1.0, U)))
    # Endless data call for endless parameters; the ends keep slopes finite.
    return jnp.exp(jnp.where(endless, _MOST, jnp.minimum(jnp.maximum(size, _LEAST), _MOST)))


def effective_size(N: Value, U_N: Value, R_N: Value) -> Value:
    """Useful parameters that are worth as much as N, where the unique tokens can use U_N.

    U_N + U_N R_N (1 - exp(-(N/U_N - 1)/R_N)), and N itself up to U_N (arXiv:2305.16264, section 3).
    """
    return effective_tokens(N, U_N, R_N)


@law(
    linear=("E",),
    cite="muennighoff2023",
    plausible={
        "E": (0.3, 4.0),
        "A": (1.0, 1e5),
        "alpha": _EXPONENT,
        "B": (1.0, 1e5),
        "beta": _EXPONENT,
        "R_D": (1.0, 100.0),
        "R_N": (0.5, 100.0),
    },
    bounds={"A": (1e-6, 1e20), "B": (1e-6, 1e20)},
    units={
        "E": _LOSS,
        "A": f"{_LOSS} x parameters^alpha",
        "B": f"{_LOSS} x tokens^beta",
        "R_D": "repetitions",
        "R_N": "repetitions",
    },
    published=(MUENNIGHOFF2023_REPETITION,),
    prior={name: FIELD[name] for name in ("E", "alpha", "beta")},
    reductions=(Reduction("chinchilla", {"U": math.inf}),),
)
def data_constrained(
    N: Value,
    D: Value,
    U: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    R_D: Positive,
    R_N: Positive,
) -> Value:
    """Loss E + A/N'^alpha + B/D'^beta with D tokens drawn from U unique ones (Muennighoff).

    From arXiv:2305.16264; D' is `effective_tokens`, N' is `effective_size` for the parameters that
    U tokens call for. The paper ties beta to alpha.
    """
    U_N = size_for(U, A=A, alpha=alpha, B=B, beta=beta)
    size = effective_size(N, U_N, R_N)
    tokens = effective_tokens(D, U, R_D)
    return chinchilla(size, tokens, E=E, A=A, alpha=alpha, B=B, beta=beta)
