"""The posterior: simulation-based calibration, closed forms, normalised likelihoods, refusals."""

import json
import sys
from dataclasses import replace
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import hold_to_contract
from scipy import integrate, stats

import scalejax as sj
from scalejax import Real
from scalejax.bayes import Posterior
from scalejax.bayes.density import log_likelihood, make_density
from scalejax.bayes.posterior import LEAST_ESS, R_HAT_LIMIT, posterior, sample
from scalejax.objectives import Rows

pytestmark = pytest.mark.skipif(
    not (find_spec("numpyro") and find_spec("arviz")), reason="needs scalejax[bayes]"
)

LIKELIHOODS = {
    "least_squares": sj.least_squares(),
    "student_t": sj.student_t(3),
    "huber": sj.huber(1e-3),
    "wide huber": sj.huber(1.0),
    "absolute": sj.absolute(),
}


@sj.law(linear=("a", "b"), units={"b": "nats per unit"})
def line(x, *, a: Real, b: Real):
    """A straight line."""
    return a + b * x


@pytest.fixture(scope="module")
def golden_posterior(golden_lsq):
    return posterior(golden_lsq, seed=7)


@pytest.fixture(scope="module")
def straight():
    """Thirty runs on a line with standard deviation 0.3, unequal weights, and their fit."""
    random = np.random.default_rng(1)
    x, weight = np.linspace(0, 10, 30), np.tile([0.5, 1.0, 2.0], 10)
    y = 5 + 0.5 * x + 0.3 / np.sqrt(weight) * random.standard_normal(30)
    runs = {"x": x, "loss": y, "weight": weight}
    return sj.fit(runs, line, objective=sj.least_squares(on="loss"), weights="weight", resamples=0)


KNOWN_NOISE = sj.objectives.LogNormal(0.3, 1e-6)
VAGUE = {"a": sj.objectives.Normal(0, 100), "b": sj.objectives.Normal(0, 100)}


def test_is_a_result(golden_posterior):
    hold_to_contract(golden_posterior, Posterior)


class TestClosedForm:
    """A line with known noise and normal priors: the posterior is normal, with known moments."""

    @staticmethod
    def exact(fit, priors):
        x = np.stack([np.ones(30), fit.table.inputs["x"]], axis=1)
        mean = np.array([priors[name].mean for name in "ab"])
        precision = np.diag([1 / priors[name].sd ** 2 for name in "ab"])
        information = x.T @ (fit.table.weight[:, None] * x) / KNOWN_NOISE.median**2
        covariance = np.linalg.inv(information + precision)
        score = x.T @ (fit.table.weight * fit.table.target) / KNOWN_NOISE.median**2
        return covariance @ (score + precision @ mean), np.sqrt(np.diag(covariance))

    @pytest.mark.parametrize(
        "priors",
        [
            pytest.param(VAGUE, id="vague", marks=pytest.mark.slow),
            pytest.param(
                {"a": sj.objectives.Normal(4.9, 0.1), "b": sj.objectives.Normal(0.55, 0.02)},
                id="as data",
            ),
            pytest.param(
                {"a": sj.objectives.Normal(6, 1e-4), "b": sj.objectives.Normal(0, 10)}, id="pins a"
            ),
        ],
    )
    @pytest.mark.slow
    def test_mean_and_standard_deviation(self, straight, priors):
        made = posterior(straight, priors=priors, noise_prior=KNOWN_NOISE)
        mean, sd = self.exact(straight, priors)
        draws = np.stack([made.arrays()[name] for name in "ab"])
        ess = made.diagnostics.loc[["a", "b"], "ess_bulk"].to_numpy()
        # Four Monte Carlo errors: of a mean sd / sqrt(ESS), of an sd less (tails have a lower ESS).
        assert np.all(np.abs(draws.mean(axis=1) - mean) < 4 * sd / np.sqrt(ess))
        assert np.all(np.abs(draws.std(axis=1) / sd - 1) < 4 / np.sqrt(ess))
        assert not made.complaints

    @pytest.mark.slow
    def test_priors_of_the_fit_are_kept_and_those_given_go_before(self, straight):
        saved = {"a": ["Normal", 6, 1e-4, 0.3], "b": ["Normal", 0, 10, 0.3]}
        fit = asked(straight, priors=saved)
        kept = posterior(fit, noise_prior=KNOWN_NOISE)
        assert kept.parameters["a"].mean() == pytest.approx(6, abs=1e-4)
        other = posterior(fit, priors={"a": sj.objectives.Normal(4, 1e-4)}, noise_prior=KNOWN_NOISE)
        assert other.parameters["a"].mean() == pytest.approx(4, abs=1e-4)


