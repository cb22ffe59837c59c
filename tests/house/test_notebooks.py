"""Notebooks run from clean, and what is committed with them is the output of such a run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scalejax.datasets import DATA_FOLDER_VARIABLE

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NEEDS_DATA = {"chinchilla"}
pytestmark = pytest.mark.document


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_are_some():
    assert {path.stem for path in NOTEBOOKS} == {"chinchilla", "own_law", "embedding"}


def test_outputs_are_of_one_run_from_top_to_bottom(notebook):
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error"]
    # Neither warnings nor a place on somebody's machine.
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert not re.search(r"/(home|root|tmp|Users|opt|work)/", notebook.read_text())


@pytest.mark.slow  # A minute each; their steps have tests of their own, most in the README's.
def test_runs_from_clean(notebook, tmp_path):
    """All cells as one program in a new process, with warnings as errors."""
    if notebook.stem in NEEDS_DATA and not os.environ.get(DATA_FOLDER_VARIABLE):
        pytest.skip(f"{DATA_FOLDER_VARIABLE} is not set")
    program = "\n".join("".join(cell["source"]) for cell in code_cells(notebook))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stderr
