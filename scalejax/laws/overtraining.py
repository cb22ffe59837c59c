"""Training past the compute-optimal ratio, and what it does to error downstream (Gadre et al.).

`gadre2024` is a law of compute and of tokens per parameter, so that over-training appears as one
number M. It is Chinchilla's law with one exponent, in other coordinates: with alpha = beta = 2 eta,
A = a 6^-eta and B = b 6^-eta (`chinchilla_of_gadre`). `error_of_loss` gives the average error over
many tasks at a loss; for a single task see `scalejax.laws.downstream`.
"""

from collections.abc import Mapping

import jax.numpy as jnp

from scalejax.laws.law import law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Value
from scalejax.quantities import ERROR

_LOSS = "nats/token"
_SOURCE = "arXiv:2403.08540, table 2 and its code"
_RUNS = {"C": (3.3e15, 5.7e21), "M": (5.0, 640.0)}
_EVALUATED = "loss on C4's evaluation split, nats; N counts all parameters; C = 6 N D"


def _loss_set(data: str, E: float, a: float, b: float, eta: float) -> PublishedSet:
    return PublishedSet(
        f"gadre2024-{data.lower()}",
        {"E": E, "a": a, "b": b, "eta": eta},
        source=_SOURCE,
        convention=f"trained on {data}; {_EVALUATED}",
        valid=_RUNS,
        note="Fitted to five small runs, and checked on runs with 300 times the compute.",
    )


def _error_set(data: str, tasks: int, eps: float, k: float, gamma: float) -> PublishedSet:
    return PublishedSet(
        f"gadre2024-{data.lower()}-{tasks}",
        {"eps": eps, "k": k, "gamma": gamma},
        source=_SOURCE,
        convention=f"trained on {data}; top-1 error averaged over {tasks} tasks; loss as gadre2024",
        valid={"L": (2.3, 6.0)},
    )


@law(
    linear=("E", "a", "b"),
    cite="gadre2024",
    plausible={"E": (0.3, 4.0), "a": (1.0, 1e4), "b": (1.0, 1e4), "eta": (0.03, 0.6)},
    units={"E": _LOSS, "a": f"{_LOSS} x FLOP^eta", "b": f"{_LOSS} x FLOP^eta"},
    published=(
        _loss_set("C4", 1.508, 141.3, 189.5, 0.1212),
        _loss_set("RedPajama", 1.837, 212.2, 366.7, 0.1364),
        _loss_set("RefinedWeb", 1.734, 157.1, 246.2, 0.1272),
    ),
)
def gadre2024(C: Value, M: Value, *, E: Positive, a: Positive, b: Positive, eta: Positive) -> Value:
    """Loss E + (a M^eta + b M^-eta) C^-eta, M = D/N (Gadre et al., arXiv:2403.08540, eq. 4)."""
    return E + (a * M**eta + b * M**-eta) * C**-eta


def chinchilla_of_gadre(theta: Mapping[str, Value]) -> dict[str, Value]:
    """Parameters of `chinchilla_tied` that give the same loss where C = 6 N D and M = D/N.

    C M is 6 D^2 and C/M is 6 N^2, so (C/M)^-eta is 6^-eta N^(-2 eta).

    Args:
        theta: E, a, b and eta of `gadre2024`.

    Returns:
        E, A, alpha and B.
    """
    scale = 6.0 ** -theta["eta"]
    return {
        "E": theta["E"],
        "A": theta["a"] * scale,
        "alpha": 2 * theta["eta"],
        "B": theta["b"] * scale,
    }


@law(
    linear=("eps", "k"),
    cite="gadre2024",
    plausible={"eps": (0.3, 1.0), "k": (0.2, 10.0), "gamma": (0.1, 3.0)},
    units={"eps": "share", "k": "share", "gamma": "tokens/nat"},
    published=(
        _error_set("C4", 17, 0.8497, 2.079, 0.7561),
        _error_set("RedPajama", 17, 0.8570, 2.206, 0.7146),
        _error_set("RefinedWeb", 17, 0.8653, 2.215, 0.7070),
        _error_set("C4", 46, 0.7589, 1.2885, 0.9722),
        _error_set("RedPajama", 46, 0.7608, 1.3229, 0.8907),
        _error_set("RefinedWeb", 46, 0.7677, 1.1281, 0.8215),
    ),
    response=ERROR,
)
def error_of_loss(L: Value, *, eps: Positive, k: Positive, gamma: Positive) -> Value:
    """Average error eps - k exp(-gamma L) at loss L (Gadre et al., arXiv:2403.08540, eq. 5)."""
    return eps - k * jnp.exp(-gamma * L)
