"""Choice of a law: folds, criteria against SciPy, and laws that are known to be right or wrong."""

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest
from contract import hold_to_contract
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

import scalejax as sj
from scalejax.cli import main
from scalejax.forecasting import ForecastRows
from scalejax.plots import plot_selection
from scalejax.selection import Selection, leave_groups, leave_largest, rolling_origin
from scalejax.selection.criteria import criteria
from scalejax.selection.density import mixture_quantile, stacked_weights
from scalejax.selection.select import DEFAULT_LAWS

SIZES = np.geomspace(1e18, 1e22, 30)


def runs(seed=0, noise=2e-3):
    """Runs of a power law with a floor, which `power_C` lacks."""
    random = np.random.default_rng(seed)
    loss = 1.8 + 3000 * SIZES**-0.19
    return pd.DataFrame({"C": SIZES, "loss": loss * np.exp(noise * random.standard_normal(30))})


@pytest.fixture(scope="module")
def chosen():
    return sj.select(runs(), ["power_C", "floor_power_C"], resamples=60)


def test_is_a_result(chosen):
    hold_to_contract(chosen, Selection)


class TestFolds:
    def test_windows_expand_and_predict_what_is_larger(self):
        folds = rolling_origin(SIZES, 4)
        assert len(folds) == 4
        for fold in folds:
            assert np.array_equal(fold.train, ~fold.test)
            assert SIZES[fold.train].max() < SIZES[fold.test].min()
            expected = np.log10(SIZES / SIZES[fold.train].max())
            assert fold.distance[fold.test] == pytest.approx(expected[fold.test])
        for earlier, later in itertools.pairwise(folds):
            assert np.all(later.train >= earlier.train)
            assert later.train.sum() > earlier.train.sum()
        assert folds[0].train.mean() >= 0.4
        assert folds[-1].test.sum() == 1

    def test_equal_sizes_stay_together(self):
        size = np.repeat([1.0, 2.0, 3.0], 5)
        for fold in (*rolling_origin(size), *leave_largest(size)):
            assert {*size[fold.train]}.isdisjoint({*size[fold.test]})

    def test_largest_fifth(self):
        (fold,) = leave_largest(SIZES)
        assert fold.test.sum() == 6
        (fold,) = leave_largest(SIZES, 1e21)
        assert np.array_equal(fold.test, SIZES > 1e21)

    def test_groups(self):
        folds = leave_groups(["a", "b", "a", "c"])
        assert [fold.name for fold in folds] == ["group a", "group b", "group c"]
        assert folds[0].test.tolist() == [True, False, True, False]

    @pytest.mark.parametrize(
        "make",
        [
            lambda: rolling_origin([1.0, 1.0, 2.0]),
            lambda: leave_largest([1.0, 2.0, -3.0]),
            lambda: leave_largest([1.0, 2.0, 3.0], above=5.0),
            lambda: leave_groups(["a", "a"]),
            lambda: rolling_origin(SIZES, 0),
        ],
    )
    def test_what_cannot_be_held_out(self, make):
        with pytest.raises(sj.UsageError):
            make()


