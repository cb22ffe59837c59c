"""`fit_arrays` inside other people's JAX: transformations, dtypes and implicit derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import scalejax as sj
from scalejax._numerics import RUN_ONCE

compiled = partial(jax.jit, compiler_options=RUN_ONCE)
STUDENT_T = pytest.param(sj.student_t(3), 1.0, marks=pytest.mark.slow)
ORDER = ("E", "A", "alpha", "B", "beta")


@pytest.fixture(scope="module")
def runs():
    frame = sj.datasets.load("golden36")
    return {name: frame[name].to_numpy() for name in ("N", "D", "loss")}


def fitted(runs, losses, weights=None, **options):
    found = sj.fit_arrays(
        "chinchilla", {"N": runs["N"], "D": runs["D"]}, losses, weights, **options
    )
    return jnp.stack([found.params[name] for name in ORDER])


def test_agrees_with_the_certified_optimum_inside_jit(runs):
    # GOLDEN-36, least squares on log loss, from a 50-digit Newton iteration.
    certified = [1.8160450229492, 666.94768550502, 0.36929483119312]
    with jax.enable_x64(True):
        fit = compiled(lambda y: fitted(runs, y, objective=sj.least_squares()))
        np.testing.assert_allclose(fit(runs["loss"])[:3], certified, rtol=1e-9)


@pytest.mark.slow
def test_vmap_is_the_same_as_one_by_one(runs):
    losses = np.stack([runs["loss"], runs["loss"] * np.linspace(0.99, 1.01, 36)])
    with jax.enable_x64(True):
        one = compiled(lambda y: fitted(runs, y))
        together = compiled(jax.vmap(lambda y: fitted(runs, y)))(losses)
        np.testing.assert_allclose(together, np.stack([one(y) for y in losses]), rtol=1e-7)


@pytest.mark.slow
def test_shard_map(runs):
    losses = np.stack([runs["loss"], runs["loss"] * 1.01])
    mesh = Mesh(np.array(jax.devices()[:1]), ("fits",))
    spec = PartitionSpec("fits")
    with jax.enable_x64(True):
        many = jax.vmap(lambda y: fitted(runs, y))
        shard = jax.shard_map(many, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
        np.testing.assert_allclose(compiled(shard)(losses), compiled(many)(losses), rtol=1e-12)


def test_follows_the_callers_dtype_and_says_what_it_is_worth(runs):
    @compiled
    def fit(losses):
        inputs = {"N": runs["N"], "D": runs["D"]}
        return sj.fit_arrays("chinchilla", inputs, losses, objective=sj.least_squares())

    found = fit(jnp.asarray(runs["loss"], jnp.float32))
    assert found.params["alpha"].dtype == jnp.float32
    assert int(found.status) == sj.Status.CONVERGED
    # Least squares in float32 keeps at least four digits (reliability study, T13).
    np.testing.assert_allclose(found.params["alpha"], 0.36929483119312, rtol=1e-4)


def test_missing_input_is_named(runs):
    with pytest.raises(sj.UsageError, match="lacks D"):
        sj.fit_arrays("chinchilla", {"N": runs["N"]}, runs["loss"])


def problem(runs):
    """Everything that the optimum depends on: losses, weights, N, a fixed value, a prior's mean."""
    return (
        jnp.asarray(runs["loss"]),
        jnp.ones(36),
        jnp.asarray(runs["N"]),
        jnp.asarray(1.82),
        jnp.asarray(0.35),
    )


@pytest.mark.parametrize(
    ("objective", "noise"),
    [(sj.least_squares(), 0.005), (sj.huber(3e-3), 0.005), STUDENT_T],
    ids=["least_squares", "huber", "student_t"],
)
def test_derivatives_are_those_of_the_optimum(runs, objective, noise):
    """The implicit derivative against central differences of the whole fit.

    Steps: the fit itself is exact to about 1e-11, so with a relative step h the difference has an
    error of about 1e-11 / h from rounding and h^2 from curvature: h = 1e-4 leaves both near 1e-7.
    For the weights, which matter least, the step is 0.01 and Richardson's rule removes h^2.
    """

    def theta(losses, weights, sizes, floor, mean):
        return fitted(
            {**runs, "N": sizes},
            losses,
            weights,
            objective=objective,
            fixed={"E": floor},
            priors={"alpha": sj.objectives.Normal(mean, 0.05, noise)},
        )[1:]

    with jax.enable_x64(True):
        arguments = problem(runs)
        positions = tuple(range(len(arguments)))
        both = compiled(lambda *x: (theta(*x), jax.jacrev(theta, argnums=positions)(*x)))
        reverse = both(*arguments)[1]
        row = 5
        for k, argument in enumerate(arguments):
            where = (row,) if argument.ndim else ()

            def moved(step, k=k, where=where):
                changed = list(arguments)
                changed[k] = arguments[k].at[where].multiply(1 + step)
                return both(*changed)[0]

            def central(h, moved=moved):
                return (moved(h) - moved(-h)) / (2 * h)

            h = 0.01 if k == 1 else 1e-4
            difference = (4 * central(h / 2) - central(h)) / 3
            slope = reverse[k][(slice(None), *where)] * argument[where]
            np.testing.assert_allclose(slope, difference, atol=1e-5 * np.max(np.abs(difference)))


@pytest.mark.slow
def test_forward_mode_agrees_with_reverse_mode(runs):
    with jax.enable_x64(True):
        losses = jnp.asarray(runs["loss"])

        def alpha(y):
            return fitted(runs, y)[2]

        direction = jnp.cos(jnp.arange(36.0))
        _, forward = jax.jvp(compiled(alpha), (losses,), (direction,))
        reverse = compiled(jax.grad(alpha))(losses)
        np.testing.assert_allclose(forward, reverse @ direction, rtol=1e-9)


@pytest.mark.slow
def test_second_derivatives_hold_too(runs):
    """The implicit rule is written with differentiable pieces, so it can be applied twice."""

    def alpha(floor):
        return fitted(runs, runs["loss"], objective=sj.least_squares(), fixed={"E": floor})[2]

    with jax.enable_x64(True):
        floor, h = jnp.asarray(1.82), 1e-4
        slope = compiled(jax.grad(alpha))
        second = compiled(jax.grad(jax.grad(alpha)))(floor)
        difference = (slope(floor + h) - slope(floor - h)) / (2 * h)
        np.testing.assert_allclose(second, difference, rtol=1e-5)


def test_a_parameter_on_its_bound_does_not_move(runs):
    def floor(losses):
        return fitted(runs, losses, objective=sj.least_squares(), bounds={"E": (1.9, 3.0)})[0]

    with jax.enable_x64(True):
        losses = jnp.asarray(runs["loss"])
        value, slope = compiled(jax.value_and_grad(floor))(losses)
        assert float(value) == pytest.approx(1.9, abs=1e-12)
        assert np.all(np.asarray(slope) == 0)