class TestLikelihood:
    @pytest.mark.parametrize("objective", LIKELIHOODS.values(), ids=LIKELIHOODS)
    @pytest.mark.parametrize("scale", [1e-4, 1e-3, 0.03])
    def test_is_a_density_whatever_the_scale(self, objective, scale):
        """Without the integral the noise scale would be drawn from something else."""
        assert moment(objective, 0, scale, weight=4.0) == pytest.approx(1, abs=1e-6)

    @pytest.mark.parametrize("name", ["least_squares", "huber", "wide huber", "absolute"])
    def test_falls_with_the_weighted_objective(self, name):
        """Its logarithm is a falling line of weight times the loss: one mode for both."""
        objective, r = LIKELIHOODS[name], np.geomspace(1e-5, 0.1, 20)
        with jax.enable_x64(True):
            loss = np.asarray(objective.kernel.rho(jnp.asarray(r), *objective.constants))
        slopes = [
            np.diff(of(objective, r, 0.01, weight)) / (weight * np.diff(loss))
            for weight in (1.0, 4.0)
        ]
        assert slopes[0] == pytest.approx(np.full(19, slopes[0][0]), rel=1e-6)
        assert slopes[1] == pytest.approx(slopes[0], rel=1e-6)
        assert slopes[0][0] < 0

    def test_scale_is_the_standard_deviation_or_the_mean_absolute_residual(self):
        assert moment(sj.huber(1.0), 2, 0.01) == pytest.approx(0.01**2, rel=1e-3)
        assert moment(sj.huber(1e-6), 1, 0.01) == pytest.approx(0.01, rel=1e-3)
        assert moment(sj.absolute(), 1, 0.01) == pytest.approx(0.01, rel=1e-3)

    def test_student_t_is_that_of_scipy(self):
        r = np.linspace(-0.1, 0.1, 9)
        found = of(sj.student_t(3), r, 0.01, 4.0)
        assert found == pytest.approx(stats.t.logpdf(r, 3, scale=0.005), rel=1e-12)


def of(objective, residual, scale, weight):
    """Log density of residuals."""
    with jax.enable_x64(True):
        r = jnp.asarray(residual, float)
        return np.asarray(log_likelihood(*parts(objective, r, scale, weight)))


def moment(objective, power, scale, weight=1.0):
    """Integral of |r|^power times the density, in pieces that begin and end at Huber's kink."""
    density = jax.jit(lambda r: jnp.exp(log_likelihood(*parts(objective, r, scale, weight))))
    cuts = sorted({0.0, *objective.constants, scale, 10 * scale, 300 * scale})
    with jax.enable_x64(True):
        pieces = zip(cuts, [*cuts[1:], np.inf], strict=True)
        return 2 * sum(
            integrate.quad(lambda r: r**power * float(density(r)), low, high, epsrel=1e-10)[0]
            for low, high in pieces
        )


def parts(objective, residual, scale, weight):
    return objective.kernel, residual, scale, weight, objective.constants


class TestGolden:
    """The gates of the reliability plan on GOLDEN-36."""

    def test_draws_can_be_trusted(self, golden_posterior):
        assert_trusted(golden_posterior)
        assert golden_posterior.complaints == ()
        assert "No divergences" in str(golden_posterior)

    @pytest.mark.slow
    @pytest.mark.parametrize("objective", LIKELIHOODS.values(), ids=LIKELIHOODS)
    @pytest.mark.parametrize("seed", range(3))
    def test_whatever_the_likelihood_and_seed(self, golden_lsq, objective, seed):
        assert_trusted(posterior(golden_lsq, likelihood=objective, seed=seed))

    def test_agrees_with_the_fit(self, golden_posterior, golden_lsq):
        """36 rows hold far more than the priors: the medians lie near the estimate."""
        table, wald = golden_posterior.conf_int(), golden_lsq.stderr
        for name, value in golden_lsq.params.items():
            assert abs(table.loc[name, "estimate"] - value) < 0.2 * wald[name]
        for name in ("E", "alpha", "beta"):  # A and B are skewed, which Wald's errors are not.
            assert table.loc[name, "stderr"] == pytest.approx(wald[name], rel=0.2)


def assert_trusted(made):
    assert not made.diverging.any()
    assert made.diagnostics["r_hat"].max() < 1.01 == R_HAT_LIMIT
    assert made.diagnostics[["ess_bulk", "ess_tail"]].min(axis=None) > 400 == LEAST_ESS