class TestCriteria:
    """Minus twice the log-likelihood, from SciPy's densities at the fitted residuals."""

    @pytest.fixture(scope="class")
    @classmethod
    def table(cls):
        return runs(1)

    def test_normal(self, table):
        fit = sj.fit(table, "floor_power_C", objective=sj.least_squares(), resamples=0)
        found = criteria(fit)
        scale = np.sqrt(np.mean(fit.residuals**2))
        wanted = stats.norm.logpdf(fit.residuals, scale=scale).sum()
        assert found.log_likelihood == pytest.approx(wanted, rel=1e-12)
        assert found.parameters == 4
        assert found.aic == pytest.approx(8 - 2 * wanted)
        assert found.aicc == pytest.approx(8 - 2 * wanted + 40 / 25)
        assert found.bic == pytest.approx(4 * np.log(30) - 2 * wanted)

    @pytest.mark.slow
    def test_student(self, table):
        fit = sj.fit(table, "floor_power_C", objective=sj.student_t(3), resamples=0)
        wanted = stats.t.logpdf(fit.residuals, 3, scale=fit.noise_scale).sum()
        assert criteria(fit).log_likelihood == pytest.approx(wanted, rel=1e-9)

    @pytest.mark.slow
    def test_laplace(self, table):
        fit = sj.fit(table, "floor_power_C", objective=sj.absolute(), resamples=0)
        wanted = stats.laplace.logpdf(fit.residuals, scale=np.mean(np.abs(fit.residuals))).sum()
        # The absolute value is rounded off within 1e-7, of residuals of 2e-3.
        assert criteria(fit).log_likelihood == pytest.approx(wanted, rel=1e-4)

    def test_huber(self, table):
        """The density is integrated by quadrature, the dispersion sought by SciPy."""
        delta = 1e-3
        fit = sj.fit(table, "floor_power_C", objective=sj.huber(delta), resamples=0)

        def rho(r):
            return np.where(np.abs(r) < delta, r**2 / 2, delta * (np.abs(r) - delta / 2))

        def minus_log_likelihood(log_s):
            s = np.exp(log_s)
            mass = 2 * sum(
                quad(lambda r: np.exp(-rho(r) / s), low, high)[0]
                for low, high in ((0, delta), (delta, 0.1))
            )
            return rho(fit.residuals).sum() / s + 30 * np.log(mass)

        best = minimize_scalar(minus_log_likelihood, bounds=(-20, -8), method="bounded")
        assert criteria(fit).log_likelihood == pytest.approx(-best.fun, rel=1e-6)

    @pytest.mark.slow
    def test_scale_of_the_weights_does_not_matter(self, table):
        fits = [
            sj.fit(
                table.assign(w=w),
                "floor_power_C",
                weights="w",
                objective=sj.least_squares(),
                resamples=0,
            )
            for w in (1.0, 7.0)
        ]
        assert criteria(fits[1]).aic == pytest.approx(criteria(fits[0]).aic, rel=1e-9)

    @pytest.mark.slow
    def test_an_objective_of_ones_own_has_none(self, table):
        own = sj.objectives.custom(lambda r: jax.numpy.cosh(100 * r) - 1)
        assert np.isnan(criteria(sj.fit(table, "floor_power_C", objective=own, resamples=0)).aic)


class TestStacking:
    def test_weights_are_those_of_scipy(self):
        random = np.random.default_rng(4)
        density = random.normal(0, 1, (3, 40)) - 700
        weight = random.uniform(0.5, 2, 40)
        found = stacked_weights(density, weight)
        assert found.sum() == pytest.approx(1)
        assert found.min() >= 0

        def loss(z):
            w = np.exp(z - logsumexp(z))
            return -np.sum(weight * logsumexp(density, axis=0, b=w[:, None])) / weight.sum()

        best = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"fatol": 1e-12})
        assert loss(np.log(np.maximum(found, 1e-12))) == pytest.approx(best.fun, abs=1e-4)

    def test_a_law_that_gives_less_everywhere_gets_nothing(self):
        density = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 2.5]])
        assert stacked_weights(density, np.ones(3)).tolist() == [1, 0]

    @pytest.mark.parametrize("share", [0.025, 0.5, 0.9])
    def test_quantiles_of_a_mixture(self, share):
        """Of two normals far apart, each with half the weight."""
        rows = ForecastRows({"C": np.ones(4)}, np.ones(4), None, np.ones(4))
        made = [
            (rows, SimpleNamespace(log_response=np.array([at]), sd=np.array([0.1])))
            for at in (0.0, 0.3)
        ]
        (found,) = mixture_quantile(share, np.array([0.5, 0.5]), made)
        below = [stats.norm.cdf(found, at, 0.1) for at in (0.0, 0.3)]
        assert np.mean(below) == pytest.approx(share, abs=1e-9)


