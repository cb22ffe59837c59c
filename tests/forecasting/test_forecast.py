"""Forecasts: the model against dense algebra, the verb against what must hold, refusals."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from contract import hold_to_contract

import scalejax as sj
from scalejax.forecasting import FieldLaw, Forecast, discrepancy, field, model, solve_all
from scalejax.planning.source import source_of

AT = {"N": [1e9, 1e10], "D": [2e10, 2e11]}
PRIOR = FieldLaw().prior
SOLVE = jax.jit(partial(model.solve, field.log_loss, PRIOR))
PREDICT = jax.jit(partial(model.predict, field.log_loss))


@pytest.fixture(scope="module")
def forecast(golden):
    return sj.forecast(golden, at=AT)


class Small:
    """Twelve rows of the law with a discrepancy, as arrays and as dense matrices."""

    def __init__(self, new_run=0.0):
        rng = np.random.default_rng(3)
        x = rng.normal(size=(12, 2))
        theta = field.MEAN + 0.1
        with jax.enable_x64(True):
            y = np.asarray(jax.vmap(field.log_loss, (None, 0))(theta, x)) + 0.01 * rng.normal(
                size=12
            )
        inputs = {"N": np.exp(x[:, 0]), "D": np.exp(x[:, 1])}
        axes = discrepancy.Ground.of(inputs).places(inputs).axes
        features = discrepancy.features(axes, discrepancy.inducing_points(axes), 1.0)
        self.kernel = 9.0 * features @ features.T
        self.point = model.grid_point(
            features, features[:2], np.full(features.shape[1], 9.0), np.ones(12), 3.0, new_run
        )
        self.table = model.RowArrays(y, x, np.ones(12))


def test_is_a_result(forecast):
    hold_to_contract(forecast, Forecast)


class TestModel:
    """Woodbury, the profiled noise and the evidence against dense matrices in NumPy."""

    @pytest.fixture(scope="class")
    @classmethod
    def solved(cls):
        small = Small()
        with jax.enable_x64(True):
            mode = SOLVE(small.table, small.point)
            mean, variance = map(np.asarray, PREDICT(mode, small.point, small.table.x[:2]))
            slopes = jax.vmap(jax.jacfwd(field.log_loss), (None, 0))(mode.theta, small.table.x)
            law = jax.vmap(field.log_loss, (None, 0))(mode.theta, small.table.x)
            mode = jax.tree.map(np.asarray, mode)
        return small, mode, (mean, variance), np.asarray(slopes), np.asarray(law)

    def test_the_mode_is_stationary_and_the_noise_is_profiled(self, solved):
        small, mode, _, slopes, law = solved
        v = np.eye(12) + small.kernel
        r = small.table.y - law
        square = r @ np.linalg.solve(v, r)
        rows = 12 + model.PRIOR_ROWS
        variance = (square + model.PRIOR_ROWS * model.PRIOR_NOISE**2) / rows
        assert mode.variance == pytest.approx(variance, rel=1e-9)
        gradient = slopes.T @ np.linalg.solve(v, r) / variance
        gradient -= (np.asarray(mode.theta) - field.MEAN) / field.SD**2
        assert np.abs(gradient * field.SD).max() < 1e-4

    def test_the_evidence_is_laplaces(self, solved):
        small, mode, _, slopes, _ = solved
        v = np.eye(12) + small.kernel
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

    def test_prediction_is_kriging(self, solved):
        small, mode, (mean, variance), slopes, law = solved
        k = small.kernel
        inverse = np.linalg.inv(np.eye(12) + k)
        gain = k[:2] @ inverse
        assert mean == pytest.approx(law[:2] + gain @ (small.table.y - law), abs=1e-9)
        of_bend = np.diag(k[:2, :2] - gain @ k[:, :2])
        j = slopes[:2] - gain @ slopes
        of_law = np.einsum("tp,pq,tq->t", j, np.asarray(mode.covariance), j)
        assert variance == pytest.approx(mode.variance * (1 + of_bend) + of_law, rel=1e-6)

    def test_what_is_left_is_noise(self, solved):
        """Residuals of law and discrepancy, by dense algebra: V^-1 r in units of s."""
        small, mode, _, _, law = solved
        left = np.linalg.solve(np.eye(12) + small.kernel, small.table.y - law)
        assert mode.noise == pytest.approx(left / np.sqrt(mode.variance), abs=1e-7)

    def test_a_weight_of_two_is_a_row_twice(self):
        small = Small()
        twice = np.r_[np.arange(12), 0]
        features = np.linalg.cholesky(small.kernel + 1e-9 * np.eye(12))
        with jax.enable_x64(True):
            modes = [
                SOLVE(
                    model.RowArrays(small.table.y[rows], small.table.x[rows], weight),
                    model.grid_point(features[rows], features[:2], np.ones(12), weight, 3.0),
                )
                for rows, weight in (
                    (twice, np.ones(13)),
                    (np.arange(12), np.r_[2.0, np.ones(11)]),
                )
            ]
        np.testing.assert_allclose(modes[0].theta, modes[1].theta, rtol=1e-6)

    def test_derivatives_in_the_losses_are_those_of_refits(self):
        """By the implicit function theorem, against central differences; in both directions."""
        small = Small()

        @jax.jit
        def mean(y):
            table = small.table._replace(y=y)
            mode = model.solve(field.log_loss, PRIOR, table, small.point)
            return model.predict(field.log_loss, mode, small.point, small.table.x[:2])[0]

        with jax.enable_x64(True):
            y, step = jnp.asarray(small.table.y), 1e-4 * np.eye(12)[3]
            backward, forward = jax.jacrev(mean)(y), jax.jacfwd(mean)(y)
            differences = (np.asarray(mean(y + step)) - np.asarray(mean(y - step))) / 2e-4
        np.testing.assert_allclose(backward, forward, rtol=1e-8, atol=1e-10)
        assert np.asarray(backward)[:, 3] == pytest.approx(differences, rel=1e-3, abs=1e-5)

    def test_single_precision_goes_through(self):
        small = Small()
        with jax.enable_x64(True):
            double = SOLVE(small.table, small.point)
        single = SOLVE(*jax.tree.map(np.float32, (small.table, small.point)))
        assert single.theta.dtype == np.float32
        np.testing.assert_allclose(single.theta, double.theta, atol=5e-3)

    def test_infinite_bits_are_a_decade_beyond_the_most(self):
        ground = discrepancy.Ground.of({"N": np.array([1e8, 1e9]), "P": np.array([4.0, 16.0])})
        here, full = ground.places({"N": np.full(2, 1e9), "P": np.array([16.0, np.inf])}).axes
        assert (full - here) * np.sqrt(2) / discrepancy.ACROSS == pytest.approx([0.0, 1.0])

    def test_kernel_is_matern(self):
        axes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        f = discrepancy.features(axes, discrepancy.inducing_points(axes), 2.0)
        x = np.sqrt(3) * np.array([0, 1, 2]) / 2
        np.testing.assert_allclose((f @ f.T)[0], (1 + x) * np.exp(-x), rtol=1e-6)

    def test_padding_changes_nothing(self):
        small = Small()
        table, point = small.table, small.point
        pad = [(0, 5), (0, 0)]
        longer = model.RowArrays(
            np.pad(table.y, (0, 5)), np.pad(table.x, pad), np.pad(table.weight, (0, 5))
        )
        wider = point._replace(white=np.pad(point.white, pad))
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
            ({"N": "big", "D": 1e9}, "positive number"),
            ([{"N": 1e9, "D": 1e9}, {"N": 1e9}], "N, D of each run"),
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
    targets = {"N": np.array([1e9]), "D": np.array([2e10])}
    parts = [rows.take(np.arange(k, 36)) for k in range(3)]
    together = solve_all(FieldLaw(), parts, [targets] * 3)
    for part, one in zip(parts, together, strict=True):
        (alone,) = solve_all(FieldLaw(), [part], [targets])
        assert one.log_response == pytest.approx(alone.log_response, abs=1e-9)


def test_joined_rows_say_what_all_of_them_say(golden, monkeypatch):
    """Repeats of a place are its mean, their number and their scatter: nothing else counts."""
    from scalejax.forecasting import batch

    noise = np.exp(0.003 * np.random.default_rng(2).standard_normal(108))
    runs = pd.concat([golden] * 3, ignore_index=True).assign(
        loss=lambda frame: frame["loss"] * noise
    )
    whole = sj.forecast(runs, at=AT)
    monkeypatch.setattr(batch, "MOST_ROWS", 40)
    joined = sj.forecast(runs, at=AT)
    for name in ("loss", "sd"):
        np.testing.assert_allclose(joined.points[name], whole.points[name], rtol=1e-5)
    assert joined.n_rows == {"": 108}
    assert any("36 places" in note for note in joined.notes)


class TestWhatWidens:
    """Each part of the variance that makes intervals hold, by its own number."""

    def test_the_bend_grows_below_the_largest_run(self):
        from scalejax.forecasting import ForecastRows, batch

        inputs = {"N": np.array([1e7, 1e8, 1e8]), "D": np.array([1e9, 1e10, 1e9])}
        rows = ForecastRows(inputs, np.array([1.2, 0.9, 1.0]), None, np.ones(3))
        first = {name: values[:1] for name, values in inputs.items()}
        here, there = rows.ground.places(inputs), rows.ground.places(first)
        grid = batch._grid(rows, here, there, batch._Size(2, 16, 0, 16))
        # Kernel one at no distance, times (1 + half a decade's share) squared: 2, 0 and 1 below.
        v = np.linalg.inv(np.eye(3) - grid.white[0, :3] @ grid.white[0, :3].T)
        own = (np.diag(v) - 1) / batch.RATIOS[0] ** 2
        assert own == pytest.approx([2.0**2, 1.0, 1.5**2], rel=1e-4)

    def test_a_new_run_has_an_offset_of_its_own(self):
        small = Small()
        with jax.enable_x64(True):
            mode = SOLVE(small.table, small.point)
            (_, without), (_, with_it) = (
                PREDICT(mode, point, small.table.x[:2]) for point in (small.point, Small(9.0).point)
            )
        added = np.asarray(with_it) - np.asarray(without)
        assert added == pytest.approx([9 * float(mode.variance)] * 2, rel=1e-9)

    def test_decades_beyond_add_their_tail(self):
        """At three decades: of each, of their square, and of the discrepancy that was found."""
        small = Small()
        with jax.enable_x64(True):
            grid = jax.tree.map(lambda value: np.asarray(value)[None], small.point)
            far, near = (
                model.forecast(
                    field.log_loss, PRIOR, small.table, grid, small.table.x[:2], np.full(2, beyond)
                )
                for beyond in (3.0, 0.0)
            )
        tail = (0.004 * 3) ** 2 + (0.004 * 9) ** 2 + (0.2 * 3 * float(far.tau[0])) ** 2
        added = np.asarray(far.variance) - np.asarray(near.variance)
        assert added == pytest.approx([tail] * 2, rel=1e-9)


class TestOutliers:
    def test_runs_far_out_are_weighed_down_and_said(self, golden):
        """Two runs that diverged change the answer by less than what a clean table says of it."""
        broken = golden.copy()
        broken.loc[[5, 20], "loss"] *= 1.25
        clean, robust = (sj.forecast(runs, at=AT) for runs in (golden, broken))
        assert any("2 of 36 rows lie far out" in note for note in robust.notes)
        moved = np.log(robust.points["loss"] / clean.points["loss"]).abs()
        assert (moved < 2 * clean.points["sd"]).all()
        assert (robust.points["sd"] < 3 * clean.points["sd"]).all()

    def test_clean_rows_keep_their_weight(self, forecast):
        assert not any("far out" in note for note in forecast.notes)


class TestAnyLaw:
    """Other laws inside, with the prior that they declare or a weak one."""

    @pytest.fixture(scope="class")
    @classmethod
    def precise(cls):
        """Sixty runs in three precisions, .5 % noise, by Kumar's law."""
        rng = np.random.default_rng(1)
        n, d = 10 ** rng.uniform(7, 9, 60), 10 ** rng.uniform(9, 11, 60)
        bits = {name: rng.choice([4.0, 8.0, 16.0], 60) for name in ("P_w", "P_a", "P_kv")}
        runs = pd.DataFrame({"N": n, "D": d, **bits})
        truth = cls.truth(*runs.to_numpy().T)
        return runs.assign(loss=truth * np.exp(0.005 * rng.standard_normal(60)))

    @staticmethod
    def truth(*inputs):
        law = sj.LAWS["kumar2024"]
        with jax.enable_x64(True):
            return np.asarray(law(*inputs, **law.published["kumar2024"]))

    def test_it_forecasts_a_law_of_precision(self, precise):
        at = {"N": 3e9, "D": 3e11, "P_w": 8, "P_a": 8, "P_kv": 16}
        found = sj.forecast(precise, at=at, law="kumar2024").points.iloc[0]
        assert found["lo"] < self.truth(*at.values()) < found["hi"]
        assert found["hi"] / found["lo"] < 1.2

    def test_bits_that_were_never_tried_widen(self, precise):
        at = {"N": 3e8, "D": 3e10, "P_a": 16, "P_kv": 16, "P_w": [16, 3]}
        found = sj.forecast(precise, at=at, law="kumar2024").points
        assert found["sd"][1] > 1.2 * found["sd"][0]

    def test_coordinates_are_those_of_the_law(self, golden):
        """The law at the parameters of a draw is the law inside at its coordinates."""
        from scalejax.forecasting import inside_of
        from scalejax.forecasting.inside import context_of

        inside = inside_of("chinchilla")
        inputs = golden[["N", "D"]].to_numpy(float)
        context = context_of(inputs, np.log(golden["loss"].to_numpy()), inputs[:, 0], {})
        theta = inside.prior.starts[:4]
        p = inside.parameters(theta, context)
        loss = np.asarray(sj.LAWS["chinchilla"](1e9, 2e10, **p))
        with jax.enable_x64(True):
            here = [
                float(inside.log_response(t, np.array([1e9, 2e10]), context)) + context.level
                for t in theta
            ]
        np.testing.assert_allclose(np.log(loss), here, rtol=1e-6)

    def test_terms_are_shares_of_a_typical_response(self, golden):
        """Which is what the prior of a linear parameter is about, in any unit."""
        from scalejax.forecasting import inside_of
        from scalejax.forecasting.inside import REFERENCES, context_of

        inside = inside_of("chinchilla")
        inputs, loss = golden[["N", "D"]].to_numpy(float), golden["loss"].to_numpy()
        context = context_of(inputs, np.log(loss), inputs[:, 0], {})
        assert context.references.shape == (REFERENCES, 2)
        theta = inside.prior.mean[None]
        p = {name: value[0] for name, value in inside.parameters(theta, context).items()}
        typical = np.exp(np.mean(np.log(loss)))
        n, d = context.references.T
        shares = {"E": 1.0, "A": np.mean(n ** -p["alpha"]), "B": np.mean(d ** -p["beta"])}
        for name, size in shares.items():
            expected = np.exp(sj.LAWS["chinchilla"].prior[name][0])
            assert p[name] * size / typical == pytest.approx(expected, rel=1e-6)

    def test_what_the_user_knows_holds(self, golden):
        """A range of nine in ten that the runs would not choose moves the exponent into it."""
        free, told = (
            sj.forecast(golden, at=AT, law="chinchilla", priors=priors).parameters
            for priors in (None, {"alpha": (0.495, 0.505)})
        )
        alpha = [f.set_index("parameter").loc["alpha", "estimate"] for f in (free, told)]
        assert alpha[0] < 0.45 < alpha[1] < 0.51

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"priors": {"gama": (1, 2)}, "law": "chinchilla"}, "no parameter of chinchilla"),
            ({"priors": {"alpha": (0.5, 0.1)}}, "must increase"),
        ],
    )
    def test_refusals(self, golden, options, words):
        with pytest.raises(sj.UsageError, match=words):
            sj.forecast(golden, at=AT, **options)


