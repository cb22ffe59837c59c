"""Loss curves by learning-rate annealing (Tissue et al., arXiv:2408.11029).

The loss is a power law of the distance gone, S1, less a gain from every fall of the rate that has
had time to act, S2. With a fixed `decay`, `annealing` is a law of two columns like any other: fit
it to a table of S1, S2 and loss with `scalejax.fit`. `annealing_curve` evaluates it along a
schedule, where `decay` may be differentiated or differ from draw to draw. `annealing_size` adds a
term for parameters.

One or two curves are enough to fit it, but it needs about 1/(1 - decay) steps of a fall to see the
gain; sudden and deep falls are where it is least exact, and `scalejax.curves.multi_power` better.
"""

import jax
import jax.numpy as jnp

from scalejax.curves.areas import annealing_area, forward_area
from scalejax.laws import Positive, Value, law

_LOSS = "nats/token"
PLAUSIBLE = {"L0": (0.3, 4.0), "A": (0.05, 50.0), "alpha": (0.1, 1.0), "C": (0.05, 50.0)}
UNITS = {"L0": _LOSS, "A": f"{_LOSS} x (sum of rates)^alpha", "C": f"{_LOSS} per sum of rates"}


@law(
    linear=("L0", "A", "C"),
    cite="tissue2024",
    plausible=PLAUSIBLE,
    bounds={"C": (1e-9, 1e9)},
    units=UNITS,
)
def annealing(
    S1: Value, S2: Value, *, L0: Positive, A: Positive, alpha: Positive, C: Positive
) -> Value:
    """Loss L0 + A/S1^alpha - C S2 (Tissue et al., arXiv:2408.11029, equation 1)."""
    return L0 + A * S1**-alpha - C * S2


@law(
    linear=("L0", "A", "B", "C"),
    cite="tissue2024",
    plausible={**PLAUSIBLE, "B": (1.0, 1e5), "beta": (0.05, 1.5)},
    bounds={"C": (1e-9, 1e9)},
    units={**UNITS, "B": f"{_LOSS} x parameters^beta"},
)
def annealing_size(
    N: Value,
    S1: Value,
    S2: Value,
    *,
    L0: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    C: Positive,
) -> Value:
    """Loss L0 + A/S1^alpha + B/N^beta - C S2: annealing with the size of the model.

    The form of arXiv:2408.11029; code that writes ``+ lambda_M M`` has M = -S2.
    """
    return L0 + A * S1**-alpha + B * N**-beta - C * S2


def annealing_curve(
    rates: Value,
    steps: Value,
    *,
    L0: Value,
    A: Value,
    alpha: Value,
    C: Value,
    decay: Value = 0.999,
) -> jax.Array:
    """The loss at some steps of a schedule.

    Args:
        rates: Rates of steps 0 to T, (T + 1,).
        steps: Steps at which the loss is wanted, (k,) integers; the rates up to and including each
            are summed, and one of them must be positive.
        L0: Loss that is approached.
        A: Coefficient of the power law.
        alpha: Its exponent.
        C: Gain per area of annealing.
        decay: Share of the momentum that is left after a step.

    Returns:
        Losses, (k,). At a constant rate r this is ``L0 + A ((t + 1) r)^-alpha`` exactly.
    """
    steps = jnp.asarray(steps)
    s1, s2 = forward_area(rates)[steps], annealing_area(rates, decay)[steps]
    return annealing(s1, s2, L0=L0, A=A, alpha=alpha, C=C)
