"""Recipes: the learning rate, batch, tokens, parameters or steps to choose, as power laws.

All are k x^a or k x^a y^b and are named after what they give and what they take: `lr_from_N_D` is
the learning rate for N parameters and D tokens. A published set names the paper, so that
``LAWS["D_from_C"].predict("llama3-figure", C=3.8e25)`` is Llama 3's rule for tokens. Each holds
for the optimiser, schedule and data of its paper; the optima are flat, so that a factor of two in
the learning rate or the batch costs a few tenths of a per cent of the loss.

`power_recipe` makes such a law; `scalejax.laws.transfer` has one more.
"""

import math
from collections.abc import Sequence

from scalejax.laws.law import Law, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Real, Value
from scalejax.quantities import (
    BATCH,
    FLOP_PER_TOKEN,
    LEARNING_RATE,
    N_V,
    QUANTITIES,
    STEPS,
    D,
    M,
    N,
    Quantity,
)

_PF_DAY = 8.64e19
_EXPONENTS = ("a", "b")


def _one(x: Value, *, k: Positive, a: Real) -> Value:
    return k * x**a


def _two(x: Value, y: Value, *, k: Positive, a: Real, b: Real) -> Value:
    return k * x**a * y**b


def power_recipe(
    gives: Quantity,
    takes: Sequence[str],
    *,
    cite: str,
    published: Sequence[PublishedSet],
    name: str | None = None,
    k: tuple[float, float] = (1e-4, 1e6),
) -> Law:
    """A law k x^a of one input, or k x^a y^b of two.

    Args:
        gives: The quantity that it recommends.
        takes: Symbols of the inputs.
        cite: Citation key.
        published: Sets of k, a and, with two inputs, b.
        name: Name; ``<gives>_from_<inputs>`` if not given.
        k: Range from which starts for k are drawn.
    """
    powers = dict(zip(takes, _EXPONENTS, strict=False))
    formula = " ".join(f"{symbol}^{power}" for symbol, power in powers.items())
    units = " ".join(f"({QUANTITIES[symbol].unit})^-{power}" for symbol, power in powers.items())
    sources = "; ".join(
        dict.fromkeys(coefficients.source.split(",")[0] for coefficients in published)
    )
    function = _one if len(takes) == 1 else _two
    return law(
        name=name or f"{gives.symbol}_from_{'_'.join(takes)}",
        inputs=takes,
        linear=("k",),
        cite=cite,
        plausible={"k": k} | dict.fromkeys(powers.values(), (-1.0, 1.0)),
        units={"k": f"{gives.unit} x {units}"},
        published=published,
        about=f"{gives.meaning.capitalize()} k {formula} ({sources}).",
        response=gives,
    )(function)


def _kaplan(scale: float, a: float, *, verified: bool = True) -> PublishedSet:
    return PublishedSet(
        "kaplan2020",
        {"k": scale * _PF_DAY**-a, "a": a},
        source="arXiv:2001.08361, section 6",
        convention="WebText2; C is the least compute, in FLOP; N without embeddings",
        evidence="paper" if verified else "secondary",
        note=f"The paper writes {scale:g} C^{a:g} with C in PF-days."
        + ("" if verified else " The scale is unverified."),
    )


def _deepseek(k: float, a: float) -> PublishedSet:
    return PublishedSet(
        "deepseek2024",
        {"k": k, "a": a},
        source="arXiv:2401.02954",
        convention="C = M D, M FLOP per token without embeddings",
    )


def _steplaw(**values: float) -> PublishedSet:
    return PublishedSet(
        "steplaw2025",
        values,
        source="arXiv:2503.04715",
        convention="Dense models, AdamW, fixed final learning rate; N without embeddings",
        counts="non-embedding" if "b" in values else "",
        note="The mean of 1,000 resamples of the published runs, rounded.",
    )


def _llama3(key: str, k: float, a: float, note: str) -> PublishedSet:
    return PublishedSet(
        key,
        {"k": k, "a": a},
        source="arXiv:2407.21783, section 3.2.1",
        convention="Llama 3 data; C in FLOP",
        note=note,
    )


