"""Students of teachers (Busbridge et al., arXiv:2502.08606).

`busbridge2025` is the loss of a student that learns from a teacher's predictions. It needs the law
of students trained without a teacher, which is `outer_exponent` (set "busbridge2025"). A teacher
that is much better than its student harms it: the loss is lowest at some loss of the teacher.
"""

import jax
import jax.numpy as jnp

from scalejax.laws.chinchilla import BUSBRIDGE2025, outer_exponent
from scalejax.laws.law import law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Value

_EXPONENT = (0.05, 1.5)
_BOUNDS = (1e-6, 1e20)

BUSBRIDGE2025_STUDENT = PublishedSet(
    "busbridge2025",
    {
        **BUSBRIDGE2025,
        "A_s": 2243.0,
        "alpha_s": 0.321,
        "B_s": 24181.0,
        "beta_s": 0.637,
        "gamma_s": 0.764,
        "c0": 2.549,
        "c1": 522.61,
        "d1": 1.315,
        "f1": 0.090,
    },
    source="arXiv:2502.08606",
    convention=BUSBRIDGE2025.convention,
    counts=BUSBRIDGE2025.counts,
    evidence="secondary",
    valid={"L_teacher": (1.9, 3.0)},
    note="Unverified, the range of teachers too: not seen in the paper; the losses that it gives "
    "are plausible.",
)


@law(
    cite="busbridge2025",
    plausible={
        "E": (0.3, 4.0),
        "A": (1.0, 1e5),
        "alpha": _EXPONENT,
        "B": (1.0, 1e5),
        "beta": _EXPONENT,
        "gamma": (0.3, 2.0),
        "A_s": (1.0, 1e5),
        "alpha_s": _EXPONENT,
        "B_s": (1.0, 1e5),
        "beta_s": _EXPONENT,
        "gamma_s": (0.3, 2.0),
        "c0": (0.5, 5.0),
        "c1": (5.0, 1e3),
        "d1": (0.5, 3.0),
        "f1": (0.03, 1.0),
    },
    bounds=dict.fromkeys(("A", "B", "A_s", "B_s"), _BOUNDS),
    units={
        "E": "nats/token",
        "A": "parameters^alpha",
        "B": "tokens^beta",
        "A_s": "parameters^alpha_s",
        "B_s": "tokens^beta_s",
    },
    published=(BUSBRIDGE2025_STUDENT,),
)
def busbridge2025(
    N: Value,
    D: Value,
    L_teacher: Value,
    *,
    E: Positive,
    A: Positive,
    alpha: Positive,
    B: Positive,
    beta: Positive,
    gamma: Positive,
    A_s: Positive,
    alpha_s: Positive,
    B_s: Positive,
    beta_s: Positive,
    gamma_s: Positive,
    c0: Positive,
    c1: Positive,
    d1: Positive,
    f1: Positive,
) -> Value:
    """Loss T + T^-c0 (1 + (T/(S d1))^(1/f1))^(-c1 f1) (A_s/N^alpha_s + B_s/D^beta_s)^gamma_s.

    T is the teacher's loss, S the loss of the student without a teacher, `outer_exponent`, whose
    parameters are E to gamma; N and D are the student's (arXiv:2502.08606).
    """
    alone = outer_exponent(N, D, E=E, A=A, alpha=alpha, B=B, beta=beta, gamma=gamma)
    # The ratio to the power 1/f1 would overflow; the logarithm of one more than it does not.
    gap = jax.nn.softplus(jnp.log(L_teacher / (alone * d1)) / f1)
    imitation = (A_s * N**-alpha_s + B_s * D**-beta_s) ** gamma_s
    return L_teacher + L_teacher**-c0 * jnp.exp(-c1 * f1 * gap) * imitation
