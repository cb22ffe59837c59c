"""The loss on one domain as the shares of the training data change (Ye et al., arXiv:2403.16952).

`mixing_law` makes the law of any number of domains; `mixture_5` is that of five. The loss on every
domain has its own fit. Shares add up to one, so that k and a common shift of all t cannot be told
apart: a fit of such runs holds k at 1, which loses nothing, unless it holds another parameter.
"""

import jax.numpy as jnp

from scalejax.errors import LawError
from scalejax.laws.law import Law, law
from scalejax.laws.supports import Positive, Real, Value

_REGISTERED = 5


def mixing_law(domains: int) -> Law:
    """The mixing law c + k exp(sum_j t_j r_j) of r_1, r_2 ... (arXiv:2403.16952).

    Args:
        domains: How many there are; two or more.

    Returns:
        A law of the shares ``r_1`` ... of the domains, with the parameters c and k (nats/token)
        and ``t_1`` ..., the effect of each domain on the one whose loss it is.

    Raises:
        LawError: There are fewer than two domains.
    """
    if domains < 2:
        raise LawError(f"a mixture has two domains or more, not {domains}.")
    numbers = range(1, domains + 1)
    shares, effects = ([f"{letter}_{j}" for j in numbers] for letter in "rt")

    def mixing(*r: Value, c: Value, k: Value, **t: Value) -> Value:
        exponent = sum(t[effect] * share for effect, share in zip(effects, r, strict=True))
        return c + k * jnp.exp(exponent)

    return law(
        name=f"mixture_{domains}",
        inputs=shares,
        parameters={"c": Positive, "k": Positive, **dict.fromkeys(effects, Real)},
        linear=("c", "k"),
        cite="ye2024",
        plausible={"c": (0.1, 4.0), "k": (0.1, 10.0)} | dict.fromkeys(effects, (-3.0, 1.0)),
        units={"c": "nats/token", "k": "nats/token"},
        simplex=shares,
        gauge={"k": 1.0},
        about=f"Loss c + k exp(t_1 r_1 + ... + t_{domains} r_{domains}) (Ye, arXiv:2403.16952).",
    )(mixing)


mixture_5 = mixing_law(_REGISTERED)
