"""JSON in tables: texts as plain values, each fault with its code, and records made flat."""

from typing import Any

from scalejax.documents import MOST_LEVELS, DocumentError, json_value
from scalejax.errors import InputError, InputProblem

_CODES = {"syntax": "E121", "characters": "E123", "repetition": "E125"}


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
        return json_value(text)
    except DocumentError as error:
        raise JsonProblem(_CODES[error.reason], str(error), error.name) from None


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
        if level > MOST_LEVELS:
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
