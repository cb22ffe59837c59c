"""Designs by a forecast: dense Gaussian algebra, the design for a law alone, and the command."""

import json
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from design_cases import BUDGET, TARGET, run

import scalejax as sj
from scalejax.designing.best_runs import Knowledge, judge
from scalejax.designing.by_forecast import independent_rows
from scalejax.designing.forecast_simulation import draw_losses
from scalejax.designing.information import Noise, PastRuns, inverse
from scalejax.forecasting import FieldLaw
from scalejax.forecasting.batch import ForecastRows
from scalejax.forecasting.discrepancy import ACROSS, GROWTH
from scalejax.forecasting.model import CURVED_TAIL, LEARNT_TAIL, TAIL
from scalejax.forecasting.posterior import products

AHEAD = {"N": 2e10, "D": 4e11}
NEW = {"N": np.array([3e8, 2e9, 2e10]), "D": np.array([3e10, 4e10, 6e10])}


@pytest.fixture(scope="module")
def forecast(golden_lsq):
    return golden_lsq.forecast([AHEAD])


@pytest.fixture(scope="module")
def by_forecast(forecast, candidates):
    return sj.design(forecast, budget=BUDGET, candidates=candidates, max_runs=4, draws=2)


def matern(first, second, length):
    x = np.sqrt(3 * ((first[:, None] - second) ** 2).sum(-1)) / length
    return (1 + x) * np.exp(-x)


def log_loss(theta, n, d):
    e, la, lb, a, b, k = theta
    k = np.exp(k)
    return np.logaddexp(e, k * np.logaddexp((la - np.exp(a) * n) / k, (lb - np.exp(b) * d) / k))


def slopes(theta, n, d):
    steps = 1e-5 * np.eye(6)
    return np.stack(
        [(log_loss(theta + h, n, d) - log_loss(theta - h, n, d)) / 2e-5 for h in steps], 1
    )


def given(mean, covariance, seen, values):
    """Mean and covariance of the last of normal values, given those that were seen."""
    gain = np.linalg.solve(covariance[seen, seen], covariance[seen, -1])
    return (
        mean[-1] + gain @ (values - mean[seen]),
        covariance[-1, -1] - gain @ covariance[seen, -1],
    )


