"""The page on larger runs predicted from smaller ones says what was measured."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RESULTS = BENCHMARKS / "results"


@pytest.fixture(scope="module")
def written():
    file = BENCHMARKS / "foresight_page.py"
    spec = importlib.util.spec_from_file_location("foresight_page", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(RESULTS / "foresight_cells.csv")


def test_page_is_what_was_measured(written, runs):
    stored = json.loads((RESULTS / "foresight.json").read_text())
    assert (RESULTS / "foresight.md").read_text() == written.page(runs, **stored)


def test_no_cell_is_scored_twice(runs):
    assert not runs.duplicated(["table", "split", "method", "place"]).any()


def test_a_cell_counts_every_run_once(written):
    """The mean over a cell is that over its runs, however they are parted by distance."""
    scores = {name: [1.0, 0.0] for name in ("half", "score", *written._HELD)}
    one = pd.DataFrame(
        {
            "table": "t", "split": "top20", "rows": 30, "runs": 30, "method": "plain fit",
            "count": [3, 1], "error": [0.02, 0.1], **scores,
        }
    )  # fmt: skip
    (cell,) = written.by_cell(one).to_dict("records")
    assert cell["error"] == pytest.approx(0.04)
    assert cell["held90"] == pytest.approx(0.75)
