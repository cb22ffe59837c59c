"""Loss laws as pure functions of one point, and how to declare one of your own.

Pick a law from `scalejax.laws.LAWS` (``scalejax laws`` at the terminal lists them), or write one
with `law` and the supports `Positive`, `UnitInterval` and `Real`; see `scalejax.laws.law`.
`formula_law` makes one from text; see `scalejax.laws.formula`. `mixing_law` makes one for a
number of domains. What bits, repeated data, experts, vocabularies, batches, attempts and better
algorithms do is also there as plain functions: in `scalejax.laws.precision`, `formats`,
`repetition`, `routed`, `vocabulary`, `batch`, `inference`, `transfer` and `progress`.
"""

from scalejax.laws.batch import KAPLAN2020_BATCH as KAPLAN2020_BATCH
from scalejax.laws.batch import critical_batch as critical_batch
from scalejax.laws.batch import examples_at_batch as examples_at_batch
from scalejax.laws.batch import kaplan_critical_batch as kaplan_critical_batch
from scalejax.laws.batch import least_compute as least_compute
from scalejax.laws.batch import least_steps as least_steps
from scalejax.laws.batch import steps_at_batch as steps_at_batch
from scalejax.laws.batch import tradeoff as tradeoff
from scalejax.laws.breaks import bnsl as bnsl
from scalejax.laws.breaks import m3 as m3
from scalejax.laws.breaks import m4 as m4
from scalejax.laws.chinchilla import chinchilla as chinchilla
from scalejax.laws.chinchilla import chinchilla_tied as chinchilla_tied
from scalejax.laws.chinchilla import data_for_size as data_for_size
from scalejax.laws.chinchilla import outer_exponent as outer_exponent
from scalejax.laws.chinchilla import quanta as quanta
from scalejax.laws.citations import CITATIONS as CITATIONS
from scalejax.laws.distillation import busbridge2025 as busbridge2025
from scalejax.laws.distributed import diloco2025 as diloco2025
from scalejax.laws.downstream import accuracy_of_loss as accuracy_of_loss
from scalejax.laws.downstream import accuracy_of_odds as accuracy_of_odds
from scalejax.laws.downstream import ladder as ladder
from scalejax.laws.downstream import logistic_C as logistic_C
from scalejax.laws.farseer import farseer as farseer
from scalejax.laws.formats import CHEN2025_QAT as CHEN2025_QAT
from scalejax.laws.formats import FRANTAR2025 as FRANTAR2025
from scalejax.laws.formats import compressed as compressed
from scalejax.laws.formats import critical_tokens_fp as critical_tokens_fp
from scalejax.laws.formats import optimal_mantissa as optimal_mantissa
from scalejax.laws.formats import ouyang2024 as ouyang2024
from scalejax.laws.formats import qat_degradation as qat_degradation
from scalejax.laws.formats import sun2025 as sun2025
from scalejax.laws.formula import PREFIX as PREFIX
from scalejax.laws.formula import formula_law as formula_law
from scalejax.laws.formula import formula_spec as formula_spec
from scalejax.laws.inference import brown2024 as brown2024
from scalejax.laws.inference import matched_inference as matched_inference
from scalejax.laws.inference import parscale2025 as parscale2025
from scalejax.laws.inference import pass_at_k as pass_at_k
from scalejax.laws.inference import scalerl2025 as scalerl2025
from scalejax.laws.inference import schaeffer2025 as schaeffer2025
from scalejax.laws.inference import streamed_size as streamed_size
from scalejax.laws.kaplan import kaplan as kaplan
from scalejax.laws.kaplan import kaplan_steps as kaplan_steps
from scalejax.laws.kumar import kumar2024 as kumar2024
from scalejax.laws.kumar import kumar2024_ptq as kumar2024_ptq
from scalejax.laws.kumar import kumar2024_unified as kumar2024_unified
from scalejax.laws.law import Law as Law
from scalejax.laws.law import Reduction as Reduction
from scalejax.laws.law import law as law
from scalejax.laws.mixtures import mixing_law as mixing_law
from scalejax.laws.mixtures import mixture_5 as mixture_5
from scalejax.laws.overtraining import chinchilla_of_gadre as chinchilla_of_gadre
from scalejax.laws.overtraining import error_of_loss as error_of_loss
from scalejax.laws.overtraining import gadre2024 as gadre2024
from scalejax.laws.parameter import Parameter as Parameter
from scalejax.laws.precision import critical_tokens_ptq as critical_tokens_ptq
from scalejax.laws.precision import effective_parameters as effective_parameters
from scalejax.laws.precision import precision_factor as precision_factor
from scalejax.laws.precision import ptq_degradation as ptq_degradation
from scalejax.laws.precision import zero_point as zero_point
from scalejax.laws.progress import DENSITY_RATE as DENSITY_RATE
from scalejax.laws.progress import HO2024_DOUBLING as HO2024_DOUBLING
from scalejax.laws.progress import capability_density as capability_density
from scalejax.laws.progress import density_trend as density_trend
from scalejax.laws.progress import doubling_time as doubling_time
from scalejax.laws.progress import effective_compute as effective_compute
from scalejax.laws.progress import jones_test_compute as jones_test_compute
from scalejax.laws.published_set import PublishedSet as PublishedSet
from scalejax.laws.recipes import power_recipe as power_recipe
from scalejax.laws.registry import ALIASES as ALIASES
from scalejax.laws.registry import LAWS as LAWS
from scalejax.laws.registry import find_law as find_law
from scalejax.laws.repetition import data_constrained as data_constrained
from scalejax.laws.repetition import effective_size as effective_size
from scalejax.laws.repetition import effective_tokens as effective_tokens
from scalejax.laws.rosenfeld import rosenfeld2019 as rosenfeld2019
from scalejax.laws.routed import abnar2025 as abnar2025
from scalejax.laws.routed import clark2022 as clark2022
from scalejax.laws.routed import cutoff_size as cutoff_size
from scalejax.laws.routed import effective_experts as effective_experts
from scalejax.laws.routed import krajewski2024 as krajewski2024
from scalejax.laws.routed import ludziejewski2025 as ludziejewski2025
from scalejax.laws.sparsity import frantar2023 as frantar2023
from scalejax.laws.supports import Positive as Positive
from scalejax.laws.supports import Real as Real
from scalejax.laws.supports import Support as Support
from scalejax.laws.supports import UnitInterval as UnitInterval
from scalejax.laws.supports import Value as Value
from scalejax.laws.supports import positive as positive
from scalejax.laws.supports import real as real
from scalejax.laws.transfer import data_multiplier as data_multiplier
from scalejax.laws.transfer import hernandez2021 as hernandez2021
from scalejax.laws.transfer import mikami2021 as mikami2021
from scalejax.laws.transfer import rectified as rectified
from scalejax.laws.vocabulary import optimal_vocabulary as optimal_vocabulary
from scalejax.laws.vocabulary import tao2024 as tao2024
from scalejax.laws.vocabulary import tokens_per_character as tokens_per_character
