"""What each column was taken for: a short table for people, and a file that keeps it.

`MappedColumn` is one line of it, "N = Model Size (M), millions". `save_mapping` writes the columns
and units that were understood to a TOML or JSON file, `read_mapping` gives them back as keywords of
`scalejax.data.load_table`, and `with_mapping` puts those below what the caller gives himself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalejax.amounts import short
from scalejax.data.option_types import check_types
from scalejax.data.request import ROLES
from scalejax.documents import DocumentError, read_document
from scalejax.errors import UsageError
from scalejax.files import write_bytes
from scalejax.quantities import QUANTITIES
from scalejax.vocabulary import argument
from scalejax.wording import printable

_TABLES = ("columns", "units")
_MADE_FROM = ("size_from", "tokens_per_step")
"""Keywords that say what missing columns are made from."""
_KEYS = (*_TABLES, "loss_unit", "target", *_MADE_FROM)


@dataclass(frozen=True)
class MappedColumn:
    """What a column was taken for.

    Attributes:
        quantity: Symbol, ``"loss"``, or the role (``"weights"``, ``"cluster"``, ...).
        column: The user's name.
        unit: Unit of the column, in words; empty for names.
        how: What else was considered, or why this one; empty where nothing needs saying.
        factor: What turns the column into raw units.
        made: Whether the source has no such column, and it was made of others.
    """

    quantity: str
    column: str
    unit: str = ""
    how: str = ""
    factor: float = 1.0
    made: bool = False

    def __str__(self) -> str:
        how = "made of other columns" if self.made else self.how
        more = f" ({how})" if how else ""
        unit = f", {self.unit}" if self.unit else ""
        return printable(f"{self.quantity} = {self.column}{unit}{more}")


def save_mapping(
    path: str | Path,
    mapping: Sequence[MappedColumn],
    *,
    loss_unit: str | None = None,
    target: str = "loss",
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Write what was understood, for ``mapping=`` of the verbs that read tables.

    Args:
        path: A file that ends in ``.toml`` or ``.json``; one that exists is replaced.
        mapping: Lines of `scalejax.data.Inspection.mapping`. What was made of other columns is left
            out: it is made again.
        loss_unit: Unit of the loss, if it is known.
        target: What was read as the response; kept where it is the user's own word for it.
        options: Keywords that the table was read with; what says how columns are made is kept.

    Returns:
        The path.

    Raises:
        UsageError: The file is of another type.
        DiskError: It cannot be written.
    """
    values: dict[str, Any] = {} if loss_unit is None else {"loss_unit": loss_unit}
    if target not in QUANTITIES:
        values["target"] = target
    given = options or {}
    values |= {name: str(given[name]) for name in _MADE_FROM if given.get(name) is not None}
    kept = [one for one in mapping if one.quantity not in ROLES and not one.made]
    values["columns"] = {one.quantity: one.column for one in kept}
    values["units"] = {one.quantity: one.factor for one in kept if one.factor != 1}
    place = Path(path)
    text = json.dumps(values, indent=2, ensure_ascii=False)
    content = text if _type_of(place) == ".json" else _toml(values)
    write_bytes(f"{content}\n".encode(), place)
    return place


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The keywords of `scalejax.data.load_table` that a file of `save_mapping` holds.

    Raises:
        UsageError: It is no such file, or holds other keys or values.
    """
    place = Path(path)
    _ = _type_of(place)
    try:
        values = read_document(place)
    except (OSError, DocumentError) as error:
        raise UsageError(f"{argument('mapping')} {str(path)!r} cannot be read: {error}") from error
    return checked(values, str(path))


def checked(values: Any, name: str) -> dict[str, Any]:
    """The same values, each of its type.

    Raises:
        UsageError: A key is unknown or a value of another type.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"{name}: a mapping holds {', '.join(_KEYS)}")
    if unknown := [key for key in values if key not in _KEYS]:
        raise UsageError(f"{name}: a mapping holds {', '.join(_KEYS)}, not {unknown}")
    for key, value in values.items():
        numbers = (str, int, float) if key == "units" else str
        good = isinstance(value, str)
        if key in _TABLES:
            good = isinstance(value, Mapping) and all(
                isinstance(k, str) and isinstance(v, numbers) and not isinstance(v, bool)
                for k, v in value.items()
            )
        if not good:
            raise UsageError(f"{name}: {key} holds {value!r}, which is no name or unit")
    return {key: dict(v) if isinstance(v, Mapping) else v for key, v in values.items()}


def with_mapping(
    options: Mapping[str, Any], mapping: Mapping[str, Any] | str | Path | None
) -> dict[str, Any]:
    """Options of a table with a mapping below them: what is given beside it wins.

    Args:
        options: Keywords of `scalejax.data.load_table`.
        mapping: A file of `save_mapping`, its values, or None.

    Raises:
        UsageError: The mapping cannot be read.
    """
    check_types(options)
    if mapping is None:
        return dict(options)
    if not isinstance(mapping, Mapping | str | Path):
        raise UsageError(f"{argument('mapping')} is a file or its values, not {short(mapping)}.")
    below = (
        checked(mapping, argument("mapping"))
        if isinstance(mapping, Mapping)
        else read_mapping(mapping)
    )
    given = {name: value for name, value in options.items() if value is not None}
    for name in _TABLES:
        if merged := {**below.get(name, {}), **(given.get(name) or {})}:
            given[name] = merged
    return {**below, **given}


def _type_of(path: Path) -> str:
    if (kind := path.suffix.lower()) not in (".toml", ".json"):
        raise UsageError(f"a mapping is a .toml or .json file, not {str(path)!r}")
    return kind


def _toml(values: Mapping[str, Any]) -> str:
    plain = [f"{key} = {_quoted(v)}" for key, v in values.items() if not isinstance(v, Mapping)]
    lines = ["# Which column is what, for --mapping and mapping=.", *plain]
    for name, table in values.items():
        if isinstance(table, Mapping) and table:
            lines += ["", f"[{name}]", *(f"{_quoted(k)} = {_value(v)}" for k, v in table.items())]
    return "\n".join(lines)


def _value(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else repr(float(value))


def _quoted(text: str) -> str:
    # A TOML string is a JSON string, but for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
