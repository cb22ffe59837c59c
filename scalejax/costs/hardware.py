"""Accelerators: what the vendors' data sheets say, and what renting one is taken to cost.

`find_hardware` looks one up by name. Peak rates are dense: data sheets of NVIDIA print twice as
much, with structured sparsity. Sizes are the data sheet's GB and TB as powers of ten.

Each `source` names the vendor's document. The numbers of those with a price were compared with
public copies of it or tables made from it, and what could not be compared says so; the others are
as the document is known to say. Consumer cards add up in 32 bits at half the rate that is often
printed, and are slower in fp8 than in int8.

Prices are assumptions with a date, not facts: they change by half within a year and by a factor of
three between providers. Pass your own wherever one is asked for; without a source there is none.
Accelerators of your own are in `scalejax.costs.own_hardware`.
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
        peaks: Dense peak rate in FLOP/s by precision, of tensor or matrix units that add up in 32
            bits; integer operations count as FLOP.
        memory: Bytes; None where it is not known, of one of your own.
        bandwidth: Bytes/s of that memory; None where it is not known.
        power: Rated watts of the accelerator alone; None where the vendor does not say.
        source: Where the facts come from, with its date.
        usd_per_hour: Assumed rent of one accelerator; None where there is no source for it.
        price_source: Where the assumption comes from, with its date.
    """

    name: str
    peaks: Mapping[str, float]
    memory: float | None
    bandwidth: float | None
    power: float | None
    source: str
    usd_per_hour: float | None = None
    price_source: str = ""

    def peak(self, precision: str = "bf16") -> float:
        """Dense peak rate in FLOP/s; fp16 is as fast as bf16 where there is one of them only.

        Raises:
            UsageError: The accelerator has no such rate.
        """
        key = precision.lower()
        if key not in self.peaks:
            key = {"fp16": "bf16", "bf16": "fp16"}.get(key, key)
        if key not in self.peaks:
            raise UsageError(
                f"{self.name} has no peak rate in {precision!r}: it has {', '.join(self.peaks)}"
            )
        return self.peaks[key]


def _tera(**peaks: float) -> Mapping[str, float]:
    return MappingProxyType({precision: rate * 1e12 for precision, rate in peaks.items()})


_A100 = "NVIDIA A100 data sheet 1758950 r4 (2021-06), SXM"
_V100 = "NVIDIA V100 data sheet (2020-01), SXM2"
_HOPPER = {"bf16": 989.0, "fp8": 1979.0, "int8": 1979.0}
_SARDANA = "code of arXiv:2401.00448 (2024)"
_MERCATUS = "specialised clouds, Mercatus guide (2026-05)"
_GOOGLE_PRICE = "list price of Google Cloud on demand, not confirmed (2025)"

