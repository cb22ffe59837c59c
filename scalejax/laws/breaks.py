"""Laws of any amount x that bend: saturating power laws and broken ones.

`power_*` and `floor_power_*` of `scalejax.laws.power` are M1 and M2 of Alabdulmohsin et al.; `m3`
also saturates where x is small, and `m4` at both ends, at the error eps0 of an untrained model and
at the floor eps_inf. `bnsl(breaks)` bends at a number of breaks and can follow double descent; each
break costs three parameters, so hold out the far end of the data before you believe one.
"""

from functools import cache

import jax
import jax.numpy as jnp

from scalejax.laws.law import Law, Reduction, law
from scalejax.laws.supports import Positive, Real, UnitInterval, Value

# Six steps reach rounding error at 200,000 random points of the plausible ranges, x from 1 to 1e12;
# twice as many leave room for fits that stray from there.
_NEWTON_STEPS = 12
_UNIT = "of the response"
_EXPONENT = (0.02, 2.0)


@law(
    linear=("b", "e"),
    cite="alabdulmohsin2022",
    plausible={"b": (1e-2, 1e4), "c": _EXPONENT, "e": (1e-3, 4.0), "g": (1e-9, 1.0)},
    bounds={"b": (1e-12, 1e20), "g": (1e-30, 1e12)},
    units={"b": _UNIT, "e": _UNIT, "g": "1/x"},
)
def m3(x: Value, *, b: Positive, c: Positive, e: Positive, g: Positive) -> Value:
    """Response b (1/x + g)^c + e (Alabdulmohsin et al., arXiv:2209.06640, M3)."""
    return b * (1 / x + g) ** c + e


@law(
    cite="alabdulmohsin2022",
    plausible={
        "b": (1e-2, 1e4),
        "c": _EXPONENT,
        "eps_inf": (1e-3, 0.3),
        "eps0": (0.4, 0.98),
        "a": (0.05, 3.0),
    },
    bounds={"b": (1e-12, 1e20)},
    units={"eps_inf": _UNIT, "eps0": _UNIT},
)
def m4(
    x: Value, *, b: Positive, c: Positive, eps_inf: UnitInterval, eps0: UnitInterval, a: Positive
) -> Value:
    """Error eps where (eps - eps_inf)/(eps0 - eps)^a = b/x^c (Alabdulmohsin, arXiv:2209.06640, M4).

    Solved by Newton's method in the logit of (eps - eps_inf)/(eps0 - eps_inf), in which the
    equation is monotone and bends one way. eps0 must be above eps_inf.
    """
    width = jnp.maximum(eps0 - eps_inf, 1e-6)
    level = jnp.log(b) - c * jnp.log(x) + (a - 1) * jnp.log(width)

    def step(z: Value) -> Value:
        share = jax.nn.sigmoid(z)
        excess = jax.nn.log_sigmoid(z) - a * jax.nn.log_sigmoid(-z) - level
        return z - excess / (1 - share + a * share)

    start = jnp.where(level > 0, level / a, level)
    z = jax.lax.stop_gradient(start)
    for _ in range(_NEWTON_STEPS):
        z = step(z)
    # From the root, one step has its first derivative and two its second.
    z = step(step(jax.lax.stop_gradient(z)))
    return eps_inf + width * jax.nn.sigmoid(z)


@cache
def bnsl(breaks: int) -> Law:
    """A broken neural scaling law (Caballero et al., arXiv:2210.14891, eq. 1).

    a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i): on log-log axes a line of slope -c0 whose
    slope changes by -c_i at x = d_i, over a width f_i.

    Args:
        breaks: Number of breaks; 0 is a power law with a floor.

    Returns:
        The law, of parameters a, b, c0 and d1, c1, f1, d2 ...; the same object for the same number.
    """
    each = range(1, breaks + 1)

    def function(x: Value, **theta: Value) -> Value:
        log_x = jnp.log(x)
        exponent = jnp.log(theta["b"]) - theta["c0"] * log_x
        for k in each:
            past = (log_x - jnp.log(theta[f"d{k}"])) / theta[f"f{k}"]
            exponent -= theta[f"c{k}"] * theta[f"f{k}"] * jax.nn.softplus(past)
        return theta["a"] + jnp.exp(exponent)

    supports = {"a": Positive, "b": Positive, "c0": Real}
    plausible = {"a": (1e-3, 4.0), "b": (1e-2, 1e4), "c0": (-0.5, 1.0)}
    for k in each:
        supports |= {f"d{k}": Positive, f"c{k}": Real, f"f{k}": Positive}
        plausible |= {f"d{k}": (1.0, 1e12), f"c{k}": (-1.0, 1.0), f"f{k}": (0.05, 2.0)}
    return law(
        name=f"bnsl{breaks}",
        inputs=("x",),
        linear=("a", "b"),
        cite="caballero2022",
        plausible=plausible,
        bounds={"b": (1e-12, 1e30)} | {f"d{k}": (1e-12, 1e32) for k in each},
        units={"a": _UNIT, "b": f"{_UNIT} x x^c0"} | {f"d{k}": "as x" for k in each},
        about="Response a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i), with "
        f"{breaks} break{'s' * (breaks != 1)} (Caballero et al., arXiv:2210.14891, eq. 1).",
        reductions=[
            Reduction(f"bnsl{fewer}", {f"c{k}": 0.0 for k in range(fewer + 1, breaks + 1)})
            for fewer in range(1, breaks)
        ],
        parameters=supports,
    )(function)


BROKEN_LAWS = tuple(bnsl(breaks) for breaks in (1, 2, 3))
