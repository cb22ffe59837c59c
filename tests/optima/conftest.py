"""Optima with demand, and laws that span what has been published."""

import pytest
from optimum_problems import CHEAPEST, SERVED

from scalejax.optima import (
    solve,
)


@pytest.fixture(scope="session")
def served():
    return solve(CHEAPEST, SERVED)
