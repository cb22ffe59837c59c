"""Compute as a function of N and D: inverses undo it, and it is found in its own values."""

import jax
import numpy as np
import pytest

import scalejax as sj
from scalejax.compute import SIX_N_D, Compute, clear_compute, compute_of, measured_compute

KINDS = {
    "6 N D": SIX_N_D,
    "12 N D": Compute(12.0),
    "(6 N + 3e+08) D": Compute(6.0, 3e8),
    "(6 N - 3e+07) D": Compute(6.0, -3e7, 1e7),
}
SIZES, TOKENS = np.geomspace(1e6, 1e12, 7), np.geomspace(1e12, 1e8, 7)

kinds = pytest.mark.parametrize("compute", KINDS.values(), ids=KINDS)


def table(compute=SIX_N_D):
    n = np.repeat(np.geomspace(1e7, 1e10, 6), 4)
    d = np.tile(np.geomspace(1e9, 1e11, 4), 6)
    return n, d, compute.flop(n, d)


@pytest.mark.parametrize(("words", "compute"), KINDS.items(), ids=KINDS)
def test_words(words, compute):
    assert str(compute) == words


@kinds
def test_inverses(compute):
    flop, log_n, log_d = compute.flop(SIZES, TOKENS), np.log(SIZES), np.log(TOKENS)
    assert np.all(flop > 0)
    np.testing.assert_allclose(compute.log_flop(log_n, log_d), np.log(flop), rtol=1e-14)
    np.testing.assert_allclose(compute.tokens(flop, SIZES), TOKENS, rtol=1e-14)
    np.testing.assert_allclose(compute.size(flop, TOKENS), SIZES, rtol=1e-8)
    np.testing.assert_allclose(compute.log_size(np.log(flop), log_d), log_n, rtol=1e-8)
    at = compute.log_size_at(np.log(flop), log_d - log_n)
    np.testing.assert_allclose(at, log_n, rtol=1e-12)


@kinds
def test_elasticity_is_the_slope(compute):
    with jax.enable_x64(True):
        slope = jax.vmap(jax.grad(lambda x: compute.log_flop(x, 0.0)))(np.log(SIZES * 1.001))
    np.testing.assert_allclose(slope, compute.elasticity(np.log(SIZES * 1.001)), rtol=1e-9)


@kinds
def test_found_in_its_own_values(compute):
    n, d, flop = table(compute)
    found, away = measured_compute(n, d, flop)
    assert found == pytest.approx(compute, rel=1e-5)
    assert np.max(np.abs(away)) < 1e-6


@pytest.mark.parametrize("unit", [1.0, 0.995, 1.009])
def test_rounded_six_is_six(unit):
    n, d, flop = table()
    assert measured_compute(n, d, unit * flop)[0] is SIX_N_D


def test_a_few_wrong_rows_move_nothing():
    n, d, flop = table(Compute(6.0, 3e8))
    flop[[3, 20]] *= 50
    found, away = measured_compute(n, d, flop)
    assert found == pytest.approx(Compute(6.0, 3e8), rel=1e-3)
    assert sorted(np.argsort(-np.abs(away))[:2]) == [3, 20]


@pytest.mark.parametrize(
    "flop",
    [
        lambda n, d: 6e-18 * n * d,
        lambda n, d: 6 * n * d * np.where(np.arange(len(n)) % 2, 3.0, 1.0),
        lambda n, d: 1e9 * n,
    ],
    ids=["another unit", "two kinds", "of N alone"],
)
def test_what_no_function_describes_is_asked(flop):
    n, d, _ = table()
    found, _ = measured_compute(n, d, flop(n, d))
    assert found is None
    with pytest.raises(sj.UsageError, match=r'say it, flop_per_token="6N"'):
        clear_compute(found)


@pytest.mark.parametrize(
    ("written", "compute"),
    [
        (12, Compute(12.0)),
        ("12", Compute(12.0)),
        ("12N", Compute(12.0)),
        ("12 * N", Compute(12.0)),
        ("6N + 4.8e8", Compute(6.0, 4.8e8)),
        ([6.0, -3e7, 1e7], Compute(6.0, -3e7, 1e7)),
        (Compute(7.0), Compute(7.0)),
    ],
)
def test_as_people_write_it(written, compute):
    assert compute_of(written) == compute


@pytest.mark.parametrize("written", ["", "N", "6M", "6N -", -6, 0, float("nan"), [6, -1e9, 1], {}])
def test_what_is_no_compute(written):
    with pytest.raises(sj.UsageError, match="flop_per_token= is the training FLOP of a token"):
        compute_of(written)
