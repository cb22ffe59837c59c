"""What training and serving a model costs: FLOP, bytes, seconds, dollars, energy.

Formulas are pure functions of one point, in base units (FLOP, s, byte, USD, W, J) unless the name
says hours or days. They take floats, NumPy and JAX arrays alike, follow their dtype, and have
gradients everywhere inside their domain: call them inside `jit`, `vmap` and `grad`. Give them
`Amount`s instead and every dimension is checked.

- **How many FLOP?** `training_flop`, `inference_flop` from N and D; `shaped_training_flop`,
  `shaped_inference_flop`, `forward_flop_per_token` from an `Architecture` (`count_parameters`);
  `precision_weighted_flop` where cost is linear in bits.
- **How long, on how many GPUs?** `gpu_hours`, `calendar_days`, `training_hours_by_precision`, and
  back with `utilisation`.
- **How much money, energy, CO2?** `rental_usd`, `lifetime_usd` (with `usd_per_flop`),
  `energy_joules`, `electricity_usd`, `co2_grams`.
- **How fast does it answer?** `serve_size` or `serve_architecture` on `rates_reached`, then
  `prefill_seconds`, `decode_seconds`, `request_seconds`, `throughput`; `roofline_seconds` for
  anything else.
- **Does it fit?** `weight_bytes`, `kv_bytes_per_token`, `kv_cache_bytes`, `serving_bytes`,
  `largest_batch`, `training_bytes`.
- **How much demand?** `demand_in_total`, `demand_in_requests`, `demand_at_rate`.
- **On what?** `find_hardware`, `HARDWARE`: peak rates, memory, power, with sources and dates.
- **From and to people:** `parse_amount`, `format_amount`, `value_in`, `unit_named`.
"""

from scalejax.costs.architecture import Architecture, ParameterCount, count_parameters
from scalejax.costs.demand import Demand, demand_at_rate, demand_in_requests, demand_in_total
from scalejax.costs.dimensions import Amount, Dimension, Unit, checked
from scalejax.costs.duration import (
    TRAINING_MFU,
    calendar_days,
    gpu_hours,
    training_hours_by_precision,
    utilisation,
)
from scalejax.costs.flops import (
    attention_flop_per_token,
    causal_mean,
    forward_flop_per_token,
    inference_flop,
    precision_weighted_flop,
    shaped_inference_flop,
    shaped_training_flop,
    training_flop,
)
from scalejax.costs.hardware import HARDWARE, Hardware, find_hardware
from scalejax.costs.latency import (
    Rates,
    Served,
    decode_seconds,
    prefill_seconds,
    rates_reached,
    request_seconds,
    roofline_seconds,
    serve_architecture,
    serve_size,
    smooth_maximum,
    throughput,
)
from scalejax.costs.memory import (
    TRAINING_RECIPES,
    kv_bytes_per_token,
    kv_cache_bytes,
    largest_batch,
    serving_bytes,
    training_bytes,
    weight_bytes,
)
from scalejax.costs.money import (
    LIFETIME_INPUT_MFU,
    LIFETIME_OUTPUT_MFU,
    co2_grams,
    electricity_usd,
    energy_joules,
    lifetime_usd,
    rental_usd,
    usd_per_flop,
)
from scalejax.costs.units import format_amount, parse_amount, unit_named, value_in

__all__ = [
    "HARDWARE",
    "LIFETIME_INPUT_MFU",
    "LIFETIME_OUTPUT_MFU",
    "TRAINING_MFU",
    "TRAINING_RECIPES",
    "Amount",
    "Architecture",
    "Demand",
    "Dimension",
    "Hardware",
    "ParameterCount",
    "Rates",
    "Served",
    "Unit",
    "attention_flop_per_token",
    "calendar_days",
    "causal_mean",
    "checked",
    "co2_grams",
    "count_parameters",
    "decode_seconds",
    "demand_at_rate",
    "demand_in_requests",
    "demand_in_total",
    "electricity_usd",
    "energy_joules",
    "find_hardware",
    "format_amount",
    "forward_flop_per_token",
    "gpu_hours",
    "inference_flop",
    "kv_bytes_per_token",
    "kv_cache_bytes",
    "largest_batch",
    "lifetime_usd",
    "parse_amount",
    "precision_weighted_flop",
    "prefill_seconds",
    "rates_reached",
    "rental_usd",
    "request_seconds",
    "roofline_seconds",
    "serve_architecture",
    "serve_size",
    "serving_bytes",
    "shaped_inference_flop",
    "shaped_training_flop",
    "smooth_maximum",
    "throughput",
    "training_bytes",
    "training_flop",
    "training_hours_by_precision",
    "unit_named",
    "usd_per_flop",
    "utilisation",
    "value_in",
    "weight_bytes",
]
