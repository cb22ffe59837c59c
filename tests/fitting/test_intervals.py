"""Intervals and predictions against certified numbers, SciPy and closed forms."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit
from scipy.stats import t as student

import scalejax as sj
from scalejax import Real

# LSQ on GOLDEN-36: standard errors of ln A, ln B, ln E, alpha, beta by 50-digit arithmetic.
CERTIFIED = {
    "A": 0.381489422877,
    "B": 0.534895407751,
    "E": 0.0202275305748,
    "alpha": 0.0224994991175,
    "beta": 0.0262435882019,
}


@sj.law(linear=("a", "b"), bounds={"a": (-100, 100), "b": (-100, 100)})
def line(x, *, a: Real, b: Real):
    """A straight line, for which everything is known in closed form."""
    return a + b * x


@pytest.fixture(scope="module")
def points():
    noise = np.random.default_rng(3).standard_t(5, 40)
    x = np.linspace(0, 10, 40)
    return pd.DataFrame({"x": x, "loss": 5 + 0.5 * x + noise * (0.1 + 0.03 * x)})


@pytest.fixture(scope="module")
def straight(points):
    return sj.fit(points, line, objective=sj.least_squares(on="loss"), resamples=0)


@pytest.fixture(scope="module")
def ordinary(points):
    """Ordinary least squares by NumPy: design, residuals, inverse of X'X."""
    design = np.stack([np.ones(40), points["x"]], axis=1)
    solution = np.linalg.lstsq(design, points["loss"], rcond=None)[0]
    return design, points["loss"].to_numpy() - design @ solution, np.linalg.inv(design.T @ design)


class TestWald:
    def test_certified_standard_errors(self, golden_lsq):
        own = golden_lsq.stderr
        for name, value in CERTIFIED.items():
            relative = name in ("A", "B", "E")
            scale = golden_lsq.params[name] if relative else 1.0
            # Seven digits: the estimate itself is good to nine or more.
            assert own[name] / scale == pytest.approx(value, rel=1e-7)

    def test_interval_is_symmetric_in_the_logarithm_of_a_coefficient(self, golden_lsq):
        frame = golden_lsq.conf_int(0.9)
        reach = student.ppf(0.95, 31) * CERTIFIED["A"]
        expected = golden_lsq.params["A"] * np.exp([-reach, reach])
        assert frame.loc["A", ["lo", "hi"]].to_list() == pytest.approx(expected, rel=1e-7)
        assert set(frame["method"]) == {"wald t"}

    def test_weights_as_scipy_has_them(self, points):
        sigma = 0.1 + 0.03 * points["x"]
        fit = sj.fit(
            points.assign(s=sigma),
            line,
            sigma="s",
            objective=sj.least_squares(on="loss"),
            resamples=0,
        )
        _, cov = curve_fit(
            lambda x, a, b: a + b * x, points["x"], points["loss"], p0=(1, 1), sigma=sigma
        )
        assert fit.cov.to_numpy() == pytest.approx(cov, rel=1e-5)

    def test_sandwich_is_hc1(self, straight, ordinary):
        design, residual, inverse = ordinary
        scores = design * residual[:, None]
        hc1 = inverse @ scores.T @ scores @ inverse * 40 / 38
        found = straight.conf_int(kind="sandwich")["stderr"]
        assert found.to_list() == pytest.approx(np.sqrt(np.diagonal(hc1)), rel=1e-8)

    def test_clusters_sum_their_scores(self, points, ordinary):
        design, residual, inverse = ordinary
        group = np.arange(40) // 5
        fit = sj.fit(
            points.assign(run=[f"r{k}" for k in group]), line, run="run",
            objective=sj.least_squares(on="loss"), resamples=0,
        )  # fmt: skip
        scores = np.stack([(design * residual[:, None])[group == k].sum(axis=0) for k in range(8)])
        cr1 = inverse @ scores.T @ scores @ inverse * (8 / 7) * (39 / 38)
        frame = fit.conf_int()
        assert frame["stderr"].to_list() == pytest.approx(np.sqrt(np.diagonal(cr1)), rel=1e-8)
        reach = (frame["hi"] - frame["estimate"]) / frame["stderr"]
        assert reach.to_list() == pytest.approx([student.ppf(0.975, 7)] * 2)
        assert set(frame["method"]) == {"cluster sandwich t"}

    def test_huber_with_a_large_delta_is_least_squares(self, golden, golden_lsq):
        wide = sj.fit(golden, objective=sj.huber(10.0), resamples=0)
        assert wide.cov.to_numpy() == pytest.approx(golden_lsq.cov.to_numpy(), rel=1e-5)

    def test_median_has_its_textbook_variance(self):
        """Standard error of the median of Gaussian noise: sqrt(pi / 2n)."""
        x = np.random.default_rng(0).normal(5, 1, 4001)
        constant = sj.law(linear=("a",), name="constant")(_constant)
        fit = sj.fit(
            {"x": np.arange(1.0, 4002), "loss": np.abs(x)}, constant,
            objective=sj.absolute(on="loss"), resamples=0,
        )  # fmt: skip
        # The density at the median is estimated from some 500 of 4,000 residuals: 5 %.
        assert fit.stderr["a"] == pytest.approx(np.sqrt(np.pi / 2 / 4001), rel=0.1)

    def test_derived_quantity(self, golden_lsq):
        cov = golden_lsq.cov
        both = golden_lsq.interval(lambda p: p["alpha"] - p["beta"], kind="wald")
        variance = (
            cov.loc["alpha", "alpha"] + cov.loc["beta", "beta"] - 2 * cov.loc["alpha", "beta"]
        )
        assert both["stderr"][0] == pytest.approx(np.sqrt(variance))


