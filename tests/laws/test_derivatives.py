"""Derivatives of every registered law, as a property over the registry (T12).

`test_laws.py` has first derivatives in logarithms against formulas written in NumPy, and
`test_embedding.py` the derivatives of the optimum. Here are gradients, JVPs and Hessians in the
law's own inputs and parameters against complex steps, which do not differentiate anything: an
analytic function evaluated at v + ih d has the imaginary part h f'(v) d, exact for a tiny h.
Then that all of them stay finite at extreme points, in both precisions. A law that joins the
registry is tested without a line here.
"""

import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scalejax._numerics import RUN_ONCE
from scalejax.laws import LAWS
from scalejax.quantities import QUANTITIES

compiled = partial(jax.jit, compiler_options=RUN_ONCE)
# Second derivatives compile for seconds to half a minute: a few laws stand for all in the fast
# battery, where `test_laws.py` has the first derivatives of every law.
SHORT = ("chinchilla", "kaplan", "floor_power_C", "clark2022", "m4")
# Soft bends are computed by branches of real numbers, which a complex step does not pass.
BENT = {"m4", "bnsl1", "bnsl2", "bnsl3", "busbridge2025"}


def each(names):
    marked = [
        pytest.param(LAWS[name], id=name, marks=() if name in SHORT else pytest.mark.slow)
        for name in names
    ]
    return pytest.mark.parametrize("law", marked)


ALL = each(LAWS)
ANALYTIC = each(name for name in LAWS if name not in BENT)

COUNT = 20
TINY = 1e-30
BITS = ("P_w", "P_a", "P_kv", "P_post", "E_bits", "M_bits")
RANGES = {**dict.fromkeys(BITS, (2.0, 16.0)), "block": (2.0, 1e6)}
ENDS = {
    **dict.fromkeys(BITS, (1.0, 64.0)),
    "block": (2.0, 1e9),
    "sparsity": (0.0, 0.99),
    "mse": (0.0, 0.9),
}
MOST_POINTS = 16384


def flat(law):
    """The law as a function of one vector: its inputs, then its parameters."""
    split = len(law.inputs)

    def function(v):
        return law(*v[:split], **dict(zip(law.parameters, v[split:], strict=True)))

    return function


def seen(name):
    """Where an input is seen: the middle half of its range, by logarithm where it is positive."""
    low, high = QUANTITIES[name].plausible
    if low <= 0:
        return low + (high - low) / 20, high - (high - low) / 20
    return low**0.75 * high**0.25, low**0.25 * high**0.75


def random_points(law):
    """Inputs and parameters drawn from where they are seen, (inputs + p, COUNT)."""
    random = np.random.default_rng(12)
    ranges = [RANGES.get(name, seen(name)) for name in law.inputs]
    ranges += [p.plausible for p in law.parameters.values()]
    return np.stack(
        [
            np.exp(random.uniform(np.log(low), np.log(high), COUNT))
            if low > 0
            else random.uniform(low, high, COUNT)
            for low, high in ranges
        ]
    )


def complex_slope(function, v, direction):
    """Derivative along a direction (relative to each coordinate) by a complex step."""
    with jax.enable_x64(True):
        return np.asarray(function(v * (1 + 1j * TINY * direction))).imag / TINY


def basis(size):
    return np.eye(size)[..., None]


@ANALYTIC
def test_gradients_and_jvps(law):
    function, v = flat(law), random_points(law)
    direction = np.random.default_rng(13).normal(size=v.shape)
    with jax.enable_x64(True):
        gradient = np.asarray(compiled(jax.vmap(jax.grad(function), 1, 1))(v))
        along = jax.vmap(lambda v, d: jax.jvp(function, (v,), (d,))[1], 1)
        push = np.asarray(compiled(along)(v, v * direction))
    expected = np.stack([complex_slope(function, v, unit) for unit in basis(len(v))])
    # Both are exact but for rounding, which powers up to 40 times a logarithm magnify to 1e-14.
    # Kaplan's alpha_D acts twice, and where one term dominates the two effects cancel: what is left
    # of them has the rounding of the largest slope.
    allowed = 1e-11 * np.abs(expected) + 1e-12 * np.max(np.abs(expected), axis=0)
    np.testing.assert_array_less(np.abs(gradient * v - expected), allowed)
    size = np.sum(np.abs(expected * direction), axis=0)
    error = np.abs(push - complex_slope(function, v, direction))
    np.testing.assert_array_less(error, 1e-11 * size)


