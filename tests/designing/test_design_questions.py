"""Questions about the next runs: what is refused and why, and the command."""

import json
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest
from design_cases import BUDGET, TARGET, alpha, run

import scalejax as sj
from scalejax.designing.information import (
    standard_error,
)
from scalejax.plots import plot_design


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"budget": None}, "budget= or usd="),
        ({"usd": 1e5}, "budget= or usd="),
        ({"budget": None, "usd": 1e5}, "hardware="),
        ({"budget": -1.0}, "positive"),
        ({"criterion": "E"}, "criterion="),
        ({"max_runs": 0}, "max_runs="),
        ({"max_runs": 4.5}, "whole number"),
        ({"usd_per_hour": 2.0}, "usd_per_hour= would do nothing"),
        ({"hardware": "h100"}, "hardware= would do nothing"),
        ({"noise": 0.0}, "noise="),
        ({"discrepancy": -1.0}, "discrepancy="),
        ({"discrepancy": 0.01, "at": alpha}, "compute"),
        ({"at": {"N": 1e9}}, "needs N, D"),
        ({"at": "big"}, "positive number"),
        ({"ranges": {"steps": (1, 2)}}, "ranges="),
        ({"ranges": {"N": (2, 1)}}, "empty"),
        ({"budget": 1e15}, "no run fits"),
        ({"candidates": {"N": [1e15], "D": [1e15]}}, "paid for"),
        ({"candidates": {"N": [1e9], "D": [1e9]}, "ranges": {"N": (1, 2)}}, "not both"),
    ],
)
def test_errors_say_what_to_do(golden_lsq, changed, word):
    with pytest.raises(sj.UsageError, match=word):
        sj.design(golden_lsq, **{"budget": BUDGET, "at": TARGET, **changed})


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"N": ["1e9"]}, ["no column for D"]),
        ({"N": ["1e9", ""], "D": ["2e10", "0"]}, ["'N' row 2: blank", "'D' row 2: D must be pos"]),
        ({"N": ["big", "-1"], "D": ["1", "1"]}, ["'N' row 1: not a number", "'N' row 2: N must"]),
        ({"N": [1e9], "D": [np.nan]}, ["'D' row 1: blank"]),
        ({"N": [1e9], "D": [2e10], "cost": [0.0]}, ["cost must be positive"]),
        ({"params": [1e9], "model_size": [2e9], "D": [2e10]}, ["rename all but one"]),
        ({"N": [], "D": []}, ["no rows"]),
    ],
)
def test_candidates_are_checked_all_at_once(golden_lsq, columns, words):
    with pytest.raises(sj.InputError) as raised:
        sj.design(golden_lsq, budget=BUDGET, at=TARGET, candidates=columns)
    for word in words:
        assert word in str(raised.value)


def test_a_direction_left_open_has_no_error():
    with jax.enable_x64(True):
        found = standard_error(np.diag([1.0, 0.0]), np.ones(2))
        error = standard_error(np.diag([4.0, 1.0]), np.array([1.0, 0.0]))
    assert np.isinf(found)
    assert error == pytest.approx(0.5)


@pytest.mark.slow
def test_too_few_places_are_refused():
    candidates = {"N": [1e8, 1e9, 1e10], "D": [2e9, 2e10, 2e11]}
    with pytest.raises(sj.UsageError, match="cannot determine"):
        sj.design("besiroglu2024", budget=1e23, at=TARGET, candidates=candidates)


