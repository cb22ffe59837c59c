"""Reference pages, one for the front (`import scalejax as sj`) and one for each room's face.

A thing is described once: on the front if it is there, else in the room through which it is
entered.
"""

import ast
import enum
import inspect
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from docstrings import prepared
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.pycode import ModuleAnalyzer

import scalejax
from scalejax.laws import Law

MORE = ("codes", "result")
"""Modules below the rooms that people meet in what rooms return."""

STOP = "object, int, tuple, dict, Mapping, BaseException"
"""Ancestors whose members are Python's own and not described again."""


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every reference page."""
    front = {name: getattr(scalejax, name) for name in scalejax.__all__}
    verbs = {name: thing for name, thing in front.items() if not isinstance(thing, ModuleType)}
    rooms = [import_module(f"scalejax.{name}") for name in (*(front.keys() - verbs), *MORE)]
    entries = [_entry("scalejax", name, verbs[name], scalejax._HOME[name]) for name in verbs]
    yield "scalejax", _page(scalejax, entries)
    things = [*verbs.values(), *(getattr(room, name) for room in rooms for name in face(room))]
    hidden = _bases(things)
    described = {id(thing) for thing in verbs.values()}
    for room in sorted(rooms, key=lambda room: room.__name__):
        entries = []
        for name, home in sorted(face(room).items()):
            thing = getattr(room, name)
            if not (id(thing) in described and callable(thing)):
                entries.append(_entry(room.__name__, name, thing, home))
                described.add(id(thing))
        entries += [_class(f"{base.__module__}.{base.__name__}", base) for base in hidden
                    if f"{base.__module__}.".startswith(f"{room.__name__}.")]  # fmt: skip
        also = sorted(name for name in face(room) if name in verbs)
        yield room.__name__.partition(".")[2], _page(room, entries, also)


def _bases(things: Iterable[object]) -> list[type]:
    """Classes of ours on which public ones stand without being public themselves."""
    public = [thing for thing in things if inspect.isclass(thing)]
    above = {base for thing in public for base in thing.__mro__ if base not in public}
    ours = [base for base in above if base.__module__.startswith("scalejax.")]
    return sorted(ours, key=lambda base: base.__qualname__)


def face(module: ModuleType) -> dict[str, str]:
    """Public names of a room, and the module in which each is defined."""
    path = Path(str(module.__file__))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        alias.asname: str(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name and not alias.name.startswith("_")
    }
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            names[node.name] = module.__name__
    own = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
    names |= {name: module.__name__ for scope, name in own if not scope and name[0] != "_"}
    return names


def _page(module: ModuleType, entries: list[str], also: Sequence[str] = ()) -> str:
    title = module.__name__
    parts = [title, "=" * len(title), "", f".. automodule:: {title}", ""]
    if also:
        listed = ", ".join(f":py:obj:`scalejax.{name}`" for name in also)
        parts += [f"On the front, ``import scalejax as sj``: {listed}.", ""]
    return "\n".join([*parts, *entries])


def _entry(place: str, name: str, thing: object, home: str) -> str:
    if inspect.isclass(thing):
        return _class(f"{place}.{name}", thing)
    if isinstance(thing, Law):
        signature = ", ".join([*thing.inputs, "*", *thing.parameters])
        doc = inspect.getdoc(thing.function) or thing.about
        return _described(f".. py:function:: {place}.{name}({signature})", doc)
    if inspect.isroutine(inspect.unwrap(thing)):  # type: ignore[arg-type]
        return f".. autofunction:: {place}.{name}\n"
    documented = ModuleAnalyzer.for_module(_home(home, name)).find_attr_docs()
    return _described(f".. py:data:: {place}.{name}", "\n".join(documented.get(("", name), ())))


def _class(name: str, thing: type) -> str:
    options = ["   :members:", "   :show-inheritance:"]
    if not issubclass(thing, enum.Enum):
        options.append(f"   :inherited-members: {STOP}")
    return "\n".join([f".. autoclass:: {name}", *options, ""])


def _home(home: str, name: str) -> str:
    """The module that defines a name, through the faces that hand it on."""
    while name in (above := face(import_module(home))) and above[name] != home:
        home = above[name]
    return home


def _described(directive: str, doc: str) -> str:
    config = Config(napoleon_use_ivar=True)
    text = str(GoogleDocstring(list(prepared(doc.splitlines())), config, what="function"))
    return "\n".join([directive, "", *(f"   {line}".rstrip() for line in text.splitlines()), ""])