@pytest.mark.slow
def test_widths_agree_with_the_bootstrap_within_a_fifth():
    """240 runs with normal noise: both ways to an interval see the same information."""
    random, law = np.random.default_rng(240), sj.LAWS["chinchilla"]
    size, tokens = 10 ** random.uniform(7.5, 10, 240), 10 ** random.uniform(9, 11.5, 240)
    loss = law(size, tokens, **law.published["besiroglu2024"])
    runs = {"N": size, "D": tokens, "loss": loss * np.exp(random.normal(0, 0.01, 240))}
    fit = sj.fit(runs, objective=sj.least_squares(), resamples=1999, seed=1)
    ours, theirs = posterior(fit).conf_int(), fit.conf_int()
    ratio = (ours["hi"] - ours["lo"]) / (theirs["hi"] - theirs["lo"])
    assert ratio.between(0.8, 1.2).all(), ratio


PRIORS = {
    "E": sj.objectives.LogNormal(1.8, 0.1),
    "A": sj.objectives.LogNormal(500.0, 0.8),
    "alpha": sj.objectives.Normal(0.35, 0.04),
    "beta": sj.objectives.Normal(0.35, 0.04),
}
NOISE = sj.objectives.LogNormal(0.01, 0.5)
RANKS, THIN = 99, 5


class TestCalibration:
    """Truths drawn from the prior rank uniformly among draws from their posteriors (Talts 2018).

    GOLDEN-36's design; B keeps its default prior, so that each kind of prior is drawn from.
    """

    @pytest.mark.slow
    def test_few(self, golden_lsq):
        ranks = calibrate(golden_lsq, sj.least_squares(), simulations=40)
        for of_one in ranks.T:
            assert inside_band(of_one, 0.95 ** (1 / 6))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["least_squares", "student_t", "huber"])
    def test_thousand(self, golden_lsq, name):
        ranks = calibrate(golden_lsq, LIKELIHOODS[name], simulations=1000)
        for of_one in ranks.T:
            assert inside_band(of_one, 0.95)

    def test_the_band_catches_a_narrow_posterior(self):
        """Draws with 0.8 of the right standard deviation, 1000 times."""
        random = np.random.default_rng(0)
        truth, draws = random.standard_normal((1000, 1)), random.standard_normal((1000, RANKS))
        ranks = (truth > draws).sum(axis=1)
        assert inside_band(ranks, 0.95)
        assert not inside_band((truth > 0.8 * draws).sum(axis=1), 0.95)


def calibrate(golden_lsq, objective, simulations, seed=11):
    """Ranks (simulations, p + 1) of true coordinates among thinned draws."""
    problem = golden_lsq.problem
    model = replace(problem.model, kernel=objective.kernel)
    problem = replace(problem, model=model, objective=objective, priors=PRIORS)
    density = make_density(problem, golden_lsq.params, NOISE)
    random = np.random.default_rng(seed)
    truth = random.normal(density.beliefs.mean, density.beliefs.sd, (simulations, 6))
    truth[:, 0] = np.exp(truth[:, 0])  # The logarithm of E is normal, its coordinate E itself.
    p = {name: u[:, None] for name, u in zip(model.free, truth.T, strict=False)}
    p |= {name: np.exp(p[name]) for name in "AB"}
    predicted = np.log(model.law(*(np.asarray(x) for x in density.rows.inputs), **p))
    noise = noise_of(objective, random, np.exp(truth[:, -1:]), predicted.shape)

    def draws(simulated):
        target, centre, key = simulated
        one = replace(density, rows=Rows(density.rows.inputs, target), centre=centre).whitened()
        z, _, _ = sample(one, key[None], RANKS * THIN, 300)
        return one.coordinates(z[0, ::THIN])

    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed), simulations)
        simulated = (jnp.asarray(predicted - noise), jnp.asarray(truth), keys)
        # One after the other: side by side all would wait for the longest trajectory.
        drawn = np.asarray(jax.jit(lambda s: jax.lax.map(draws, s))(simulated))
    return np.sum(truth[:, None] > drawn, axis=1)


def noise_of(objective, random, scale, shape):
    """Residuals drawn from the density that the objective stands for."""
    if objective.name == "least_squares":
        return scale * random.standard_normal(shape)
    if objective.name == "student_t":
        return scale * random.standard_t(objective.constants[0], shape)
    delta = objective.constants[0]
    temperature = scale**2 / np.sqrt(1 + (scale / delta) ** 2)
    # Huber's density: a normal cut off at delta, and beyond it an exponential.
    inner = stats.norm.cdf(delta / np.sqrt(temperature)) - 0.5
    body = np.sqrt(2 * np.pi * temperature) * inner
    tail = temperature / delta * np.exp(-(delta**2) / (2 * temperature))
    inside = np.sqrt(temperature) * stats.norm.ppf(0.5 + inner * random.uniform(size=shape))
    outside = delta + temperature / delta * random.exponential(size=shape)
    size = np.where(random.uniform(size=shape) < body / (body + tail), inside, outside)
    return size * random.choice([-1, 1], shape)


