"""Plans: published numbers through the whole of `plan`, intervals, alternatives, words."""

import json
import warnings
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest
from contract import hold_to_contract
from typer.testing import CliRunner

import scalejax as sj
from scalejax.cli import app
from scalejax.fitting import Caveat
from scalejax.laws import LAWS
from scalejax.planning import Plan, Question, plan
from scalejax.planning.source import published_set, source_of
from scalejax.planning.summary import summarise
from scalejax.quantities import amount
from scalejax.status import Status

CHINCHILLA_13B = 6 * 13e9 * 5.765e11
"""FLOP of Chinchilla's optimal 13B model under the coefficients of arXiv:2401.00448."""


def words(found):
    """The summary without its line breaks."""
    return " ".join(found.summary().split())


@pytest.fixture(scope="module")
def of_fit(golden_draws):
    candidates = {"small": {"N": 2e10}, "given": {"N": 7e10, "D": 1.4e12}}
    return plan(golden_draws, budget=1e23, candidates=candidates)


@pytest.fixture(scope="module")
def served():
    return plan("devries2023", as_good_as=CHINCHILLA_13B, output_tokens=2e12)


@pytest.fixture(scope="module")
def in_dollars():
    return plan("besiroglu2024", usd=5e6, hardware="H100", gpus=4096, max_tokens=3e11)


def test_is_a_result(of_fit):
    hold_to_contract(of_fit, Plan)


def test_a_saved_plan_is_the_plan_again(golden_draws, tmp_path):
    asked = {"budget": "1e23", "candidates": {"ours": {"N": "20B"}}, "level": 0.9}
    for source in (golden_draws, "besiroglu2024"):
        made = plan(source, **asked)
        again = sj.load_plan(made.save(tmp_path / str(type(source).__name__)))
        assert again.to_dict() == made.to_dict()


def test_a_plan_of_given_parameters_and_hardware_is_the_plan_again(tmp_path):
    theta = dict(sj.LAWS["chinchilla"].published["besiroglu2024"])
    made = plan("chinchilla", parameters=theta, usd="5M USD", hardware="h100", unique_tokens="1T")
    assert sj.load_plan(made.save(tmp_path / "plan")).to_dict() == made.to_dict()
    with pytest.raises(sj.ScalejaxError, match="no plan"):
        sj.load_plan(tmp_path)


class TestPublishedNumbers:
    def test_a7_llama_budget(self):
        found = plan("besiroglu2024", budget=3.8e25)
        assert found["N"] == pytest.approx(6.187e11, rel=1e-3)
        assert found["D"] == pytest.approx(1.024e13, rel=1e-3)
        assert found["D/N"] == pytest.approx(16.55, rel=1e-3)
        assert found["loss"] == pytest.approx(1.89171, abs=1e-5)

    def test_a71_serving_two_trillion_tokens(self, served):
        assert served["N"] == pytest.approx(6.969e9, rel=2e-3)
        assert served["D"] == pytest.approx(1.248e12, rel=2e-3)
        assert served.target == pytest.approx(2.0453, abs=1e-4)
        alone = CHINCHILLA_13B + 2 * 13e9 * 2e12
        assert 1 - served["compute with serving"] / alone == pytest.approx(0.1745, abs=5e-4)

    def test_a43_precision(self):
        found = plan("kumar2024", budget=1e21)
        assert found["bits"] == pytest.approx(7.00211, abs=1e-3)

    @pytest.mark.slow
    def test_a54_precision_of_a_given_model(self):
        """8B parameters with the compute of 15 trillion tokens at 16 bits."""
        found = plan("kumar2024", budget=6 * 8e9 * 15e12, params=8e9)
        assert found["bits"] == pytest.approx(13.76, abs=0.01)

    @pytest.mark.slow
    def test_a130_repeated_data(self):
        """Fewer parameters and more epochs than Chinchilla's for 9.3e21 FLOP on 25B tokens."""
        tied = {name: LAWS["chinchilla_tied"].published["muennighoff2023"][name]
                for name in LAWS["chinchilla_tied"].parameters}  # fmt: skip
        found = plan("chinchilla_tied", parameters=tied, budget=9.3e21, unique_tokens=25e9)
        assert found["N"] == pytest.approx(6.815e9, rel=5e-3)
        assert found["epochs"] == pytest.approx(9.10, rel=5e-3)