@ANALYTIC
def test_hessians(law):
    """Central differences of complex steps, in logarithms, which make all coordinates alike.

    With u = ln v the Hessian is v_i H_ij v_j + (v_i g_i if i = j). Slopes vary as exponentials of
    exponents up to 20 times u. A step h then leaves (20 h)^2 / 6, or (20 h)^4 by Richardson's rule
    with h and 2h, which is 2e-11 for h = 1e-4; rounding leaves 1e-14 / h = 1e-10 of the
    largest slope.
    """
    function, v = flat(law), random_points(law)
    units, h = basis(len(v)), 1e-4
    with jax.enable_x64(True):
        hessian = np.asarray(compiled(jax.vmap(jax.hessian(function), 1, 2))(v))
    gradient = np.stack([complex_slope(function, v, unit) for unit in units])
    scaled = hessian * v[:, None] * v[None, :] + gradient * units.swapaxes(0, 1)

    def slopes(step):
        return np.stack([complex_slope(function, v * np.exp(step), unit) for unit in units])

    def central(h, unit):
        return (slopes(h * unit) - slopes(-h * unit)) / (2 * h)

    for j, unit in enumerate(units):
        expected = (4 * central(h, unit) - central(2 * h, unit)) / 3
        allowed = 1e-6 * np.abs(expected) + 1e-9 * np.max(np.abs(gradient), axis=0)
        np.testing.assert_array_less(np.abs(scaled[:, j] - expected), allowed, err_msg=str(j))


def extreme_points(law, parameters):
    """Every corner of the inputs with every corner of the given ranges, or a sample of them."""
    inputs = (ENDS.get(name, QUANTITIES[name].plausible) for name in law.inputs)
    ends = [*inputs, *parameters]
    if math.prod(map(len, ends)) <= MOST_POINTS:
        return np.array(list(itertools.product(*ends))).T
    random = np.random.default_rng(14)
    return np.stack([random.choice(values, MOST_POINTS) for values in ends])


def all_derivatives(law, points, dtype):
    """Value, gradient and Hessian of the loss and of its logarithm, at points (inputs + p, m)."""
    function = flat(law)

    def everything(v):
        log = lambda v: jnp.log(jnp.abs(function(v)))  # noqa: E731
        return [
            (f(v), jax.grad(f)(v), jax.jacrev(f)(v), jax.hessian(f)(v)) for f in (function, log)
        ]

    with jax.enable_x64(dtype == np.float64):
        found = jax.jit(jax.vmap(everything, 1))(jnp.asarray(points, dtype))
        leaves = jax.tree.leaves(found)
    assert {leaf.dtype for leaf in leaves} == {np.dtype(dtype)}
    return leaves


@ALL
def test_finite_at_the_extremes(law):
    """The ends of the inputs, at every corner of the plausible ranges, and with E almost 0."""
    corners = [
        (1e-12, *parameter.plausible) if name == "E" else parameter.plausible
        for name, parameter in law.parameters.items()
    ]
    leaves = all_derivatives(law, extreme_points(law, corners), np.float64)
    assert all(np.all(np.isfinite(leaf)) for leaf in leaves)


@ALL
def test_finite_at_the_extremes_in_float32(law):
    """The same in float32, whose range ends at 1e38, for parameters in the middle of their ranges.

    At the corners Kaplan's ratio of exponents is 17, and (1e17 / 1e3)^17 is beyond float32.
    """

    def middle(low, high):
        return np.sqrt(low * high) if low > 0 else (low + high) / 2

    values = [
        (1e-12, middle(*p.plausible)) if name == "E" else (middle(*p.plausible),)
        for name, p in law.parameters.items()
    ]
    leaves = all_derivatives(law, extreme_points(law, values), np.float32)
    assert all(np.all(np.isfinite(leaf)) for leaf in leaves)
