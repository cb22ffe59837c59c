"""Nothing that a file, a name or a formula says may run code or write where it should not (T26).

`test_structure.py` looks for unsafe calls in our source; here hostile files go through the public
functions. Formulas have `test_formula.py`.
"""

import ast
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tampering

import scalejax as sj
from scalejax.cli import cache, main
from scalejax.cli.results import save

RUNS = sj.datasets.load("golden36")
HOSTILE_NAMES = [
    "../../x", "..", ".", "/etc/x", "a/b", "a\\b", "C:\\x", "CON", "nul.txt", "<script>", "~",
    "$HOME", "-rf", "a\nb", "a\x00b", "\x1b[2J", "=1+1", "a" * 5000, "é", "e\u0301", "\u202egnp",
    "A", "a",
]  # fmt: skip


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.mkdir, (self.mark,)


@pytest.fixture(scope="module")
def fit():
    return sj.fit(RUNS, resamples=0)


@pytest.fixture
def saved(fit, tmp_path):
    return fit.save(tmp_path / "fit")


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """The command in an empty working directory: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.NO_CACHE_VARIABLE, "1")
    monkeypatch.setattr(sys, "path", [*sys.path])

    def call(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        return (end.value.code or 0, *capsys.readouterr())

    return call


def edit(folder, change):
    """Change the record of a saved fit in place."""
    tampering.edit(folder / "fit.json", change)
    tampering.seal(folder)


def everything_in(folder):
    return {path.relative_to(folder) for path in folder.rglob("*")}


WITHOUT_PICKLE = """
import importlib.abc, pickle, sys
import scalejax as sj
for name in sj.__all__:
    getattr(sj, name)

def refuse(*_, **__):
    raise SystemExit("something was unpickled")

class Hook(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"dill", "cloudpickle", "joblib", "yaml", "shelve"}:
            refuse()

