"""Forecasts: the model against dense algebra, the verb against what must hold, refusals."""

from functools import partial

import jax
import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax.forecasting import discrepancy, field, model
from scalejax.forecasting.make import solve_all

AT = {"N": [1e9, 1e10], "D": [2e10, 2e11]}
SOLVE = jax.jit(partial(model.solve, field.log_loss, field.FIELD))
PREDICT = jax.jit(partial(model.predict, field.log_loss))


@pytest.fixture(scope="module")
def forecast(golden):
    return sj.forecast(golden, at=AT)


def small_problem():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(12, 2))
    theta = field.MEAN + 0.1
    with jax.enable_x64(True):
        y = np.asarray(jax.vmap(field.log_loss, (None, 0))(theta, x)) + 0.01 * rng.normal(size=12)
    axes = discrepancy.places(*x.T).axes
    features = discrepancy.features(axes, discrepancy.inducing_points(axes), 1.0)
    used = np.any(features != 0, 0)
    point = model.GridPoint(
        features, features[:2], np.where(used, 9.0, 1.0), np.float64(3.0), np.float64(0.0)
    )
    return model.RowArrays(y, x, np.ones(12)), point


class TestModel:
    """Woodbury, the profiled noise and the evidence against dense matrices in NumPy."""

    @pytest.fixture(scope="class")
    @classmethod
    def solved(cls):
        table, point = small_problem()
        with jax.enable_x64(True):
            mode = SOLVE(table, point)
            mean, variance = map(np.asarray, PREDICT(mode, point, table.x[:2]))
            slopes = jax.vmap(jax.jacfwd(field.log_loss), (None, 0))(mode.theta, table.x)
            law = jax.vmap(field.log_loss, (None, 0))(mode.theta, table.x)
            mode = jax.tree.map(np.asarray, mode)
        return table, point, mode, (mean, variance), np.asarray(slopes), np.asarray(law)

    def test_the_mode_is_stationary_and_the_noise_is_profiled(self, solved):
        table, point, mode, _, slopes, law = solved
        v = np.eye(12) + (point.features * point.ratio) @ point.features.T
        r = table.y - law
        square = r @ np.linalg.solve(v, r)
        rows = 12 + model.PRIOR_ROWS
        variance = (square + model.PRIOR_ROWS * model.PRIOR_NOISE**2) / rows
        assert mode.variance == pytest.approx(variance, rel=1e-9)
        gradient = slopes.T @ np.linalg.solve(v, r) / variance
        gradient -= (np.asarray(mode.theta) - field.MEAN) / field.SD**2
        assert np.abs(gradient * field.SD).max() < 1e-4

    def test_the_evidence_is_laplaces(self, solved):
        table, point, mode, _, slopes, law = solved
        v = np.eye(12) + (point.features * point.ratio) @ point.features.T
        r = table.y - law
        rows, weight = 12 + model.PRIOR_ROWS, 1 / field.SD**2
        hessian = slopes.T @ np.linalg.solve(v, slopes) / mode.variance + np.diag(weight)
        penalty = np.sum(weight * (np.asarray(mode.theta) - field.MEAN) ** 2)
        evidence = -0.5 * (
            rows * np.log(mode.variance)
            + np.linalg.slogdet(v)[1]
            + penalty
            - np.sum(np.log(weight))
            + np.linalg.slogdet(hessian)[1]
        )
        assert float(mode.evidence) == pytest.approx(evidence, abs=1e-6)
        np.testing.assert_allclose(mode.covariance, np.linalg.inv(hessian), rtol=1e-6, atol=1e-12)
        assert r.shape == (12,)

    def test_prediction_is_kriging(self, solved):
        table, point, mode, (mean, variance), slopes, law = solved
        k = (point.features * point.ratio) @ point.features.T
        inverse = np.linalg.inv(np.eye(12) + k)
        gain = k[:2] @ inverse
        assert mean == pytest.approx(law[:2] + gain @ (table.y - law), abs=1e-9)
        of_bend = np.diag(k[:2, :2] - gain @ k[:, :2])
        j = slopes[:2] - gain @ slopes
        of_law = np.einsum("tp,pq,tq->t", j, np.asarray(mode.covariance), j)
        assert variance == pytest.approx(mode.variance * (1 + of_bend) + of_law, rel=1e-6)

    def test_kernel_is_matern(self):
        axes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        f = discrepancy.features(axes, discrepancy.inducing_points(axes), 2.0)
        x = np.sqrt(3) * np.array([0, 1, 2]) / 2
        np.testing.assert_allclose((f @ f.T)[0], (1 + x) * np.exp(-x), rtol=1e-6)

    def test_padding_changes_nothing(self):
        table, point = small_problem()
        pad = [(0, 5), (0, 0)]
        longer = model.RowArrays(
            np.pad(table.y, (0, 5)), np.pad(table.x, pad), np.pad(table.row, (0, 5))
        )
        wider = point._replace(features=np.pad(point.features, pad))
        with jax.enable_x64(True):
            one, other = SOLVE(table, point), SOLVE(longer, wider)
        np.testing.assert_allclose(one.theta, other.theta, rtol=1e-6)
        assert float(one.evidence) == pytest.approx(float(other.evidence), abs=1e-7)


