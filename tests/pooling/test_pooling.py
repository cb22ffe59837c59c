"""Families around a population: closed forms of linear mixed models, and limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from pooling_cases import line, lines
from scipy import optimize, stats

import scalejax as sj
from scalejax import Real
from scalejax._numerics import RUN_ONCE
from scalejax.pooling.marginal import marginal
from scalejax.pooling.population import log_prior, unpack

FLAT = sj.LogNormal(0.2, 1e6)
"""A prior of the spread that says nothing, for comparison with maximum likelihood."""


@sj.law
def level(x, *, a: Real):
    """A constant: the log loss of a family is its level, which x does not move."""
    return jnp.exp(a + 0 * x)


def levels(groups=6, rows=5, seed=0):
    random = np.random.default_rng(seed)
    y = random.normal(0, 0.5, (groups, 1)) + random.normal(0, 0.2, (groups, rows))
    return y, pd.DataFrame(
        {
            "x": random.uniform(-1, 1, y.size),
            "loss": np.exp(y).ravel(),
            "family": np.repeat([f"f{k}" for k in range(groups)], rows),
        }
    )


@pytest.fixture(scope="module")
def one_way():
    y, runs = levels()
    return y, sj.pool(runs, level, by="family", spread=FLAT)


class TestOneWayRandomEffects:
    """Balanced: the likelihood is a product of normal densities, whose maximum SciPy finds."""

    def estimates(self, y):
        """Mean, variance between and within families of the largest likelihood times spread."""

        def value(t):
            covariance = np.exp(2 * t[2]) * np.eye(y.shape[1]) + np.exp(2 * t[1])
            density = stats.multivariate_normal.logpdf(y, np.full(y.shape[1], t[0]), covariance)
            return -density.sum() - t[1]

        found = optimize.minimize(value, [0.0, -1.0, -1.0], method="Nelder-Mead", tol=1e-10).x
        return found[0], np.exp(2 * found[1]), np.exp(2 * found[2])

    def test_population_is_the_maximum(self, one_way):
        y, pooled = one_way
        mean, between, within = self.estimates(y)
        population = pooled.population()
        # The search stops at a Newton decrement of 1e-9: 3e-5 standard errors.
        assert population["mean"].iloc[0] == pytest.approx(mean, abs=1e-5)
        assert population["sd"].iloc[0] == pytest.approx(np.sqrt(between), rel=1e-4)
        assert pooled.shared()["estimate"].iloc[0] == pytest.approx(np.sqrt(within), rel=1e-4)
        assert pooled.status == sj.Status.CONVERGED
        assert pooled.agreeing == pooled.starts == 3

    def test_marginal_likelihood_is_the_normal_density(self, one_way):
        y, pooled = one_way
        mean, between, within = self.estimates(y)
        covariance = within * np.eye(y.shape[1]) + between
        exact = stats.multivariate_normal.logpdf(y, np.full(y.shape[1], mean), covariance).sum()
        # SciPy's maximum and ours are some 1e-5 of a parameter apart.
        assert pooled.log_marginal == pytest.approx(exact, abs=1e-6)

    def test_intervals_hold_the_estimates(self, one_way):
        found = one_way[1].population()
        assert (found["mean_lo"] < found["mean"]).all()
        assert (found["mean"] < found["mean_hi"]).all()
        assert (found["sd_lo"] > 0).all()
        assert (found["sd_lo"] < found["sd"]).all()
        assert (found["sd"] < found["sd_hi"]).all()

    def test_spread_is_between_maximum_likelihood_and_restricted(self, one_way):
        # Searle, Casella & McCulloch (1992), 3.7 and 3.8: both have closed forms.
        y, pooled = one_way
        groups, rows = y.shape
        within = np.sum((y - y.mean(1, keepdims=True)) ** 2) / (groups * (rows - 1))
        squares = rows * np.sum((y.mean(1) - y.mean()) ** 2)
        likelihood, restricted = ((squares / n - within) / rows for n in (groups, groups - 1))
        found = pooled.population()["sd"].iloc[0] ** 2
        # Restricted likelihood weighs the spread of the families' averages, ours that of their
        # levels, which is a little smaller.
        assert likelihood < found < 1.05 * restricted

    def test_families_are_shrunk_as_stein_says(self, one_way):
        y, pooled = one_way
        mean, between, within = self.estimates(y)
        keep = between / (between + within / y.shape[1])
        expected = mean + keep * (y.mean(1) - mean)
        found = [pooled.family(name).params["a"] for name in pooled.groups]
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_intervals_know_that_the_population_is_estimated(self, one_way):
        y, pooled = one_way
        _, between, within = self.estimates(y)
        naive = np.sqrt(between * within / (y.shape[1] * between + within))
        found = np.std(pooled.family("f0").draws["a"])
        assert naive < found < 1.3 * naive

    def test_a_new_family_has_the_spread_and_the_error_of_the_mean(self, one_way):
        y, pooled = one_way
        _, between, within = self.estimates(y)
        draws = pooled.new_family.draws["a"]
        middle = np.subtract(*np.quantile(draws, [0.75, 0.25])) / 1.349
        least = np.sqrt(between + (between + within / y.shape[1]) / len(y))
        # Uncertainty of the spread makes tails, and the quartiles a little wider; the Monte Carlo
        # error of 1000 draws is 4 %.
        assert 0.9 * least < middle < 1.4 * least

    def test_a_run_of_a_new_family_is_the_posterior_of_a_normal(self, one_way):
        y, pooled = one_way
        mean, between, within = self.estimates(y)
        found = pooled.update({"x": [0.5, 0.6], "loss": np.exp([0.6, 0.7])})
        keep = between / (between + within / 2)
        # The mode is taken under the median population, which is near the estimate.
        assert found.params["a"] == pytest.approx(mean + keep * (0.65 - mean), abs=0.02)
        assert found.rows == 2

    def test_order_of_families_does_not_matter(self, one_way):
        _, pooled = one_way
        _, runs = levels()
        turned = runs.iloc[::-1].reset_index(drop=True)
        again = sj.pool(turned, level, by="family", spread=FLAT)
        assert again.log_marginal == pytest.approx(pooled.log_marginal, abs=1e-8)
        for name in pooled.groups:
            assert again.family(name).params["a"] == pytest.approx(
                pooled.family(name).params["a"], abs=1e-6
            )


class TestLinearMixedModel:
    def exact(self, hierarchy, phi, runs, given):
        """Marginal likelihood from the normal density of each family's log losses."""
        with jax.enable_x64(True):
            population = unpack(hierarchy, jnp.asarray(phi))
            mean, shared, factor = (np.asarray(x) for x in population)
            prior = float(log_prior(hierarchy, jnp.asarray(phi), given))
        noise = np.exp(2 * shared[-1])
        total = 0.0
        for _, part in runs.groupby("family", sort=False):
            design = np.stack([np.ones(len(part)), part["x"]], 1)
            covariance = design @ factor @ factor.T @ design.T + noise * np.eye(len(part))
            total += stats.multivariate_normal.logpdf(
                np.log(part["loss"]), design @ mean, covariance
            )
        return total + prior

    @pytest.mark.parametrize("seed", [0, 1])
    def test_laplace_is_exact_anywhere(self, two_way, seed):
        runs, pooled = two_way
        phi = pooled.phi + 0.3 * np.random.default_rng(seed).normal(size=pooled.phi.shape)
        with jax.enable_x64(True):
            found, _ = jax.jit(marginal, static_argnums=0, compiler_options=RUN_ONCE)(
                pooled.hierarchy, phi, pooled.runs, pooled.own, pooled.given
            )
        exact = self.exact(pooled.hierarchy, phi, runs, pooled.given)
        assert -float(found) == pytest.approx(exact, rel=1e-9)

    def test_families_are_best_linear_unbiased_predictions(self, two_way):
        runs, pooled = two_way
        population = pooled.population()
        covariance = pooled.covariance.to_numpy()
        noise = pooled.shared()["estimate"]["noise_scale"] ** 2
        for name, part in runs.groupby("family"):
            design = np.stack([np.ones(len(part)), part["x"]], 1)
            missed = np.log(part["loss"]) - design @ population["mean"].to_numpy()
            gain = covariance @ design.T
            found = gain @ np.linalg.solve(design @ gain + noise * np.eye(len(part)), missed)
            expected = population["mean"].to_numpy() + found
            params = pooled.family(name).params
            np.testing.assert_allclose([params["a"], params["b"]], expected, atol=1e-7)

    def test_gradient_is_that_of_differences(self, two_way):
        _, pooled = two_way
        phi = pooled.phi + 0.2

        def value(p):
            return marginal(pooled.hierarchy, p, pooled.runs, pooled.own, pooled.given)[0]

        with jax.enable_x64(True):
            run = jax.jit(value, compiler_options=RUN_ONCE)
            slope = np.asarray(jax.jit(jax.grad(value), compiler_options=RUN_ONCE)(phi))
            shift = 1e-5 * np.eye(len(phi))
            rises = [float(run(phi + s) - run(phi - s)) / 2e-5 for s in shift]
        np.testing.assert_allclose(slope, rises, rtol=1e-6, atol=1e-6)

    def test_prediction_is_of_the_curve_and_of_a_run(self, two_way):
        _, pooled = two_way
        found = pooled.predict("f0", {"x": [1.0, 2.0]})
        params = pooled.family("f0").params
        np.testing.assert_allclose(found["loss"], line(np.array([1.0, 2.0]), **params), rtol=1e-6)
        assert (found["lo"] < found["curve_lo"]).all()
        assert (found["hi"] > found["curve_hi"]).all()
        new = pooled.predict_new({"x": [1.0, 2.0]})
        assert (new["curve_hi"] - new["curve_lo"] > found["curve_hi"] - found["curve_lo"]).all()

    def test_priors_are_the_population_of_a_new_family(self, two_way):
        _, pooled = two_way
        priors = pooled.priors()
        assert set(priors) == {"a", "b"}
        assert isinstance(priors["a"], sj.Normal)
        assert priors["a"].mean == pytest.approx(pooled.mean["a"], abs=0.1)
        assert priors["a"].noise == pytest.approx(0.05, rel=0.5)
        new = {"x": [-0.5, 0.0, 0.2, 0.5, 1.0], "loss": np.exp([1.2, 1.0, 0.9, 0.8, 0.7])}
        fit = sj.fit(new, line, objective=sj.least_squares(), priors=priors, resamples=0)
        assert np.isfinite(fit.params["b"])

    def test_frames_and_summary(self, two_way):
        runs, pooled = two_way
        frame = pooled.to_frame()
        assert len(frame) == 2 * runs["family"].nunique()
        assert (frame["lo"] <= frame["hi"]).all()
        assert set(frame["status"]) == {"converged"}
        # Families with more runs than parameters are also fitted by themselves.
        assert frame.groupby("group")["separate"].first().notna().sum() == len(pooled.groups)
        words = pooled.summary()
        assert "7 families, 30 runs" in words
        assert "pool_posterior samples instead" in words
        assert "Principal components" in words
        assert str(pooled.components()).count("PC") == 2

    def test_nothing_random_but_the_seed(self, two_way):
        runs, pooled = two_way
        again = sj.pool(runs, line, by="family")
        np.testing.assert_array_equal(again.group_draws, pooled.group_draws)
        other = sj.pool(runs, line, by="family", seed=1)
        assert not np.allclose(other.group_draws, pooled.group_draws)
        assert other.seed == 1