class TestPeople:
    def test_summary(self, made):
        text = made.summary()
        for word in ("N* at 1e+24 FLOP", "isoFLOP", "20 tokens per parameter", "seed 0"):
            assert word in text
        assert json.loads(json.dumps(made.to_dict()))["unit"] == "FLOP"

    def test_a_width_beyond_what_is_tested_is_subject_to_the_law(self, made):
        """The target is moved out: the runs stay, and so do the decades that they test."""
        tested, far = made.reach
        assert "if the law holds" not in made.summary()
        setting = made.question.setting
        target = setting.target._replace(compute=setting.target.compute * 1e3)
        question = replace(made.question, setting=setting._replace(target=target))
        text = " ".join(replace(made, question=question).summary().split())
        assert (
            f"if the law holds that far: all runs together test it over {tested:.1f} decades, and "
            f"the target is {far + 3:.1f} beyond the largest."
        ) in text

    def test_widths_without_a_run_to_spare_are_unknown(self, made):
        """Five runs for five parameters leave none to estimate the noise by."""
        bare = replace(made, question=replace(made.question, independent=0))
        np.testing.assert_array_equal(bare.widths(np.array([0.1, 0.2]), 5), np.inf)
        assert np.isfinite(bare.widths(np.array([0.1]), 6)).all()
        none = replace(made, question=replace(made.question, independent=-7))
        assert "How well they will is not known" in none.summary()
        assert none.to_dict()["width"] is None
        assert len(plot_design(none)) == 2

    def test_plot(self, made):
        panels = plot_design(made)
        assert len(panels) == 2
        assert made.target in panels[1].get_title()

    def test_command(self, golden_lsq, candidates, tmp_path, capsys):
        golden_lsq.save(tmp_path / "fit")
        named = candidates.rename(columns={"N": "params", "D": "tokens"})
        named.assign(name="a").to_csv(tmp_path / "list.csv", index=False)
        words = [
            "design", str(tmp_path / "fit"), "--budget", "1e22", "--at", "C=1e24",
            "--max-runs", "4",
            "--draws", "0", "--candidates", str(tmp_path / "list.csv"),
            "--csv", str(tmp_path / "next.csv"),
        ]  # fmt: skip
        run(*words, "--dry-run")
        assert "candidates: 9" in capsys.readouterr().out
        run(*words, "--json", "--width", "500%")
        document = json.loads(capsys.readouterr().out)
        frame = pd.read_csv(tmp_path / "next.csv")
        assert len(frame) == sum(row["count"] for row in document["runs"]) <= 4
        assert document["cost_for_width"] == {"width": 5.0, "cost": 0.0}

    def test_command_speaks_of_its_options(self, golden_lsq, tmp_path, capsys):
        golden_lsq.save(tmp_path / "fit")
        words = ["design", str(tmp_path / "fit"), "--at", "C=1e24", "--dry-run"]
        for more, word in (
            (
                ["--budget", "1e22", "--hardware", "h100"],
                "--hardware would do nothing without --usd",
            ),
            (["--budget", "1e22", "--simulate", "20"], "100 or more"),
            (["--budget", "1e22", "--ranges", "N=2B:1B"], "--ranges"),
            (["--budget", "1e22", "--discrepancy", "-1"], "--discrepancy"),
            ([], "--budget or --usd"),
        ):
            run(*words, *more, code=2)
            assert word in " ".join(capsys.readouterr().err.split())
        run(*words, "--budget", "1e22", "--ranges", "N=500M:1B", "--json")
        assert json.loads(capsys.readouterr().out)["candidates"] == 231

    def test_help(self, capsys):
        run("design", "--help")
        assert "For example" in capsys.readouterr().out

    def test_wrong_use_ends_with_two(self, capsys):
        run("design", "--budget", "1e22", code=2)
        assert "FIT" in capsys.readouterr().err


def test_amounts_may_be_text(golden_lsq):
    text = {"usd": "50k USD", "hardware": "h100", "usd_per_hour": "2.5", "at": {"C": "1e24"}}
    numbers = {"usd": 5e4, "hardware": "h100", "usd_per_hour": 2.5, "at": 1e24}
    first, second = (sj.design(golden_lsq, draws=0, **given) for given in (text, numbers))
    assert first.to_dict() == second.to_dict()
    with pytest.raises(sj.UsageError, match="apples"):
        sj.design(golden_lsq, budget="5 apples")
