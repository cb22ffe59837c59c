"""Fixtures for the whole suite: the tables, and one fit of each kind per process.

Compiling a fit takes seconds and running it milliseconds, so tests share tables, objectives and
chunk sizes where they can, files are kept on one worker (`pytest_xdist_make_scheduler`), compiled
programs are kept between runs (`compiled`), and each file has a budget of them.
"""

import json
import os
import signal
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from compiled import Compiled
from hypothesis import HealthCheck, settings

import scalejax as sj
from scalejax.datasets import DATA_FOLDER_VARIABLE

# Who runs the suite in the background may have it ignore Ctrl-C, which tests send.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

COMPILED = Compiled()
COMPILED.begin()

TESTS = Path(__file__).parent
BUDGETS = json.loads((TESTS / "budgets.json").read_text())
REQUESTED = "/jax/compilation_cache/compile_requests_use_cache"
MOST_MAPS = 20_000

LONGEST = (
    *("test_readme", "test_notebooks", "test_optima", "test_optima_batches", "test_laws"),
    *("test_report", "test_results", "test_uncertainty", "test_plan", "test_advice"),
    *("test_honesty", "test_recovery", "test_objectives", "test_optima_cases", "test_other_laws"),
)

settings.register_profile(
    "ci",
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("slow", settings.get_profile("ci"), max_examples=300)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the long statistical tests")


def _slow_wanted(config):
    expression = config.getoption("markexpr")
    asked = "slow" in expression and "not slow" not in expression
    return asked or config.getoption("--slow")


def pytest_configure(config):
    settings.load_profile("slow" if _slow_wanted(config) else "ci")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        COMPILED.end()


def _place(file):
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


def _without_documents(config, items):
    """What runs the README and the notebooks is a step of its own, with `-m document`."""
    if "document" in config.getoption("markexpr"):
        return
    left_out = [item for item in items if "document" in item.keywords]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if "document" not in item.keywords]


def pytest_collection_modifyitems(config, items):
    _without_documents(config, items)
    # The longest first, or one worker waits for the other at the end.
    items.sort(key=lambda item: _place(item.path.stem))
    if _slow_wanted(config):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="long statistical test: -m slow or --slow"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep the tests of one file on one worker, where its compiled programs are."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    # Else files with many tests go first, and not those that take long.
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.fixture(scope="module", autouse=True)
def _within_budget(request):
    """A file asks for no more compiled programs than `budgets.json` allows it.

    Programs are counted whether they are compiled or read from the folder: each costs tracing and
    loading too. A budget is the count of today, a fifth, and what the fits that all share need.
    """
    from jax import monitoring  # after the folder above is set

    def count(event, **_):
        nonlocal programs
        programs += event == REQUESTED

    programs = 0
    monitoring.register_event_listener(count)
    yield
    monitoring.unregister_event_listener(count)
    file = request.path.relative_to(TESTS).as_posix()
    most = BUDGETS["files"].get(file, BUDGETS["others"])
    if programs > most and not _slow_wanted(request.config):
        pytest.fail(f"{file} asked for {programs} compiled programs, and its budget is {most}")


@pytest.fixture(scope="module", autouse=True)
def _few_programs():
    """Drop compiled programs before they are too many.

    Each is some memory maps, of which a process may have 65,530 on Linux; the compiler crashes
    there. What is needed again is read from the folder of compiled programs.
    """
    COMPILED.take()
    yield
    COMPILED.keep()
    maps = Path("/proc/self/maps")
    if not maps.exists() or maps.read_bytes().count(b"\n") > MOST_MAPS:
        import jax  # after the folder above is set

        jax.clear_caches()


@pytest.fixture(scope="session")
def golden() -> pd.DataFrame:
    """GOLDEN-36, which needs no file."""
    return sj.datasets.load("golden36")


@pytest.fixture(scope="session")
def chinchilla_all() -> pd.DataFrame:
    """The 245 digitised Chinchilla runs."""
    if not os.environ.get(DATA_FOLDER_VARIABLE):
        pytest.skip(f"{DATA_FOLDER_VARIABLE} is not set: no licence to ship the Chinchilla runs")
    return sj.datasets.load("chinchilla")


@pytest.fixture(scope="session")
def chinchilla(chinchilla_all) -> pd.DataFrame:
    """The 240 runs that the replication keeps."""
    return chinchilla_all[~chinchilla_all["outlier5"]].reset_index(drop=True)


@pytest.fixture(scope="session")
def golden_huber(golden) -> sj.Fit:
    """Huber(1e-3), the default objective, on GOLDEN-36."""
    return sj.fit(golden, resamples=0)


@pytest.fixture(scope="session")
def golden_lsq(golden) -> sj.Fit:
    """Least squares on GOLDEN-36."""
    return sj.fit(golden, objective=sj.least_squares(), resamples=0)


@pytest.fixture(scope="session")
def golden_draws(golden) -> sj.Fit:
    """The default fit with 200 resamples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sj.FitWarning)
        return sj.fit(golden, resamples=200)


@pytest.fixture(scope="session")
def chinchilla_huber(chinchilla_all) -> sj.Fit:
    """Huber(1e-3) on the 240 runs, the five outliers excluded by their column."""
    return sj.fit(chinchilla_all, exclude="outlier5", resamples=0)


@pytest.fixture(scope="session")
def chinchilla_lsq(chinchilla_all) -> sj.Fit:
    """Least squares on the 240 runs."""
    return sj.fit(chinchilla_all, exclude="outlier5", objective=sj.least_squares(), resamples=0)


@pytest.fixture(scope="session")
def golden_bootstrap(chinchilla_all) -> sj.Fit:
    """The replication's own 4,000 resamples (seed 42, drawn row by row) as explicit weights."""
    kept = np.flatnonzero(~chinchilla_all["outlier5"])
    legacy = np.random.RandomState(42)  # the published resamples came from this generator
    weight = [
        np.bincount(legacy.choice(kept, size=len(kept)), minlength=len(chinchilla_all))[kept]
        for _ in range(4000)
    ]
    return sj.fit(chinchilla_all, exclude="outlier5", resamples=np.stack(weight))
