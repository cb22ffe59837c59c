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
- **On what?** `find_hardware`, `HARDWARE`: peak rates, memory, power, with sources and dates;
  `hardware_of` takes one of your own, too.
- **From and to people:** `amount_in`, `parse_amount`, `format_amount`, `value_in`, `unit_named`.
"""

from scalejax.costs.architecture import Architecture as Architecture
from scalejax.costs.architecture import ParameterCount as ParameterCount
from scalejax.costs.architecture import count_parameters as count_parameters
from scalejax.costs.demand import REQUEST_INPUT as REQUEST_INPUT
from scalejax.costs.demand import REQUEST_OUTPUT as REQUEST_OUTPUT
from scalejax.costs.demand import Demand as Demand
from scalejax.costs.demand import demand_at_rate as demand_at_rate
from scalejax.costs.demand import demand_in_requests as demand_in_requests
from scalejax.costs.demand import demand_in_total as demand_in_total
from scalejax.costs.dimensions import Amount as Amount
from scalejax.costs.dimensions import Dimension as Dimension
from scalejax.costs.dimensions import Unit as Unit
from scalejax.costs.dimensions import checked as checked
from scalejax.costs.duration import TRAINING_MFU as TRAINING_MFU
from scalejax.costs.duration import calendar_days as calendar_days
from scalejax.costs.duration import gpu_hours as gpu_hours
from scalejax.costs.duration import training_hours_by_precision as training_hours_by_precision
from scalejax.costs.duration import utilisation as utilisation
from scalejax.costs.flops import attention_flop_per_token as attention_flop_per_token
from scalejax.costs.flops import causal_mean as causal_mean
from scalejax.costs.flops import forward_flop_per_token as forward_flop_per_token
from scalejax.costs.flops import inference_flop as inference_flop
from scalejax.costs.flops import precision_weighted_flop as precision_weighted_flop
from scalejax.costs.flops import shaped_inference_flop as shaped_inference_flop
from scalejax.costs.flops import shaped_training_flop as shaped_training_flop
from scalejax.costs.flops import training_flop as training_flop
from scalejax.costs.hardware import HARDWARE as HARDWARE
from scalejax.costs.hardware import Hardware as Hardware
from scalejax.costs.hardware import find_hardware as find_hardware
from scalejax.costs.latency import Rates as Rates
from scalejax.costs.latency import Served as Served
from scalejax.costs.latency import decode_seconds as decode_seconds
from scalejax.costs.latency import prefill_seconds as prefill_seconds
from scalejax.costs.latency import rates_reached as rates_reached
from scalejax.costs.latency import request_seconds as request_seconds
from scalejax.costs.latency import roofline_seconds as roofline_seconds
from scalejax.costs.latency import serve_architecture as serve_architecture
from scalejax.costs.latency import serve_size as serve_size
from scalejax.costs.latency import smooth_maximum as smooth_maximum
from scalejax.costs.latency import throughput as throughput
from scalejax.costs.memory import TRAINING_RECIPES as TRAINING_RECIPES
from scalejax.costs.memory import kv_bytes_per_token as kv_bytes_per_token
from scalejax.costs.memory import kv_cache_bytes as kv_cache_bytes
from scalejax.costs.memory import largest_batch as largest_batch
from scalejax.costs.memory import serving_bytes as serving_bytes
from scalejax.costs.memory import training_bytes as training_bytes
from scalejax.costs.memory import weight_bytes as weight_bytes
from scalejax.costs.money import LIFETIME_INPUT_MFU as LIFETIME_INPUT_MFU
from scalejax.costs.money import LIFETIME_OUTPUT_MFU as LIFETIME_OUTPUT_MFU
from scalejax.costs.money import co2_grams as co2_grams
from scalejax.costs.money import electricity_usd as electricity_usd
from scalejax.costs.money import energy_joules as energy_joules
from scalejax.costs.money import lifetime_usd as lifetime_usd
from scalejax.costs.money import rental_usd as rental_usd
from scalejax.costs.money import usd_per_flop as usd_per_flop
from scalejax.costs.own_hardware import hardware_of as hardware_of
from scalejax.costs.units import amount_in as amount_in
from scalejax.costs.units import format_amount as format_amount
from scalejax.costs.units import parse_amount as parse_amount
from scalejax.costs.units import unit_named as unit_named
from scalejax.costs.units import value_in as value_in
