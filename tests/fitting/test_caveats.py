"""What is said for and against a fit: a made-up table for each rule, which sets off no other.

All tables have 36 rows, so that they share one compiled program.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax._numerics import robust_sd
from scalejax.fitting import Caveat, for_and_against, residual_caveats
from scalejax.fitting.asked_point import about_point, is_wide, narrowing, nearest_run
from scalejax.fitting.caveats import are_checkpoints
from scalejax.fitting.misfit import Bend, find_bends, standing_out
from scalejax.fitting.residual_caveats import bends_of
from scalejax.fitting.summary import summarise
from scalejax.status import Status

TRUTH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
SIZES, TOKENS = np.geomspace(60e6, 6e9, 6), np.geomspace(2e9, 200e9, 6)
NOISE = 0.005


def runs(seed=5, bend=0.0, noise=NOISE):
    """A grid over 4 decades of compute, its log loss bent by half of `bend` a decade squared."""
    n, d = (values.ravel() for values in np.meshgrid(SIZES, TOKENS))
    loss = TRUTH["E"] + TRUTH["A"] * n ** -TRUTH["alpha"] + TRUTH["B"] * d ** -TRUTH["beta"]
    decades = np.log10(n * d / np.max(n * d))
    error = noise * np.random.default_rng(seed).standard_normal(len(n))
    return pd.DataFrame({"N": n, "D": d, "loss": loss * np.exp(bend / 2 * decades**2 + error)})


def fitted(table, **how):
    return sj.fit(table, resamples=0, **how)


def against(fit):
    """Rules that speak against a fit, but for the resamples that nobody asked for."""
    return {one.rule for one in for_and_against(fit).against} - {"resamples"}


@pytest.fixture(scope="module")
def plain():
    return fitted(runs())


def one(fit, rule):
    (found,) = [x for x in for_and_against(fit).against if x.rule == rule]
    return found


class TestRules:
    def test_nothing_speaks_against_runs_that_follow_the_law(self, plain):
        assert against(plain) == set()
        assert {one.rule for one in for_and_against(plain).support} == {
            *("status", "bend", "condition", "starts"),
        }

    @pytest.mark.parametrize(("bend", "words"), [(0.03, "too low"), (-0.03, "too high")])
    def test_a_bend(self, bend, words):
        fit = fitted(runs(bend=bend))
        assert against(fit) == {"bend"}
        said = next(x for x in for_and_against(fit).against if x.rule == "bend")
        assert f"The law bends with compute: {words} by" in said.text
        assert "outer_exponent" in said.text
        assert "scalejax forecast" in said.text
        assert for_and_against(fit).sentence.startswith("Usable with care: the law bends")

    @pytest.mark.parametrize(
        ("axis", "share", "matters"),
        [
            # Runs over 4 decades: at ten times the largest a bend with compute is three times as
            # large, and one with tokens per parameter as large as it is.
            ("compute", 0.3, False),
            ("compute", 0.4, True),
            ("tokens per parameter", 0.9, False),
            ("tokens per parameter", 1.1, True),
        ],
    )
    def test_a_bend_below_noise_is_no_warning(self, plain, monkeypatch, axis, share, matters):
        # Of the residuals' variance the bend is a part, and the rest is noise.
        part = robust_sd(plain.residuals) * share / np.hypot(1, share)
        bend = Bend(axis, 1e-4, part, -part / 2, part, 1e-5)
        monkeypatch.setattr(residual_caveats, "bends_of", lambda fit: (bend,))
        assert ("bend" in against(plain)) == matters
        said = for_and_against(plain)
        (text,) = [x.text for x in (*said.support, *said.against) if x.rule == "bend"]
        assert ("less than matters" in text) == (not matters)

    def test_few_runs(self):
        table = runs()
        fit = fitted(table.assign(run=[f"r{k % 7}" for k in range(36)]), run="run")
        assert against(fit) == {"few runs"}
        assert "7 clusters are few: with fewer than 10" in one(fit, "few runs").text

    def test_checkpoints_of_runs(self):
        """A column of runs, each of one size with growing data."""
        table = runs().sort_values(["N", "D"], ignore_index=True)
        fit = fitted(table.assign(run=[f"N{n:.0f}" for n in table["N"]]), run="run")
        assert against(fit) == {"few runs", "checkpoints"}
        text = one(fit, "checkpoints").text
        assert "36 checkpoints of 6 runs" in text
        assert "the 6 final losses alone" in text

    def test_families_are_no_checkpoints(self):
        n, d = np.array([1e9, 2e9, 1e9, 2e9]), np.array([1e10, 2e10, 3e10, 4e10])
        assert not are_checkpoints({"N": n, "D": d}, np.array([0, 0, 1, 1]))
        assert are_checkpoints({"N": n, "D": d}, np.array([0, 1, 0, 1]))

    def test_worst_runs_are_named_by_their_row(self):
        table = runs()
        table.loc[16, "loss"] *= 1.052
        fit = fitted(table)
        assert against(fit) == {"worst runs"}
        lies = table["loss"][16] / fit.curve(fit.table.inputs, fit.params)[16] - 1
        assert f"row 17: {100 * lies:.2g} % above" in one(fit, "worst runs").text
        assert one(fit, "worst runs").weight == "note"

    def test_under_least_squares_a_worst_run_is_no_note(self):
        table = runs()
        table.loc[16, "loss"] *= 1.08
        fit = fitted(table, objective=sj.least_squares())
        assert one(fit, "worst runs").weight == "care"

    @pytest.mark.parametrize(
        ("change", "rule", "grade"),
        [
            ({"condition": 5e3}, "condition", "care"),
            ({"condition": 5e6}, "condition", "unsound"),
            ({"condition": np.nan}, "condition", "unsound"),
            ({"agreeing": 3}, "starts", "care"),
            ({"status": Status.BOUND_HIT, "on_bound": ("E",)}, "status", "care"),
            ({"status": Status.MAX_STEPS}, "status", "unsound"),
        ],
    )
    def test_the_solver_says_so(self, plain, change, rule, grade):
        fit = replace(plain, **change)
        assert against(fit) == {rule}
        assert for_and_against(fit).grade == grade

    @pytest.mark.parametrize(("failed", "grade"), [(1, "care"), (23, "unsound")])
    def test_failed_resamples_change_the_first_sentence(self, golden_draws, failed, grade):
        status = np.full(50, int(Status.CONVERGED))
        status[:failed] = Status.MAX_STEPS
        draws = replace(
            golden_draws.draws,
            status=status,
            objective=np.zeros(50),
            parameters={name: v[:50] for name, v in golden_draws.draws.parameters.items()},
        )
        fit = replace(golden_draws, draws=draws)
        judgement = for_and_against(fit)
        assert judgement.grade == grade
        assert f"{failed} of 50 resamples failed" in judgement.sentence
        assert ("fine." in fit.summary()) == (failed == 1)

    def test_a_backtest_stands_first_on_its_side(self, plain):
        found = Caveat("backtest", "The largest runs were predicted to 0.4 %.", "for")
        assert for_and_against(plain, found).support[0] == found
        assert "for         The largest runs were" in summarise(plain, backtest=found)

    def test_the_text_has_the_sentence_then_both_sides(self, plain):
        text = summarise(plain)
        places = [text.index(word) for word in ("verdict", "\nfor ", "\nagainst ", "\nrows ")]
        assert places == sorted(places)
        assert max(map(len, text.splitlines())) <= 100

    def test_computed_losses_have_no_worst_run_and_no_bend(self):
        fit = fitted(runs(noise=0.0))
        assert not {"bend", "worst runs"} & against(fit)


class TestMisfit:
    def test_what_parameters_can_do_is_no_bend(self):
        x = np.geomspace(1, 1e3, 40)
        jacobian = np.stack([np.ones(40), np.log(x), np.log(x) ** 2, np.log(x) ** 3], 1)
        residual = jacobian @ [1, -2, 0.5, 0.1]
        assert find_bends(residual, jacobian, {"C": x}, np.arange(40)) == ()

    def test_one_bad_run_is_no_bend(self):
        x = np.geomspace(1, 1e3, 40)
        residual = 1e-3 * np.random.default_rng(0).standard_normal(40)
        residual[-1] = 0.2
        jacobian = np.stack([np.ones(40), np.log(x)], 1)
        assert find_bends(residual, jacobian, {"C": x}, np.arange(40)) == ()

    def test_noise_that_runs_share_is_no_bend(self):
        """Eight runs of twelve checkpoints each are eight numbers, and rows are not independent."""
        said = 0
        for seed in range(50):
            generator = np.random.default_rng(seed)
            unit = np.repeat(np.arange(8), 12)
            x = np.repeat(np.geomspace(1, 1e3, 8), 12) * np.tile(np.geomspace(1, 3, 12), 8)
            residual = generator.standard_normal(8)[unit] + 0.1 * generator.standard_normal(96)
            jacobian = np.stack([np.ones(96), np.log(x)], 1)
            said += bool(find_bends(residual, jacobian, {"C": x}, unit))
        assert said <= 2

    def test_rows_that_stand_out_come_largest_first(self):
        residual = np.random.default_rng(0).standard_normal(100)
        residual[[3, 50]] = 9, -20
        rows, size = standing_out(residual, 5)
        assert rows.tolist() == [50, 3]
        assert np.all(np.diff(size) < 0)

    def test_too_few_rows_have_no_scale(self):
        assert len(standing_out(np.array([0, 0, 0, 0, 0, 9.0]), 5)[0]) == 0

    @pytest.mark.slow
    @pytest.mark.parametrize("bend", [0.03, -0.03])
    def test_a_bend_of_3_percent_a_decade_squared_is_seen(self, bend):
        """Measured: 100 of 100."""
        assert sum("bend" in against(fitted(runs(seed, bend))) for seed in range(100)) >= 95

    @pytest.mark.slow
    def test_a_law_that_holds_is_seldom_accused(self):
        """Measured: none of 100."""
        assert sum(bool(bends_of(fitted(runs(seed)))) for seed in range(100)) <= 10


class TestAskedPoint:
    def test_distance_is_in_both_logarithms(self, plain):
        n, d = SIZES[-1] * 10**0.3, TOKENS[-1] * 10**0.4
        assert nearest_run(plain, n, d) == pytest.approx(0.5)

    @pytest.mark.parametrize(
        ("decades", "weights"), [(0.1, ["for"]), (0.4, []), (0.7, ["note"]), (1.3, ["care"])]
    )
    def test_far_answers_say_how_far(self, plain, decades, weights):
        n, d = SIZES[-1] * 10**decades, TOKENS[-1]
        said = [x for x in about_point(plain, n, d) if x.rule == "distance"]
        assert [x.weight for x in said] == weights
        assert all(f"{decades:g} decades" in x.text for x in said)

    def test_tokens_per_parameter_outside_name_both(self, plain):
        said = [x.text for x in about_point(plain, SIZES[-1], 1e14) if "No run had" in x.text]
        assert said == ["No run had 1.67e+04 tokens per parameter: theirs were 0.333 to 3.33k."]

    def test_width(self):
        assert is_wide(1.0, 3.1)
        assert is_wide(0.0, 1.0)
        assert not is_wide(1.0, 2.9)
        assert not is_wide(np.nan, 2.9)

    def test_what_would_narrow_it(self, plain):
        assert narrowing(plain).startswith("larger runs; scalejax design")
        line = {"N": plain.table.inputs["N"], "D": 20 * plain.table.inputs["N"]}
        one_ratio = replace(plain, table=replace(plain.table, inputs=line))
        assert narrowing(one_ratio).startswith("runs across tokens per parameter at the largest")
