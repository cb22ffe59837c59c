"""Formulas of dense models in NumPy, written from the papers: what `test_laws.py` compares with.

`RISING` names the inputs with which a loss may grow.
"""

import numpy as np


def precision_factor(P, gamma, n):
    """Kumar's factor and, from a thousandth above its zero downwards, its hyperbola."""
    least, distance = 1e-3, P / gamma - n
    with np.errstate(divide="ignore"):  # of the branch that is not taken
        below = (1 - np.exp(-least)) / (1 + (least - distance) / np.expm1(least))
    return np.where(distance > least, -np.expm1(-distance), below)


def kumar(N, D, P_w, P_a, P_kv, E, A, alpha, B, beta, *bits):
    return E + A / kumar_size(N, P_w, P_a, P_kv, *bits) ** alpha + B / D**beta


def kumar_size(N, P_w, P_a, P_kv, gamma_w, n_w, gamma_a, n_a, gamma_kv, n_kv):
    return (
        N
        * precision_factor(P_w, gamma_w, n_w)
        * precision_factor(P_a, gamma_a, n_a)
        * precision_factor(P_kv, gamma_kv, n_kv)
    )


def kumar_ptq(N, D, P_post, E, A, alpha, B, beta, C_T, gamma_D, gamma_N, gamma_post):
    damage = C_T * D**gamma_D / N**gamma_N / np.exp(P_post / gamma_post)
    return E + A / N**alpha + B / D**beta + damage


def kumar_unified(N, D, P_w, P_a, P_kv, P_post, *theta):
    base, bits, post, rates = theta[:5], theta[5:11], theta[11:15], theta[15:]
    size = kumar_size(N, P_w, P_a, P_kv, *bits)
    damage = kumar_ptq(size, D, P_post, *np.zeros(5), *post)
    for P, rate in zip((P_w, P_a, P_kv), rates, strict=True):
        damage = damage * np.where(P_post < P, -np.expm1(-rate * (P - P_post)), 0)
    return kumar(N, D, P_w, P_a, P_kv, *base, *bits) + damage


def constrained(N, D, U, E, A, alpha, B, beta, R_D, R_N):
    G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))

    def worth(x, u, r):
        return np.where(x > u, u + u * r * (1 - np.exp(-(x / u - 1) / r)), x)

    size = np.clip(G * (G * U) ** (beta / alpha), np.exp(-30), np.exp(80))
    size, tokens = worth(N, size, R_N), worth(D, U, R_D)
    return E + A / size**alpha + B / tokens**beta


def sun(N, D, E_bits, M_bits, block, n, alpha, d, beta, eps, gamma, delta, nu):
    spacing = gamma * (E_bits + 0.5) ** delta * (M_bits + 0.5) ** nu
    return n / N**alpha + d / D**beta + eps + D**beta / N**alpha * np.log2(block) / spacing


FORMULAS = {
    "chinchilla": lambda N, D, E, A, alpha, B, beta: E + A / N**alpha + B / D**beta,
    "chinchilla_tied": lambda N, D, E, A, alpha, B: E + A / N**alpha + B / D**alpha,
    "outer_exponent": lambda N, D, E, A, alpha, B, beta, gamma: (
        E + (A / N**alpha + B / D**beta) ** gamma
    ),
    "kaplan": lambda N, D, Nc, alpha_N, Dc, alpha_D: (
        ((Nc / N) ** (alpha_N / alpha_D) + Dc / D) ** alpha_D
    ),
    **dict.fromkeys(("power_N", "power_D", "power_C"), lambda x, A, alpha: A / x**alpha),
    **dict.fromkeys(
        ("floor_power_N", "floor_power_D", "floor_power_C"), lambda x, E, A, alpha: E + A / x**alpha
    ),
    "kumar2024": kumar,
    "kumar2024_ptq": kumar_ptq,
    "kumar2024_unified": kumar_unified,
    "sun2025": sun,
    "data_constrained": constrained,
}

RISING = {
    # More tokens are harder to quantise, and so are weights that were trained with more bits.
    "kumar2024_ptq": {"D"},
    "kumar2024_unified": {"D", "P_w", "P_a", "P_kv"},
    "sun2025": {"D", "block"},
}
