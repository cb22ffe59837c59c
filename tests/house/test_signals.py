"""Old or new, never neither: every writer and every verb, killed or interrupted at any moment.

Moments are the lines of the modules that write, see `moments`; real processes are killed at random
in `tests/fuzz`.
"""

import os
import random
import shutil
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from moments import Moments, before_each_change, before_each_line, content

import scalejax as sj
from scalejax import designing, files, forecasting, planning, plots, reporting, selection
from scalejax.cli import cache, main
from scalejax.data import save_mapping, to_csv
from scalejax.data.mapping import MappedColumn
from scalejax.forecasting import storage
from scalejax.reporting import page
from scalejax.studies import folder
from scalejax.studies.folder import Folder

RUNS = sj.datasets.load("golden36")


class Stopped(BaseException):
    """A signal."""


def stop():
    raise Stopped


def frame(word):
    return pd.DataFrame({word: np.arange(30.0)})


class Tables:
    """A report as `save_tables` needs it, with other tables for the other word."""

    def __init__(self, word):
        names = sorted(page.Report.FRAMES)
        self.frames = dict.fromkeys(names[:3] if word == "old" else names[2:4], frame(word))


WRITERS = {
    "fit": lambda path, word, fits, plans: fits[word].save(path),
    "plan": lambda path, word, fits, plans: plans[word].save(path),
    "forecast": lambda path, word, *_: storage.write(
        {"level": 0.9, "notes": [word]}, {"": {"a": np.arange(9.0)}}, path
    ),
    "tables": lambda path, word, *_: page.save_tables(Tables(word), path),
    "page.html": lambda path, word, *_: page.save(page.MARK + word, path),
    "numbers.csv": lambda path, word, *_: to_csv(frame(word), path),
    "mapping.toml": lambda path, word, *_: save_mapping(path, [MappedColumn("N", word)]),
}


@pytest.fixture(scope="module")
def write(fit, plan):
    """A function that writes something old or new in a folder."""
    sources = {word: replace(fit.table, source=word) for word in ("old", "new")}
    fits = {word: replace(fit, table=table) for word, table in sources.items()}
    # What a plan computes when it is first read is computed once.
    plans = {word: replace(plan, source=replace(plan.source, label=word)) for word in sources}
    return lambda name, place, word: WRITERS[name](place / name, word, fits, plans)


@pytest.fixture(params=WRITERS)
def stages(request, write, tmp_path):
    """A writer, and what is on the disk before and after it, at first and when it is replaced."""
    name, place = request.param, tmp_path / "place"

    def begin(old):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        if old:
            write(name, place, "old")
        return content(place)

    ends = {}
    for old in (False, True):
        before = begin(old)
        write(name, place, "new")
        ends[old] = before, content(place)
        assert ends[old][0] != ends[old][1]
    return name, place, begin, ends


def as_read(place, name):
    """What a reader finds, who puts a folder back first."""
    files.settle(place / name)
    return {path: data for path, data in content(place).items() if path.startswith(name)}


@pytest.mark.parametrize("old", [False, True])
def test_a_kill_at_any_moment(old, stages, write, tmp_path):
    name, place, begin, ends = stages
    begin(old)
    copy, last, states = tmp_path / "copy", None, []

    def look():
        nonlocal last
        now = [(str(path), path.lstat().st_mtime_ns) for path in sorted(place.rglob("*"))]
        if now != last:
            last = now
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(place, copy)
            states.append(as_read(copy, name))

    with before_each_line([files], look):
        write(name, place, "new")
    assert len(states) > 2
    assert all(state in ends[old] for state in states)


