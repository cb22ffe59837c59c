"""Numbers that a person writes: at the terminal, in Python and in TOML, all read and checked here.

`read` gives one number of a `Kind` (`POSITIVE`, `SHARE`, `LEVEL` ...), `whole` a count or a seed,
`pair` two, `bounds` a range and `mapping` numbers by name; arrays of them are in `points`. What is
refused is refused in one sentence, with the argument as it is written where the message is read.
NumPy is not loaded here: the help of a verb does not wait for it.

Text has the grammar of the tables, `parse_number`: "70M", "1.4T", "100,000,000", "1_000", "1e9 ".
It is read exactly or refused: nothing is guessed, because a number that is wrong by a factor of a
thousand still fits. The suffixes are k, M, B (or G), T and P for 1e3, 1e6, 1e9, 1e12 and 1e15.
Upper and lower case mean the same ("70m" is how model names write seventy million; a milli-token
does not exist). There is no "E": "1E" is far more often a cut-off exponent than 1e18. Shares and
levels may also be written as "95 %".
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from reprlib import Repr
from typing import Any

from scalejax.errors import UsageError
from scalejax.quantities import QUANTITIES
from scalejax.vocabulary import argument, did_you_mean

SUFFIX_EXPONENTS = {"k": 3, "m": 6, "b": 9, "g": 9, "t": 12, "p": 15}
MISSING_MARKERS = frozenset({"", "nan", "na", "n/a", "<na>", "null", "none"})
_INFINITIES = frozenset(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity"))

# A superfluous leading zero is refused: an unquoted 100,000 leaves "000" in the next column.
GRAMMAR = re.compile(
    r"(?P<mantissa>[+-]?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|0|[1-9][0-9]*(?:_[0-9]+)*)(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<exponent>[eE][+-]?[0-9]+)|[ ]?(?P<suffix>[kKmMbBgGtTpP]))?"
)
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]*.*")
_LONGEST_TEXT = 400
"""More characters than any number needs, and few enough to be parsed at once."""
MOST = 2**63 - 1
"""The largest count and seed: JAX takes no more."""


def parse_number(text: str) -> float:
    """Reads one number, correctly rounded to float64.

    Args:
        text: For example ``"1.4T"``, ``"100,000,000"``, ``"1_000"``, ``" 6.9 B"`` or ``"1e9"``.

    Returns:
        The value. A marker for "not given" (empty, ``NaN``, ``NA``, ``null``, ``None``) is NaN,
        and ``inf`` is infinite: whether those are allowed is for who reads it.

    Raises:
        ValueError: The text is not a number of the closed grammar, or float64 cannot hold it.
    """
    text = text.strip()
    match = GRAMMAR.fullmatch(text)
    if match is None:
        return _special_value(text)
    mantissa = match["mantissa"].replace(",", "").replace("_", "")
    suffix = match["suffix"]
    exponent = f"e{SUFFIX_EXPONENTS[suffix.lower()]}" if suffix else match["exponent"] or ""
    # The suffix becomes an exponent of the text, so that there is one rounding and no product.
    value = float(mantissa + exponent)
    if math.isinf(value) or (value == 0 and mantissa.strip("+-0.")):
        raise ValueError(f"{text!r} is out of the range of float64")
    return value


def _special_value(text: str) -> float:
    folded = text.casefold()
    if folded in MISSING_MARKERS:
        return math.nan
    if folded in _INFINITIES:
        return float(folded)
    raise ValueError(f"{text!r} is not a number")


@dataclass(frozen=True)
class Kind:
    """What a number must be.

    Attributes:
        words: What it must be, with an example, after "must be".
        fits: Whether a finite number is one.
        percent: Whether it may be written with a percent sign.
        endless: Whether it may be infinite, as bits that are not rounded.
    """

    words: str
    fits: Callable[[float], bool]
    percent: bool = False
    endless: bool = False


FINITE = Kind("a finite number", lambda x: True)
POSITIVE = Kind("a positive number, such as 70B or 1e24", lambda x: x > 0)
NOT_NEGATIVE = Kind("a number that is not negative", lambda x: x >= 0)
PART = Kind("a share from 0 to 1, such as 0.4 or 40%", lambda x: 0 <= x <= 1, percent=True)
SHARE = Kind("a share above 0, up to 1, such as 0.4 or 40%", lambda x: 0 < x <= 1, percent=True)
LEVEL = Kind("a probability between 0 and 1, such as 0.95 or 95%", lambda x: 0 < x < 1, True)
DISCREPANCY = Kind("a share per decade, such as 0.005 or 0.5%", lambda x: x >= 0, percent=True)
WIDTH = Kind("a positive share, such as 0.2 or 20%", lambda x: x > 0, percent=True)


def kind_of(symbol: str) -> Kind:
    """What a value of an input must be: positive, unless the vocabulary says otherwise of it."""
    quantity = QUANTITIES.get(symbol)
    # A law of one's own may use a name that is not checked for something else.
    positive = quantity is not None and quantity.checked and quantity.positive
    kind = POSITIVE if positive else FINITE
    return kind if symbol in ("N", "D", "C") else replace(kind, endless=True)


def fits(value: Any, kind: Kind = FINITE) -> bool:
    """Whether a value is a number of a kind."""
    try:
        number = _number(value, kind.percent)
        finite = math.isfinite(number) or (kind.endless and math.isinf(number))
        return finite and kind.fits(number)
    except (TypeError, ValueError, OverflowError):
        return False


def read(name: str, value: Any, kind: Kind = FINITE, key: str = "") -> float:
    """One number of a person.

    Args:
        name: The keyword in Python; empty where who calls names it.
        value: A number, or text such as "70B".
        kind: What it must be.
        key: Its name inside the argument, as N in ``at={"N": 7e10}``.

    Raises:
        UsageError: It is not of that kind; true and false, NaN and infinity are of none.
    """
    if not fits(value, kind):
        raise _refusal(name, key, kind.words, value)
    return _number(value, kind.percent)


def whole(name: str, value: Any, least: int = 0, most: int = MOST) -> int:
    """A count or a seed, of `least` to `most`; text may have a suffix: "1k".

    Raises:
        UsageError: It is not a whole number of that range.
    """
    words = f"a whole number of {least} to {'2**63 - 1' if most == MOST else f'{most:,}'}"
    try:
        # Whole numbers stay exact where float64 would round them.
        is_int = isinstance(value, Integral) and not is_other(value)
        if not is_int and isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value.strip()):
            value, is_int = int(value), True
        amount = value if is_int else _number(value, False)
        good = least <= amount <= most and amount == int(amount)
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise _refusal(name, "", words, value)
    return int(amount)


def pair(name: str, value: Any, kind: Kind = FINITE, key: str = "") -> tuple[float, float]:
    """Two numbers of a kind.

    Raises:
        UsageError: They are not two, or not of the kind.
    """
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise _refusal(name, key, f"two numbers, each {kind.words}", value)
    return read(name, value[0], kind, key), read(name, value[1], kind, key)


def bounds(name: str, value: Any, key: str = "", rising: bool = True) -> tuple[float, float]:
    """A range whose ends rise; an end may be infinite, where it is no bound.

    Args:
        name: As for `read`.
        value: Two numbers.
        key: As for `read`.
        rising: Whether finite ends that do not rise are refused here, and not by who knows more.

    Raises:
        UsageError: It is none.
    """
    words = "two numbers, the first below the second"
    try:
        low, high = (_number(end, False) for end in value)
        good = low < high or (not rising and math.isfinite(low) and math.isfinite(high))
        good = good and not isinstance(value, str)
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise _refusal(name, key, words, value)
    return low, high


def check_names(name: str, values: Mapping[Any, Any], known: Collection[str]) -> None:
    """Refuse a name that is none of those known, with the nearest.

    Raises:
        UsageError: There is one.
    """
    for key in values:
        if key not in known:
            near = did_you_mean(str(key), known) or f"; known are {', '.join(sorted(known))}."
            raise UsageError(f"{argument(name)}: {short(key)} is not known{near}")


def mapping(
    name: str,
    values: Any,
    kind: Kind = FINITE,
    names: Collection[str] | None = None,
    read_one: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """Numbers by name; `names` are those that there are, `read_one` reads another thing than one.

    Raises:
        UsageError: It is no mapping, a name is not known, or a number is not of the kind.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"{argument(name)} must be numbers by name, not {short(values)}.")
    if names is not None:
        check_names(name, values, names)
    if read_one is not None:
        return {str(key): read_one(name, value, key=str(key)) for key, value in values.items()}
    return {str(key): read(name, value, kind, str(key)) for key, value in values.items()}


