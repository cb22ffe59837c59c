"""Loss laws as pure functions of one point, and how to declare one of your own.

Pick a law from `scalejax.laws.LAWS` (``scalejax laws`` at the terminal lists them), or write one
with `law` and the supports `Positive`, `UnitInterval` and `Real`; see `scalejax.laws.law`.
`formula_law` makes one from text; see `scalejax.laws.formula`. The effects of bits
and of repeated data are also there as plain functions, in `scalejax.laws.precision`,
`scalejax.laws.formats` and `scalejax.laws.repetition`.
"""

from scalejax.laws.breaks import bnsl, m3, m4
from scalejax.laws.chinchilla import (
    chinchilla,
    chinchilla_tied,
    data_for_size,
    outer_exponent,
    quanta,
)
from scalejax.laws.downstream import accuracy_of_loss, accuracy_of_odds, ladder, logistic_C
from scalejax.laws.farseer import farseer
from scalejax.laws.formats import (
    CHEN2025_QAT,
    FRANTAR2025,
    compressed,
    critical_tokens_fp,
    optimal_mantissa,
    ouyang2024,
    qat_degradation,
    sun2025,
)
from scalejax.laws.formula import formula_law, formula_spec
from scalejax.laws.kaplan import kaplan, kaplan_steps
from scalejax.laws.kumar import kumar2024, kumar2024_ptq, kumar2024_unified
from scalejax.laws.law import Law, Reduction, law
from scalejax.laws.overtraining import chinchilla_of_gadre, error_of_loss, gadre2024
from scalejax.laws.parameter import Parameter
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
from scalejax.laws.rosenfeld import rosenfeld2019
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
    "accuracy_of_loss",
    "accuracy_of_odds",
    "bnsl",
    "chinchilla",
    "chinchilla_of_gadre",
    "chinchilla_tied",
    "compressed",
    "critical_tokens_fp",
    "critical_tokens_ptq",
    "data_constrained",
    "data_for_size",
    "effective_parameters",
    "effective_size",
    "effective_tokens",
    "error_of_loss",
    "farseer",
    "find_law",
    "formula_law",
    "formula_spec",
    "gadre2024",
    "kaplan",
    "kaplan_steps",
    "kumar2024",
    "kumar2024_ptq",
    "kumar2024_unified",
    "ladder",
    "law",
    "logistic_C",
    "m3",
    "m4",
    "optimal_mantissa",
    "outer_exponent",
    "ouyang2024",
    "precision_factor",
    "ptq_degradation",
    "qat_degradation",
    "quanta",
    "rosenfeld2019",
    "sun2025",
    "zero_point",
]
