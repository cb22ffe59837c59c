"""Laws with nothing free, and responses of any sign: both are taken as they are."""

import numpy as np
import pytest

import scalejax as sj
from scalejax import Real

OBJECTIVES = {
    "huber": sj.huber,
    "least squares": sj.least_squares,
    "absolute": sj.absolute,
}


@sj.law(linear=("a", "b"), bounds={"a": (-100, 100), "b": (-100, 100)})
def line(x, *, a: Real, b: Real):
    """A straight line."""
    return a + b * x


@pytest.fixture(scope="module")
def falling():
    x = np.linspace(0, 10, 30)
    return {"x": x, "loss": 2 - x + np.random.default_rng(0).normal(0, 0.1, 30)}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("on", ["log", "loss"])
def test_the_objective_at_given_coefficients_is_the_sum_of_its_rows(name, on):
    """Against the loss of each residual, written out."""
    generator = np.random.default_rng(1)
    x, weight = np.linspace(1, 10, 30), generator.uniform(0.5, 2, 30)
    loss = 3 + 0.5 * x * np.exp(generator.normal(0, 0.1, 30))
    fit = sj.fit(
        {"x": x, "loss": loss, "w": weight}, line, objective=OBJECTIVES[name](on=on),
        fixed={"a": 2.9, "b": 0.52}, weights="w",
    )  # fmt: skip
    curve = 2.9 + 0.52 * x
    residual = np.log(curve / loss) if on == "log" else curve - loss
    size = np.abs(residual)
    each = {
        "huber": np.where(size <= 1e-3, size**2 / 2, 1e-3 * (size - 0.5e-3)),
        "least squares": residual**2 / 2,
        "absolute": size,
    }
    expected = np.sum(fit.table.weight * each[name])
    # Absolute residuals are rounded off within 1e-7.
    assert fit.objective_value == pytest.approx(expected, rel=1e-5)
    assert fit.residuals == pytest.approx(residual)
    assert (fit.status, fit.free, len(fit.draws)) == (sj.Status.CONVERGED, (), 0)


class TestNothingFree:
    @pytest.fixture(scope="class")
    @classmethod
    def given(cls, golden, golden_huber):
        return sj.fit(golden, fixed=golden_huber.params)

    def test_it_is_the_fit_with_the_same_coefficients(self, given, golden_huber):
        assert given.objective_value == pytest.approx(golden_huber.objective_value, rel=1e-12)
        at = {"N": [1e9, 7e10], "D": [2e10, 1.4e12]}
        own, other = (one.predict(at, discrepancy="none") for one in (given, golden_huber))
        assert own["curve"].to_list() == other["curve"].to_list()
        assert own["curve_lo"].to_list() == own["curve_hi"].to_list()

    def test_it_says_that_nothing_was_fitted(self, given):
        frame = given.conf_int()
        assert frame[["stderr", "lo", "hi"]].isna().all(axis=None)
        assert set(frame["reason"]) == {"it was held at a value"}
        text = given.summary()
        assert "Nothing was fitted" in text
        assert "starts agree" not in text
        assert "Condition" not in text

    def test_it_is_saved_and_reproduced(self, given, tmp_path):
        given.save(tmp_path / "given")
        again = sj.load_fit(tmp_path / "given")
        assert again.objective_value == given.objective_value
        assert sj.reproduce(tmp_path / "given").reproduced

    @pytest.mark.parametrize(
        "question", [sj.profile, sj.influence, lambda fit: fit.forecast()], ids=range(3)
    )
    def test_what_fits_again_is_refused(self, given, question):
        with pytest.raises(sj.UsageError, match="nothing"):
            question(given)

    def test_bounds_are_refused(self, golden, golden_huber):
        with pytest.raises(sj.UsageError, match="not a free parameter"):
            sj.fit(golden, fixed=golden_huber.params, bounds={"E": (1, 2)})


class TestSigns:
    @pytest.mark.parametrize("shift", [0.0, -100.0, 9.0])
    def test_residuals_of_the_loss_do_not_know_its_sign(self, falling, shift):
        """Against least squares by NumPy."""
        data = {**falling, "loss": falling["loss"] + shift}
        fit = sj.fit(data, line, objective=sj.least_squares(on="loss"), resamples=20)
        slope, height = np.polyfit(data["x"], data["loss"], 1)
        assert fit.params == pytest.approx({"a": height, "b": slope}, rel=1e-8)
        count = int(np.sum(data["loss"] <= 0))
        said = f"zero or negative in {count} of 30 rows" in fit.summary()
        assert said == (count > 0)

    def test_logarithms_are_refused_by_row(self, falling):
        with pytest.raises(sj.InputError, match=r"E102 .*rows.*on=\"loss\"") as refusal:
            sj.fit(falling, line, resamples=0)
        (problem,) = refusal.value.problems
        assert list(problem.rows) == list(np.flatnonzero(falling["loss"] <= 0) + 1)

    def test_groups_and_selections_take_them_too(self, falling):
        objective = sj.least_squares(on="loss")
        groups = {**falling, "family": ["a", "b"] * 15}
        fits = sj.fit_many(groups, line, by="family", objective=objective)
        assert all(fit.status == sj.Status.CONVERGED for fit in fits.values())