class TestWhatFollows:
    def test_no_demand_is_the_training_optimum(self, served):
        found = plan("devries2023", as_good_as=CHINCHILLA_13B)
        assert found["training compute"] == pytest.approx(CHINCHILLA_13B, rel=1e-9)
        assert found["N"] > served["N"]

    def test_dollars_buy_the_compute_that_they_pay(self, in_dollars):
        """5 million dollars at the default price and rate, by hand."""
        place = in_dollars.question.hardware
        hours = 5e6 / place.usd_per_hour
        assert in_dollars["GPU-hours"] == pytest.approx(hours * 0.5 / 0.4, rel=1e-9) or (
            in_dollars["dollars"] == pytest.approx(5e6, rel=1e-9)
        )
        assert in_dollars["days"] == pytest.approx(in_dollars["GPU-hours"] / 4096 / 24, rel=1e-12)

    def test_what_binds_is_named(self, in_dollars):
        assert {bound.name for bound in in_dollars.answer.binding} == {"dollars", "tokens"}
        assert in_dollars["D"] == pytest.approx(3e11, rel=1e-9)

    def test_elasticities_are_finite_differences(self, served):
        """Through both optima: the quality that is matched is an optimum too."""
        step = 1e-4
        rows = served.sensitivities.set_index("input")
        params = dict(served.source.params)
        for name in ("alpha", "E", "B"):
            moved = [
                plan(
                    "chinchilla",
                    parameters={**params, name: params[name] * np.exp(sign * step)},
                    as_good_as=CHINCHILLA_13B,
                    output_tokens=2e12,
                )
                for sign in (1, -1)
            ]
            for quantity in ("N", "D", "compute with serving"):
                slope = (np.log(moved[0][quantity]) - np.log(moved[1][quantity])) / (2 * step)
                assert rows.loc[f"law.{name}", quantity] == pytest.approx(slope, rel=1e-5, abs=1e-7)

    @pytest.mark.slow
    def test_published_sets_are_solved_as_themselves(self, served):
        rows = served.published.set_index("set")
        own = rows.loc["devries2023"]
        assert own["N"] == pytest.approx(served["N"], rel=1e-9)
        rounded = plan("hoffmann2022", as_good_as=CHINCHILLA_13B, output_tokens=2e12)
        assert rows.loc["hoffmann2022", "N"] == pytest.approx(rounded["N"], rel=1e-9)

    def test_formats_differ_in_bits_and_speed(self):
        found = plan("kumar2024", usd=4e6, params=8e9, hardware="h100", precisions=("fp8", "bf16"))
        tokens = {name: one.decision["D"] for name, one in found.options.items()}
        assert tokens["fp8"] / tokens["bf16"] == pytest.approx(1979 / 989, rel=1e-9)
        assert next(iter(found.options)) == "bf16"

    def test_prices_of_what_is_given(self):
        found = plan("besiroglu2024", params=70e9, tokens=1.4e12, hardware="a100")
        assert found["training compute"] == pytest.approx(6 * 70e9 * 1.4e12)
        assert found["loss"] == pytest.approx(
            float(LAWS["chinchilla"](70e9, 1.4e12, **published_set("besiroglu2024")[1])), rel=1e-6
        )
        assert "what they cost" in found.summary()