def _constant(x, *, a: Real):
    """A constant."""
    return a + 0 * x


class TestFromDraws:
    @pytest.fixture(scope="class")
    @classmethod
    def drawn(cls, golden):
        return sj.fit(golden, objective=sj.least_squares(), resamples=64)

    def test_basic_is_the_reflected_percentile(self, drawn):
        """In the logarithm of a coefficient, of which no end is negative."""
        percentile, basic = (drawn.conf_int(kind=kind) for kind in ("percentile", "basic"))
        mirrored = 2 * percentile["estimate"] - percentile["hi"]
        own = percentile.loc[["A", "B"]]
        mirrored[["A", "B"]] = own["estimate"] ** 2 / own["hi"]
        # Quantiles lie between two of the 64 draws, and between their logarithms.
        assert basic["lo"].to_list() == pytest.approx(mirrored.to_list(), rel=5e-3)
        assert set(basic["method"]) == {"pairs basic"}

    def test_derived_quantity_is_a_percentile_of_its_draws(self, drawn):
        frame = drawn.interval(lambda p: jnp.stack([p["alpha"], p["alpha"] / p["beta"]]), 0.8)
        draws = drawn.draws.arrays()
        ratio = np.percentile(draws["alpha"] / draws["beta"], [10, 90])
        assert frame.loc[1, ["lo", "hi"]].to_list() == pytest.approx(ratio)
        assert frame.loc[0, "lo"] == drawn.conf_int(0.8).loc["alpha", "lo"]

    @pytest.mark.parametrize("kind", ["jackknife", "bca", "hdi"])
    def test_other_kinds_are_refused(self, drawn, kind):
        with pytest.raises(sj.UsageError, match="kind="):
            drawn.conf_int(kind=kind)

    def test_jackknife_of_a_line(self, points, ordinary):
        fit = sj.fit(points, line, objective=sj.least_squares(on="loss"), resampling="jackknife")
        design, residual, inverse = ordinary
        hat = np.einsum("ni,ij,nj->n", design, inverse, design)
        moves = (inverse @ (design * (residual / (1 - hat))[:, None]).T).T
        error = np.sqrt(39 / 40 * np.sum((moves - moves.mean(axis=0)) ** 2, axis=0))
        frame = fit.conf_int()
        assert frame["stderr"].to_list() == pytest.approx(error, rel=1e-5)
        assert set(frame["method"]) == {"jackknife t"}
        assert len(fit.draws) == 40

    @pytest.mark.slow
    def test_small_samples_take_the_covariance(self, golden):
        small = golden.iloc[::2].reset_index(drop=True)
        fit = sj.fit(small, objective=sj.least_squares(), resamples=64)
        assert fit.draws.method == "wild"
        assert set(fit.conf_int()["method"]) == {"wald t"}
        assert set(fit.conf_int(kind="percentile")["method"]) == {"wild percentile"}


