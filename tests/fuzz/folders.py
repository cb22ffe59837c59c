"""Folders of saved results that somebody changed: a fit, a forecast, a plan and a job.

A changed folder is refused, or it gives what was saved, to the last bit; without a checksum to tell
it may give something else if it says so.
"""

import json
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tampering
from tally import Tally, Wrong

import scalejax as sj
from scalejax.errors import FitWarning, ScalejaxError

STUDY = sj.Study(recipes=("power_N",), by=("family",), target=False, resamples=5)


def run(count: int, draw: random.Random) -> Tally:
    """Changed folders at random, as many of each kind."""
    tally = Tally("folders")
    with tempfile.TemporaryDirectory() as place:
        originals = make(Path(place))
        expected = {kind: READERS[kind](folder) for kind, folder in originals.items()}
        for number in range(count):
            kind = [*READERS][number % len(READERS)]
            folder = Path(place, "changed")
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(originals[kind], folder)
            about = [kind]
            sealed = change(folder, draw, about)
            tally.add(about, fate, kind, folder, expected[kind], sealed)
    return tally


def make(place: Path) -> dict[str, Path]:
    """One of each."""
    runs = sj.datasets.load("golden36")
    families = runs.assign(family=["a", "b"] * 18)
    sj.study(STUDY, families, out=place / "job")
    return {
        "fit": sj.fit(runs, resamples=20).save(place / "fit"),
        "forecast": sj.forecast(runs, at={"N": 7e10, "D": 1.4e12}).save(place / "forecast"),
        "plan": sj.plan("besiroglu2024", budget=1e22).save(place / "plan"),
        "job": place / "job",
    }


def _job(folder: Path) -> Any:
    result = sj.resume(folder)
    frame = result.frame
    return frame.drop(columns=[name for name in frame if "second" in name]).to_dict("list")


READERS: dict[str, Callable[[Path], Any]] = {
    "fit": lambda folder: sj.load_fit(folder).to_dict(),
    "forecast": lambda folder: sj.load_forecast(folder).to_dict(),
    "plan": lambda folder: sj.load_plan(folder).to_dict(),
    "job": _job,
}


def fate(kind: str, folder: Path, expected: Any, sealed: bool) -> str:
    """What becomes of a folder."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            result = READERS[kind](folder)
        except ScalejaxError:
            return "refused"
    if sealed or any(issubclass(one.category, FitWarning) for one in said):
        return "taken, with a note or new checksums"
    try:
        np.testing.assert_equal(result, expected)
    except AssertionError as error:
        raise Wrong(str(error)[:300]) from None
    return "taken"


VALUES = [
    None, True, 0, -1, 1, 1e400, 2**70, 0.5, "", "x", "\ud800", "../../x", [], {}, [[1]], {"a": 1},
    "formula: x", "os:system",
]  # fmt: skip


def change(folder: Path, draw: random.Random, about: list[Any]) -> bool:
    """Spoil a folder in one way; whether its checksums were made to fit."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = draw.choice(files)
    data = bytearray(file.read_bytes())
    spoil = draw.choice([*CHANGES, "field", "field", "sealed field", "sealed field"])
    about += [spoil, str(file.relative_to(folder))]
    if spoil in CHANGES:
        CHANGES[spoil](file, data, draw)
        return False
    records = [path for path in files if path.suffix == ".json"]
    file = draw.choice(records)
    record = json.loads(file.read_text(encoding="utf-8"))
    places = list(_places(record))
    place, value = draw.choice(places), draw.choice(VALUES)
    about += [file.name, place, value]
    parent = record
    for key in place[:-1]:
        parent = parent[key]
    if draw.random() < 0.15:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    file.write_text(json.dumps(record), encoding="utf-8")
    if spoil == "sealed field" and isinstance(record, dict):
        try:
            tampering.seal(file.parent)
        except Exception:
            about.append("not sealed")
    return spoil == "sealed field"


def _places(value: Any, above: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*above, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*above, key))


def _flip(file: Path, data: bytearray, draw: random.Random) -> None:
    if data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def _cut(file: Path, data: bytearray, draw: random.Random) -> None:
    file.write_bytes(data[: draw.randrange(len(data) + 1)])


def _folder(file: Path, data: bytearray, draw: random.Random) -> None:
    file.unlink()
    file.mkdir()


def _link(file: Path, data: bytearray, draw: random.Random) -> None:
    file.unlink()
    file.symlink_to(draw.choice(["/dev/null", "nowhere", "/etc/hostname", file.name]))


def _other(file: Path, data: bytearray, draw: random.Random) -> None:
    others = [one for one in sorted(file.parent.iterdir()) if one.is_file() and one != file]
    file.write_bytes(draw.choice(others).read_bytes() if others else b"")


def _unreadable(file: Path, data: bytearray, draw: random.Random) -> None:
    file.chmod(0)
    if os.access(file, os.R_OK):  # To its owner, if that is who may do all.
        file.unlink()


CHANGES: dict[str, Callable[[Path, bytearray, random.Random], Any]] = {
    "bit": _flip,
    "cut": _cut,
    "gone": lambda file, data, draw: file.unlink(),
    "empty": lambda file, data, draw: file.write_bytes(b""),
    "noise": lambda file, data, draw: file.write_bytes(draw.randbytes(300)),
    "longer": lambda file, data, draw: file.write_bytes(data + b"\n{}"),
    "deep": lambda file, data, draw: file.write_bytes(b"[" * 100_000),
    "digits": lambda file, data, draw: (
        file.write_bytes(b'{"schema": ' + b"1" * 5000 + b"}") and None
    ),
    "folder": _folder,
    "link": _link,
    "other": _other,
    "unreadable": _unreadable,
}
