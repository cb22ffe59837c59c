"""CSV files that a spreadsheet opens as text and numbers, never as formulas."""

import os

import numpy as np
import pandas as pd
import pytest

from scalejax.data.export import escaped, to_csv

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x","y")']
HARMLESS = ["plain", "a=b", "1e9", "", " =1", "'quoted'", "λ=0.3"]


@pytest.fixture
def frame():
    """Text that begins a formula, and numbers that begin with the same characters."""
    count = len(FORMULAS)
    return pd.DataFrame(
        {
            "name": FORMULAS,
            "harmless": HARMLESS,
            "loss": np.linspace(-1.0, 1.0, count) / 3,
            "row": np.arange(count),
            "=cmd": pd.Categorical(FORMULAS),
        }
    )


def read(path):
    return pd.read_csv(path, keep_default_na=False, dtype={"name": str, "harmless": str})


@pytest.mark.parametrize("place", range(len(FORMULAS)), ids=map(repr, FORMULAS))
def test_text_that_begins_a_formula_gets_an_apostrophe(frame, tmp_path, place):
    back = read(to_csv(frame, tmp_path / "a.csv"))
    assert back["name"][place] == "'" + FORMULAS[place]
    assert back["'=cmd"][place] == "'" + FORMULAS[place]


def test_other_text_and_all_numbers_come_back_as_they_were(frame, tmp_path):
    back = read(to_csv(frame, tmp_path / "a.csv"))
    assert list(back["harmless"]) == HARMLESS
    np.testing.assert_array_equal(back["loss"], frame["loss"])
    np.testing.assert_array_equal(back["row"], frame["row"])
    assert "-0.3333333333333333" in (tmp_path / "a.csv").read_text(encoding="utf-8")


def test_no_cell_of_text_begins_a_formula_and_taking_off_the_apostrophe_gives_it_back(frame):
    safe = escaped(frame)
    assert not any(text.startswith(tuple("=+-@\t\r")) for text in safe["name"])
    assert [text[1:] for text in safe["name"]] == FORMULAS


def test_a_line_break_within_text_begins_no_cell(tmp_path):
    broken = pd.DataFrame({"name": ["a\r=1+1", "b\n=1+1", 'c"\r\n=1+1'], "loss": [1.0, 2.0, 3.0]})
    back = read(to_csv(broken, tmp_path / "a.csv"))
    assert list(back["name"]) == list(broken["name"])
    assert list(back["loss"]) == list(broken["loss"])


def test_numbers_in_a_column_of_mixed_kind_are_untouched():
    safe = escaped(pd.DataFrame({"mixed": pd.Series([-1.5, "-1.5", None], dtype=object)}))
    assert safe["mixed"][0] == -1.5
    assert safe["mixed"][1] == "'-1.5"
    assert safe["mixed"][2] is None


def test_raw_writes_text_as_it_is(frame, tmp_path):
    back = read(to_csv(frame, tmp_path / "a.csv", raw=True))
    assert back["name"][0] == FORMULAS[0]
    assert "=cmd" in back


def test_the_frame_is_not_changed(frame):
    before = frame.copy()
    escaped(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_columns_of_one_name_are_kept_apart():
    twice = pd.DataFrame([["=a", "=b"]], columns=["x", "x"])
    assert escaped(twice).to_numpy().tolist() == [["'=a", "'=b"]]


def test_a_file_that_exists_is_replaced_and_nothing_else_is_left(frame, tmp_path):
    to_csv(frame, tmp_path / "a.csv")
    to_csv(frame.head(1), tmp_path / "a.csv")
    assert len(read(tmp_path / "a.csv")) == 1
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_folder_that_is_not_there_is_an_error(frame, tmp_path):
    with pytest.raises(OSError, match="none"):
        to_csv(frame, tmp_path / "none" / "a.csv")
