"""Number formats of a plan whose runs say nothing of bits: what each published law of bits says.

Three laws have numbers, of different quantisers: Kumar et al. (arXiv:2411.04330) have integers with
one scale per tensor or channel, Sun et al. (arXiv:2501.02423) floating point with one scale per
channel, and Frantar et al. (arXiv:2502.16440) 4 bits alone. Each is grafted onto one's own law: as
a share of the parameters, or as a loss that is added.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalejax.laws import FRANTAR2025, chinchilla, effective_parameters, sun2025
from scalejax.planning.measures import PRECISION_BITS
from scalejax.planning.source import Source
from scalejax.quantities import LOSS
from scalejax.scope import own_settings

_FLOATS = {"fp4": (2.0, 1.0), "fp6": (3.0, 2.0), "fp8": (4.0, 3.0), "bf16": (8.0, 7.0)}
"""Exponent and mantissa bits."""

_CHANNEL = 2.0**13.1567
"""The block that one scale per channel acts like (note of the set "sun2025")."""

_FOUR_BITS = FRANTAR2025["weights-activations-4bit"]


def losses_by_bits(source: Source, decisions: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Losses of one decision for each format, under each published law of bits.

    Args:
        source: Chinchilla's law with borrowed bits.
        decisions: N and D, by the name of the format.

    Returns:
        A row for each law (`set`) that has all the formats, and adds in the unit of the runs; a
        column for each format.
    """
    own = {name: float(source.params[name]) for name in chinchilla.parameters}
    rows: dict[str, dict[str, float]] = {"kumar2024": {}, "sun2025": {}, "frantar2025": {}}
    with own_settings():
        for name, x in decisions.items():
            rows["kumar2024"][name] = _kumar(source.params, own, x, name)
            rows["sun2025"][name] = _sun(own, x, name) if source.unit == LOSS.unit else np.nan
            rows["frantar2025"][name] = _frantar(own, x, name)
    kept = {name: row for name, row in rows.items() if not np.isnan([*row.values()]).any()}
    return pd.DataFrame([{"set": name, **row} for name, row in kept.items()])


def _kumar(params: Mapping[str, float], own: Any, x: Mapping[str, float], name: str) -> float:
    bits = PRECISION_BITS[name]
    kept = effective_parameters(x["N"], bits, bits, bits, **_sensitivities(params))
    return float(chinchilla(kept, x["D"], **own))


def _sensitivities(params: Mapping[str, float]) -> dict[str, float]:
    return {name: params[name] for name in params if name.startswith(("gamma_", "n_"))}


def _sun(own: Any, x: Mapping[str, float], name: str) -> float:
    """The loss that floating point adds, which is what its law has besides Chinchilla's three."""
    if name not in _FLOATS:
        return np.nan
    published = {**sun2025.published["sun2025"], "n": 0.0, "d": 0.0, "eps": 0.0}
    added = sun2025(x["N"], x["D"], *_FLOATS[name], _CHANNEL, **published)
    return float(chinchilla(x["N"], x["D"], **own) + added)


def _frantar(own: Any, x: Mapping[str, float], name: str) -> float:
    share = {4.0: _FOUR_BITS, 16.0: 1.0}.get(PRECISION_BITS[name], np.nan)
    return float(chinchilla(share * x["N"], x["D"], **own))
