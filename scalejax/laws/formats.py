"""Laws of number formats: floating-point training, quantisation-aware training, compression.

`sun2025` is for training in floating point, by exponent bits, mantissa bits and the block that
shares a scaling factor; `critical_tokens_fp` and `optimal_mantissa` are its closed forms.
`qat_degradation` is what integer quantisation-aware training adds to a loss and `ouyang2024` what
quantising afterwards does; both can be fitted to differences of losses. `compressed` fits what
share of its parameters a model trained in some format is worth.

The formats disagree across papers: Kumar et al. (`scalejax.laws.precision`) find 7 to 8 bits
compute-optimal with one scale per tensor or channel, these find 4 to 8 with fine blocks.
"""

import math
from typing import Any

import jax.numpy as jnp

from scalejax.laws.chinchilla import chinchilla
from scalejax.laws.law import Reduction, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, UnitInterval, Value
from scalejax.quantities import EXTRA_LOSS

_LOSS = "nats/token"
_EXPONENT = (0.05, 1.5)

SUN2025 = PublishedSet(
    "sun2025",
    {
        "n": 69.2343,
        "alpha": 0.2368,
        "d": 68973.0621,
        "beta": 0.5162,
        "eps": 1.9061,
        "gamma": 11334.5197,
        "delta": 3.1926,
        "nu": 2.9543,
    },
    source="arXiv:2501.02423 (Capybara)",
    convention="Floating-point quantised training, nats",
    counts="not stated",
    valid={"N": (41e6, 70e9), "D": (10e9, 100e9)},
    note="One scaling factor per channel acts like log2(block) = 13.1567.",
)


@law(
    linear=("n", "d", "eps"),
    cite="sun2025",
    plausible={
        "n": (1.0, 1e5),
        "alpha": _EXPONENT,
        "d": (1.0, 1e6),
        "beta": _EXPONENT,
        "eps": (0.3, 4.0),
        "gamma": (10.0, 1e6),
        "delta": (0.5, 8.0),
        "nu": (0.5, 8.0),
    },
    bounds={"gamma": (1e-6, 1e15)},
    units={
        "n": f"{_LOSS} x parameters^alpha",
        "d": f"{_LOSS} x tokens^beta",
        "eps": _LOSS,
        "gamma": f"tokens^beta / ({_LOSS} x parameters^alpha)",
    },
    published=(SUN2025,),
)
def sun2025(
    N: Value,
    D: Value,
    E_bits: Value,
    M_bits: Value,
    block: Value,
    *,
    n: Positive,
    alpha: Positive,
    d: Positive,
    beta: Positive,
    eps: Positive,
    gamma: Positive,
    delta: Positive,
    nu: Positive,
) -> Value:
    """Loss n/N^alpha + d/D^beta + eps + D^beta/N^alpha log2(block)/[gamma (E+.5)^delta (M+.5)^nu].

    Sun et al., arXiv:2501.02423 ("Capybara"), with E_bits for E and M_bits for M. Many exponent
    and mantissa bits give chinchilla's form.
    """
    spacing = gamma * (E_bits + 0.5) ** delta * (M_bits + 0.5) ** nu
    damage = D**beta * N**-alpha * jnp.log(block) / (math.log(2) * spacing)
    return n * N**-alpha + d * D**-beta + eps + damage


def critical_tokens_fp(
    N: Value,
    E_bits: Value,
    M_bits: Value,
    block: Value,
    *,
    alpha: Value,
    d: Value,
    beta: Value,
    gamma: Value,
    delta: Value,
    nu: Value,
    **unused: Any,
) -> Value:
    """Tokens beyond which training in this format makes `sun2025` worse.

    D = [d gamma N^alpha (E+.5)^delta (M+.5)^nu / log2(block)]^(1/(2 beta)), arXiv:2501.02423.

    Args:
        N: Parameters.
        E_bits: Exponent bits.
        M_bits: Mantissa bits.
        block: Elements that share a scaling factor; more than one.
        alpha: Parameter of `sun2025`, like all that follow.
        d: Data coefficient.
        beta: Data exponent.
        gamma: Scale of the damage.
        delta: Exponent of the exponent bits.
        nu: Exponent of the mantissa bits.
        **unused: Its other parameters, so that a published set can be splatted.

    Returns:
        Tokens.
    """
    spacing = gamma * (E_bits + 0.5) ** delta * (M_bits + 0.5) ** nu
    return (d * N**alpha * spacing * math.log(2) / jnp.log(block)) ** (1 / (2 * beta))


def optimal_mantissa(P: Value, *, delta: Value, nu: Value, **unused: Any) -> Value:
    """Mantissa bits of the best format of P bits: nu P/(delta + nu) - 0.5 (arXiv:2501.02423).

    Args:
        P: Bits of a number, its sign included; P - 1 minus the result are for the exponent.
        delta: Exponent of the exponent bits in `sun2025`.
        nu: Exponent of the mantissa bits.
        **unused: Its other parameters, so that a published set can be splatted.

    Returns:
        Bits, a real number to be rounded.
    """
    return nu * P / (delta + nu) - 0.5