class TestSelect:
    def test_the_truth_wins(self, chosen):
        ranking = chosen.ranking()
        assert list(ranking.index) == ["floor_power_C", "power_C"]
        assert ranking.loc["floor_power_C", "best_in"] == 1
        assert ranking.loc["power_C", "behind_lo"] > 0
        assert not ranking.loc["power_C", "tied"]
        assert ranking.loc["power_C", "delta_aicc"] > 50
        assert chosen.weights() == {"floor_power_C": 1.0}
        assert chosen.headline.startswith("floor_power_C extrapolates best, and the others")
        assert chosen.headline.endswith("tested over 2.5 decades, and nothing was farther out.")

    def test_errors_are_those_of_a_fit_to_the_training_runs(self, chosen):
        table, fold = chosen.table, chosen.folds[1]
        alone = sj.fit(runs()[fold.train], "floor_power_C", resamples=0)
        predicted = alone.curve({"C": table.inputs["C"][fold.test]}, alone.params)
        expected = predicted / table.target[fold.test] - 1
        errors = chosen.errors()
        found = errors[(errors["law"] == "floor_power_C") & (errors["fold"] == fold.name)]
        # Both are certified minima, whose parameters have seven digits.
        assert found["error"].to_numpy() == pytest.approx(expected, abs=1e-8)
        assert found["are"].to_numpy() == pytest.approx(np.abs(expected), abs=1e-8)

    def test_mean_error_is_that_of_the_rows(self, chosen):
        means = chosen.errors().groupby(["law", "fold"])["are"].mean()
        for name, row in chosen.ranking().iterrows():
            assert row["are"] == pytest.approx(means[name].mean(), rel=1e-12)

    @pytest.mark.slow
    def test_laws_that_agree_are_tied_and_averaged(self):
        """Runs without a floor: the floor does no harm, and neither law is behind."""
        random = np.random.default_rng(3)
        loss = 30 * SIZES**-0.05 * np.exp(5e-3 * random.standard_normal(30))
        table = pd.DataFrame({"C": SIZES, "loss": loss})
        options = {"floor_power_C": {"fixed": {"E": 1e-6}}}
        found = sj.select(table, ["power_C", "floor_power_C"], resamples=40, options=options)
        assert found.ranking()["tied"].all()
        assert "cannot tell it from" in found.summary()
        weights = found.weights()
        assert sum(weights.values()) == pytest.approx(1)
        frame = found.predict({"C": [1e23, 1e24]}).set_index(["point", "law"])
        for point in (0, 1):
            each = frame.loc[point].drop(index="average")
            mean = (each["loss"] * each["weight"]).sum()
            average = frame.loc[(point, "average")]
            assert average["loss"] == pytest.approx(mean)
            assert each["curve_lo"].min() <= average["curve_lo"] <= average["curve_hi"]
            assert average["curve_hi"] <= each["curve_hi"].max()

    def test_a_law_that_cannot_be_fitted_is_ranked_and_says_why(self):
        """Constant D leaves Chinchilla's data term open; its forecast has its prior."""
        table = pd.DataFrame({"N": np.geomspace(1e8, 1e10, 20), "D": 1e10})
        table["loss"] = 1.8 + 400 * table["N"] ** -0.34
        found = sj.select(table, ["floor_power_N", "chinchilla"], resamples=0, axis="N")
        ranking = found.ranking()
        assert sorted(ranking["rank"]) == [1, 2]
        assert not found.failed
        assert ranking.loc["chinchilla", "note"].startswith("no plain fit: 1 problem")
        assert np.isnan(ranking.loc["chinchilla", "are"])
        assert "chinchilla: no plain fit: 1 problem" in found.summary()

    def test_a_law_whose_fit_fails_in_a_fold_stays(self, chosen):
        """Its errors are compared on the folds that are left, its density on all."""
        candidate = chosen.candidates[1]
        draws = candidate.fit.draws
        status = draws.status.copy()
        status[len(chosen.multipliers)] = sj.Status.STALLED
        failing = replace(candidate.fit, draws=replace(draws, status=status))
        found = replace(chosen, candidates=(chosen.candidates[0], replace(candidate, fit=failing)))
        ranking, before = found.ranking(), chosen.ranking()
        columns = ["rank", "weight", "log_density", "behind", "best_in"]
        pd.testing.assert_frame_equal(ranking[columns], before[columns])
        name = chosen.folds[0].name
        assert ranking.loc["floor_power_C", "note"] == f"no plain fit without {name}: stalled"
        means = chosen.errors().groupby(["law", "fold"], sort=False)["are"].mean()
        for law in ranking.index:
            assert ranking.loc[law, "are"] == pytest.approx(means[law].iloc[1:].mean())

    def test_folds_too_small_for_a_law_are_scored_by_forecasts(self):
        """Four runs do for a forecast of three parameters, which no plain fit of them does."""
        sizes = SIZES[::4]
        folds = [*leave_largest(sizes, sizes[2]), *leave_largest(sizes, sizes[3])]
        found = sj.select(runs()[::4], ["floor_power_C"], folds=folds, resamples=0)
        assert [fold.name for fold in found.folds] == [folds[1].name]
        assert "trains on 3 runs: left out for all laws" in found.summary()
        few = leave_largest(sizes, sizes[3])
        assert found.densities["floor_power_C"][0][few[0].test].all()

    def test_laws_that_cannot_be_scored_are_listed(self, chosen):
        """Where no law has a density, errors rank; a law without either has no rank."""
        none = replace(chosen.candidates[0], density=None, unforeseen="no reason")
        found = replace(chosen, candidates=(none, chosen.candidates[1]))
        assert found.ranking()["rank"].to_list() == pytest.approx([1, np.nan], nan_ok=True)
        assert found.failed == {"power_C": "no forecast: no reason"}
        assert "power_C: not ranked. no forecast: no reason." in found.summary()
        assert found.weights() == {"floor_power_C": 1.0}

    def test_density_is_that_of_the_forecast(self, chosen):
        fold, table = chosen.folds[2], runs()
        alone = sj.forecast(
            table[fold.train], at=table.loc[fold.test, ["C"]], law="floor_power_C"
        ).points
        expected = stats.norm.logpdf(
            np.log(table["loss"][fold.test]), np.log(alone["loss"]), alone["sd"]
        )
        errors = chosen.errors()
        held = errors[(errors["law"] == "floor_power_C") & (errors["fold"] == fold.name)]
        assert held["log_density"].to_numpy() == pytest.approx(expected, abs=1e-6)
        mean = errors.groupby("law")["log_density"].mean()
        found = chosen.ranking()["log_density"]
        assert found["power_C"] == pytest.approx(mean["power_C"], rel=1e-9)

    @pytest.mark.parametrize("criterion", ["error", "bic"])
    def test_other_criteria_rank_too(self, chosen, criterion):
        ranking = replace(chosen, criterion=criterion).ranking()
        assert list(ranking.index) == ["floor_power_C", "power_C"]
        column = {"error": "are"}.get(criterion, criterion)
        behind = ranking[column] - ranking[column].min()
        assert ranking["behind"].to_numpy() == pytest.approx(behind.to_numpy(), abs=1e-9)

    def test_forecast_of_one_law_is_the_stack(self, chosen):
        frame = chosen.forecast({"C": [1e23, 1e24]}).set_index("law")
        alone = sj.forecast(runs(), at={"C": [1e23, 1e24]}, law="floor_power_C").points
        for law in ("floor_power_C", "stacked"):
            for column in ("loss", "lo", "hi"):
                assert frame.loc[law, column].to_numpy() == pytest.approx(alone[column], rel=1e-6)
        assert frame.loc["stacked", "decades_beyond"].to_list() == pytest.approx([1, 2])

    def test_skaling_is_the_outer_exponent_and_a_default(self):
        assert sj.find_law("skaling") is sj.LAWS["outer_exponent"]
        assert {"chinchilla", "outer_exponent"} <= {*DEFAULT_LAWS}
        assert {*DEFAULT_LAWS} <= {*sj.LAWS}

    @pytest.mark.parametrize(
        ("laws", "options", "message"),
        [
            (["power_C", "power_C"], {}, "different names"),
            (["power_C", "error_of_loss"], {}, "different things"),
            (["power_C"], {"axis": "N"}, "axis is one of C"),
            (["power_C"], {"folds": "some"}, "folds is"),
            (["power_C"], {"folds": leave_largest(SIZES[:9])}, "30 rows in use"),
            (["power_C"], {"folds": leave_largest(SIZES, 1.2e18)}, "4 runs or more"),
            (["power_C"], {"criterion": "luck"}, "criterion is one of density"),
            (["power_C"], {"resamples": -1}, "whole number of 0"),
        ],
    )
    def test_what_cannot_be_compared(self, laws, options, message):
        with pytest.raises((sj.UsageError, sj.LawError), match=message):
            sj.select(runs(), laws, **options)