HARDWARE: Mapping[str, Hardware] = MappingProxyType(
    {
        record.name: record
        for record in (
            Hardware(
                "V100-16GB", _tera(fp16=125), 16e9, 0.9e12, 300.0, _V100,
            ),
            Hardware(
                "V100-32GB", _tera(fp16=125), 32e9, 0.9e12, 300.0, _V100,
            ),
            Hardware(
                "T4", _tera(fp16=65, int8=130), 16e9, 0.3e12, 70.0,
                "NVIDIA T4 data sheet (2019)",
            ),
            Hardware(
                "RTX-3090", _tera(bf16=71, int8=284), 24e9, 0.936e12, 350.0,
                "NVIDIA Ampere GA102 whitepaper (2021), GeForce RTX 3090",
            ),
            Hardware(
                "A10", _tera(bf16=125, int8=250), 24e9, 0.6e12, 150.0,
                "NVIDIA A10 data sheet (2021)",
            ),
            Hardware(
                "A30", _tera(bf16=165, int8=330), 24e9, 0.933e12, 165.0,
                "NVIDIA A30 data sheet (2021)",
            ),
            Hardware(
                "A40", _tera(bf16=149.7, int8=299.3), 48e9, 0.696e12, 300.0,
                "NVIDIA A40 data sheet (2021)",
            ),
            Hardware(
                "A100-40GB", _tera(bf16=312, int8=624), 40e9, 1.555e12, 400.0, _A100,
                1.10, _SARDANA,
            ),
            Hardware(
                "A100-80GB", _tera(bf16=312, int8=624), 80e9, 2.039e12, 400.0, _A100,
                1.50, f"{_SARDANA}; {_MERCATUS}",
            ),
            Hardware(
                "A100-80GB-PCIe", _tera(bf16=312, int8=624), 80e9, 1.935e12, 300.0,
                "NVIDIA A100 data sheet 1758950 r4 (2021-06), PCIe",
            ),
            Hardware(
                "RTX-4090", _tera(bf16=165.2, fp8=330.3, int8=660.6), 24e9, 1.008e12, 450.0,
                "NVIDIA Ada whitepaper (2022), GeForce RTX 4090",
            ),
            Hardware(
                "L4", _tera(bf16=121, fp8=242, int8=242), 24e9, 0.3e12, 72.0,
                "NVIDIA L4 data sheet (2023)",
            ),
            Hardware(
                "L40", _tera(bf16=181.05, fp8=362, int8=362), 48e9, 0.864e12, 300.0,
                "NVIDIA L40 data sheet (2023)",
            ),
            Hardware(
                "L40S", _tera(bf16=362.05, fp8=733, int8=733), 48e9, 0.864e12, 350.0,
                "NVIDIA L40S data sheet (2023)",
            ),
            Hardware(
                "H100", _tera(**_HOPPER), 80e9, 3.35e12, 700.0,
                "NVIDIA H100 data sheet (2023), SXM5",
                3.00, "median of 37 providers, AIMultiple index (2026-05-20)",
            ),
            Hardware(
                "H100-PCIe", _tera(bf16=756, fp8=1513, int8=1513), 80e9, 2.0e12, 350.0,
                "NVIDIA H100 data sheet (2023), PCIe",
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
                "RTX-5090", _tera(bf16=209.5, fp8=419, int8=838), 32e9, 1.792e12, 575.0,
                "NVIDIA RTX Blackwell whitepaper (2025), GeForce RTX 5090",
            ),
            Hardware(
                "MI250X", _tera(bf16=383, int8=383), 128e9, 3.2768e12, 560.0,
                "AMD Instinct MI250X data sheet (2021), both dies",
            ),
            Hardware(
                "MI300X", _tera(bf16=1307.4, fp8=2614.9, int8=2614.9), 192e9, 5.3e12, 750.0,
                "AMD Instinct MI300X data sheet (2023-12)",
                1.85, "upper end of two providers, gpu.blog (2026)",
            ),
            Hardware(
                "MI325X", _tera(bf16=1307.4, fp8=2614.9, int8=2614.9), 256e9, 6.0e12, 1000.0,
                "AMD Instinct MI325X data sheet (2024-10)",
            ),
            Hardware(
                "TPU-v3", _tera(bf16=123), 32e9, 0.9e12, None,
                "Google Cloud documentation of TPU v3 (2023)",
            ),
            Hardware(
                "TPU-v4", _tera(bf16=275, int8=275), 32e9, 1.2e12, None,
                "Google Cloud documentation of TPU v4 (2023)",
            ),
            Hardware(
                "TPU-v5e", _tera(bf16=197, int8=393), 16e9, 0.819e12, None,
                "Google Cloud documentation of TPU v5e (2024)",
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

_ALIASES = {
    "a100": "A100-80GB",
    "a100pcie": "A100-80GB-PCIe",
    "h100sxm": "H100",
    "v100": "V100-32GB",
    "3090": "RTX-3090",
    "4090": "RTX-4090",
    "5090": "RTX-5090",
    **{name: f"TPU-{name}" for name in ("v3", "v4", "v5e", "v5p", "v6e")},
    "trillium": "TPU-v6e",
}


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
