"""Choice of a law: folds, criteria against SciPy, and laws that are known to be right or wrong."""

import itertools
import json
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

import scalejax as sj
from scalejax.cli import main
from scalejax.plots import plot_selection
from scalejax.selection import leave_groups, leave_largest, rolling_origin
from scalejax.selection.criteria import criteria

SIZES = np.geomspace(1e18, 1e22, 30)


def runs(seed=0, noise=2e-3):
    """Runs of a power law with a floor, which `power_C` lacks."""
    random = np.random.default_rng(seed)
    loss = 1.8 + 3000 * SIZES**-0.19
    return pd.DataFrame({"C": SIZES, "loss": loss * np.exp(noise * random.standard_normal(30))})


@pytest.fixture(scope="module")
def chosen():
    return sj.select(runs(), ["power_C", "floor_power_C"], resamples=60)


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


class TestSelect:
    def test_the_truth_wins(self, chosen):
        ranking = chosen.ranking()
        assert list(ranking.index) == ["floor_power_C", "power_C"]
        assert ranking.loc["floor_power_C", "best_in"] == 1
        assert ranking.loc["power_C", "behind_lo"] > 0
        assert not ranking.loc["power_C", "tied"]
        assert ranking.loc["power_C", "delta_aicc"] > 50
        assert chosen.weights() == {"floor_power_C": 1.0}
        assert chosen.summary().startswith("floor_power_C extrapolates best, and the others")

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

    def test_a_law_that_cannot_be_fitted_is_named(self):
        """Constant D leaves Chinchilla's data term open; the power law is not lost."""
        table = pd.DataFrame({"N": np.geomspace(1e8, 1e10, 20), "D": 1e10})
        table["loss"] = 1.8 + 400 * table["N"] ** -0.34
        found = sj.select(table, ["floor_power_N", "chinchilla"], resamples=0, axis="N")
        assert list(found.failed) == ["chinchilla"]
        assert "chinchilla: not fitted." in found.summary()
        assert list(found.ranking().index) == ["floor_power_N"]

    @pytest.mark.parametrize(
        ("laws", "options", "message"),
        [
            (["power_C", "power_C"], {}, "different names"),
            (["power_C", "error_of_loss"], {}, "different things"),
            (["power_C"], {"axis": "N"}, "axis is one of C"),
            (["power_C"], {"folds": "some"}, "folds is"),
            (["power_C"], {"folds": leave_largest(SIZES[:9])}, "30 rows in use"),
            (["power_C"], {"folds": leave_largest(SIZES, 1.2e18)}, "too few for 2"),
            (["power_C"], {"resamples": -1}, "not be negative"),
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
        assert "<svg" in (tmp_path / "held.svg").read_text()

    def test_wrong_words(self, run):
        assert run("--laws", "power_C", "--plot", "x.txt").code == 2
        assert run("--laws", "nothing").code != 0
