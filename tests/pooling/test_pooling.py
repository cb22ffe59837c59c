"""Families around a population: closed forms of linear mixed models, limits, and real families."""

import os
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import scalejax as sj
from scalejax import Real
from scalejax._numerics import RUN_ONCE
from scalejax.datasets import DATA_FOLDER_VARIABLE
from scalejax.engine.gate import inputs_at_rest
from scalejax.laws import chinchilla
from scalejax.objectives import least_squares, make_model
from scalejax.pooling import pool_posterior, principal_components
from scalejax.pooling.hierarchy import Given, Hierarchy, centred_coefficients
from scalejax.pooling.marginal import joint, marginal
from scalejax.pooling.population import log_prior, unpack

FLAT = sj.LogNormal(0.2, 1e6)
"""A prior of the spread that says nothing, for comparison with maximum likelihood."""


@sj.law
def level(x, *, a: Real):
    """A constant: the log loss of a family is its level, which x does not move."""
    return jnp.exp(a + 0 * x)


@sj.law
def line(x, *, a: Real, b: Real):
    """A power law of exp(x): the log loss is linear in both parameters."""
    return jnp.exp(a + b * x)


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


def lines(groups=7, seed=1):
    """Log losses linear in x; families of 3 to 6 runs."""
    random = np.random.default_rng(seed)
    frames = []
    for k in range(groups):
        n = 3 + k % 4
        x = random.uniform(-1, 1, n)
        a, b = 1 + 0.3 * random.normal(), -0.3 + 0.1 * random.normal()
        y = a + b * x + 0.05 * random.normal(size=n)
        frames.append(pd.DataFrame({"x": x, "loss": np.exp(y), "family": f"f{k}"}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def one_way():
    y, runs = levels()
    return y, sj.pool(runs, level, by="family", spread=FLAT)


@pytest.fixture(scope="module")
def two_way():
    runs = lines()
    return runs, sj.pool(runs, line, by="family")


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
        fit = sj.fit(new, line, objective=sj.least_squares(), priors=priors)
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
        alone = sj.fit(golden, objective=sj.least_squares())
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


@pytest.fixture(scope="module")
def families():
    random = np.random.default_rng(0)
    N = np.array([1e8, 1e8, 3e8, 3e8, 1e9, 1e9, 3e9])
    D = np.array([2e9, 2e10, 2e9, 2e10, 2e9, 2e10, 2e10]) * np.sqrt(N / 1e8)
    base = chinchilla.published["besiroglu2024"]
    truth, frames = {}, []
    for k in range(6):
        theta = {name: x * np.exp(0.1 * random.normal()) for name, x in base.items()}
        theta["A"] = base["A"] * (6e8) ** (theta["alpha"] - base["alpha"])
        theta["B"] = base["B"] * (1e10) ** (theta["beta"] - base["beta"])
        loss = chinchilla(N, D, **theta) * np.exp(0.004 * random.normal(size=7))
        frame = pd.DataFrame({"N": N, "D": D, "loss": loss, "family": f"f{k}"})
        frames.append(frame[:3] if k == 3 else frame)
        truth[f"f{k}"] = theta
    return truth, pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def pooled(families):
    return sj.pool(families[1], by="family")


@pytest.fixture(scope="module")
def sampled(pooled):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sj.FitWarning)
        return pool_posterior(pooled, draws=1000, warmup=1000, chains=2)


class TestDensities:
    """Two-way families: their likelihood and priors against textbook densities."""

    def test_weights_divide_the_variance(self, two_way):
        _, pooled = two_way
        with jax.enable_x64(True):
            population = unpack(pooled.hierarchy, jnp.asarray(pooled.phi))
            own = jnp.asarray(pooled.own[3])
            rows = jax.tree.map(lambda x: jnp.asarray(x[3]), pooled.runs)
            v = pooled.hierarchy.coordinates(own, population.shared)
            residual = pooled.hierarchy.residual(v, rows.inputs, rows.target, pooled.given)
            heavy = rows._replace(weight=4 * rows.weight)
            values = [
                float(joint(pooled.hierarchy, own, population, runs, pooled.given))
                for runs in (rows, heavy)
            ]
        used = np.asarray(rows.weight) > 0
        scale = float(np.exp(v[-1]))
        expected = [
            stats.norm.logpdf(np.asarray(residual)[used], scale=s).sum() for s in (scale, scale / 2)
        ]
        assert values[0] - values[1] == pytest.approx(expected[1] - expected[0], rel=1e-9)

    def test_correlations_have_the_lkj_prior(self):
        """Lewandowski et al. (2009): det R^(eta - 1), eta = 2, times the change of coordinates."""
        model = make_model(chinchilla, least_squares().kernel, fixed={"E": 1.7, "A": 400.0})
        roles = (*["pooled"] * 3, "shared")
        given = Given((1e9, 1e10), {"E": 1.7, "A": 400.0}, (0.2, 1.0))
        hierarchy = Hierarchy(model, roles, ())
        base = jnp.concatenate([jnp.zeros(4), jnp.log(jnp.full(3, 0.2))])

        def correlations(z):
            factor = unpack(hierarchy, jnp.concatenate([base, z])).factor
            matrix = factor @ factor.T / 0.04
            return matrix[jnp.tril_indices(3, -1)], matrix

        def density(z):
            matrix = correlations(z)[1]
            change = jax.jacfwd(lambda x: correlations(x)[0])(z)
            return jnp.linalg.slogdet(matrix)[1] + jnp.linalg.slogdet(change)[1]

        with jax.enable_x64(True):
            points = [jnp.asarray(z) for z in ([0.0, 0.0, 0.0], [0.3, -0.8, 0.5], [1.2, 0.4, -0.9])]
            ours = [log_prior(hierarchy, jnp.concatenate([base, z]), given) for z in points]
            exact = [density(z) for z in points]
        np.testing.assert_allclose(np.diff(ours), np.diff(exact), rtol=1e-9)


@pytest.mark.slow
class TestChinchilla:
    def test_converges_from_all_starts(self, pooled):
        assert pooled.status == sj.Status.CONVERGED
        assert set(pooled.group_status.values()) == {sj.Status.CONVERGED}
        assert pooled.agreeing == 3

    def test_a_family_of_three_runs_is_predicted(self, families, pooled):
        truth = float(chinchilla(1e10, 2e11, **families[0]["f3"]))
        found = pooled.predict("f3", {"N": 1e10, "D": 2e11})
        assert found["curve_lo"][0] < truth < found["curve_hi"][0]
        assert found["loss"][0] == pytest.approx(truth, rel=0.05)

    def test_terms_at_the_reference_are_less_tied_to_exponents(self, pooled):
        family = pooled.family("f0")
        logs = np.log(family.draws["A"])
        raw = np.corrcoef(logs, np.log(family.draws["alpha"]))[0, 1]
        assert raw > 0.98
        place = pooled.hierarchy.names.index("A"), pooled.hierarchy.names.index("alpha")
        inner = np.corrcoef(pooled.group_draws[:, 0, place[0]], pooled.group_draws[:, 0, place[1]])
        assert abs(inner[0, 1]) < raw

    def test_coordinates_round_trip(self, pooled):
        params = pooled.family("f0").params
        with jax.enable_x64(True):
            v = pooled.hierarchy.unconstrained(
                {name: jnp.asarray(x) for name, x in params.items()}, pooled.given
            )
            back = pooled.hierarchy.parameters(jnp.append(v, 0.0), pooled.given)
        for name, value in params.items():
            assert float(back[name]) == pytest.approx(value, rel=1e-12)

    def test_picture_shows_every_family(self, pooled):
        axes = sj.plots.plot_pooled(pooled.to_frame())
        assert len(axes) == 5
        assert [label.get_text() for label in axes[0].get_yticklabels()] == list(pooled.groups)

    def test_borrowing_from_the_mean(self, pooled):
        found = sj.borrow(pooled, ["alpha", "A"])
        assert found == {"alpha": pooled.mean["alpha"], "A": pooled.mean["A"]}

    @pytest.mark.slow
    def test_agrees_with_sampling(self, pooled, sampled):
        # The approximation against what it approximates, with six families: its modes lie within
        # six tenths of a posterior standard deviation and its intervals are up to a third
        # narrower. A Jacobian or a prior that is missing on either side moves the means of the
        # weakly determined families by several. Monte Carlo error is about .05.
        ours = pooled.to_frame().set_index(["group", "parameter"])
        theirs = sampled.to_frame().set_index(["group", "parameter"]).loc[ours.index]
        logs = np.log(ours["estimate"]) - np.log(theirs["estimate"])
        wide = theirs["stderr"] / theirs["estimate"]
        assert (np.abs(logs) < 0.6 * wide).all()
        ratio = (np.log(ours["hi"] / ours["lo"])) / (np.log(theirs["hi"] / theirs["lo"]))
        assert ratio.between(0.67, 1.2).all()
        assert np.mean(sampled.diverging) < 0.05

    @pytest.mark.slow
    def test_sampled_families_predict(self, families, sampled):
        exact = sampled.pooled
        assert "draws by NUTS" in exact.summary()
        assert "too narrow" not in exact.summary()
        inside = [
            exact.conf_int(name).loc[key, "lo"] < value < exact.conf_int(name).loc[key, "hi"]
            for name, theta in families[0].items()
            for key, value in theta.items()
        ]
        # 30 intervals of 95 %: fewer than 25 have a probability below .01, were they independent.
        assert sum(inside) >= 25
        more = exact.update(families[1][families[1]["family"] == "f0"].drop(columns="family"))
        assert np.all(np.isfinite(more.predict({"N": 1e10, "D": 1e11})))


@pytest.mark.slow
class TestSampling:
    def test_linear_law_by_both_ways(self, two_way):
        """A law linear in its coordinates: given the population, Laplace's families are exact."""
        _, pooled = two_way
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sj.FitWarning)
            found = pool_posterior(pooled, draws=200, warmup=200, chains=2)
        exact = found.pooled
        assert exact.sampled
        assert not pooled.sampled
        for k, name in enumerate(exact.groups):
            family = exact.family(name)
            for key, values in found.parameters.items():
                np.testing.assert_array_equal(family.draws[key], values[:, :, k].ravel())
                ours = pooled.family(name).draws[key]
                # Four Monte Carlo errors of a median of a hundred effective draws.
                assert abs(np.median(family.draws[key]) - np.median(ours)) < 0.5 * np.std(ours)
        assert len(exact.new_family.draws[next(iter(exact.law.parameters))]) == 400
        assert "population_sd" in found.to_arviz()["posterior"]


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"shared": ["gamma"]}, "shared= and separate= take lists"),
            ({"shared": "a"}, "take lists"),
            ({"shared": ["a"], "separate": ["a"]}, "each once"),
            ({"shared": ["a"], "fixed": {"a": 1.0}}, "free parameters"),
            ({"noise": "row"}, 'noise= is "common" or "group"'),
            ({"likelihood": sj.huber(1e-3)}, "likelihood="),
            ({"likelihood": sj.least_squares(on="loss")}, "on the log loss"),
            ({"cluster": "family"}, "keep the last checkpoint"),
            ({"draws": 1}, "draws="),
            ({"spread": sj.LogNormal(0.0, 1.0)}, "spread="),
        ],
    )
    def test_arguments(self, options, words):
        with pytest.raises(sj.UsageError, match=words):
            sj.pool(lines(), line, by="family", **options)

    def test_unknown_family_and_missing_input(self, two_way):
        _, pooled = two_way
        with pytest.raises(sj.UsageError, match="no family 'zz'; there are f0"):
            pooled.family("zz")
        with pytest.raises(sj.UsageError, match="the points have no x"):
            pooled.predict("f0", {"D": 1e9})

    def test_components_need_finite_families(self):
        with pytest.raises(sj.UsageError, match="two or more"):
            principal_components({"a": [1.0], "b": [2.0]})


