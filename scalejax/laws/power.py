"""Power laws in one variable: parameters, tokens, compute or steps, with and without a floor.

Without a floor (`power_N`, `power_D`, `power_C`) the loss is a straight line in log-log axes;
with a floor (`floor_power_N` ...) it bends towards an irreducible loss E. Three runs never tell
the two apart: use a floor only with two decades of the variable or more. `floor_power_step` is the
loss along one run at a constant learning rate, as long as its warm-up is left out.
"""

from scalejax.laws.law import Law, law
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.supports import Positive, Value
from scalejax.quantities import QUANTITIES, STEP, Quantity

_PF_DAY = 8.64e19
_KAPLAN = {"N": (8.8e13, 0.076), "D": (5.4e13, 0.095), "C": (3.1e8 * _PF_DAY, 0.050)}
_CLARK_DENSE = PublishedSet(
    "clark2022-dense",
    {"A": 3.568e13**0.078, "alpha": 0.078},
    source="arXiv:2202.01169",
    convention="MassiveText, nats; 130 billion tokens for every model",
    counts="non-embedding",
    valid={"N": (15e6, 1.3e9)},
    note="The dense baseline of clark2022. A is (3.568e13)^alpha: the paper writes (N_c/N)^alpha.",
)
_PLAUSIBLE = {"E": (0.3, 4.0), "A": (1.0, 1e5), "alpha": (0.02, 1.5)}


def _kaplan(symbol: str) -> PublishedSet:
    scale, alpha = _KAPLAN[symbol]
    return PublishedSet(
        "kaplan2020",
        {"A": scale**alpha, "alpha": alpha},
        source="arXiv:2001.08361, equations 1.1 to 1.3",
        convention="C is the least compute that reaches the loss; WebText2, nats",
        counts="non-embedding" if symbol == "N" else "",
        note=f"A is ({scale:g})^alpha: the paper writes ({symbol}c/{symbol})^alpha.",
    )


def _power(x: Quantity) -> Law:
    def power(x: Value, *, A: Positive, alpha: Positive) -> Value:
        return A * x**-alpha

    return law(
        name=f"power_{x.symbol}",
        inputs=(x.symbol,),
        linear=("A",),
        cite="kaplan2020",
        plausible={name: _PLAUSIBLE[name] for name in ("A", "alpha")},
        units={"A": f"nats/token x {x.unit}^alpha"},
        published=(_kaplan(x.symbol), *([_CLARK_DENSE] if x.symbol == "N" else [])),
        about=f"Loss A/{x.symbol}^alpha (Kaplan et al., arXiv:2001.08361, eq. 1.1 to 1.3).",
    )(power)


def _floor_power(x: Quantity) -> Law:
    def floor_power(x: Value, *, E: Positive, A: Positive, alpha: Positive) -> Value:
        return E + A * x**-alpha

    return law(
        name=f"floor_power_{x.symbol}",
        inputs=(x.symbol,),
        linear=("E", "A"),
        cite="henighan2020",
        plausible=_PLAUSIBLE,
        units={"E": "nats/token", "A": f"nats/token x {x.unit}^alpha"},
        about=f"Loss E + A/{x.symbol}^alpha (Henighan et al., arXiv:2010.14701, eq. 1.1).",
    )(floor_power)


POWER_LAWS = (
    *(make(QUANTITIES[x]) for x in ("N", "D", "C") for make in (_power, _floor_power)),
    _floor_power(STEP),
)