def test_plot(chosen):
    ax = plot_selection(chosen.errors())
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert {"power_C", "floor_power_C"} <= lines.keys()
    wrong, right = (lines[name].get_ydata()[-1] for name in ("power_C", "floor_power_C"))
    assert wrong > right


class TestAtTheTerminal:
    @pytest.fixture
    def run(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        runs().to_csv("runs.csv", index=False)

        def call(*words):
            with pytest.raises(SystemExit) as ended:
                main(["select", "runs.csv", *words])
            said = capsys.readouterr()
            return SimpleNamespace(code=ended.value.code or 0, out=said.out, err=said.err)

        return call

    def test_json_and_plot(self, run, tmp_path, chosen):
        words = ("--laws", "power_C", "--laws", "floor_power_C", "--resamples", "60")
        found = run(*words, "--json", "--plot", "held.svg", "--at", "C=1e23")
        assert found.code == 0, found.err
        document = json.loads(found.out)
        ranking = chosen.ranking()
        assert [row["law"] for row in document["ranking"]] == list(ranking.index)
        assert document["ranking"][0]["are"] == pytest.approx(ranking["are"].iloc[0], rel=1e-9)
        assert document["prediction"][-1]["law"] == "average"
        assert document["forecast"][-1]["law"] == "stacked"
        assert document["tested"] == pytest.approx(chosen.tested)
        assert "<svg" in (tmp_path / "held.svg").read_text()

    def test_a_forecast_says_how_far_laws_were_tested(self, run):
        found = run("--laws", "power_C,floor_power_C", "--resamples", "0", "--at", "C=1e25")
        assert "The run is 3.0 decades beyond the largest." in found.out
        assert "tested over 2.5 decades; at 3.0 decades nothing was tested." in found.out

    def test_wrong_words(self, run):
        assert run("--laws", "power_C", "--plot", "x.txt").code == 2
        assert run("--laws", "nothing").code != 0