class TestComponents:
    def test_are_the_singular_vectors_of_the_centred_parameters(self):
        random = np.random.default_rng(0)
        x = random.normal(size=(30, 4)) @ np.diag([3.0, 1.0, 0.3, 0.01])
        found = principal_components({f"p{k}": x[:, k] for k in range(4)})
        _, sizes, turn = np.linalg.svd(x - x.mean(0), full_matrices=False)
        np.testing.assert_allclose(found.share, sizes**2 / np.sum(sizes**2), rtol=1e-10)
        np.testing.assert_allclose(np.abs(found.loadings.to_numpy().T), np.abs(turn), atol=1e-10)
        assert found.cumulative.iloc[-1] == pytest.approx(1.0)
        # Of the two signs of a direction, the one whose largest entry is positive.
        largest = found.loadings.abs().idxmax()
        assert all(found.loadings.loc[row, name] > 0 for name, row in largest.items())

    def test_logs_and_standardising(self):
        x = np.exp(np.random.default_rng(0).normal(size=(20, 2)))
        found = principal_components(
            {"A": x[:, 0], "B": x[:, 1]}, logs=["A", "B"], standardise=True
        )
        r = abs(np.corrcoef(np.log(x).T)[0, 1])
        np.testing.assert_allclose(found.share, [(1 + r) / 2, (1 - r) / 2], rtol=1e-10)


