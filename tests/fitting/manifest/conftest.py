"""A fit with draws, and the folder that it is saved in."""

import pytest
from manifest_files import RUNS

import scalejax as sj
from scalejax.fitting.storage import save_fit


@pytest.fixture(scope="session")
def fit():
    return sj.fit(RUNS, resamples=7)


@pytest.fixture
def saved(fit, tmp_path):
    return save_fit(fit, tmp_path / "fit")