# What a signal interrupts is open until the garbage is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("old", [False, True])
def test_a_signal_at_any_moment(old, stages, write):
    name, place, begin, ends = stages
    begin(old)
    moments = Moments()
    with before_each_line([files], moments):
        write(name, place, "new")
    # All in the quick ones: those are the same lines.
    for number in range(1, moments.count + 1, 19 if name in ("fit", "plan") else 1):
        begin(old)
        stopped = Moments(number, stop)
        with pytest.raises(Stopped), before_each_line([files], stopped):
            write(name, place, "new")
        assert as_read(place, name) in ends[old]
    write(name, place, "new")
    assert as_read(place, name) == ends[old][1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_job_that_was_begun_is_whole_or_free(tmp_path):
    rows, job = pa.table({"x": [1.0]}), {"schema": 1, "study": {}, "table": {}, "fingerprint": {}}
    moments, place = Moments(), Folder(tmp_path)
    with before_each_line([files, folder], moments):
        place.begin(job, rows)
    for number in range(1, moments.count + 1):
        place = Folder(tmp_path / str(number))
        place.path.mkdir()
        with pytest.raises(Stopped), before_each_line([files, folder], Moments(number, stop)):
            place.begin(job, rows)
        assert place.is_free or (place.job()["study"] == {} and place.has_rows(rows))


# Verbs -----------------------------------------------------------------------------------------

STUDY = 'laws = ["power_N"]\nby = ["family"]\ntarget = false\nresamples = 5\n'
PLAN = ("plan", "besiroglu2024", "--budget", "1e22", "--quick")
VERBS = {
    "fit --out": ("fit", "golden36", "--quick", "--resamples", "0", "--out", "it"),
    "fit --by": ("fit", "runs.csv", "--by", "family", "--out", "it"),
    "fit --plot": ("fit", "golden36", "--quick", "--resamples", "0", "--plot", "it.png"),
    "forecast --out": ("forecast", "golden36", "--at", "N=1B,D=20B", "--out", "it"),
    "forecast --csv": ("forecast", "golden36", "--at", "N=1B,D=20B", "--csv", "it.csv"),
    "plan --out": (*PLAN, "--out", "it"),
    "design --csv": (
        "design",
        "besiroglu2024",
        "--budget",
        "1e21",
        "--csv",
        "it.csv",
        "--plot",
        "it.png",
    ),
    "select --plot": ("select", "golden36", "--laws", "power_N,power_C", "--plot", "it.png"),
    "report -o": ("report", "fit", "-o", "it.html", "--tables", "it"),
    "check --save-mapping": ("check", "golden36", "--quick", "--save-mapping", "it.toml"),
    "study --out": ("study", "study.toml", "runs.csv", "--out", "it"),
    "study --csv": ("study", "study.toml", "runs.csv", "--out", "it", "--csv", "it.csv"),
}
"""Each verb that writes, with what makes it write."""

CODES = {signal.SIGINT: (130, "interrupted."), signal.SIGTERM: (75, "terminated.")}


class Answer(mock.MagicMock):
    """What a verb says, without the work: only how it is written matters here."""

    def to_frame(self):
        return frame("x")

    def save(self, place):
        return storage.write({"level": 0.9}, {"": {"a": np.arange(9.0)}}, place)


@pytest.fixture
def _no_work(fit, plan, monkeypatch):
    answer, tables = Answer(failed=(), notes=()), Answer(frames=Tables("new").frames)
    results = {
        (sj, "fit"): fit, (sj, "fit_many"): {"a": fit, "b": fit}, (sj, "plan"): plan,
        (forecasting, "forecast"): answer, (selection, "select"): answer,
        (designing, "design_of"): answer,
        (planning, "frontier"): answer, (planning, "contours"): answer,
        (reporting, "content"): tables, (reporting, "to_html"): page.MARK,
    }  # fmt: skip
    for (module, name), result in results.items():
        monkeypatch.setattr(module, name, lambda *_, r=result, **__: r)
    for name in ("plot_fit", "plot_frontier", "plot_contours", "plot_selection", "plot_design"):
        monkeypatch.setattr(plots, name, lambda *_, **__: plt.subplots()[1])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_no_work")
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_a_signal_ends(verb, fit, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.NO_CACHE_VARIABLE, "1")
    RUNS.assign(family=["a", "b"] * 18).to_csv("runs.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    fit.save("fit")
    before = content(tmp_path)

    def run(moments):
        with pytest.raises(SystemExit) as end, before_each_change(tmp_path, moments):
            main(VERBS[verb])
        return end.value.code or 0, capsys.readouterr().err.splitlines()

    moments = Moments()
    assert run(moments)[0] == 0
    after = visible(tmp_path)
    assert after.keys() > before.keys()
    draw = random.Random(verb)
    for number, (code, word) in CODES.items():
        for old in (False, True):
            # A job that is there is done, and has fewer moments.
            for path in () if old and verb[:5] != "study" else tmp_path.glob("it*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            stop = partial(os.kill, os.getpid(), number)
            ended, said = run(Moments(draw.randint(1, moments.count), stop))
            assert (ended, said[-1].partition(" ")[2][: len(word)]) == (code, word)
            now = visible(tmp_path)
            assert verb.startswith("study") or now.items() <= after.items()
    # And the same command again does it.
    assert run(Moments())[0] == 0
    assert visible(tmp_path).keys() == after.keys()


def visible(place):
    """What is in a folder, without what was left over beside it."""
    return {
        name: data
        for name, data in content(place).items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }
