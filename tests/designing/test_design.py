"""Design of the next runs: closed forms, linear programs, the equivalence theorem, simulation."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from contract import hold_to_contract
from design_cases import BUDGET, TARGET, alpha
from scipy.optimize import linprog, minimize
from scipy.stats import t as student

import scalejax as sj
from scalejax.designing import Design
from scalejax.designing.best_runs import information_before, vectors_of
from scalejax.designing.comparison import grid_for_money, usual_grids
from scalejax.designing.continuous_design import DesignLimits, solve_continuous_design
from scalejax.designing.information import (
    Criterion,
    Noise,
    Stake,
    gains,
    log_spread,
    run_sd,
)
from scalejax.designing.information import information as matrix_of
from scalejax.designing.region import compute_range, grid, region_of, run_at_place
from scalejax.designing.simulation import check_simulations
from scalejax.designing.targets import target_of

PURE_C, PURE_D = Criterion(1.0, 0.0), Criterion(0.0, 1.0)
NO_LIMIT = 1e12


@pytest.fixture(scope="module")
def vectors(made):
    """Vectors of a grid of runs of Chinchilla's law, whitened, and their costs."""
    question = made.question
    with jax.enable_x64(True):
        runs = run_at_place(question.place, *grid(question.place, np.log(BUDGET)))
        f = np.asarray(
            vectors_of(question.setting, question.knowledge, question.knowledge.u[0], runs)
        )
    root = np.linalg.inv(np.linalg.cholesky(f.T @ f / len(f)))
    return f @ root.T, np.exp(np.asarray(runs["log_compute"]))


def solve(criterion, f, cost, money, runs, goal=None):
    """The best measure for vectors (n, p), with nothing known before."""
    size = f.shape[1]
    goal = np.ones(size) if goal is None else np.asarray(goal, float)
    stake = Stake(np.zeros(size), np.eye(size), np.zeros((size, size)), goal[:, None], goal)
    with jax.enable_x64(True):
        stakes = jax.tree.map(lambda x: np.asarray(x)[None], stake)
        found = solve_continuous_design(
            criterion, stakes, f[None], np.asarray(cost), DesignLimits(money, runs)
        )
        return jax.device_get(found)


def test_is_a_result(made):
    hold_to_contract(made, Design)


class TestClosedForms:
    X = np.linspace(-1, 1, 21)

    def test_straight_line(self):
        """D puts half of the runs at each end."""
        found = solve(PURE_D, np.stack([np.ones(21), self.X], 1), np.ones(21), NO_LIMIT, 10.0)
        # With a gap of at most 2e-3 some weight is left next to the ends.
        assert found.weight[[0, -1]] == pytest.approx([5, 5], abs=0.2)

    def test_parabola(self):
        """D puts a third at each end and in the middle."""
        f = np.stack([np.ones(21), self.X, self.X**2], 1)
        found = solve(PURE_D, f, np.ones(21), NO_LIMIT, 12.0)
        near = [np.abs(self.X - x) < 0.25 for x in (-1, 0, 1)]
        # What is left next to these points is worth nearly as much, and fades slowly.
        assert [found.weight[one].sum() for one in near] == pytest.approx([4, 4, 4], abs=0.1)
        best = 4 * f[[0, 10, 20]].T @ f[[0, 10, 20]]
        assert found.log_spread == pytest.approx(-np.linalg.slogdet(best)[1] / 3, abs=2e-3)

    def test_extrapolation(self):
        """Elfving: a line at x = 2 wants 3/4 of the runs at 1 and 1/4 at -1; variance 4 / n."""
        f = np.stack([np.ones(21), self.X], 1)
        found = solve(PURE_C, f, np.ones(21), NO_LIMIT, 8.0, goal=[1.0, 2.0])
        assert found.weight[[0, -1]] == pytest.approx([2, 6], abs=0.25)
        assert found.log_spread == pytest.approx(np.log(4 / 8), abs=2e-3)

    def test_money_is_shared_equally(self):
        """D for p parameters on p points gives each 1/p of the money, whatever they cost."""
        f = np.array([[1.0, -1.0], [1.0, 1.0]])
        found = solve(PURE_D, f, [1.0, 10.0], 100.0, NO_LIMIT)
        assert found.weight * [1.0, 10.0] == pytest.approx([50, 50], abs=0.5)

    def test_both_limits_hold(self):
        """Three points of a line, where money and runs both bind, against SciPy."""
        f = np.array([[1.0, -1.0], [1.0, 0.2], [1.0, 1.0]])
        cost, limits = np.array([1.0, 3.0, 20.0]), DesignLimits(60.0, 10.0)
        found = solve(PURE_D, f, cost, *limits)

        def spread(w):
            return -np.linalg.slogdet(f.T @ (w[:, None] * f))[1] / 2

        best = minimize(
            spread, [3.0, 3.0, 2.0], bounds=[(1e-9, None)] * 3, method="SLSQP",
            constraints=[
                {"type": "ineq", "fun": lambda w: 60 - cost @ w},
                {"type": "ineq", "fun": lambda w: 10 - w.sum()},
            ],
        )  # fmt: skip
        assert best.success
        assert found.log_spread == pytest.approx(best.fun, abs=2e-3)
        assert cost @ found.weight <= 60 * (1 + 1e-9)
        assert found.weight.sum() <= 10 * (1 + 1e-9)

    def test_elfving_as_a_linear_program(self, vectors):
        """With money alone the least sd is the least sum of sqrt(cost) |h| with sum h f = c."""
        f, cost = vectors
        cost = cost / cost.max()
        goal = np.array([1.0, -0.5, 0.3, 0.2, 1.0])
        n = len(cost)
        program = linprog(np.tile(np.sqrt(cost), 2), A_eq=np.hstack([f.T, -f.T]), b_eq=goal)
        assert program.success
        found = solve(PURE_C, f, cost, 1.0, NO_LIMIT, goal=goal)
        # The certificate tells how far above the optimum it is; both are held to it.
        assert found.log_spread >= 2 * np.log(program.fun) - 1e-9
        assert found.log_spread <= 2 * np.log(program.fun) + max(found.gap, 2e-3) + 1e-9
        assert n == len(found.weight)


