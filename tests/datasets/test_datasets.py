"""Named datasets, and public tables that must be read without surprises."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scalejax import datasets
from scalejax.data import load_table
from scalejax.datasets import chinchilla_runs
from scalejax.errors import ScalejaxError, UsageError

FOLDER = os.environ.get("SCALEJAX_DATA")
needs_data = pytest.mark.skipif(not FOLDER, reason="SCALEJAX_DATA does not name the data folder")


def public(name: str) -> Path:
    assert FOLDER is not None
    return Path(FOLDER) / name


def test_names() -> None:
    assert datasets.names() == ("golden36", "chinchilla", *datasets.TABLES)
    with pytest.raises(UsageError, match="golden36, chinchilla"):
        datasets.load("nothing")


@pytest.mark.parametrize("k", [0, 7, 14, 28, 35])
def test_golden36(k: int) -> None:
    i, j = k // 6, k % 6
    n, d = 6e7 * math.exp(i / 5 * math.log(100)), 2e9 * math.exp(j / 5 * math.log(100))
    clean = 1.8 + 480 / n**0.35 + 2100 / d**0.37
    loss = clean * math.exp(0.005 * math.sin(12.9898 * (k + 1)) + (0.03 if k in (7, 28) else 0))
    row = datasets.load("golden36").iloc[k]
    assert row.tolist() == pytest.approx([n, d, loss], rel=1e-14)


def test_golden36_is_a_good_table() -> None:
    table = load_table(datasets.load("golden36"), n_parameters=5)
    assert table.n_rows == 36
    assert table.warnings == table.set_aside == ()


@needs_data
def test_chinchilla() -> None:
    runs = datasets.load("chinchilla")
    assert runs.columns.tolist() == ["N", "D", "C", "loss", "outlier5"]
    assert len(runs) == 245
    assert runs["outlier5"].dtype == bool
    assert runs["outlier5"].sum() == 5
    assert runs["loss"][~runs["outlier5"]].max() < runs["loss"][runs["outlier5"]].min()
    by_column = load_table(runs, exclude="outlier5", n_parameters=5)
    by_size = load_table(runs, exclude="top5(loss)", n_parameters=5)
    assert by_column.n_rows == 240
    assert by_column.fingerprint == by_size.fingerprint
    from_file = load_table(public("chinchilla_epoch/chinchilla_epoch.csv"), exclude="outlier5")
    assert from_file.fingerprint == by_column.fingerprint


@needs_data
@pytest.mark.parametrize("damage", [False, True])
def test_the_downloaded_file_is_checked_by_its_values(
    damage: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = datasets.load("chinchilla")
    raw = pd.DataFrame({"Model Size": runs["N"], "Training FLOP": runs["C"], "loss": runs["loss"]})
    if damage:
        raw.loc[100, "loss"] *= 1.001
    cached = tmp_path / "chinchilla.csv"
    raw.to_csv(cached, index=False)
    monkeypatch.delenv("SCALEJAX_DATA")
    monkeypatch.setattr(chinchilla_runs.pooch, "retrieve", lambda *args, **kwargs: str(cached))
    if damage:
        with pytest.raises(ScalejaxError, match="removed"):
            datasets.load("chinchilla")
    else:
        pd.testing.assert_frame_equal(datasets.load("chinchilla"), runs)
    assert cached.exists() is not damage


def test_a_wrong_copy_in_the_data_folder_is_refused_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "chinchilla_epoch" / "chinchilla_epoch.csv"
    copy.parent.mkdir()
    copy.write_text("N,C,loss\n1e9,1e20,2.5\n")
    monkeypatch.setenv("SCALEJAX_DATA", str(tmp_path))
    with pytest.raises(ScalejaxError, match="not hold the 245"):
        datasets.load("chinchilla")
    assert copy.exists()


def test_without_network_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.delenv("SCALEJAX_DATA", raising=False)
    monkeypatch.setattr(chinchilla_runs.pooch, "retrieve", offline)
    with pytest.raises(ScalejaxError, match="Set SCALEJAX_DATA"):
        datasets.load("chinchilla")


@needs_data
def test_overtraining_runs() -> None:
    table = load_table(
        public("gadre_overtraining/gadre_overtraining.csv"),
        columns={"N": "N", "D": "D", "loss": "loss_c4_val"},
        by="train_data",
        n_parameters=5,
        loss_unit="nats",
    )
    assert table.n_rows == 104
    assert sorted(table.group_labels) == ["C4", "RedPajama", "RefinedWeb"]
    assert table.warnings == table.set_aside == ()
    assert table.notes[0] == "loss in nats/token (loss_unit=)"
    assert [note for note in table.notes[1:] if "by the column 'C'" not in note] == []


@needs_data
def test_checkpoints_of_the_fitting_survey() -> None:
    table = load_table(public("misfitting/misfitting.csv"), run="run", n_parameters=5)
    assert table.n_rows == 4816
    assert len(table.cluster_labels) > 100
    assert not table.set_aside


@needs_data
def test_families_with_gaps() -> None:
    path = public("hitchhiker_families/hitchhiker_families.csv.gz")
    table = load_table(
        path,
        columns={"N": "N", "D": "D", "loss": "value"},
        by="family",
        run="model",
        units={"D": 1},
        on_bad="drop",
    )
    assert table.n_rows + len(table.set_aside) == 8263
    frame = pd.read_csv(path)
    usable = (frame["N"] > 0) & (frame["D"] > 0) & (frame["value"] > 0)
    assert table.n_rows == usable.sum()
    assert table.inputs["D"].tolist() == frame["D"][usable].tolist()
    assert np.isfinite(table.target).all()


def test_read_with_options_it_is_a_checked_table() -> None:
    table = datasets.load("golden36", exclude=[8, 29], inputs=["N"])
    assert (table.n_rows, table.source, [*table.inputs]) == (34, "golden36", ["N"])
    with pytest.raises(UsageError, match="did you mean"):
        datasets.load("golden36", colums={"N": "D"})  # type: ignore[call-overload]


def test_the_catalogue_says_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEJAX_DATA", str(tmp_path))
    frame = datasets.catalogue().set_index("name")
    assert frame.index.tolist() == [*datasets.names()]
    assert frame.index[frame["here"]].tolist() == ["golden36"]
    place = tmp_path / datasets.describe("gadre").path
    place.parent.mkdir()
    place.write_text("")
    assert datasets.catalogue().set_index("name")["here"]["gadre"]


@needs_data
def test_rows_are_those_of_the_files() -> None:
    frame = datasets.catalogue()
    for name, rows, here in zip(frame["name"], frame["rows"], frame["here"], strict=True):
        assert here
        assert rows == len(datasets.load(name))
