"""Accelerators: what the vendors' data sheets say, and what renting one is taken to cost.

`find_hardware` looks one up by name. Peak rates are dense: data sheets of NVIDIA print twice as
much, with structured sparsity. Sizes are the data sheet's GB and TB as powers of ten.

Each `source` names the vendor's document; the numbers were compared with public copies of it or
tables made from it, and what could not be compared says so.

Prices are assumptions with a date, not facts: they change by half within a year and by a factor of
three between providers. Pass your own wherever one is asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from scalejax.errors import UsageError
from scalejax.vocabulary import did_you_mean


@dataclass(frozen=True)
class Hardware:
    """One accelerator.

    Attributes:
        name: Name for people.
        peaks: Dense peak rate in FLOP/s by precision; integer operations count as FLOP.
        memory: Bytes.
        bandwidth: Bytes/s of that memory.
        power: Rated watts of the accelerator alone; None where the vendor does not say.
        source: Where the facts come from, with its date.
        usd_per_hour: Assumed rent of one accelerator.
        price_source: Where the assumption comes from, with its date.
    """

    name: str
    peaks: Mapping[str, float]
    memory: float
    bandwidth: float
    power: float | None
    source: str
    usd_per_hour: float
    price_source: str

    def peak(self, precision: str = "bf16") -> float:
        """Dense peak rate in FLOP/s; fp16 is as fast as bf16.

        Raises:
            UsageError: The accelerator has no such rate.
        """
        key = {"fp16": "bf16"}.get(precision.lower(), precision.lower())
        if key not in self.peaks:
            raise UsageError(
                f"{self.name} has no peak rate in {precision!r}: it has {', '.join(self.peaks)}"
            )
        return self.peaks[key]


def _tera(**peaks: float) -> Mapping[str, float]:
    return MappingProxyType({precision: rate * 1e12 for precision, rate in peaks.items()})


_A100 = "NVIDIA A100 data sheet 1758950 r4 (2021-06), SXM"
_HOPPER = {"bf16": 989.0, "fp8": 1979.0, "int8": 1979.0}
_SARDANA = "code of arXiv:2401.00448 (2024)"
_MERCATUS = "specialised clouds, Mercatus guide (2026-05)"
_GOOGLE_PRICE = "list price of Google Cloud on demand, not confirmed (2025)"

HARDWARE: Mapping[str, Hardware] = MappingProxyType(
    {
        record.name: record
        for record in (
            Hardware(
                "A100-40GB", _tera(bf16=312, int8=624), 40e9, 1.555e12, 400.0, _A100,
                1.10, _SARDANA,
            ),
            Hardware(
                "A100-80GB", _tera(bf16=312, int8=624), 80e9, 2.039e12, 400.0, _A100,
                1.50, f"{_SARDANA}; {_MERCATUS}",
            ),
            Hardware(
                "H100", _tera(**_HOPPER), 80e9, 3.35e12, 700.0,
                "NVIDIA H100 data sheet (2023), SXM5",
                3.00, "median of 37 providers, AIMultiple index (2026-05-20)",
            ),
            Hardware(
                "H200", _tera(**_HOPPER), 141e9, 4.8e12, 700.0,
                "NVIDIA H200 data sheet (2024), SXM",
                4.00, _MERCATUS,
            ),
            Hardware(
                "B200", _tera(bf16=2250, fp8=4500, int8=4500, fp4=9000), 180e9, 7.7e12, 1000.0,
                "NVIDIA HGX B200 data sheet (2025), per GPU",
                6.00, "Spheron on demand (2026-03-17)",
            ),
            Hardware(
                "MI300X", _tera(bf16=1307.4, fp8=2614.9, int8=2614.9), 192e9, 5.3e12, 750.0,
                "AMD Instinct MI300X data sheet (2023-12)",
                1.85, "upper end of two providers, gpu.blog (2026)",
            ),
            Hardware(
                "TPU-v5p", _tera(bf16=459, int8=918), 95e9, 2.765e12, None,
                "Google Cloud documentation of TPU v5p (2024); int8 not confirmed",
                4.20, _GOOGLE_PRICE,
            ),
            Hardware(
                "TPU-v6e", _tera(bf16=918, int8=1836), 32e9, 1.638e12, None,
                "Google Cloud documentation of TPU v6e (2025)",
                2.70, _GOOGLE_PRICE,
            ),
        )
    }
)  # fmt: skip
"""The known accelerators by name, oldest first within each vendor."""

_ALIASES = {"a100": "A100-80GB", "v5p": "TPU-v5p", "v6e": "TPU-v6e", "trillium": "TPU-v6e"}


def find_hardware(name: str) -> Hardware:
    """Look an accelerator up: case, blanks and dashes do not matter, and ``"a100"`` has 80 GB.

    Raises:
        UsageError: The name is unknown; the message lists the known ones.
    """
    key = _folded(name)
    for label, record in HARDWARE.items():
        if key in (_folded(label), _folded(label).removesuffix("gb")):
            return record
    if key in _ALIASES:
        return HARDWARE[_ALIASES[key]]
    near = did_you_mean(name, list(HARDWARE))
    raise UsageError(f"unknown accelerator {name!r}{near or ':'} use one of {', '.join(HARDWARE)}")


def _folded(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
