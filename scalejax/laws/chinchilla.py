"""Laws in parameters and tokens that add a model term and a data term.

`chinchilla` is the usual choice for dense models trained once over their data. `chinchilla_tied`
has one exponent for both terms: use it when the runs cannot tell the exponents apart. In
`outer_exponent` the two terms are raised to a common power, which lets the floor be approached
faster or slower than either term alone; it needs wide data to be identified. `quanta` has one
exponent, which decides the other. `data_for_size` says what it costs to train a smaller model to
the same loss.
"""

import math
from typing import Any

import jax.numpy as jnp

from scalejax.laws.law import Reduction, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Value

_LOSS = "nats/token"
# Plausible ranges, here and in the other modules of laws, hold the published sets and leave room:
# starts are drawn from them, so that wider ones cost more starts.
_TERMS = {"E": (0.3, 4.0), "A": (1.0, 1e5), "B": (1.0, 1e5)}
_EXPONENT = (0.05, 1.5)
FIELD = {
    "E": (-0.45, 0.35),
    "A": (-1.8, 0.9),
    "alpha": (math.log(0.32), 0.35),
    "B": (-1.7, 0.7),
    "beta": (math.log(0.34), 0.30),
}
"""What the field knows of the floor, terms and exponents, see `Law.prior`: fits of 23 public tables
and published exponents, rounded."""

_MASSIVE_TEXT = "MassiveText, nats; whether N holds the embeddings is not stated"
_HOFFMANN_RUNS = {"N": (70e6, 16e9), "D": (5e9, 500e9)}

