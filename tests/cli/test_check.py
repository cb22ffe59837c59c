"""The codes and `scalejax check`: a file is explained in full, and nothing is written or fitted."""

import ast
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import scalejax as sj
from scalejax.cli import main
from scalejax.codes import CODES, explain, page

PACKAGE = Path(sj.__file__).parent
PAGE = PACKAGE / "codes.md"
A_CODE = re.compile(r"\b[EW][1-9]\d\d\b")


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def call(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return call


def golden(**changes):
    return sj.datasets.load("golden36").assign(**changes)


def codes_in(folder: Path) -> set[str]:
    """Codes in the texts of all modules below, docstrings too, but for the registry."""
    found: set[str] = set()
    for file in folder.rglob("*.py"):
        if file in (PACKAGE / "codes.py", PACKAGE / "reduction_codes.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(A_CODE.findall(node.value))
    return found


class TestRegistry:
    def test_every_code_that_is_raised_is_explained(self):
        assert codes_in(PACKAGE) - set(CODES) == set()

    def test_every_code_of_the_tables_is_raised(self):
        ours = {code for code, entry in CODES.items() if entry.room == "data"}
        assert ours == codes_in(PACKAGE / "data") | codes_in(PACKAGE / "sources")

    def test_codes_are_in_order_and_complete(self):
        assert list(CODES) == sorted(CODES)
        for code, entry in CODES.items():
            assert A_CODE.fullmatch(code)
            assert entry.severity == ("error" if code[0] == "E" else "warning")
            assert all((entry.title, entry.meaning, entry.example))
            assert entry.remedy.endswith(".")
            assert not entry.title.endswith(".")

    def test_titles_are_distinct(self):
        assert len({entry.title for entry in CODES.values()}) == len(CODES)

    def test_the_page_is_rendered_from_the_registry(self):
        assert PAGE.read_text(encoding="utf-8") == page()

    def test_the_page_has_a_remedy_for_every_code(self):
        sections = page().split("\n## ")[1:]
        assert [section[:4] for section in sections] == list(CODES)
        assert all("**To do:** " in section for section in sections)

    def test_an_entry_in_words(self):
        text = explain("E110")
        assert text.startswith("E110 (error): ")
        assert 'units={"N": "M"}' in text


class TestCheck:
    def test_a_clean_file(self, run, tmp_path):
        golden().to_csv("runs.csv", index=False)
        code, out, err = run("check", "runs.csv", "--quick")
        assert (code, err) == (0, "")
        assert "runs.csv: 36 rows" in out
        assert "law       chinchilla, E + A/N^alpha + B/D^beta: the table has N and D" in out
        assert out.splitlines()[-2:] == ["clean: nothing to mend", "next: scalejax fit runs.csv"]
        assert [file.name for file in tmp_path.iterdir()] == ["runs.csv"]

    def test_warnings_do_not_refuse(self, run):
        golden(loss=lambda frame: frame["loss"] * 10).to_csv("runs.csv", index=False)
        code, out, _ = run("check", "runs.csv", "--quick")
        assert code == 0
        assert "warning W201: high loss; column 'loss'; rows 1, 2" in out
        assert out.splitlines()[-2] == "usable: 1 warning"

    def test_all_problems_come_at_once_in_options(self, run):
        frame = golden(N=lambda frame: frame["N"] / 1e7).astype(object)
        frame.loc[4, "loss"] = ""
        frame.loc[6, "loss"] = "25"
        frame.to_csv("runs.csv", index=False)
        code, out, _ = run("check", "runs.csv")
        assert code == 1
        assert "error E101: missing or infinite value; column 'loss'; row 5" in out
        assert "--on-bad drop" in out
        assert "--units N=B" in out
        assert "warning W201" in out
        assert out.splitlines()[-2].startswith("refused: 2 errors, 1 warning (")
        assert out.splitlines()[-1] == "next: scalejax check --explain E101"

    def test_json(self, run):
        frame = golden().rename(columns={"D": "tokens"}).astype(object)
        frame.loc[[1, 2, 3], "loss"] = -1
        frame.loc[9, "tokens"] = "many"
        frame.to_csv("runs.csv", index=False)
        code, out, _ = run("check", "runs.csv", "--json")
        document = json.loads(out, parse_constant=pytest.fail)
        assert code == 1
        assert document["verdict"] == "refused"
        assert (document["source"], document["rows"]) == ("runs.csv", 36)
        assert document["columns"] == {"N": "N", "D": "tokens", "loss": "loss"}
        assert document["derived"] == document["set_aside"] == []
        first, second = document["problems"]
        assert {key: first[key] for key in ("code", "severity", "column", "rows")} == {
            "code": "E120", "severity": "error", "column": "tokens", "rows": [10],
        }  # fmt: skip
        assert first["title"] == CODES["E120"].title
        assert (second["code"], second["rows"]) == ("E102", [2, 3, 4])

    def test_json_of_dropped_rows_and_derived_columns(self, run):
        frame = golden(C=lambda frame: 6 * frame["N"] * frame["D"]).drop(columns="D").astype(object)
        frame.loc[1, "loss"] = None
        frame.to_csv("runs.csv", index=False)
        code, out, _ = run("check", "runs.csv", "--on-bad", "drop", "--quick", "--json")
        document = json.loads(out)
        assert (code, document["verdict"], document["derived"]) == (0, "clean", ["D"])
        (gone,) = document["set_aside"]
        assert (gone["row"], gone["code"]) == (2, "E101")

    def test_a_file_that_cannot_be_read(self, run):
        code, out, _ = run("check", "nothing.csv", "--json")
        document = json.loads(out)
        assert code == 1
        assert [problem["code"] for problem in document["problems"]] == ["E162"]
        assert (document["rows"], document["columns"]) == (0, {})

    def test_the_options_of_a_fit(self, run):
        frame = golden(fam=["a", "b", "c"] * 12, run=np.arange(36) // 6, s=["x", "y"] * 18, sd=0.1)
        frame["N"] /= 1e6
        frame.rename(columns={"N": "my size"}).to_csv("runs.csv", index=False)
        code, out, _ = run(
            "check", "runs.csv", "--columns", "N=my size", "--units", "N=M", "--run", "fam",
            "--run", "run", "--strata", "s", "--sigma", "sd", "--exclude", "3,4",
            "--loss-unit", "bits_per_byte:4.2", "--by", "s", "--json",
        )  # fmt: skip
        document = json.loads(out)
        columns = {"cluster": "fam", "subcluster": "run", "stratum": "s", "group": "s"}
        assert columns.items() <= document["columns"].items()
        assert [item["row"] for item in document["set_aside"]] == [3, 4]
        assert any("2.91121" in note for note in document["notes"])  # ln 2 * 4.2
        # The six runs hold one size each but three families, so that each name is one size.
        assert code == 0

    def test_a_law_with_fewer_inputs_needs_fewer_columns(self, run):
        golden().drop(columns="D").to_csv("runs.csv", index=False)
        assert run("check", "runs.csv", "--law", "chinchilla")[0] == 1
        assert run("check", "runs.csv", "--law", "power_N", "--quick")[0] == 0
        code, out, _ = run("check", "runs.csv", "--quick")
        assert "law       floor_power_N, E + A/N^alpha: of N, D and C the table has N alone" in out
        assert code == 0

    def test_the_next_command_has_the_words_that_were_typed(self, run):
        frame = golden(N=lambda frame: frame["N"] / 1e6, family=["a", "b"] * 18)
        frame.rename(columns={"N": "my size"}).to_csv("my runs.csv", index=False)
        typed = ("--columns", "N=my size", "--units", "N=M", "--on-bad", "drop", "--by", "family")
        code, out, _ = run("check", "my runs.csv", *typed, "--quick")
        assert code == 0
        command = out.splitlines()[-1].removeprefix("next: ")
        verb, *words = shlex.split(command)[1:]
        assert (verb, words[0], {*words[1:]}) == ("fit", "my runs.csv", {*typed})

    def test_a_refused_fit_names_the_check(self, run):
        golden().drop(columns="loss").to_csv("my runs.csv", index=False)
        options = ("--units", "N=M", "--resamples", "9", "--quiet", "--on-bad=drop", "--json")
        code, _, err = run("fit", "my runs.csv", *options)
        assert code == 1
        command = err.splitlines()[-1].partition("read: ")[2]
        assert command == "scalejax check 'my runs.csv' --units N=M --on-bad=drop"
        assert run(*shlex.split(command)[1:])[0] == 1

    def test_a_law_that_could_be_several_is_asked_for(self, run):
        golden(step=np.arange(36) + 1).drop(columns="D").to_csv("runs.csv", index=False)
        code, out, _ = run("check", "runs.csv", "--quick")
        assert code == 1
        assert "--law floor_power_N" in out
        assert run("check", "runs.csv", "--quick", "--law", "floor_power_N")[0] == 0

    def test_standard_input_and_datasets(self, run, monkeypatch):
        import io

        text = golden().to_csv(index=False).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert run("check", "-", "--quick")[1].startswith("standard input: 36 rows")
        assert run("check", "golden36", "--quick")[1].startswith("golden36: 36 rows")

    def test_wrong_usage(self, run):
        golden().to_csv("runs.csv", index=False)
        assert run("check")[0] == 2
        assert run("check", "--explain", "E999")[0] == 2
        assert run("check", "runs.csv", "--units", "N=X")[0] == 2
        assert run("check", "runs.csv", "--loss-unit", "shannon")[0] == 2
        three = [word for name in "abc" for word in ("--run", name)]
        assert run("check", "runs.csv", *three)[0] == 2

    def test_explain(self, run):
        code, out, _ = run("check", "--explain", "w203")
        assert code == 0
        assert out.startswith("W203 (warning): repeated rows\n")
        assert "To do: " in out

    def test_help_is_quick_and_loads_nothing_heavy(self):
        start = time.perf_counter()
        code = (
            "import sys; from scalejax.cli import main\n"
            "try: main(['check', '--help'])\n"
            "finally: print({'jax', 'pandas', 'numpy', 'pyarrow', 'rich'} & {*sys.modules})"
        )
        out = subprocess.check_output([sys.executable, "-c", code], text=True)
        assert out.strip().endswith("set()")
        # 0.2 s on an idle machine; the bound is for a loaded one.
        assert time.perf_counter() - start < 5
