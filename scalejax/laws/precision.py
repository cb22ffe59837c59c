"""What bits do to a loss, as plain functions (Kumar et al., arXiv:2411.04330).

Quantised training acts like fewer parameters: `effective_parameters` goes into any law that has
an N,

    chinchilla(effective_parameters(N, P_w, P_a, P_kv, **bits), D, **theta)

Quantising the weights after training adds `ptq_degradation` to any loss, which grows with the
tokens seen. `zero_point` and `critical_tokens_ptq` are closed forms. The paper's laws, made of
these, are in `scalejax.laws.kumar`; number formats are in `scalejax.laws.formats`.

A factor of `effective_parameters` is 1 - exp(n - P/gamma). It needs its offset n, which the
paper's main text leaves out and its table 2 has: without it the published coefficients do not have
their optimum at 7 to 8 bits. The factor reaches zero at n gamma bits, where the loss is infinite.
From 0.001 gamma bits above that downwards it is continued: it falls as 1/(distance in bits), so
that the loss is huge but finite, every bit helps, and slopes are continuous. Nothing there is a
prediction. Infinitely many bits are allowed and give exactly the law without quantisation.
"""

import math
from typing import Any

import jax.numpy as jnp

from scalejax.laws.supports import Value

# Where the continuation begins, in gammas above the zero. By judgement: nearer, slopes of the loss
# grow without bound; further, the continuation would change losses that the law predicts.
_LEAST_DISTANCE = 1e-3
_LEAST_SLOPE = 1 / math.expm1(_LEAST_DISTANCE)
# exp(-bits/gamma) is zero in float64 from 745 gammas on: here for gamma up to 13 bits.
_ENDLESS = 1e4


def counted_bits(P: Value) -> Value:
    """Bits with infinity as 10,000: exp(-P/gamma) is 0 either way, and its slopes are finite."""
    return jnp.minimum(P, _ENDLESS)


def precision_factor(P: Value, gamma: Value, n: Value = 0.0) -> Value:
    """Share of the parameters that P bits leave: 1 - exp(n - P/gamma), and never zero.

    Args:
        P: Bits; infinity is allowed.
        gamma: Bits that bring the factor closer to 1 by e.
        n: Offset; the main text of arXiv:2411.04330 has none.

    Returns:
        The share, between 0 and 1. Up to 0.001 gamma bits above the `zero_point` and below it, the
        continuation that the module describes.
    """
    distance = counted_bits(P) / gamma - n
    factor = -jnp.expm1(-jnp.maximum(distance, _LEAST_DISTANCE))
    return factor / (1 + _LEAST_SLOPE * (_LEAST_DISTANCE - jnp.minimum(distance, _LEAST_DISTANCE)))


def zero_point(gamma: Value, n: Value) -> Value:
    """Bits at which a precision factor is zero: n gamma. No model trains with fewer."""
    return n * gamma


def effective_parameters(
    N: Value,
    P_w: Value,
    P_a: Value,
    P_kv: Value,
    *,
    gamma_w: Value,
    n_w: Value,
    gamma_a: Value,
    n_a: Value,
    gamma_kv: Value,
    n_kv: Value,
    **unused: Any,
) -> Value:
    """Parameters of the unquantised model with the same loss: N times three precision factors.

    Args:
        N: Parameters.
        P_w: Bits of the weights in training; infinity if not quantised.
        P_a: Bits of the activations.
        P_kv: Bits of the KV cache.
        gamma_w: Sensitivity to P_w, bits.
        n_w: Offset of P_w.
        gamma_a: Sensitivity to P_a, bits.
        n_a: Offset of P_a.
        gamma_kv: Sensitivity to P_kv, bits.
        n_kv: Offset of P_kv.
        **unused: Other parameters of `kumar2024`, so that a published set can be splatted.

    Returns:
        N_eff of arXiv:2411.04330 (coefficients in table 2): positive, and almost zero below the
        `zero_point` of any factor.
    """
    return (
        N
        * precision_factor(P_w, gamma_w, n_w)
        * precision_factor(P_a, gamma_a, n_a)
        * precision_factor(P_kv, gamma_kv, n_kv)
    )


def ptq_degradation(
    N: Value,
    D: Value,
    P_post: Value,
    *,
    C_T: Value,
    gamma_D: Value,
    gamma_N: Value,
    gamma_post: Value,
    **unused: Any,
) -> Value:
    """Loss that quantising the weights after training adds: C_T D^gD / N^gN exp(-P_post/gamma).

    Args:
        N: Parameters (effective ones if training was quantised too).
        D: Tokens seen in training.
        P_post: Bits of the weights after training; infinity if they are not quantised.
        C_T: Scale, nats/token x parameters^gamma_N / tokens^gamma_D. The paper's exp(b) is in it:
            its C_T and b cannot be told apart.
        gamma_D: Exponent of tokens.
        gamma_N: Exponent of parameters.
        gamma_post: Bits that lower the damage by e.
        **unused: Other parameters of `kumar2024_ptq`, so that a published set can be splatted.

    Returns:
        nats/token, positive (arXiv:2411.04330, section on post-training quantisation).
    """
    return C_T * D**gamma_D * N**-gamma_N * jnp.exp(-counted_bits(P_post) / gamma_post)


def critical_tokens_ptq(
    N: Value,
    P_post: Value,
    *,
    B: Value,
    beta: Value,
    C_T: Value,
    gamma_D: Value,
    gamma_N: Value,
    gamma_post: Value,
    **unused: Any,
) -> Value:
    """Tokens beyond which more training makes the quantised model worse.

    Where the data term B/D^beta falls as fast as the degradation rises:
    D = [beta B N^gN exp(P_post/gamma) / (gD C_T)]^(1/(gD + beta)). Equation 12 of arXiv:2411.04330
    means this and drops the factor beta.

    Args:
        N: Parameters.
        P_post: Bits of the weights after training.
        B: Data coefficient of the loss.
        beta: Data exponent of the loss.
        C_T: As in `ptq_degradation`.
        gamma_D: As in `ptq_degradation`.
        gamma_N: As in `ptq_degradation`.
        gamma_post: As in `ptq_degradation`.
        **unused: Other parameters of `kumar2024_ptq`, so that a published set can be splatted.

    Returns:
        Tokens.
    """
    rising = gamma_D * C_T * N**-gamma_N * jnp.exp(-P_post / gamma_post)
    return (beta * B / rising) ** (1 / (gamma_D + beta))
