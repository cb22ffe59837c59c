"""The type and range of every field of a saved record, before anything uses it.

- `check_shape`: all that a value of JSON has other than it must.
- `is_real`, `is_count`, `is_level`, `is_text`, `is_texts`, `or_null`: what accepts a value.
"""

from collections.abc import Callable, Iterator
from typing import Any


def check_shape(value: Any, shape: Any, place: str = "") -> Iterator[str]:
    """All that a value of JSON has other than it must, a sentence each.

    Args:
        value: The value.
        shape: What accepts it, or the shapes of its fields by name; ``...`` is that of all others.
        place: Where it lies, for the sentences.
    """
    if not isinstance(shape, dict):
        if not shape(value):
            yield f"{place} is not as it must be"
        return
    if not isinstance(value, dict):
        yield f"{place or 'the document'} is not a group of fields"
        return
    for key in [*shape, *(key for key in value if key not in shape)]:
        where = f"{place} / {key}" if place else str(key)
        if key is ...:
            continue
        if key not in value:
            yield f"{where} is missing"
        elif key not in shape and ... not in shape:
            yield f"{where} is unknown"
        else:
            yield from check_shape(value[key], shape.get(key, shape.get(...)), where)


def is_real(value: Any) -> bool:
    """Whether a value of a record is a number, which need not be finite."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    """Whether a value of a record is a whole number of at least 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_level(value: Any) -> bool:
    """Whether a value of a record is a probability of intervals."""
    return is_real(value) and 0 < value < 1


def is_text(value: Any) -> bool:
    """Whether a value of a record is text."""
    return isinstance(value, str)


def is_texts(value: Any) -> bool:
    """Whether a value of a record is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def or_null(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Accepts what another accepts, and null."""
    return lambda value: value is None or accepts(value)
