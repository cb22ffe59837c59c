"""Loss laws as pure functions of one point, and how to declare one of your own.

Pick a law from `scalejax.laws.LAWS` (``scalejax laws`` at the terminal lists them), or write one
with `law` and the supports `Positive`, `UnitInterval` and `Real`; see `scalejax.laws.law`.
`formula_law` makes one from text; see `scalejax.laws.formula`. The effects of bits
and of repeated data are also there as plain functions, in `scalejax.laws.precision`,
`scalejax.laws.formats` and `scalejax.laws.repetition`.
"""

from scalejax.laws.chinchilla import chinchilla, chinchilla_tied, outer_exponent
from scalejax.laws.formats import (
    CHEN2025_QAT,
    FRANTAR2025,
    critical_tokens_fp,
    optimal_mantissa,
    qat_degradation,
    sun2025,
)
from scalejax.laws.formula import formula_law, formula_spec
from scalejax.laws.kaplan import kaplan
from scalejax.laws.kumar import kumar2024, kumar2024_ptq, kumar2024_unified
from scalejax.laws.law import Law, Parameter, Reduction, law
from scalejax.laws.precision import (
    critical_tokens_ptq,
    effective_parameters,
    precision_factor,
    ptq_degradation,
    zero_point,
)
from scalejax.laws.published import PublishedSet
from scalejax.laws.registry import LAWS, find_law
from scalejax.laws.repetition import data_constrained, effective_size, effective_tokens
from scalejax.laws.supports import Positive, Real, Support, UnitInterval, Value

__all__ = [
    "CHEN2025_QAT",
    "FRANTAR2025",
    "LAWS",
    "Law",
    "Parameter",
    "Positive",
    "PublishedSet",
    "Real",
    "Reduction",
    "Support",
    "UnitInterval",
    "Value",
    "chinchilla",
    "chinchilla_tied",
    "critical_tokens_fp",
    "critical_tokens_ptq",
    "data_constrained",
    "effective_parameters",
    "effective_size",
    "effective_tokens",
    "find_law",
    "formula_law",
    "formula_spec",
    "kaplan",
    "kumar2024",
    "kumar2024_ptq",
    "kumar2024_unified",
    "law",
    "optimal_mantissa",
    "outer_exponent",
    "precision_factor",
    "ptq_degradation",
    "qat_degradation",
    "sun2025",
    "zero_point",
]
