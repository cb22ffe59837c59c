"""Dollars, energy and CO2.

- `rental_usd`: GPU-hours at a price. `usd_per_flop`: the price of one FLOP at the peak rate.
- `lifetime_usd`: training and all inference of a model (Sardana et al., arXiv:2401.00448).
- `energy_joules`, `electricity_usd`, `co2_grams`: from GPU-hours and power.

Prices are the user's; `scalejax.costs.hardware` has dated defaults.
"""

from scalejax.compute import SIX_N_D, Compute
from scalejax.costs.dimensions import checked
from scalejax.costs.units import (
    FlopPerSecond,
    GramsCo2,
    GramsCo2PerKilowattHour,
    Hours,
    Joules,
    Number,
    Parameters,
    Tokens,
    Usd,
    UsdPerFlop,
    UsdPerHour,
    UsdPerKilowattHour,
    Watts,
)

LIFETIME_TRAINING_MFU = 0.5
LIFETIME_INPUT_MFU = 0.5
"""The same for reading what is asked, which is computed like training."""
LIFETIME_OUTPUT_MFU = 0.01
"""Utilisations of the code of arXiv:2401.00448: decoding waits for memory."""

PUE = 1.2
"""Energy of the data centre over that of its machines: an assumption between the large clouds
(about 1.1) and the mean of the industry (about 1.6)."""


@checked
def rental_usd(hours: Hours, usd_per_hour: UsdPerHour) -> Usd:
    """Rent of `hours` GPU-hours."""
    return hours * usd_per_hour


@checked
def usd_per_flop(usd_per_hour: UsdPerHour, peak: FlopPerSecond) -> UsdPerFlop:
    """Rent of one FLOP on a GPU that runs at its peak: divide by the utilisation."""
    return usd_per_hour / 3600.0 / peak


@checked
def lifetime_usd(
    N: Parameters,
    D: Tokens,
    input_tokens: Tokens,
    output_tokens: Tokens,
    training_price: UsdPerFlop,
    inference_price: UsdPerFlop,
    training_mfu: Number = LIFETIME_TRAINING_MFU,
    input_mfu: Number = LIFETIME_INPUT_MFU,
    output_mfu: Number = LIFETIME_OUTPUT_MFU,
    compute: Compute = SIX_N_D,
) -> Usd:
    """Training on D tokens and serving `input_tokens` and `output_tokens` in all.

    6ND c / mfu + 2N c' (in / mfu_in + out / mfu_out), arXiv:2401.00448, section 4, with prices per
    FLOP at peak from `usd_per_flop`. Prices and utilisations of 1 give the lifetime's FLOP. Another
    `compute` than 6ND is that of training alone.
    """
    training = compute.flop(N, D) * training_price / training_mfu
    tokens = input_tokens / input_mfu + output_tokens / output_mfu
    return training + 2.0 * N * inference_price * tokens


@checked
def energy_joules(hours: Hours, power: Watts, pue: Number = PUE, load: Number = 1.0) -> Joules:
    """Energy of `hours` GPU-hours at a part `load` of the rated `power`, with cooling and losses.

    The host's processors and network are not in `power`: add them to it, or raise `load`.
    """
    return hours * 3600.0 * power * load * pue


@checked
def electricity_usd(energy: Joules, usd_per_kwh: UsdPerKilowattHour) -> Usd:
    """What energy costs at a price per kilowatt-hour."""
    return energy / 3.6e6 * usd_per_kwh


@checked
def co2_grams(energy: Joules, grams_per_kwh: GramsCo2PerKilowattHour) -> GramsCo2:
    """CO2 of energy from a grid that emits `grams_per_kwh`."""
    return energy / 3.6e6 * grams_per_kwh
