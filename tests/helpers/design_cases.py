"""Criteria, budgets and measures of designs."""

import pytest

from scalejax.cli import main

BUDGET, TARGET = 1e22, 1e24


def alpha(parameters):
    return parameters["alpha"]


def run(*words, code=0):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == code
