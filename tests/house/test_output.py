"""Every writer leaves the old or the new, and every verb says what is lost, with its exit code.

A full disk is a limit on the size of files, by which the system refuses a write in the middle.
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from moments import content

import scalejax as sj
from scalejax.cli import main
from scalejax.cli.results import draw_to
from scalejax.cli.stopping import survivable
from scalejax.data import save_mapping, to_csv
from scalejax.data.mapping import MappedColumn
from scalejax.errors import DiskError
from scalejax.files import staged, write_bytes
from scalejax.forecasting import storage
from scalejax.reporting import page
from scalejax.studies.folder import Folder

FRAME = pd.DataFrame({"x": np.arange(300.0)})
MAPPING = [MappedColumn("N", "n" * 900), MappedColumn("D", "d")]


class Tables:
    """A report as `save_tables` needs it."""

    frames = dict.fromkeys(sorted(page.Report.FRAMES)[:2], FRAME)


def save_page(path):
    page.save(page.MARK + "x" * 2000, path)


def save_forecast(path):
    storage.write({"level": 0.9}, {"": {"a": np.arange(300.0)}}, path)


def begin_job(path):
    path.mkdir(exist_ok=True)
    Folder(path).begin({"study": "s" * 2000}, pa.table({"x": np.arange(300.0)}))


def draw(path):
    import matplotlib.pyplot as plt

    draw_to(path, lambda plots: plt.subplots()[1])
    plt.close("all")


WRITERS = {
    "fit": lambda path, fit, plan: fit.save(path),
    "plan": lambda path, fit, plan: plan.save(path),
    "forecast": lambda path, fit, plan: save_forecast(path),
    "tables": lambda path, fit, plan: page.save_tables(Tables, path),
    "job": lambda path, fit, plan: begin_job(path),
    "page.html": lambda path, fit, plan: save_page(path),
    "numbers.csv": lambda path, fit, plan: to_csv(FRAME, path),
    "mapping.toml": lambda path, fit, plan: save_mapping(path, MAPPING),
    "mapping.json": lambda path, fit, plan: save_mapping(path, MAPPING),
    "plot.png": lambda path, fit, plan: draw(path),
    "plot.pdf": lambda path, fit, plan: draw(path),
    "plot.svg": lambda path, fit, plan: draw(path),
}


@contextlib.contextmanager
def files_of_at_most(size):
    """No file may grow beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_old_or_nothing(name, fit, plan, tmp_path):
    # What is compiled for it is kept on a disk that has room.
    first = tmp_path.with_name(f"{tmp_path.name}-first")
    first.mkdir()
    WRITERS[name](first / name, fit, plan)
    for old in (False, True):
        if old:
            WRITERS[name](tmp_path / name, fit, plan)
        before = content(tmp_path)
        for size in (0, 30, 700):
            with files_of_at_most(size), pytest.raises(DiskError, match="cannot be written"):
                WRITERS[name](tmp_path / name, fit, plan)
            assert content(tmp_path) == before


def fail_half_way(place, error, folder):
    with staged(place) as beside:
        if folder:
            beside.mkdir()
        (beside / "a" if folder else beside).write_text("half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError, ValueError])
@pytest.mark.parametrize("folder", [False, True])
def test_a_writer_that_fails_half_way_leaves_the_old(error, folder, tmp_path):
    place = tmp_path / "place"
    (place.mkdir(), (place / "a").write_text("old")) if folder else place.write_text("old")
    before = content(tmp_path)
    with pytest.raises((error, DiskError)):
        fail_half_way(place, error, folder)
    assert content(tmp_path) == before


def test_a_folder_is_put_back_if_a_kill_came_between_the_old_and_the_new(fit, tmp_path):
    place = fit.save(tmp_path / "fit")
    place.rename(tmp_path / ".fit.0123.old")
    assert sj.load_fit(place).params == fit.params
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_files_of_the_user_stay_in_a_folder_that_is_replaced(tmp_path):
    for _ in range(2):
        save_forecast(tmp_path / "one")
        (tmp_path / "one" / "mine").mkdir(exist_ok=True)
        (tmp_path / "one" / "mine" / "notes.txt").write_text("mine")
    save_forecast(tmp_path / "one")
    assert (tmp_path / "one" / "mine" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "words",
    [
        ("fit", "golden36", "--out", "/proc/x"),
        ("fit", "golden36", "--by", "N", "--out", "/proc/x"),
        ("fit", "golden36", "--plot", "/proc/x.png"),
        ("check", "golden36", "--save-mapping", "/proc/x.toml"),
        ("forecast", "golden36", "--at", "N=1B,D=20B", "--out", "/proc/x"),
        ("forecast", "golden36", "--at", "N=1B,D=20B", "--csv", "/proc/x.csv"),
        ("plan", "besiroglu2024", "--budget", "1e22", "--out", "/proc/x"),
        ("design", "besiroglu2024", "--budget", "1e21", "--csv", "/proc/x.csv"),
        ("design", "besiroglu2024", "--budget", "1e21", "--plot", "/proc/x.png"),
        ("select", "golden36", "--plot", "/proc/x.png"),
        ("report", ".", "-o", "/proc/x.html"),
    ],
)
def test_a_place_is_tried_before_the_work_begins(words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(words)
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (74, "")
    assert "Nothing was begun" in err.splitlines()[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_signals_have_their_codes_and_one_line(number, code, capsys):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as end, survivable():
        os.kill(os.getpid(), number)
    assert end.value.code == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("words", [("show", "chinchilla"), ("--version",), ("plan", "--help")])
def test_an_output_that_cannot_be_written_is_one_line(words):
    command = [sys.executable, "-m", "scalejax", *words]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 74
    assert len(ended.stderr.splitlines()) == 1
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert ended.returncode == 141
    assert len(ended.stderr.splitlines()) == 1


def test_write_bytes_names_the_place_and_the_remedy(tmp_path):
    with pytest.raises(DiskError, match=r"missing.*No such file.*name another place"):
        write_bytes(b"x", tmp_path / "missing" / "file")
