"""What more compute at inference buys: attempts, parallel streams, reinforcement learning.

- `brown2024`: share of problems solved in k attempts, for k beyond those that were run.
- `schaeffer2025`: share *not* solved in k attempts, when the chance of solving a problem has a beta
  distribution: it explains why the share falls as a power of k, with exponent a.
- `pass_at_k`: the unbiased estimate of one problem's chance from n attempts of which c were right.
- `parscale2025`: loss of a model that runs P parallel streams; `streamed_size` is the parameters
  that they are worth, which goes into any law of N.
- `scalerl2025`: pass rate against the compute of reinforcement learning.
- `matched_inference`: how much more inference a small model can afford than a large one.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from scalejax.laws.law import Reduction, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Real, Value
from scalejax.quantities import ACCURACY, COVERAGE, ERROR

_LOSS = "nats/token"
# From 16 on, the first term that this series leaves out, 691/360360 z^-11, is below 1.1e-16.
_SHIFT = 16
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)

_ONCE, _OFTEN = 0.159, 0.56
BROWN2024 = PublishedSet(
    "swebench-lite",
    {"a": math.log(_ONCE), "b": math.log(math.log(_OFTEN) / math.log(_ONCE)) / math.log(250)},
    source="arXiv:2407.21787",
    convention="SWE-bench Lite, DeepSeek-Coder-V2-Instruct",
    evidence="refit",
    valid={"k": (1, 250)},
    note="Through the two printed points, 15.9 % in one attempt and 56 % in 250.",
)


def _parscale(data: str, E: float, A: float, k: float, alpha: float) -> PublishedSet:
    return PublishedSet(
        f"parscale2025-{data}",
        {"E": E, "A": A**alpha, "alpha": alpha, "k": k},
        source="arXiv:2505.10475",
        convention=f"{data.capitalize()}, nats",
        counts="non-embedding",
        valid={"N": (0.5e9, 4.4e9), "streams": (1, 8)},
        note=f"A is ({A:g})^alpha: the paper writes (A/N)^alpha.",
    )


PARSCALE2025 = (
    _parscale("stack", 0.691, 1.13e7, 0.394, 0.189),
    _parscale("pile", 1.289, 1.97e8, 0.335, 0.196),
)


@law(
    cite="brown2024",
    plausible={"a": (-10.0, -0.05), "b": (-1.5, -0.02)},
    bounds={"a": (-1e4, 0.0), "b": (-20.0, 0.0)},
    published=(BROWN2024,),
    response=COVERAGE,
)
def brown2024(k: Value, *, a: Real, b: Real) -> Value:
    """Share of problems solved in k attempts, exp(a k^b) (Brown et al., arXiv:2407.21787)."""
    return jnp.exp(a * k**b)


@law(
    cite="schaeffer2025",
    plausible={"a": (0.05, 3.0), "b": (0.1, 100.0)},
    response=ERROR,
)
def schaeffer2025(k: Value, *, a: Positive, b: Positive) -> Value:
    """Share not solved in k attempts, E[(1-p)^k] for p ~ Beta(a, b) (arXiv:2502.17578).

    B(a, b + k)/B(a, b), which falls like k^-a (Schaeffer et al.).
    """
    return jnp.exp(_log_gamma_ratio(b, a) - _log_gamma_ratio(b + k, a))


def pass_at_k(n: Value, c: Value, k: Value) -> Value:
    """Chance that one of k attempts is right: 1 - C(n-c, k)/C(n, k), unbiased.

    Args:
        n: Attempts made.
        c: Attempts that were right.
        k: Attempts allowed; at most `n`.

    Returns:
        A probability (Chen et al., arXiv:2107.03374).
    """
    enough = n - c >= k
    wrong = jnp.where(enough, n - c, k)
    right = n - wrong
    fails = _log_gamma_ratio(wrong - k + 1.0, right) - _log_gamma_ratio(wrong + 1.0, right)
    return jnp.where(enough, -jnp.expm1(fails), 1.0)


def _log_gamma_ratio(z: Value, a: Value) -> Any:
    """Logarithm of Gamma(z + a)/Gamma(z) without the cancellation of large z."""
    below = sum(jnp.log1p(a / (z + j)) for j in range(_SHIFT))
    w = z + _SHIFT
    tail = _stirling(w + a) - _stirling(w)
    return (w - 0.5) * jnp.log1p(a / w) + a * jnp.log(w + a) - a + tail - below


def _stirling(z: Value) -> Any:
    """The series of Stirling's formula, in odd powers of 1/z."""
    return sum(term * z ** -(2 * j + 1) for j, term in enumerate(_STIRLING))


def streamed_size(N: Value, streams: Value, k: Value) -> Value:
    """Parameters that N in P parallel streams are worth: N (k ln P + 1) (arXiv:2505.10475)."""
    return N * (k * jnp.log(streams) + 1)


@law(
    linear=("E", "A"),
    cite="parscale2025",
    plausible={"E": (0.3, 4.0), "A": (1.0, 1e5), "alpha": (0.05, 1.5), "k": (0.02, 3.0)},
    units={"E": _LOSS, "A": f"{_LOSS} x parameters^alpha"},
    published=PARSCALE2025,
    reductions=(Reduction("floor_power_N", {"streams": 1.0}),),
)
def parscale2025(
    N: Value, streams: Value, *, E: Positive, A: Positive, alpha: Positive, k: Positive
) -> Value:
    """Loss E + A/[N (k ln P + 1)]^alpha of P parallel streams (Chen et al., arXiv:2505.10475)."""
    return E + A * streamed_size(N, streams, k) ** -alpha


@law(
    linear=("R_0", "R_max"),
    cite="scalerl2025",
    plausible={"R_0": (0.01, 0.5), "R_max": (0.5, 1.0), "C_mid": (1e15, 1e25), "B": (0.2, 3.0)},
    bounds={"C_mid": (1e-3, 1e32)},
    units={"R_0": "share", "R_max": "share", "C_mid": "FLOP"},
    response=ACCURACY,
)
def scalerl2025(C: Value, *, R_0: Positive, R_max: Positive, C_mid: Positive, B: Positive) -> Value:
    """Pass rate R_0 + (R_max - R_0)/(1 + (C_mid/C)^B) after C of reinforcement learning (ScaleRL).

    Khatri et al., arXiv:2510.13786, write A for R_max. C and C_mid may be in any unit, such as GPU
    hours.
    """
    return R_0 + (R_max - R_0) * jax.nn.sigmoid(B * jnp.log(C / C_mid))


def matched_inference(M: Value, R: Value) -> Value:
    """Inference that a small model can afford at the cost of a large one, over the latter's.

    M + 3 (M - 1)/R, from 6ND of training and 2N per token of inference (Snell et al.,
    arXiv:2408.03314).

    Args:
        M: Parameters of the large model over those of the small one.
        R: Tokens of inference over tokens of training, of the large model.

    Returns:
        Ratio of the tokens of inference.
    """
    return M + 3 * (M - 1) / R


INFERENCE_LAWS = (brown2024, schaeffer2025, parscale2025, scalerl2025)
