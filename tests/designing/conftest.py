"""Designs after GOLDEN-36, and their candidates."""

import itertools

import pandas as pd
import pytest
from design_cases import BUDGET, TARGET

import scalejax as sj


@pytest.fixture(scope="session")
def made(golden_lsq):
    return sj.design(golden_lsq, budget=BUDGET, at=TARGET, draws=3)


@pytest.fixture(scope="session")
def candidates():
    pairs = list(itertools.product((1e8, 1e9, 8e9), (2e9, 2e10, 2e11)))
    return pd.DataFrame(pairs, columns=["N", "D"])
