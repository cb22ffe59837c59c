"""Studies: which rows are chosen, many fits against single ones, and what jobs survive."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalejax as sj
from scalejax.cli import main
from scalejax.engine.layout import default_layout
from scalejax.studies import JobError, StudyFile, prepare
from scalejax.studies import run as running
from scalejax.studies.disk import DiskError, staged
from scalejax.studies.fingerprint import fingerprint
from scalejax.studies.folder import Folder
from scalejax.studies.results import _median_interval, summaries
from scalejax.studies.shards import cut
from scalejax.studies.subsets import Family, Subset, choose_rows, subset_grid, target_run

SIZES = np.array([2e7, 5e7, 1e8, 3e8, 1e9, 3e9])
TRUTH = sj.find_law("chinchilla").published["hoffmann2022-tex"]


def family(seed, noise=3e-3, sizes=SIZES, checkpoints=6):
    """A family of models with checkpoints, along Hoffmann's law."""
    rng = np.random.default_rng(seed)
    N, part = np.meshgrid(sizes, np.linspace(0.1, 1, checkpoints), indexing="ij")
    D = part * (20 * N + 1e10)
    loss = np.asarray(sj.find_law("chinchilla")(N, D, **TRUTH), float)
    frame = pd.DataFrame({"N": N.ravel(), "D": D.ravel(), "loss": loss.ravel()})
    frame["loss"] *= np.exp(noise * rng.standard_normal(len(frame)))
    return frame.assign(
        family=f"f{seed}", model=[f"f{seed}-{n:.0e}" for n in frame["N"]], corpus="c4"
    )


@pytest.fixture(scope="module")
def runs():
    return pd.concat([family(seed) for seed in range(3)], ignore_index=True)


@pytest.fixture(scope="module")
def study():
    return sj.Study(
        recipes=("chinchilla",),
        by=("family",),
        run="model",
        subsets=subset_grid(models=(None, 4), until=(1.0, 0.6)),
        # Three of six checkpoints, which is no power of two, so that padding shows.
        target_part=0.5,
        resamples=20,
        seed=3,
    )


@pytest.fixture(scope="module")
def result(study, runs):
    return sj.run_study(study, runs)


