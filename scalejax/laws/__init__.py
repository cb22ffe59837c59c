"""Loss laws as pure functions of one point, and how to declare one of your own.

Pick a law from `scalejax.laws.LAWS` (``scalejax laws`` at the terminal lists them), or write one
with `law` and the supports `Positive`, `UnitInterval` and `Real`; see `scalejax.laws.law`.
`formula_law` makes one from text; see `scalejax.laws.formula`.
"""

from scalejax.laws.chinchilla import chinchilla, chinchilla_tied, outer_exponent
from scalejax.laws.formula import formula_law, formula_spec
from scalejax.laws.kaplan import kaplan
from scalejax.laws.law import Law, Parameter, PublishedSet, law
from scalejax.laws.registry import LAWS, find_law
from scalejax.laws.supports import Positive, Real, Support, UnitInterval, Value

__all__ = [
    "LAWS",
    "Law",
    "Parameter",
    "Positive",
    "PublishedSet",
    "Real",
    "Support",
    "UnitInterval",
    "Value",
    "chinchilla",
    "chinchilla_tied",
    "find_law",
    "formula_law",
    "formula_spec",
    "kaplan",
    "law",
    "outer_exponent",
]
