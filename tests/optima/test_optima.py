"""Constrained optima: closed forms, identities of any optimum, derivatives, and verdicts."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import scalejax as sj
from scalejax.laws.chinchilla import BESIROGLU2024, HOFFMANN2022, HOFFMANN2022_TEX, chinchilla
from scalejax.laws.kumar import KUMAR2024
from scalejax.laws.precision import precision_factor, zero_point
from scalejax.optima import (
    Measure,
    Problem,
    Variable,
    choose,
    optimum,
    regret,
    solve,
    solve_grid,
    solve_many,
)
from scalejax.status import Outcome

LAW = dict(BESIROGLU2024)
N = Variable("N", 1e2, 1e20, unit="parameters")
D = Variable("D", 1e2, 1e30, unit="tokens")

loss = Measure("loss", lambda x, a: chinchilla(x["N"], x["D"], **a["law"]), "nats/token")
compute = Measure("compute", lambda x, a: 6 * x["N"] * x["D"], "FLOP")
lifetime = Measure(
    "lifetime compute", lambda x, a: 6 * x["N"] * x["D"] + 2 * x["N"] * a["demand"], "FLOP"
)
BEST = Problem((N, D), minimize=loss, subject_to=(compute.at_most("budget"),))
CHEAPEST = Problem((N, D), minimize=lifetime, subject_to=(loss.at_most("target"),))
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
# Small models whose activations have few bits, which act like fewer parameters.
few_bits = Measure(
    "loss",
    lambda x, a: chinchilla(
        x["N"] * precision_factor(a["bits"], KUMAR2024["gamma_a"], KUMAR2024["n_a"]),
        x["D"],
        **a["law"],
    ),
    "nats/token",
)
SMALL = Problem((replace(N, high=1e9), D), lifetime, (few_bits.at_most("target"),))
BUDGET = {"law": LAW, "budget": 5.76e23}
SERVED = {"law": LAW, "target": 2.0, "demand": 2e12}
ENOUGH_BITS = SERVED | {"bits": 1000.0}


def closed_form(law, budget):
    """N, D and loss of the best model for C = 6ND; works on arrays of either kind."""
    alpha, beta = law["alpha"], law["beta"]
    G = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta))
    size = G * (budget / 6) ** (beta / (alpha + beta))
    tokens = budget / 6 / size
    return size, tokens, law["E"] + law["A"] * size**-alpha + law["B"] * tokens**-beta


def with_demand(law, target, demand):
    """N and D of the cheapest model over its life, from the condition of its first order."""
    alpha, beta = law["alpha"], law["beta"]

    def size(tokens):
        return (law["A"] / (target - law["E"] - law["B"] * tokens**-beta)) ** (1 / alpha)

    def condition(log_tokens):
        tokens = math.exp(log_tokens)
        pull = alpha * law["A"] * size(tokens) ** -alpha / (beta * law["B"] * tokens**-beta)
        return math.log(pull) - math.log(1 + demand / (3 * tokens))

    least = math.log((law["B"] / (target - law["E"])) ** (1 / beta))
    tokens = math.exp(brentq(condition, least + 1e-9, least + 60, xtol=1e-14))
    return size(tokens), tokens


@pytest.fixture(scope="module")
def served():
    return solve(CHEAPEST, SERVED)


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
