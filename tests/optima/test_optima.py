"""Constrained optima: closed forms, identities of any optimum, and verdicts."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import hold_to_contract
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
    compute,
    lifetime,
    loss,
    with_demand,
)

import scalejax as sj
from scalejax.laws.chinchilla import HOFFMANN2022, HOFFMANN2022_TEX, chinchilla
from scalejax.laws.kumar import KUMAR2024
from scalejax.laws.precision import precision_factor, zero_point
from scalejax.optima import (
    Answer,
    Measure,
    Problem,
    Variable,
    choose,
    solve,
    solve_many,
)
from scalejax.status import Outcome

# The same in another order, with a limit that may be idle and one that is there twice.
CROWDED = Problem(
    (D, N),
    lifetime,
    (
        compute.at_most("budget"),
        Measure("loss again", lambda x, a: 3 * loss(x, a) ** 2).at_most(
            lambda a: 3 * a["target"] ** 2
        ),
        loss.at_most("target"),
    ),
)


@pytest.fixture(scope="module")
def random_laws():
    """Laws and budgets that span what has been published."""
    rng = np.random.default_rng(7)
    count = 32
    law = {
        "E": rng.uniform(0.5, 2.5, count),
        "A": np.exp(rng.uniform(3, 9, count)),
        "alpha": rng.uniform(0.2, 0.6, count),
        "B": np.exp(rng.uniform(3, 9, count)),
        "beta": rng.uniform(0.2, 0.6, count),
    }
    return law, 10 ** rng.uniform(18, 27, count)


class TestClosedForms:
    def test_best_models_of_random_laws(self, random_laws):
        law, budget = random_laws
        found = solve_many(BEST, {}, {"law": law, "budget": budget})
        size, tokens, least = closed_form(law, budget)
        assert np.all(found.outcome == Outcome.SOLVED)
        assert np.max(found.defect) <= 1e-8
        np.testing.assert_allclose(found.decision["N"], size, rtol=1e-9)
        np.testing.assert_allclose(found.decision["D"], tokens, rtol=1e-9)
        np.testing.assert_allclose(found.goal, least, rtol=1e-13)

    @pytest.mark.slow
    def test_cheapest_models_of_random_laws(self, random_laws):
        law, budget = random_laws
        target = closed_form(law, budget)[2]
        demand = 10 ** np.linspace(9, 16, len(budget))
        found = solve_many(CHEAPEST, {}, {"law": law, "target": target, "demand": demand})
        assert np.all(found.outcome == Outcome.SOLVED)
        for k in range(len(budget)):
            one = {name: float(values[k]) for name, values in law.items()}
            exact = with_demand(one, target[k], demand[k])
            assert [found.decision[name][k] for name in "ND"] == pytest.approx(exact, rel=1e-8)

    def test_hock_schittkowski_71(self):
        names = ("a", "b", "c", "d")
        variables = tuple(Variable(name, 1.0, 5.0, scale="linear") for name in names)
        goal = Measure(
            "goal", lambda x, _: x["a"] * x["d"] * (x["a"] + x["b"] + x["c"]) + x["c"], log=False
        )
        product = Measure("product", lambda x, _: x["a"] * x["b"] * x["c"] * x["d"])
        squares = Measure("squares", lambda x, _: sum(x[name] ** 2 for name in names), log=False)
        problem = Problem(variables, goal, (product.at_least(25.0), squares.equal_to(40.0)))
        found = solve(problem, {})
        assert found.goal == pytest.approx(17.0140173, rel=1e-8)
        printed = (1.0, 4.7429994, 3.8211503, 1.3794082)
        assert list(found.decision.values()) == pytest.approx(printed, rel=1e-7)
        assert found.at_end == {"a": "low"}
        assert [bound.binds for bound in found.bounds] == [True, True]

    def test_several_local_minima(self):
        # x + sin 5x on a line has a minimum in each period; the leftmost of them is the least.
        wave = Measure("wave", lambda x, _: x["x"] + 2 * jnp.sin(5 * x["x"]), log=False)
        found = solve(Problem((Variable("x", 0.2, 6.0, scale="linear"),), wave), {})
        least = (math.acos(-0.1) * -1 + 2 * math.pi) / 5
        assert found.decision["x"] == pytest.approx(least, rel=1e-9)
        assert found.agreeing < 1


BUDGETS = np.geomspace(1e18, 1e26, 32)


@pytest.fixture(scope="module")
def frontier():
    return solve_many(BEST, BUDGET, {"budget": BUDGETS})


def test_is_a_result(served):
    hold_to_contract(served, Answer)


class TestIdentities:
    def test_a_larger_budget_never_raises_the_loss(self, frontier):
        assert np.all(np.diff(frontier.goal) < 0)

    def test_the_least_cost_of_the_best_loss_is_the_budget(self, frontier):
        back = solve_many(CHEAPEST, SERVED | {"demand": 0.0}, {"target": frontier.goal})
        np.testing.assert_allclose(back.goal, BUDGETS, rtol=1e-9)
        # A loss known to 16 digits does not determine more of N and D than this.
        np.testing.assert_allclose(back.decision["N"], frontier.decision["N"], rtol=1e-8)

    def test_multipliers_of_dual_problems_are_inverse(self, frontier):
        back = solve_many(CHEAPEST, SERVED | {"demand": 0.0}, {"target": frontier.goal})
        np.testing.assert_allclose(frontier.multipliers * back.multipliers, 1, rtol=1e-8)

    def test_endless_demand_drives_the_size_to_its_floor(self):
        demand = np.concatenate([[0.0], np.geomspace(1e10, 1e22, 31)])
        found = solve_many(CHEAPEST, SERVED, {"demand": demand})
        assert found.solved.all()
        floor = (LAW["A"] / (SERVED["target"] - LAW["E"])) ** (1 / LAW["alpha"])
        size = found.decision["N"]
        assert np.all(np.diff(size) < 0)
        assert np.all(size > floor)
        assert size[-1] == pytest.approx(floor, rel=1e-2)

    def test_units_do_not_matter(self, served):
        billions = Problem(
            (
                Variable("N", 1e-4, 1e7, unit="billion parameters"),
                Variable("D", 1e-7, 1e18, unit="trillion tokens"),
            ),
            Measure(
                "lifetime",
                lambda x, a: x["N"] * (6 * x["D"] + 2 * a["demand"] / 1e12),
                "zettaFLOP",
            ),
            (
                Measure(
                    "loss", lambda x, a: chinchilla(x["N"] * 1e9, x["D"] * 1e12, **a["law"])
                ).at_most("target"),
            ),
        )
        found = solve(billions, SERVED)
        assert found.decision["N"] * 1e9 == pytest.approx(served.decision["N"], rel=1e-9)
        assert found.decision["D"] * 1e12 == pytest.approx(served.decision["D"], rel=1e-9)
        assert found.goal * 1e21 == pytest.approx(served.goal, rel=1e-12)

    def test_idle_repeated_and_reordered_constraints_change_nothing(self, served):
        found = solve(CROWDED, SERVED | {"budget": 1e30})
        assert found.outcome == Outcome.SOLVED
        assert dict(found.decision) == pytest.approx(dict(served.decision), rel=1e-9)
        assert found.goal == pytest.approx(served.goal, rel=1e-12)
        idle, again, once = found.bounds
        assert not idle.binds
        assert idle.price == pytest.approx(0.0, abs=1e-12)
        # Only what both together are worth is determined.
        worth = once.elasticity + 2 * again.elasticity
        assert worth == pytest.approx(served.bounds[0].elasticity, rel=1e-8)

    def test_optimality_conditions_hold_in_numpy(self, served):
        size, tokens = served.decision["N"], served.decision["D"]
        slope_cost = np.array([1.0, 6 * size * tokens / served.goal])
        above = SERVED["target"]
        slope_loss = -np.array(
            [
                LAW["alpha"] * LAW["A"] * size ** -LAW["alpha"] / above,
                LAW["beta"] * LAW["B"] * tokens ** -LAW["beta"] / above,
            ]
        )
        pull = slope_cost + served.solution.multipliers[0] * slope_loss
        assert np.max(np.abs(pull)) <= 1e-8
        assert served.bounds[0].value == pytest.approx(above, rel=1e-12)
        assert served.defect <= 1e-8

    def test_price_is_the_finite_difference(self, served):
        step = 1e-4
        ends = [solve(CHEAPEST, SERVED | {"target": 2.0 + k * step}).goal for k in (-1, 1)]
        (bound,) = served.bounds
        assert bound.binds
        assert bound.price == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-5)
        assert bound.elasticity == pytest.approx(bound.price * 2.0 / served.goal, rel=1e-12)


class TestVerdicts:
    def test_solved(self, served):
        assert served.outcome == Outcome.SOLVED
        assert served.found
        assert served.advice == ""
        text = served.summary()
        assert "loss 2 <= 2 nats/token binds" in text
        assert "100 % of 64 starts agree" in text

    def test_loss_below_its_floor_is_infeasible(self):
        found = solve(CHEAPEST, SERVED | {"target": 1.7})
        assert found.outcome == Outcome.INFEASIBLE
        assert not found.found
        assert np.isnan([found.goal, *found.decision.values()]).all()
        # N has an end: the least loss is E and what such a model lacks.
        least = LAW["E"] + LAW["A"] * N.high ** -LAW["alpha"] + LAW["B"] * D.high ** -LAW["beta"]
        assert f"loss can only come to {least:.5g}" in found.advice
        assert "(limit <= 1.7)" in found.advice
        assert found.summary().startswith("No decision within the ranges")

    @pytest.mark.parametrize(
        ("bits", "target"),
        # Models too small for the target, and activations below the bits that carry a signal.
        [(1000.0, 2.0), (0.99 * zero_point(KUMAR2024["gamma_a"], KUMAR2024["n_a"]), 2.3)],
    )
    def test_what_can_be_reached_is_told(self, bits, target):
        found = solve(SMALL, SERVED | {"bits": bits, "target": target})
        assert found.outcome == Outcome.INFEASIBLE
        with jax.enable_x64(True):
            left = float(precision_factor(bits, KUMAR2024["gamma_a"], KUMAR2024["n_a"]))
        least = LAW["E"] + LAW["A"] * (left * 1e9) ** -LAW["alpha"]
        assert f"loss can only come to {least:.5g}" in found.advice

    def test_the_limit_that_must_give_is_named(self):
        found = solve(CROWDED, SERVED | {"budget": 1e21})
        assert found.outcome == Outcome.INFEASIBLE
        cheapest = solve(CHEAPEST, SERVED | {"demand": 0.0}).goal
        # The loss is limited twice: letting one of the limits go does not help.
        assert "loss" not in found.advice
        assert f"compute can only come to {cheapest:.3g} FLOP (limit <= 1e+21" in found.advice

    def test_an_end_of_a_range_is_told_with_what_lies_beyond(self):
        found = solve(SMALL, ENOUGH_BITS | {"target": 2.2})
        assert found.outcome == Outcome.AT_RANGE
        assert found.at_end == {"N": "high"}
        assert found.decision["N"] == pytest.approx(1e9, rel=1e-12)
        assert found.bounds[0].value == pytest.approx(2.2, rel=1e-12)
        size, _ = with_demand(LAW, 2.2, SERVED["demand"])
        assert f"the optimum would be at N = {size / 1e9:.3g}B" in found.advice

    def test_nothing_holds_it_back(self):
        found = solve(Problem((N, D), lifetime), {"demand": 0.0})
        assert found.outcome == Outcome.UNBOUNDED
        assert found.advice == "Nothing holds D, N back."
        assert not found.found

    def test_kinks_are_not_called_solved(self):
        kink = Measure("kink", lambda x, _: jnp.abs(jnp.log(x["x"]) - 0.3), log=False)
        found = solve(Problem((Variable("x", 0.1, 10.0),), kink), {})
        assert found.outcome == Outcome.NOT_CONVERGED

    def test_measures_that_are_nowhere_finite(self):
        lost = Measure("lost", lambda x, _: jnp.log(-x["x"]), log=False)
        found = solve(Problem((Variable("x", 0.1, 10.0),), lost), {})
        assert found.outcome == Outcome.NON_FINITE

    def test_every_outcome_has_a_sentence(self):
        assert len({outcome.sentence for outcome in Outcome}) == len(Outcome)

    def test_choose_ranks_options(self):
        options = {
            "rounded": SERVED | {"law": dict(HOFFMANN2022)},
            "impossible": SERVED | {"target": 1.5},
            "tex": SERVED | {"law": dict(HOFFMANN2022_TEX)},
        }
        ranked = choose(CHEAPEST, options)
        assert list(ranked)[-1] == "impossible"
        goals = [one.goal for one in ranked.values()][:2]
        assert goals == sorted(goals)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Variable("N", 0.0, 1.0), "must be positive"),
            (lambda: Variable("N", 2.0, 1.0), "is empty"),
            (lambda: Problem((N, N), loss), "different names"),
            (lambda: BEST.holding("bits"), "bits: no variable"),
            (lambda: BEST.holding("N", "D"), "different names"),
            (lambda: solve(BEST, {"law": LAW}), r"lacks 'budget' \(the limit of compute\)"),
        ],
    )
    def test_mistakes_are_told(self, make, message):
        with pytest.raises(sj.UsageError, match=message):
            make()