class TestPrediction:
    def test_curve_of_a_line_is_the_textbook_band(self, points, straight, ordinary):
        _, residual, inverse = ordinary
        variance = residual @ residual / 38
        at = np.array([-1.0, 4.0, 9.0])
        row = np.stack([np.ones(3), at], axis=1)
        error = np.sqrt(variance * np.einsum("ni,ij,nj->n", row, inverse, row))
        frame = straight.predict({"x": at})
        width = (frame["curve_hi"] - frame["curve_lo"]).to_numpy() / 2
        # Quantiles of 2,000 quantiles: the ends are off by less than 1 %.
        assert width == pytest.approx(student.ppf(0.975, 38) * error, rel=0.01)
        assert frame["inside_hull"].to_list() == [False, True, True]

    def test_a_new_run_is_further_off_than_the_curve(self, golden_lsq):
        frame = golden_lsq.predict({"N": [1e9, 2e9], "D": [2e10, 4e10]}, discrepancy="none")
        assert np.all(frame["lo"] < frame["curve_lo"])
        assert np.all(frame["hi"] > frame["curve_hi"])
        assert frame["inside_hull"].all()

    def test_noise_is_on_the_side_of_the_outliers(self, golden_lsq):
        """GOLDEN-36 has two runs far above the curve and none below."""
        row = golden_lsq.predict({"N": 1e9, "D": 2e10}, discrepancy="none").iloc[0]
        assert row["hi"] - row["curve_hi"] > 2 * (row["curve_lo"] - row["lo"])

    def test_discrepancy_adds_its_share_for_each_decade(self, golden_lsq):
        far = {"N": 6e12, "D": 2e13}
        plain, wide = (golden_lsq.predict(far, discrepancy=d).iloc[0] for d in (0.0, 0.1))
        assert plain["decades_beyond"] == pytest.approx(5)  # of compute; 3 of N, 2 of D
        sd = [np.log(row["hi"] / row["lo"]) / 2 / 1.96 for row in (plain, wide)]
        # 0.1 a decade over five decades; 2,000 draws know an end to some 5 %.
        assert np.sqrt(sd[1] ** 2 - sd[0] ** 2) == pytest.approx(0.5, rel=0.1)

    def test_far_beyond_the_data_an_undeclared_discrepancy_is_warned_about(self, golden):
        """Where there is no forecast, which learns how far the law bends."""
        fit = sj.fit(golden, resamples=0, penalty=lambda p: 0.0 * p["E"])
        with pytest.warns(sj.FitWarning, match="1 of 2 points lie more than a decade"):
            fit.predict({"N": [1e9, 6e12], "D": [2e10, 2e13]})

    def test_runs_themselves_lie_in_the_hull(self, golden, golden_lsq):
        assert golden_lsq.predict(golden)["inside_hull"].all()

    def test_impossible_discrepancy(self, golden_lsq):
        with pytest.raises(sj.UsageError, match="discrepancy"):
            golden_lsq.predict({"N": 1e9, "D": 2e10}, discrepancy=-0.1)


@pytest.mark.parametrize(("failed", "shown"), [(2, True), (3, False)])
@pytest.mark.filterwarnings("ignore::scalejax.FitWarning")
def test_draws_are_withheld_if_more_than_a_twentieth_failed(points, failed, shown):
    """Of forty draws two may fail."""
    fit = sj.fit(points, line, objective=sj.least_squares(on="loss"), resamples=40)
    status = np.where(np.arange(40) < failed, sj.Status.MAX_STEPS, sj.Status.CONVERGED)
    frame = replace(fit, draws=replace(fit.draws, status=status)).conf_int(kind="percentile")
    assert bool(np.isfinite(frame[["lo", "hi"]].to_numpy()).all()) is shown