def inside_band(ranks, level):
    """Whether the ECDF of ranks lies in the band that uniform ranks stay in with this chance."""

    def least_tail(ranks):
        counts = np.stack([(ranks <= k).sum(axis=-1) for k in range(RANKS)])
        chance = (np.arange(RANKS) + 1) / (RANKS + 1)
        chance = chance.reshape(-1, *[1] * (counts.ndim - 1))
        n = ranks.shape[-1]
        below, above = stats.binom.cdf(counts, n, chance), stats.binom.sf(counts - 1, n, chance)
        return np.minimum(below, above).min(axis=0)

    random = np.random.default_rng(5)
    uniform = random.integers(0, RANKS + 1, (2000, len(ranks)))
    return least_tail(ranks) >= np.quantile(least_tail(uniform), 1 - level)


class TestRecord:
    def test_same_seed_same_draws(self, straight):
        first, again, other = (
            posterior(straight, noise_prior=KNOWN_NOISE, priors=VAGUE, seed=seed)
            for seed in (1, 1, 2)
        )
        assert first.settings["seed"] == 1
        for name in "ab":
            assert np.array_equal(first.parameters[name], again.parameters[name])
            assert not np.any(first.parameters[name] == other.parameters[name])

    def test_settings_say_what_was_sampled(self, golden_posterior):
        settings = golden_posterior.settings
        assert json.loads(json.dumps(settings)) == settings
        assert settings["likelihood"] == "least_squares on log loss"
        # Plausible values of alpha go from 0.05 to 1.5: four standard deviations.
        assert settings["priors"]["alpha"] == ["coordinate", pytest.approx(0.775), 1.45 / 4]

    @pytest.mark.slow
    def test_fixed_and_tied_parameters_stay_so_and_too_few_draws_are_said(self, golden_lsq):
        fit = asked(golden_lsq, fixed={"E": 1.8}, tied={"beta": "alpha"})
        with pytest.warns(sj.FitWarning) as said:
            made = posterior(fit, draws=50, warmup=100)
        assert np.all(made.parameters["E"] == 1.8)
        assert np.array_equal(made.parameters["alpha"], made.parameters["beta"])
        assert list(made.diagnostics.index) == ["A", "alpha", "B", "noise_scale"]
        assert tuple(str(warning.message) for warning in said) == made.complaints
        assert made.complaints[-1].endswith("effective draws: raise draws=.")
        assert made.complaints[-1] in str(made)

    def test_draws_stay_inside_the_bounds(self, straight):
        """The bound lies two standard errors below the estimate: draws crowd there, and stop."""
        bound = straight.params["b"] - 2 * straight.stderr["b"]
        fit = asked(straight, bounds={"b": (0.0, bound)})
        b = posterior(fit, priors=VAGUE, noise_prior=KNOWN_NOISE).arrays()["b"]
        assert b.min() > 0
        assert bound - 0.01 * straight.stderr["b"] < b.max() < bound
        # What is left of the normal posterior has a known mean, to four Monte Carlo errors.
        mean, sd = TestClosedForm.exact(straight, VAGUE)
        cut = stats.truncnorm(-np.inf, (bound - mean[1]) / sd[1], mean[1], sd[1])
        assert b.mean() == pytest.approx(cut.mean(), abs=4 * cut.std() / np.sqrt(LEAST_ESS))

    def test_frame_and_arrays_hold_every_draw(self, golden_posterior):
        frame = golden_posterior.to_frame()
        assert len(frame) == 4000
        assert (
            frame.query("chain == 2 and draw == 1")["E"].item()
            == (golden_posterior.parameters["E"][1, 0])
        )
        assert np.array_equal(golden_posterior.arrays()["E"], frame["E"])

    def test_interval_holds_its_probability(self, golden_posterior, golden_lsq):
        table = golden_posterior.conf_int(0.8)
        inside = golden_posterior.to_frame()["E"].between(*table.loc["E", ["lo", "hi"]])
        assert inside.mean() == pytest.approx(0.8, abs=1 / 4000)
        assert list(table) == list(golden_lsq.conf_int())
        with pytest.raises(sj.UsageError, match="level"):
            golden_posterior.conf_int(95)


