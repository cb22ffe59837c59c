"""Advice: what it says must follow from the runs, and its numbers must be those of fits."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from contract import hold_to_contract
from scipy import stats

import scalejax as sj
from scalejax.advice import Advice, evidence, workload
from scalejax.advice.advice import Recommendation
from scalejax.advice.recommend import recommend
from scalejax.advice.repeats import find_repeats
from scalejax.advice.worth import compare, expected_error
from scalejax.cli import main
from scalejax.studies import Recipe

LAW = sj.find_law("chinchilla")
TRUTH = LAW.published["hoffmann2022-tex"]
SIZES = np.geomspace(2e7, 5e9, 7)


def losses(N, D, noise=2e-3, seed=0):
    """Losses along Hoffmann's law."""
    rng = np.random.default_rng(seed)
    return np.asarray(LAW(N, D, **TRUTH), float) * np.exp(noise * rng.standard_normal(len(N)))


def runs(early=0.0, checkpoints=12):
    """Checkpoints along Hoffmann's law; `early` is what is wrong a decade before 10 B tokens."""
    N, part = np.meshgrid(SIZES, np.geomspace(0.02, 1, checkpoints), indexing="ij")
    D = (part * np.maximum(20 * N, 3e10)).ravel()
    N = N.ravel()
    loss = losses(N, D) * np.exp(early * np.maximum(10 - np.log10(D), 0))
    return pd.DataFrame({"N": N, "D": D, "loss": loss, "model": [f"m{n:.3g}" for n in N]})


def grid(sizes=6, ratios=(5, 10, 20, 40, 80)):
    """One run a row, several of each size."""
    N = np.repeat(np.geomspace(1e8, 3e9, sizes), len(ratios))
    D = N * np.tile(ratios, sizes)
    return pd.DataFrame({"N": N, "D": D, "loss": losses(N, D)})