class TestLimits:
    def test_a_wide_population_leaves_families_alone(self, two_way):
        runs, pooled = two_way
        phi = pooled.phi.copy()
        phi[3:5] = np.log(1e4)  # Two means, the noise scale, two standard deviations, ...
        with jax.enable_x64(True):
            _, modes = jax.jit(marginal, static_argnums=0, compiler_options=RUN_ONCE)(
                pooled.hierarchy, phi, pooled.runs, pooled.own, pooled.given
            )
        for own, (_, part) in zip(modes.own, runs.groupby("family", sort=False), strict=True):
            slope, cut = np.polyfit(part["x"], np.log(part["loss"]), 1)
            # What a family of 3 runs leaves open, some 0.3, is drawn in by (0.3 / 1e4)^2 of itself.
            np.testing.assert_allclose(own, [cut, slope], atol=1e-7)

    @pytest.mark.slow
    def test_separate_parameters_are_free_in_every_family(self):
        runs = lines()
        pooled = sj.pool(runs, line, by="family", separate=["a", "b"])
        for name, part in runs.groupby("family"):
            slope, cut = np.polyfit(part["x"], np.log(part["loss"]), 1)
            params = pooled.family(name).params
            np.testing.assert_allclose([params["b"], params["a"]], [slope, cut], atol=1e-7)
        # Integrating each family's line out leaves n - 2 degrees of freedom a family.
        left = 0.0
        for _, part in runs.groupby("family"):
            left += np.polyfit(part["x"], np.log(part["loss"]), 1, full=True)[1].item()
        freedom = len(runs) - 2 * runs["family"].nunique()
        noise = pooled.shared()["estimate"]["noise_scale"]
        assert noise == pytest.approx(np.sqrt(left / freedom), rel=1e-5)
        with pytest.raises(sj.UsageError, match="a, b are separate"):
            pooled.predict_new({"x": [1.0]})

    def test_everything_shared_is_one_fit(self, golden):
        half = golden.assign(family=["x", "y"] * 18)
        pooled = sj.pool(half, by="family", shared=["E", "A", "alpha", "B", "beta"], draws=50)
        alone = sj.fit(golden, objective=sj.least_squares(), resamples=0)
        for name, value in alone.params.items():
            # A decrement of 1e-9 is 3e-5 of a standard error, which is 20 % for A and B.
            assert pooled.family("x").params[name] == pytest.approx(value, rel=1e-4)
        assert pooled.pooled == ()
        assert pooled.status == sj.Status.CONVERGED

    @pytest.mark.slow
    def test_a_single_family_is_its_own_fit(self):
        runs = lines(1)
        with pytest.warns(sj.FitWarning, match="1 families say little"):
            pooled = sj.pool(runs, line, by="family", spread=sj.LogNormal(0.2, 0.1))
        slope, cut = np.polyfit(runs["x"], np.log(runs["loss"]), 1)
        params = pooled.family("f0").params
        # The population's mean is free, so nothing draws the only family away from its runs.
        np.testing.assert_allclose([params["b"], params["a"]], [slope, cut], atol=1e-6)

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::scalejax.FitWarning")  # One start in three gets there.
    def test_student_t_ignores_what_is_far_off(self, two_way):
        runs, clean = two_way
        spoilt = runs.copy()
        spoilt.loc[spoilt.index[-1], "loss"] *= 3
        robust = sj.pool(spoilt, line, by="family", likelihood=sj.student_t(3))
        plain = sj.pool(spoilt, line, by="family")
        name = runs["family"].iloc[-1]
        truth = clean.family(name).params["a"]
        assert abs(robust.family(name).params["a"] - truth) < 0.03
        assert abs(plain.family(name).params["a"] - truth) > 0.1

    @pytest.mark.slow
    def test_noise_of_each_family(self):
        runs = lines(10)
        quiet = runs["family"].isin(["f0", "f1", "f2", "f3", "f4"])
        random = np.random.default_rng(0)
        runs.loc[~quiet, "loss"] *= np.exp(0.3 * random.normal(size=(~quiet).sum()))
        pooled = sj.pool(runs, line, by="family", noise="group", spread=sj.LogNormal(0.5, 1.0))
        assert np.median(pooled.family("f3").noise) < np.median(pooled.family("f7").noise)
        assert "noise_scale" in pooled.population().index
