"""From FLOP to GPU-hours and days, and back to the utilisation that was reached.

A GPU is any accelerator. MFU is the part of the peak rate that the model's own FLOP reach.
"""

from scalejax.costs.dimensions import checked
from scalejax.costs.units import Days, Flop, FlopPerSecond, Hours, Number, Parameters, Tokens

TRAINING_MFU = 0.4
"""Llama 3 405B reaches .38 to .43 (arXiv:2407.21783, table 4), PaLM .46 (arXiv:2204.02311)."""


@checked
def gpu_hours(flop: Flop, peak: FlopPerSecond, mfu: Number = TRAINING_MFU) -> Hours:
    """GPU-hours of `flop` operations at a part `mfu` of the `peak` rate of one GPU."""
    return flop / (peak * mfu) / 3600.0


@checked
def training_hours_by_precision(
    N: Parameters,
    D: Tokens,
    forward_peak: FlopPerSecond,
    backward_peak: FlopPerSecond,
    mfu: Number = TRAINING_MFU,
) -> Hours:
    """GPU-hours of training whose forward pass runs at another rate than its backward pass.

    With both rates equal it is `gpu_hours` of 6ND.
    """
    return (2.0 / forward_peak + 4.0 / backward_peak) * N * D / mfu / 3600.0


@checked
def calendar_days(hours: Hours, gpus: Number, uptime: Number = 1.0) -> Days:
    """Days that `gpus` GPUs take for `hours` GPU-hours if they work a part `uptime` of the time."""
    return hours / (gpus * uptime) / 24.0


@checked
def utilisation(flop: Flop, hours: Hours, peak: FlopPerSecond) -> Number:
    """Part of the peak rate that `flop` in `hours` GPU-hours reach."""
    return flop / (hours * 3600.0 * peak)