def plan(families):
    """Runs without losses: sizes of each family, several lengths each."""
    parts = [
        pd.DataFrame({"family": name, "N": n, "D": n * np.array([2, 6, 20, 60.0])})
        for name, sizes in families.items()
        for n in sizes
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def spoilt():
    return runs(early=0.3)


@pytest.fixture(scope="module")
def advice(spoilt):
    return sj.advise(spoilt, run="model", at={"N": 7e10, "D": 1.4e12})


@pytest.fixture(scope="module")
def grid_errors():
    rows = evidence.rolling_targets(sj.load_table(grid()))
    trials = (evidence.PLAIN, evidence.THREE, evidence.FIVE)
    return evidence.held_out_errors(rows, LAW, None, trials)


def by_name(advice):
    return {item.name: item for item in advice.recommendations}


def test_is_a_result(advice):
    hold_to_contract(advice, Advice)


class TestAdvice:
    def test_early_checkpoints_that_spoil_a_fit_are_found(self, advice):
        """The law holds from 10 billion tokens on and is far off before."""
        early = by_name(advice)["early tokens"]
        assert early.verdict == "helps"
        assert early.applies
        assert early.after < 0.7 * early.before

    def test_every_recommendation_has_a_source_and_a_verdict(self, advice):
        frame = advice.to_frame()
        published = frame[frame["name"] != "identifiability"]
        assert published["source"].str.contains("2410.11840").all()
        assert frame["source"].str.len().min() > 0
        tested = frame[frame["targets"] > 2]
        assert len(tested) > 2
        assert (tested["lo"] <= tested["ratio"]).all()
        assert (tested["ratio"] <= tested["hi"]).all()

    def test_a101_the_floor_and_the_limit_are_said(self, advice):
        text = " ".join(advice.summary().split())
        assert "arXiv:2410.11840, seeds alone make an error of about 4%" in text
        assert f"{advice.distance:.1f} decades of compute beyond the runs" in text
        assert advice.distance == pytest.approx(np.log10(7e10 * 1.4e12 / (5e9 * 1e11)))
        far = f"at {advice.distance:.1f} decades nothing was tested"
        assert f"tested over {advice.tested:.1f} decades; {far}" in text
        assert "farther out it is a lower bound, and no error is promised" in text
        assert "Expect an error" not in text
        assert far in advice.headline
        near = replace(advice, distance=advice.tested)
        assert "Expect an error" in near.summary()
        assert "nothing was tested" not in near.summary() + near.headline

    def test_the_expected_error_says_how_many_runs_it_rests_on(self, advice):
        assert advice.expected.runs == 3  # The farthest half, but three at least.
        assert "median of 3 held-out runs" in " ".join(advice.summary().split())
        two = replace(advice.expected, runs=2, lo=np.nan, hi=np.nan)
        text = replace(advice, expected=two).summary()
        assert "too few for an interval" in " ".join(text.split())

    def test_an_error_is_compared_with_a_floor_that_was_measured_only(self, advice, spoilt):
        low = replace(advice.expected, error=1e-4, lo=5e-5, hi=2e-4)
        assert "repeated runs differ" not in replace(advice, expected=low).summary()
        end = spoilt.tail(1)
        twins = pd.concat([spoilt, end.assign(model="twin", loss=1.02 * end["loss"])])
        found = find_repeats(sj.load_table(twins, run="model"), twins, False)
        text = replace(advice, expected=low, repeats=found).summary()
        assert "The law errs less than repeated runs differ" in text
        high = replace(advice.expected, error=0.3)
        assert "ranks no choices" in replace(advice, expected=high).summary()

    def test_why_there_is_no_expected_error(self, advice):
        unknown = replace(advice, expected=None)
        assert "a law could be fitted to the smaller sizes for none" in unknown.summary()
        assert "no family has the 4 sizes" in replace(unknown, targets=0).summary()
        assert "a plan has no losses" in replace(unknown, targets=0, planned=True).summary()

    def test_wrong_usage(self, spoilt):
        with pytest.raises(sj.UsageError, match="N and D"):
            sj.advise(spoilt, "power_C")
        with pytest.raises(sj.UsageError, match="at="):
            sj.advise(spoilt, at={"N": 1e9})
        two = pd.DataFrame({"N": [1e8, 1e9], "D": [2e9, 2e10], "model": "one"})
        with pytest.raises(sj.InputError, match="E150 column 'model' rows 1, 2: 1 runs change"):
            sj.advise(two, run="model")
        with pytest.raises(sj.UsageError, match=r"positive number, .* not -1"):
            sj.advise(spoilt, at={"N": -1, "D": 0})


class TestHeldOut:
    def test_its_numbers_are_those_of_fits(self, spoilt):
        """The largest target by hand: fit the smaller runs, predict the last 30 % of it."""
        rest, own = (spoilt[spoilt["N"] < SIZES[-1]], spoilt[spoilt["N"] == SIZES[-1]])
        end = own[own["D"] > 0.7 * own["D"].max()]
        fit = sj.fit(rest.drop(columns="model"), resamples=0)
        expected = LAW(end["N"].to_numpy(), end["D"].to_numpy(), **fit.params)
        wanted = float(np.mean(np.abs(np.asarray(expected) / end["loss"] - 1)))
        rows = evidence.rolling_targets(sj.load_table(spoilt, run="model"))
        found = evidence.held_out_errors(rows, LAW, None)
        plain = found["trial"] == evidence.PLAIN.name
        found = found[plain & found["target"].str.endswith("5e+09")]
        assert found["ARE"].tolist() == pytest.approx([wanted], rel=1e-6)
        largest = (own["N"] * own["D"]).max() / (rest["N"] * rest["D"]).max()
        assert found["distance"].tolist() == pytest.approx([np.log10(largest)])

    def test_targets_are_the_sizes_from_the_fourth_on(self, spoilt):
        rows = evidence.rolling_targets(sj.load_table(spoilt, run="model")).table.to_frame()
        assert rows.groupby("group", sort=False)["N"].nunique().tolist() == [4, 5, 6, 7]

    def test_no_other_run_of_the_targets_size_is_fitted(self, spoilt):
        """With two runs of each size, one of each pair trained longer: that one is the target."""
        short = spoilt.assign(model=spoilt["model"] + "-short", D=spoilt["D"] / 2)
        both = pd.concat([short, spoilt], ignore_index=True)
        targets = evidence.rolling_targets(sj.load_table(both, run="model"))
        for _, part in targets.by("run").to_frame().groupby("group"):
            own = part[part["N"] == part["N"].max()]
            assert set(own["cluster"]) == {f"m{own['N'].max():.3g}"}
            rest = part.loc[part["N"] < own["N"].max()]
            assert (rest.groupby("N")["cluster"].nunique() == 2).all()

    def test_without_checkpoints_a_size_stands_for_a_model(self, grid_errors):
        """Three sizes are fitted with all of their five runs, none of the target's size."""
        table = grid()
        size = np.unique(table["N"])[3]
        rest, own = table[table["N"] < size], table[table["N"] == size]
        with pytest.warns(sj.FitWarning, match="Weakly identified"):
            fit = sj.fit(rest, resamples=0)
        end = own[own["D"] > 0.7 * own["D"].max()]
        wanted = abs(LAW(end["N"].item(), end["D"].item(), **fit.params) / end["loss"].item() - 1)
        found = grid_errors[grid_errors["trial"] == evidence.THREE.name]
        assert len(found) == 3
        assert found["ARE"].notna().all()
        assert found["ARE"].iloc[0] == pytest.approx(float(wanted), rel=1e-5)

    def test_a_trial_with_the_rows_of_an_earlier_one_has_its_error(self, grid_errors):
        """Of six sizes five are left beside the target: all of them."""
        last = grid_errors[grid_errors["target"].str.endswith("3e+09")].set_index("trial")
        assert last["ARE"][evidence.FIVE.name] == last["ARE"][evidence.PLAIN.name] > 0
        assert compare(grid_errors, evidence.THREE, evidence.FIVE, 0.95)["targets"] == 1
        same = compare(grid_errors, evidence.PLAIN, evidence.FIVE, 0.95)
        assert (same["targets"], same["failed_before"]) == (0, 0)

    def test_sizes_are_counted_where_runs_are_named_too(self, spoilt):
        """Two runs of a size are one size; the shares of a training are of the run."""
        both = pd.concat([spoilt, spoilt.assign(model=spoilt["model"] + "b", D=spoilt["D"] / 2)])
        rows = evidence.rolling_targets(sj.load_table(both, run="model"))
        found = dict(
            zip(("run", "size", "borrowed"), evidence.studies(rows, LAW, None), strict=True)
        )
        assert [study.run for study, *_ in found.values()] == ["run", "size", "size"]
        assert evidence.FIVE in found["size"][2].values()
        assert evidence.ENDS in found["run"][2].values()
        rows = evidence.rolling_targets(sj.load_table(spoilt, run="model"))
        assert [study.run for study, *_ in evidence.studies(rows, LAW, None)] == ["run", "run"]


class TestRecommendations:
    def found(self, frame, errors=None, **options):
        """Recommendations from given errors: nothing is fitted."""
        table = sj.load_table(frame, **options)
        if errors is None:
            errors = pd.DataFrame(columns=["target", "trial", "ARE", "fitted", "distance"])
        found = recommend(table, Recipe(LAW).model, errors, None, 0.95, False)
        return {item.name: item for item in found}

    def errors(self, before, after, ratio):
        parts = [
            pd.DataFrame({"target": range(4), "trial": trial.name, "ARE": error})
            for trial, error in ((before, np.full(4, 0.01)), (after, np.full(4, 0.01) * ratio))
        ]
        errors = pd.concat(parts, ignore_index=True)
        return errors.assign(fitted=errors.index.astype(str), distance=1.0)

    def test_what_hurts_is_not_to_be_done(self, spoilt):
        errors = self.errors(evidence.PLAIN, evidence.TEN_BILLION, 2)
        early = self.found(spoilt, errors, run="model")["early tokens"]
        assert early.verdict == "hurts"
        assert not early.applies
        errors = self.errors(evidence.PLAIN, evidence.TEN_BILLION, 0.5)
        assert self.found(spoilt, errors, run="model")["early tokens"].applies

    def test_the_rows_of_the_rule_are_counted(self, spoilt):
        count = int((spoilt["D"] < 1e10).sum())
        early = self.found(spoilt, run="model")["early tokens"]
        assert f"before 10 billion tokens: {count} of {len(spoilt)} rows" in early.advice
        late = spoilt[spoilt["D"] > 1e10]
        early = self.found(late, run="model")["early tokens"]
        assert not early.applies
        assert "none of" in early.advice
        brief = spoilt.assign(D=spoilt["D"] / 10)
        count = sum(
            int((part["D"] < 0.1 * part["D"].max()).sum()) for _, part in brief.groupby("model")
        )
        early = self.found(brief, run="model")["early tokens"]
        assert f"first tenth of each training: {count} of" in early.advice

    def test_sizes_are_counted_in_each_family(self):
        """Ten sizes, two in each of five families: too few, and borrowing is made for it."""
        families = {f"F{k}": [1e8 * (1 + k / 10), 1e9 * (1 + k / 10)] for k in range(5)}
        found = by_name(sj.advise(plan(families), by="family"))
        assert found["number of sizes"].applies
        assert "5 of 5 families" in found["number of sizes"].advice
        assert "train 3 more" in found["number of sizes"].advice
        assert found["borrowing"].applies
        assert not found["larger runs"].applies
        rich = {"rich": np.geomspace(1e8, 1e10, 6), "poor": [1e8, 1e9, 2e9, 4e9]}
        found = by_name(sj.advise(plan(rich), by="family"))
        assert "1 of 2 families fall short; in poor" in found["number of sizes"].advice
        assert not found["borrowing"].applies

    def test_rounding_makes_no_new_size(self):
        frame = plan({"one": [1e8, 3e8, 1e9, 3e9]})[["N", "D"]]
        frame["N"] *= 1 + 1e-8 * np.arange(len(frame))
        assert "train 1 more" in by_name(sj.advise(frame))["number of sizes"].advice
        rows = evidence.rolling_targets(sj.load_table(frame.assign(loss=1.0)))
        assert len(rows.groups) == 1
        sizes = rows.by("size").to_frame()
        assert sizes.groupby("cluster")["N"].nunique().tolist() == [1, 1, 1, 1]

    def test_runs_that_determine_no_law_are_found_without_losses(self):
        """The words are those with which a fit refuses the same runs."""
        N = np.geomspace(5e7, 5e9, 8)
        line = pd.DataFrame({"N": N, "D": 20 * N})
        found = by_name(sj.advise(line))["identifiability"]
        assert found.applies
        with pytest.raises(sj.InputError) as refusal:
            sj.fit(line.assign(loss=losses(N, 20 * N)), resamples=0)
        (problem,) = refusal.value.problems
        assert problem.message.split(". To fit nevertheless")[0] in found.advice
        assert "E133" in found.advice
        fine = by_name(sj.advise(grid().drop(columns="loss")))["identifiability"]
        assert not fine.applies

    def test_laws_that_fit_on_one_side_only(self):
        made = {"before": np.nan, "after": 0.01, "failed_before": 3}
        one = Recommendation("name", "advice", True, "source", **made)
        assert one.verdict == "fits only with it"
        assert not one.harms
        made = {"before": 0.01, "after": np.nan, "failed_after": 3}
        other = Recommendation("name", "advice", True, "source", **made)
        assert other.verdict == "fits only without it"
        assert other.harms
        none = Recommendation("name", "advice", True, "source", failed_before=3, failed_after=3)
        assert none.verdict == "no law could be fitted"


class TestPlans:
    def test_a_plan_without_losses_gets_advice_without_held_out_errors(self):
        frame = pd.DataFrame({"N": [1e8, 3e8, 1e9], "D": [2e9, 6e9, 2e10]})
        found = sj.advise(frame, at={"N": 1e10, "D": 2e11})
        sizes = by_name(found)["number of sizes"]
        assert sizes.applies
        assert "train 2 more" in sizes.advice
        assert {item.verdict for item in found.recommendations} == {"not tested"}
        assert "a plan has no losses" in found.summary()
        assert found.summary().startswith("No losses")

    def test_numbers_that_may_be_the_loss_are_no_plan(self):
        frame = grid().rename(columns={"loss": "eval/score"})
        with pytest.raises(sj.InputError, match="eval/score") as refusal:
            sj.advise(frame)
        assert [problem.code for problem in refusal.value.problems] == ["E126"]
        assert sj.advise(frame, plan=True).planned
        assert workload(frame, plan=True).problems == 0

    def test_a_plan_may_have_an_empty_column_of_losses(self):
        assert sj.advise(grid().assign(loss=""), plan=True).planned

    def test_planned_repeats_are_seen(self):
        frame = pd.DataFrame({"N": [1e8, 1e8, 1e9], "D": [2e9, 2e9, 2e10]})
        seeds = by_name(sj.advise(frame))["seeds"]
        assert not seeds.applies
        assert "2 runs of the plan" in seeds.advice


class TestRepeats:
    TWINS = pd.DataFrame({"N": [1e8, 1e8, 1e9], "D": [2e9, 2e9, 2e10], "loss": [3.0, 3.06, 2.5]})

    def found(self, frame, **options):
        return find_repeats(sj.load_table(frame, **options), frame, False)

    def test_two_runs_differ_by_their_relative_difference(self):
        found = self.found(self.TWINS)
        assert found.difference == pytest.approx(0.06 / 3.03, rel=1e-12)
        assert (found.runs, found.separated_by) == (2, ())
        assert self.found(self.TWINS.iloc[1:]) is None

    def test_it_is_sqrt_2_standard_deviations(self):
        rng = np.random.default_rng(0)
        many = pd.DataFrame({"N": 1e8, "D": 2e9, "loss": 3 + 0.03 * rng.standard_normal(4000)})
        assert self.found(many).difference == pytest.approx(0.01 * np.sqrt(2), rel=0.05)

    def test_runs_of_two_families_are_no_repeats(self):
        N = np.geomspace(1e8, 3e9, 3)
        one = pd.DataFrame({"N": N, "D": 20 * N, "loss": losses(N, 20 * N), "family": "a"})
        two = pd.concat([one, one.assign(family="b", loss=1.05 * one["loss"])], ignore_index=True)
        assert self.found(two, by="family") is None

    def test_a_column_that_tells_runs_apart_is_named(self):
        sweep = self.TWINS.assign(lr=[1e-3, 3e-3, 1e-3])
        assert self.found(sweep).separated_by == ("lr",)
        kinds = pd.concat([sweep.assign(lr=1, kind=k, loss=sweep["loss"] + i) for i, k in
                           enumerate("ab")])  # fmt: skip
        # Within one kind the runs are repeats, whatever lies between kinds.
        assert self.found(kinds).separated_by == ()
        assert self.found(kinds).difference < 0.03
        seeds = self.TWINS.assign(seed=[1, 2, 1])
        assert self.found(seeds).separated_by == ()
        seeds = by_name(sj.advise(self.TWINS.assign(lr=[1e-3, 3e-3, 1e-3])))["seeds"]
        assert seeds.applies
        assert "differ in lr as well" in seeds.advice

    def test_of_checkpoints_the_ends_count(self, spoilt):
        twin = spoilt.assign(model=spoilt["model"] + "b", loss=spoilt["loss"] * 1.01)
        both = pd.concat([spoilt, twin], ignore_index=True)
        found = self.found(both, run="model")
        assert found.runs == 2 * len(SIZES)
        assert found.difference == pytest.approx(0.01 / 1.005, rel=1e-9)


class TestWorth:
    A, B = evidence.PLAIN, evidence.ENDS

    def errors(self, before, after):
        parts = [
            pd.DataFrame({"target": range(len(x)), "trial": trial.name, "ARE": x})
            for trial, x in ((self.A, before), (self.B, after))
        ]
        errors = pd.concat(parts, ignore_index=True)
        return errors.assign(fitted=errors.index.astype(str))

    def test_the_interval_is_of_the_ratio(self):
        before = np.array([0.01, 0.02, 0.04, 0.08])
        found = compare(self.errors(before, 2 * before), self.A, self.B, 0.95)
        assert [found[x] for x in ("lo", "ratio", "hi")] == pytest.approx([2, 2, 2], rel=1e-12)
        assert (found["before"], found["after"]) == pytest.approx((0.03, 0.06))

    def test_it_is_students_interval_of_the_mean_logarithm(self):
        rng = np.random.default_rng(0)
        before, after = 0.01 * np.exp(rng.standard_normal((2, 6)))
        found = compare(self.errors(before, after), self.A, self.B, 0.9)
        test = stats.ttest_rel(np.log(after), np.log(before))
        wanted = np.exp(test.confidence_interval(0.9))
        assert (found["lo"], found["hi"]) == pytest.approx(tuple(wanted), rel=1e-9)

    def test_where_nothing_changes_a_verdict_is_rare(self):
        """Three targets: 5 % of the intervals may miss; a bootstrap of the median misses 24 %."""
        rng = np.random.default_rng(1)
        wrong = 0
        for logs in 0.5 * rng.standard_normal((300, 3)):
            found = compare(
                self.errors(np.full(3, 0.01), 0.01 * np.exp(logs)), self.A, self.B, 0.95
            )
            wrong += found["hi"] < 1 or found["lo"] > 1
        assert wrong <= stats.binom.ppf(0.999, 300, 0.05)

    def test_errors_of_zero(self):
        found = compare(self.errors(np.zeros(3), np.zeros(3)), self.A, self.B, 0.95)
        assert (found["lo"], found["hi"]) == (1, 1)

    def test_targets_without_a_fit_are_counted_by_side_and_left_out_of_both(self):
        found = compare(self.errors([0.01, 0.02, 9.0], [0.02, 0.04, np.nan]), self.A, self.B, 0.95)
        assert (found["failed_before"], found["failed_after"]) == (0, 1)
        assert found["before"] == pytest.approx(0.015)
        assert np.isnan(found["lo"])
        found = compare(self.errors([np.nan] * 3, [0.02, 0.04, 0.06]), self.A, self.B, 0.95)
        assert (found["failed_before"], found["failed_after"]) == (3, 0)
        assert found["after"] == pytest.approx(0.04)
        assert np.isnan(found["before"])

    def test_expected_errors_are_of_runs_as_far_or_of_the_farthest_half(self):
        errors = pd.DataFrame({"trial": self.A.name, "ARE": np.arange(1, 9) / 100})
        errors["distance"] = np.arange(1, 9) / 10
        near = expected_error(errors, 1.0)
        assert (near.runs, near.nearest, near.farthest) == (4, 0.5, 0.8)
        assert near.error == pytest.approx(0.065)
        assert (near.lo, near.hi) == pytest.approx(
            tuple(np.quantile([5, 6, 7, 8], [0.25, 0.75]) / 100)
        )
        assert expected_error(errors, 5.0).runs == 4
        assert expected_error(errors.head(4), 5.0).runs == 3
        two = expected_error(errors.head(2), 5.0)
        assert two.runs == 2
        assert np.isnan(two.lo)
        assert expected_error(errors.assign(ARE=np.nan), 1.0) is None


class TestCommand:
    def run(self, *words):
        with pytest.raises(SystemExit) as end:
            main(["advise", *map(str, words)])
        return end.value.code

    def test_text_is_that_of_python(self, advice, spoilt, tmp_path, capsys):
        file = tmp_path / "runs.csv"
        spoilt.to_csv(file, index=False)
        assert self.run(file, "--run", "model", "--at", "N=70B,D=1.4T") == 0
        said = capsys.readouterr().out.strip()
        # Python's own words for an argument, and the terminal's.
        assert said.split() == advice.summary().replace("run=", "--run").split()

    def test_json_has_all_numbers(self, advice, tmp_path, capsys):
        document = json.loads(json.dumps(advice.to_dict(), allow_nan=False))
        assert document["distance"] == pytest.approx(advice.distance)
        assert document["expected"]["runs"] == 3
        file = tmp_path / "plan.csv"
        grid().assign(note=1).drop(columns="loss").to_csv(file, index=False)
        assert self.run(file, "--plan", "--json") == 0
        document = json.loads(capsys.readouterr().out)
        assert document["planned"]
        assert {item["verdict"] for item in document["recommendations"]} == {"not tested"}

    def test_a_loss_under_another_name_is_not_taken_for_a_plan(self, tmp_path, capsys):
        file = tmp_path / "runs.csv"
        grid().rename(columns={"loss": "eval/score"}).to_csv(file, index=False)
        assert self.run(file) == 1
        said = capsys.readouterr().err
        assert "eval/score" in said
        assert "--columns loss=" in said
        assert "--plan" in said

    @pytest.mark.slow
    def test_dry_run_counts_the_laws(self, spoilt, tmp_path, capsys):
        """By hand: 5 choices of rows and 1 borrowed at each of 4 targets, and 2, 2, 3 and 1
        choices of sizes that leave some out."""
        file = tmp_path / "runs.csv"
        spoilt.to_csv(file, index=False)
        assert self.run(file, "--run", "model", "--dry-run") == 0
        said = capsys.readouterr().out
        assert said.startswith("32 laws to fit, for 4 held-out runs")
        assert " s here" in said
