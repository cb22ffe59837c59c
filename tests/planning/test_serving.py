"""Serving: its precision decides its rate, and the plan says what serves, at which price."""

import jax
import pytest

from scalejax.costs import HARDWARE
from scalejax.laws import LAWS
from scalejax.optima import tokens_for
from scalejax.planning import Question, plan


@pytest.fixture(scope="module")
def served():
    """70B quality and 2e12 tokens on H100 at $2, trained in bf16 and served in fp8."""
    law = LAWS["chinchilla"]
    published = law.published["devries2023"]
    with jax.enable_x64(True):
        tokens = float(tokens_for(law, dict(published), 70e9))
    question = {"hardware": "h100", "usd_per_hour": 2, "mfu": 0.5, "served_tokens": 2e12}
    return plan(
        "devries2023",
        as_good_as=6 * 70e9 * tokens,
        serving_bits=8,
        candidates={"chinchilla": {"N": 70e9, "D": tokens}},
        **question,
    )


def test_a88_the_usual_model_is_dearer_by_what_the_authors_code_gives(served):
    """The rates and prices of the code of arXiv:2401.00448; at the bf16 peak it would be more."""
    (excess,) = served.candidates["excess"]
    assert excess == pytest.approx(0.515, abs=3e-3)


def test_the_summary_names_what_serves(served):
    words = " ".join(served.summary().split())
    assert "served on H100 at $2.00 an hour in 8 bits at the peak of fp8" in words


@pytest.mark.parametrize("name", HARDWARE)
def test_the_format_holds_the_bits_and_is_the_narrowest(name):
    place = HARDWARE[name]
    widths = {"fp4": 4, "fp8": 8, "int8": 8, "bf16": 16, "fp16": 16}
    for bits in (1, 4, 6, 8, 16, None):
        format = Question(hardware=place, serving_bits=bits).serving_format()
        wanted = 16 if bits is None else bits
        there = {one: widths[one] for one in place.peaks if widths[one] >= wanted}
        assert widths[format] == min(there.values())
        assert place.peak(format) == min(
            place.peak(one) for one, wide in there.items() if wide == widths[format]
        )


def test_what_is_not_said_is_served_as_it_was_trained():
    question = Question(hardware=HARDWARE["H100"], inputs={"bits": 8.0})
    assert question.weight_bits() == 8.0
    assert question.weight_bits("fp4") == 4.0
    assert question.serving_format("int8") == "int8"


def test_bits_of_serving_are_their_own_where_bits_of_training_are_decided():
    """Weights of a model trained in the best bits, served in 16: its own bytes and rate."""
    held = {"params": 8e9, "tokens": 1e11, "hardware": "h100", "output_tokens": 1e12}
    trained = plan("kumar2024", inputs={"bits": 8}, memory=1e12, **held)
    wide = plan("kumar2024", inputs={"bits": 8}, memory=1e12, serving_bits=16, **held)
    assert 2 * trained["weights"] == pytest.approx(wide["weights"])
    assert wide["dollars"] > trained["dollars"]
