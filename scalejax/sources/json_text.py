"""The one reader of JSON: text to plain values, whatever the text does.

Depth, digits, repeated names and characters that no file can hold are problems with a code and
never an error of the interpreter.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from scalejax.errors import InputError, InputProblem

# More digits than float64 has decades: such a number stays text, so that it is refused where it is
# read and harmless where it is not.
_MOST_DIGITS = 400
# Records in records; configurations have five or so. By judgement.
_MOST_LEVELS = 100


class JsonProblem(ValueError):
    """Why a text is no JSON that can be used, with the code of the problem."""

    def __init__(self, code: str, message: str, column: str | None = None) -> None:
        self.code, self.message, self.column = code, message, column
        super().__init__(message)

    def at(self, row: int | None, name: str) -> InputError:
        """The refusal of a source."""
        rows = () if row is None else (row,)
        return InputError([InputProblem(self.code, self.message, self.column, rows)], name)


def read_json(text: str) -> Any:
    """The value of a JSON text.

    Whole numbers keep all their digits; numbers beyond float64 stay text.

    Raises:
        JsonProblem: E121 no JSON or too deep, E123 characters that no text holds, E125 a name that
            occurs twice in an object.
    """
    try:
        value = json.loads(text, object_pairs_hook=_record, parse_int=_whole, parse_float=_decimal)
    except JsonProblem:
        raise
    except RecursionError:
        raise JsonProblem("E121", "records inside records without end; write plain ones") from None
    except ValueError as error:
        raise JsonProblem("E121", f"no JSON ({error}); write it again with a library") from None
    if "\\u" in text:
        _check_characters(value)
    return value


def _record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        (column, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        message = "the name occurs twice in an object; rename or remove one of them"
        raise JsonProblem("E125", message, column)
    return record


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _decimal(digits: str) -> float | str:
    value = float(digits)
    return digits if math.isinf(value) else value


def _check_characters(value: Any) -> None:
    """Lone halves of a surrogate pair cannot be written, and NUL ends a text in other programs."""
    for text in _texts(value):
        try:
            text.encode()
        except UnicodeEncodeError:
            odd = "half of a surrogate pair"
        else:
            if "\0" not in text:
                continue
            odd = "a NUL character"
        raise JsonProblem("E123", f"{text[:40]!a} holds {odd}, which no text can; remove it")


def _texts(value: Any) -> Iterator[str]:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            rest += [*item, *item.values()]
        elif isinstance(item, list):
            rest += item


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record without records inside: ``{"a": {"b": 1}}`` becomes ``{"a.b": 1}``.

    Raises:
        JsonProblem: E121 records inside records without end, E125 two ways to one name.
    """
    if not any(isinstance(value, dict) and value for value in record.values()):
        return record
    cells: dict[str, Any] = {}
    rest = [("", record, 0)]
    while rest:
        before, inner, level = rest.pop()
        if level > _MOST_LEVELS:
            raise JsonProblem("E121", "records inside records without end; write plain ones")
        for key, value in inner.items():
            name = f"{before}{key}"
            if isinstance(value, dict) and value:
                rest.append((f"{name}.", value, level + 1))
            elif name in cells:
                raise JsonProblem("E125", "two nested names that are one; rename one", name)
            else:
                cells[name] = value
    return cells