class TestOfAFit:
    def test_a_fit_predicts_by_its_forecast(self, forecast, golden_huber):
        frame = golden_huber.predict(AT)
        for name in ("loss", "lo", "hi"):
            assert frame[name].to_numpy() == pytest.approx(forecast.points[name].to_numpy())
        assert set(frame["method"]) == {"forecast"}
        plain = golden_huber.predict(AT, discrepancy="none")
        assert frame["curve"].to_numpy() == pytest.approx(plain["loss"].to_numpy(), rel=1e-12)

    def test_ten_and_a_hundred_times_the_largest(self, golden, golden_huber):
        found = golden_huber.forecast()
        assert found.points["decades_beyond"].to_numpy() == pytest.approx([1, 2], abs=1e-9)
        largest = golden.loc[(golden["N"] * golden["D"]).idxmax()]
        assert (found.points["D"] / found.points["N"]).to_numpy() == pytest.approx(
            [largest["D"] / largest["N"]] * 2
        )

    @pytest.mark.parametrize(("held", "weight"), [(10, "for"), (8, "for"), (5, "care")])
    def test_a_backtest_that_fails_speaks_against(self, golden_huber, held, weight):
        """Of ten with 95 % intervals, eight or fewer hold once in twelve, five never."""
        from scalejax.fitting import about_backtest
        from scalejax.forecasting import Backtest

        found = golden_huber.forecast()
        caveat = about_backtest(replace(found, backtest={"": Backtest(10, 0.02, held)}))
        assert caveat.weight == weight
        assert f"held {held} of 10" in caveat.text

    def test_what_cannot_be_forecast_says_why(self, golden):
        fit = sj.fit(golden, resamples=0, penalty=lambda p: 0.0 * p["E"])
        with pytest.raises(sj.UsageError, match="penalty of your own"):
            fit.forecast()
        assert fit.predict({"N": 1e9, "D": 2e10})["method"][0] != "forecast"

    def test_ten_times_a_loss_is_not_forecast(self):
        """Of a law without a size the runs to come have to be said."""
        loss = np.linspace(2.0, 4.0, 12)
        error = 0.9 - 2.0 * np.exp(-0.9 * loss) * (1 + 0.002 * np.cos(9 * loss))
        runs = pd.DataFrame({"L": loss, "error": error})
        fit = sj.fit(runs, "error_of_loss", target="error", resamples=0)
        with pytest.raises(sj.UsageError, match="none is a size"):
            fit.forecast()
        assert fit.forecast({"L": 1.9}).points["loss"][0] == pytest.approx(error[0], rel=0.2)

    def test_what_was_held_stays(self, golden):
        fit = sj.fit(golden, resamples=0, fixed={"alpha": 0.4})
        draws = fit.forecast(AT).draws[""]
        assert draws["alpha"] == pytest.approx(np.full(1000, 0.4))