class TestPromise:
    def test_is_that_of_dense_gaussian_algebra(self, by_forecast):
        """In the space of functions, by the kernel itself and differences of the law."""
        problem = by_forecast.question
        posterior = problem.posterior
        rows, context = posterior.rows, posterior.context
        every = {k: np.concatenate([rows.inputs[k], NEW[k], [AHEAD[k]]]) for k in "ND"}
        n, d = (np.log(every[k]) - context.centre[i] for i, k in enumerate("ND"))
        x, y = n / np.log(10), d / np.log(10)
        axes = np.stack([x + y, ACROSS * (y - x)], 1) / np.sqrt(2)
        old, new, last = len(rows), len(NEW["N"]), len(n) - 1
        grown = 1 + GROWTH * np.maximum((x + y)[:last].max() - (x + y), 0)
        grown[last] = 1.0
        beyond = max((x + y)[last] - (x + y)[:last].max(), 0)
        prior = posterior.inside.prior
        parts = []
        for k in posterior.points:
            choice, theta = posterior.choices[k], posterior.theta[k]
            s2, j = posterior.variance[k], slopes(posterior.theta[k], n, d)
            kernel = np.outer(grown, grown) * matern(axes, axes, choice.length)
            covariance = j @ np.diag(prior.sd**2) @ j.T + choice.ratio**2 * s2 * kernel
            mean = log_loss(theta, n, d) + j @ (prior.mean - theta) + context.level
            own = s2 / np.append(rows.weight, np.ones(new + 1))
            parts.append(
                (posterior.weight[k], mean, covariance + np.diag(own), choice.ratio**2 * s2)
            )
        first, both = slice(0, old), slice(0, last)
        expected = sum(
            weight * np.array([
                given(mean[[*range(old), i]], c[np.ix_([*range(old), i], [*range(old), i])], first,
                      rows.log_response)[0]
                for i in range(old, last)
            ])
            for weight, mean, c, _ in parts
        )  # fmt: skip
        seen = np.append(rows.log_response, expected)
        means, variances = np.array([given(mean, c, both, seen) for _, mean, c, _ in parts]).T
        weight, tau2 = (np.array([part[i] for part in parts]) for i in (0, 3))
        variances += (TAIL * beyond) ** 2 + (CURVED_TAIL * beyond**2) ** 2
        variances += (LEARNT_TAIL * beyond) ** 2 * tau2
        whole = weight @ (variances + (means - weight @ means) ** 2)
        found = problem.judge(NEW)
        # The features of the forecast leave out directions of the kernel below rounding.
        np.testing.assert_allclose(found[1:], np.sqrt(variances), rtol=1e-3)
        assert found[0] == pytest.approx(np.sqrt(whole), rel=1e-3)

    def test_without_runs_is_the_forecast(self, forecast, by_forecast):
        before = by_forecast.question.error_before(BUDGET)
        assert before == pytest.approx(forecast.points["sd"][0], rel=2e-3)

    def test_more_runs_never_widen_a_grid_point(self, by_forecast):
        """Below the largest run, where the bend of the others and the tail stay."""
        rng = np.random.default_rng(0)
        problem = by_forecast.question
        low = {k: v.min() for k, v in problem.posterior.rows.inputs.items()}
        runs = {k: low[k] * rng.uniform(1, 3, 6) for k in "ND"}
        errors = [problem.judge({k: v[:count] for k, v in runs.items()})[1:] for count in range(7)]
        # Features are placed anew around all runs; what that moves is rounding.
        assert np.all(np.diff(errors, axis=0) <= 1e-6 * np.array(errors[:-1]))

    def test_more_money_never_widens(self, by_forecast):
        curve = by_forecast.width_against_cost(BUDGET * np.array([0.1, 1, 10, 100]))
        assert np.all(np.diff(curve["width"]) <= 0)
        assert curve["width"].iloc[-1] < curve["width"].iloc[0] < by_forecast.width_before

    def test_runs_share_their_offset(self):
        """Inner products under the inverse of a dense covariance."""
        rng = np.random.default_rng(1)
        run = np.repeat([4, 1, 7], [1, 3, 5])
        rows = ForecastRows({}, np.zeros(9), run, rng.uniform(0.3, 2, 9))
        columns = rng.standard_normal((9, 4))
        dense = np.diag(1 / rows.weight) + 3.0 * (run[:, None] == run)
        np.testing.assert_allclose(
            products(rows, columns, 3.0), columns.T @ np.linalg.solve(dense, columns)
        )


@dataclass(frozen=True)
class Flat(FieldLaw):
    """The field's law when nothing is known beforehand."""

    @property
    def prior(self):
        known = super().prior
        return known._replace(sd=1e5 * known.sd)


def test_without_bend_and_prior_it_is_the_design_for_a_law(by_forecast, forecast):
    """The standard error of N* by the Fisher information of the law's own parameters."""
    design = sj.design(
        forecast, budget=BUDGET, at=TARGET, candidates=pd.DataFrame(NEW), max_runs=3, draws=1
    )
    problem = design.question
    posterior = problem.posterior
    k = posterior.points[0]
    bare = replace(
        posterior,
        inside=Flat(),
        choices=tuple(one._replace(ratio=0.0) for one in posterior.choices),
        weight=np.eye(len(posterior.weight))[k],
    )
    model, rows = problem.setting.model, posterior.rows
    values = posterior.parameters(posterior.theta[[k]])
    noise = Noise(np.sqrt(posterior.variance[k]), 0.0, 0.0)
    old, new = (
        {**{n: x[n] for n in "ND"}, "log_compute": np.log(x["N"] * x["D"])}
        for x in (rows.inputs, NEW)
    )
    past = PastRuns(old, rows.weight, noise, np.arange(len(rows)), 0.0)
    with jax.enable_x64(True):
        u = [model.law.parameters[n].unconstrain(jnp.asarray(values[n][0])) for n in model.free]
        knowledge = Knowledge(jnp.stack(u)[None], {}, noise, past)
        expected = judge(problem.setting, knowledge, old, new, np.ones(3, bool))[1]
    found = replace(problem, posterior=bare).judge(NEW)
    assert found[0] == pytest.approx(float(expected[0]), rel=1e-4)


