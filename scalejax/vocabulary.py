"""Names of arguments in the words of the place where a message is read.

What is ``columns={"N": "size"}`` in Python is ``--columns N=size`` at the terminal and
``columns = { N = "size" }`` in the file of a study. Keywords, options and keys have the same names,
so one function words them all:

- `argument`: an argument inside a message, ``f"say the unit: {argument('units', {'N': 'M'})}"``.
- `worded`: a constant text with arguments as fields, ``"check {bounds}"`` or ``"{on_bad:drop}"``.
- `call`: a verb with its arguments, to be pasted.
- `did_you_mean`: the nearest of the names that there are.
- `speaking`: the place where messages are read while a block runs; Python by default.
"""

import difflib
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

Place = Literal["python", "terminal", "study"]

_PLACE: ContextVar[Place] = ContextVar("place", default="python")

_OF_THE_TABLE = (
    *("columns", "derive", "exclude", "flop_per_token", "loss_unit", "mapping", "on_bad"),
    *("sigma", "strata", "units", "reduce", "drop_first", "average", "best_of"),
    *("tokens_per_step", "size_from", "runs"),
)
"""Keywords that are keys below ``[table]`` in the file of a study."""


@contextmanager
def speaking(place: Place) -> Iterator[None]:
    """Word arguments for a place while the block runs."""
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)


def argument(name: str, value: Any = None) -> str:
    """An argument, alone or with a value, as it is written where the message is read.

    Args:
        name: The keyword in Python.
        value: A text, a number, a sequence of texts, or a mapping; None for the name alone.
    """
    match _PLACE.get():
        case "terminal":
            return _option(name, value)
        case "study":
            return f"{'[table] ' * (name in _OF_THE_TABLE)}{name} = {_toml(value)}".rstrip()
    if isinstance(value, str | Mapping):
        return f"{name}={_python(value)}"
    return f"{name}=" if value is None else f"{name}={value!r}"


def worded(text: str) -> str:
    """A constant text whose fields are arguments: ``{bounds}``, ``{on_bad:drop}``, ``{units:N=M}``.

    Other braces are doubled, as for `str.format`.
    """
    return text.format_map(_Arguments())


def did_you_mean(name: str, names: Iterable[str] | Mapping[str, str]) -> str:
    """``"; did you mean chinchilla?"``, or nothing where no name is near.

    Args:
        name: What was written.
        names: The names that there are; of a mapping the values are shown.
    """
    words_of = names if isinstance(names, Mapping) else {one: one for one in names}
    lower = {one.lower(): word for one, word in words_of.items()}
    # Above difflib's own 0.6, by judgement: a wrong guess is worse than none.
    near = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.7)
    words = list(dict.fromkeys(lower[one] for one in near))
    return f"; did you mean {' or '.join(words)}?" if words else ""


def call(verb: str, source: str | None, options: Mapping[str, Any]) -> str:
    """A verb with its arguments, to be pasted where the message is read.

    ``scalejax fit runs.csv --by family`` at the terminal, ``sj.fit("runs.csv", by="family")`` in
    Python.

    Args:
        verb: Name of the verb.
        source: The path or name of the data; None for data that only Python holds.
        options: Keywords in Python, by name; those that are empty are left out.
    """
    given = {name: value for name, value in options.items() if value not in (None, {}, [], ())}
    if _PLACE.get() == "python":
        words = ["runs" if source is None else f'"{source}"']
        words += [f"{name}={value!r}" for name, value in given.items()]
        return f"sj.{verb}({', '.join(words)})"
    words = ["scalejax", verb, *([] if source is None else [shlex.quote(source)])]
    for name, value in given.items():
        option = "--" + name.replace("_", "-")
        texts = [] if value is True else _texts(value)
        words += [option] if value is True else [f"{option} {shlex.quote(one)}" for one in texts]
    return " ".join(words)


def _texts(value: Any) -> list[str]:
    """The values of an option, each as it is typed."""
    match value:
        case Mapping():
            return [f"{key}={':'.join(_texts(item))}" for key, item in value.items()]
        case list() | tuple() if all(isinstance(item, int) for item in value):
            return [",".join(map(str, value))]
        case list() | tuple():
            return [text for item in value for text in _texts(item)]
        case float():
            return [f"{value:g}" if float(f"{value:g}") == value else repr(value)]
    return [str(value)]


class _Field:
    """An argument that `str.format` words; its format is a value, or ``KEY=VALUE`` of a mapping."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __format__(self, value: str) -> str:
        key, separator, item = value.partition("=")
        return argument(self.name, {key: item} if separator else value or None)


class _Arguments(dict[str, _Field]):
    def __missing__(self, name: str) -> _Field:
        return _Field(name)


def _option(name: str, value: Any) -> str:
    option = "--" + name.replace("_", "-")
    match value:
        case None:
            return option
        case True:
            return option
        case Mapping():
            return " ".join(f"{option} {key}={item}" for key, item in value.items())
        case list() | tuple():
            return " ".join(f"{option} {item}" for item in value)
    return f"{option} {value}"


def _python(value: str | Mapping[str, Any]) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    pairs = (
        f'"{key}": "{item}"' if isinstance(item, str) else f'"{key}": {item!r}'
        for key, item in value.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _toml(value: Any) -> str:
    match value:
        case None:
            return ""
        case Mapping():
            pairs = (f"{key} = {_toml(item)}" for key, item in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case str():
            return f'"{value}"'
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
