"""Numbers keep their 64 bits in a process that runs JAX in 32 bits, in every thread (T13)."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scalejax as sj
from scalejax.engine.start_candidates import start_candidates
from scalejax.laws import chinchilla
from scalejax.objectives import make_model


@pytest.fixture(autouse=True)
def process_stays_in_32_bits():
    """The whole suite runs in a process that never asked for 64 bits, as a user's would."""
    assert not jax.config.jax_enable_x64
    yield
    assert not jax.config.jax_enable_x64
    assert jnp.asarray(1.0).dtype == jnp.float32


def test_certified_digits_in_a_32_bit_process(golden_lsq):
    # 32 bits would leave five to seven digits here; this is the eleventh.
    assert golden_lsq.params["beta"] == pytest.approx(0.35844348162266, rel=1e-11)
    assert golden_lsq.params["A"] == pytest.approx(666.94768550502, rel=1e-10)


def test_everything_handed_out_is_numpy_float64(golden):
    fit = sj.fit(golden, resamples=5)
    assert all(type(value) is float for value in fit.params.values())
    arrays = [*fit.draws.parameters.values(), fit.draws.objective, fit.residuals]
    assert all(type(x) is np.ndarray and x.dtype == np.float64 for x in arrays)
    assert fit.draws.status.dtype == np.int64
    frame = fit.predict({"N": [7e10, 8e10], "D": 1.4e12}, discrepancy=0.005)
    numbers = frame.drop(columns=["method", "inside_hull"])
    assert set(numbers.dtypes) == {np.dtype(np.float64)}
    assert set(fit.conf_int()[["estimate", "stderr", "lo", "hi"]].dtypes) == {np.dtype(np.float64)}


def test_predictions_have_64_bits(golden_lsq):
    p, N, D = golden_lsq.params, 7e10, 1.4e12
    expected = p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]
    loss = golden_lsq.predict({"N": N, "D": D}, discrepancy=0.0)["loss"][0]
    # A prediction in 32 bits is wrong in the eighth digit.
    assert loss == pytest.approx(expected, rel=1e-14)


def test_large_integer_counts():
    """10 and 20 trillion tokens as int64, which wrap or round in 32 bits."""
    N = np.repeat(np.array([10**9, 10**10, 70 * 10**9, 10**12], np.int64), 4)
    D = np.tile(np.array([10**11, 10**12, 10**13, 2 * 10**13 + 1], np.int64), 4)
    p = dict(chinchilla.published["besiroglu2024"])
    noise = np.exp(0.003 * np.cos(np.arange(16)))
    loss = (p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"]) * noise
    fit = sj.fit({"N": N, "D": D, "loss": loss}, resamples=0)
    assert fit.table.inputs["D"].dtype == np.float64
    assert np.array_equal(fit.table.inputs["D"].astype(np.int64), D)
    assert np.array_equal(fit.table.inputs["N"].astype(np.int64), N)
    as_floats = sj.fit({"N": N.astype(float), "D": D.astype(float), "loss": loss}, resamples=0)
    assert fit.params == as_floats.params


def test_eight_threads_give_the_same_numbers(golden):
    """The 64-bit context belongs to a thread; every fit must enter it for itself."""
    rng = np.random.default_rng(0)
    tables = [
        golden.assign(loss=golden["loss"] * np.exp(rng.normal(0, 3e-3, 36))) for _ in "12345678"
    ]

    def one(table):
        fit = sj.fit(table, resamples=20)
        return fit.params, {name: list(v) for name, v in fit.draws.parameters.items()}

    serial = [one(table) for table in tables]
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(one, tables))
    assert threaded == serial


def test_a_caller_in_64_bits_gets_the_same(golden, golden_huber):
    with jax.enable_x64(True):
        fit = sj.fit(golden, resamples=0)
    assert fit.params == golden_huber.params


def test_starts_do_not_depend_on_where_they_are_first_asked_for():
    """They are kept, so that a first call in single precision would round those of all fits."""
    model = make_model(sj.find_law("chinchilla"), sj.huber().kernel)
    start_candidates.cache_clear()
    outside = start_candidates(model).u
    start_candidates.cache_clear()
    with jax.enable_x64(True):
        inside = start_candidates(model).u
    assert np.array_equal(outside, inside)