@pytest.fixture(scope="module", autouse=True)
def small():
    """Shards of a few problems, so that a small study has several, and all have one shape."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "cut", lambda problems, fits: cut(problems, 84))
        yield


def one_family(runs):
    part = runs[runs["family"] == "f0"]
    code = np.unique(part["model"], return_inverse=True)[1]
    return Family(part["N"].to_numpy(), part["D"].to_numpy(), code), part


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
        assert target_run(Family(sizes, tokens, np.arange(3))) == 1

    def test_of_equal_sizes_the_one_trained_longest(self):
        rows = Family(np.array([1.0, 1.0]), np.array([2.0, 3.0]), np.array([0, 1]))
        assert target_run(rows) == 1

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
            prepare(study, runs, group="family")

    def test_a_part_of_the_frame_is_that_part(self, study, runs):
        problems = prepare(replace(study, by=("corpus", "family")), runs).problems
        whole, some = problems.frame(), np.array([7, 2, 11])
        pd.testing.assert_frame_equal(problems.frame(some), whole.iloc[some].reset_index(drop=True))
        assert whole["by corpus"].eq("c4").all()
        for k, n in enumerate(whole["n_rows"]):
            assert len(problems.dataset(k).train) == n


class TestResults:
    def test_a_single_run_has_no_interval(self, runs):
        one = runs[runs["N"] == SIZES[0]]
        held = sj.Recipe("chinchilla", fixed={"A": TRUTH["A"], "alpha": TRUTH["alpha"]})
        study = sj.Study(recipes=(held,), by=("family",), run="model", target=False, resamples=10)
        found = sj.run_study(study, one)
        free = found.frame[found.frame["quantity"] == "beta"]
        assert free["status"].eq("converged").all()
        assert free["b_used"].eq(0).all()
        assert free[["stderr", "lo", "hi"]].isna().all(axis=None)
        assert "3 rest on a single run" in found.summary()

    def test_median_of_drawn_families_is_that_of_their_problems(self):
        rng = np.random.default_rng(0)
        part = pd.DataFrame({"family": rng.choice(list("abcd"), 41), "estimate": rng.random(41)})
        by_value = part.sort_values("estimate")
        values = {name: x["estimate"].to_numpy() for name, x in by_value.groupby("family")}
        names, draw = list(dict.fromkeys(by_value["family"])), np.random.default_rng(7)
        middles = [
            np.median(np.concatenate([values[names[k]] for k in draw.integers(0, 4, 4)]))
            for _ in range(1000)
        ]
        for level in (0.1, 0.3, 0.5, 0.7, 0.9):
            expected = np.quantile(middles, [(1 - level) / 2, (1 + level) / 2])
            np.testing.assert_allclose(_median_interval(part, level, 7), expected, rtol=1e-12)

    def test_what_was_held_out_is_read_alone(self, study, runs, result, tmp_path):
        kept = sj.run_study(study, runs, out=tmp_path / "job")
        for name in ("held_out", "failed"):
            pd.testing.assert_frame_equal(
                getattr(kept, name), getattr(result, name).reset_index(drop=True)
            )

    def test_one_row_for_each_problem_and_quantity(self, result):
        frame = result.frame
        assert len(frame) == 3 * 4 * 7
        assert not frame.duplicated(["problem", "quantity"]).any()
        assert {*frame["quantity"]} == {"ARE", "bias", "E", "A", "alpha", "B", "beta"}
        assert (frame["b_asked"] == 20).all()

    def test_estimates_are_those_of_single_fits(self, result, runs):
        """Fits of the same rows by `fit`; both stop at a Newton decrement of 1e-20."""
        one = result.wide().set_index(["family", "models", "until"])
        rows = (runs["family"] == "f1") & (runs["N"] < SIZES.max())
        fit = sj.fit(runs[rows], cluster="model")
        found = one.loc[("f1", -1, 1.0)]
        for name, value in fit.params.items():
            assert found[name] == pytest.approx(value, rel=1e-7)

    def test_errors_are_those_of_the_fitted_law(self, result, runs):
        found = result.wide().set_index(["family", "models", "until"]).loc[("f2", -1, 1.0)]
        target = runs[(runs["family"] == "f2") & (runs["N"] == SIZES.max())]
        target = target[target["D"] > 0.5 * target["D"].max()]
        assert len(target) == 3
        law = sj.find_law("chinchilla")
        theta = {name: found[name] for name in law.parameters}
        N, D, loss = (target[name].to_numpy() for name in ("N", "D", "loss"))
        error = np.asarray(law(N, D, **theta), float) / loss - 1
        assert found["ARE"] == pytest.approx(np.mean(np.abs(error)), rel=1e-9)
        assert found["bias"] == pytest.approx(np.mean(error), rel=1e-9)

    def test_absolute_relative_error_case_a94(self):
        """A94: predictions 2.1 and 1.9 of losses 2.0 have an error of 5 %, by a law held fixed."""
        rows = pd.DataFrame({"N": [1e6, 2e6, 3e6, 1e9, 1e9], "D": [1e9] * 5}).assign(
            loss=[2.0, 2.0, 2.0, 2 / 1.05, 2 / 0.95], model=["a", "b", "c", "d", "d"]
        )

        @sj.law
        def constant(N, *, E: sj.Positive):
            return E * (N / N)

        found = sj.run_study(
            sj.Study(
                recipes=(sj.Recipe(constant, objective=sj.least_squares()),),
                run="model",
                target_part=1,
                resamples=0,
            ),
            rows,
        )
        assert found.wide()["ARE"][0] == pytest.approx(0.05, abs=1e-12)

    def test_recipes_share_their_resamples(self, runs, study):
        """A law and itself with another name see the same draws."""
        twins = (sj.Recipe("chinchilla"), sj.Recipe("chinchilla", label="again"))
        frame = sj.run_study(replace(study, recipes=twins), runs).frame
        frame = frame.set_index(["recipe", "family", "models", "until", "quantity"])
        numbers = ["estimate", "stderr", "lo", "hi"]
        assert frame.loc["chinchilla"][numbers].equals(frame.loc["again"][numbers])

    def test_families_have_resamples_of_their_own(self, runs, study):
        """The same rows in two families: one estimate, but other draws."""
        f0 = runs[runs["family"] == "f0"]
        twins = pd.concat([f0, f0.assign(family="twin")], ignore_index=True)
        frame = sj.run_study(study, twins).frame.set_index(["models", "until", "quantity"])
        one, two = (frame[frame["family"] == name] for name in ("f0", "twin"))
        np.testing.assert_allclose(one["estimate"], two["estimate"], rtol=1e-9)
        assert not np.any(np.isclose(one["lo"], two["lo"], rtol=1e-6))

    def test_families_of_several_columns(self, runs, study):
        frame = sj.run_study(replace(study, by=("corpus", "family")), runs).frame
        assert {*frame["family"]} == {"c4 / f0", "c4 / f1", "c4 / f2"}
        assert {*frame["by corpus"]} == {"c4"}

    def test_what_failed_is_listed_and_not_averaged(self, runs, study, tmp_path):
        """One size cannot tell E from A: the data leave a direction open."""
        hard = replace(study, subsets=subset_grid(models=(None, 1, 3, 4, 9)))
        found = sj.run_study(hard, runs, out=tmp_path / "job")
        assert {*found.failed["models"]} == {1}
        assert {*found.failed["status"]} <= {"not_identified", "max_steps", "stalled", "bad_input"}
        assert found.failed["what_to_do"].str.len().min() > 20
        assert {*found.skipped["models"]} == {9}
        bad = found.frame[found.frame["models"] == 1]
        assert bad[["lo", "hi", "stderr"]].isna().all(axis=None)
        errors = found.errors("models").set_index("models")
        assert errors.loc[1, ["problems", "failed"]].tolist() == [0, 3]
        assert errors.loc[-1, ["problems", "failed"]].tolist() == [3, 0]
        text = found.summary()
        assert "3 failed" in text
        assert "3 of 15 were skipped" in text
        fits = pd.concat(map(pd.read_parquet, sorted((tmp_path / "job" / "shards").iterdir())))
        refits = fits[fits["problem"].isin(found.failed["problem"]) & (fits["draw"] > 0)]
        assert {*refits["status"]} == {sj.Status.SKIPPED}

    def test_draws_that_failed_are_counted_and_left_out(self, result, study, runs, tmp_path):
        sj.run_study(study, runs, out=tmp_path)
        shards = [pd.read_parquet(path) for path in sorted((tmp_path / "shards").iterdir())]
        first, second = shards[0]["problem"].unique()[:2]
        failed = (shards[0]["problem"] == first) & shards[0]["draw"].between(1, 5)
        shards[0].loc[failed, ["status", "parameter alpha"]] = [sj.Status.MAX_STEPS, 1e9]
        bad = (shards[0]["problem"] == second) & (shards[0]["draw"] == 0)
        shards[0].loc[bad, "status"] = sj.Status.NOT_IDENTIFIED
        tables = [pa.Table.from_pandas(part, preserve_index=False) for part in shards]
        found = pd.concat(part.to_pandas() for part in summaries(result.problems, tables))
        found = found[found["quantity"] == "alpha"].set_index("problem")
        good = shards[0][(shards[0]["problem"] == first) & ~failed & (shards[0]["draw"] > 0)]
        assert found.loc[first, "b_used"] == len(good) == 15
        expected = np.quantile(good["parameter alpha"], [0.025, 0.975])
        assert found.loc[first, "lo"] == pytest.approx(expected[0], rel=1e-12)
        assert found.loc[first, "hi"] == pytest.approx(expected[1], rel=1e-12)
        assert np.isnan(found.loc[second, "lo"])
        assert found.loc[second, "status"] == "not_identified"

    @pytest.mark.slow
    def test_resamples_may_be_cut_over_shards(self, study, runs, result, monkeypatch):
        """Each draw is what it is, wherever it is solved."""
        monkeypatch.setattr(running, "cut", lambda problems, fits: cut(problems, 12))
        parts = sj.run_study(study, runs).frame
        keys = ["problem", "quantity"]
        one, two = (frame.sort_values(keys, ignore_index=True) for frame in (result.frame, parts))
        numbers = ["estimate", "stderr", "lo", "hi"]
        pd.testing.assert_frame_equal(one.drop(columns=numbers), two.drop(columns=numbers))
        # Another shape is another program, which rounds in its own way.
        np.testing.assert_allclose(two[numbers], one[numbers], rtol=1e-6)

    def test_intervals_cover_the_parameters(self, result):
        """With 36 intervals of 95 % and few runs, at least two thirds must hold the truth."""
        frame = result.usable
        frame = frame[frame["quantity"].isin([*TRUTH])]
        truth = frame["quantity"].map(TRUTH)
        assert np.mean((frame["lo"] <= truth) & (truth <= frame["hi"])) > 0.66


class TestPictures:
    def test_points_are_medians_and_all_runs_come_last(self, result):
        wide = result.wide()
        left, right = sj.plots.plot_study_panels(result)
        for ax, name, order, ticks in (
            (left, "models", [4, -1], ["4", "all"]),
            (right, "until", [0.6, 1.0], ["60 %", "100 %"]),
        ):
            assert [label.get_text() for label in ax.get_xticklabels()] == ticks
            drawn = ax.get_legend_handles_labels()[0][0].lines[0]
            medians = wide.groupby(name)["ARE"].median().loc[order]
            np.testing.assert_allclose(drawn.get_ydata(), medians, rtol=1e-12)
            np.testing.assert_allclose(drawn.get_xdata(), [0, 1], atol=1e-12)

    def test_recipes_stand_side_by_side(self, result):
        frame = result.frame
        two = pd.concat([frame, frame.assign(recipe="other")])
        ax = sj.plots.plot_study(result.of(two), "models")
        first, second = (handle.lines[0] for handle in ax.get_legend_handles_labels()[0])
        assert np.all(np.asarray(first.get_xdata()) < second.get_xdata())

    def test_many_recipes_differ_in_colour_marker_or_line(self, result):
        frame = result.frame
        names = [f"recipe {k}" for k in range(12)]
        many = result.of(pd.concat([frame.assign(recipe=name) for name in names]))
        panels = sj.plots.plot_study_panels(many)
        handles = panels[0].get_legend_handles_labels()[0]
        lines = [handle.lines[0] for handle in handles]
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}
        assert len(looks) == 12
        figure = panels[0].figure
        figure.canvas.draw()
        (legend,) = figure.legends
        assert len(legend.get_texts()) == 12
        box = legend.get_window_extent()
        assert not any(box.overlaps(ax.get_tightbbox()) for ax in panels)
        for ax in panels:
            label = ax.xaxis.label.get_window_extent()
            assert figure.bbox.x0 <= label.x0
            assert label.x1 <= figure.bbox.x1

    def test_a_point_of_one_family_is_hollow(self, result):
        frame = result.frame
        few = frame[(frame["family"] == "f0") | (frame["models"] == 4)]
        ax = sj.plots.plot_study(result.of(few), "models")
        whole = ax.get_legend_handles_labels()[0][0].lines[0]
        (hollow,) = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
        # Four runs of three families, and all runs of one.
        assert hollow.get_xdata().tolist() == [whole.get_xdata()[1]]

    def test_nothing_held_out_is_said(self, result):
        parameters = result.frame[result.frame["quantity"] != "ARE"]
        with pytest.raises(sj.UsageError, match="nothing was held out"):
            sj.plots.plot_study(result.of(parameters))


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
            sj.run_study(study, runs)

    def test_one_is_as_good_as_a_list(self, study):
        single = replace(study, recipes="chinchilla", by="family", subsets=study.subsets[0])
        listed = replace(study, subsets=study.subsets[:1])
        assert single.describe() == listed.describe()

    @pytest.mark.parametrize("options", [{"seed": 2**63}, {"resamples": 2.5}, {"max_steps": 0}])
    def test_numbers_that_are_none(self, options):
        with pytest.raises(sj.UsageError, match=f"{next(iter(options))} is a whole number"):
            sj.Study(recipes="chinchilla", **options)
        with pytest.raises(sj.UsageError, match="number of runs"):
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
            ("laws = ['chinchilla']\nresampling = 'rows'", "resampling: .*'bayesian'"),
            ("laws = ['chinchilla']\nlevel = 2", "level lies between"),
            ("laws = ['chinchilla']\nresamples = 'many'", "resamples: .* not 'many'"),
            ("laws = ['chinchilla']\n[subsets]\nmodels = ['al']", r"models\[0\]: .* not 'al'"),
            ("laws = ['chinchilla']\n[subsets]\nmodels = 2.5", r"models\[0\]: .* not 2.5"),
            ("[[recipe]]\nlaw = 'chinchilla'\nbounds = {A = [1]}", r"bounds.A\[1\] is missing"),
            ("seeds = 1\nlaws = 3", r"(?s)2 problems.*laws\[0\]: .* not 3.*'seeds'"),
            (
                "laws = ['chinchila']\nlevel = 2\n[[recipe]]\nlaw = 'kaplan'\nfixed = {Q = 1}\n"
                "[subsets]\nuntil = 3\n[table]\ngroup = 'family'",
                r"(?s)5 problems.*laws\[0\]: There is no law.*recipe\[0\]: 'Q'.*subsets\[0\]: "
                r"since.*\[table\] has group.*study: .*level",
            ),
        ],
    )
    def test_a_wrong_file_says_what(self, tmp_path, text, message):
        file = tmp_path / "study.toml"
        file.write_text(text)
        with pytest.raises(sj.UsageError, match=message):
            StudyFile(file)


def bytes_of(folder):
    """All that a job found, byte for byte."""
    files = [folder / "results.parquet", *sorted((folder / "shards").iterdir())]
    return {file.name: file.read_bytes() for file in files}


def answer_from(job, monkeypatch):
    """Shards are found in a finished job instead of being solved."""
    monkeypatch.setattr(
        running,
        "solve_shard",
        lambda problems, shard, layout: pq.read_table(Folder(job).shard(shard.number)),
    )


@pytest.fixture
def job(study, runs, tmp_path):
    """A finished job of several shards."""
    folder = tmp_path / "job"
    sj.run_study(study, runs, out=folder)
    return folder


class TestJobs:
    def test_a_folder_and_memory_give_the_same(self, job, result):
        found = sj.resume_study(job)
        pd.testing.assert_frame_equal(found.frame, result.frame)

    def test_stopped_anywhere_and_resumed_is_byte_identical(self, study, runs, job, tmp_path):
        whole = bytes_of(job)
        for stop in (1, 2):
            folder = tmp_path / f"stopped{stop}"
            left = iter([None] * (stop - 1))

            def halt(progress, left=left):
                if next(left, "stop") == "stop":
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                sj.run_study(study, runs, out=folder, progress=halt)
            done = len(Folder(folder).done())
            assert done == stop
            seen = []
            sj.resume_study(folder, progress=seen.append)
            assert seen[0].before == sum(
                pq.read_metadata(folder / "shards" / f"{k:06d}.parquet").num_rows
                for k in range(done)
            )
            assert bytes_of(folder) == whole

    def test_a_torn_shard_is_done_again_and_the_others_are_kept(self, job):
        whole = bytes_of(job)
        path = job / "shards" / "000001.parquet"
        kept = (job / "shards" / "000000.parquet").stat().st_mtime_ns
        content = path.read_bytes()
        for cut_at in np.linspace(0, len(content) - 1, 10).astype(int):
            path.write_bytes(content[:cut_at])
            assert 1 not in Folder(job).done()
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 1
        path.write_bytes(bytes(flipped))
        sj.resume_study(job)
        assert bytes_of(job) == whole
        assert (job / "shards" / "000000.parquet").stat().st_mtime_ns == kept

    def test_a_torn_manifest_loses_one_shard_only(self, job):
        manifest = job / "manifest-0.jsonl"
        before = len(Folder(job).done())
        manifest.write_bytes(manifest.read_bytes()[:-20])
        assert len(Folder(job).done()) == before - 1
        sj.resume_study(job)
        assert len(Folder(job).done()) == before

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"seed": 4}, "study seed: 3 -> 4"),
            ({"resamples": 10}, "study resamples: 20 -> 10"),
            ({"recipes": ("chinchilla_tied",)}, "law chinchilla_tied: not there -> "),
        ],
    )
    def test_another_study_is_refused_with_the_difference(self, job, runs, study, change, named):
        other = sj.Study(**{**vars(study), **change})
        with pytest.raises(JobError, match=named):
            sj.run_study(other, runs, out=job)

    def test_other_data_versions_and_shapes_are_refused(self, job, runs, study, monkeypatch):
        with pytest.raises(JobError, match="rows: "):
            sj.run_study(study, runs.assign(loss=runs["loss"] * 1.001), out=job)
        monkeypatch.setattr("jax.__version__", "0.0")
        with pytest.raises(JobError, match=r"jax: .* -> 0.0"):
            sj.resume_study(job)
        monkeypatch.undo()
        monkeypatch.setattr(running, "cut", cut)
        with pytest.raises(JobError, match="shards: "):
            sj.resume_study(job)

    def test_an_edited_law_is_refused(self, runs, tmp_path):
        def declared(factor):
            @sj.law(linear=("E",))
            def mine(N, D, *, E: sj.Positive):
                return E + factor * N**-0.3 + D**-0.3

            return mine

        def run(law):
            study = sj.Study(recipes=(law,), by=("family",), run="model", resamples=0)
            return sj.run_study(study, runs, out=tmp_path / "job")

        run(declared(400.0))
        with pytest.raises(JobError, match="law mine"):
            run(declared(401.0))

    def test_a_law_of_ones_own_must_be_given_to_resume(self, runs, tmp_path):
        file = tmp_path / "mylaws.py"
        file.write_text(
            "from scalejax import Positive, law\n"
            '@law(linear=("E", "A"))\n'
            "def mine(N, D, *, E: Positive, A: Positive):\n"
            "    return E + A * N**-0.3 + 0 * D\n"
        )
        name = f"{file}:mine"
        study = sj.Study(recipes=(name,), by=("family",), run="model", resamples=0)
        whole = sj.run_study(study, runs, out=tmp_path / "job").frame
        for module in [m for m in sys.modules if "mylaws" in m]:
            del sys.modules[module]
        with pytest.raises(sj.LawError, match="runs no code"):
            sj.resume_study(tmp_path / "job")
        found = sj.resume_study(tmp_path / "job", laws={name: name})
        pd.testing.assert_frame_equal(found.frame, whole)

    def test_a_second_process_is_refused(self, job):
        (job / "results.parquet").unlink()
        code = (
            "import sys, time\nfrom scalejax.studies.folder import Folder\n"
            f"with Folder({str(job)!r}).ready(0):\n"
            "    print('locked', flush=True)\n    time.sleep(60)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == b"locked\n"
            with pytest.raises(JobError, match=f"process {other.pid} on "):
                sj.resume_study(job)
            other.kill()
            other.wait()
        # The lock of a process that died is free.
        assert sj.resume_study(job) is not None

    def test_processes_share_a_job(self, study, runs, job, tmp_path):
        folder = tmp_path / "shared"
        assert sj.run_study(study, runs, out=folder, process=(1, 2)) is None
        assert sj.run_study(study, runs, out=folder, process=(0, 2)) is not None
        assert bytes_of(folder) == bytes_of(job)

    def test_the_shards_of_a_lost_process_are_picked_up(self, study, runs, job, tmp_path):
        folder = tmp_path / "lost"
        assert sj.run_study(study, runs, out=folder, process=(2, 4)) is None
        assert sj.resume_study(folder) is not None
        assert bytes_of(folder) == bytes_of(job)

    def test_a_folder_with_other_files_is_refused(self, study, runs, tmp_path):
        (tmp_path / "thesis.tex").write_text("")
        with pytest.raises(sj.UsageError, match="other files"):
            sj.run_study(study, runs, out=tmp_path)
        with pytest.raises(sj.UsageError, match="is a file"):
            sj.run_study(study, runs, out=tmp_path / "thesis.tex")
        with pytest.raises(JobError, match="no job"):
            sj.resume_study(tmp_path)

    def test_a_full_disk_leaves_what_is_done(self, study, runs, job, tmp_path, monkeypatch):
        folder = tmp_path / "full"
        write = pq.write_table
        written = []

        def full(table, path, **options):
            if len(written) == 3:  # the rows and two shards
                raise OSError(28, "No space left on device")
            written.append(path)
            write(table, path, **options)

        monkeypatch.setattr(pq, "write_table", full)
        with pytest.raises(DiskError, match="No space left"):
            sj.run_study(study, runs, out=folder)
        monkeypatch.setattr(pq, "write_table", write)
        assert len(Folder(folder).done()) == 2
        sj.resume_study(folder)
        assert bytes_of(folder) == bytes_of(job)


def write(name, content):
    def damage(folder):
        (folder / name).write_bytes(content)

    return damage


def halve(name):
    def damage(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def edit_job(change):
    def damage(folder):
        found = json.loads((folder / "job.json").read_text())
        change(found)
        (folder / "job.json").write_text(json.dumps(found))

    return damage


class TestDamage:
    @pytest.mark.parametrize(
        "damage",
        [
            *(write("job.json", text) for text in (b"", b"[]", b"null", b"{}", b"\xff\xfe")),
            write("job.json", b'{"schema": "x"}'),
            halve("job.json"),
            edit_job(lambda found: found.pop("table")),
            edit_job(lambda found: found["table"].pop("notes")),
            edit_job(lambda found: found["study"].pop("by")),
            edit_job(lambda found: found["study"].update(colour="red")),
            edit_job(lambda found: found["study"].update(seed="x")),
        ],
    )
    def test_a_damaged_description_is_said(self, job, damage):
        damage(job)
        with pytest.raises(JobError, match=r"job.json is damaged .* another folder"):
            sj.resume_study(job)

    def test_no_job_begins_in_a_damaged_one(self, study, runs, job, tmp_path):
        ready = prepare(study, runs)
        assert running.fits_folder(ready, job)
        assert running.fits_folder(ready, tmp_path / "new")
        write("job.json", b"[]")(job)
        assert not running.fits_folder(ready, job)
        assert not running.fits_folder(ready, tmp_path)

    @pytest.mark.parametrize(
        "damage",
        [
            write("rows.parquet", b""),
            halve("rows.parquet"),
            lambda folder: (folder / "rows.parquet").unlink(),
            lambda folder: pq.write_table(
                pq.read_table(folder / "rows.parquet").slice(0, 50), folder / "rows.parquet"
            ),
        ],
    )
    def test_damaged_rows_are_said_and_written_anew(self, study, runs, job, damage, monkeypatch):
        rows = (job / "rows.parquet").read_bytes()
        damage(job)
        with pytest.raises(JobError, match=r"rows.parquet is damaged or gone .* intact: run"):
            sj.resume_study(job)
        monkeypatch.setattr(running, "solve_shard", None)
        sj.run_study(study, runs, out=job)
        assert (job / "rows.parquet").read_bytes() == rows

    def test_lines_that_are_none_are_passed_over(self, job, monkeypatch):
        done = Folder(job).done()
        good = json.loads((job / "manifest-0.jsonl").read_text().split("\n")[0])
        wrong = [{"shard": "../../x"}, {"shard": -1}, {"fits": None}, {"size": 1.5}, {"more": 1}]
        lines = [json.dumps({**good, **change}).encode() for change in wrong]
        lines += [b"\xff\xfe\x00", b"[1, 2]", b"3", b"{"]
        with (job / "manifest-0.jsonl").open("ab") as file:
            file.write(b"".join(b"\n" + line for line in lines))
        assert Folder(job).done() == done

    def test_a_shard_that_the_job_has_not_does_not_count(self, job):
        whole = bytes_of(job)
        first, *others = (job / "manifest-0.jsonl").read_text().split("\n")
        line = {**json.loads(first), "shard": 77}
        shards = job / "shards"
        (shards / "000077.parquet").write_bytes((shards / "000000.parquet").read_bytes())
        (job / "manifest-0.jsonl").write_text("\n".join([json.dumps(line), *others]))
        sj.resume_study(job)
        (shards / "000077.parquet").unlink()
        assert bytes_of(job) == whole
        assert 0 in Folder(job).done()

    def test_missing_shards_and_results_are_made_again(self, job, monkeypatch):
        whole = bytes_of(job)
        shutil.rmtree(job / "shards")
        sj.resume_study(job)
        assert bytes_of(job) == whole
        monkeypatch.setattr(running, "solve_shard", None)
        for name in ("results.parquet", "results.json"):
            halve(name)(job)
            sj.resume_study(job)
            assert bytes_of(job) == whole

    def test_two_writers_of_one_file_do_not_meet(self, tmp_path):
        """Processes in two containers may have the same number."""
        path = tmp_path / "file"
        with staged(path) as one, staged(path) as two:
            one.write_text("one")
            two.write_text("two")
        assert path.read_text() == "one"
        assert list(tmp_path.iterdir()) == [path]


class TestDisks:
    def full(self, *_, **__):
        raise OSError(30, "Read-only file system")

    @pytest.mark.parametrize("call", ["filelock.FileLock.acquire", "pathlib.Path.write_bytes"])
    def test_before_the_first_shard(self, files, tmp_path, capsys, monkeypatch, call):
        monkeypatch.setattr(call, self.full)
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 74
        assert "Read-only file system" in capsys.readouterr().err
        monkeypatch.undo()
        with Folder(tmp_path / "job").ready(0):
            pass

    def test_what_is_finished_is_shown_without_writing(self, job, study, runs, monkeypatch, result):
        before = {path: path.stat().st_mtime_ns for path in job.rglob("*")}
        for call in ("filelock.FileLock.acquire", "pathlib.Path.mkdir", "pathlib.Path.replace"):
            monkeypatch.setattr(call, self.full)
        monkeypatch.setattr(running, "summaries", None)
        pd.testing.assert_frame_equal(sj.resume_study(job).frame, result.frame)
        pd.testing.assert_frame_equal(sj.run_study(study, runs, out=job).frame, result.frame)
        assert {path: path.stat().st_mtime_ns for path in job.rglob("*")} == before


class TestFingerprints:
    def test_numbers_within_a_law_count(self, study, runs):
        """Also those that a traced law does not show: arrays, and what its slopes are."""
        job = prepare(study, runs)

        def mark(grid, slope=1.0):
            table = jnp.asarray(grid)
            inner = jax.jit(lambda x: jnp.sum(table * x))

            @jax.custom_jvp
            def steep(x):
                return x + 0.0

            steep.defjvp(lambda x, t: (x[0], slope * t[0]))

            @sj.law(linear=("E",))
            def mine(N, D, *, E: sj.Positive, A: sj.Positive):
                return E + steep(A) * inner(N) ** -0.3 + D**-0.3

            problems = replace(job.problems, study=replace(study, recipes=(mine,)))
            return fingerprint(problems, job.shards, job.layout, {})["law mine"]

        assert mark([1.0, 2.0]) == mark([1.0, 2.0])
        assert mark([1.0, 2.0]) != mark([1.0, 2.5])
        assert mark([1.0, 2.0]) != mark([1.0, 2.0], slope=1.1)


class Lost:
    """Python drops what is raised while it is destroyed, as in JAX's hook of the collector."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)


