"""Batches: how steps and examples trade, and where (McCandlish et al., arXiv:1812.06162).

To reach a loss takes at least S_min steps (with endless batches) and at least E_min examples (with
the smallest). At a batch of B it takes S steps and E = B S examples, with
(S/S_min - 1)(E/E_min - 1) = 1. At the critical batch E_min/S_min it takes twice the least of both.
`kaplan_critical_batch` says what the critical batch is at a loss. Units of batches and examples
are free, but the same: tokens in Kaplan's law.

How the critical batch grows with the tokens (Zhang et al., arXiv:2410.21676) is not here: its
published constants could not be verified. `scalejax.laws.recipes` has power laws of the best batch.
"""

from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Value

KAPLAN2020_BATCH = PublishedSet(
    "kaplan2020",
    {"B_star": 2e8, "alpha_B": 0.21},
    source="arXiv:2001.08361, equation 1.4",
    convention="WebText2, losses in nats, batches in tokens",
)
"""Coefficients of `kaplan_critical_batch`."""


def kaplan_critical_batch(
    loss: Value,
    *,
    B_star: Value = KAPLAN2020_BATCH["B_star"],
    alpha_B: Value = KAPLAN2020_BATCH["alpha_B"],
) -> Value:
    """Critical batch at a loss: B_star/L^(1/alpha_B) (Kaplan et al., arXiv:2001.08361, eq. 1.4).

    Args:
        loss: Loss in nats/token.
        B_star: Critical batch at a loss of one, in tokens.
        alpha_B: Exponent.

    Returns:
        Tokens.
    """
    return B_star * loss ** (-1 / alpha_B)


def critical_batch(E_min: Value, S_min: Value) -> Value:
    """Critical batch E_min/S_min, in the unit of E_min (arXiv:1812.06162, eq. 2.12)."""
    return E_min / S_min


def steps_at_batch(S_min: Value, batch: Value, critical: Value) -> Value:
    """Steps at a batch: S_min (1 + B_crit/B) (arXiv:1812.06162, eq. 2.11).

    Args:
        S_min: Least steps, of endless batches.
        batch: Batch.
        critical: Critical batch, in the same unit.
    """
    return S_min * (1 + critical / batch)


def examples_at_batch(E_min: Value, batch: Value, critical: Value) -> Value:
    """Examples at a batch: E_min (1 + B/B_crit) (arXiv:1812.06162, eq. 2.11).

    Args:
        E_min: Least examples, of the smallest batches.
        batch: Batch.
        critical: Critical batch, in the same unit.
    """
    return E_min * (1 + batch / critical)


def least_steps(steps: Value, batch: Value, critical: Value) -> Value:
    """Steps that endless batches would have taken: S/(1 + B_crit/B) (arXiv:2001.08361, eq. 5.4)."""
    return steps / (1 + critical / batch)


def least_compute(C: Value, batch: Value, critical: Value) -> Value:
    """Compute that the smallest batches would have taken: C/(1 + B/B_crit).

    From arXiv:2001.08361, eq. 5.5; in the unit of C.
    """
    return C / (1 + batch / critical)


def tradeoff(steps: Value, examples: Value, *, S_min: Value, E_min: Value) -> Value:
    """(S/S_min - 1)(E/E_min - 1), which is one along the frontier (arXiv:1812.06162, eq. 2.11)."""
    return (steps / S_min - 1) * (examples / E_min - 1)