_UNVERIFIED = "Unverified: from notes on the paper, not from the paper itself."
_CHEN = {
    "W4A4": (0.1582, 0.2186, 0.0745, 0.7779),
    "W4A16": (0.2522, 0.3589, 0.1610, 0.3533),
    "W16A4": (0.1004, 0.1816, 0.0331, 0.9812),
    "W4A4-FC2-A8": (0.3519, 0.2637, 0.0964, 0.3407),
    "W16A4-FC2-A8": (0.1273, 0.2347, 0.0827, 0.4491),
}

CHEN2025_QAT = {
    name: PublishedSet(
        f"chen2025-{name}",
        dict(zip(("k", "gamma_N", "gamma_D", "gamma_G"), values, strict=True)),
        source="arXiv:2505.14302",
        convention="Quantisation-aware training at 4 bits, nats",
        counts="not stated",
        evidence="secondary",
        valid={"N": (74e6, 595e6), "D": (10e9, 100e9), "block": (32.0, 256.0)},
        note=_UNVERIFIED,
    )
    for name, values in _CHEN.items()
}
"""Coefficients of `qat_degradation` by format: W and A are bits of weights and activations; FC2-A8
has 8 bits at the input of the second feed-forward layer. Unverified."""

FRANTAR2025 = {
    "weights-4bit": 0.923,
    "weights-activations-4bit": 0.747,
    "weights-1bit": 0.067,
    "sparse-50%": 0.871,
}
"""Share of its parameters that a model trained in the format is worth: `share` of `compressed`
(Frantar et al., arXiv:2502.16440). Unverified: from notes on the paper."""


@law(
    linear=("k",),
    cite="chen2025",
    plausible={
        "k": (1e-3, 1e2),
        "gamma_N": (0.05, 0.6),
        "gamma_D": (0.01, 0.4),
        "gamma_G": (0.1, 1.5),
    },
    units={"k": f"{_LOSS} x parameters^gamma_N / tokens^gamma_D"},
    published=tuple(CHEN2025_QAT.values()),
    response=EXTRA_LOSS,
    log_base=2,
)
def qat_degradation(
    N: Value,
    D: Value,
    block: Value,
    *,
    k: Positive,
    gamma_N: Positive,
    gamma_D: Positive,
    gamma_G: Positive,
) -> Value:
    """Loss that training at 4 bits adds: k D^gamma_D (log2 block)^gamma_G / N^gamma_N (Chen, 2025).

    From arXiv:2505.14302; `block` is its G, the numbers that share a scaling factor, more than one.
    """
    return k * D**gamma_D * (jnp.log(block) / math.log(2)) ** gamma_G * N**-gamma_N


@law(
    linear=("k",),
    cite="ouyang2024",
    plausible={"k": (1e-4, 1e1), "alpha": (0.05, 0.8), "beta": (0.05, 1.0), "gamma": (1.0, 10.0)},
    units={"k": f"{_LOSS} x parameters^alpha bits^gamma / tokens^beta"},
    published=(
        PublishedSet(
            "ouyang2024",
            {"k": 0.017, "alpha": 0.2276, "beta": 0.5316, "gamma": 5.48},
            source="arXiv:2411.17691",
            convention="1,500 quantised Pythia checkpoints; D in tokens",
            counts="not stated",
            evidence="secondary",
            note="Unverified: only the form is known from summaries of the paper.",
        ),
    ),
    response=EXTRA_LOSS,
)
def ouyang2024(
    N: Value,
    D: Value,
    P_post: Value,
    *,
    k: Positive,
    alpha: Positive,
    beta: Positive,
    gamma: Positive,
) -> Value:
    """Loss that quantising after training adds: k D^beta / (N^alpha P^gamma) (arXiv:2411.17691)."""
    return k * D**beta * N**-alpha * P_post**-gamma


@law(
    linear=("E", "A", "B"),
    cite="frantar2025",
    plausible={
        "E": (0.3, 4.0),
        "A": (1.0, 1e5),
        "alpha": _EXPONENT,
        "B": (1.0, 1e5),
        "beta": _EXPONENT,
        "share": (0.05, 0.95),
    },
    units={"E": _LOSS, "share": "share"},
    reductions=(Reduction("chinchilla", {"is_compressed": 0.0}),),
)
def compressed(
    N: Value,
    D: Value,
    is_compressed: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    share: UnitInterval,
) -> Value:
    """Chinchilla's law where a model trained in a format is worth a share of its parameters.

    E + A/(N share^is_compressed)^alpha + B/D^beta (Frantar et al., arXiv:2502.16440): rows with
    is_compressed 1 were trained in the format, rows with 0 densely. `FRANTAR2025` has published
    shares.
    """
    return chinchilla(N * share**is_compressed, D, E=E, A=A, alpha=alpha, B=B, beta=beta)
