"""A law of models with zero weights (Frantar et al., arXiv:2309.08520).

Use `frantar2023` for models that were pruned while they were trained: sparsity acts on the model
term alone. For experts that are idle for a token use `scalejax.laws.routed`.
"""

from scalejax.laws.law import law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Value

_LOSS = "nats/token"
_NAMES = ("a_S", "b_S", "c_S", "b_N", "a_D", "b_D", "c")
_SETS = {
    "frantar2023-t5": (16.8, 0.722, 45.0, 0.245, 6.9e8, 0.203, 0.651),
    "frantar2023-vit": (294.0, 0.821, 468.0, 0.392, 2.37e8, 0.890, 4.517),
}
_DATA = {"frantar2023-t5": "T5 on C4, nats/token", "frantar2023-vit": "ViT on JFT, D in images"}

FRANTAR2023 = tuple(
    PublishedSet(
        id,
        dict(zip(_NAMES, values, strict=True)),
        source="arXiv:2309.08520",
        convention=_DATA[id],
        counts="non-zero",
        evidence="secondary",
        note="Unverified: not seen in the paper.",
    )
    for id, values in _SETS.items()
)


@law(
    linear=("a_S", "c_S", "c"),
    cite="frantar2023",
    plausible={
        "a_S": (1.0, 1e4),
        "b_S": (0.1, 3.0),
        "c_S": (1.0, 1e4),
        "b_N": (0.05, 1.5),
        "a_D": (1e6, 1e11),
        "b_D": (0.05, 1.5),
        "c": (0.3, 5.0),
    },
    units={
        "a_S": f"{_LOSS} x parameters^b_N",
        "c_S": f"{_LOSS} x parameters^b_N",
        "a_D": "tokens",
        "c": _LOSS,
    },
    published=FRANTAR2023,
)
def frantar2023(
    N: Value,
    D: Value,
    sparsity: Value,
    *,
    a_S: Positive,
    b_S: Positive,
    c_S: Positive,
    b_N: Positive,
    a_D: Positive,
    b_D: Positive,
    c: Positive,
) -> Value:
    """Loss (a_S (1-S)^b_S + c_S)/N^b_N + (a_D/D)^b_D + c, N the weights that are not zero.

    Frantar et al., arXiv:2309.08520; S is the share of the weights that is zero.
    """
    model = (a_S * (1 - sparsity) ** b_S + c_S) * N**-b_N
    return model + (a_D / D) ** b_D + c