@pytest.fixture(scope="module")
def curve():
    D = np.geomspace(1e10, 1e12, 12)
    truth = chinchilla.published["besiroglu2024"]
    noise = 0.001 * np.random.default_rng(0).normal(size=12)
    return pd.DataFrame({"N": 1e9, "D": D, "loss": chinchilla(1e9, D, **truth) * np.exp(noise)})


class TestBorrowing:
    def test_one_curve_is_enough_with_the_size_term_borrowed(self, curve):
        donor = chinchilla.published["besiroglu2024"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sj.FitWarning)
            fit = sj.fit(curve, fixed=sj.borrow(donor, ("A", "alpha")))
            found = fit.predict({"N": 7e9, "D": 2e12})["loss"][0]
        assert found == pytest.approx(float(chinchilla(7e9, 2e12, **donor)), rel=0.01)

    @pytest.mark.parametrize("fixed", [None, {"A": 480.0}, {"beta": 0.36, "B": 2000.0}])
    def test_without_it_one_size_is_refused(self, curve, fixed):
        with pytest.raises(sj.InputError, match=r"only one value of N"):
            sj.fit(curve, fixed=fixed)

    def test_inputs_at_rest(self):
        kernel = least_squares().kernel
        for fixed, expected in (
            ({}, ()),
            ({"E": 1.0}, ()),
            ({"A": 1.0, "alpha": 0.3}, ("N",)),
            ({"B": 1.0, "beta": 0.3}, ("D",)),
            ({"A": 1.0, "alpha": 0.3, "B": 1.0, "beta": 0.3}, ("N", "D")),
        ):
            assert inputs_at_rest(make_model(chinchilla, kernel, fixed=fixed)) == expected

    def test_from_a_fit(self, golden_lsq):
        assert sj.borrow(golden_lsq, ["alpha"]) == {"alpha": golden_lsq.params["alpha"]}

    def test_refusals(self, golden_lsq):
        with pytest.raises(sj.UsageError, match="no gamma; it has E"):
            sj.borrow(golden_lsq, ["gamma"])
        with pytest.raises(sj.UsageError, match="list such as"):
            sj.borrow(golden_lsq, "alpha")
        total = sj.LAWS["chinchilla"].published["krajewski2024-dense"]
        with pytest.raises(sj.UsageError, match="counts total parameters and your runs non-emb"):
            sj.borrow(total, ["A", "alpha"], counts="non-embedding")
        assert sj.borrow(total, ["alpha"], counts="total") == {"alpha": 0.126}


