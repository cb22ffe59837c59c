"""Units: the annotations of the formulas, and amounts as people write and read them.

- `parse_amount` reads ``"989 TFLOP/s"``, ``"$2/h"``, ``"30 days"`` or ``"70B tokens"`` from a
  closed table (`unit_named`); `format_amount` writes an amount the same way. Both are for the
  terminal and for files: formulas take numbers.
- The names with a capital (`Flop`, `Hours`, `UsdPerHour` ...) annotate the formulas of
  `scalejax.costs`; see `scalejax.costs.dimensions.checked`.
"""

import math
import re
from typing import Annotated, Any

from scalejax.amounts import GRAMMAR, hint, read
from scalejax.costs.dimensions import BASES, NUMBER, Amount, Dimension, Unit
from scalejax.errors import UsageError
from scalejax.quantities import short_number
from scalejax.vocabulary import argument

_BASE = {name: Unit(Dimension.base(name)) for name in BASES}
_FLOP, _S, _BYTE, _USD, _J = (_BASE[name] for name in ("FLOP", "s", "byte", "USD", "J"))
_PARAMETER, _TOKEN, _CO2 = (_BASE[name] for name in ("parameter", "token", "gCO2"))
_ONE, _HOUR, _DAY = Unit(NUMBER), Unit(_S.dimension, 3600.0), Unit(_S.dimension, 86400.0)
_KWH = Unit(_J.dimension, 3.6e6)

Number = Annotated[Any, _ONE]
Parameters = Annotated[Any, _PARAMETER]
Tokens = Annotated[Any, _TOKEN]
Flop = Annotated[Any, _FLOP]
FlopPerSecond = Annotated[Any, _FLOP / _S]
FlopPerToken = Annotated[Any, _FLOP / _TOKEN]
Seconds = Annotated[Any, _S]
Hours = Annotated[Any, _HOUR]
Days = Annotated[Any, _DAY]
PerSecond = Annotated[Any, _ONE / _S]
Bytes = Annotated[Any, _BYTE]
BytesPerSecond = Annotated[Any, _BYTE / _S]
BytesPerToken = Annotated[Any, _BYTE / _TOKEN]
TokensPerSecond = Annotated[Any, _TOKEN / _S]
Usd = Annotated[Any, _USD]
UsdPerHour = Annotated[Any, _USD / _HOUR]
UsdPerFlop = Annotated[Any, _USD / _FLOP]
UsdPerKilowattHour = Annotated[Any, _USD / _KWH]
Watts = Annotated[Any, _J / _S]
Joules = Annotated[Any, _J]
GramsCo2 = Annotated[Any, _CO2]
GramsCo2PerKilowattHour = Annotated[Any, _CO2 / _KWH]

_SI = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Z": 1e21, "Y": 1e24}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_SUFFIXES = {"k": "e3", "K": "e3", "M": "e6", "B": "e9", "T": "e12", "P": "e15"}

# With one of the prefixes (kW, TFLOP, GiB) or without.
_PREFIXED = {
    "FLOP": _FLOP,
    "W": _J / _S,
    "Wh": Unit(_J.dimension, 3600.0),
    "J": _J,
    "gCO2": _CO2,
    "g": _CO2,
    "byte": _BYTE,
}
_SINGLE = {
    **dict.fromkeys(("s", "second", "seconds"), _S),
    **dict.fromkeys(("min", "minute", "minutes"), Unit(_S.dimension, 60.0)),
    **dict.fromkeys(("h", "hour", "hours", "GPU-hour", "GPU-hours", "GPU-h"), _HOUR),
    **dict.fromkeys(("day", "days", "d"), _DAY),
    **dict.fromkeys(("week", "weeks"), Unit(_S.dimension, 7 * 86400.0)),
    **dict.fromkeys(("month", "months"), Unit(_S.dimension, 365.25 / 12 * 86400.0)),
    **dict.fromkeys(("year", "years", "yr"), Unit(_S.dimension, 365.25 * 86400.0)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), Unit(_S.dimension, 1e-3)),
    **dict.fromkeys(("USD", "dollar", "dollars", "$"), _USD),
    **dict.fromkeys(("token", "tokens"), _TOKEN),
    **dict.fromkeys(("parameter", "parameters", "params"), _PARAMETER),
    **dict.fromkeys(("request", "requests", "GPU", "GPUs", "1"), _ONE),
    "bytes": _BYTE,
    "t": Unit(_CO2.dimension, 1e6),
    "tCO2": Unit(_CO2.dimension, 1e6),
}
_TABLE = {
    **{p + name: Unit(u.dimension, u.factor * f) for name, u in _PREFIXED.items()
       for p, f in {"": 1.0, **_SI}.items()},
    **{p + "B": Unit(_BYTE.dimension, f) for p, f in (_SI | _BINARY).items()},
    **_SINGLE,
}  # fmt: skip

# "5m" may be minutes, "5g" grams, "5B" bytes: where they are wanted, case and unit count.
_AMBIGUOUS = (_BYTE.dimension, _S.dimension, _CO2.dimension)
_AMOUNT = re.compile(
    r"(?P<dollar>\$)?\s*"
    r"(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(?![0-9,_])(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:(?P<exponent>[eE][+-]?[0-9]+)|\s?(?P<suffix>[kKMBTP])(?![A-Za-z]))?"
    r"\s*(?P<unit>\S.*)?"
)


