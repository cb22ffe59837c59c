"""Reference pages, one for the front (`import scalejax as sj`) and one for each room's face.

A thing is described once: on the front if it is there, else in the room through which it is
entered.
"""

import ast
import enum
import inspect
from collections.abc import Iterator, Sequence
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

STOP = "object, int, tuple, dict, Exception, Warning, UserWarning, ValueError, TypeError"
"""Ancestors whose members are Python's own and not described again."""


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every reference page."""
    front = {name: getattr(scalejax, name) for name in scalejax.__all__}
    rooms = [name for name in front if isinstance(front[name], ModuleType)]
    verbs = {name: thing for name, thing in front.items() if name not in rooms}
    described = {id(thing) for thing in verbs.values()}
    homes = {name: scalejax._HOME[name] for name in verbs}
    yield "scalejax", _page(scalejax, [_entry("scalejax", n, verbs[n], homes[n]) for n in verbs])
    for room in (*rooms, *MORE):
        module = import_module(f"scalejax.{room}")
        entries = []
        for name, home in sorted(face(module).items()):
            thing = getattr(module, name)
            if name in verbs and verbs[name] is thing:
                continue
            if isinstance(thing, ModuleType) or (id(thing) in described and callable(thing)):
                continue
            described.add(id(thing))
            entries.append(_entry(module.__name__, name, thing, home))
        also = [name for name in face(module) if name in verbs]
        yield room, _page(module, entries, sorted(also))


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
        options = ["   :members:", "   :show-inheritance:"]
        if not issubclass(thing, enum.Enum):
            options.append(f"   :inherited-members: {STOP}")
        return "\n".join([f".. autoclass:: {place}.{name}", *options, ""])
    if isinstance(thing, Law):
        signature = ", ".join([*thing.inputs, "*", *thing.parameters])
        doc = inspect.getdoc(thing.function) or thing.about
        return _described(f".. py:function:: {place}.{name}({signature})", doc)
    if inspect.isroutine(inspect.unwrap(thing)):  # type: ignore[arg-type]
        return f".. autofunction:: {place}.{name}\n"
    documented = ModuleAnalyzer.for_module(_home(home, name)).find_attr_docs()
    return _described(f".. py:data:: {place}.{name}", "\n".join(documented.get(("", name), ())))


def _home(home: str, name: str) -> str:
    """The module that defines a name, through the faces that hand it on."""
    while name in (above := face(import_module(home))) and above[name] != home:
        home = above[name]
    return home


def _described(directive: str, doc: str) -> str:
    config = Config(napoleon_use_ivar=True)
    text = str(GoogleDocstring(list(prepared(doc.splitlines())), config, what="function"))
    return "\n".join([directive, "", *(f"   {line}".rstrip() for line in text.splitlines()), ""])
