"""Advice: what it says must follow from the runs, and its numbers must be those of fits."""

import json

import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax.advice import evidence
from scalejax.advice.advise import SUBSETS
from scalejax.cli import main

TRUTH = sj.find_law("chinchilla").published["hoffmann2022-tex"]
SIZES = np.geomspace(2e7, 5e9, 7)


def runs(early=0.0, noise=2e-3, checkpoints=12, seed=0):
    """Checkpoints along Hoffmann's law; `early` is what is wrong a decade before 10 B tokens."""
    rng = np.random.default_rng(seed)
    N, part = np.meshgrid(SIZES, np.geomspace(0.02, 1, checkpoints), indexing="ij")
    D = (part * np.maximum(20 * N, 3e10)).ravel()
    N = N.ravel()
    loss = np.asarray(sj.find_law("chinchilla")(N, D, **TRUTH), float)
    loss *= np.exp(noise * rng.standard_normal(len(N)) + early * np.maximum(10 - np.log10(D), 0))
    return pd.DataFrame({"N": N, "D": D, "loss": loss, "model": [f"m{n:.3g}" for n in N]})


@pytest.fixture(scope="module")
def spoilt():
    return runs(early=0.3)


@pytest.fixture(scope="module")
def advice(spoilt):
    return sj.advise(spoilt, run="model", target={"N": 7e10, "D": 1.4e12})


def by_name(advice):
    return {item.name: item for item in advice.recommendations}


class TestAdvice:
    def test_early_checkpoints_that_spoil_a_fit_are_found(self, advice):
        """The law holds from 10 billion tokens on and is far off before."""
        early = by_name(advice)["early tokens"]
        assert early.verdict == "helps"
        assert early.applies
        assert early.after < 0.7 * early.before

    def test_its_numbers_are_those_of_fits(self, advice, spoilt):
        """The largest target by hand: fit the smaller runs, predict the last 30 % of it."""
        rest, own = (spoilt[spoilt["N"] < SIZES[-1]], spoilt[spoilt["N"] == SIZES[-1]])
        end = own[own["D"] > 0.7 * own["D"].max()]
        law = sj.find_law("chinchilla")
        fit = sj.fit(rest, cluster="model")
        expected = law(end["N"].to_numpy(), end["D"].to_numpy(), **fit.params)
        wanted = float(np.mean(np.abs(np.asarray(expected) / end["loss"] - 1)))
        table = sj.load_table(spoilt, cluster="model")
        errors = evidence.held_out_errors(table, law, None, SUBSETS, 0)
        errors = errors[errors["subset"] == evidence.PLAIN]
        found = errors[(errors["recipe"] == "law") & errors["target"].str.endswith("5e+09")]
        assert found["ARE"].tolist() == pytest.approx([wanted], rel=1e-6)
        largest = (own["N"] * own["D"]).max() / (rest["N"] * rest["D"]).max()
        assert found["distance"].tolist() == pytest.approx([np.log10(largest)])

    def test_every_recommendation_has_a_source_and_a_verdict(self, advice):
        frame = advice.to_frame()
        assert frame["source"].str.contains("2410.11840").all()
        known = {"helps", "hurts", "no clear difference", "not tested", "no law could be fitted"}
        assert {*frame["verdict"]} <= known
        tested = frame[frame["targets"] > 2]
        assert (tested["lo"] <= tested["hi"]).all()

    def test_targets_are_the_sizes_from_the_fourth_on(self, spoilt):
        rows = evidence.rolling_targets(sj.load_table(spoilt, cluster="model"))
        assert rows.groupby("group", sort=False)["N"].nunique().tolist() == [4, 5, 6, 7]

    def test_a101_the_floor_and_the_limit_are_said(self, advice):
        text = advice.summary()
        assert "about 4.0%" in text
        assert f"{advice.distance:.1f} decades of compute beyond the runs" in text
        assert advice.distance == pytest.approx(np.log10(7e10 * 1.4e12 / (5e9 * 1e11)))
        assert "farther out it is a lower bound" in text

    def test_an_error_below_what_seeds_differ_by_is_said(self, advice):
        low = type(advice)(**{**vars(advice), "expected": (0.001, 0.0005, 0.002)})
        assert "less than seeds differ" in low.summary()
        high = type(advice)(**{**vars(advice), "expected": (0.3, 0.2, 0.4)})
        assert "ranks no choices" in high.summary()

    def test_a_plan_without_losses_gets_advice_without_numbers(self):
        plan = pd.DataFrame({"N": [1e8, 3e8, 1e9], "D": [2e9, 6e9, 2e10]})
        found = sj.advise(plan, target={"N": 1e10, "D": 2e11})
        sizes = by_name(found)["number of sizes"]
        assert sizes.applies
        assert "2 more sizes" in sizes.advice
        assert {item.verdict for item in found.recommendations} == {"not tested"}
        assert "too few sizes" in found.summary()
        assert found.summary().startswith("No column of losses was found")

    def test_repeated_runs_measure_the_floor(self):
        """Two seeds whose losses differ by 2 %: the spread of log losses is .02 / sqrt 2."""
        twins = pd.DataFrame(
            {"N": [1e8, 1e8, 1e9], "D": [2e9, 2e9, 2e10], "loss": [3.0, 3.06, 2.5]}
        )
        noise = evidence.seed_noise(sj.load_table(twins))
        assert noise == pytest.approx(2 * np.log(1.02) / np.sqrt(2), rel=1e-9)
        assert evidence.seed_noise(sj.load_table(twins.iloc[1:])) is None

    def test_wrong_usage(self, spoilt):
        with pytest.raises(sj.UsageError, match="N and D"):
            sj.advise(spoilt, "power_C")
        with pytest.raises(sj.UsageError, match="target="):
            sj.advise(spoilt, target={"N": 1e9})


class TestCompare:
    def errors(self, before, after):
        parts = [
            pd.DataFrame({"target": range(len(x)), "recipe": "law", "subset": name, "ARE": x})
            for name, x in (("a", before), ("b", after))
        ]
        return pd.concat(parts, ignore_index=True)

    def test_the_interval_is_of_the_ratio(self):
        before = np.array([0.01, 0.02, 0.04, 0.08])
        errors = self.errors(before, 2 * before)
        found = evidence.compare(errors, ("law", "a"), ("law", "b"), 0.95, 0)
        assert found["lo"] == pytest.approx(2, rel=1e-12)
        assert found["hi"] == pytest.approx(2, rel=1e-12)
        assert (found["before"], found["after"]) == pytest.approx((0.03, 0.06))

    def test_targets_without_a_fit_are_counted_and_left_out_of_both(self):
        errors = self.errors([0.01, 0.02, 9.0], [0.02, 0.04, np.nan])
        found = evidence.compare(errors, ("law", "a"), ("law", "b"), 0.95, 0)
        assert found["failed"] == 1
        assert found["before"] == pytest.approx(0.015)
        assert np.isnan(found["lo"])


class TestCommand:
    def test_text_and_json(self, advice, spoilt, tmp_path, capsys):
        file = tmp_path / "runs.csv"
        spoilt.to_csv(file, index=False)
        words = ["advise", str(file), "--run", "model", "--target", "N=70B,D=1.4T"]
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
        assert capsys.readouterr().out.strip() == advice.summary().strip()
        with pytest.raises(SystemExit):
            main([*words, "--json"])
        document = json.loads(capsys.readouterr().out)
        assert len(document["recommendations"]) == len(advice.recommendations)
        assert document["distance"] == pytest.approx(advice.distance)
