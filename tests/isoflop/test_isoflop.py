"""Approach 2: its published bias, the true optimum, and parabolas against NumPy's."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contract import hold_to_contract
from scipy.optimize import minimize_scalar

import scalejax as sj
from scalejax.datasets import DATA_FOLDER_VARIABLE
from scalejax.isoflop import Isoflop, isoflop, isoflop_bias, true_optimum

CHINCHILLA = sj.find_law("chinchilla")
PRINTED = CHINCHILLA.published["hoffmann2022"]
BUDGETS = np.geomspace(1e17, 1e21, 5)
TARGET = 1e24

# arXiv:2603.22339 and its code (Open-Athena/scaling-law-analysis): bias of D* in percent at 1e24
# FLOP by the half-width of the grid, from 15 noise-free runs at each of the budgets above.
PUBLISHED_BIAS = {2: -0.3269, 4: -1.3011, 8: -2.9029, 16: -5.1002}
# The same with alpha = 3 beta.
LOPSIDED = {**PRINTED, "alpha": 0.465, "beta": 0.155}
PUBLISHED_LOPSIDED_BIAS = {8: -13.9, 16: -23.1}
PUBLISHED_INTERCEPTS = {"true": -0.555357, "parabolas": -0.578092}
PUBLISHED_SYMMETRIC_INTERCEPT = -0.389076


def closed_form(params, compute):
    """Best N of the Chinchilla law (arXiv:2203.15556, eq. 4)."""
    alpha, beta = params["alpha"], params["beta"]
    ratio = alpha * params["A"] / (beta * params["B"])
    return ratio ** (1 / (alpha + beta)) * (compute / 6) ** (beta / (alpha + beta))


def real_table(folder, name):
    root = os.environ.get(DATA_FOLDER_VARIABLE)
    if not root:
        pytest.skip(f"{DATA_FOLDER_VARIABLE} is not set: no licence to ship these runs")
    runs = pd.read_csv(Path(root) / folder / f"{name}.csv")
    return runs[runs["qc_outlier"] == 0].reset_index(drop=True)


@pytest.fixture
def llama():
    return real_table("isoflop_llama3", "isoflop_llama3")


class TestPublishedBias:
    @pytest.mark.parametrize("span", PUBLISHED_BIAS)
    def test_of_the_tokens_far_beyond(self, span):
        frame = isoflop_bias("chinchilla", PRINTED, BUDGETS, span, 15, TARGET)
        far = frame[frame["extrapolated"]]
        assert list(far["C"]) == [TARGET]
        # Printed to four decimals.
        assert far["D_bias_percent"].item() == pytest.approx(PUBLISHED_BIAS[span], abs=1e-4)

    @pytest.mark.parametrize("span", PUBLISHED_LOPSIDED_BIAS)
    def test_grows_with_the_imbalance_of_the_exponents(self, span):
        far = isoflop_bias("chinchilla", LOPSIDED, BUDGETS, span, 15, TARGET).iloc[-1]
        assert far["D_bias_percent"] == pytest.approx(PUBLISHED_LOPSIDED_BIAS[span], abs=0.05)

    @pytest.mark.parametrize("span", PUBLISHED_BIAS)
    def test_spares_the_exponents(self, span):
        frame = isoflop_bias("chinchilla", PRINTED, BUDGETS, span)
        x = np.log(frame["C"]) - np.log(frame["C"]).mean()
        a = PRINTED["beta"] / (PRINTED["alpha"] + PRINTED["beta"])
        for name, exponent in (("N", a), ("D", 1 - a)):
            for kind in ("noise_free", "law"):
                slope = np.polyfit(x, np.log(frame[f"{name}_{kind}"]), 1)[0]
                assert slope == pytest.approx(exponent, abs=1e-12)

    def test_is_all_in_the_intercept(self):
        frame = isoflop_bias("chinchilla", PRINTED, BUDGETS, 16)
        log_c = np.log10(frame["C"])
        for kind, column in (("true", "D_law"), ("parabolas", "D_noise_free")):
            intercept = np.polyfit(log_c, np.log10(frame[column]), 1)[1]
            assert intercept == pytest.approx(PUBLISHED_INTERCEPTS[kind], abs=1e-6)
        # Two equal terms, the symmetric surface of the same paper, for which nothing is biased.
        even = {**PRINTED, "A": 400, "B": 400, "alpha": 0.31, "beta": 0.31}
        frame = isoflop_bias("chinchilla", even, BUDGETS, 16)
        intercept = np.polyfit(log_c, np.log10(frame["D_noise_free"]), 1)[1]
        assert intercept == pytest.approx(PUBLISHED_SYMMETRIC_INTERCEPT, abs=1e-6)
        assert np.all(np.abs(frame["D_bias_percent"]) < 1e-8)

    def test_vanishes_with_the_width(self):
        wide, narrow = (
            isoflop_bias("chinchilla", PRINTED, BUDGETS, span).iloc[0] for span in (1.2, 1.1)
        )
        ratio = wide["N_bias_percent"] / narrow["N_bias_percent"]
        # Quadratic in the logarithm of the width.
        assert ratio == pytest.approx((np.log(1.2) / np.log(1.1)) ** 2, rel=1e-2)

    def test_refuses_what_is_no_design(self):
        for design in ((BUDGETS, 1.0), (BUDGETS, 4, 3), (BUDGETS[:1], 4), ([-1.0, 1e20], 4)):
            with pytest.raises(sj.UsageError, match="design"):
                isoflop_bias("chinchilla", PRINTED, *design)
        with pytest.raises(sj.UsageError, match="inputs of power_C are C"):
            isoflop_bias("power_C", {"A": 1.0, "alpha": 0.1}, BUDGETS, 4)


class TestTrueOptimum:
    @pytest.mark.parametrize("params", CHINCHILLA.published.values(), ids=lambda p: p.id)
    def test_is_the_closed_form(self, params):
        compute = np.geomspace(1e15, 1e28, 27)
        found = true_optimum(CHINCHILLA, params, compute)
        # Bisection ends at the rounding of the derivative, which vanishes with a finite slope.
        np.testing.assert_allclose(found.N, closed_form(params, compute), rtol=1e-11)
        np.testing.assert_allclose(6 * found.N * found.D, compute, rtol=1e-14)
        n, d = found.N, found.D
        loss = params["E"] + params["A"] / n ** params["alpha"] + params["B"] / d ** params["beta"]
        np.testing.assert_allclose(found.loss, loss, rtol=1e-14)

    def test_of_another_law_is_scipys(self):
        kaplan = sj.find_law("kaplan")
        params = kaplan.published["kaplan2020"]

        def loss(log_n):
            n = np.exp(log_n)
            ratio = params["alpha_N"] / params["alpha_D"]
            return ((params["Nc"] / n) ** ratio + params["Dc"] * 6 * n / 1e22) ** params["alpha_D"]

        best = minimize_scalar(loss, bounds=(10, 40), method="bounded", options={"xatol": 1e-10})
        found = true_optimum(kaplan, params, 1e22)
        # Comparing losses finds a minimum to the square root of the rounding only.
        assert np.log(found.N).item() == pytest.approx(best.x, abs=1e-6)
        assert found.loss.item() == pytest.approx(best.fun, rel=1e-13)

    def test_of_a_law_without_one_is_nan(self):
        flat = {**PRINTED, "B": 0.0}
        found = true_optimum(CHINCHILLA, flat, [1e20])
        assert np.isnan([found.N, found.D, found.loss]).all()


class TestParabolas:
    @pytest.mark.parametrize("along", ["N", "D"])
    def test_agree_with_polyfit(self, llama, along):
        result = isoflop(llama, params=PRINTED, along=along, budget="C")
        assert result.left_out == 0
        assert len(result.minima) == llama["C"].nunique()
        for (_, group), best in zip(llama.groupby("C"), result.minima.itertuples(), strict=True):
            x, loss = np.log(group[along]), group["loss"]
            c2, c1, c0 = np.polyfit(x, loss, 2)
            # The plain powers of ln N, about 20, cost polyfit several digits.
            assert np.log(getattr(best, along)) == pytest.approx(-c1 / (2 * c2), rel=1e-8)
            assert best.loss == pytest.approx(c0 - c1**2 / (4 * c2), rel=1e-8)
            assert best.curvature == pytest.approx(2 * c2, rel=1e-6)
            assert best.inside == (x.min() < -c1 / (2 * c2) < x.max())
            assert (best.C, best.runs) == (pytest.approx(group["C"].iloc[0]), len(group))

    def test_of_llama_3_give_the_exponents_of_its_digitisation(self, llama):
        result = isoflop(llama, params=PRINTED, budget="C")
        # Published with the data: D* exponent 0.50, N* exponent 0.50.
        assert result.exponents["D"] == pytest.approx(0.50, abs=0.005)
        assert result.exponents["N"] == pytest.approx(0.50, abs=0.005)

    def test_weights_count(self):
        runs = noise_free(span=4)
        runs["loss"] += 0.01 * np.sin(np.arange(len(runs)))
        doubled = pd.concat([runs, runs[runs.index % 3 == 0]], ignore_index=True)
        runs["w"] = np.where(runs.index % 3 == 0, 2.0, 1.0)
        weighted = isoflop(sj.load_table(runs, weights="w"), params=PRINTED)
        repeated = isoflop(doubled, params=PRINTED)
        np.testing.assert_allclose(weighted.minima["N"], repeated.minima["N"], rtol=1e-9)

    def test_minimum_beyond_the_runs_is_shown_but_not_used(self):
        runs = noise_free(span=4, points=15)
        beyond = (runs["C"] < 2e17) & (runs["N"] > 0.8 * closed_form(PRINTED, runs["C"]))
        result = isoflop(runs[~beyond], params=PRINTED)
        assert list(result.minima["inside"]) == [False, True, True, True, True]
        hold_to_contract(result, Isoflop)
        assert np.isfinite(result.minima["N"]).all()
        used = result.minima.iloc[1:]
        slope = np.polyfit(np.log(used["C"]), np.log(used["N"]), 1)[0]
        assert result.exponents["N"] == pytest.approx(slope, rel=1e-9)

    def test_that_opens_downwards_has_no_minimum(self):
        runs = noise_free(span=4)
        lowest = runs["C"] < 2e17
        runs.loc[lowest, "loss"] = 6 - runs.loc[lowest, "loss"]
        first = isoflop(runs, params=PRINTED).minima.iloc[0]
        assert first["curvature"] < 0
        assert np.isnan([first["N"], first["D"], first["loss"]]).all()
        assert not first["inside"]
        assert np.isfinite(first["N_bias_percent"])


def noise_free(span, points=9):
    """Runs of the Chinchilla law around the closed-form optimum of each budget."""
    compute = np.repeat(BUDGETS, points)
    n = closed_form(PRINTED, compute) * np.tile(np.geomspace(1 / span, span, points), len(BUDGETS))
    d = compute / (6 * n)
    terms = PRINTED["A"] / n ** PRINTED["alpha"] + PRINTED["B"] / d ** PRINTED["beta"]
    return pd.DataFrame({"C": compute, "N": n, "D": d, "loss": PRINTED["E"] + terms})


class TestIsoflop:
    def test_of_noise_free_runs_is_its_own_bias(self):
        result = isoflop(noise_free(span=8, points=15), params=PRINTED)
        np.testing.assert_allclose(result.minima["N"], result.minima["N_noise_free"], rtol=1e-9)
        expected = isoflop_bias("chinchilla", PRINTED, BUDGETS, 8, 15, TARGET)
        np.testing.assert_allclose(
            result.minima["D_bias_percent"], expected["D_bias_percent"][:-1], rtol=1e-9
        )
        far = result.at(TARGET)
        assert far["D_bias_percent"].item() == pytest.approx(PUBLISHED_BIAS[8], abs=1e-4)
        assert far["D"].item() == pytest.approx(far["D_noise_free"].item(), rel=1e-9)
        assert (far["N"] * far["D"] * 6).item() == pytest.approx(TARGET, rel=1e-9)

    def test_compares_with_the_law_of_the_fit(self, golden_huber):
        result = isoflop(golden_huber)
        assert result.params == golden_huber.params
        a = golden_huber.params["beta"] / sum(golden_huber.params[k] for k in ("alpha", "beta"))
        assert result.exponents_law["N"] == pytest.approx(a, abs=1e-10)
        assert result.exponents["N"] + result.exponents["D"] == pytest.approx(1, abs=1e-12)
        # GOLDEN-36 is a square of 6 sizes and 6 lengths: budgets of 4, 5, 6, 5, 4 runs remain.
        assert list(result.minima["runs"]) == [4, 5, 6, 5, 4]
        assert result.left_out == 12

    def test_fits_the_law_if_no_parameters_are_given(self, golden, golden_huber):
        given, fitted = isoflop(golden_huber), isoflop(golden)
        pd.testing.assert_frame_equal(given.minima, fitted.minima, rtol=1e-6)

    def test_takes_other_parameters(self, golden_huber):
        result = isoflop(golden_huber, params=PRINTED)
        compute = result.minima["C"].to_numpy()
        np.testing.assert_allclose(result.minima["N_law"], closed_form(PRINTED, compute), rtol=1e-9)

    def test_budgets_by_tolerance(self):
        runs = noise_free(span=4)
        rng = np.random.default_rng(0)
        # Compute within 8 % of five budgets that are a factor of ten apart.
        runs["D"] *= rng.uniform(0.92, 1.08, len(runs))
        result = isoflop(runs[["N", "D", "loss"]], params=PRINTED)
        np.testing.assert_allclose(result.minima["C"], BUDGETS, rtol=0.05)
        assert list(result.minima["runs"]) == [9] * 5
        with pytest.raises(sj.UsageError, match="runs of 4 sizes"):
            isoflop(runs[["N", "D", "loss"]], params=PRINTED, tolerance=1e-6)

    def test_slices_are_the_law_and_touch_the_minima(self, golden_huber):
        result = isoflop(golden_huber)
        curves = result.slices(points=2001)
        np.testing.assert_allclose(6 * curves["N"] * curves["D"], curves["C"], rtol=1e-12)
        fitted = golden_huber.params
        terms = fitted["A"] / curves["N"] ** fitted["alpha"]
        terms += fitted["B"] / curves["D"] ** fitted["beta"]
        np.testing.assert_allclose(curves["law"], fitted["E"] + terms, rtol=1e-12)
        lowest = curves.groupby("C")["parabola"].min()
        np.testing.assert_allclose(lowest, result.minima["loss"], rtol=1e-6)
        for _, curve in curves.groupby("C"):
            # A parabola in ln N: its third differences on an even grid vanish.
            assert np.abs(np.diff(curve["parabola"], 3)).max() < 1e-12

    def test_prints_the_bias_beside_the_minima(self, golden_huber):
        text = str(isoflop(golden_huber))
        assert "D_bias_percent" in text
        assert "by parabolas without noise" in text
        assert len(text.splitlines()) == 8

    def test_refuses_what_is_no_isoflop_design(self, golden, golden_huber):
        with pytest.raises(sj.UsageError, match="along"):
            isoflop(golden_huber, along="C")
        with pytest.raises(sj.UsageError, match="tolerance"):
            isoflop(golden_huber, tolerance=0)
        with pytest.raises(sj.UsageError, match="budget="):
            isoflop(golden_huber, budget="C")
        with pytest.raises(sj.UsageError, match="law of N and D"):
            isoflop(golden, law="power_N")