def test_only_positive_coefficients_are_terms():
    model = make_model(line, least_squares().kernel)
    roles = ("pooled", "pooled", "shared")
    assert centred_coefficients(model, roles, Given((1.0,), {}, (0.2, 1.0))) == ()
    model = make_model(chinchilla, least_squares().kernel)
    roles = ("pooled", "shared", "pooled", "pooled", "pooled", "shared")
    with jax.enable_x64(True):
        found = centred_coefficients(model, roles, Given((1e9, 1e10), {}, (0.2, 1.0)))
    # A shared coefficient means the coefficient itself.
    assert found == ("E", "B")


@pytest.fixture(scope="module")
def hitchhiker():
    if not os.environ.get(DATA_FOLDER_VARIABLE):
        pytest.skip(f"{DATA_FOLDER_VARIABLE} is not set")
    return sj.datasets.load("hitchhiker")


# log A and alpha of arXiv:2305.16264, which arXiv:2410.11840 borrows.
MUENNIGHOFF = {"A": np.exp(6.255414), "alpha": 0.3526596}


def error_of(fit, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sj.FitWarning)
        found = fit.predict({"N": target["N"].to_numpy(), "D": target["D"].to_numpy()})["loss"]
    return float(np.mean(np.abs(found / target["loss"].to_numpy() - 1)))


@pytest.mark.filterwarnings("ignore::scalejax.FitWarning", "ignore::scalejax.DataWarning")
@pytest.mark.slow
class TestPublishedBorrowing:
    def test_a98_olmo_7b_from_olmo_1b(self, hitchhiker):
        # arXiv:2410.11840: below 1 %. On C4 (the set of the donor) 1.7 % here; other validation
        # sets give 0.6 % to 9 %, see benchmarks/results/pooling.md.
        olmo = hitchhiker[hitchhiker["family"] == "OLMo-1"].rename(columns={"value": "loss"})
        one = olmo[(olmo["model"] == "OLMo-1B") & (olmo["metric"] == "loss:v3-small-c4_en")]
        seven = olmo[(olmo["model"] == "OLMo-7B") & (olmo["metric"] == "loss:c4_en")]
        fit = sj.fit(one.loc[one["D"] >= 1e10, ["N", "D", "loss"]], fixed=MUENNIGHOFF)
        assert error_of(fit, seven.nlargest(len(seven) // 3, "D")) < 0.02

    def test_a99_a_larger_source_is_better(self, hitchhiker):
        # arXiv:2410.11840 gives 37 %, 25 % and 15 % from 8.7B, 13B and 30B, in another measure.
        opt = hitchhiker[hitchhiker["family"] == "OPT"]
        opt = opt.assign(loss=np.log(opt["value"]))[["model", "N", "D", "loss"]]
        target = opt[opt["model"] == "OPT-175b"].nlargest(10, "D")
        errors = []
        for name in ("OPT-6.7b", "OPT-13b", "OPT-30b"):
            one = opt[(opt["model"] == name) & (opt["D"] >= 1e10)]
            errors.append(error_of(sj.fit(one, fixed=MUENNIGHOFF), target))
        assert errors[0] > errors[1] > errors[2]