def asked(fit, **settings):
    """The fit as if it had been asked for with other settings."""
    return replace(fit, settings={**fit.settings, **settings})


class TestArviz:
    def test_dimensions_coordinates_units_and_attributes(self, straight):
        tree = posterior(straight, noise_prior=KNOWN_NOISE, priors=VAGUE, seed=3).to_arviz()
        group = tree["posterior"]
        assert set(group.data_vars) == {"a", "b", "noise_scale"}
        assert group["a"].dims == ("chain", "draw")
        assert group.coords["chain"].to_numpy().tolist() == [0, 1, 2, 3]
        assert group.coords["draw"].to_numpy().tolist() == list(range(1000))
        assert group["b"].attrs["units"] == "nats per unit"
        assert group.attrs["law"] == "line"
        assert json.loads(group.attrs["settings"])["seed"] == 3
        assert set(tree["sample_stats"].data_vars) == {"lp", "diverging"}

    @pytest.mark.skipif(not find_spec("h5netcdf"), reason="no netCDF library")
    def test_is_written_and_read(self, golden_posterior, tmp_path):
        import xarray

        golden_posterior.to_arviz().to_netcdf(tmp_path / "draws.nc")
        with xarray.open_dataset(tmp_path / "draws.nc", group="posterior") as back:
            assert np.array_equal(back["E"], golden_posterior.parameters["E"])
            assert back["E"].attrs["units"] == "nats/token"


class TestComplaints:
    def test_divergences_and_chains_apart_are_said(self, golden_posterior):
        diverging = np.zeros((4, 1000), bool)
        diverging[2, 5] = True
        checks = golden_posterior.diagnostics.copy()
        checks.loc["beta", "r_hat"] = 1.2
        said = replace(golden_posterior, diverging=diverging, diagnostics=checks).complaints
        assert said[0].startswith("1 of 4000 trajectories diverged")
        assert said[1].startswith("R-hat of beta is 1.200")

    def test_what_is_not_a_number_is_no_pass(self, golden_posterior):
        checks = golden_posterior.diagnostics * np.nan
        assert len(replace(golden_posterior, diagnostics=checks).complaints) == 2


class TestRefusals:
    @pytest.mark.parametrize("missing", ["arviz", "numpyro"])
    def test_without_the_extra(self, golden_lsq, monkeypatch, missing):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(sj.ScalejaxError, match=rf"needs {missing}.*pip install 'scalejax\[bay"):
            posterior(golden_lsq)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (
                {"likelihood": sj.objectives.custom(jnp.cosh)},
                "cosh has no known integral.*likelihood=",
            ),
            ({"likelihood": sj.huber("auto")}, "no delta yet"),
            ({"priors": {"alpha": sj.objectives.Normal(0.3, 0.0)}}, "'alpha' needs sd > 0"),
            ({"noise_prior": sj.objectives.LogNormal(0.01, -1.0)}, "'noise_scale' needs sd > 0"),
            ({"priors": {"gamma": sj.objectives.Normal(0.3, 0.1)}}, "gamma"),
            ({"chains": 1}, "chains= must be a whole number of 2"),
            ({"draws": 5}, "draws= must be a whole number of 10"),
            ({"seed": -1}, "seed= must be a whole number of 0"),
        ],
        ids=["custom", "auto", "sd", "noise sd", "name", "chains", "draws", "seed"],
    )
    def test_argument(self, golden_lsq, options, words):
        with pytest.raises(sj.UsageError, match=words):
            posterior(golden_lsq, **options)

    def test_fit(self, golden_lsq, straight):
        with pytest.raises(sj.UsageError, match="'E' has a prior but is not free"):
            posterior(
                asked(golden_lsq, fixed={"E": 1.8}), priors={"E": sj.objectives.Normal(1.8, 0.1)}
            )
        with pytest.raises(sj.UsageError, match="'a', which may be negative"):
            posterior(straight, priors={"a": sj.objectives.LogNormal(5.0, 0.1)})
        clustered = replace(straight, table=replace(straight.table, cluster=np.arange(30) // 3))
        with pytest.raises(sj.UsageError, match="use the bootstrap"):
            posterior(clustered)
        penalised = replace(
            golden_lsq, penalty=jnp.sum, settings={**golden_lsq.settings, "penalty": True}
        )
        with pytest.raises(sj.UsageError, match="a penalty is no prior"):
            posterior(penalised)
        failed = replace(straight, params={"a": np.nan, "b": 1.0}, status=sj.Status.NON_FINITE)
        with pytest.raises(sj.UsageError, match=r"no estimate to start from \(non_finite"):
            posterior(failed)
