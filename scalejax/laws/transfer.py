"""What pre-training is worth for another task.

`hernandez2021` says how much data of the task pre-training replaces; `data_multiplier` by what
factor it multiplies the data one has. `mikami2021` is the error after pre-training on D_p examples
and fine-tuning on D_f. `rectified` is the loss after fine-tuning alone, and bends where the task's
data begin to outweigh what pre-training had taught: use it to choose a model to fine-tune.
"""

import jax.numpy as jnp

from scalejax.laws.law import law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.recipes import power_recipe
from scalejax.laws.supports import Positive, Value
from scalejax.quantities import D_T, ERROR, TASK_LOSS


def _hernandez(text: str, k: float, a: float) -> PublishedSet:
    return PublishedSet(
        f"hernandez2021-{text}",
        {"k": k, "a": a, "b": 0.38},
        source="arXiv:2102.01293",
        convention="Fine-tuned on Python; data in characters",
        counts="non-embedding",
    )


hernandez2021 = power_recipe(
    D_T,
    ("D_f", "N"),
    name="hernandez2021",
    cite="hernandez2021",
    published=[_hernandez("text", 1.9e4, 0.18), _hernandez("text-and-code", 2.1e5, 0.096)],
    k=(1.0, 1e8),
)


def data_multiplier(D_f: Value, transferred: Value) -> Value:
    """Effective data over fine-tuning data: (D_f + D_T)/D_f (Hernandez et al., arXiv:2102.01293).

    Args:
        D_f: Fine-tuning data.
        transferred: Effective data transferred, D_T of `hernandez2021`, in the same unit.
    """
    return (D_f + transferred) / D_f


@law(
    linear=("delta",),
    cite="mikami2021",
    plausible={
        "delta": (0.01, 10.0),
        "gamma": (0.01, 1.0),
        "alpha": (0.05, 1.5),
        "beta": (0.02, 1.0),
    },
    units={"delta": "share x examples^beta"},
    response=ERROR,
)
def mikami2021(
    D_p: Value, D_f: Value, *, delta: Positive, gamma: Positive, alpha: Positive, beta: Positive
) -> Value:
    """Error delta (gamma + D_p^-alpha)/D_f^beta (arXiv:2108.11018; the form is unverified)."""
    return delta * (gamma + D_p**-alpha) * D_f**-beta


@law(
    linear=("E", "B"),
    cite="lin2024",
    plausible={"E": (0.01, 4.0), "B": (1.0, 1e5), "D_l": (0.1, 1e5), "beta": (0.05, 1.5)},
    bounds={"D_l": (1e-6, 1e12)},
    units={"E": "nats", "B": "nats x examples^beta", "D_l": "examples^beta"},
    response=TASK_LOSS,
)
def rectified(D_f: Value, *, E: Positive, B: Positive, D_l: Positive, beta: Positive) -> Value:
    """Loss B/(D_l + D_f^beta) + E (Lin et al., arXiv:2402.02314); D_f may be zero."""
    some = D_f > 0
    learned = jnp.where(some, jnp.where(some, D_f, 1.0) ** beta, 0.0)
    return B / (D_l + learned) + E


TRANSFER_LAWS = (hernandez2021, mikami2021, rectified)