def watch(event, _):
    if event in {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"}:
        raise SystemExit(f"{event} happened")

pickle.load = pickle.loads = pickle.Unpickler = refuse
sys.meta_path.insert(0, Hook())
sys.addaudithook(watch)
for path in sys.argv[2:]:
    print(sj.load_table(path).n_rows)
print(sj.load_fit(sys.argv[1]).params["E"])
"""


class TestNothingIsUnpickled:
    def test_files_load_with_pickle_out_of_order(self, fit, saved, tmp_path):
        tables = [tmp_path / name for name in ("runs.csv", "runs.csv.gz", "runs.parquet")]
        for path in tables[:2]:
            RUNS.to_csv(path, index=False)
        RUNS.to_parquet(tables[2])
        command = [sys.executable, "-c", WITHOUT_PICKLE, str(saved), *map(str, tables)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        *rows, E = done.stdout.split()
        assert rows == ["36"] * 3
        assert float(E) == fit.params["E"]

    @pytest.mark.parametrize(
        "name", ["runs.pkl", "runs.pickle", "runs.pickle.xz", "runs.pkl.gz", "RUNS.PKL"]
    )
    def test_a_pickle_is_refused(self, name, tmp_path):
        file = tmp_path / name
        file.write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
        with pytest.raises(sj.InputError) as raised:
            sj.load_table(file)
        assert [problem.code for problem in raised.value.problems] == ["E160"]
        assert not (tmp_path / "mark").exists()

    @pytest.mark.parametrize("name", ["runs.csv", "runs.csv.gz", "runs.parquet", "runs.npy"])
    def test_a_pickle_under_another_name_is_refused(self, name, tmp_path):
        file = tmp_path / name
        file.write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
        with pytest.raises(sj.InputError):
            sj.load_table(file)
        assert not (tmp_path / "mark").exists()

    @pytest.mark.parametrize("name", ["fit.json", "draws.parquet", "rows.parquet"])
    def test_a_pickle_in_a_saved_fit_is_refused(self, name, saved, tmp_path):
        (saved / name).write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
        with pytest.raises(sj.ScalejaxError):
            sj.load_fit(saved)
        assert not (tmp_path / "mark").exists()

    def test_no_module_of_ours_reads_yaml_or_numpy_files(self):
        for file in Path(sj.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names = {alias.name.split(".")[0] for alias in node.names}
                    names.add((getattr(node, "module", "") or "").split(".")[0])
                    assert not names & {"yaml", "ruamel", "jsonpickle", "subprocess", "ctypes"}
                elif isinstance(node, ast.Call):
                    assert ast.unparse(node.func) not in {"np.load", "numpy.load", "os.system"}


class TestSavedFits:
    """A saved fit may come from a stranger."""

    @pytest.fixture
    def mark(self, run, tmp_path, monkeypatch):
        """What exists if the law in the working directory was imported."""
        code = "from pathlib import Path\nPath('mark').mkdir()\nlaw = Path\n"
        (tmp_path / "hostile_law.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        return tmp_path / "mark"

    @pytest.mark.parametrize(
        "spec",
        [
            "os:system", "os.path:join", "builtins:eval", "hostile_law:law", "hostile_law.py:law",
            "./hostile_law.py:law", "/etc/passwd:law", "scalejax:fit", "scalejax.laws:LAWS",
            "scalejax.laws.registry:find_law", "formula: __import__('hostile_law')",
            "formula: hostile_law.law", "formula:", "formula", ":", "", "__main__:x",
            "os:__class__",
        ],
    )  # fmt: skip
    def test_a_hostile_law_runs_no_code(self, spec, saved, mark, run):
        edit(saved, lambda record: record["law"].update(spec=spec, registered=False))
        with pytest.raises(sj.LawError):
            sj.load_fit(saved)
        code, out, err = run("show", "fit")
        assert (code, out) == (1, "")
        assert "Traceback" not in err
        assert not mark.exists()
        assert "hostile_law" not in sys.modules

    def test_a_law_that_is_not_ours_although_it_says_so(self, saved):
        edit(saved, lambda record: record["law"].update(name="__class__"))
        with pytest.raises(sj.LawError):
            sj.load_fit(saved)

    @pytest.mark.parametrize(
        "value", [None, 3, -1.5, float("inf"), "x", "formula: x", [], [[1]], {}, {"a": 1}]
    )
    def test_any_value_anywhere_is_a_fit_or_an_error_of_ours(self, value, saved):
        good = (saved / "fit.json").read_text(encoding="utf-8")
        refused = 0
        for path in paths(json.loads(good)):
            record = json.loads(good)
            place = record
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            (saved / "fit.json").write_text(json.dumps(record), encoding="utf-8")
            tampering.seal(saved)
            try:
                sj.load_fit(saved)
            except sj.ScalejaxError:
                refused += 1
            except Exception as error:
                pytest.fail(f"{'.'.join(map(str, path))} = {value!r}: {error!r}")
        assert refused > 10

    @pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "", "null", "[]", "\x00"])
    def test_hostile_json(self, text, saved):
        (saved / "fit.json").write_text(text)
        with pytest.raises(sj.ScalejaxError):
            sj.load_fit(saved)


def paths(value, above=()):
    """The place of every value in a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*above, key)
        if isinstance(item, dict | list):
            yield from paths(item, (*above, key))


