"""Runs out of line: found where there are some, and not where noise only has tails."""

import numpy as np
import pytest

from scalejax.fitting.odd_runs import find_odd_runs

TABLES = 150
SLACK = 3 * np.sqrt(0.05 * 0.95 / TABLES)
"""Three standard errors of a share of 1 in 20."""


def jacobian(rng, n, p=5):
    return rng.standard_normal((n, p)) * np.geomspace(1, 1e3, p)


def tables(n, tail, count=TABLES, seed=0):
    """Residuals of least squares: what a robust first fit leaves, with a pull of its own."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        columns = jacobian(rng, n)
        noise = 0.01 * (rng.standard_normal(n) if tail is None else rng.standard_t(tail, n))
        yield noise, columns, rng


@pytest.mark.parametrize("n", [20, 60, 240])
@pytest.mark.parametrize("tail", [None, 4])
def test_clean_tables_have_no_sure_one(n, tail):
    found = [find_odd_runs(noise, columns) for noise, columns, _ in tables(n, tail)]
    assert np.mean([one.sure for one in found]) <= 0.05 + SLACK
    if tail is None:
        assert np.mean([one.place.size > 0 for one in found]) <= 0.05 + SLACK


@pytest.mark.parametrize("n", [36, 120])
def test_three_runs_that_are_far_off_are_sure(n):
    hits, sure, extra = [], [], []
    for noise, columns, rng in tables(n, None):
        off = rng.choice(n, 3, replace=False)
        noise[off] += rng.uniform(0.05, 0.12, 3) * rng.choice([-1, 1], 3)
        found = find_odd_runs(noise, columns)
        hits.append(np.mean(np.isin(off, found.place)))
        extra.append(np.sum(~np.isin(found.place, off)))
        sure.append(found.sure)
    assert np.mean(hits) >= 0.9
    assert np.mean(sure) >= 0.9
    assert np.mean(extra) <= 0.15


def test_where_and_by_how_much():
    noise, columns, _ = next(tables(60, None, 1, seed=1))
    noise[[7, 31]] += [0.3, -0.2]
    found = find_odd_runs(noise, columns)
    assert found.place.tolist() == [7, 31]
    assert found.off == pytest.approx([0.3, -0.2], abs=0.05)
    assert found.noise == pytest.approx(0.01, rel=0.3)
    assert (found.sure, found.many, found.rows) == (True, False, 60)
    # Units of the parameters and of the residuals do not matter, nor the order of the rows.
    order = np.random.default_rng(1).permutation(60)
    other = find_odd_runs(3 * noise[order], 3 * columns[order] * [1e-9, 1, 1e9, 2, 3])
    assert order[other.place].tolist() == [7, 31]


def test_what_the_parameters_can_do_is_no_oddness():
    noise, columns, rng = next(tables(60, None, 1))
    moved = noise + columns @ rng.standard_normal(5) * 1e-5
    before, after = find_odd_runs(noise, columns), find_odd_runs(moved, columns)
    assert before.place.tolist() == after.place.tolist()


@pytest.mark.parametrize(
    "noise", [np.zeros(40), 1e-14 * np.arange(40.0)], ids=["perfect", "rounding"]
)
def test_rounding_is_no_noise(noise):
    columns = jacobian(np.random.default_rng(0), 40)
    assert find_odd_runs(noise, columns).place.size == 0
    noise = noise.copy()
    noise[3] = 0.05
    assert find_odd_runs(noise, columns).place.tolist() == [3]


def test_few_rows_and_wrong_numbers_are_not_tested():
    rng = np.random.default_rng(0)
    assert find_odd_runs(rng.standard_normal(9), jacobian(rng, 9)).rows == 0
    broken = jacobian(rng, 40)
    broken[3, 2] = np.nan
    assert find_odd_runs(rng.standard_normal(40), broken).rows == 0
    idle = np.hstack([jacobian(rng, 40), np.zeros((40, 1))])
    assert find_odd_runs(rng.standard_normal(40), idle).rows == 40
