"""Parameters in which a law is linear, found from its operations."""

import jax
import jax.numpy as jnp
import pytest

import scalejax as sj
from scalejax.laws import LAWS
from scalejax.laws.linear import linear_parameters

# Their b stands in an exponential of its logarithm: linear, but the operations do not show it.
HIDDEN = {f"bnsl{breaks}": {"b"} for breaks in (1, 2, 3)}


@pytest.mark.parametrize("name", LAWS)
def test_what_is_found_is_what_is_declared(name):
    law = LAWS[name]
    supports = {key: parameter.support for key, parameter in law.parameters.items()}
    seen = linear_parameters(law.function, len(law.inputs), supports)
    assert set(law.linear) - set(seen) == HIDDEN.get(name, set())
    assert set(seen) <= set(law.linear)


def test_of_two_sets_the_larger_and_of_equal_ones_the_first():
    @sj.law
    def products(x, *, a: sj.Real, b: sj.Real, c: sj.Real, d: sj.Real):
        return a * (b + c * x) + jnp.exp(d)

    @sj.law
    def pair(x, *, a: sj.Real, b: sj.Real):
        return a * b * x

    assert products.linear == ("b", "c")
    assert pair.linear == ("a",)


def test_shares_and_curves_are_left_to_the_search():
    @sj.law
    def mine(x, *, share: sj.UnitInterval, scale: sj.Positive, rate: sj.Positive):
        return share + scale * jax.nn.sigmoid(rate * x) + rate

    assert mine.linear == ("scale",)


def test_a_declaration_counts_as_it_is():
    @sj.law(linear=())
    def none(x, *, a: sj.Positive):
        return a * x

    assert none.linear == ()


def test_a_law_that_fails_has_none():
    @sj.law
    def broken(x, *, a: sj.Positive):
        return a * undefined  # noqa: F821

    assert broken.linear == ()
