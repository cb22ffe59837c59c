"""Repeated data: the numbers of Muennighoff et al. (arXiv:2305.16264) and the limits of the law."""

import jax
import numpy as np
import pytest

from scalejax.laws import LAWS, chinchilla, effective_tokens
from scalejax.laws.repetition import size_for

SET = LAWS["data_constrained"].published["muennighoff2023-repetition"]
BASE = {name: SET[name] for name in chinchilla.parameters}


@pytest.mark.parametrize(
    ("passes", "worth"),
    [(2, 1.96820), (4, 3.72567), (8, 6.62412), (16, 10.58246), (40, 15.16746), (1e9, 16.38776)],
)
def test_a128_effective_data(passes, worth):
    with jax.enable_x64(True):
        found = float(effective_tokens(passes * 1e9, 1e9, SET["R_D"])) / 1e9
    assert found == pytest.approx(worth, abs=1e-5)


@pytest.mark.parametrize(("unique", "loss"), [(178e9, 2.19216), (44e9, 2.20730)])
def test_a129_unique_tokens(unique, loss):
    with jax.enable_x64(True):
        found = float(LAWS["data_constrained"](8.7e9, 178e9, unique, **SET))
    assert found == pytest.approx(loss, abs=1e-5)


@pytest.mark.parametrize("unique", [1e30, np.inf])
def test_endless_data_give_chinchillas_law_and_its_slopes(unique):
    def constrained(N, D):
        return LAWS["data_constrained"](N, D, unique, **SET)

    def base(N, D):
        return chinchilla(N, D, **BASE)

    with jax.enable_x64(True):
        assert constrained(8.7e9, 178e9) == base(8.7e9, 178e9)
        slopes, wanted = (
            np.array(jax.grad(f, argnums=(0, 1))(8.7e9, 178e9)) for f in (constrained, base)
        )
    assert slopes == pytest.approx(wanted, rel=1e-14)


def test_the_size_for_tokens_is_the_optimum_of_their_compute():
    """At N for U tokens, a little more of N and less of D at the same ND gains nothing."""
    with jax.enable_x64(True):
        N = float(size_for(25e9, **BASE))

        def along(x):
            return chinchilla(N * jax.numpy.exp(x), 25e9 * jax.numpy.exp(-x), **BASE)

        assert float(jax.grad(along)(0.0)) == pytest.approx(0, abs=1e-15)
