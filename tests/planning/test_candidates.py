"""Candidates beyond the limits, and what is missing, in words of the place and the unit."""

import pytest

import scalejax as sj
from scalejax.costs import HARDWARE
from scalejax.planning import plan
from scalejax.quantities import amount
from scalejax.vocabulary import speaking


@pytest.fixture(scope="module")
def poor():
    """A loss that 30B parameters reach for three million dollars, and 50B at most."""
    models = {"large": {"N": "200B"}, "given": {"N": "70B", "D": "14T"}}
    limits = {"usd": "3M", "max_params": "50B"}
    return plan("besiroglu2024", target_loss=2.0, hardware="h100", candidates=models, **limits)


def test_what_meets_no_limit_breaks_one_by_the_least(poor):
    """200B parameters are too many whatever is left: the cheapest D that reaches the loss."""
    large = poor.candidates.set_index("candidate").loc["large"]
    assert large["N"] == 200e9
    price = HARDWARE["H100"].usd_per_hour / 3600 / 989e12 / 0.4
    assert large["dollars"] == pytest.approx(6 * 200e9 * large["D"] * price, rel=1e-6)
    assert large["breaks"] == "parameters"
    assert large["loss"] == pytest.approx(2.0, abs=1e-6)


def test_the_excess_is_in_the_unit_of_the_question(poor):
    given = poor.candidates.set_index("candidate").loc["given"]
    text = " ".join(poor.summary().split())
    over = amount(given["dollars"] - 3e6)
    assert f"dollars ({amount(given['dollars'])} USD, {over} too much)" in text
    assert "parameters (70B parameters, 20B too much)" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("place", "words"),
    [("python", 'inputs={"granularity": "NUMBER"}'), ("terminal", "--inputs granularity=NUMBER")],
)
def test_what_is_missing_is_named_as_it_is_given(place, words):
    with speaking(place), pytest.raises(sj.UsageError) as refusal:
        plan("krajewski2024", budget=1e23)
    assert words in str(refusal.value)
