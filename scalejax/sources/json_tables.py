"""Tables in JSON: lines, arrays of records, objects of columns, and what trackers write."""

from collections.abc import Mapping
from typing import Any

from scalejax.errors import InputError, InputProblem
from scalejax.sources.harness import is_harness, of_harness
from scalejax.sources.json_text import JsonProblem, read_json
from scalejax.sources.raw_table import Cells
from scalejax.sources.records import frame_of_records
from scalejax.sources.refusals import refusal
from scalejax.sources.text import decode
from scalejax.sources.trainer import is_trainer_state, of_trainer_state

_NO_OBJECT = 'no JSON object; every line must be one, such as {"N": 7e7, "loss": 3.1}'
_REMEDY = 'Write an array of records, such as [{"N": 7e7, "loss": 3.1}, ...]'


def parse_json(content: bytes, name: str, part: str | None = None) -> Cells:
    """JSON lines or one document, whichever it is.

    Args:
        content: The bytes of the text.
        name: What to call the source in messages.
        part: For a Trainer state, the records that are wanted, see `of_trainer_state`.

    Raises:
        InputError: E121 what is no record, E123, E125 and E127 as for CSV, E161 a table that would
            be nearly empty.
    """
    text = decode(content, name)
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise refusal(name, "E127", "the file is empty; write one JSON object per run")
    if len(lines) > 1 and _is_object(lines[0]):
        return _of_lines(lines, name)
    try:
        document = read_json(text)
    except JsonProblem as problem:
        if 2 * sum(map(_is_object, lines)) >= len(lines) > 1:
            return _of_lines(lines, name)
        raise problem.at(None, name) from None
    return of_document(document, name, part)


def of_document(document: Any, name: str, part: str | None = None) -> Cells:
    """The table in the value of a JSON document.

    Raises:
        InputError: E121, it is no table or could be two.
    """
    if isinstance(document, list):
        return _of_records(document, name)
    if not isinstance(document, dict) or not document:
        raise refusal(name, "E121", f"the JSON holds no records. {_REMEDY}")
    if is_trainer_state(document):
        return of_trainer_state(document, name, part)
    if is_harness(document):
        return of_harness(document, name)
    if "columns" in document and isinstance(document.get("data"), list):
        return _of_split(document, name)
    records = _lists(document)
    if all(isinstance(value, list) for value in document.values()) and [*document] != records:
        return _of_columns(document, name)
    if all(isinstance(value, dict) for value in document.values()) and _alike(document):
        return _of_objects(document, name)
    if records:
        if len(records) > 1:
            message = f"{' and '.join(map(repr, records))} all hold records; keep one of them"
            raise refusal(name, "E121", message)
        cells = _of_records(document[records[0]], name)
        beside = [key for key in document if key != records[0]]
        left = f"; left out: {', '.join(beside[:10])}" if beside else ""
        return Cells(cells.frame, (*cells.notes, f"the records under {records[0]!r}{left}"))
    if any(isinstance(value, list) and len(value) > 1 for value in document.values()):
        raise refusal(
            name, "E121", f"lists beside single values are neither a table nor a run. {_REMEDY}"
        )
    return Cells(frame_of_records([document], name), ("one JSON object is one row",))


def _of_lines(lines: list[str], name: str) -> Cells:
    records: list[dict[str, Any]] = []
    broken: dict[tuple[str, str | None], list[int]] = {}
    messages: dict[tuple[str, str | None], str] = {}
    for number, line in enumerate(lines, 1):
        try:
            record = read_json(line)
            if not isinstance(record, dict):
                raise JsonProblem("E121", _NO_OBJECT)
            records.append(record)
        except JsonProblem as problem:
            kind = (problem.code, problem.column)
            broken.setdefault(kind, []).append(number)
            messages[kind] = _NO_OBJECT if problem.code == "E121" else problem.message
    if broken:
        raise InputError(
            [
                InputProblem(code, messages[code, column], column, tuple(rows))
                for (code, column), rows in broken.items()
            ],
            name,
        )
    return Cells(frame_of_records(records, name))


def _of_records(records: list[Any], name: str) -> Cells:
    odd = tuple(row for row, record in enumerate(records, 1) if not isinstance(record, dict))
    if odd:
        raise refusal(name, "E121", f"no record in the array. {_REMEDY}", odd)
    return Cells(frame_of_records(records, name))


def _of_columns(columns: Mapping[str, list[Any]], name: str) -> Cells:
    lengths = {key: len(values) for key, values in columns.items()}
    if len({*lengths.values()}) > 1:
        message = (
            f"the columns have different lengths: {_cut(lengths)}; give one value per run in each"
        )
        raise refusal(name, "E121", message)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return Cells(frame_of_records(rows, name), ("an object of columns",))


def _of_split(document: Mapping[str, Any], name: str) -> Cells:
    header, rows = document["columns"], document["data"]
    if not isinstance(header, list) or not all(isinstance(key, str) for key in header):
        raise refusal(name, "E121", f"'columns' is no list of names. {_REMEDY}")
    odd = tuple(
        number
        for number, row in enumerate(rows, 1)
        if not isinstance(row, list) or len(row) != len(header)
    )
    if odd:
        raise refusal(name, "E121", f"rows of another length than 'columns'. {_REMEDY}", odd)
    if len({*header}) < len(header):
        raise refusal(name, "E125", "a name occurs twice in 'columns'; rename one of them")
    records = [dict(zip(header, row, strict=True)) for row in rows]
    return Cells(frame_of_records(records, name), ("columns and rows of data",))


def _of_objects(document: Mapping[str, dict[str, Any]], name: str) -> Cells:
    """Objects in an object, as pandas writes them: columns of numbered rows, or the reverse."""
    inner = next(iter(document.values()))
    if _numbered(inner) and not _numbered(document):
        columns = {key: [values[row] for row in inner] for key, values in document.items()}
        cells = _of_columns(columns, name)
        return Cells(cells.frame, ("an object of columns with numbered rows",))
    if _numbered(document) and not _numbered(inner):
        records = frame_of_records([*document.values()], name)
        return Cells(records, ("an object of numbered rows",))
    message = f"an object of objects may hold a run or a column in each. {_REMEDY}"
    raise refusal(name, "E121", message)


def _alike(document: Mapping[str, dict[str, Any]]) -> bool:
    """Whether two objects or more have the same names inside."""
    inner = [{*value} for value in document.values()]
    return (
        (len(inner) > 1 or _numbered(document))
        and inner[0] != set()
        and all(names == inner[0] for names in inner)
    )


def _numbered(record: Mapping[str, Any]) -> bool:
    return bool(record) and all(key.isascii() and key.isdigit() for key in record)


def _lists(document: Mapping[str, Any]) -> list[str]:
    """The names under which there are records."""
    return [
        key
        for key, value in document.items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    ]


def _is_object(line: str) -> bool:
    try:
        return isinstance(read_json(line), dict)
    except JsonProblem as problem:
        return problem.code != "E121"


def _cut(lengths: Mapping[str, int]) -> str:
    pairs = [f"{key!r}: {length}" for key, length in [*lengths.items()][:10]]
    return ", ".join(pairs) + " ..." * (len(lengths) > 10)
