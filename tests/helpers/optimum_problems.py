"""Problems of the best model under limits, and their closed forms."""

import math
from dataclasses import replace

from scipy.optimize import brentq

from scalejax.laws.chinchilla import BESIROGLU2024, chinchilla
from scalejax.laws.kumar import KUMAR2024
from scalejax.laws.precision import precision_factor
from scalejax.optima import (
    Measure,
    Problem,
    Variable,
)

LAW = dict(BESIROGLU2024)
N = Variable("N", 1e2, 1e20, unit="parameters")
D = Variable("D", 1e2, 1e30, unit="tokens")

loss = Measure("loss", lambda x, a: chinchilla(x["N"], x["D"], **a["law"]), "nats/token")
compute = Measure("compute", lambda x, a: 6 * x["N"] * x["D"], "FLOP")
lifetime = Measure(
    "lifetime compute", lambda x, a: 6 * x["N"] * x["D"] + 2 * x["N"] * a["demand"], "FLOP"
)
BEST = Problem((N, D), minimize=loss, subject_to=(compute.at_most("budget"),))
CHEAPEST = Problem((N, D), minimize=lifetime, subject_to=(loss.at_most("target"),))
# Small models whose activations have few bits, which act like fewer parameters.
few_bits = Measure(
    "loss",
    lambda x, a: chinchilla(
        x["N"] * precision_factor(a["bits"], KUMAR2024["gamma_a"], KUMAR2024["n_a"]),
        x["D"],
        **a["law"],
    ),
    "nats/token",
)
SMALL = Problem((replace(N, high=1e9), D), lifetime, (few_bits.at_most("target"),))
BUDGET = {"law": LAW, "budget": 5.76e23}
SERVED = {"law": LAW, "target": 2.0, "demand": 2e12}
ENOUGH_BITS = SERVED | {"bits": 1000.0}


def closed_form(law, budget):
    """N, D and loss of the best model for C = 6ND; works on arrays of either kind."""
    alpha, beta = law["alpha"], law["beta"]
    G = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta))
    size = G * (budget / 6) ** (beta / (alpha + beta))
    tokens = budget / 6 / size
    return size, tokens, law["E"] + law["A"] * size**-alpha + law["B"] * tokens**-beta


def with_demand(law, target, demand):
    """N and D of the cheapest model over its life, from the condition of its first order."""
    alpha, beta = law["alpha"], law["beta"]

    def size(tokens):
        return (law["A"] / (target - law["E"] - law["B"] * tokens**-beta)) ** (1 / alpha)

    def condition(log_tokens):
        tokens = math.exp(log_tokens)
        pull = alpha * law["A"] * size(tokens) ** -alpha / (beta * law["B"] * tokens**-beta)
        return math.log(pull) - math.log(1 + demand / (3 * tokens))

    least = math.log((law["B"] / (target - law["E"])) ** (1 / beta))
    tokens = math.exp(brentq(condition, least + 1e-9, least + 60, xtol=1e-14))
    return size(tokens), tokens
