"""The folder of small inputs of the kinds that people bring, beside that of the real tables."""

import os
from pathlib import Path

import pytest

from scalejax.datasets import DATA_FOLDER_VARIABLE

CASES = Path(os.environ.get(DATA_FOLDER_VARIABLE, "absent")).resolve().parent / "cases"
needs_cases = pytest.mark.skipif(
    not CASES.is_dir(), reason=f"there are no cases beside the folder {DATA_FOLDER_VARIABLE}"
)
