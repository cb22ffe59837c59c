"""Results of studies: many fits against single ones, and their pictures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from contract import hold_to_contract
from study_runs import SIZES, TRUTH

import scalejax as sj
from scalejax.studies import StudyResult
from scalejax.studies import job as jobs
from scalejax.studies.shards import cut
from scalejax.studies.study_result import _median_interval, summaries
from scalejax.studies.subsets import subset_grid


def test_is_a_result(result):
    hold_to_contract(result, StudyResult)


class TestResults:
    def test_a_single_run_has_no_interval(self, runs):
        one = runs[runs["N"] == SIZES[0]]
        held = sj.Recipe("chinchilla", fixed={"A": TRUTH["A"], "alpha": TRUTH["alpha"]})
        study = sj.Study(recipes=(held,), by=("family",), run="model", target=False, resamples=10)
        found = sj.study(study, one)
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
        kept = sj.study(study, runs, out=tmp_path / "job")
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
        fit = sj.fit(runs[rows], run="model", resamples=0)
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

        found = sj.study(
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
        frame = sj.study(replace(study, recipes=twins), runs).frame
        frame = frame.set_index(["recipe", "family", "models", "until", "quantity"])
        numbers = ["estimate", "stderr", "lo", "hi"]
        assert frame.loc["chinchilla"][numbers].equals(frame.loc["again"][numbers])

    def test_families_have_resamples_of_their_own(self, runs, study):
        """The same rows in two families: one estimate, but other draws."""
        f0 = runs[runs["family"] == "f0"]
        twins = pd.concat([f0, f0.assign(family="twin")], ignore_index=True)
        frame = sj.study(study, twins).frame.set_index(["models", "until", "quantity"])
        one, two = (frame[frame["family"] == name] for name in ("f0", "twin"))
        np.testing.assert_allclose(one["estimate"], two["estimate"], rtol=1e-9)
        assert not np.any(np.isclose(one["lo"], two["lo"], rtol=1e-6))

    def test_families_of_several_columns(self, runs, study):
        frame = sj.study(replace(study, by=("corpus", "family")), runs).frame
        assert {*frame["family"]} == {"c4 / f0", "c4 / f1", "c4 / f2"}
        assert {*frame["by corpus"]} == {"c4"}

    def test_what_failed_is_listed_and_not_averaged(self, runs, study, tmp_path):
        """One size cannot tell E from A: the data leave a direction open."""
        hard = replace(study, subsets=subset_grid(models=(None, 1, 3, 4, 9)))
        found = sj.study(hard, runs, out=tmp_path / "job")
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
        sj.study(study, runs, out=tmp_path)
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
        monkeypatch.setattr(jobs, "cut", lambda problems, fits: cut(problems, 12))
        parts = sj.study(study, runs).frame
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
