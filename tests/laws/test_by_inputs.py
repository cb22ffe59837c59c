"""The law of a table when none is named."""

import itertools

import pytest

from scalejax.errors import InputError
from scalejax.laws import DEFAULT, LAWS, law_of_inputs, laws_of_inputs
from scalejax.vocabulary import speaking

SIZES = ("N", "D", "C")


@pytest.mark.parametrize("count", [2, 3])
def test_two_sizes_are_chinchillas(count):
    for sizes in itertools.combinations(SIZES, count):
        for more in ((), ("step",), ("lr", "U", "step")):
            assert law_of_inputs([*sizes, "loss", *more]).name == DEFAULT


@pytest.mark.parametrize("size", [*SIZES, "step"])
def test_one_size_alone_is_a_power_law_with_a_floor(size):
    choice = law_of_inputs([size, "loss", "lr"])
    law = LAWS[choice.name]
    assert law.inputs == (size,)
    assert set(law.parameters) == {"E", "A", "alpha"}
    assert size in choice.reason
    assert choice.note.startswith(f"law {choice.name}, E + A/{size}^alpha: ")
    assert "\n" not in choice.note


@pytest.mark.parametrize("size", ["D", "C"])
def test_tokens_and_compute_are_what_steps_are_of(size):
    assert law_of_inputs(["step", size, "loss"]).name == f"floor_power_{size}"


def test_sizes_with_steps_are_asked_about_unless_the_size_is_one():
    with pytest.raises(InputError) as refused, speaking("terminal"):
        law_of_inputs(["N", "step", "loss"])
    (problem,) = refused.value.problems
    assert problem.code == "E303"
    for remedy in ("--law floor_power_N", "--law floor_power_step", "--columns D=..."):
        assert remedy in problem.message
    assert law_of_inputs(["N", "step", "loss"], constant=["N"]).name == "floor_power_step"


def test_a_column_that_may_be_another_size_is_asked_about():
    with pytest.raises(InputError) as refused, speaking("terminal"):
        law_of_inputs(["N", "loss"], large=["seen"])
    for remedy in ("--columns D=seen", "--law floor_power_N"):
        assert remedy in str(refused.value)
    assert law_of_inputs(["N", "D", "loss"], large=["seen"]).name == DEFAULT


def test_what_is_no_loss_is_asked_about():
    with pytest.raises(InputError, match='law="logistic_C"'):
        law_of_inputs(["C", "accuracy"])
    # Its inputs are asked for as those of a loss.
    assert law_of_inputs(["accuracy"]).name == law_of_inputs([]).name == DEFAULT


def test_laws_of_inputs_have_all_that_they_take():
    for present in (("N", "loss"), ("C", "N", "loss"), ("N", "D", "loss", "lr", "P_w")):
        known = {*present, *(SIZES if len({*SIZES} & {*present}) > 1 else ())}
        names = {law.name for law in laws_of_inputs(present)}
        for law in LAWS.values():
            has_all = {*law.inputs, law.response.symbol} <= known
            assert (law.name in names) == (has_all and law.response.symbol not in SIZES)
        assert names
