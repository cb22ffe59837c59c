"""What docstrings name: blocks of code in them, our own things by their short names, others' too.

Names of other projects are a short list here and no inventories, which a build would have to fetch.
"""

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

_NUMPY = "https://numpy.org/doc/stable/reference"
_PANDAS = "https://pandas.pydata.org/docs/reference/api"
_JAX = "https://docs.jax.dev/en/latest/_autosummary"
_PYTHON = "https://docs.python.org/3/library"
ELSEWHERE = {
    "DataFrame": f"{_PANDAS}/pandas.DataFrame.html",
    "Series": f"{_PANDAS}/pandas.Series.html",
    "ndarray": f"{_NUMPY}/generated/numpy.ndarray.html",
    "NDArray": f"{_NUMPY}/typing.html#numpy.typing.NDArray",
    "ArrayLike": f"{_NUMPY}/typing.html#numpy.typing.ArrayLike",
    "float64": f"{_NUMPY}/arrays.scalars.html#numpy.float64",
    "jax.Array": f"{_JAX}/jax.Array.html",
    "Array": f"{_JAX}/jax.Array.html",
    "jax.jit": f"{_JAX}/jax.jit.html",
    "jax.vmap": f"{_JAX}/jax.vmap.html",
    "jax.grad": f"{_JAX}/jax.grad.html",
    "jax.enable_x64": f"{_JAX}/jax.enable_x64.html",
    "Axes": "https://matplotlib.org/stable/api/_as_gen/matplotlib.axes.Axes.html",
    "Figure": "https://matplotlib.org/stable/api/_as_gen/matplotlib.figure.Figure.html",
    "Path": f"{_PYTHON}/pathlib.html#pathlib.Path",
    "Mapping": f"{_PYTHON}/collections.abc.html#collections.abc.Mapping",
    "Sequence": f"{_PYTHON}/collections.abc.html#collections.abc.Sequence",
    "Callable": f"{_PYTHON}/collections.abc.html#collections.abc.Callable",
    "Any": f"{_PYTHON}/typing.html#typing.Any",
}


def prepared(lines: list[str]) -> Iterator[str]:
    """The lines of a docstring, with blocks of code and Markdown tables as Sphinx reads them."""
    before, code, table = "", -1, False
    for at, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if not line.strip() or depth < code:
            code = -1 if line.strip() else code
        above = len(before) - len(before.lstrip())
        begins = at > 0 and not lines[at - 1].strip() and depth > above
        listed = re.match(r"\s*([-*]|\d+\.) ", before)
        if line.strip() and code < 0 and begins and before and not listed:
            code = depth
            if not before.endswith("::"):
                yield from (" " * above + "::", "")
        if re.fullmatch(r"\s*(Returns|Yields):", before) and re.search(r":\s", line):
            yield from (" " * depth + "..", "")  # else what is before the colon is read as a type
        row = code < 0 and line.lstrip().startswith("| ")
        if row:
            yield from _cells(line, depth, first=not table)
        else:
            yield line if code >= 0 else _escaped(line)
        table = row
        before = line if line.strip() else before


def _cells(line: str, depth: int, first: bool) -> Iterator[str]:
    if first:
        yield from (" " * depth + ".. list-table::", " " * depth + "   :header-rows: 1", "")
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if not all(set(cell) <= set("-: ") for cell in cells):
        for at, cell in enumerate(cells):
            yield " " * depth + ("   * - " if at == 0 else "     - ") + cell


def _escaped(line: str) -> str:
    """A bar is an absolute value here and no substitution, and a plural s may follow a name."""
    line = re.sub(r"(?<!`)(`\w+`)(?=\w)", r"\1\\ ", line)
    return re.sub(r"(``[^`]*``|`[^`]*`)|\|", lambda bar: bar[1] or "\\|", line)


def _prepare(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    lines[:] = prepared(lines)
    if what in ("property", "attribute", "data"):
        lines[:0] = ["..", ""]  # else what comes before a colon in the first line is read as a type


def _skip(
    app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object
) -> bool | None:
    """Leave out the fields of named tuples, which the class itself describes."""
    return True if (getattr(thing, "__doc__", "") or "").startswith("Alias for field") else None


def _near(env: BuildEnvironment, target: str) -> str | None:
    """The full name of what a short name, or the name of its own file, can only mean."""
    known = env.get_domain("py").objects  # type: ignore[attr-defined]
    last = target.rpartition(".")[2]
    ending = target.removeprefix("scalejax.").removeprefix("sj.")
    for tail in (ending, last if target.startswith("scalejax.") else ending):
        names = [name for name in known if name == f"scalejax.{tail}" or name.endswith(f".{tail}")]
        whole = [name for name in names if name == f"scalejax.{tail}"] or names
        if len(whole) == 1:
            return whole[0]
    return None


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    name = _near(env, target)
    if name:
        entry = env.get_domain("py").objects[name]  # type: ignore[attr-defined]
        return make_refnode(
            app.builder, node["refdoc"], entry.docname, entry.node_id, content, name
        )
    address = ELSEWHERE.get(target) or ELSEWHERE.get(target.rpartition(".")[2])
    return nodes.reference("", "", content, internal=False, refuri=address) if address else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _prepare, priority=100)  # before napoleon
    app.connect("autodoc-skip-member", _skip)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