class TestRuns:
    def test_are_as_good_as_any_from_the_list(self, by_forecast, candidates):
        """Against runs at random for the same money."""
        rng = np.random.default_rng(2)
        n, d = candidates["N"].to_numpy(), candidates["D"].to_numpy()
        for _ in range(30):
            pick = rng.integers(0, len(n), 4)
            if 6 * np.sum(n[pick] * d[pick]) <= BUDGET:
                error = by_forecast.question.judge({"N": n[pick], "D": d[pick]})[0]
                assert by_forecast.stderr <= error * 1.02
        assert by_forecast.cost <= BUDGET * (1 + 1e-9)

    def test_promise_is_of_the_forecasts_kind(self, forecast, by_forecast):
        assert by_forecast.width == pytest.approx(np.expm1(1.959964 * by_forecast.stderr), rel=1e-5)
        row = forecast.points.iloc[0]
        before = np.log(row["hi"] / row["loss"])
        assert np.log1p(by_forecast.width_before) == pytest.approx(before, rel=2e-3)

    @pytest.mark.slow
    def test_forecast_with_the_runs_is_as_wide_as_promised(self, forecast, golden):
        """Losses of the new runs are those of a law: the forecast may learn that it bends less."""
        design = sj.design(forecast, budget=BUDGET, max_runs=6)
        new = design.to_frame()[["N", "D"]]
        law = sj.find_law("chinchilla")
        theta = sj.fit(golden, objective=sj.least_squares(), resamples=0).params
        losses = np.asarray(law(new["N"].to_numpy(), new["D"].to_numpy(), **theta))
        again = sj.forecast(
            pd.concat([golden[["N", "D", "loss"]], new.assign(loss=losses)]), at=[AHEAD]
        )
        assert again.points["sd"][0] == pytest.approx(design.stderr, rel=0.35)
        scores = design.scores
        few = scores[scores["runs"] <= 6]
        assert np.all(few["variance_ratio"] >= 1 - 1e-9)


def test_factor_with_pivots_has_the_inner_products():
    rng = np.random.default_rng(3)
    f = rng.standard_normal((40, 6))
    rows, rest = independent_rows(f @ f.T)
    np.testing.assert_allclose(rows @ rows.T, f @ f.T, atol=1e-9)
    assert np.max(rest) < 1e-6


def test_inverse_without_lapack():
    rng = np.random.default_rng(4)
    f = rng.standard_normal((50, 20))
    matrix = np.eye(20) + f.T @ f
    with jax.enable_x64(True):
        np.testing.assert_allclose(inverse(matrix), np.linalg.inv(matrix), rtol=1e-9, atol=1e-12)


