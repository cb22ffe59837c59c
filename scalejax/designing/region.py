"""Where runs may be placed: limits of N, D, compute C and D/N, and the grid between them.

The limits are lines in (log N, log D), straight ones if C = 6ND. A run is a compute and a *place*,
a number from 0 to 1 between the smallest and the largest tokens per parameter that the limits allow
at that compute, so that any design can be moved smoothly and stays inside.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from scalejax._arrays import Floats
from scalejax._numerics import module_of
from scalejax.compute import SIX_N_D, Compute
from scalejax.errors import UsageError
from scalejax.vocabulary import argument

USUAL_RATIO = (2.0, 200.0)
"""Tokens per parameter that published sweeps cover."""

SMALLEST_SHARE = 1e-4
"""Smallest run that is considered, as a share of the budget, where there are no runs so far. Set by
judgement."""

LIMITS = ("N", "D", "C", "D/N")
_ANYTHING = (1e-300, 1e300)
_COMPUTES, _RATIOS = 21, 11
"""Points of the grid of candidates; runs are moved off it afterwards. Set by judgement."""


class Region(NamedTuple):
    """Limits as logarithms: (low, high) of each, and what a run costs."""

    N: Any
    D: Any
    C: Any
    ratio: Any
    compute: Compute = SIX_N_D


def region_of(
    runs: Mapping[str, Floats],
    ranges: Mapping[str, tuple[float, float]],
    budget: float,
    compute: Compute = SIX_N_D,
) -> Region:
    """The region within the ranges of the user, and within the usual ones of the rest.

    Args:
        runs: N and D of the runs so far where they ended, (n,) each; empty without any.
        ranges: Limits by ``"N"``, ``"D"``, ``"C"`` or ``"D/N"``.
        budget: FLOP that may be spent in all.
        compute: What a run costs.

    Raises:
        UsageError: A range is unknown or empty, or nothing lies in all of them.
    """
    if unknown := set(ranges) - set(LIMITS):
        raise UsageError(
            f"{argument('ranges')} knows {', '.join(LIMITS)}, not {', '.join(sorted(unknown))}."
        )
    usual = _usual(runs, budget)
    if {"N", "D"} <= set(ranges):
        usual["C"] = _ANYTHING
    logs = {}
    for name in LIMITS:
        low, high = ranges.get(name, usual[name])
        if not 0 < low < high:
            raise UsageError(
                f"{argument('ranges')}: the range {low:g} to {high:g} of {name} is empty."
            )
        logs[name] = np.log([low, high])
    region = Region(logs["N"], logs["D"], logs["C"], logs["D/N"], compute)
    low_c, high_c = map(float, compute_range(region, np.log(budget)))
    if low_c >= high_c:
        raise UsageError(
            f"no run fits: the smallest within the ranges costs {np.exp(low_c):.3g} FLOP, and "
            f"{np.exp(high_c):.3g} FLOP is the most. Widen the {argument('ranges')} or spend more."
        )
    return region


def _usual(runs: Mapping[str, Floats], budget: float) -> dict[str, tuple[float, float]]:
    if not runs:
        smallest = SMALLEST_SHARE * budget
        return {"N": _ANYTHING, "D": _ANYTHING, "C": (smallest, 1e300), "D/N": USUAL_RATIO}
    n, d = runs["N"], runs["D"]
    ratio = d / n
    low, high = USUAL_RATIO
    return {
        "N": (float(n.min()), 1e300),
        "D": (float(d.min()), 1e300),
        "C": _ANYTHING,
        "D/N": (min(low, float(ratio.min())), max(high, float(ratio.max()))),
    }


def compute_range(region: Region, log_money: Any) -> tuple[Any, Any]:
    """Logs of the least and the most compute of one run within the limits and the money."""
    xp = module_of(log_money, *region)
    (n_lo, n_hi), (d_lo, d_hi), (r_lo, r_hi) = region.N, region.D, region.ratio
    log_flop = region.compute.log_flop
    smallest = log_flop(xp.maximum(n_lo, d_lo - r_hi), xp.maximum(d_lo, n_lo + r_lo))
    largest = log_flop(xp.minimum(n_hi, d_hi - r_lo), xp.minimum(d_hi, n_hi + r_hi))
    low = xp.maximum(smallest, region.C[0])
    return low, xp.minimum(xp.minimum(largest, region.C[1]), log_money)


def ratio_range(region: Region, log_compute: Any) -> tuple[Any, Any]:
    """Logs of the least and the most tokens per parameter at a compute."""
    xp = module_of(log_compute, *region)
    (n_lo, n_hi), (d_lo, d_hi), (r_lo, r_hi) = region.N, region.D, region.ratio

    def with_size(log_n: Any) -> Any:
        return log_compute - region.compute.log_flop(log_n, log_n)

    def with_tokens(log_d: Any) -> Any:
        return log_d - region.compute.log_size(log_compute, log_d)

    low = xp.maximum(xp.maximum(r_lo, with_size(n_hi)), with_tokens(d_lo))
    high = xp.minimum(xp.minimum(r_hi, with_size(n_lo)), with_tokens(d_hi))
    return low, high


def run_at(log_compute: Any, log_ratio: Any, compute: Compute = SIX_N_D) -> dict[str, Any]:
    """The run of a log compute and a log ratio: N, D and ``log_compute``, of the shape of both."""
    xp = module_of(log_compute, log_ratio)
    log_n = compute.log_size_at(log_compute, log_ratio)
    return {"N": xp.exp(log_n), "D": xp.exp(log_n + log_ratio), "log_compute": log_compute}


def run_at_place(region: Region, log_compute: Any, place: Any) -> dict[str, Any]:
    """The run of a log compute and a place between 0 and 1: N, D and ``log_compute``."""
    low, high = ratio_range(region, log_compute)
    return run_at(log_compute, low + (high - low) * place, region.compute)


def grid(region: Region, log_money: Any) -> tuple[Any, Any]:
    """Log compute and place of the candidates, (n,) each, from the smallest compute up."""
    xp = module_of(log_money, *region)
    low, high = compute_range(region, log_money)
    compute = low + (high - low) * xp.linspace(0.0, 1.0, _COMPUTES)
    place = xp.linspace(0.0, 1.0, _RATIOS)
    return xp.repeat(compute, _RATIOS), xp.tile(place, _COMPUTES)


def grid_size() -> int:
    """Number of candidates of a grid."""
    return _COMPUTES * _RATIOS
