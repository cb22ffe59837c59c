"""Studies: which rows are chosen, how they are cut into shards, and the tables of results."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_runs import SIZES

import scalejax as sj
from scalejax.engine.layout import default_layout
from scalejax.folds import leave_last_run
from scalejax.studies import StudyFile, prepare
from scalejax.studies.shards import cut
from scalejax.studies.subsets import FamilyRows, Subset, choose_rows, subset_grid


def one_family(runs):
    part = runs[runs["family"] == "f0"]
    code = np.unique(part["model"], return_inverse=True)[1]
    return FamilyRows(part["N"].to_numpy(), part["D"].to_numpy(), code), part


def chosen(runs, target=True, part=0.3, **options):
    rows, frame = one_family(runs)
    found = choose_rows(rows, Subset(**options), target=target, target_part=part, seed=0)
    return frame.iloc[found.train], frame.iloc[found.test], found.reason


class TestSubsets:
    def test_the_target_is_the_end_of_the_largest_run(self, runs):
        train, test, _ = chosen(runs)
        assert {*test["N"]} == {SIZES.max()}
        assert test["D"].min() > 0.7 * test["D"].max()
        assert train["N"].max() == SIZES[-2]

    def test_the_largest_has_the_most_parameters_not_tokens(self):
        sizes, tokens = np.array([1e8, 1e9, 2e8]), np.array([5e10, 1e10, 9e10])
        fold = leave_last_run(sizes, tokens, np.arange(3), 0.3)
        assert fold.train.tolist() == [True, False, True]
        assert fold.test.tolist() == [False, True, False]

    def test_of_equal_sizes_the_one_trained_longest(self):
        fold = leave_last_run(np.array([1.0, 1.0]), np.array([2.0, 3.0]), np.array([0, 1]), 0.3)
        assert fold.test.tolist() == [False, True]

    @pytest.mark.parametrize(
        ("choose", "sizes"),
        [
            ("smallest", SIZES[:3]),
            ("largest", SIZES[2:5]),
            ("spread", SIZES[[0, 2, 4]]),
        ],
    )
    def test_which_runs(self, runs, choose, sizes):
        assert np.unique(chosen(runs, models=3, choose=choose)[0]["N"]).tolist() == [*sizes]

    def test_random_runs_repeat_with_their_number_and_differ_between_numbers(self, runs):
        picks = [
            frozenset(chosen(runs, models=2, choose="random", draw=draw)[0]["N"])
            for draw in [*range(12), 0]
        ]
        assert picks[0] == picks[-1]
        assert len({*picks}) > 3
        assert all(len(pick) == 2 for pick in picks)

    def test_parts_of_training(self, runs):
        train, _, _ = chosen(runs, until=0.5, drop=5e9, own=0.4)
        assert train["D"].min() >= 5e9
        others = train["N"] < SIZES.max()
        whole = runs[runs["family"] == "f0"].groupby("N")["D"].max()
        used = train["D"] / whole[train["N"]].to_numpy()
        assert used[others].max() <= 0.5
        assert used[~others].max() <= 0.4
        assert (~others).any()

    def test_what_is_fitted_is_not_predicted(self, runs):
        train, test, _ = chosen(runs, own=0.9)
        own = train[train["N"] == SIZES.max()]
        whole = runs[(runs["family"] == "f0") & (runs["N"] == SIZES.max())]["D"].max()
        np.testing.assert_allclose(own["D"] / whole, [0.1, 0.28, 0.46, 0.64, 0.82])
        assert (test["D"] / whole).tolist() == [1.0]

    def test_ends_alone(self, runs):
        train, _, _ = chosen(runs, since=1.0)
        whole = runs[(runs["family"] == "f0") & (runs["N"] < SIZES.max())]
        assert sorted(train["D"]) == sorted(whole.groupby("N")["D"].max())

    def test_without_a_target_all_is_used(self, runs):
        train, test, _ = chosen(runs, target=False)
        assert len(train) == 36
        assert len(test) == 0

    def test_what_cannot_be_done_has_a_reason(self, runs):
        assert "5 runs besides the target, not 7" in chosen(runs, models=7)[2]
        assert "no row" in chosen(runs, drop=1e15)[2]

    def test_a_grid_has_every_combination_once(self):
        grid = subset_grid(models=(None, 3), choose=("smallest", "random"), drop=(0, 1e9), draws=4)
        assert len({*grid}) == len(grid) == 2 * (1 + 1 + 4)

    @pytest.mark.parametrize("wrong", [{"models": -1}, {"until": 0}, {"own": 1}, {"choose": "big"}])
    def test_nonsense_is_refused(self, wrong):
        with pytest.raises(sj.UsageError):
            Subset(**wrong)


class TestUnits:
    @pytest.mark.parametrize(
        ("resampling", "column"),
        [("bayesian", "models"), ("cluster", "models"), ("pairs", "n_rows")],
    )
    def test_what_is_drawn(self, study, runs, resampling, column):
        """Whole runs, so that checkpoints of one do not count as many; rows if asked for."""
        frame = prepare(replace(study, resampling=resampling), runs).problems.frame()
        frame["models"] = frame["models"].replace(-1, 5)
        assert (frame["n_units"] == frame[column]).all()


class TestShards:
    @given(
        sizes=st.lists(st.integers(0, 700), min_size=1, max_size=40),
        resamples=st.integers(0, 300),
        fits=st.integers(1, 600),
    )
    def test_every_fit_is_in_one_shard(self, sizes, resamples, fits):
        class Some:
            def __init__(self):
                self.study = type("S", (), {"resamples": resamples, "recipes": (0, 0)})
                self.rows = np.array(sizes)

        shards = cut(Some(), fits)
        seen = [(k, draw) for s in shards for k in s.problems for draw in range(s.first, s.last)]
        wanted = [
            (k + recipe * len(sizes), draw)
            for recipe in (0, 1)
            for k, n in enumerate(sizes)
            if n
            for draw in range(resamples + 1)
        ]
        assert sorted(seen) == sorted(wanted)
        for shard in shards:
            assert shard.fits <= max(fits, 1)
            assert len(shard.problems) <= shard.width
            assert max(sizes[k % len(sizes)] for k in shard.problems) <= shard.length

    def test_fifty_families_of_fifty_sizes_are_few_shapes(self):
        class Some:
            study = type("S", (), {"resamples": 10, "recipes": (0,)})
            rows = np.arange(10, 500, 10)

        assert len({(s.length, s.width) for s in cut(Some(), 100)}) <= 8


class TestTables:
    """What a study asks of its table beyond what a fit does."""

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"family": "a / b"}, r"'family' holds ' / '.*first in row 1"),
            ({"family": ["a", None] * 54}, r"E128.*rows 2, 4.*name is empty"),
        ],
    )
    def test_names_that_cannot_be_joined(self, study, runs, change, words):
        several = replace(study, by=("corpus", "family"))
        with pytest.raises(sj.ScalejaxError, match=f"(?s){words}"):
            prepare(several, runs.assign(**change))
        with pytest.raises(sj.ScalejaxError, match=f"(?s){words}"):
            sj.fit_many(runs.assign(**change), by=["corpus", "family"])

    def test_columns_named_twice(self, study, runs):
        with pytest.raises(sj.UsageError, match="a column twice"):
            prepare(replace(study, by=("family", "family")), runs)

    def test_runs_of_several_sizes(self, study, runs):
        spoilt = runs.assign(model=runs["model"].str.replace("5e+07", "2e+07"))
        with pytest.raises(sj.InputError, match=r"(?s)E150.*3 runs change their N, 'f0-2e\+07'"):
            prepare(study, spoilt)
        # The same name in two families is two runs.
        twice = np.where(runs["family"] == "f1", 2.0, 1.0)
        prepare(study, runs.assign(model=runs["model"].str.slice(3), N=runs["N"] * twice))

    def test_groups_are_named_by_the_study(self, study, runs):
        with pytest.raises(sj.UsageError, match="say by= for the group"):
            prepare(study, runs, by="family")

    def test_a_part_of_the_frame_is_that_part(self, study, runs):
        problems = prepare(replace(study, by=("corpus", "family")), runs).problems
        whole, some = problems.frame(), np.array([7, 2, 11])
        pd.testing.assert_frame_equal(problems.frame(some), whole.iloc[some].reset_index(drop=True))
        assert whole["by corpus"].eq("c4").all()
        for k, n in enumerate(whole["n_rows"]):
            assert len(problems.dataset(k).train) == n


class TestStudies:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"recipes": ()},
            {"recipes": ("chinchilla", "chinchilla")},
            {"recipes": ("chinchilla", "kaplan_steps"), "resampling": "rows"},
            {"resampling": "cluster"},
            {"resamples": -1},
            {"level": 1.0},
            {"subsets": ()},
        ],
    )
    def test_nonsense_is_refused(self, wrong):
        with pytest.raises(sj.UsageError):
            sj.Study(**{"recipes": ("chinchilla",), **wrong})

    def test_automatic_delta_is_refused(self):
        with pytest.raises(sj.UsageError, match="auto"):
            sj.Recipe("chinchilla", objective=sj.huber("auto"))

    def test_nothing_to_fit_says_why(self, runs):
        study = sj.Study(recipes=("chinchilla",), by=("family",), subsets=(Subset(models=99),))
        with pytest.raises(sj.UsageError, match="not 99"):
            sj.study(study, runs)

    def test_one_is_as_good_as_a_list(self, study):
        single = replace(study, recipes="chinchilla", by="family", subsets=study.subsets[0])
        listed = replace(study, subsets=study.subsets[:1])
        assert single.describe() == listed.describe()

    @pytest.mark.parametrize("options", [{"seed": 2**63}, {"resamples": 2.5}, {"max_steps": 0}])
    def test_numbers_that_are_none(self, options):
        with pytest.raises(sj.UsageError, match=f"{next(iter(options))}= must be a whole number"):
            sj.Study(recipes="chinchilla", **options)
        with pytest.raises(sj.UsageError, match="models= must be a whole number"):
            Subset(models=2.5)

    def test_a_file_says_the_same(self, tmp_path, study):
        file = tmp_path / "study.toml"
        file.write_text(
            'data = "runs.csv"\nby = ["family"]\nrun = "model"\nlaws = ["chinchilla"]\n'
            "target_part = 0.5\nresamples = 20\nseed = 3\n"
            '[subsets]\nmodels = ["all", 4]\nuntil = [1.0, 0.6]\n'
        )
        found = StudyFile(file)
        assert found.data == "runs.csv"
        assert found.study.describe() == study.describe()

    def test_its_table_is_completed_and_reduced_as_elsewhere(self, tmp_path, runs):
        sizes = runs.drop_duplicates("model")[["model", "N"]]
        sizes.to_csv(tmp_path / "sizes.csv", index=False)
        file = tmp_path / "study.toml"
        file.write_text(
            'by = ["family"]\nrun = "model"\nlaws = ["chinchilla"]\ntarget = false\n'
            '[table]\nreduce = "final"\nruns = "sizes.csv"\n'
        )
        found = StudyFile(file)
        table = prepare(found.study, runs.drop(columns="N"), **found.table_options).problems.table
        assert table.n_rows == len(sizes)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("laws = [", "not valid TOML"),
            ('laws = ["chinchilla"]\nseeds = 1', "'seeds'"),
            (
                'laws = ["chinchilla"]\n[subsets]\nmodel = 3',
                r"model' is not known; known are models",
            ),
            ("[[recipe]]\nobjective = 'huber'", "law is missing"),
            ("[[recipe]]\nlaw = 'chinchilla'\nobjective = 'l2'", "'l2'"),
            ("laws = ['chinchilla']\nresampling = 'rows'", "resampling must be one of bayesian, "),
            (
                "laws = ['chinchilla']\nlevel = 2",
                "level must be a probability between 0 and 1, .* not 2",
            ),
            ("laws = ['chinchilla']\nresamples = 'many'", "resamples must be .* not 'many'"),
            ("laws = ['chinchilla']\n[subsets]\nmodels = ['al']", r"models\[0\] must .* not 'al'"),
            ("laws = ['chinchilla']\n[subsets]\nmodels = 2.5", r"models\[0\] must be .* not 2.5"),
            ("[[recipe]]\nlaw = 'chinchilla'\nbounds = {A = [1]}", "bounds.A must be two numbers"),
            ("seeds = 1\nlaws = 3", r"(?s)2 problems.*'seeds'.*laws\[0\] must be text, not 3"),
            (
                "laws = ['chinchila']\nlevel = 2\n[[recipe]]\nlaw = 'kaplan'\nfixed = {Q = 1}\n"
                "[subsets]\nuntil = 3\n[table]\ngroup = 'family'",
                r"(?s)5 problems.*laws\[0\]: There is no law.*level must be.*recipe\[0\]: 'Q'.*"
                r"subsets\[0\].until\[0\] must be.*table: 'group' is not known",
            ),
        ],
    )
    def test_a_wrong_file_says_what(self, tmp_path, text, message):
        file = tmp_path / "study.toml"
        file.write_text(text)
        with pytest.raises(sj.UsageError, match=message):
            StudyFile(file)


def test_the_plan_depends_on_the_study_alone(study, runs):
    """The same shards whatever the devices: results of many are those of one."""
    layout = default_layout()
    two = prepare(study, runs, layout=layout)
    more = replace(layout, devices=layout.devices * 4)
    many = prepare(study, runs, layout=more)
    assert two.shards == many.shards