def test_coordinates_are_those_of_the_law():
    theta = field.MEAN[None] + np.random.default_rng(0).normal(size=(5, 6)) * field.SD
    p = field.parameters(theta, 1.0, 20.0, 24.0)
    with jax.enable_x64(True):
        law = np.asarray(sj.LAWS["outer_exponent"](np.exp(21.0), np.exp(23.5), **p))
        here = [float(field.log_loss(t, np.array([1.0, -0.5]))) for t in theta]
    np.testing.assert_allclose(np.log(law), 1.0 + np.array(here), rtol=1e-10)


class TestVerb:
    def test_intervals_hold_the_curve_of_the_runs(self, forecast, golden):
        frame = forecast.points
        assert (frame["lo"] < frame["loss"]).all() & (frame["loss"] < frame["hi"]).all()
        fit = sj.fit(golden, resamples=0)
        law = fit.predict(AT, discrepancy=0.0)
        assert frame["loss"].to_numpy() == pytest.approx(law["loss"].to_numpy(), rel=0.02)
        assert ((frame["lo"] < law["loss"]) & (law["loss"] < frame["hi"])).all()

    def test_units_of_inputs_and_loss_do_not_matter(self, forecast, golden):
        """Scaling N, D and the loss scales the answer and changes nothing else."""
        scaled = golden.assign(N=golden["N"] * 8, D=golden["D"] * 3, loss=golden["loss"] * 0.7)
        other = sj.forecast(scaled, at={"N": np.array(AT["N"]) * 8, "D": np.array(AT["D"]) * 3})
        for name in ("loss", "lo", "hi"):
            np.testing.assert_allclose(0.7 * forecast.points[name], other.points[name], rtol=1e-6)

    def test_the_order_of_rows_does_not_matter(self, forecast, golden):
        other = sj.forecast(golden.sample(frac=1, random_state=1), at=AT)
        np.testing.assert_allclose(forecast.points["loss"], other.points["loss"], rtol=1e-7)

    def test_intervals_grow_with_distance(self, golden):
        far = sj.forecast(golden, at={"N": [1e10, 1e11, 1e12], "D": [2e11, 2e12, 2e13]})
        assert far.points["sd"].is_monotonic_increasing
        assert any("decades beyond" in note for note in far.notes)

    def test_families_are_a_batch(self, golden):
        both = pd.concat(
            [golden.assign(family="a"), golden.assign(family="b", loss=golden["loss"] + 1)]
        )
        together = sj.forecast(both, at=AT, by="family").points
        for name in ("a", "b"):
            alone = sj.forecast(both[both["family"] == name], at=AT).points
            ours = together[together["family"] == name]
            assert ours["loss"].to_numpy() == pytest.approx(alone["loss"].to_numpy(), rel=1e-9)
            assert ours["sd"].to_numpy() == pytest.approx(alone["sd"].to_numpy(), rel=1e-6)

    def test_a_bend_is_found_and_widens(self, golden):
        decades = np.log10(golden["N"] * golden["D"])
        bent = golden.assign(loss=golden["loss"] * np.exp(0.03 * (decades - decades.max()) ** 2))
        first, second = (sj.forecast(runs, at=AT) for runs in (golden, bent))
        assert second.tau[""] > 2 * first.tau[""]

    def test_checkpoints_share_an_offset(self, golden):
        runs = golden.assign(model=np.arange(36) // 6)
        shaken = runs.assign(loss=runs["loss"] * np.exp(0.01 * np.sin(7 * runs["model"])))
        found = sj.forecast(shaken, at=AT, run="model")
        assert found.n_runs[""] == 6
        assert any("6 runs are few" in note for note in found.notes)
        # Student's t of four degrees of freedom, not the normal.
        reach = np.log(found.points["hi"] / found.points["loss"]) / found.points["sd"]
        assert reach.to_numpy() == pytest.approx(2.776, abs=1e-3)

    def test_what_comes_in_may_be_text_a_frame_or_a_list(self, golden):
        at = {"N": "1B", "D": "20B"}
        losses = [
            sj.forecast(golden, at=one).points["loss"][0]
            for one in (at, [at], pd.DataFrame({"N": [1e9], "D": [2e10]}), {"N": [1e9], "D": 2e10})
        ]
        assert losses == pytest.approx([losses[0]] * 4, rel=1e-12)

    @pytest.mark.parametrize(
        ("at", "words"),
        [
            ({"N": 1e9}, "at= lacks D"),
            ({"N": 1e9, "D": -1}, "positive"),
            ({"N": "big", "D": 1e9}, "not a number"),
            ([{"N": 1e9, "D": 1e9}, {"N": 1e9}], "N and D of each run"),
        ],
    )
    def test_refusals(self, golden, at, words):
        with pytest.raises(sj.UsageError, match=words):
            sj.forecast(golden, at=at)
        with pytest.raises(sj.UsageError, match="at least 4 rows"):
            sj.forecast(golden[:3], at=AT)

    def test_draws_are_of_the_law_behind_the_forecast(self, forecast):
        draws = forecast.draws[""]
        assert set(draws) == set(sj.LAWS["outer_exponent"].parameters)
        assert all(np.isfinite(values).all() for values in draws.values())
        again = forecast.parameters.set_index("parameter")
        assert again.loc["alpha", "lo"] < again.loc["alpha", "estimate"] < again.loc["alpha", "hi"]


def test_many_tables_are_those_by_themselves(golden):
    from scalejax.forecasting.make import _families

    rows = _families(sj.load_table(golden))[""]
    targets = np.log(np.array([[1e9, 2e10]]))
    parts = [rows.take(np.arange(k, 36)) for k in range(3)]
    together = solve_all(parts, [targets] * 3)
    for part, one in zip(parts, together, strict=True):
        (alone,) = solve_all([part], [targets])
        assert one.mean == pytest.approx(alone.mean, abs=1e-9)


class TestWhatWidens:
    """Each part of the variance that makes intervals hold, by its own number."""

    def test_the_bend_grows_below_the_largest_run(self):
        from scalejax.forecasting.make import _arrays, _ForecastRows

        log_n, log_d = np.log(10.0) * np.array([[7.0, 8.0, 8.0], [9.0, 10.0, 9.0]])
        rows = _ForecastRows(log_n, log_d, np.array([1.2, 0.9, 1.0]), None)
        _, grid, _, _ = _arrays(rows, np.stack([log_n, log_d], 1)[:1], 16, 0, 16)
        # Kernel one at no distance, times (1 + half a decade's share) squared: 2, 0 and 1 below.
        own = (grid.features[0] ** 2).sum(1)[:3]
        assert own == pytest.approx([2.0**2, 1.0, 1.5**2], rel=1e-4)
        assert (grid.at_targets[0] ** 2).sum(1)[0] == pytest.approx(1.0, rel=1e-4)

    def test_a_new_run_has_an_offset_of_its_own(self):
        table, point = small_problem()
        with jax.enable_x64(True):
            mode = SOLVE(table, point)
            _, without = PREDICT(mode, point, table.x[:2])
            _, with_it = PREDICT(mode, point._replace(new_run=np.float64(9.0)), table.x[:2])
        added = np.asarray(with_it) - np.asarray(without)
        assert added == pytest.approx([9 * float(mode.variance)] * 2, rel=1e-9)

    def test_a_decade_beyond_adds_one_percent(self):
        table, point = small_problem()
        with jax.enable_x64(True):
            grid = jax.tree.map(lambda value: np.asarray(value)[None], point)
            far, near = (
                model.forecast(
                    field.log_loss, field.FIELD, table, grid, table.x[:2], np.full(2, beyond)
                ).variance
                for beyond in (3.0, 0.0)
            )
        assert np.asarray(far) - np.asarray(near) == pytest.approx([0.03**2] * 2, rel=1e-9)
