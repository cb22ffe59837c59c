"""The house rules: how rooms are entered, and what the package must not do."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scalejax

PACKAGE = Path(scalejax.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(PACKAGE.rglob("*.py"))

ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
PAST_THE_FACE: dict[str, str] = {}
"""Imports of a module of another room that its face does not offer, with the reason."""

HEAVY = {"pandas", "matplotlib", "jinja2", "typer", "rich"}
UNSAFE_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_METHODS = {"eval", "query", "read_pickle", "to_pickle"}

ON_REQUEST = {"programs.py": {"jax.config.update"}}
"""Global settings that a function of the file changes because it is called for that."""


def module_name(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below, without the bodies of ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.orelse:
                yield statement
                yield from at_run_time(statement)
            continue
        yield child
        yield from at_run_time(child)


def imported(tree: ast.AST) -> set[str]:
    """Dotted names that are imported anywhere; ``from a import b`` counts as ``a.b``."""
    names = set()
    for node in at_run_time(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def past_a_face(tree: ast.AST, room: str) -> set[str]:
    """Modules inside other rooms that are imported from, and the own face from within."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found |= {
                name for name in names if name.startswith("scalejax.") and name.count(".") > 1
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scalejax."):
            module = str(node.module)
            _, place, *inner = module.split(".")
            modules = {path.stem for path in (PACKAGE / place).glob("*.py")}
            own = place == room and not inner and {a.name for a in node.names} - modules
            if own or (place in ROOMS and place != room and inner):
                found.add(module)
    return found


def unsafe(tree: ast.AST) -> set[str]:
    found = {name for name in imported(tree) if name.split(".")[0] in UNSAFE_MODULES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            method = called.rpartition(".")[2] if "." in called else ""
            # re.compile and a jitted function's compile are harmless.
            if called in UNSAFE_CALLS or method in UNSAFE_METHODS:
                found.add(called)
            if called.endswith("config.update"):
                found.add(called)
            if any(word.arg == "allow_pickle" for word in node.keywords):
                found.add(f"{called}(allow_pickle=)")
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {t for t in map(ast.unparse, targets) if t.startswith("jax.config.")}
    return found


@pytest.mark.parametrize("file", FILES, ids=module_name)
class TestModule:
    def test_enters_rooms_through_their_faces(self, file):
        assert past_a_face(parse(file), room_of(file)) <= PAST_THE_FACE.keys()

    def test_runs_no_code_from_data_and_sets_no_global_state(self, file):
        assert unsafe(parse(file)) <= ON_REQUEST.get(module_name(file), set())

    def test_is_short(self, file):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 400

    def test_has_a_docstring_and_a_telling_name(self, file):
        assert ast.get_docstring(parse(file))
        assert file.stem not in ("utils", "util", "helpers", "misc", "common")


class TestTheChecksThemselves:
    def test_imports_are_found_wherever_they_are(self):
        tree = ast.parse(
            "def f():\n    from scalejax.plots.axes import Axes\n    import pandas as p"
        )
        assert past_a_face(tree, "cli") == {"scalejax.plots.axes"}
        assert past_a_face(tree, "plots") == set()
        assert "pandas" in imported(tree)

    def test_a_room_does_not_enter_through_its_own_face(self):
        assert past_a_face(ast.parse("from scalejax.plots import plot_fit"), "plots")
        assert not past_a_face(ast.parse("from scalejax.plots import plot_fit"), "cli")

    def test_imports_for_types_are_exempt(self):
        tree = ast.parse("if TYPE_CHECKING:\n    import pandas\nelse:\n    import numpy")
        assert imported(tree) == {"numpy"}

    @pytest.mark.parametrize(
        "code",
        [
            "import pickle",
            "from joblib import load",
            "eval('1')",
            "frame.query('a > 1')",
            "np.load(f, allow_pickle=True)",
            "jax.config.update('jax_enable_x64', True)",
            "jax.config.jax_enable_x64 = True",
        ],
    )
    def test_unsafe_code_is_found(self, code):
        assert unsafe(ast.parse(code))

    def test_harmless_code_is_not(self):
        assert not unsafe(ast.parse("re.compile('a'); step.lower(x).compile(); d.update(a=1)"))


def test_rooms_import_only_what_lies_below_them():
    """The contracts in pyproject.toml: floors, no circles, heavy libraries at the edges."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", scalejax.__all__)
def test_public_name_exists(name):
    assert getattr(scalejax, name) is not None
    assert name in dir(scalejax)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = scalejax.no_such_name


def in_new_process(code: str) -> dict[str, object]:
    """What a script prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_alone_loads_nothing_heavy():
    loaded = in_new_process(
        "import sys, json, scalejax; print(json.dumps({'modules': sorted(sys.modules)}))"
    )["modules"]
    heavy = {*HEAVY, "jax", "jaxlib", "numpy", "optax", "pyarrow"}
    assert heavy & set(loaded) == set()


SIDE_EFFECTS = """
import json, logging, os, random, warnings
import jax, matplotlib, numpy, optax, pandas, pooch, pyarrow.parquet, scipy.special

def state():
    return {
        "jax": {name: repr(value) for name, value in sorted(jax.config.values.items())},
        "log level": logging.root.level,
        "log handlers": repr(logging.root.handlers),
        "floating point errors": numpy.geterr(),
        "warning filters": repr(warnings.filters),
        "numpy random": repr(numpy.random.get_state()),
        "random": hash(random.getstate()),
        "backend": repr(dict.__getitem__(matplotlib.rcParams, "backend")),
        "style": repr({k: v for k, v in dict.items(matplotlib.rcParams) if k != "backend"}),
        "environment": dict(os.environ),
    }

before = state()
import scalejax as sj
for name in ("fit", *sj.__all__):
    getattr(sj, name)
after = state()
changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
print(json.dumps(changed))
"""


def test_import_has_no_side_effects():
    assert in_new_process(SIDE_EFFECTS) == {}
