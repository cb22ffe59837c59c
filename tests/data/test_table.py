"""The record: fingerprints, selections and the way back to a frame."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalejax.data import SetAside, load_table
from scalejax.data.examples import golden36
from scalejax.errors import UsageError


def frame() -> pd.DataFrame:
    return golden36().assign(family=["a", "b", "c", "d"] * 9, w=np.arange(1.0, 37.0))


TABLE = load_table(frame(), by="family", run="family", weights="w", exclude=[36])


def test_fingerprint_ignores_what_does_not_matter() -> None:
    table = frame().rename(columns={"N": "Params", "D": "tokens", "family": "kin"})
    table["family"] = table.pop("kin").str.upper()
    other = load_table(
        table[["loss", "family", "tokens", "w", "Params"]].assign(note="x").iloc[:35],
        inputs=("D", "N"),
        by="family",
        run="family",
        weights="w",
    )
    assert other.fingerprint == TABLE.fingerprint
    assert len(TABLE.fingerprint) == 64


@pytest.mark.parametrize("column", ["N", "D", "loss", "w", "family"])
def test_fingerprint_sees_the_last_bit_of_every_column(column: str) -> None:
    table = frame()
    if column == "family":
        table.loc[5, column] = "a"
    else:
        table.loc[5, column] = np.nextafter(table.loc[5, column], np.inf)
    arguments = {"by": "family", "run": "family", "weights": "w", "exclude": [36]}
    assert load_table(table, **arguments).fingerprint != TABLE.fingerprint


def test_fingerprint_sees_roles_rows_and_order() -> None:
    plain = frame()[["N", "D", "loss", "family"]]
    swapped = {"columns": {"N": "D", "D": "N"}, "units": {"D": 1}}
    prints = [
        load_table(plain).fingerprint,
        load_table(plain, **swapped).fingerprint,
        load_table(plain, exclude=[3]).fingerprint,
        load_table(plain[::-1]).fingerprint,
        load_table(plain, by="family").fingerprint,
        load_table(plain, run="family").fingerprint,
        load_table(plain, inputs=("N",)).fingerprint,
    ]
    assert len(set(prints)) == len(prints)


def test_fingerprint_is_the_same_for_ever() -> None:
    table = load_table({"N": [1e8, 2e8], "D": [1e9, 2e9], "loss": [3.0, 2.5]})
    assert table.fingerprint == "506643c198c2cabd7d7dc11e0ea4d77b9be2377f534db72ae1d64e6b607ca320"


@given(st.lists(st.booleans(), min_size=35, max_size=35))
def test_selected_and_set_aside_rows_are_all_rows(mask: list[bool]) -> None:
    part = TABLE.select(np.array(mask), "held out")
    rows = sorted([*part.row.tolist(), *(item.row for item in part.set_aside)])
    assert rows == list(range(1, 37))
    assert part.group is not None
    names = [part.group_labels[code] for code in part.group]
    assert names == frame()["family"].iloc[part.row - 1].tolist()
    assert sorted(set(part.group.tolist())) == list(range(len(part.group_labels)))
    assert part.inputs["N"].tolist() == TABLE.inputs["N"][np.array(mask)].tolist()
    assert part.weight.tolist() == [float(row) for row in part.row]


def test_selection_says_why() -> None:
    part = TABLE.select(TABLE.row > 2, "held out")
    assert part.set_aside[:2] == (
        SetAside(1, "held out", "selected"),
        SetAside(2, "held out", "selected"),
    )
    assert part.set_aside[-1].code == "excluded"
    assert TABLE.n_rows == 35


def test_masks_are_checked() -> None:
    for mask in (np.ones(35), np.ones(34, bool), np.arange(3)):
        with pytest.raises(UsageError, match="35 booleans"):
            TABLE.select(mask)


def test_a_frame_and_back() -> None:
    back = TABLE.to_frame()
    assert back.columns.tolist() == ["row", "N", "D", "loss", "weight", "cluster", "group"]
    again = load_table(back, by="group", run="cluster", weights="weight")
    assert again.fingerprint == TABLE.fingerprint
