"""Laws of number formats: floating-point training, quantisation-aware training, compression.

`sun2025` is for training in floating point, by exponent bits, mantissa bits and the block that
shares a scaling factor; `critical_tokens_fp` and `optimal_mantissa` are its closed forms.
`qat_degradation` is what integer quantisation-aware training adds to a loss, with `CHEN2025_QAT`
per format. `FRANTAR2025` says what share of its parameters a compressed model is worth: use it as
``chinchilla(share * N, D, **theta)``.

The formats disagree across papers: Kumar et al. (`scalejax.laws.precision`) find 7 to 8 bits
compute-optimal with one scale per tensor or channel, these find 4 to 8 with fine blocks.
"""

import math
from typing import Any

import jax.numpy as jnp

from scalejax.laws.law import law
from scalejax.laws.published import PublishedSet
from scalejax.laws.supports import Positive, Value

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


def qat_degradation(
    N: Value, D: Value, G: Value, *, k: Value, gamma_N: Value, gamma_D: Value, gamma_G: Value
) -> Value:
    """Loss that quantisation-aware training adds: k D^gD (log2 G)^gG / N^gN (Chen et al., 2025).

    The form and `CHEN2025_QAT` are unverified: they come from notes on the paper.

    Args:
        N: Parameters.
        D: Training tokens.
        G: Elements that share a scaling factor; more than one.
        k: Scale.
        gamma_N: Exponent of parameters.
        gamma_D: Exponent of tokens.
        gamma_G: Exponent of log2 G.

    Returns:
        nats/token.
    """
    return k * D**gamma_D * (jnp.log(G) / math.log(2)) ** gamma_G * N**-gamma_N


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
        source="Chen et al. (2025), scaling law of quantisation-aware training",
        convention="N and D raw counts; 74M to 595M parameters on 10 to 100 billion tokens",
        note=_UNVERIFIED,
    )
    for name, values in _CHEN.items()
}
"""Coefficients of `qat_degradation` by format: W and A are bits of weights and activations; FC2-A8
has 8 bits at the input of the second feed-forward layer. Unverified."""

FRANTAR2025 = PublishedSet(
    "frantar2025",
    {"weights-4bit": 0.923, "weights-activations-4bit": 0.747, "weights-1bit": 0.067}
    | {"sparse-50%": 0.871},
    source="Frantar et al. (2025), compression scaling laws",
    convention="Share of its parameters that a model trained in the format is worth",
    note=_UNVERIFIED,
)
"""Effective-parameter multipliers by format. A model must be 1/share times larger to match an
uncompressed one. Unverified."""
