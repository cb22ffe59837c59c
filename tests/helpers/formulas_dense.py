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


def m4(x, b, c, eps_inf, eps0, a):
    """By bisection of the error between its two ends."""
    low, high = np.zeros_like(x * a), np.ones_like(x * a)
    width = np.maximum(eps0 - eps_inf, 1e-6)
    for _ in range(200):
        share = (low + high) / 2
        with np.errstate(divide="ignore", over="ignore"):
            too_much = share * width > b / x**c * ((1 - share) * width) ** a
        low, high = np.where(too_much, low, share), np.where(too_much, share, high)
    return eps_inf + width * (low + high) / 2


def bnsl(x, a, b, c0, *breaks):
    product = b * x**-c0
    for d, c, f in zip(*[iter(breaks)] * 3, strict=True):
        product = product * np.exp(-c * f * np.logaddexp(0, np.log(x / d) / f))
    return a + product


def ladder(N, D, stage, E, A, alpha, B, beta, floor, ceiling, k, L0):
    task_loss = E + A / N**alpha + B / D**beta
    with np.errstate(over="ignore"):
        accuracy = floor + (1 - floor) * ceiling / (1 + np.exp(k * (task_loss - L0)))
    return np.where(stage > 0.5, accuracy / (1 - accuracy), task_loss)


def farseer(N, D, a1, b1, alpha, a2, b2, beta, a3, b3, gamma):
    n = N * 1e-9
    data = np.exp(a2 * n**beta + b2) / D ** np.exp(a1 * n**alpha + b1)
    return np.exp(a3 * n**gamma + b3) + data


def rosenfeld(N, D, a, alpha, b, beta, c, e0, eta):
    envelope = a / D**alpha + b / N**beta + c
    return e0 * np.abs(envelope / (envelope - 1j * eta))


FORMULAS = {
    "chinchilla": lambda N, D, E, A, alpha, B, beta: E + A / N**alpha + B / D**beta,
    "chinchilla_tied": lambda N, D, E, A, alpha, B: E + A / N**alpha + B / D**alpha,
    "outer_exponent": lambda N, D, E, A, alpha, B, beta, gamma: (
        E + (A / N**alpha + B / D**beta) ** gamma
    ),
    "quanta": lambda N, D, E, A, alpha, B: E + A / N**alpha + B / D ** (alpha / (1 + alpha)),
    "farseer": farseer,
    "rosenfeld2019": rosenfeld,
    "kaplan_steps": lambda N, S, Nc, alpha_N, Sc, alpha_S: (
        (Nc / N) ** alpha_N + (Sc / S) ** alpha_S
    ),
    "m3": lambda x, b, c, e, g: b * (1 / x + g) ** c + e,
    "m4": m4,
    **dict.fromkeys(("bnsl1", "bnsl2", "bnsl3"), bnsl),
    "qat_degradation": lambda N, D, block, k, gamma_N, gamma_D, gamma_G: (
        k * D**gamma_D * np.log2(block) ** gamma_G / N**gamma_N
    ),
    "ouyang2024": lambda N, D, P, k, alpha, beta, gamma: k * D**beta / (N**alpha * P**gamma),
    "compressed": lambda N, D, is_compressed, E, A, alpha, B, beta, share: (
        E + A / (N * share**is_compressed) ** alpha + B / D**beta
    ),
    "gadre2024": lambda C, M, E, a, b, eta: E + (a * M**eta + b / M**eta) / C**eta,
    "error_of_loss": lambda L, eps, k, gamma: eps - k / np.exp(gamma * L),
    "ladder": ladder,
    "logistic_C": lambda C, floor, ceiling, theta, C0: (
        floor + (1 - floor) * ceiling / (1 + (C0 / C) ** theta)
    ),
    "kaplan": lambda N, D, Nc, alpha_N, Dc, alpha_D: (
        ((Nc / N) ** (alpha_N / alpha_D) + Dc / D) ** alpha_D
    ),
    **dict.fromkeys(("power_N", "power_D", "power_C"), lambda x, A, alpha: A / x**alpha),
    **dict.fromkeys(
        ("floor_power_N", "floor_power_D", "floor_power_C", "floor_power_step"),
        lambda x, E, A, alpha: E + A / x**alpha,
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
    # A smaller share of the parameters is left.
    "compressed": {"is_compressed"},
    # Nothing keeps coefficients or slopes from growing with N, or with x.
    "farseer": {"N"},
    **{name: {"x"} for name in ("bnsl1", "bnsl2", "bnsl3")},
    # At a given compute there is a best ratio.
    "gadre2024": {"M"},
}