class TestStops:
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
    def test_a_lost_signal_stops_after_the_shard(
        self, files, job, tmp_path, capsys, monkeypatch, number, code
    ):
        answer_from(job, monkeypatch)
        answer = running.solve_shard

        def solve(problems, shard, layout):
            lost = Lost(number)
            del lost
            return answer(problems, shard, layout)

        monkeypatch.setattr(running, "solve_shard", solve)
        before = signal.getsignal(number)
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(tmp_path / "other"), "--quiet"])
        assert end.value.code == code
        assert f"scalejax resume {tmp_path / 'other'}" in capsys.readouterr().err
        assert [*Folder(tmp_path / "other").done()] == [0]
        assert signal.getsignal(number) is before


class TestDevices:
    def failing(self, monkeypatch, times, message):
        from jax.errors import JaxRuntimeError

        solve, left = running.solve_shard, [times]
        tried = []

        def sometimes(problems, shard, layout):
            tried.append((layout.chunk, layout.lanes))
            if left[0]:
                left[0] -= 1
                raise JaxRuntimeError(message)
            return solve(problems, shard, layout)

        monkeypatch.setattr(running, "solve_shard", sometimes)
        return tried

    def test_out_of_memory_halves_the_chunk_and_changes_nothing(
        self, study, runs, job, tmp_path, monkeypatch, caplog
    ):
        tried = self.failing(monkeypatch, 2, "RESOURCE_EXHAUSTED: out of memory")
        folder = tmp_path / "small"
        sj.run_study(study, runs, out=folder)
        whole, lanes = default_layout().chunk, default_layout().lanes
        assert [chunk for chunk, _ in tried] == [
            whole,
            whole // 2,
            *[whole // 4] * len(Folder(job).done()),
        ]
        assert {at_a_time for _, at_a_time in tried} == {lanes}
        said = [record.message for record in caplog.records if "memory" in record.message]
        assert said == [f"out of memory: going on with {whole // 4} problems at a time"]
        assert bytes_of(folder) == bytes_of(job)

    def test_fewer_lanes_are_said_and_recorded(
        self, study, runs, job, tmp_path, monkeypatch, caplog
    ):
        """A chunk that leaves lanes empty is worked on in fewer, which need less memory."""
        answer_from(job, monkeypatch)
        times = (default_layout().chunk // default_layout().lanes).bit_length()
        tried = self.failing(monkeypatch, times, "RESOURCE_EXHAUSTED: out of memory")
        sj.run_study(study, runs, out=tmp_path / "small")
        lanes = default_layout().lanes
        assert tried[times - 1 : times + 1] == [(lanes, lanes), (lanes // 2, lanes // 2)]
        assert "last digits" in caplog.text
        assert {line.lanes for line in Folder(tmp_path / "small").done().values()} == {lanes // 2}
        assert {line.lanes for line in Folder(job).done().values()} == {lanes}

    def test_memory_that_never_suffices_ends(self, study, runs, monkeypatch):
        self.failing(monkeypatch, 99, "RESOURCE_EXHAUSTED: out of memory")
        with pytest.raises(JobError, match="memory"):
            sj.run_study(study, runs)

    def test_another_failure_is_tried_once_more(self, study, runs, result, monkeypatch):
        self.failing(monkeypatch, 1, "INTERNAL: device lost")
        assert len(sj.run_study(study, runs).frame) == len(result.frame)
        self.failing(monkeypatch, 2, "INTERNAL: device lost")
        with pytest.raises(JobError, match=r"failed twice: .*device lost.*resume"):
            sj.run_study(study, runs)


SCRIPT = """
import os, sys, time
os.environ["SCALEJAX_NO_CACHE"] = "1"
from scalejax.studies import run as running
from scalejax.studies.shards import cut
running.cut = lambda problems, fits: cut(problems, 84)
solve = running.solve_shard
def slowly(*given):
    time.sleep(float(os.environ.get("SECONDS_BEFORE_A_SHARD", "0")))
    return solve(*given)
running.solve_shard = slowly
from scalejax.cli import main
main(sys.argv[1:])
"""


def command(*words, **options):
    """The command in a process of its own, with small shards."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def files(tmp_path, runs):
    runs.to_csv(tmp_path / "runs.csv", index=False)
    study = tmp_path / "study.toml"
    study.write_text(
        'data = "runs.csv"\nby = ["family"]\nrun = "model"\nlaws = ["chinchilla"]\n'
        "target_part = 0.5\nresamples = 20\nseed = 3\n"
        '[subsets]\nmodels = ["all", 4]\nuntil = [1.0, 0.6]\n'
    )
    return study


def wait_for_shards(folder, count, process, seconds=240):
    manifest = folder / "manifest-0.jsonl"
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        if manifest.exists() and manifest.read_bytes().count(b"{") >= count:
            return
        time.sleep(0.01)
    pytest.fail(f"no shard came: {process.communicate()}")


class TestCommand:
    def test_many_and_resume(self, files, tmp_path, capsys, result):
        job, csv, plot = tmp_path / "job", tmp_path / "all.csv", tmp_path / "errors.png"
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(job), "--csv", str(csv), "--plot", str(plot)])
        assert end.value.code == 0
        said = capsys.readouterr()
        assert said.out.startswith("12 laws fitted to 3 families, 20 resamples each")
        assert "252 of 252 fits" in said.err
        assert plot.stat().st_size > 10_000
        kept = pd.read_csv(csv)
        assert kept["estimate"].to_numpy() == pytest.approx(
            result.frame["estimate"].to_numpy(), rel=1e-9
        )
        with pytest.raises(SystemExit) as end:
            main(["resume", str(job), "--quiet"])
        assert end.value.code == 0
        assert capsys.readouterr().out == said.out

    def test_dry_run_counts_and_fits_nothing(self, files, tmp_path, capsys):
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--dry-run"])
        assert end.value.code == 0
        out = capsys.readouterr().out
        assert out.startswith("12 laws to fit (0 combinations have nothing to fit)")
        assert "252 fits in" in out
        assert "MiB of memory" in out
        assert {path.name for path in tmp_path.iterdir()} == {"runs.csv", "study.toml"}

    def test_another_study_needs_force(self, files, tmp_path, capsys):
        job = tmp_path / "job"
        with pytest.raises(SystemExit):
            main(["many", str(files), "--out", str(job), "--quiet"])
        files.write_text(files.read_text().replace("seed = 3", "seed = 4"))
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(job)])
        assert end.value.code == 1
        assert "study seed: 3 -> 4" in capsys.readouterr().err
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(job), "--force"])
        assert end.value.code == 0
        assert (tmp_path / "job-2" / "results.parquet").exists()

    def test_a_full_disk_is_exit_74(self, files, tmp_path, capsys, monkeypatch):
        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pq, "write_table", full)
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 74
        assert "No space left on device" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--csv", "none/all.csv"), "none is no folder"),
            (("--plot", "none/errors.png"), "none is no folder"),
            (("--csv", "."), "is a folder"),
        ],
    )
    def test_files_that_cannot_be_written_are_refused_first(
        self, files, tmp_path, capsys, monkeypatch, words, said
    ):
        monkeypatch.chdir(tmp_path)
        for command in (("many", "study.toml", "--out", "job"), ("resume", "job")):
            with pytest.raises(SystemExit) as end:
                main([*command, *words])
            assert end.value.code == 2
            assert said in capsys.readouterr().err
            assert not (tmp_path / "job").exists()

    def test_a_plot_of_nothing_held_out_is_refused_first(self, files, tmp_path, capsys):
        text = files.read_text()
        files.write_text("target = false\n" + text)
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(tmp_path / "job"), "--plot", "errors.png"])
        assert end.value.code == 2
        assert "target = false" in capsys.readouterr().err
        assert not (tmp_path / "job").exists()

    def test_files_may_go_into_the_folder_of_the_job(self, files, job, tmp_path, monkeypatch):
        answer_from(job, monkeypatch)
        other = tmp_path / "other"
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(other), "--csv", str(other / "all.csv")])
        assert end.value.code == 0
        assert (other / "all.csv").exists()

    def test_remedies_are_those_of_the_file(self, files, tmp_path, capsys):
        files.write_text(files.read_text().replace("chinchilla", "kaplan_steps"))
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 1
        said = capsys.readouterr().err
        assert '[table] columns = {S = "' in said
        assert "--column" not in said
        files.write_text('laws = ["chinchilla"]\nresampling = "cluster"')
        with pytest.raises(SystemExit) as end:
            main(["many", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 2
        assert 'resampling = "cluster" draws runs: say with run = which' in capsys.readouterr().err

    def test_without_a_folder_it_is_wrong_usage(self, files, capsys):
        with pytest.raises(SystemExit) as end:
            main(["many", str(files)])
        assert end.value.code == 2
        assert "--out" in capsys.readouterr().err

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGKILL, -9)]
    )
    def test_signals_leave_a_job_that_goes_on(self, files, tmp_path, number, code):
        whole, job = tmp_path / "whole", tmp_path / "job"
        with command("many", files, "--out", whole) as process:
            assert process.wait() == 0
        with command("many", files, "--out", job) as process:
            wait_for_shards(job, 1, process)
            process.send_signal(number)
            assert process.wait() == code
            if code > 0:
                assert "scalejax resume" in process.stderr.read()
        with command("resume", job) as process:
            assert process.wait() == 0
        assert bytes_of(job) == bytes_of(whole)

    @pytest.mark.slow
    def test_a_read_only_folder_is_exit_74(self, files, tmp_path):
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        (tmp_path / "locked").mkdir(mode=0o500)
        with command("many", files, "--out", tmp_path / "locked" / "job") as process:
            assert process.wait() == 74


@pytest.mark.slow
class TestProcesses:
    """Real processes of JAX's own runtime, on loopback."""

    def start(self, files, job, seconds):
        """A process for each number of seconds that it waits before a shard."""
        port = self.free_port()
        return [
            command(
                *("many", files, "--out", job, "--distributed", "--coordinator"),
                *(f"localhost:{port}", "--processes", len(seconds), "--process", k),
                env={**os.environ, "SECONDS_BEFORE_A_SHARD": str(wait)},
            )
            for k, wait in enumerate(seconds)
        ]

    def ends(self, processes):
        said = [process.communicate(timeout=500) for process in processes]
        return [process.returncode for process in processes], said

    def free_port(self):
        import socket

        with socket.socket() as found:
            found.bind(("localhost", 0))
            return found.getsockname()[1]

    @pytest.mark.parametrize("count", [2, 4])
    def test_several_processes_give_the_bytes_of_one(self, files, tmp_path, count):
        alone, job = tmp_path / "alone", tmp_path / "job"
        with command("many", files, "--out", alone) as process:
            assert process.wait() == 0
        codes, said = self.ends(self.start(files, job, [0] * count))
        assert codes == [0] * count, said
        assert bytes_of(job) == bytes_of(alone)

    @pytest.mark.parametrize("killed", [0, 1])
    def test_one_killed_half_way_does_not_end_the_other(self, files, tmp_path, killed):
        """Nor does it if it is the one where all met; what it leaves is picked up."""
        alone, job = tmp_path / "alone", tmp_path / "job"
        with command("many", files, "--out", alone) as process:
            assert process.wait() == 0
        seconds = [15, 15]
        seconds[killed] = 0
        processes = self.start(files, job, seconds)
        manifest = job / f"manifest-{killed}.jsonl"
        while not manifest.exists() and processes[killed].poll() is None:
            time.sleep(0.01)
        processes[killed].kill()
        codes, said = self.ends(processes)
        assert codes[killed] == -9
        assert codes[1 - killed] == 0, said
        assert (job / f"manifest-{1 - killed}.jsonl").exists()
        with command("resume", job) as process:
            assert process.wait() == 0
        assert bytes_of(job) == bytes_of(alone)

    def test_several_pretended_devices_give_the_bytes_of_one(self, files, tmp_path):
        alone, job = tmp_path / "alone", tmp_path / "job"
        for folder, devices in ((alone, 1), (job, 4)):
            flags = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
            with command("many", files, "--out", folder, env=flags) as process:
                assert process.wait() == 0
        assert bytes_of(job) == bytes_of(alone)


def test_the_plan_depends_on_the_study_alone(study, runs):
    """The same shards whatever the devices: results of many are those of one."""
    layout = default_layout()
    two = prepare(study, runs, layout=layout)
    more = replace(layout, devices=layout.devices * 4)
    many = prepare(study, runs, layout=more)
    assert two.shards == many.shards
