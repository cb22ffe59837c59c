"""Small symmetric systems, against NumPy's LAPACK."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scalejax.solvers import largest_eigenvalue, symmetric_inverse

SIZES = (2, 5, 8)


def products(size, count=200):
    """Products of the columns of random matrices, of unit length but of uneven directions."""
    generator = np.random.default_rng(size)
    mixed = np.eye(size) + 3 * generator.normal(size=(count, size, size))
    columns = generator.normal(size=(count, 30, size)) @ mixed
    columns /= np.linalg.norm(columns, axis=1, keepdims=True)
    return np.einsum("bni,bnj->bij", columns, columns)


@pytest.mark.parametrize("size", SIZES)
def test_inverse(size):
    matrices = products(size)
    with jax.enable_x64(True):
        inverse = jax.vmap(lambda m: symmetric_inverse(m, jnp.zeros(size, bool)))
        answer = jax.device_get(inverse(matrices))
    assert np.all(answer.whole)
    expected = np.linalg.inv(matrices)
    error = np.abs(answer.inverse - expected).max((1, 2)) / np.abs(expected).max((1, 2))
    assert np.all(error < 1e-12 * np.linalg.cond(matrices))


@pytest.mark.parametrize("size", SIZES)
def test_what_is_left_out_or_lost_has_no_inverse(size):
    """That of the rest is the inverse of the rest; a direction without curvature is no part."""
    matrices = products(size)
    matrices[:, 0, :] = matrices[:, :, 0] = 0
    left_out = np.arange(size) == size - 1
    with jax.enable_x64(True):
        inverse = jax.vmap(lambda m: symmetric_inverse(m, jnp.asarray(left_out)))
        answer = jax.device_get(inverse(matrices))
    assert not np.any(answer.whole)
    rest = np.zeros_like(matrices)
    if size > 2:
        rest[:, 1:-1, 1:-1] = np.linalg.inv(matrices[:, 1:-1, 1:-1])
    scale = np.abs(rest).max((1, 2), keepdims=True, initial=1)
    np.testing.assert_allclose(answer.inverse / scale, rest / scale, atol=1e-8)


@pytest.mark.parametrize("size", SIZES)
def test_largest_eigenvalue(size):
    """From below, as a Rayleigh quotient is, and to a tenth."""
    matrices = products(size)
    with jax.enable_x64(True):
        found = np.asarray(jax.vmap(largest_eigenvalue)(matrices))
    ratio = found / np.linalg.eigvalsh(matrices)[:, -1]
    assert np.all((ratio > 0.9) & (ratio < 1 + 1e-12))