HOFFMANN2022 = PublishedSet(
    "hoffmann2022",
    {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
    source="arXiv:2203.15556, approach 3, as printed",
    convention=_MASSIVE_TEXT,
    counts="not stated",
    valid=_HOFFMANN_RUNS,
    note="Rounded: over-predicts the loss of its own runs by 1.7 %. Use hoffmann2022-tex instead.",
)
HOFFMANN2022_TEX = PublishedSet(
    "hoffmann2022-tex",
    {
        "E": math.exp(0.5267228),
        "A": math.exp(6.0073404),
        "alpha": 0.33917084,
        "B": math.exp(6.0179186),
        "beta": 0.2849083,
    },
    source="TeX source of arXiv:2203.15556 (logarithms 6.0073404, 6.0179186, 0.5267228)",
    convention=_MASSIVE_TEXT,
    counts="not stated",
    valid=_HOFFMANN_RUNS,
    note="The optimiser had stopped early; see besiroglu2024 for a refit of the same runs.",
)
BESIROGLU2024 = PublishedSet(
    "besiroglu2024",
    {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
    source="arXiv:2404.10102, table 1",
    convention="240 runs of hoffmann2022, digitised from its figure 4; nats",
    counts="not stated",
    valid=_HOFFMANN_RUNS,
    note="Slightly above the minimum of its own objective; refit the runs for full digits.",
    stderr={"E": 0.03, "A": 124.58, "alpha": 0.02, "B": 1293.23, "beta": 0.02},
)
DEVRIES2023 = PublishedSet(
    "devries2023",
    {"E": 1.69, "A": 406.4, "alpha": 0.336, "B": 410.7, "beta": 0.283},
    source="de Vries (2023), Go smol or go home, "
    "harmdevries.com/post/model-size-vs-compute-overhead; also the code of arXiv:2401.00448",
    convention=_MASSIVE_TEXT,
    counts="not stated",
    valid=_HOFFMANN_RUNS,
    note="Exponents read off a figure; not interchangeable with either Hoffmann set.",
)
_SARDANA = {
    "100": (0.08, 0.13, 7.199, 25.97, 0.17),
    "250": (0.13, 0.16, 14.23, 39.54, 0.98),
    "500": (0.13, 0.16, 17.07, 35.80, 0.95),
    "all": (0.18, 0.24, 33.66, 138.9, 1.45),
}
SARDANA2024 = tuple(
    PublishedSet(
        f"sardana2024-{most}",
        dict(zip(("alpha", "beta", "A", "B", "E"), values, strict=True)),
        source="arXiv:2401.00448, table of refits",
        convention="47 models of 150M to 6B parameters; runs of "
        + ("all ratios" if most == "all" else f"at most {most} tokens per parameter"),
        counts="not stated",
        valid={"N": (150e6, 6e9)},
        note="Printed to two digits, which is too coarse for losses: they differ by .18.",
        coarse=True,
    )
    for most, values in _SARDANA.items()
)
MUENNIGHOFF2023 = PublishedSet(
    "muennighoff2023",
    {
        "E": math.exp(0.6254804),
        "A": math.exp(6.255414),
        "alpha": 0.3526596,
        "B": math.exp(7.3049974),
    },
    source="arXiv:2305.16264, base fit before repetition",
    convention="C4, nats",
    counts="total",
)
KRAJEWSKI2024_DENSE = PublishedSet(
    "krajewski2024-dense",
    {"E": 0.47, "A": 16.3, "alpha": 0.126, "B": 26.7, "beta": 0.127},
    source="arXiv:2402.07871",
    convention="C4, nats",
    counts="total",
    note="The dense baseline of krajewski2024; three digits.",
)
BUSBRIDGE2025 = PublishedSet(
    "busbridge2025",
    {"E": 1.220, "A": 3355.0, "alpha": 0.408, "B": 18186.0, "beta": 0.431, "gamma": 0.452},
    source="arXiv:2502.08606",
    convention="C4, nats; students trained without a teacher",
    counts="not stated",
    evidence="secondary",
    note="Unverified: not seen in the paper; the losses that it gives are plausible.",
)


@law(
    linear=("E", "A", "B"),
    cite="hoffmann2022",
    plausible={**_TERMS, "alpha": _EXPONENT, "beta": _EXPONENT},
    units={"E": _LOSS, "A": f"{_LOSS} x parameters^alpha", "B": f"{_LOSS} x tokens^beta"},
    published=(
        *(HOFFMANN2022, HOFFMANN2022_TEX, BESIROGLU2024, DEVRIES2023, *SARDANA2024),
        KRAJEWSKI2024_DENSE,
    ),
    prior=FIELD,
)
def chinchilla(
    N: Value,
    D: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
) -> Value:
    """Loss E + A/N^alpha + B/D^beta (Hoffmann et al., arXiv:2203.15556, eq. 2)."""
    return E + A * N**-alpha + B * D**-beta


@law(
    linear=("E", "A", "B"),
    cite="muennighoff2023",
    plausible={**_TERMS, "alpha": _EXPONENT},
    units={"E": _LOSS, "A": f"{_LOSS} x parameters^alpha", "B": f"{_LOSS} x tokens^alpha"},
    published=(MUENNIGHOFF2023,),
    prior={name: FIELD[name] for name in ("E", "A", "alpha", "B")},
)
def chinchilla_tied(
    N: Value, D: Value, *, E: Positive, A: Positive, alpha: Positive, B: Positive
) -> Value:
    """Chinchilla with one exponent: E + A/N^alpha + B/D^alpha (as in arXiv:2305.16264)."""
    return E + A * N**-alpha + B * D**-alpha


@law(
    linear=("E",),
    cite="busbridge2025",
    plausible={
        "E": (0.3, 4.0),
        "A": (1.0, 1e5),
        "alpha": _EXPONENT,
        "B": (1.0, 1e5),
        "beta": _EXPONENT,
        "gamma": (0.3, 2.0),
    },
    bounds={"A": (1e-6, 1e20), "B": (1e-6, 1e20)},
    units={"E": _LOSS, "A": "parameters^alpha", "B": "tokens^beta"},
    published=(BUSBRIDGE2025,),
    reductions=(Reduction("chinchilla", {"gamma": 1.0}),),
)
def outer_exponent(
    N: Value,
    D: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    gamma: Positive,
) -> Value:
    """Loss E + (A/N^alpha + B/D^beta)^gamma (Busbridge et al., arXiv:2502.08606); also skaling."""
    return E + (A * N**-alpha + B * D**-beta) ** gamma


@law(
    linear=("E", "A", "B"),
    cite="michaud2023",
    plausible={**_TERMS, "alpha": (0.05, 3.0)},
    units={"E": _LOSS, "A": f"{_LOSS} x parameters^alpha", "B": f"{_LOSS} x tokens^beta"},
)
def quanta(N: Value, D: Value, *, E: Positive, A: Positive, alpha: Positive, B: Positive) -> Value:
    """Chinchilla's law with beta = alpha/(1 + alpha), as quanta are learnt (arXiv:2303.13506)."""
    return E + A * N**-alpha + B * D ** (-alpha / (1 + alpha))


def data_for_size(k_N: Value, *, alpha: Value, beta: Value, **unused: Any) -> Value:
    """Data that a model of another size needs for the loss of the compute-optimal one.

    De Vries (2023), "Go smol or go home", harmdevries.com/post/model-size-vs-compute-overhead:
    k_D = [1 - (k_N^-alpha - 1) beta/alpha]^(-1/beta). The compute grows by k_N k_D.

    Args:
        k_N: Parameters, in units of those of the compute-optimal model.
        alpha: Exponent of parameters.
        beta: Exponent of tokens.
        **unused: Other parameters, so that a published set can be splatted.

    Returns:
        Tokens, in units of those of the compute-optimal model; infinity where the model is too
        small to reach the loss with any data.
    """
    left = 1 - (k_N**-alpha - 1) * beta / alpha
    enough = left > 0
    return jnp.where(enough, jnp.where(enough, left, 1.0) ** (-1 / beta), jnp.inf)
