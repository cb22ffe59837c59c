"""What is written by the tests of output and of signals."""

import pytest

import scalejax as sj


@pytest.fixture(scope="module")
def fit(golden_huber):
    return golden_huber


@pytest.fixture(scope="module")
def plan():
    return sj.plan("besiroglu2024", budget=1e22)
