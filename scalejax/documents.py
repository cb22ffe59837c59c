"""The one reader of JSON and TOML, for files and texts that anybody may have written or damaged.

Depth, digits, repeated names and characters that no file can hold are a `DocumentError` with a
sentence, and never an error of the interpreter.

- `json_value`, `toml_value`: the value of a text.
- `read_document`: the value of a file, JSON or TOML by the end of its name.
"""

import json
import math
import stat
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

Reason = Literal["syntax", "characters", "repetition"]

LARGEST_TOML, LARGEST_JSON = 1 << 20, 1 << 28
"""Bytes of a file: what a person writes has kilobytes, and records of thousands of fits megabytes.
By judgement."""
MOST_LEVELS = 100
"""Records in records; configurations have five or so. By judgement."""
_MOST_DIGITS = 400
"""More digits than float64 has decades: such a number stays text, so that it is refused where it is
read and harmless where it is not."""
_MOST_DOTS = 300
"""Dots in a line of TOML. The time of a dotted key goes with the square of its parts: 10,000 take
seconds, and 300 milliseconds."""
_DEEP = "values inside values without end; write plain ones"


class DocumentError(ValueError):
    """Why a text is no JSON or TOML that can be used.

    Attributes:
        reason: What is wrong: the syntax, the characters of a text in it, or a name that occurs
            twice.
        name: The name that occurs twice.
    """

    def __init__(self, reason: Reason, message: str, name: str | None = None) -> None:
        self.reason, self.name = reason, name
        super().__init__(message)


def json_value(text: str) -> Any:
    """The value of a JSON text; whole numbers keep all digits, those beyond float64 stay text.

    Raises:
        DocumentError: It is no JSON, too deep, has a name twice in one object, or characters that
            no text holds.
    """
    value = _parsed(_json, text, "JSON")
    if "\\u" in text:
        check_characters(value)
    return value


def toml_value(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        DocumentError: It is no TOML, too deep, or has characters that no text holds.
    """
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise DocumentError("syntax", f"a line has more than {_MOST_DOTS} dots; write plain keys")
    tables: dict[str, Any] = _parsed(tomllib.loads, text, "TOML")
    check_depth(tables)
    check_characters(tables)
    return tables


def read_document(path: Path, *, file_names: bool = False) -> Any:
    """The value of a file, TOML where its name ends so, and else JSON.

    Args:
        path: The file.
        file_names: Whether texts may be names of files, which hold lone surrogates where they are
            not UTF-8.

    Raises:
        DocumentError: It is no regular file, too large, or holds no such document.
        OSError: It cannot be read.
    """
    is_toml = path.suffix.lower() == ".toml"
    text = _text_of(path, LARGEST_TOML if is_toml else LARGEST_JSON)
    if is_toml:
        return toml_value(text)
    value = _parsed(_json, text, "JSON")
    check_depth(value)
    check_characters(value, file_names)
    return value


def check_depth(value: Any) -> None:
    """Refuse values inside values inside values, at which everything else would stumble.

    Raises:
        DocumentError: They are deeper than any document.
    """
    rest = [(value, 0)]
    while rest:
        item, level = rest.pop()
        if level > MOST_LEVELS:
            raise DocumentError("syntax", _DEEP)
        inside = item.values() if isinstance(item, dict) else item
        if isinstance(item, dict | list):
            rest += [(one, level + 1) for one in inside]


def check_characters(value: Any, file_names: bool = False) -> None:
    """Lone halves of a surrogate pair cannot be written, and NUL ends a text in other programs.

    Args:
        value: The value of a document.
        file_names: Whether bytes of names that are no UTF-8 may be among them.

    Raises:
        DocumentError: A text holds one.
    """
    for text in _texts(value):
        try:
            text.encode("utf-8", "surrogateescape" if file_names else "strict")
        except UnicodeEncodeError:
            odd = "half of a surrogate pair"
        else:
            if "\0" not in text:
                continue
            odd = "a NUL character"
        message = f"{text[:40]!a} holds {odd}, which no text can; remove it"
        raise DocumentError("characters", message)


def _parsed(parse: Callable[[str], Any], text: str, kind: str) -> Any:
    try:
        return parse(text)
    except DocumentError:
        raise
    except RecursionError:
        raise DocumentError("syntax", _DEEP) from None
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"no {kind} ({error}); write it again with a library"
        raise DocumentError("syntax", message) from None
    # Python's limit of digits, in words of its own.
    except ValueError:
        raise DocumentError("syntax", "a whole number has thousands of digits") from None


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_record, parse_int=_whole, parse_float=_decimal)


def _record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        (name, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        message = "the name occurs twice in an object; rename or remove one of them"
        raise DocumentError("repetition", message, name)
    return record


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _decimal(digits: str) -> float | str:
    value = float(digits)
    return digits if math.isinf(value) else value


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


def _text_of(path: Path, most: int) -> str:
    # Asked before it is opened: opening a pipe waits for a writer, and some devices act.
    try:
        mode = path.stat().st_mode
    except ValueError:
        raise DocumentError("characters", "no file can have this path") from None
    if not stat.S_ISREG(mode):
        raise DocumentError("syntax", "this is no regular file but a folder, a device or a pipe")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DocumentError("syntax", f"it has more than {most:,} bytes, which no such file has")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError("syntax", f"it is no text in UTF-8 ({error.reason})") from None
