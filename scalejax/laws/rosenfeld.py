"""Error from data and model size with a level that an untrained model has (Rosenfeld et al.).

Use it for error rates or losses measured from tiny models upwards: `chinchilla` grows without end
as N and D fall, this law stops at e0, the response of a model that has learnt nothing.
"""

import jax.numpy as jnp

from scalejax.laws.law import law
from scalejax.laws.supports import Positive, Value

_UNIT = "of the response"
_EXPONENT = (0.05, 1.5)

ROSENFELD2019_EXPONENTS = {
    "ImageNet": (0.75, 0.61),
    "PTB": (0.81, 0.34),
    "WikiText-2": (1.01, 0.22),
    "WikiText-103": (0.74, 0.56),
    "CIFAR-10": (0.66, 0.53),
    "CIFAR-100": (0.70, 0.51),
}
"""Published exponents (arXiv:1909.12673): alpha of data, beta of parameters. The scales are not
known."""


@law(
    linear=("e0",),
    cite="rosenfeld2019",
    plausible={
        "a": (1.0, 1e6),
        "alpha": _EXPONENT,
        "b": (1.0, 1e6),
        "beta": _EXPONENT,
        "c": (1e-2, 4.0),
        "e0": (0.3, 20.0),
        "eta": (1e-1, 1e2),
    },
    bounds={"a": (1e-9, 1e20), "b": (1e-9, 1e20), "c": (1e-9, 1e3), "eta": (1e-9, 1e9)},
    units={"a": f"{_UNIT} x tokens^alpha", "b": f"{_UNIT} x parameters^beta", "e0": _UNIT},
)
def rosenfeld2019(
    N: Value,
    D: Value,
    *,
    a: Positive,
    alpha: Positive,
    b: Positive,
    beta: Positive,
    c: Positive,
    e0: Positive,
    eta: Positive,
) -> Value:
    """Loss e0 |e/(e - i eta)| with e = a/D^alpha + b/N^beta + c (Rosenfeld, arXiv:1909.12673).

    a, b, c and eta share one scale, which no runs can tell: fit with ``fixed={"eta": 1.0}``.
    """
    envelope = a * D**-alpha + b * N**-beta + c
    # As a ratio to eta, so that the squares of large envelopes stay finite in float32.
    ratio = eta / envelope
    return e0 / jnp.sqrt(1 + ratio * ratio)
