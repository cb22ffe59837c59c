"""Objectives, priors, penalties, fixed and tied parameters, bounds: against SciPy and formulas."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special, stats

import scalejax as sj
from scalejax.objectives.priors import prior_of
from scalejax.status import Status

RESIDUALS = np.concatenate([-np.geomspace(1e-6, 10, 25), [0.0], np.geomspace(1e-6, 10, 25)])


def rho(objective, residuals, *scale):
    with jax.enable_x64(True):
        return np.asarray(
            objective.kernel.rho(jnp.asarray(residuals), *scale, *objective.constants)
        )


@pytest.mark.parametrize("delta", [1e-3, 0.03, 2.0])
def test_huber_is_scipys(delta):
    expected = special.huber(delta, RESIDUALS)
    assert rho(sj.huber(delta), RESIDUALS) == pytest.approx(expected, rel=1e-14, abs=1e-300)


def test_least_squares_is_half_the_square():
    assert rho(sj.least_squares(), RESIDUALS) == pytest.approx(RESIDUALS**2 / 2, rel=1e-15)


def test_absolute_is_the_absolute_value_but_for_its_rounding():
    # Huber of width w divided by w lies at most w/2 below |r|.
    gap = np.abs(RESIDUALS) - rho(sj.absolute(), RESIDUALS)
    assert np.all(gap >= 0)
    assert np.max(gap) <= 0.5e-7 * (1 + 1e-6)


@pytest.mark.parametrize("dof", [1.0, 3.0, 30.0])
def test_student_t_is_the_likelihood_up_to_a_constant(dof):
    for scale in (1e-3, 0.5, 20.0):
        found = rho(sj.student_t(dof), RESIDUALS, np.log(scale))
        constant = found + stats.t.logpdf(RESIDUALS, dof, scale=scale)
        expected = stats.t.logpdf(0.0, dof)
        assert constant == pytest.approx(np.full_like(constant, expected), abs=1e-12)


@pytest.mark.slow
def test_student_t_fits_the_scale(golden):
    """At the minimum the likelihood is stationary in the scale and the law, by finite steps."""
    fit = sj.fit(golden, objective=sj.student_t(3), resamples=0)

    def likelihood(residuals, scale):
        return -np.sum(stats.t.logpdf(residuals, 3, scale=scale))

    best = likelihood(fit.residuals, fit.noise_scale)
    found = optimize.minimize_scalar(
        lambda s: likelihood(fit.residuals, np.exp(s)),
        bounds=np.log(fit.noise_scale) + np.array([-1, 1]),
        method="bounded",
        options={"xatol": 1e-12},
    )
    # A minimum locates its place to the root of the rounding of its value.
    assert np.log(fit.noise_scale) == pytest.approx(found.x, abs=1e-6)
    constant = len(golden) * stats.t.logpdf(0.0, 3)
    assert fit.objective_value == pytest.approx(best + constant, rel=1e-12)


def test_automatic_delta(golden, golden_huber):
    """1.345 robust standard deviations of the residuals of the field's fit, then a fit with it."""
    fit = sj.fit(golden, objective=sj.huber("auto"), resamples=0)
    delta = 1.345 * 1.4826 * np.median(np.abs(golden_huber.residuals))
    assert fit.objective.constants == pytest.approx((delta,), rel=1e-9)
    assert fit.params == pytest.approx(
        sj.fit(golden, objective=sj.huber(delta), resamples=0).params, rel=1e-8
    )


def test_absolute_is_a_median_law(golden):
    """No small step lowers the sum: the linear program for the best one finds nothing."""
    fit = sj.fit(golden, objective=sj.absolute(), resamples=0)
    assert fit.status == Status.CONVERGED
    assert fit.agreeing > 1
    p, r = fit.params, fit.residuals
    N, D = golden["N"].to_numpy(), golden["D"].to_numpy()
    model, data = p["A"] * N ** -p["alpha"], p["B"] * D ** -p["beta"]
    columns = (np.full(36, p["E"]), model, -model * np.log(N), data, -data * np.log(D))
    J = np.stack(columns, axis=1) / (p["E"] + model + data)[:, None]
    program = optimize.linprog(
        np.concatenate([np.zeros(5), np.ones(72)]),
        A_eq=np.concatenate([J, -np.eye(36), np.eye(36)], axis=1),
        b_eq=-r,
        bounds=[(-1e-4, 1e-4)] * 5 + [(0, None)] * 72,
    )
    total = np.sum(np.abs(r))
    # The rounded corner is worth 36 x 1e-7 / 2, which is all that may be left.
    assert program.fun <= total <= program.fun + 36 * 0.5e-7
    assert fit.objective_value == pytest.approx(total, abs=36 * 0.5e-7)


