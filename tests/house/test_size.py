"""Work is counted before it is allocated or begun, and its time goes with the size of the input."""

import contextlib
import resource
import signal
import subprocess
import sys
import time

import pytest

import scalejax as sj
from scalejax import workload
from scalejax.cli import main
from scalejax.errors import UsageError
from scalejax.isoflop import isoflop_bias
from scalejax.studies import shards
from scalejax.studies.schema import read as read_study
from scalejax.studies.subsets import subset_grid

RUNS = sj.datasets.load("golden36")
HUGE = [10**9, 10**12, 2**63 - 1]


@pytest.fixture
def no_program(monkeypatch):
    """Fails where a program is compiled."""
    import jax

    def compiled(*args, **options):
        raise AssertionError("a program was compiled")

    monkeypatch.setattr(jax._src.compiler, "compile_or_get_cached", compiled)


@contextlib.contextmanager
def at_most(seconds):
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


def study(**options):
    return sj.study(sj.Study(recipes="chinchilla", target=False, **options), RUNS)


def draws_of(verb):
    return lambda count: verb("besiroglu2024", budget=1e21, draws=count)


PLANNED = {
    "fit": lambda count: sj.fit(RUNS, resamples=count),
    "select": lambda count: sj.select(RUNS, resamples=count),
    "study": lambda count: study(resamples=count),
    "a study without intervals": lambda count: study(resamples=count, resampling="pairs"),
    "subsets": lambda count: subset_grid(models=[1, 2], choose=["random"], draws=count),
    "design": draws_of(sj.design),
    "minima": lambda count: isoflop_bias(
        "chinchilla",
        {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.35, "beta": 0.37},
        [1e20, 1e21],
        4,
        points=count,
    ),
}


@pytest.mark.parametrize("count", HUGE)
@pytest.mark.parametrize("name", PLANNED)
def test_more_than_a_machine_holds_is_refused_with_the_numbers(name, count, no_program):
    with at_most(5), pytest.raises(UsageError, match=r"at least .* of memory|whole number of"):
        PLANNED[name](count)


def test_lists_are_counted_before_they_are_multiplied():
    many = [k / 2000 for k in range(1000)]
    lists = {"models": [*range(1000)], "since": many, "drop": many, "own": many}
    with at_most(5), pytest.raises(UsageError, match=r"1,000 numbers of models x .* of memory"):
        read_study({"laws": "chinchilla", "subsets": lists})


def test_shards_are_counted_before_they_are_made(monkeypatch, no_program):
    monkeypatch.setattr(shards, "check_memory", lambda *_: None)
    with at_most(5), pytest.raises(UsageError, match=r"1 problems x 1,000,000,000,001 refits"):
        study(resamples=10**12)


def test_the_limit_is_that_of_the_process(monkeypatch):
    resource_of = lambda kind: (12_345_678, -1)  # noqa: E731
    monkeypatch.setattr(resource, "getrlimit", resource_of)
    assert workload.memory_limit() == 12_345_678
    with pytest.raises(UsageError, match=r"2,000 fits x 1,000 rows need at least 16 MB .*12.3 MB"):
        workload.check_memory("resamples", {"fits": 2000, "rows": 1000}, 8)


def test_what_does_not_fit_all_the_same_is_one_line(monkeypatch, capsys):
    def full(*args, **options):
        raise MemoryError

    monkeypatch.setattr(sj.datasets, "load", full)
    with pytest.raises(SystemExit) as end:
        main(["fit", "golden36"])
    assert end.value.code == 1
    assert "does not fit into the memory" in capsys.readouterr().err


def table_of(columns, header="x{}"):
    names = ",".join(header.format(k) for k in range(columns))
    cells = ",".join(["1.5"] * columns)
    rows = [f"{1e8 * k},{1e9 * k * k},{3 - 0.1 * k},{cells}" for k in range(1, 13)]
    return f"N,D,loss,{names}\n" + "\n".join(rows)


@pytest.mark.parametrize("header", ["x{}", "params_{} (M)", "config.model.x{}"])
def test_columns_take_time_by_their_number(header, monkeypatch, tmp_path):
    """Counted in calls, which do not depend on who else works on this machine."""
    counts = []
    for columns in (100, 400):
        path = tmp_path / f"{columns}.csv"
        path.write_text(table_of(columns, header))
        calls = 0

        def count(frame, event, arg):
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            sj.load_table(path)
        finally:
            sys.setprofile(None)
        counts.append(calls)
    assert counts[1] < 4.5 * counts[0]


STUDY = "laws = ['chinchilla']\ntarget = false\nresamples = {}\n"
LIMITED = """
import resource, sys
from scalejax.cli import main
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
print("begun", flush=True)
main(sys.argv[1:])
"""


def test_planning_is_small_and_hears_sigterm(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY.format(10**6))
    (tmp_path / "huge.toml").write_text(STUDY.format(10**12))
    command = [sys.executable, "-c", LIMITED, "study"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    with subprocess.Popen([*command, "huge.toml", "golden36", "--dry-run"], **options) as process:
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 2, said
        assert "of memory" in said
    with subprocess.Popen(
        [*command, "study.toml", "golden36", "--out", "job"], **options
    ) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 75, said
        assert "terminated" in said