LLAMA3 = (
    _llama3("llama3-text", 0.29, 0.53, "As printed in the text: 10.5T tokens at 3.8e25 FLOP."),
    _llama3(
        "llama3-figure", 0.299, 0.537, "From the figure: the 16.55T tokens that the text states."
    ),
)
KAPLAN2020_OVERFIT = PublishedSet(
    "kaplan2020-overfit",
    {"k": 5e3, "a": 0.74},
    source="arXiv:2001.08361, equation 4.4",
    convention="WebText2; fewer tokens overfit by more than the noise of seeds, 0.02 nats",
    counts="non-embedding",
)
MINICPM2024 = PublishedSet(
    "minicpm2024",
    {"k": 100 * 6e18**-0.10, "a": 0.10},
    source="arXiv:2404.06395",
    convention="WSD schedule; C = 6ND",
    note="The paper writes N/D = K^2 (C/6)^eta, K^2 = .01, eta = -.10, with N and D in 1e9.",
)
LUDZIEJEWSKI2025_LR = PublishedSet(
    "ludziejewski2025",
    {"k": math.exp(8.39), "a": -0.81, "b": -0.25},
    source="arXiv:2502.05172",
    convention="Mixtures of experts, one expert per token",
    counts="active",
    evidence="secondary",
    note="Unverified: from notes on the paper.",
)
TAO2024_SIZE = PublishedSet(
    "tao2024",
    {"k": math.exp(-2.48465), "a": 0.5},
    source="arXiv:2407.13623, approach 1, and its code",
    convention="SlimPajama; N without the vocabulary",
)
TAO2024_VOCABULARY = PublishedSet(
    "tao2024",
    {"k": math.exp(-1.58903), "a": 0.416362},
    source="arXiv:2407.13623, approach 1, and its code",
    convention="SlimPajama; vocabulary size times width",
)

lr_from_C = power_recipe(
    LEARNING_RATE, ("C",), cite="deepseek2024", published=[_deepseek(0.3118, -0.125)]
)
lr_from_N_D = power_recipe(
    LEARNING_RATE, ("N", "D"), cite="steplaw2025", published=[_steplaw(k=1.79, a=-0.713, b=0.307)]
)
lr_from_N_experts = power_recipe(
    LEARNING_RATE, ("N", "experts"), cite="ludziejewski2025", published=[LUDZIEJEWSKI2025_LR]
)
batch_from_C = power_recipe(
    BATCH,
    ("C",),
    cite="deepseek2024",
    published=[_deepseek(0.2920, 0.3271), _kaplan(2.0e6, 0.24, verified=False)],
)
batch_from_D = power_recipe(
    BATCH, ("D",), cite="steplaw2025", published=[_steplaw(k=0.58, a=0.571)]
)
N_from_C = power_recipe(
    N, ("C",), cite="kaplan2020", published=[_kaplan(1.3e9, 0.73), TAO2024_SIZE]
)
D_from_C = power_recipe(
    D,
    ("C",),
    cite="llama2024",
    published=[*LLAMA3, _deepseek(5.8316, 0.4757), _kaplan(2e10, 0.27, verified=False)],
)
D_from_N = power_recipe(D, ("N",), cite="kaplan2020", published=[KAPLAN2020_OVERFIT])
M_from_C = power_recipe(M, ("C",), cite="minicpm2024", published=[MINICPM2024])
S_from_C = power_recipe(
    STEPS, ("C",), cite="kaplan2020", published=[_kaplan(5.4e3, 0.03, verified=False)]
)
flop_per_token_from_C = power_recipe(
    FLOP_PER_TOKEN, ("C",), cite="deepseek2024", published=[_deepseek(0.1715, 0.5243)]
)
N_v_from_C = power_recipe(N_V, ("C",), cite="tao2024", published=[TAO2024_VOCABULARY])

RECIPES = (
    *(lr_from_C, lr_from_N_D, lr_from_N_experts, batch_from_C, batch_from_D),
    *(N_from_C, D_from_C, D_from_N, M_from_C, S_from_C, flop_per_token_from_C, N_v_from_C),
)
