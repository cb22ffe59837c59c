"""Formulas of everything but dense models, in NumPy: what `test_laws.py` compares with."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import digamma

NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def saturated(experts, start, most):
    return 1 / (1 / (experts - 1 + 1 / (1 / start - 1 / most)) + 1 / most)


def clark(N, experts, a, b, c, d, start, most):
    n, e = np.log10(N), np.log10(saturated(experts, start, most))
    return 10 ** (a * n + b * e + c * n * e + d)


def ludziejewski(N, D, experts, E, A, alpha, B, beta, delta, gamma, omega, zeta, start, most):
    X = saturated(experts, start, most)
    model = A / X**delta / N**alpha * N ** (gamma * np.log(X))
    return E + model + B * X**omega / D ** (beta + zeta * np.log(X))


def abnar(N, D, S, E, A, alpha, B, beta, c, lam, d, delta, gamma):
    idle = c / (1 - S) ** lam + d / ((1 - S) ** delta * N**gamma)
    return A / N**alpha + B / D**beta + idle + E


def frantar(N, D, S, a_S, b_S, c_S, b_N, a_D, b_D, c):
    return (a_S * (1 - S) ** b_S + c_S) * (1 / N) ** b_N + (a_D / D) ** b_D + c


def mixture(r1, r2, r3, r4, r5, c, k, t1, t2, t3, t4, t5):
    return c + k * np.exp(r1 * t1 + r2 * t2 + r3 * t3 + r4 * t4 + r5 * t5)


def student(N, D, T, E, A, alpha, B, beta, gamma, A_s, al_s, B_s, be_s, ga_s, c0, c1, d1, f1):
    supervised = E + (A / N**alpha + B / D**beta) ** gamma
    # ln (1 + ratio^(1/f1)), where the power itself would overflow.
    capacity = np.logaddexp(0, np.log(T / (supervised * d1)) / f1)
    term = (A_s / N**al_s + B_s / D**be_s) ** ga_s
    return T + 1 / T**c0 * np.exp(-c1 * f1 * capacity) * term


def log_rise(z, a):
    """ln Gamma(z + a)/Gamma(z) as the integral of the digamma function, from z + 30 on."""
    start = 30
    steps = np.arange(start).reshape((-1,) + (1,) * np.ndim(z + a))
    nodes, weights = (x.reshape((-1,) + (1,) * np.ndim(z + a)) for x in (NODES, WEIGHTS))
    integral = (weights * digamma(z + start + a * (nodes + 1) / 2)).sum(0) * a / 2
    return integral - np.log1p(a / (z + steps)).sum(0)


FORMULAS: dict[str, Callable[..., Any]] = {
    "clark2022": clark,
    "krajewski2024": lambda N, D, G, E, A, alpha, B, beta, g, gamma: (
        E + (g / G**gamma + A) / N**alpha + B / D**beta
    ),
    "ludziejewski2025": ludziejewski,
    "abnar2025": abnar,
    "frantar2023": frantar,
    "tao2024": lambda N, V, D, E, A1, al1, A2, al2, B, beta: (
        E + A1 / N**al1 + A2 / V**al2 + B / D**beta
    ),
    "mixture_5": mixture,
    "busbridge2025": student,
    "diloco2025": lambda N, M, A, alpha, beta: A * M**beta / N**alpha,
    **dict.fromkeys(
        (
            *("lr_from_C", "batch_from_C", "batch_from_D", "N_from_C", "D_from_C", "D_from_N"),
            *("M_from_C", "S_from_C", "flop_per_token_from_C", "N_v_from_C"),
        ),
        lambda x, k, a: k * x**a,
    ),
    **dict.fromkeys(
        ("lr_from_N_D", "lr_from_N_experts", "hernandez2021"),
        lambda x, y, k, a, b: k * x**a * y**b,
    ),
    "mikami2021": lambda n, s, delta, gamma, alpha, beta: delta * (gamma + 1 / n**alpha) / s**beta,
    "rectified": lambda D, E, B, D_l, beta: B / (D_l + D**beta) + E,
    "brown2024": lambda k, a, b: np.exp(a * k**b),
    "schaeffer2025": lambda k, a, b: np.exp(log_rise(b, a) - log_rise(b + k, a)),
    "parscale2025": lambda N, P, E, A, alpha, k: E + A / (N * (k * np.log(P) + 1)) ** alpha,
    "scalerl2025": lambda C, R_0, R_max, C_mid, B: R_0 + (R_max - R_0) / (1 + (C_mid / C) ** B),
    "density_trend": lambda t, A, B: np.exp(A * t + B),
}

RISING: dict[str, set[str]] = {
    # Where experts and parameters stop to add up, one of them harms.
    "clark2022": {"N", "experts"},
    "ludziejewski2025": {"N", "experts"},
    "abnar2025": {"sparsity"},
    "diloco2025": {"replicas"},
    "busbridge2025": {"L_teacher"},
    "mixture_5": {f"r_{j}" for j in range(1, 6)},
}