def hint(text: Any) -> str:
    """What helps where text with a comma was refused; nothing for all else."""
    if not (isinstance(text, str) and _COMMA.fullmatch(text.strip())):
        return ""
    return ". A comma stands only between groups of three digits (1,000,000): write a decimal point"


def _number(value: Any, percent: bool) -> float:
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise ValueError
        if percent and value.rstrip().endswith("%"):
            return float(Fraction(repr(parse_number(value.rstrip()[:-1]))) / 100)
        return parse_number(value)
    if is_other(value):
        raise ValueError
    if isinstance(value, Real | Decimal):
        return float(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return _number(value.item(), percent)  # A scalar of NumPy or JAX.
    raise ValueError


def is_other(value: Any) -> bool:
    """Whether a value would pass for a number and is another thing: true, false, or a time."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, bool) or kind in ("b", "m", "M")


def _refusal(name: str, key: str, words: str, value: Any) -> UsageError:
    what = argument(name) if name else "it"
    what = f"{what}: {key}" if key else what
    return UsageError(f"{what} must be {words}, not {short(value)}{hint(value)}.")


class _Short(Repr):
    def repr_int(self, x: int, level: int) -> str:
        # Python itself refuses to write thousands of digits.
        return repr(x) if abs(x) < 2**63 else "a number beyond 2**63"


def short(value: Any) -> str:
    """A value as Python writes it, cut off where it is long."""
    return _Short().repr(value)
