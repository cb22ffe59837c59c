"""Accelerators of one's own: from a few numbers, or from a TOML file.

    hardware_of({"peak": "165T", "usd_per_hour": 0.35, "memory": "24GB"})
    hardware_of("mine.toml")

The file has the same keys, one a line; all but the peak may be left out, and what needs them then
asks. Rates of several precisions are a table::

    name = "RTX 4090 at home"
    memory = "24GB"
    bandwidth = "1008 GB/s"
    power = "450 W"
    price = 0.35                     # dollars an hour; also called usd_per_hour
    source = "data sheet of the maker (2022)"
    peaks = { bf16 = "165T", fp8 = "330T" }   # or peak = "165T", in 16 bits
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalejax.amounts import POSITIVE, read, short
from scalejax.costs.hardware import Hardware, find_hardware
from scalejax.costs.units import amount_in
from scalejax.documents import DocumentError, read_document
from scalejax.errors import UsageError
from scalejax.vocabulary import argument, did_you_mean

PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp6", "fp4", "int4")
"""Precisions that may have a peak rate."""

_UNITS = {
    "peak": "FLOP/s",
    "memory": "bytes",
    "bandwidth": "bytes/s",
    "power": "W",
    "usd_per_hour": "USD",
}
_TEXTS = ("name", "source", "price_source")
_KEYS = (*_TEXTS, *_UNITS, "peaks", "price")

_LEAST = {"peak": 1e9, "memory": 1e6, "bandwidth": 1e6}
"""Values below are in another unit: no accelerator is as slow or as small."""

_OWN = {"name": "your own accelerator", "source": "your own numbers"}


def hardware_of(
    what: Hardware | Mapping[str, Any] | str | Path, peak: float | str | None = None
) -> Hardware:
    """An accelerator: by its name, from a TOML file, or from its numbers.

    Args:
        what: A `Hardware`, which is returned as it is; a name of `HARDWARE`; the path of a file
            that ends in ``.toml``; or its entries as a mapping.
        peak: Dense peak rate in 16 bits that stands for one of your own; `what` is then left empty.

    Raises:
        UsageError: The name is unknown, the file cannot be read, or entries are wrong; all at once.
    """
    if isinstance(what, Hardware) and peak is None:
        return what
    if peak is not None:
        if what:
            raise UsageError(
                f"{argument('peak')} is of an accelerator of your own: leave out "
                f"{argument('hardware')}, or give its numbers there."
            )
        return _from_entries({"peak": peak}, argument("peak"))
    if isinstance(what, Mapping):
        return _from_entries(what, argument("hardware"))
    if str(what).endswith(".toml"):
        return _from_entries(_read(Path(str(what))), str(what))
    return find_hardware(str(what))


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_document(path)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {str(path)!r} of an accelerator.") from error
    except (OSError, DocumentError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}.") from error


def _from_entries(entries: Mapping[str, Any], place: str) -> Hardware:
    wrong = [
        f"there is no entry {key!r}{did_you_mean(str(key), _KEYS) or f' in {list(_KEYS)}'}"
        for key in entries
        if key not in _KEYS
    ]
    for name, other in (("price", "usd_per_hour"), ("peak", "peaks")):
        if name in entries and other in entries:
            wrong.append(f"{name} and {other} say the same: give one")
    values = {key: value for key, value in entries.items() if value is not None}
    if "price" in values:
        values["usd_per_hour"] = values.pop("price")
    peaks = values.pop("peaks", None)
    if peaks is None and "peak" in values:
        peaks = {"bf16": values.pop("peak")}
    if not isinstance(peaks, Mapping) or not peaks:
        wrong.append("there is no peak, the dense FLOP/s in 16 bits such as 165T")
        peaks = {}
    rates = {name: _number("peak", rate, f"peak in {name}", wrong) for name, rate in peaks.items()}
    wrong += [
        f"a peak in {name!r} is not known, but in {', '.join(PRECISIONS)}"
        for name in peaks
        if name not in PRECISIONS
    ]
    numbers = {key: _number(key, values[key], key, wrong) for key in _UNITS if key in values}
    texts = {key: values[key] for key in _TEXTS if key in values}
    wrong += [
        f"{key} must be text, not {short(text)}"
        for key, text in texts.items()
        if not isinstance(text, str)
    ]
    if wrong:
        raise UsageError(f"{place}: {'; '.join(wrong)}.")
    return Hardware(
        **{**_OWN, **texts},
        peaks=rates,
        memory=numbers.get("memory"),
        bandwidth=numbers.get("bandwidth"),
        power=numbers.get("power"),
        usd_per_hour=numbers.get("usd_per_hour"),
    )


def _number(key: str, value: Any, name: str, wrong: list[str]) -> float:
    """An entry in its unit; what is wrong with it is added to the list."""
    unit = _UNITS[key]
    try:
        number = read("", amount_in(value, unit), POSITIVE)
    except UsageError as error:
        wrong.append(f"{name}: {str(error).removesuffix('.')}")
        return 0.0
    if number < _LEAST.get(key, 0.0):
        example = {"peak": "165T", "memory": "24GB", "bandwidth": "1TB/s"}[key]
        wrong.append(f"{name} of {value!r} is in {unit}, too little: write it as in {example}")
    return number