class TestEquivalence:
    @pytest.mark.parametrize("criterion", [PURE_D, Criterion(1.0, 0.1)])
    def test_sensitivity_is_flat_on_the_support(self, vectors, criterion):
        f, cost = vectors
        found = solve(criterion, f, cost, 3 * cost.max(), 12.0)
        level = criterion.volume + criterion.variance
        assert found.level == pytest.approx(level, rel=1e-9)
        assert found.sensitivity.max() <= level * (1 + 3e-3)
        # What carries the design lies at the top, up to the gap.
        mean = np.sum(found.weight * found.sensitivity) / found.weight.sum()
        assert mean >= level * (1 - 0.02)

    def test_no_parameters_beyond_p(self, vectors):
        """For D the sensitivity times p is the standardised variance, which is at most p."""
        f, _ = vectors
        found = solve(PURE_D, f, np.ones(len(f)), NO_LIMIT, 1.0)
        inverse = np.linalg.inv(f.T @ (found.weight[:, None] * f))
        assert np.einsum("ni,ij,nj->n", f, inverse, f).max() <= 5 * (1 + 3e-3)

    def test_gap_is_a_bound(self, vectors):
        """The gap is no less than that of the best direction, which is a linear program."""
        f, cost = vectors
        money = 2 * cost.max()
        found = solve(PURE_D, f, cost, money, 12.0)
        inverse = np.linalg.inv(f.T @ (found.weight[:, None] * f))
        gain = np.einsum("ni,ij,nj->n", f, inverse, f) / 5
        program = linprog(-gain, A_ub=[cost / money, np.full(len(f), 1 / 12)], b_ub=[1, 1])
        assert -program.fun - gain @ found.weight <= found.gap + 1e-9


class TestInformation:
    def test_is_the_inverse_of_the_covariance(self, golden_lsq, made):
        question = made.question
        with jax.enable_x64(True):
            knowledge, u = question.knowledge, question.knowledge.u[0]
            found = np.linalg.inv(np.asarray(information_before(question.setting, knowledge, u)))
        expected = golden_lsq.asymptotics.covariance("wald")
        size = np.sqrt(np.diagonal(expected))
        assert found / np.outer(size, size) == pytest.approx(
            expected / np.outer(size, size), abs=1e-6
        )

    def test_noise_of_a_least_squares_fit_is_its_residual_sd(self, golden_lsq, made):
        left = golden_lsq.table.n_rows - 5
        assert made.noise == pytest.approx(np.sqrt(np.sum(golden_lsq.residuals**2) / left))

    def test_error_before_is_that_of_the_fit(self, golden_lsq, made):
        """For a parameter itself it is the standard error of the fit."""
        setting = made.question.setting._replace(target=target_of(alpha, golden_lsq.law))
        found = replace(made.question, setting=setting).error_before(BUDGET)
        assert found == pytest.approx(golden_lsq.conf_int(kind="wald")["stderr"]["alpha"], rel=1e-6)

    def test_discrepancy_grows_with_distance(self):
        with jax.enable_x64(True):
            sd = run_sd(Noise(0.003, 0.002, np.log(1e24)), np.log([1e24, 1e22]))
        assert np.asarray(sd) == pytest.approx([0.003, 0.005])  # 3, 4, 5

    def test_gains_are_slopes(self, vectors):
        f, _ = vectors
        rule = Criterion(1.0, 0.1)
        goal = np.ones((5, 1))
        with jax.enable_x64(True):
            weight = np.full(len(f), 0.05)
            slope = jax.grad(lambda w: log_spread(rule, matrix_of(f, w), goal))(weight)
            found = gains(rule, matrix_of(f, weight), goal, f)
        assert np.asarray(found) == pytest.approx(-np.asarray(slope), rel=1e-6)