class TestUncertainty:
    def test_intervals_are_those_of_the_draws(self, golden_draws, of_fit):
        """The closed form for each draw."""
        p = golden_draws.draws.arrays()
        total = p["alpha"] + p["beta"]
        scale = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / total)
        own = scale * (1e23 / 6) ** (p["beta"] / total)
        rows = of_fit.numbers.set_index("quantity")
        low, high = np.quantile(own, [0.025, 0.975])
        assert rows.loc["N", "lo"] == pytest.approx(low, rel=0.02)
        assert rows.loc["N", "hi"] == pytest.approx(high, rel=0.02)
        assert of_fit.optima.decision["N"] == pytest.approx(own, rel=1e-9)

    def test_delta_method(self, golden_draws, of_fit):
        """ln N* is linear in ln A: its error from A alone is that of the covariance."""
        rows = of_fit.numbers.set_index("quantity")
        half = np.log(rows["delta_hi"] / rows["delta_lo"]) / 2
        assert half["D/N"] == pytest.approx(half["N"] + half["D"], rel=1e-6)
        assert half["training compute"] == pytest.approx(0, abs=1e-9)

    @pytest.mark.slow
    def test_the_plans_own_regret_is_the_first(self, of_fit):
        own = of_fit.regret.candidates["N"][0]
        assert own == pytest.approx(of_fit["N"], rel=1e-12)
        assert np.all(of_fit.regret.regret >= 0)
        assert of_fit.regret.mean[0] <= 2 * np.min(of_fit.regret.mean) + 1e-6

    def test_without_resamples_draws_come_from_the_covariance(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain = sj.fit(sj.datasets.load("golden36"), resamples=0)
        draws, method = source_of(plain).draws()
        assert "covariance" in method
        for name in ("alpha", "beta"):
            assert np.std(draws[name]) == pytest.approx(plain.stderr[name], rel=0.1)


class TestCandidates:
    def test_what_is_open_follows_from_the_question(self, of_fit):
        small = of_fit.candidates.set_index("candidate").loc["small"]
        assert small["D"] == pytest.approx(1e23 / 6 / 2e10, rel=1e-9)
        assert small["excess"] > 0

    def test_what_breaks_a_limit_says_so(self, of_fit):
        given = of_fit.candidates.set_index("candidate").loc["given"]
        assert given["breaks"] == "training compute"

    def test_unknown_variables_are_refused(self, golden_draws):
        with pytest.raises(sj.UsageError, match="gives P, but what is decided here is N, D"):
            plan(golden_draws, budget=1e23, candidates={"x": {"P": 8}})


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({}, "nothing limits the plan"),
            ({"budget": -1}, "budget= must be a positive number"),
            ({"usd": 1e6}, "usd= needs hardware="),
            ({"days": 3, "hardware": "h100"}, "days= needs gpus="),
            ({"target_loss": 2, "as_good_as": 1e23}, "not both"),
            ({"budget": 1e23, "hardware": "h99"}, "unknown accelerator 'h99'"),
            ({"budget": 1e23, "flops": 3}, "plan has no flops="),
        ],
    )
    def test_say_what_is_wrong(self, asked, message):
        with pytest.raises(sj.UsageError, match=message):
            plan("besiroglu2024", **asked)

    def test_all_at_once(self):
        with pytest.raises(sj.UsageError, match=r"usd= must be a positive.*usd= needs.*gpus="):
            Question(usd=-1, days=3).check(LAWS["chinchilla"])

    def test_names_of_published_sets(self):
        with pytest.raises(sj.UsageError, match=r"no published set 'x'.*besiroglu2024"):
            plan("x", budget=1e23)
        assert published_set("kumar2024_ptq/kumar2024")[0].name == "kumar2024_ptq"
        assert published_set("kumar2024")[0].name == "kumar2024"

    def test_a_loss_below_the_floor_is_impossible(self):
        found = plan("besiroglu2024", target_loss=1.8)
        assert not found.found
        assert "loss can only come to 1.8" in words(found)

    @pytest.mark.slow
    def test_too_small_a_budget_for_a_loss(self):
        found = plan("besiroglu2024", target_loss=2.0, budget=1e20)
        assert not found.found
        assert "training compute can only come to" in words(found)


class TestWords:
    def test_summary_begins_with_the_decision(self, of_fit):
        first, *_ = of_fit.summary().splitlines()
        assert first.startswith("Train ")
        assert "loss" in first

    def test_the_range_is_the_decision_where_the_runs_do_not_say_more(self, golden_draws):
        """Draws of alpha ten times as far apart leave N open by more than a factor of three."""
        own = golden_draws.draws.parameters
        wide = own["alpha"] + 0.04 * np.linspace(-1, 1, len(own["alpha"]))
        draws = replace(golden_draws.draws, parameters={**own, "alpha": wide})
        found = plan(replace(golden_draws, draws=draws), budget=1e23)
        low, high = found.numbers.set_index("quantity").loc["N", ["lo", "hi"]]
        assert high > 3 * low
        first = f"Train {amount(low)} to {amount(high)} parameters: the runs do not say more"
        assert found.headline.startswith(first)
        assert f"(best guess {amount(found['N'])} parameters" in found.headline
        assert "What would narrow it: larger runs; scalejax design finds them." in found.headline
        assert words(found).startswith(found.headline)
        assert found.to_dict()["against"][0].startswith("The runs leave ")

    def test_failed_resamples_leave_a_best_guess(self, golden_draws):
        status = golden_draws.draws.status.copy()
        status[:90] = Status.MAX_STEPS
        draws = replace(golden_draws.draws, status=status)
        found = plan(replace(golden_draws, draws=draws), budget=1e23)
        assert found.headline.startswith("Train perhaps ")
        assert "90 of 200 resamples failed" in found.headline
        assert "Do not rely on this fit: 90 of 200 resamples failed." in words(found)
        assert "fine" not in found.summary()

    def test_both_sides_stand_before_the_numbers(self, of_fit):
        text = of_fit.summary()
        places = [text.index(word) for word in ("Train", "\nFor:", "\nAgainst:", "estimate")]
        assert places == sorted(places)
        assert "Its fit: converged" in words(of_fit)
        assert "The nearest run is 0.8 decades away" in words(of_fit)

    def test_a_published_set_far_outside_the_interval_is_named(self, of_fit):
        assert "published sets have an N more than 2 times outside the interval: kaplan2020" in (
            words(of_fit)
        )

    def test_a_backtest_stands_first(self, of_fit):
        found = Caveat("backtest", "The largest runs were missed by 3 %.", "care", "it missed")
        assert "Usable with care: it missed." in summarise(of_fit, found)
        assert "For:" in summarise(of_fit, found)

    def test_beyond_the_data(self, of_fit):
        assert any("decades beyond the data" in text for text in of_fit.warnings)

    def test_json_has_no_nan(self, of_fit, in_dollars):
        for one in (of_fit, in_dollars):
            document = json.dumps(one.to_dict(), allow_nan=False)
            assert json.loads(document)["outcome"] == "solved"

    def test_prices_that_were_assumed_are_named(self, in_dollars):
        assert any("an assumption" in text for text in in_dollars.warnings)
        assert not any("an assumption" in text for text in plan(
            "besiroglu2024", usd=5e6, hardware="H100", gpus=4096, max_tokens=3e11, usd_per_hour=2.5
        ).warnings)  # fmt: skip