def test_custom_objective_is_the_built_in_one(golden, golden_huber):
    def mine(r):
        return jnp.where(jnp.abs(r) <= 1e-3, r * r / 2, 1e-3 * (jnp.abs(r) - 5e-4))

    fit = sj.fit(golden, objective=mine, resamples=0)
    assert fit.params == pytest.approx(golden_huber.params, rel=1e-9)
    assert fit.objective_value == pytest.approx(golden_huber.objective_value, rel=1e-12)
    assert fit.objective.name == "mine"


class TestLinearLaw:
    """E + A/N^0.3 in E and A alone is a straight line, for which textbook answers exist."""

    FIXED = {"alpha": 0.3}  # noqa: RUF012

    @pytest.fixture
    def line(self, golden):
        columns = np.stack([np.ones(len(golden)), golden["N"].to_numpy() ** -0.3], axis=1)
        return columns, golden["loss"].to_numpy()

    def fit(self, golden, objective, **options):
        return sj.fit(
            golden, "floor_power_N", objective=objective, fixed=self.FIXED, resamples=0, **options
        )

    def test_least_squares(self, golden, line):
        fit = self.fit(golden, sj.least_squares(on="loss"))
        expected = np.linalg.lstsq(*line, rcond=None)[0]
        # The matrix has condition 3e3; LAPACK's own error is 1e-12.
        assert (fit.params["E"], fit.params["A"]) == pytest.approx(expected, rel=1e-9)
        assert fit.params["alpha"] == 0.3

    def test_absolute_is_the_linear_program(self, golden):
        # Sizes that differ, else medians of six runs of one size lie between two of them.
        sizes = np.geomspace(1e7, 1e10, len(golden))
        golden = golden.assign(N=sizes)
        columns, loss = np.stack([np.ones_like(sizes), sizes**-0.3], axis=1), golden["loss"]
        n, p = columns.shape
        program = optimize.linprog(
            np.concatenate([np.zeros(p), np.ones(2 * n)]),
            A_eq=np.concatenate([columns, np.eye(n), -np.eye(n)], axis=1),
            b_eq=loss,
            bounds=[(None, None)] * p + [(0, None)] * (2 * n),
        )
        fit = self.fit(golden, sj.absolute(on="loss"))
        # Rounding |r| off within 1e-7 lowers the sum by at most n 1e-7 / 2.
        total = np.sum(np.abs(fit.residuals))
        assert program.fun * (1 - 1e-9) <= total <= program.fun + 36 * 0.5e-7
        # A median line goes through as many points as it has parameters.
        assert np.sum(np.abs(fit.residuals) <= 1e-7) >= p

    def test_ridge(self, golden, line):
        """Normal priors give the posterior mode, which for a line solves a linear system."""
        columns, loss = line
        priors = {
            "E": sj.objectives.Normal(2.0, 0.01, noise=0.05),
            "A": sj.objectives.Normal(300.0, 20.0, noise=0.05),
        }
        mean = np.array([prior.mean for prior in priors.values()])
        precision = np.diag([(prior.noise / prior.sd) ** 2 for prior in priors.values()])
        expected = np.linalg.solve(
            columns.T @ columns + precision, columns.T @ loss + precision @ mean
        )
        fit = self.fit(golden, sj.least_squares(on="loss"), priors=priors)
        assert (fit.params["E"], fit.params["A"]) == pytest.approx(expected, rel=1e-9)
        assert fit.status == Status.CONVERGED


class TestPriors:
    @pytest.mark.parametrize(
        "prior",
        [pytest.param(sj.objectives.Normal, marks=pytest.mark.slow), sj.objectives.LogNormal],
    )
    @pytest.mark.slow
    def test_narrow_pins_and_wide_frees(self, golden, golden_huber, prior):
        pinned = sj.fit(golden, priors={"beta": prior(0.3, 1e-4)}, resamples=0)
        held = sj.fit(golden, fixed={"beta": 0.3}, resamples=0)
        # The slope at the pin is below 0.1, so the pinned value moves by less than 0.1 sd^2 = 1e-9
        # (the logarithm by that over 0.3), and B, the most sensitive, by e^(25 x 3e-9).
        assert pinned.params == pytest.approx(held.params, rel=1e-6)
        # The pull of a prior is (value - mean)/sd^2, 1e-16 here.
        free = sj.fit(golden, priors={"beta": prior(0.3, 1e8)}, resamples=0)
        assert free.params == pytest.approx(golden_huber.params, rel=1e-8)

    def test_a_very_narrow_prior_is_certified(self, golden):
        """Its pull is known to 1e-16/sd^2 only; that rounding is no reason to distrust the fit."""
        fit = sj.fit(golden, priors={"beta": sj.objectives.Normal(0.3, 1e-9)}, resamples=0)
        assert fit.params["beta"] == pytest.approx(0.3, abs=1e-12)
        assert fit.status == Status.CONVERGED

    def test_penalty_is_the_prior_it_spells_out(self, golden):
        with_prior = sj.fit(
            golden, priors={"beta": sj.objectives.Normal(0.37, 0.05, noise=5e-3)}, resamples=0
        )
        with_penalty = sj.fit(
            golden,
            penalty=lambda p: 0.5 * (5e-3 * (p["beta"] - 0.37) / 0.05) ** 2,
            resamples=0,
        )
        assert with_penalty.params == pytest.approx(with_prior.params, rel=1e-9)
        assert with_penalty.objective_value == pytest.approx(with_prior.objective_value, rel=1e-12)
        assert with_prior.status == with_penalty.status == Status.CONVERGED


