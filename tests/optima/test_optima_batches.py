"""Constrained optima in batches: derivatives, lanes that differ, and regret."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimum_problems import (
    BEST,
    BUDGET,
    CHEAPEST,
    ENOUGH_BITS,
    LAW,
    SERVED,
    SMALL,
    D,
    N,
    closed_form,
    loss,
    with_demand,
)

import scalejax as sj
from scalejax.optima import (
    Measure,
    Problem,
    Variable,
    optimum,
    regret,
    solve,
    solve_grid,
    solve_many,
)
from scalejax.status import Outcome


@pytest.fixture(scope="module")
def transformed():
    """Second and first derivatives of the optimum, compiled and mapped, and the exact ones.

    By logarithms of everything in args, so that they are of one size.
    """

    def found(logs):
        best = optimum(BEST, jax.tree.map(jnp.exp, logs), starts=2)
        return jnp.stack([jnp.log(best.decision["N"]), best.goal])

    def exact(logs):
        args = jax.tree.map(jnp.exp, logs)
        size, _, least = closed_form(args["law"], args["budget"])
        return jnp.stack([jnp.log(size), least])

    def derivatives(function):
        def first_twice(logs):
            slopes = jax.jacrev(function)(logs)
            return slopes, slopes

        return jax.jit(jax.vmap(jax.jacfwd(first_twice, has_aux=True), in_axes=(mapped,)))

    mapped = {"law": None, "budget": 0}
    with jax.enable_x64(True):
        logs = {"law": jax.tree.map(np.log, LAW), "budget": np.log([1e20, 5.76e23])}
        return [jax.tree.map(np.asarray, derivatives(f)(logs)) for f in (found, exact)]


class TestDerivatives:
    def test_elasticities_are_finite_differences(self, served):
        slopes = served.elasticities()
        assert set(slopes) == {*(f"law.{name}" for name in LAW), "target", "demand"}
        step = 1e-4
        for path, by_name in slopes.items():
            *_, name = path.split(".")
            ends = []
            for sign in (-1, 1):
                factor = math.exp(sign * step)
                law = LAW | ({name: LAW[name] * factor} if name in LAW else {})
                rest = {} if name in LAW else {name: SERVED[name] * factor}
                found = solve(CHEAPEST, SERVED | {"law": law} | rest)
                ends.append(np.log([found.decision["N"], found.decision["D"], found.goal]))
            difference = (ends[1] - ends[0]) / (2 * step)
            # Central differences err by step^2 of a third derivative, which E's is large.
            assert list(by_name.values()) == pytest.approx(difference, rel=1e-5, abs=1e-7), path

    @pytest.mark.parametrize("order", [2, 1])
    def test_match_the_closed_form(self, transformed, order):
        found, exact = (part[2 - order] for part in transformed)
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)

    @pytest.mark.slow
    def test_gradient_of_a_number_outside_jit(self):
        with jax.enable_x64(True):
            args = jax.tree.map(np.asarray, BUDGET)
            slope = jax.grad(lambda c: optimum(BEST, args | {"budget": c}, starts=64).goal)
            budget = jnp.asarray(np.float64(5.76e23))
            exact = jax.grad(lambda c: closed_form(LAW, c)[2])
            assert float(slope(budget)) == pytest.approx(float(exact(budget)), rel=1e-9)

    def test_nothing_to_differentiate_without_an_optimum(self):
        lost = solve(CHEAPEST, SERVED | {"target": 1.7})
        with pytest.raises(sj.UsageError, match="no optimum to differentiate"):
            lost.elasticities()

    def test_single_precision_stays_sensible(self):
        law = jax.tree.map(jnp.float32, LAW)
        ranges = (replace(N, low=1e6, high=1e13), replace(D, low=1e8, high=1e15))
        problem = Problem(ranges, loss, BEST.subject_to)

        def best(budget):
            found = optimum(problem, {"law": law, "budget": budget}, starts=4)
            return jnp.log(found.decision["N"]), found

        budget = jnp.float32(5.76e23)
        slope, found = jax.jit(jax.jacfwd(best, has_aux=True))(budget)
        assert found.goal.dtype == jnp.float32
        assert Outcome(int(found.outcome)) == Outcome.SOLVED
        size, tokens, least = closed_form(LAW, 5.76e23)
        # Coordinates near 25 have steps of 2e-6.
        assert float(found.decision["N"]) == pytest.approx(size, rel=1e-4)
        assert float(found.decision["D"]) == pytest.approx(tokens, rel=1e-4)
        assert float(found.goal) == pytest.approx(least, rel=1e-6)
        exact = LAW["beta"] / (LAW["alpha"] + LAW["beta"])
        assert float(slope) * 5.76e23 == pytest.approx(exact, rel=1e-3)


class TestBatches:
    def test_lanes_agree_with_single_solutions(self):
        demand = np.array([0.0, 1e11, 2e12, 5e13])
        found = solve_many(CHEAPEST, SERVED, {"demand": demand})
        for k, tokens in enumerate(demand):
            one = solve(CHEAPEST, SERVED | {"demand": tokens})
            assert found.goal[k] == pytest.approx(one.goal, rel=1e-12)
            assert found.decision["N"][k] == pytest.approx(one.decision["N"], rel=1e-9)

    def test_lanes_may_differ_in_what_binds_or_have_no_optimum(self):
        # The first lane has none, and leads nowhere.
        target = np.linspace(2.05, 2.6, 96)
        found = solve_many(SMALL, ENOUGH_BITS, {"target": target})
        reach = LAW["E"] + LAW["A"] * 1e9 ** -LAW["alpha"]
        for k, limit in enumerate(target):
            if limit < reach:
                expected = Outcome.INFEASIBLE
            else:
                free = with_demand(LAW, limit, SERVED["demand"])[0] < 1e9
                expected = Outcome.SOLVED if free else Outcome.AT_RANGE
            assert found.outcome[k] == expected, limit
        assert set(found.outcome) == {Outcome.SOLVED, Outcome.AT_RANGE, Outcome.INFEASIBLE}
        assert found.failures == {"infeasible": int(np.sum(target < reach))}
        assert np.array_equal(np.isnan(found.goal), ~found.solved)
        assert found.decision["N"][found.outcome == Outcome.AT_RANGE] == pytest.approx(1e9)

    def test_grid_of_budgets_and_draws(self):
        budget = np.geomspace(1e20, 1e24, 4)
        rng = np.random.default_rng(1)
        law = {name: value * np.exp(0.05 * rng.normal(size=8)) for name, value in LAW.items()}
        point, draws = solve_grid(BEST, BUDGET, {"budget": budget}, {"law": law})
        np.testing.assert_allclose(point.decision["N"], closed_form(LAW, budget)[0], rtol=1e-9)
        assert draws.goal.shape == (4, 8)
        np.testing.assert_allclose(
            draws.decision["N"], closed_form(law, budget[:, None])[0], rtol=1e-9
        )

    @pytest.mark.slow
    def test_lanes_with_several_local_optima_are_searched_for_the_best(self):
        # The lower of two valleys changes sides with the tilt.
        valleys = Measure(
            "valleys",
            lambda x, a: (x["x"] ** 2 - 1) ** 2 + a["tilt"] * x["x"] + a["shift"],
            log=False,
        )
        problem = Problem((Variable("x", -2.0, 2.0, scale="linear"),), valleys)
        tilt = np.array([0.2, -0.2, 0.1, -0.1])
        args = {"tilt": 0.2, "shift": 0.0}
        found = solve_many(problem, {"shift": 0.0}, {"tilt": tilt})
        assert np.array_equal(np.sign(found.decision["x"]), -np.sign(tilt))
        _, draws = solve_grid(problem, args, {"shift": np.zeros(2)}, {"tilt": tilt})
        assert np.array_equal(draws.decision["x"], np.tile(found.decision["x"], (2, 1)))

    @pytest.mark.parametrize("over", [{}, {"budget": 1e22}, {"budget": np.ones(2), "law": LAW}])
    def test_lanes_need_one_leading_axis(self, over):
        with pytest.raises(sj.UsageError, match="leading ax"):
            solve_many(BEST, BUDGET, over)

    def test_draws_far_from_the_first_are_followed(self):
        spread = {"budget": np.array([1e18, 1e30])}
        found = solve_many(BEST, BUDGET, spread)
        np.testing.assert_allclose(
            found.decision["N"], closed_form(LAW, spread["budget"])[0], rtol=1e-9
        )


@pytest.fixture(scope="module")
def regretted():
    """Regret of five sizes under 31 draws and the law itself."""
    rng = np.random.default_rng(3)
    law = {name: value * np.exp(0.02 * rng.normal(size=31)) for name, value in LAW.items()}
    law = {name: np.append(values, LAW[name]) for name, values in law.items()}
    size = closed_form(LAW, BUDGET["budget"])[0]
    candidates = {"N": size * np.array([0.3, 0.9, 1.0, 1.1, 3.0])}
    return regret(BEST, BUDGET, {"law": law}, hold=("N",), candidates=candidates)


class TestRegret:
    def test_is_zero_for_the_best_of_a_draw_and_never_negative(self, regretted):
        assert regretted.regret[2, -1] == pytest.approx(0.0, abs=1e-12)
        assert np.all(regretted.regret >= 0)

    def test_is_what_the_held_size_costs(self, regretted):
        size = regretted.candidates["N"][0]
        tokens = BUDGET["budget"] / 6 / size
        held = LAW["E"] + LAW["A"] * size ** -LAW["alpha"] + LAW["B"] * tokens ** -LAW["beta"]
        assert regretted.regret[0, -1] == pytest.approx(
            held / closed_form(LAW, BUDGET["budget"])[2] - 1, rel=1e-9
        )

    def test_choice(self, regretted):
        assert regretted.choice()["N"] in regretted.candidates["N"][1:4]
        assert np.all(regretted.worst_decile >= regretted.mean)
        with pytest.raises(sj.UsageError, match="worst_decile"):
            regretted.choice(by="best")
