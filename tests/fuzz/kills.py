"""Real processes of every verb that writes, stopped at random by SIGINT, SIGTERM or SIGKILL.

What was there before stays or what is new is whole, and the exit code is the one that the README
says. A signal that comes before the command has begun, while Python starts, ends it as any program.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from tally import Tally, Wrong

import scalejax as sj
from scalejax.files import settle
from scalejax.studies.folder import Folder

STUDY = 'laws = ["power_N"]\nby = ["family"]\ntarget = false\nresamples = 5\n'
VERBS = {
    "fit": "fit golden36 --quick --resamples 20 --out it-fit",
    "fit --by": "fit runs.csv --by family --out many",
    "fit --plot": "fit golden36 --quick --resamples 20 --plot it-fit.png",
    "forecast": "forecast golden36 --at N=1B,D=20B --out it-forecast --csv it-forecast.csv",
    "plan": "plan besiroglu2024 --budget 1e22 --quick --out it-plan",
    "design": "design besiroglu2024 --budget 1e21 --csv it-design.csv --plot it-design.png",
    "select": "select golden36 --laws power_N,power_C --resamples 20 --plot it-select.png",
    "report": "report fit -o it.html --tables tables",
    "check": "check golden36 --quick --save-mapping it.toml",
    "study": "study study.toml runs.csv --out job --csv it-study.csv",
}
LOADERS = {
    "forecast.json": sj.load_forecast, "plan.json": sj.load_plan, "fit.json": sj.load_fit,
}  # fmt: skip
CODES = {signal.SIGINT: 130, signal.SIGTERM: 75, signal.SIGKILL: -9}
SAYS = {signal.SIGINT: "interrupted.", signal.SIGTERM: "terminated."}


def run(count: int, draw: random.Random) -> Tally:
    """Stopped processes at random, as many of each verb."""
    tally = Tally("kills")
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        runs = sj.datasets.load("golden36")
        runs.assign(family=["a", "b"] * 18).to_csv(place / "runs.csv", index=False)
        (place / "study.toml").write_text(STUDY)
        sj.fit(runs, resamples=20).save(place / "fit")
        for number in range(count):
            verb = [*VERBS][number % len(VERBS)]
            if verb not in seconds:
                begin = time.perf_counter()
                started(verb, place).communicate()
                seconds[verb] = time.perf_counter() - begin
            # Every other time nothing is there before.
            if draw.random() < 0.5:
                clear(place)
            sent = draw.choice([*CODES])
            # Late moments are those at which files are written.
            share = draw.choice([draw.uniform(0.1, 1.05), draw.uniform(0.8, 1.05)])
            about = (verb, sent.name, round(share * seconds[verb], 2))
            tally.add(about, fate, verb, place, sent, share * seconds[verb])
    return tally


def clear(place: Path) -> None:
    for path in place.iterdir():
        if path.name not in ("runs.csv", "study.toml", "fit"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def started(verb: str, place: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scalejax", *VERBS[verb].split()]
    environment = {**os.environ, "PYTHONPATH": str(Path(sj.__file__).parents[1])}
    return subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fate(verb: str, place: Path, sent: signal.Signals, seconds: float) -> str:
    """Stop a process of a verb after some seconds, and look at what is there."""
    before = {path.name for path in place.iterdir() if not path.name.startswith(".")}
    process = started(verb, place)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
    said = process.communicate()[1]
    code = process.returncode
    for name in before:
        settle(place / name)
        if not (place / name).exists():
            raise Wrong(f"{name} is gone")
    for path in place.iterdir():
        if not path.name.startswith("."):
            _whole(path)
    if code == 0:
        return "done before"
    if code == CODES[sent]:
        if sent in SAYS and SAYS[sent] not in said.splitlines()[-1]:
            raise Wrong(said)
        return f"stopped, {code}"
    # While Python starts or ends, a signal has the meaning that it has for every program.
    if code == -sent and "Traceback" not in said.replace("KeyboardInterrupt", ""):
        return "stopped before it began or after it ended"
    if code == -sent:
        return "stopped while it was loaded"
    raise Wrong(f"exit code {code}: {said[-300:]}")


def _whole(path: Path) -> None:
    if path.is_dir() and path.name.startswith(("it-", "fit")):
        load = {
            "forecast.json": sj.load_forecast,
            "plan.json": sj.load_plan,
            "fit.json": sj.load_fit,
        }
        next(load[name] for name in load if (path / name).is_file())(path)
    elif path.name == "many":
        for folder in path.iterdir():
            if not folder.name.startswith("."):
                sj.load_fit(folder)
    elif path.name == "job" and (path / "job.json").exists():
        Folder(path).job(), Folder(path).rows()
    elif path.is_file():
        ENDS[path.suffix](path)


def _ends(mark: bytes) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        if mark not in path.read_bytes()[-40:]:
            raise Wrong(f"{path.name} is not whole")

    return check


ENDS: dict[str, Callable[[Path], object]] = {
    ".csv": pd.read_csv,
    ".png": _ends(b"IEND"),
    ".html": _ends(b"</html>"),
    ".toml": lambda path: tomllib.loads(path.read_text()),
}