def unit_named(text: str) -> Unit:
    """The unit with a name such as ``"GB"``, ``"TFLOP/s"`` or ``"g/kWh"``.

    Raises:
        UsageError: The name is not in the table. ``"FLOPS"`` and ``"FLOPs"`` are refused, because
            people write both for an amount and for a rate.
    """
    unit = _ONE
    for position, name in enumerate(text.strip().split("/")):
        name = name.strip()
        if re.fullmatch(r"[kMGTPEZY]?(FLOPS|FLOPs|flops|Flops|flop)", name):
            raise UsageError(
                f"{name!r} may mean an amount or a rate: write FLOP for an amount and FLOP/s for "
                "a rate (TFLOP/s, EFLOP ...)"
            )
        if name not in _TABLE:
            raise UsageError(
                f"unknown unit {name!r} in {text!r}: use FLOP, FLOP/s, bytes, GB, GiB, s, h, days, "
                "USD, $, W, kWh, g, tokens or parameters, with k, M, G, T, P, E before FLOP, W, J "
                "and B, and a slash for 'per'"
            )
        unit = unit * _TABLE[name] if position == 0 else unit / _TABLE[name]
    return unit


def parse_amount(text: str, wanted: str | None = None) -> Amount:
    """Read an amount.

    Args:
        text: A number (``5e6``, ``1,000``, ``70B``, ``$2``) and a unit of `unit_named`.
        wanted: A unit such as ``"s"`` or ``"USD"``: a number without a unit is read in it, and
            anything of another dimension is refused.

    Raises:
        UsageError: The text is no amount, or of another dimension than `wanted`.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        words = hint(text) or ": write a number and a unit, such as '30 days'"
        raise UsageError(f"{text!r} is no amount{words}")
    expected = unit_named(wanted) if wanted is not None else None
    plain = expected is not None and expected.dimension not in _AMBIGUOUS
    if expected is not None and plain and GRAMMAR.fullmatch(text.strip()):
        return Amount(read("", text) * expected.factor, expected.dimension)
    exponent = match["exponent"] or _SUFFIXES.get(match["suffix"] or "", "")
    value = float(re.sub("[_,]", "", match["number"]) + exponent)
    if not math.isfinite(value):
        raise UsageError(f"{text!r} is too large")
    rest = match["unit"] or ""
    if match["dollar"]:
        rest = "$" + rest
    if not rest and expected is not None:
        if match["suffix"] == "B" and expected.dimension == _BYTE.dimension:
            raise UsageError(f"{text!r} may mean bytes or billions: write 'GB' or 'bytes'")
        return Amount(value * expected.factor, expected.dimension)
    unit = unit_named(rest) if rest else _ONE
    if expected is not None and unit.dimension != expected.dimension:
        raise UsageError(f"{text!r} is in {unit.dimension}, but {expected.dimension} is wanted")
    return Amount(value * unit.factor, unit.dimension)


def value_in(amount: Amount, unit: str) -> Any:
    """The value of an amount in a unit such as ``"TFLOP/s"``, as a plain number.

    Raises:
        UsageError: The amount has another dimension.
    """
    target = unit_named(unit)
    if target.dimension != amount.dimension:
        raise UsageError(f"an amount in {amount.dimension} cannot be told in {unit}")
    return amount.value / target.factor


def amount_in(value: float | str, unit: str, name: str = "") -> float:
    """A number in `unit`, given as such or as text: ``"1e23"``, ``"70B"``, ``"5M USD"``.

    Args:
        value: The number or text.
        unit: The unit.
        name: The keyword in Python, for messages; empty where who calls names it.

    Raises:
        UsageError: It is no finite amount, or of another dimension.
    """
    if not isinstance(value, str):
        return read(name, value)
    try:
        return float(value_in(parse_amount(value, unit), unit))
    except UsageError as error:
        raise UsageError(f"{argument(name)}: {error}" if name else str(error)) from None


def format_amount(amount: Amount) -> str:
    """A few digits and the unit that people use: ``"$5M"``, ``"30 days"``, ``"80 GB"``."""
    value, dimension = float(amount.value), amount.dimension
    if dimension == _USD.dimension:
        return f"{'-' if value < 0 else ''}${short_number(abs(value))}"
    if dimension == (_USD / _S).dimension:
        return f"${short_number(value * 3600)}/h"
    if dimension == _S.dimension:
        return _format_time(value)
    if dimension in ((_FLOP / _S).dimension, _BYTE.dimension, (_BYTE / _S).dimension):
        return _with_prefix(value, str(dimension).replace("byte", "B"))
    if dimension == (_J / _S).dimension:
        return _with_prefix(value, "W")
    if dimension == _J.dimension:
        return _with_prefix(value / 3600, "Wh")
    if dimension == _CO2.dimension:
        return f"{value / 1e6:.3g} tCO2" if value >= 1e6 else f"{value / 1e3:.3g} kgCO2"
    if dimension == NUMBER:
        return short_number(value)
    return f"{short_number(value)} {dimension}"


def _format_time(seconds: float) -> str:
    # Two of a unit at least, so that a day and a half is 36 h.
    steps = (("days", 86400.0, 2.0), ("h", 3600.0, 2.0), ("min", 60.0, 2.0), ("s", 1.0, 1.0))
    for name, factor, least in steps:
        if abs(seconds) >= least * factor:
            return f"{seconds / factor:,.4g} {name}"
    return f"{seconds * 1e3:.3g} ms"


def _with_prefix(value: float, unit: str) -> str:
    for prefix, factor in reversed(_SI.items()):
        # From here on three digits round to 1 of the larger unit.
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {'bytes' if unit == 'B' else unit}"
