"""What each option of a table must be, whatever the place that it comes from.

`check_types` is asked before anything is read: a file of a study may hold any value, and so may a
notebook.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scalejax.amounts import short, whole
from scalejax.errors import UsageError
from scalejax.vocabulary import argument


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, Sequence) and all(map(_is_text, value)))


def _are_rows(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "iu"
    whole_numbers = isinstance(value, Sequence) and all(
        isinstance(row, int | np.integer) and not isinstance(row, bool) for row in value
    )
    return _is_text(value) or whole_numbers


def _by_name(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and fits(item) for name, item in value.items()
    )


def _is_unit(value: Any) -> bool:
    return isinstance(value, str | int | float | np.number) and not isinstance(value, bool)


_TEXT = ("text", _is_text)
_TEXTS = ("text, or a list of texts", _are_texts)
_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("target", "weights", "sigma", "by", "strata", "loss_unit", "on_bad"), _TEXT),
    **dict.fromkeys(("reduce", "average", "best_of", "size_from"), _TEXT),
    **dict.fromkeys(("inputs", "run", "constant", "positive"), _TEXTS),
    "columns": ("names of columns by quantity", lambda value: _by_name(value, _is_text)),
    "derive": ("a rule by quantity", lambda value: _by_name(value, _is_text)),
    "units": ("units by quantity", lambda value: _by_name(value, _is_unit)),
    "exclude": ("a column, top5(loss), or row numbers", _are_rows),
    "signed": ("true or false", lambda value: isinstance(value, bool | np.bool_)),
}
_COUNTS = {"max_bytes": 1, "n_parameters": 0}
_NEEDED = ("inputs", "target", "constant", "n_parameters", "on_bad", "signed", "reduce")


def check_types(options: Mapping[str, Any]) -> None:
    """Refuse an option of a table that is not of its type; most may be None, as if not given.

    Args:
        options: Keywords of `scalejax.data.load_table`, those that there are.

    Raises:
        UsageError: One is not, by its name.
    """
    for name, value in options.items():
        if value is None and name not in _NEEDED:
            continue
        if name in _COUNTS:
            whole(name, value, _COUNTS[name])
        elif name in _TYPES:
            words, is_one = _TYPES[name]
            if not is_one(value):
                raise UsageError(f"{argument(name)} must be {words}, not {short(value)}.")