class TestPaths:
    """Names in data become folder names of ``fit --by --out``."""

    def test_names_stay_inside_the_folder(self, fit, tmp_path):
        many = tmp_path / "deep" / "many"
        folders = list(save(dict.fromkeys(HOSTILE_NAMES, fit), many, "family"))
        assert len(set(folders)) == len(HOSTILE_NAMES)
        assert {folder.parent for folder in folders} == {many}
        assert {path.parts[0] for path in everything_in(tmp_path)} == {"deep"}
        assert {path.parts[0] for path in everything_in(tmp_path / "deep")} == {"many"}
        assert len({folder.name.lower() for folder in folders}) == len(HOSTILE_NAMES)
        for folder in folders:
            assert folder.name.isascii()
            assert not set(folder.name) & set('/\\:*?"<>|. ')
            assert not folder.name.startswith("-")
            assert len(folder.name) < 64
            assert sj.load_fit(folder).params == fit.params

    def test_a_name_is_never_a_device(self, fit, tmp_path):
        devices = ["CON", "PRN", "AUX", "NUL", "COM1", "LPT1", "con"]
        for folder in save(dict.fromkeys(devices, fit), tmp_path / "many", "family"):
            assert folder.name.upper() not in devices

    def test_from_the_command_line(self, run, tmp_path):
        names = ["../../x", "/etc/x", "<script>alert(1)</script>"]
        hostile = pd.concat([RUNS.assign(family=name) for name in names])
        hostile.to_csv("runs.csv", index=False)
        before = everything_in(tmp_path.parent)
        code, out, _ = run("fit", "runs.csv", "--by", "family", "--out", "many")
        assert code == 0
        assert all(name in out for name in names)
        new = everything_in(tmp_path.parent) - before
        assert {path.parts[:2] for path in new} == {(tmp_path.name, "many")}
        assert len(list((tmp_path / "many").iterdir())) == len(names)

    def test_an_empty_name_is_refused(self, run, tmp_path):
        RUNS.assign(family=["a", ""] * 18).to_csv("runs.csv", index=False)
        code, out, err = run("fit", "runs.csv", "--by", "family", "--out", "many")
        assert (code, out) == (1, "")
        assert "E128" in err
        assert not (tmp_path / "many").exists()

    def test_a_link_that_leads_out_is_refused(self, fit, tmp_path):
        """Someone who can write in a shared folder puts a link where a fit will be saved."""
        many, outside = tmp_path / "many", tmp_path / "outside"
        (folder,) = save({"a": fit}, many, "family")
        folder.rename(outside)
        before = everything_in(outside)
        content = (outside / "fit.json").read_bytes()
        folder.symlink_to(outside, target_is_directory=True)
        (outside / "fit.json").write_text("mine")
        with pytest.raises(sj.UsageError, match="link"):
            list(save({"a": fit}, many, "family"))
        assert everything_in(outside) == before
        assert (outside / "fit.json").read_text() == "mine" != content.decode()

    def test_a_link_that_the_user_names_is_followed(self, fit, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "disk", target_is_directory=True)
        (folder,) = save({"a": fit}, tmp_path / "link", "family")
        assert (tmp_path / "link").is_symlink()
        assert sj.load_fit(tmp_path / "disk" / folder.name).params == fit.params
        assert {path.parts[0] for path in everything_in(tmp_path)} == {"disk", "link"}

    def test_other_files_are_not_overwritten(self, fit, tmp_path):
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "thesis.tex").write_text("mine")
        with pytest.raises(sj.UsageError, match="other files"):
            fit.save(tmp_path / "work")
        assert everything_in(tmp_path) == {Path("work"), Path("work/thesis.tex")}


class TestNamesInTables:
    """Column and family names go through the command without breaking its output."""

    def test_families(self, run, fit, monkeypatch):
        fits = dict.fromkeys(HOSTILE_NAMES, fit)
        monkeypatch.setattr(sj, "fit_many", lambda *_, **__: fits)
        code, out, _ = run("fit", "--by", "family")
        assert code == 0
        assert len(out.splitlines()) == 1 + len(HOSTILE_NAMES)
        assert all(character.isprintable() or character == "\n" for character in out)
        code, out, _ = run("fit", "--by", "family", "--json")
        assert [*json.loads(out)["fits"]] == HOSTILE_NAMES

    @pytest.mark.parametrize(
        "name", ["\x1b[2Jloss", "=cmd()", "<script>", "a\nb", "../../x", "%s{}"]
    )
    def test_columns(self, name, run, tmp_path):
        renamed = RUNS.rename(columns={"loss": name})
        renamed.loc[3, name] = np.nan
        renamed.to_parquet("runs.parquet")
        code, out, err = run("fit", "runs.parquet", "--columns", f"loss={name}")
        assert (code, out) == (1, "")
        assert "E101" in err
        assert "Traceback" not in err
        assert all(character.isprintable() or character == "\n" for character in err)
        assert everything_in(tmp_path) == {Path("runs.parquet")}

    def test_a_column_that_was_fitted(self, run):
        name = "\x1b[2J=<b>\nloss"
        RUNS.rename(columns={"loss": name}).to_parquet("runs.parquet")
        code, out, err = run("fit", "runs.parquet", "--columns", f"loss={name}", "--resamples", "0")
        assert code == 0
        assert all(character.isprintable() or character == "\n" for character in out + err)
