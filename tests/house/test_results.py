"""Every result is held to the contract, lies where it is looked for, and is safe to show."""

import importlib
import re
from pathlib import Path

import jax
import numpy as np
import pytest

import scalejax as sj
from scalejax.result import Result

TESTS = Path(__file__).parents[1]


for room in sj._ROOMS:
    importlib.import_module(f"scalejax.{room}")


def subclasses(kind):
    return {kind, *(below for one in kind.__subclasses__() for below in subclasses(one))}


KINDS = sorted(
    (kind for kind in subclasses(Result) - {Result} if kind.__module__.startswith("scalejax.")),
    key=lambda kind: kind.__name__,
)


def test_every_result_is_held_to_the_contract():
    calls = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"hold_to_contract\([^\n]*\b(\w+)\)$", file.read_text(), re.M)
    }
    assert {kind.__name__ for kind in KINDS} == calls


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_lives_in_the_file_of_its_name_or_of_its_room(kind):
    *_, room, module = kind.__module__.split(".")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    # A room is named by its verb where the verb is the noun too.
    assert module == name or (module, name) == ("result", room)


def test_names_from_data_are_escaped_in_html(golden_huber):
    hostile = "<script>alert(1)</script>"

    class Named(Result):
        headline = hostile

        def summary(self):
            return hostile

        def to_frame(self):
            return golden_huber.to_frame().assign(**{hostile: hostile})

    assert hostile not in Named()._repr_html_()


def test_codes_print_their_names():
    assert f"{sj.Status.CONVERGED} {sj.Status.STALLED}" == "converged stalled"
    assert str(sj.status.Outcome.SOLVED) == "solved"
    assert int(sj.Status.STALLED) == 2
    with jax.enable_x64(True):
        assert np.asarray(sj.Status.STALLED) == 2