class TestSimulation:
    def test_truths_are_drawn_from_what_the_forecast_knows(self, forecast, by_forecast):
        """A run to come scatters as its forecast says, and with runs as their beliefs say."""
        posterior = by_forecast.question.posterior
        runs = {name: values[:1] for name, values in NEW.items()}
        ahead = {name: np.array([value]) for name, value in AHEAD.items()}
        losses, truth = draw_losses(posterior, runs, ahead, 40_000, seed=1)
        (point,) = forecast.points.itertuples()
        assert truth.mean() == pytest.approx(np.log(point.loss), abs=4 * point.sd / 200)
        assert truth.std() == pytest.approx(point.sd, rel=0.03)
        beliefs = posterior.beliefs(runs, ahead)
        weight = np.array([one.weight for one in beliefs])
        means = np.stack([one.mean for one in beliefs])
        middle = weight @ means
        spread = [one.slopes @ one.covariance @ one.slopes.T for one in beliefs]
        between = np.einsum("g,gi,gj->ij", weight, means - middle, means - middle)
        wanted = np.tensordot(weight, spread, 1) + between
        found = np.cov(losses[:, 0], truth)
        assert found[0, 1] == pytest.approx(wanted[0, 1], abs=0.03 * point.sd**2)
        noise = weight @ [one.noise for one in beliefs]
        assert found[0, 0] == pytest.approx(wanted[0, 0] + noise, rel=0.05)

    def test_forecasts_made_anew_are_as_wide_as_promised(self, by_forecast):
        words = []
        found = by_forecast.simulate(32, seed=2, progress=lambda *word: words.append(word))
        assert words == [(16, 32, 0), (32, 32, 0)]
        assert 0.6 < found.ratio < 1.4
        assert found.held.sum() >= 26  # one in 50,000 where 95 % should be
        assert "32 simulated forecasts (seed 2)" in str(found)
        again = by_forecast.simulate(32, seed=2)
        np.testing.assert_array_equal(again.errors, found.errors)

    def test_each_is_the_forecast_of_its_table(self, by_forecast, golden):
        """As somebody would make it who had trained the runs and got these losses."""
        question = by_forecast.question
        used = np.asarray(by_forecast.solution.used)
        runs = {name: by_forecast.solution.runs[name][used] for name in ("N", "D")}
        losses, truth = draw_losses(question.posterior, runs, question.goal, 10, seed=3)
        new = pd.DataFrame({**runs, "loss": np.exp(losses[0])})
        more = pd.concat([golden, new], ignore_index=True)
        (point,) = sj.forecast(more, at=AHEAD).points.itertuples()
        found = by_forecast.simulate(10, seed=3)
        assert found.errors[0] == pytest.approx(np.log(point.loss) - truth[0], abs=1e-6)
        assert found.widths[0] == pytest.approx(point.hi / point.loss - 1, rel=1e-4)

    def test_only_losses_of_runs_are_simulated(self, forecast, candidates):
        design = sj.design(forecast, budget=BUDGET, candidates=candidates, max_runs=4, at=TARGET)
        with pytest.raises(sj.UsageError, match=r"loss of a run, and the target is N\*"):
            design.simulate()
        with pytest.raises(sj.UsageError, match="10 or more"):
            design.simulate(9)


class TestPeople:
    def test_summary(self, by_forecast):
        text = " ".join(by_forecast.summary().split())
        for word in ("loss at N=20B, D=400B", "variance of the forecast", "over 2 draws"):
            assert word in text
        assert json.loads(json.dumps(by_forecast.to_dict()))["runs_before"] == 36

    @pytest.mark.parametrize(
        ("more", "word"),
        [
            ({"noise": 0.01}, "leave out noise="),
            ({"criterion": "D"}, "leave out criterion="),
            ({"discrepancy": 0.01}, "leave out discrepancy="),
        ],
    )
    def test_errors_say_what_to_do(self, forecast, more, word):
        with pytest.raises(sj.UsageError, match=word):
            sj.design(forecast, budget=BUDGET, **more)

    def test_command(self, golden_lsq, candidates, tmp_path, capsys):
        golden_lsq.save(tmp_path / "fit")
        candidates.to_csv(tmp_path / "list.csv", index=False)
        words = ["design", str(tmp_path / "fit"), "--by-forecast", "--budget", "1e22"]
        run(*words, "--simulate", "9", code=2)
        assert "simulations must be a whole number of 10" in capsys.readouterr().err
        run("design", "besiroglu2024", "--by-forecast", "--budget", "1e22", code=2)
        assert "no runs to forecast from" in " ".join(capsys.readouterr().err.split())
        words += ["--at", "N=20B,D=400B", "--max-runs", "4", "--draws", "2"]
        run(*words, "--dry-run")
        assert "noise: the forecast's" in capsys.readouterr().out
        run(*words, "--candidates", str(tmp_path / "list.csv"), "--json", "--simulate", "16")
        document = json.loads(capsys.readouterr().out)
        assert document["simulated"]["simulations"] == 16
        assert document["width"] < document["width_before"]
        assert sum(row["count"] for row in document["runs"]) <= 4
