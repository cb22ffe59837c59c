"""The long fuzz of `tests/fuzz` runs, and its oracles see a fault."""

import ast
import operator
import random
from importlib import import_module
from pathlib import Path

import pytest

from scalejax.laws import expression

FUZZ = Path(__file__).parents[1] / "fuzz"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.syspath_prepend(str(FUZZ))
    return lambda kind, count, seed=1: import_module(kind).run(count, random.Random(seed))


@pytest.mark.parametrize(("kind", "count"), [("tables", 30), ("formulas", 200)])
def test_it_runs(kind, count, run):
    tally = run(kind, count)
    assert tally.faults == []
    assert tally.fates.total() == count
    assert {*tally.fates} == {"refused", "taken"}


def test_a_wrong_value_is_seen(run, monkeypatch):
    monkeypatch.setitem(expression._OPERATORS, ast.Sub, operator.add)
    # Other texts: a law is kept once it is made.
    assert run("formulas", 200, seed=2).fates["wrongly taken"]
