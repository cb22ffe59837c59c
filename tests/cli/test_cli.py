import inspect
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax.cli import cache, main
from scalejax.status import Status
from scalejax.vocabulary import speaking

RUNS = sj.datasets.load("golden36")
OPTIONS = """
    law formula objective delta dof on bootstrap resampling noise seed cluster strata loss-unit
    weights sigma column units derive exclude on-bad fix tie bound by solver max-steps level out
    about allow-unidentified plot json quiet
""".split()  # noqa: SIM905
FEW = ("--resamples", "50")
LAW = """
    from scalejax import Positive, law

    @law(linear=("E", "A"), plausible={"alpha": (0.05, 1.5)})
    def mylaw(N, *, E: Positive, A: Positive, alpha: Positive):
        '''Loss E + A/N^alpha.'''
        return E + A * N**-alpha
"""


@pytest.fixture(scope="module")
def fit():
    return sj.fit(RUNS, resamples=50)


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """An empty working directory, no cache, and no trace in sys.path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.NO_CACHE_VARIABLE, "1")
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def run(capsys):
    def call(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return call


@pytest.fixture
def fake(monkeypatch, fit):
    """Replaces the fit itself; what it was called with is in the list."""
    calls = []

    def install(result=fit):
        def call(data, **arguments):
            calls.append(arguments)
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(sj, "fit", call)
        monkeypatch.setattr(sj, "fit_many", call)
        return calls

    return install


def write_runs(path, **columns):
    RUNS.assign(**columns).to_csv(path, index=False)
    return path


def strict_json(text):
    return json.loads(text, parse_constant=pytest.fail)


def test_starts_without_heavy_imports():
    code = "import scalejax.cli, sys; print({'jax', 'pandas', 'numpy', 'rich'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_python_dash_m_runs_it():
    command = [sys.executable, "-m", "scalejax", "--version"]
    assert subprocess.check_output(command, text=True).split() == ["scalejax", version("scalejax")]


def test_help_of_every_verb(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(word in out for word in ("fit", "laws", "show", "--version", "Exit codes"))
    code, out, _ = run("fit", "--help")
    assert code == 0
    for option in [
        "law",
        "objective",
        "delta",
        "dof",
        "on",
        "resamples",
        "resampling",
        "noise",
        "strata",
        "loss-unit",
        "formula",
        "seed",
        "run",
        "weights",
        "sigma",
        "columns",
        "units",
        "derive",
        "exclude",
        "on-bad",
        "fixed",
        "tied",
        "bounds",
        "by",
        "solver",
        "max-steps",
        "level",
        "out",
        "plot",
        "json",
        "quiet",
    ]:
        assert f"\n  --{option} " in out, option
    assert "1000" in out
    assert "--json" in run("laws", "--help")[1]
    assert {"--law", "--level", "--json"} <= {*run("show", "--help")[1].split()}


def test_example_gives_the_summary_on_stdout_and_talk_on_stderr(run, fit):
    code, out, err = run("fit", *FEW, "--quick")
    assert code == 0
    # Python's own words for an argument, and the terminal's.
    said = replace(fit, table=replace(fit.table, source="golden36")).summary()
    assert out == said.replace("loss_unit= given", "--loss-unit given") + "\n"
    assert "built-in example golden36" in err
    assert run("fit", *FEW, "--quick", "--quiet")[2] == ""


def test_larger_runs_are_forecast_below_the_summary(run, fit):
    code, out, _ = run("fit", *FEW)
    assert code == 0
    summary, forecast = out.split("\nForecast of runs of 10 and 100 times the largest compute:\n")
    # The decision first: it does not wait for the forecast.
    assert summary.startswith("law ")
    assert "made with" in summary
    assert forecast.startswith(fit.forecast().summary() + "\n")
    assert "predicting your 10 largest runs from the rest" in forecast


def test_json_equals_python(run, fit):
    code, out, _ = run("fit", *FEW, "--json", "--level", "0.9")
    found = strict_json(out)
    assert code == 0
    assert found["params"] == fit.params
    assert found["settings"] == strict_json(json.dumps(fit.settings))
    expected = fit.conf_int(0.9).loc["alpha", ["stderr", "lo", "hi"]].to_dict()
    assert found["intervals"]["level"] == 0.9
    assert expected.items() <= found["intervals"]["parameters"]["alpha"].items()


def test_out_saves_what_was_printed(run, tmp_path):
    code, out, err = run("fit", *FEW, "--quick", "--out", "deep/one")
    assert code == 0
    assert "saved deep/one" in err
    assert run("show", "deep/one") == (0, out, "")
    shown = strict_json(run("show", "deep/one", "--json")[1])
    assert shown["params"] == sj.load_fit(tmp_path / "deep" / "one").params
    assert "80 % pairs percentile" in run("show", "deep/one", "--level", "0.8")[1]


def test_stdin(run, fit, monkeypatch):
    text = RUNS.to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    code, out, err = run("fit", "-", "--json", *FEW)
    assert code == 0
    assert err == "scalejax: assumed: loss taken to be in nats/token: no --loss-unit given\n"
    assert strict_json(out)["table"]["source"] == "standard input"
    assert strict_json(out)["params"] == pytest.approx(fit.params, rel=1e-6)


def test_by_fits_each_group(run, tmp_path):
    both = pd.concat([RUNS.assign(family="../a b"), RUNS.assign(family="<b>")])
    both.to_csv("runs.csv", index=False)
    code, out, _ = run("fit", "runs.csv", "--by", "family", "--out", "many")
    assert code == 0
    head, first, second = out.splitlines()
    assert head.split() == ["family", "rows", "E", "A", "alpha", "B", "beta", "condition", "status"]
    assert first.startswith("../a b")
    assert second.startswith("<b>")
    saved = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert [name.rpartition("-")[0] for name in saved] == ["a-b", "b"]
    assert len({*saved}) == 2
    fits = strict_json(run("fit", "runs.csv", "--by", "family", "--json")[1])["fits"]
    assert fits["../a b"]["params"] == pytest.approx(fits["<b>"]["params"], rel=1e-9)


def test_options_reach_the_fit(run, fake):
    calls = fake()
    write_runs("runs.csv", run=1, w=1.0, bad=0)
    code, _, err = run(
        *("fit", "runs.csv", "--law", "chinchilla", "--objective", "huber", "--delta", "0.01"),
        *("--on", "loss", "--resamples", "7", "--seed", "3", "--run", "run", "--weights", "w"),
        *("--resampling", "bayesian", "--strata", "run", "--loss-unit", "bits"),
        *("--columns", "N=size", "--columns", "loss=L", "--units", "N=M", "--units", "D=1e9"),
        *("--derive", "D=6ND", "--exclude", "bad", "--on-bad", "drop", "--fixed", "alpha=0.34"),
        *("--tied", "beta=alpha", "--bounds", "E=0.5:2", "--max-steps", "9", "--solver", "lbfgs"),
    )
    assert code == 0
    assert err == "scalejax: assumed: loss taken to be in nats/token: no loss_unit= given\n"
    call = calls[0]
    assert call.pop("solver") is not None
    assert call == {
        "law": sj.LAWS["chinchilla"],
        "objective": sj.huber(0.01, on="loss"),
        "resamples": 7,
        "resampling": "bayesian",
        "strata": "run",
        "loss_unit": "bits",
        "seed": 3,
        "run": "run",
        "weights": "w",
        "columns": {"N": "size", "loss": "L"},
        "units": {"N": "M", "D": 1e9},
        "derive": {"D": "6ND"},
        "exclude": "bad",
        "on_bad": "drop",
        "fixed": {"alpha": 0.34},
        "tied": {"beta": "alpha"},
        "bounds": {"E": (0.5, 2.0)},
        "max_steps": 9,
        "noise": None,
        "allow_unidentified": False,
        "progress": None,
    }


def test_defaults_are_those_of_python(run, fake):
    calls = fake()
    run("fit")
    call = calls[0]
    assert call.pop("progress") is None
    assert "law" not in call
    assert call.pop("objective") == sj.huber()
    defaults = inspect.signature(sj.fitting.fit).parameters
    assert call == {name: defaults[name].default for name in call}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("huber-auto",), sj.huber("auto")),
        (("least-squares",), sj.least_squares()),
        (("absolute", "--on", "loss"), sj.absolute(on="loss")),
        (("student-t",), sj.student_t()),
        (("student-t", "--dof", "5"), sj.student_t(5)),
    ],
)
def test_objectives(run, fake, words, expected):
    calls = fake()
    assert run("fit", "--objective", *words)[0] == 0
    assert calls[0]["objective"] == expected


def test_exclude_by_row_number(run, fake):
    calls = fake()
    run("fit", "--exclude", "3,17")
    run("fit", "--exclude", "top5(loss)")
    assert [call["exclude"] for call in calls] == [[3, 17], "top5(loss)"]


def test_a_fit_without_an_estimate_gives_3(run, fake, fit):
    """An estimate that is to be read with care is said, and is no error; nor is a lost resample."""
    lost = replace(fit.draws, status=np.full_like(fit.draws.status, Status.STALLED))
    for found, wanted in (
        (replace(fit, status=Status.STALLED), 0),
        (replace(fit, draws=lost), 0),
        (replace(fit, status=Status.NON_FINITE, params=dict.fromkeys(fit.params, np.nan)), 3),
    ):
        fake(found)
        code, out, _ = run("fit", "--out", f"kept{found.status}")
        assert code == wanted
        assert found.status.label in out.lower()
    assert sj.load_fit("keptstalled").status == Status.STALLED


def test_failed_groups_give_3_and_a_sentence(run, fake, fit):
    for status, wanted in ((Status.BOUND_HIT, 0), (Status.STALLED, 3)):
        fake({"a": fit, "b": replace(fit, status=status)})
        code, out, _ = run("fit", "--by", "family")
        assert code == wanted
        with speaking("terminal"):
            assert status.sentence in out


def test_interrupt_gives_130(run, fake):
    fake(KeyboardInterrupt())
    assert run("fit", "--out", "never")[0] == 130


def test_warnings_and_assumptions_are_talk(run):
    RUNS.assign(C=6 * RUNS["N"] * RUNS["D"]).drop(columns="D").to_csv("runs.csv", index=False)
    code, out, err = run("fit", "runs.csv", "--json", *FEW)
    assert code == 0
    strict_json(out)
    assert "scalejax: assumed: D derived" in err


def test_bad_file_is_an_error_and_leaves_nothing(run, tmp_path):
    (tmp_path / "bad.csv").write_text("N,D,loss\n1e8,1e9,3\n2e8,x,2.9\n,1e9,2\n")
    code, out, err = run("fit", "bad.csv", "--out", "never", "--plot", "never.png")
    assert (code, out) == (1, "")
    assert "E120 column 'D' row 2" in err
    assert "--on-bad drop" in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_missing_file_and_unknown_law(run):
    code, _, err = run("fit", "nothing.csv")
    assert code == 2
    assert "there is no file or dataset 'nothing.csv'" in err
    code, _, err = run("fit", "--law", "nolaw")
    assert code == 2
    assert "there is no law 'nolaw'" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "--bogus"), "No such option"),
        (("fit", "--fixed", "alpha"), "NAME=VALUE"),
        (("fit", "--fixed", "alpha=a"), "must be a finite number"),
        (("fit", "--fixed", "E=1", "--fixed", "E=2"), "twice"),
        (("fit", "--fixed", "gamma=1"), "not a parameter"),
        (("fit", "--bounds", "E=1"), "LOW:HIGH"),
        (("fit", "--objective", "absolute", "--delta", "1"), "only --objective huber"),
        (("fit", "--dof", "3"), "student-t"),
        (("fit", "--delta", "-1"), "between 1e-12 and 1e12"),
        (("fit", "--level", "95"), "between 0 and 1"),
        (("fit", "--by", "family", "--resamples", "9"), "--by"),
        (("fit", "--by", "family", "--plot", "a.png"), "--by"),
        (("fit", "--plot", "a.txt"), ".png"),
        (("fit", "--plot", "no/a.png"), "no folder"),
        (("fit", "--objective", "l2"), "least-squares"),
        (("show",), "Missing argument"),
        (("show", "nothing"), "no law, published set or folder"),
        (("show", "chinchilla:nobody"), "besiroglu2024"),
        (("show", "chinchilla", "--level", "2"), "between 0 and 1"),
        (("brew",), "No such command"),
    ],
)
def test_wrong_usage_gives_2(run, words, message):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert message in err


def test_out_is_checked_before_the_fit(run, fake, tmp_path):
    calls = fake()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("")
    assert run("fit", "--out", "thesis")[0] == 2
    assert calls == []


def test_own_law_from_a_file_and_from_a_module(run, tmp_path, monkeypatch):
    (tmp_path / "cli_test_laws.py").write_text(textwrap.dedent(LAW))
    monkeypatch.delitem(sys.modules, "cli_test_laws", raising=False)
    found = []
    for spec in ("cli_test_laws.py:mylaw", "cli_test_laws:mylaw"):
        code, out, _ = run(
            *("fit", "--law", spec, "--objective", "least-squares", *FEW),
            *("--json", "--out", "mine"),
        )
        assert code in (0, 3)
        found.append(strict_json(out))
        assert found[-1]["law"]["spec"] == spec
    assert found[0]["params"] == found[1]["params"]
    assert run("show", "mine")[0] == 0
    for module in ("cli_test_laws", "_scalejax_law_cli_test_laws"):
        sys.modules.pop(module)
    code, _, err = run("show", "mine")
    assert code == 1
    assert "pass it as --law" in err
    assert run("show", "mine", "--law", "cli_test_laws.py:mylaw")[0] == 0
    assert "E + A/N^alpha" in run("show", "cli_test_laws.py:mylaw")[1]
    sys.modules.pop("_scalejax_law_cli_test_laws")


def test_own_law_that_cannot_be_imported(run, tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0")
    code, _, err = run("fit", "--law", "broken.py:mylaw")
    assert code == 1
    assert "ZeroDivisionError" in err


def test_laws(run):
    code, out, _ = run("laws")
    assert code == 0
    assert [line.split()[0] for line in out.split("\n\n")[0].splitlines()] == ["law", *sj.LAWS]
    assert [entry["name"] for entry in strict_json(run("laws", "--json")[1])] == [*sj.LAWS]


def test_laws_are_filtered(run):
    def names(*options):
        return {entry["name"] for entry in strict_json(run("laws", *options, "--json")[1])}

    assert names("--input", "N", "--input", "P_w") == {"kumar2024", "kumar2024_unified"}
    assert names("--gives", "error") == {"error_of_loss", "mikami2021", "schaeffer2025"}
    assert names("--search", "kaplan") >= {"kaplan", "kaplan_steps", "power_N"}
    assert names("--published") == {name for name, law in sj.LAWS.items() if law.published}
    assert run("laws", "--input", "nothing")[1] == "There is no such law.\n"


def test_laws_show(run):
    """A law by its name, a set by its identifier, and doubts where there are any."""
    out = run("laws", "show", "kumar2024")[1]
    for words in ("arXiv:2411.04330", "non-embedding", "2.6745  bits", "chinchilla, at P_w = inf"):
        assert words in out
    example = re.search(r'LAWS\["kumar2024"\]\.predict\("kumar2024", (.*)\)  # ([0-9.]+)', out)
    at = {k: float(v) for k, v in (pair.split("=") for pair in example[1].split(", "))}
    found = sj.LAWS["kumar2024"].predict("kumar2024", **at)
    assert float(found) == pytest.approx(float(example[2]), rel=5e-3)
    assert "UNVERIFIED" in run("laws", "show", "chen2025-W4A4")[1]
    assert "UNVERIFIED" not in run("laws", "show", "besiroglu2024")[1]
    code, _, err = run("laws", "show", "kumar24")
    assert code == 2
    assert "did you mean kumar2024" in err


def test_every_law_and_set_can_be_shown(run):
    for name, law in sj.LAWS.items():
        assert law.about in run("show", name)[1]
        found = strict_json(run("show", name, "--json")[1])
        assert [entry["name"] for entry in found["parameters"]] == [*law.parameters]
        for key, values in law.published.items():
            out = run("show", f"{name}:{key}")[1]
            assert all(repr(value) in out for value in values.values())
            shown = strict_json(run("show", f"{name}:{key}", "--json")[1])
            assert shown["values"] == dict(values)


def test_plot(run, fake, tmp_path):
    fake()
    code, _, _ = run("fit", "--plot", "fit.svg")
    assert code == 0
    assert "<svg" in (tmp_path / "fit.svg").read_text()


def test_cache_is_for_this_processor_and_can_be_turned_off(monkeypatch, tmp_path):
    names = ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")
    for name in (*names, "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    cache.use_compilation_cache()
    assert names[0] not in os.environ
    monkeypatch.delenv(cache.NO_CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.use_compilation_cache()
    if sys.platform == "linux":
        assert os.environ[names[0]].startswith(str(tmp_path / "scalejax" / "jax"))
    monkeypatch.setenv(names[0], "mine")
    cache.use_compilation_cache()
    assert os.environ[names[0]] == "mine"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("scalejax des", {"design"}), ("scalejax plan --serving-h", {"--serving-hardware"})],
)
def test_shells_complete_verbs_and_options(run, monkeypatch, typed, completed):
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    monkeypatch.setenv("_SCALEJAX_COMPLETE", "complete_bash")
    assert set(run()[1].split()) == completed


def test_draws_of_the_command_are_those_of_python(run, fit, tmp_path):
    run("fit", *FEW, "--out", "one")
    fit.save(tmp_path / "two")
    first, second = (sj.load_fit(tmp_path / name).draws for name in ("one", "two"))
    np.testing.assert_array_equal(first.parameters["A"], second.parameters["A"])
