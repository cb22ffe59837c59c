"""Ranges of the solver never answer for the world: optima beyond them, or the range by name."""

import numpy as np
import pytest

from scalejax.laws import LAWS
from scalejax.planning import plan

LAW = LAWS["chinchilla"].published["besiroglu2024"]


def best_size(budget):
    """Chinchilla's optimum in closed form."""
    total = LAW["alpha"] + LAW["beta"]
    ratio = (LAW["alpha"] * LAW["A"] / (LAW["beta"] * LAW["B"])) ** (1 / total)
    return ratio * (budget / 6) ** (LAW["beta"] / total)


@pytest.mark.parametrize("budget", [pytest.param(1e8, marks=pytest.mark.slow), 1e40])
def test_a_budget_of_any_size_has_its_optimum(budget):
    found = plan("besiroglu2024", budget=budget)
    assert found["N"] == pytest.approx(best_size(budget), rel=1e-5)
    assert found["N"] * found["D"] == pytest.approx(budget / 6, rel=1e-9)
    assert not found.answer.at_end


def test_tokens_beyond_the_range_are_spent():
    found = plan("besiroglu2024", budget=1e34, max_params=1e10)
    assert found["D"] == pytest.approx(1e34 / 6e10, rel=1e-9)


def test_what_no_size_reaches_names_the_range():
    """E is the floor, which endless sizes come near to."""
    found = plan("besiroglu2024", target_loss=LAW["E"] - 1e-3)
    assert not found.found
    assert "end of its range" in found.headline
    assert f"loss can only come to {np.round(LAW['E'], 4)}" in found.headline
