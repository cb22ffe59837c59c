"""The shared numerics against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._numerics import dependencies, fast_log


def test_fast_log_is_good_to_the_last_digit():
    x = np.concatenate([np.exp(np.linspace(-700, 700, 40001)), np.linspace(0.5, 2, 40001)])
    with jax.enable_x64(True):
        # Two units in the last place of max(1, |log x|).
        error = np.abs(np.asarray(fast_log(jnp.asarray(x))) - np.log(x))
    assert np.max(error / np.maximum(1, np.abs(np.log(x)))) < 2 * np.finfo(float).eps


def test_fast_log_has_the_derivatives_of_a_logarithm():
    with jax.enable_x64(True):
        assert jax.grad(fast_log)(3.0) == 1 / 3
        assert jax.grad(jax.grad(fast_log))(2.0) == -0.25


def test_fast_log_outside_its_domain_is_nan():
    with jax.enable_x64(True):
        assert np.all(np.isnan(fast_log(jnp.asarray([0.0, -1.0, np.inf, np.nan]))))


def test_fast_log_follows_the_dtype():
    assert fast_log(jnp.float32(2.0)).dtype == jnp.float32


def test_dependencies_are_found_through_jitted_functions():
    def outputs(x, y, z):
        return jnp.where(x > 0, x, 1.0), jnp.power(x, y), jnp.ones(()), y * 0 + z

    found = dependencies(outputs, 1.0, 2.0, 3.0)
    assert found == [frozenset({0}), frozenset({0, 1}), frozenset(), frozenset({1, 2})]
