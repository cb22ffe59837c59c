"""From a model and its data, or its compute, to the accuracy on a task.

`ladder` is the two-step chain of Bhagia et al. as *one* law, so that the uncertainty of the first
step passes through the second: of the same runs, rows with ``stage`` 0 hold the task loss and rows
with ``stage`` 1 the odds accuracy/(1 - accuracy), whose log residual is one in logits.
`scalejax.data.two_step.two_step_rows` makes such a table; `accuracy_of_odds` reads its predictions.
`logistic_C` is the one-step law of observational studies, in compute alone and per model family.
`error_of_loss` (`scalejax.laws.overtraining`) is the second step alone, for averages of many tasks.

Most single tasks do not scale smoothly: Lourie et al. (arXiv:2507.00885) found that 18 of 46 do.
Hold out the largest models before you believe a downstream law.
"""

import jax
import jax.numpy as jnp

from scalejax.laws.chinchilla import chinchilla
from scalejax.laws.law import law
from scalejax.laws.supports import Positive, UnitInterval, Value
from scalejax.quantities import ACCURACY, OUTCOME

_EXPONENT = (0.05, 1.5)
# Least share of wrong answers, so that odds stay finite; far below what any test set can resolve.
_LEAST = 1e-9


def accuracy_of_loss(
    task_loss: Value, *, floor: Value, ceiling: Value, k: Value, L0: Value
) -> Value:
    """Accuracy floor + (1 - floor) ceiling / (1 + exp(k (task_loss - L0))) (arXiv:2412.04403).

    Args:
        task_loss: Loss on the right answers.
        floor: Accuracy of guessing, a share.
        ceiling: Share of the rest that a perfect model reaches.
        k: Steepness, per unit of the task loss.
        L0: Task loss at the middle.

    Returns:
        A share.
    """
    return floor + (1 - floor) * ceiling * jax.nn.sigmoid(k * (L0 - task_loss))


def accuracy_of_odds(odds: Value) -> Value:
    """The accuracy, a share, from its odds accuracy/(1 - accuracy)."""
    return odds / (1 + odds)


@law(
    cite="bhagia2024",
    plausible={
        "E": (1e-2, 4.0),
        "A": (1.0, 1e5),
        "alpha": _EXPONENT,
        "B": (1.0, 1e5),
        "beta": _EXPONENT,
        "floor": (0.02, 0.55),
        "ceiling": (0.3, 0.98),
        "k": (0.5, 20.0),
        "L0": (0.1, 3.0),
    },
    bounds={"E": (1e-6, 1e2), "A": (1e-6, 1e20), "B": (1e-6, 1e20)},
    units={"E": "task loss", "floor": "share", "ceiling": "share", "L0": "task loss"},
    response=OUTCOME,
)
def ladder(
    N: Value,
    D: Value,
    stage: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    floor: UnitInterval,
    ceiling: UnitInterval,
    k: Positive,
    L0: Positive,
) -> Value:
    """Task loss E + A/N^alpha + B/D^beta, and the odds of its sigmoid accuracy (Bhagia et al.).

    arXiv:2412.04403, eq. 1 and 2; see `accuracy_of_loss`.
    """
    task_loss = chinchilla(N, D, E=E, A=A, alpha=alpha, B=B, beta=beta)
    accuracy = accuracy_of_loss(task_loss, floor=floor, ceiling=ceiling, k=k, L0=L0)
    odds = accuracy / jnp.maximum(1 - accuracy, _LEAST)
    return jnp.where(stage > 0.5, odds, task_loss)


@law(
    cite="ruan2024",
    plausible={
        "floor": (0.02, 0.55),
        "ceiling": (0.3, 0.98),
        "theta": (0.02, 2.0),
        "C0": (1e16, 1e26),
    },
    bounds={"theta": (1e-6, 50.0), "C0": (1.0, 1e40)},
    units={"floor": "share", "ceiling": "share", "C0": "FLOP"},
    response=ACCURACY,
)
def logistic_C(
    C: Value, *, floor: UnitInterval, ceiling: UnitInterval, theta: Positive, C0: Positive
) -> Value:
    """Accuracy floor + (1 - floor) ceiling / (1 + (C0/C)^theta), one family (arXiv:2405.10938).

    The logit of the share above the floor is theta ln C + nu with nu = -theta ln C0.
    """
    rise = jax.nn.sigmoid(theta * (jnp.log(C) - jnp.log(C0)))
    return floor + (1 - floor) * ceiling * rise