class TestOfManyFits:
    @pytest.fixture(scope="class")
    @classmethod
    def fits(cls, golden):
        """Three families, one of which has fewer runs of smaller models."""
        parts = [
            golden.assign(family="a"),
            golden.assign(family="b", loss=golden["loss"] + 1),
            golden.nsmallest(20, "N").assign(family="c"),
        ]
        return sj.fit_many(pd.concat(parts, ignore_index=True), by="family")

    def test_each_is_as_by_itself(self, fits):
        """And its runs to come are 10 and 100 times its own largest."""
        together = sj.forecast_many(fits, level=0.9)
        assert list(together.params) == ["a", "b", "c"]
        for name, fit in fits.items():
            alone = fit.forecast(level=0.9)
            ours = together.points[together.points["family"] == name].reset_index(drop=True)
            pd.testing.assert_frame_equal(ours.drop(columns="family"), alone.points, rtol=1e-6)
            assert together.backtest[name].held == alone.backtest[""].held
        assert together.points.groupby("family")["N"].max().nunique() == 2

    def test_runs_that_are_said_are_those_of_all(self, fits):
        frame = sj.forecast_many(fits, at=AT).points
        assert frame.groupby("family")["N"].apply(list).tolist() == [AT["N"]] * 3

    def test_one_of_them_is_what_others_take(self, fits):
        together = sj.forecast_many(fits, at=AT)
        for name in fits:
            one = together.family(name)
            assert set(one.points["family"]) == set(one.params) == set(one.posteriors) == {name}
            assert {note.split(":")[0] for note in one.notes} <= {name}
            assert source_of(one).params == together.params[name]
            assert one.family(name) is one
        assert sum(len(together.family(name).notes) for name in fits) == len(together.notes)
        with pytest.raises(sj.UsageError, match=r"there are a, b, c"):
            together.family("d")
        with pytest.raises(sj.UsageError, match=r"3 families \(a, b, c\): take one"):
            source_of(together)

    def test_refusals(self, fits):
        other = replace(fits["a"], settings={**fits["a"].settings, "fixed": {"alpha": 0.3}})
        with pytest.raises(sj.UsageError, match=r"differ in their law or in what was fixed"):
            sj.forecast_many({**fits, "d": other}, at=AT)
        with pytest.raises(sj.UsageError, match="no fit to forecast"):
            sj.forecast_many({})
        few = replace(fits["a"], table=fits["a"].table.take(np.arange(3)))
        with pytest.raises(sj.UsageError, match="no forecast of few: 3 rows are too few"):
            sj.forecast_many({"few": few})
