"""Loss laws as pure functions of one point, and how to declare one of your own.

Pick a law from `scalejax.laws.LAWS` (``scalejax laws`` at the terminal lists them), or write one
with `law` and the supports `Positive`, `UnitInterval` and `Real`; see `scalejax.laws.law`.
`formula_law` makes one from text; see `scalejax.laws.formula`. `mixing_law` makes one for a
number of domains. What bits, repeated data, experts, vocabularies, batches, attempts and better
algorithms do is also there as plain functions: in `scalejax.laws.precision`, `formats`,
`repetition`, `routed`, `vocabulary`, `batch`, `inference`, `transfer` and `progress`.
"""

from scalejax.laws.batch import (
    KAPLAN2020_BATCH,
    critical_batch,
    examples_at_batch,
    kaplan_critical_batch,
    least_compute,
    least_steps,
    steps_at_batch,
    tradeoff,
)
from scalejax.laws.breaks import bnsl, m3, m4
from scalejax.laws.chinchilla import (
    chinchilla,
    chinchilla_tied,
    data_for_size,
    outer_exponent,
    quanta,
)
from scalejax.laws.citations import CITATIONS
from scalejax.laws.distillation import busbridge2025
from scalejax.laws.distributed import diloco2025
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
from scalejax.laws.formula import PREFIX, formula_law, formula_spec
from scalejax.laws.inference import (
    brown2024,
    matched_inference,
    parscale2025,
    pass_at_k,
    scalerl2025,
    schaeffer2025,
    streamed_size,
)
from scalejax.laws.kaplan import kaplan, kaplan_steps
from scalejax.laws.kumar import kumar2024, kumar2024_ptq, kumar2024_unified
from scalejax.laws.law import Law, Reduction, law
from scalejax.laws.mixtures import mixing_law, mixture_5
from scalejax.laws.overtraining import chinchilla_of_gadre, error_of_loss, gadre2024
from scalejax.laws.parameter import Parameter
from scalejax.laws.precision import (
    critical_tokens_ptq,
    effective_parameters,
    precision_factor,
    ptq_degradation,
    zero_point,
)
from scalejax.laws.progress import (
    DENSITY_RATE,
    HO2024_DOUBLING,
    capability_density,
    density_trend,
    doubling_time,
    effective_compute,
    jones_test_compute,
)
from scalejax.laws.published import PublishedSet
from scalejax.laws.recipes import power_recipe
from scalejax.laws.registry import LAWS, find_law
from scalejax.laws.repetition import data_constrained, effective_size, effective_tokens
from scalejax.laws.rosenfeld import rosenfeld2019
from scalejax.laws.routed import (
    abnar2025,
    clark2022,
    cutoff_size,
    effective_experts,
    krajewski2024,
    ludziejewski2025,
)
from scalejax.laws.sparsity import frantar2023
from scalejax.laws.supports import Positive, Real, Support, UnitInterval, Value, positive
from scalejax.laws.transfer import data_multiplier, hernandez2021, mikami2021, rectified
from scalejax.laws.vocabulary import optimal_vocabulary, tao2024, tokens_per_character

__all__ = [
    "CHEN2025_QAT",
    "CITATIONS",
    "DENSITY_RATE",
    "FRANTAR2025",
    "HO2024_DOUBLING",
    "KAPLAN2020_BATCH",
    "LAWS",
    "PREFIX",
    "Law",
    "Parameter",
    "Positive",
    "PublishedSet",
    "Real",
    "Reduction",
    "Support",
    "UnitInterval",
    "Value",
    "abnar2025",
    "accuracy_of_loss",
    "accuracy_of_odds",
    "bnsl",
    "brown2024",
    "busbridge2025",
    "capability_density",
    "chinchilla",
    "chinchilla_of_gadre",
    "chinchilla_tied",
    "clark2022",
    "compressed",
    "critical_batch",
    "critical_tokens_fp",
    "critical_tokens_ptq",
    "cutoff_size",
    "data_constrained",
    "data_for_size",
    "data_multiplier",
    "density_trend",
    "diloco2025",
    "doubling_time",
    "effective_compute",
    "effective_experts",
    "effective_parameters",
    "effective_size",
    "effective_tokens",
    "error_of_loss",
    "examples_at_batch",
    "farseer",
    "find_law",
    "formula_law",
    "formula_spec",
    "frantar2023",
    "gadre2024",
    "hernandez2021",
    "jones_test_compute",
    "kaplan",
    "kaplan_critical_batch",
    "kaplan_steps",
    "krajewski2024",
    "kumar2024",
    "kumar2024_ptq",
    "kumar2024_unified",
    "ladder",
    "law",
    "least_compute",
    "least_steps",
    "logistic_C",
    "ludziejewski2025",
    "m3",
    "m4",
    "matched_inference",
    "mikami2021",
    "mixing_law",
    "mixture_5",
    "optimal_mantissa",
    "optimal_vocabulary",
    "outer_exponent",
    "ouyang2024",
    "parscale2025",
    "pass_at_k",
    "positive",
    "power_recipe",
    "precision_factor",
    "ptq_degradation",
    "qat_degradation",
    "quanta",
    "rectified",
    "rosenfeld2019",
    "scalerl2025",
    "schaeffer2025",
    "steps_at_batch",
    "streamed_size",
    "sun2025",
    "tao2024",
    "tokens_per_character",
    "tradeoff",
    "zero_point",
]