class TestFixedTiedBounds:
    def test_fixing_at_the_optimum_changes_nothing(self, golden, golden_huber):
        fit = sj.fit(golden, fixed={"beta": golden_huber.params["beta"]}, resamples=0)
        assert fit.params == pytest.approx(golden_huber.params, rel=1e-8)
        assert fit.free == ("E", "A", "alpha", "B")

    @pytest.mark.slow
    def test_tied_exponents_are_the_tied_law(self, golden):
        tied = sj.fit(golden, tied={"beta": "alpha"}, resamples=0)
        other = sj.fit(golden, "chinchilla_tied", resamples=0)
        assert tied.params["beta"] == tied.params["alpha"]
        assert {name: tied.params[name] for name in other.params} == pytest.approx(
            other.params, rel=1e-9
        )
        assert tied.objective_value == pytest.approx(other.objective_value, rel=1e-12)

    def test_a_bound_that_cuts_the_optimum_off_is_hit(self, golden):
        with pytest.warns(sj.FitWarning, match="bound_hit"):
            fit = sj.fit(golden, bounds={"beta": (0.05, 0.2)}, resamples=0)
        assert fit.status == Status.BOUND_HIT
        assert fit.on_bound == ("beta",)
        # The best point of the box is the best one of its face.
        face = sj.fit(golden, fixed={"beta": 0.2}, resamples=0)
        assert fit.params == pytest.approx(face.params, rel=1e-8)

    def test_a_wide_bound_changes_nothing(self, golden, golden_huber):
        fit = sj.fit(golden, bounds={"beta": (0.05, 2.0)}, resamples=0)
        assert fit.params == pytest.approx(golden_huber.params, rel=1e-12)
        assert not fit.on_bound

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"fixed": {"betta": 0.3}}, "'betta' is not a parameter"),
            ({"fixed": {"beta": 0.3}, "tied": {"beta": "alpha"}}, "both fixed and tied"),
            ({"fixed": {"alpha": 0.3}, "tied": {"beta": "alpha"}}, "which is not free"),
            ({"bounds": {"beta": (0.4, 0.3)}}, "must increase"),
            ({"bounds": {"gamma": (0.4, 0.6)}}, "'gamma' is not a free parameter"),
            ({"priors": {"gamma": sj.objectives.Normal(1.0, 1.0)}}, "'gamma'"),
            ({"objective": "hubber"}, "no loss 'hubber'; did you mean huber"),
            ({"objective": 3}, "takes an objective"),
        ],
    )
    def test_impossible_options_name_the_offender(self, golden, options, says):
        with pytest.raises((sj.UsageError, sj.InputError), match=says):
            sj.fit(golden, **options)


class TestNames:
    """What summaries and files call objectives and priors."""

    @pytest.mark.parametrize(
        ("objective", "name"),
        [
            (sj.huber(), "huber(0.001) on log loss"),
            (sj.huber("auto"), "huber(0.001) on log loss"),
            (sj.huber(0.02, on="loss"), "huber(0.02) on loss"),
            (sj.least_squares(), "least_squares on log loss"),
            (sj.absolute(), "absolute(1e-07) on log loss"),
            (sj.student_t(4), "student_t(4) on log loss"),
            (sj.objectives.custom(jnp.cosh), "cosh on log loss"),
            (sj.objectives.custom(partial(jnp.power, 2.0)), "custom on log loss"),
        ],
    )
    def test_objective(self, objective, name):
        assert str(objective) == name

    def test_what_is_wrong_is_named(self):
        with pytest.raises(sj.UsageError, match="delta"):
            sj.huber(-1.0)
        with pytest.raises(sj.UsageError, match="dof"):
            sj.student_t(0.0)

    @pytest.mark.parametrize(
        "prior", [sj.objectives.Normal(0.3, 0.1, 0.02), sj.objectives.LogNormal(400.0, 0.5, 0.02)]
    )
    def test_a_prior_is_read_as_it_was_saved(self, prior):
        assert prior_of([type(prior).__name__, *prior]) == prior

    def test_a_prior_counts_for_a_row_of_unit_noise_if_not_told(self):
        assert sj.objectives.Normal(0.3, 0.1).penalty(0.5) == pytest.approx(0.5 * 2.0**2)
        assert float(sj.objectives.LogNormal(1.0, 0.5).penalty(np.e)) == pytest.approx(
            0.5 * 2.0**2, rel=1e-6
        )
