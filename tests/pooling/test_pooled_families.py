"""Pools of simulated and of real families: densities, draws, errors, and what may be borrowed."""

import os
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from contract import hold_to_contract
from pooling_cases import line, lines
from scipy import stats

import scalejax as sj
from scalejax.datasets import DATA_FOLDER_VARIABLE
from scalejax.engine.gate import inert_inputs
from scalejax.forecasting.inside import context_of
from scalejax.laws import chinchilla
from scalejax.objectives import least_squares, make_model
from scalejax.pooling import Pooled, pool_posterior, principal_components
from scalejax.pooling.hierarchy import Constants, Hierarchy, centred_coefficients
from scalejax.pooling.marginal import joint
from scalejax.pooling.outlook import PopulationLaw
from scalejax.pooling.population import log_prior, unpack


@pytest.fixture(scope="module")
def sampled(pooled):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sj.FitWarning)
        return pool_posterior(pooled, draws=1000, warmup=1000, chains=2)


def test_is_a_result(pooled):
    hold_to_contract(pooled, Pooled)


class TestDensities:
    """Two-way families: their likelihood and priors against textbook densities."""

    def test_weights_divide_the_variance(self, two_way):
        _, pooled = two_way
        with jax.enable_x64(True):
            population = unpack(pooled.hierarchy, jnp.asarray(pooled.phi))
            own = jnp.asarray(pooled.own[3])
            rows = jax.tree.map(lambda x: jnp.asarray(x[3]), pooled.runs)
            v = pooled.hierarchy.coordinates(own, population.shared)
            residual = pooled.hierarchy.residual(v, rows.inputs, rows.target, pooled.constants)
            heavy = rows._replace(weight=4 * rows.weight)
            values = [
                float(joint(pooled.hierarchy, own, population, runs, pooled.constants))
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
        constants = Constants((1e9, 1e10), {"E": 1.7, "A": 400.0}, (0.2, 1.0))
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
            ours = [log_prior(hierarchy, jnp.concatenate([base, z]), constants) for z in points]
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
                {name: jnp.asarray(x) for name, x in params.items()}, pooled.constants
            )
            back = pooled.hierarchy.parameters(jnp.append(v, 0.0), pooled.constants)
        for name, value in params.items():
            assert float(back[name]) == pytest.approx(value, rel=1e-12)

    def test_the_law_inside_a_forecast_is_the_law_at_its_parameters(self, pooled):
        inside = PopulationLaw.of(pooled)
        inputs = np.array([[1e9, 2e10], [1e10, 2e11]])
        context = context_of(inputs, np.log([2.5, 2.2]), inputs[:, 0], {})
        theta = inside.prior.starts[:4]
        loss = np.asarray(sj.LAWS["chinchilla"](1e9, 2e10, **inside.parameters(theta, context)))
        with jax.enable_x64(True):
            here = [
                float(inside.log_response(t, inputs[0], context)) + context.level for t in theta
            ]
        np.testing.assert_allclose(np.log(loss), here, rtol=1e-6)

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
            ({"run": "family"}, "keep the last checkpoint"),
            ({"draws": 1}, "draws="),
            ({"spread": sj.objectives.LogNormal(0.0, 1.0)}, "spread="),
        ],
    )
    def test_arguments(self, options, words):
        with pytest.raises(sj.UsageError, match=words):
            sj.pool(lines(), line, by="family", **options)

    def test_unknown_family_and_missing_input(self, two_way):
        _, pooled = two_way
        with pytest.raises(sj.UsageError, match="no family 'zz'; there are f0"):
            pooled.family("zz")
        with pytest.raises(sj.UsageError, match="inputs= lacks x"):
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
            fit = sj.fit(curve, fixed=sj.borrow(donor, ("A", "alpha")), resamples=0)
            found = fit.predict({"N": 7e9, "D": 2e12})["loss"][0]
        assert found == pytest.approx(float(chinchilla(7e9, 2e12, **donor)), rel=0.01)

    @pytest.mark.parametrize("fixed", [None, {"A": 480.0}, {"beta": 0.36, "B": 2000.0}])
    def test_without_it_one_size_is_refused(self, curve, fixed):
        with pytest.raises(sj.InputError, match=r"only one value of N"):
            sj.fit(curve, fixed=fixed, resamples=0)

    def test_inert_inputs(self):
        kernel = least_squares().kernel
        for fixed, expected in (
            ({}, ()),
            ({"E": 1.0}, ()),
            ({"A": 1.0, "alpha": 0.3}, ("N",)),
            ({"B": 1.0, "beta": 0.3}, ("D",)),
            ({"A": 1.0, "alpha": 0.3, "B": 1.0, "beta": 0.3}, ("N", "D")),
        ):
            assert inert_inputs(make_model(chinchilla, kernel, fixed=fixed)) == expected

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
    assert centred_coefficients(model, roles, Constants((1.0,), {}, (0.2, 1.0))) == ()
    model = make_model(chinchilla, least_squares().kernel)
    roles = ("pooled", "shared", "pooled", "pooled", "pooled", "shared")
    with jax.enable_x64(True):
        found = centred_coefficients(model, roles, Constants((1e9, 1e10), {}, (0.2, 1.0)))
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
        fit = sj.fit(one.loc[one["D"] >= 1e10, ["N", "D", "loss"]], fixed=MUENNIGHOFF, resamples=0)
        assert error_of(fit, seven.nlargest(len(seven) // 3, "D")) < 0.02

    def test_a99_a_larger_source_is_better(self, hitchhiker):
        # arXiv:2410.11840 gives 37 %, 25 % and 15 % from 8.7B, 13B and 30B, in another measure.
        opt = hitchhiker[hitchhiker["family"] == "OPT"]
        opt = opt.assign(loss=np.log(opt["value"]))[["model", "N", "D", "loss"]]
        target = opt[opt["model"] == "OPT-175b"].nlargest(10, "D")
        errors = []
        for name in ("OPT-6.7b", "OPT-13b", "OPT-30b"):
            one = opt[(opt["model"] == name) & (opt["D"] >= 1e10)]
            errors.append(error_of(sj.fit(one, fixed=MUENNIGHOFF, resamples=0), target))
        assert errors[0] > errors[1] > errors[2]
