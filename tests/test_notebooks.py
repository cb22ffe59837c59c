"""Notebooks run from clean, and what is committed with them is the output of such a run."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from scalejax.datasets import DATA_FOLDER_VARIABLE

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NEEDS_DATA = {"chinchilla"}
MINUTES = 5


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_there_are_some():
    assert {path.stem for path in NOTEBOOKS} == {"chinchilla", "own_law", "embedding"}


def test_outputs_are_of_one_run_from_top_to_bottom(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    # Neither warnings nor a place on somebody's machine.
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert not re.search(r"/(home|root|tmp|Users|opt|work)/", notebook.read_text())


def test_runs_from_clean(notebook, tmp_path):
    if notebook.stem in NEEDS_DATA and not os.environ.get(DATA_FOLDER_VARIABLE):
        pytest.skip(f"{DATA_FOLDER_VARIABLE} is not set")
    document = nbformat.read(notebook, as_version=4)
    NotebookClient(
        document,
        timeout=60 * MINUTES,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