class TestGrids:
    def test_cost_the_money_and_keep_the_limits(self, made):
        region, grids = made.question.place, usual_grids(12)
        with jax.enable_x64(True):
            find = jax.jit(
                lambda money: {
                    name: grid_for_money(shape, region, money) for name, (_, shape) in grids.items()
                }
            )
            found = jax.device_get(find(BUDGET))
        for name, (count, _) in grids.items():
            runs = found[name]
            assert len(runs["N"]) == count, name
            assert 6 * np.sum(runs["N"] * runs["D"]) == pytest.approx(BUDGET, rel=1e-6)
            ratio = runs["D"] / runs["N"]
            low, high = np.exp(region.ratio)
            assert np.all((ratio >= low * 0.999) & (ratio <= high * 1.001))

    def test_are_no_better(self, made):
        same = made.scores[made.scores["runs"] <= 12]
        assert np.all(same["variance_ratio"].iloc[1:] > 1)
        assert np.all(same["money_ratio"].iloc[1:] > 1)

    def test_widths_are_students_with_their_own_number_of_runs(self, made):
        scores = made.scores
        freedom = 36 + scores["runs"] - 5
        half = student.ppf(0.975, freedom) * scores["stderr"]
        np.testing.assert_allclose(scores["width"], np.expm1(half), rtol=1e-9)

    @pytest.mark.parametrize("limits", [(1e8, 1e9), (1e8, 1e11)])
    @pytest.mark.parametrize("tokens", [(1e9, 1e12), (1e10, 3e10)])
    def test_every_run_of_a_region_keeps_all_limits(self, limits, tokens):
        region = region_of({}, {"N": limits, "D": tokens, "D/N": (2, 200)}, 1e24)
        with jax.enable_x64(True):
            runs = jax.device_get(run_at_place(region, *grid(region, np.log(1e24))))
        for values, (low, high) in (
            (runs["N"], limits),
            (runs["D"], tokens),
            (runs["D"] / runs["N"], (2, 200)),
        ):
            assert low * (1 - 1e-9) <= values.min() <= values.max() <= high * (1 + 1e-9)

    def test_region_has_the_ends_that_were_asked_for(self):
        region = region_of({}, {"N": (1e8, 1e10), "D": (1e9, 1e12), "D/N": (5, 50)}, 1e24)
        with jax.enable_x64(True):
            low, high = compute_range(region, np.log(1e24))
        # The smallest model with the fewest tokens that its ratio allows, and the largest.
        assert np.exp(low) == pytest.approx(6 * 1e8 * 1e9)
        assert np.exp(high) == pytest.approx(6 * 1e10 * 5e11)


class TestSimulation:
    @pytest.mark.slow
    def test_spread_is_as_promised(self, made):
        found = made.simulate(250, seed=1)
        # The error of a spread of 250 normal values by quantiles is about 6 %.
        assert found.ratio == pytest.approx(1, abs=0.15)
        assert found.solved == 1
        assert found.ratio_range[0] < found.ratio < found.ratio_range[1]
        assert "seed 1" in str(found)

    @pytest.mark.slow
    @pytest.mark.parametrize("published", ["hoffmann2022-tex", "besiroglu2024"])
    def test_widths_are_right_within_fifteen_per_cent(self, published):
        design = sj.design(published, budget=1e21, at=1e23, noise=0.005)
        found = design.simulate(4000)
        assert found.ratio_range[0] > 0.85
        assert found.ratio_range[1] < 1.15

    @pytest.mark.parametrize(("level", "fewest"), [(0.95, 100), (0.9, 50), (0.99, 500)])
    def test_few_simulations_say_nothing(self, level, fewest):
        """An interval needs values beyond both its ends."""
        check_simulations(fewest, level)
        with pytest.raises(sj.UsageError, match=f"{fewest} or more"):
            check_simulations(fewest - 1, level)

    @pytest.mark.slow
    def test_discrepancy_is_noise_and_weight(self, golden_lsq):
        design = sj.design(golden_lsq, budget=BUDGET, at=TARGET, discrepancy=0.002)
        assert design.simulate(2000).ratio == pytest.approx(1, abs=0.1)