class TestTerminal:
    def run(self, *words):
        return CliRunner().invoke(app, ["plan", *words])

    def test_json(self):
        found = self.run("besiroglu2024", "--budget", "3.8e25", "--json")
        assert found.exit_code == 0
        numbers = {row["quantity"]: row for row in json.loads(found.stdout)["numbers"]}
        assert numbers["N"]["estimate"] == pytest.approx(6.187e11, rel=1e-3)

    @pytest.mark.slow
    def test_out_holds_numbers_words_and_pictures(self, tmp_path):
        place = tmp_path / "plan"
        words = ("devries2023", "--as-good-as", str(CHINCHILLA_13B))
        found = self.run(*words, "--served-tokens", "2T", "--out", str(place))
        assert found.exit_code == 0
        names = {"plan.json", "plan.txt", "frontier.png", "contours.png", "demand.png"}
        assert {path.name for path in place.iterdir()} == names
        assert (place / "plan.txt").read_text() == found.stdout

    def test_impossible_gives_3(self):
        found = self.run("besiroglu2024", "--target-loss", "1.8")
        assert found.exit_code == 3
        assert found.stdout.startswith("No plan.")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["besiroglu2024", "--budget", "1e24", "--memory", "80B"], "GB"),
            (["besiroglu2024", "--budget", "5 apples"], "--budget"),
            (["besiroglu2024", "--budget", "1e24", "--served-tokens", "3 TB"], "--served-tokens"),
            (
                ["besiroglu2024", "--served-tokens", "1T", "--requests", "2"],
                "say what is served once",
            ),
        ],
    )
    def test_wrong_usage(self, words, message):
        found = self.run(*words)
        assert isinstance(found.exception, sj.UsageError)
        assert message is None or message in str(found.exception)


def test_equal_questions_do_not_compile_again(served):
    """The problem is the same object of hash and equality, whatever the numbers."""
    from scalejax.planning.problem import problem_of

    question = served.question
    other = replace(question, as_good_as=2 * CHINCHILLA_13B)
    law = served.source.law
    assert problem_of(question, law, 2.0) == problem_of(other, law, 1.9)
    assert hash(problem_of(question, law, 2.0)) == hash(problem_of(other, law, 1.9))
    with jax.log_compiles(False):
        assert plan("devries2023", other).found


class TestOfAForecast:
    """A plan by a forecast: its law, and its posterior draws for the intervals."""

    @pytest.fixture(scope="class")
    @classmethod
    def forecast(cls, golden):
        return sj.forecast(golden, at={"N": 1e10, "D": 2e11})

    def test_the_optimum_is_that_of_its_law_and_the_interval_of_its_draws(self, forecast):
        plan = sj.plan(forecast, budget=1e22)
        best = plan.numbers.set_index("quantity")

        def size(A, alpha, B, beta, **others):
            """Chinchilla's optimum, which an outer exponent leaves where it is."""
            ratio = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
            return ratio * (1e22 / 6) ** (beta / (alpha + beta))

        assert best.loc["N", "estimate"] == pytest.approx(size(**forecast.params[""]), rel=1e-6)
        ends = np.quantile(size(**forecast.draws[""]), [0.025, 0.975])
        assert best.loc["N", ["lo", "hi"]].tolist() == pytest.approx(ends, rel=1e-6)
        assert "posterior" in plan.summary()
        assert "Predicting your 10 largest runs from the rest" in plan.summary()

    def test_several_families_are_refused(self, golden):
        both = pd.concat([golden.assign(family=name) for name in "ab"])
        families = sj.forecast(both, at={"N": 1e10, "D": 2e11}, by="family")
        with pytest.raises(sj.UsageError, match="2 families"):
            sj.plan(families, budget=1e22)

    def test_a_saved_one_is_the_plan_again(self, forecast, tmp_path):
        plan = sj.plan(forecast, budget=1e22)
        again = sj.load_plan(plan.save(tmp_path / "plan"))
        assert again.to_dict() == plan.to_dict()
        assert again.summary() == plan.summary()
