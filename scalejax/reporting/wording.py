"""How a report writes numbers: as people read them, or so that they can be typed again."""

import math
from collections.abc import Iterable

import numpy as np

from scalejax.quantities import short_number

NONE = "\N{EN DASH}"
"""What stands for a number that does not exist."""

_MINUS = "\N{MINUS SIGN}"


def number(value: float, digits: int = 4) -> str:
    """A number to read: four digits, from ten thousand on three with k, M, B or T."""
    if not math.isfinite(value):
        return NONE
    if abs(value) >= 1e4 or 0 < abs(value) < 1e-3:
        return plain(short_number(value))
    return f"{value:.0f}" if value == round(value) else exact(value, digits)


def exact(value: float, digits: int) -> str:
    """A number of so many digits, trailing zeros kept; a whole number if that is longer."""
    if not math.isfinite(value):
        return NONE
    text = f"{value:#.{digits}g}".removesuffix(".")
    if "e+" in text and abs(value) < 1e6:
        text = f"{float(text):.0f}"
    return plain(text)


def plain(text: str) -> str:
    """``1.3e+24`` as people write it, with a true minus sign."""
    return text.replace("e+", "e").replace("-", _MINUS)


def interval(low: float, high: float, digits: int = 4) -> str:
    """Both ends in brackets."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NONE
    return f"[{number(low, digits)}, {number(high, digits)}]"


def between(low: float, high: float, digits: int = 4) -> str:
    """Both ends in a sentence."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "unknown"
    return f"{number(low, digits)} to {number(high, digits)}"


def counted(count: int, noun: str) -> str:
    """A number of things: ``1 row``, ``2 rows``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign."""
    return f"{value:+.{digits}f}".replace("-", _MINUS) if math.isfinite(value) else NONE


def percent(share: float) -> str:
    """A share of one, in per cent."""
    return f"{100 * share:.3g} %"


def signed_percent(value: float) -> str:
    """A change in per cent, with its sign."""
    return f"{signed(value)} %" if math.isfinite(value) else NONE


def decades(value: float) -> str:
    """Decades beyond the data."""
    if not math.isfinite(value):
        return NONE
    return f"{value:.1f}" if value > 0 else "inside"


def listed_rows(rows: Iterable[int], most: int = 10) -> str:
    """Row numbers, the first of many."""
    numbers = [str(row) for row in rows]
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(numbers[:most]) + more


def span(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> str:
    """Smallest and largest, and the decades between them."""
    low, high = float(np.min(values)), float(np.max(values))
    wide = f" ({math.log10(high / low):.1f} decades)" if 0 < low < high else ""
    return f"{number(low)} to {number(high)}{wide}"


def words_of(conclusion: str) -> str:
    """The name of a conclusion as a planner says it."""
    for symbol, words in (
        ("N* at ", "best parameters N*"),
        ("D*/N* at ", "best tokens per parameter D*/N*"),
        ("L* at ", "loss of that model L*"),
    ):
        if conclusion.startswith(symbol):
            return f"{words} for {plain(conclusion.removeprefix(symbol))}"
    return plain(conclusion)
