"""Forecasts in files: equal when they are loaded, planned by, and refused where damaged."""

import json
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import tampering
from typer.testing import CliRunner

import scalejax as sj
from scalejax.cli import app
from scalejax.compute import Compute

AT = {"N": [1e10, 1e11], "D": [2e11, 2e12]}
PRICED = {"params": 7e10, "tokens": 1.4e12}
"""Both given, so that a plan has nothing to decide."""


@pytest.fixture(scope="module")
def forecast(golden):
    return sj.forecast(golden, at=AT, seed=3)


def assert_same(one, other):
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "posteriors":  # They rest on the runs, which the files leave out.
            continue
        if field.name == "draws":
            assert {f: list(d) for f, d in a.items()} == {f: list(d) for f, d in b.items()}
            for family in a:
                for name in a[family]:
                    np.testing.assert_array_equal(a[family][name], b[family][name])
        elif isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b, check_exact=True)
        else:
            assert a == b, field.name


def test_loads_to_equal_numbers(forecast, tmp_path):
    assert forecast.save(tmp_path / "deep" / "one") == tmp_path / "deep" / "one"
    loaded = sj.load_forecast(tmp_path / "deep" / "one")
    assert_same(forecast, loaded)
    assert loaded.law is forecast.law
    assert loaded.summary() == forecast.summary()


def test_families_and_infinite_inputs_come_back(forecast, tmp_path):
    """Bits may be infinite, which JSON cannot say; draws of families may differ in number."""
    (draws,) = forecast.draws.values()
    few = {name: values[:7] for name, values in draws.items()}
    points = forecast.points.assign(P=[16.0, np.inf], sd=[0.1 + 0.2, 5e-324])
    points.insert(0, "family", ["a", "ü\n"])
    both = replace(
        forecast,
        points=points,
        params={"a": forecast.params[""], "ü\n": {**forecast.params[""], "E": 1 / 3}},
        draws={"a": draws, "ü\n": few},
        tau={"a": 0.1, "ü\n": float("nan")},
        compute={"a": Compute(12.0, 3e8), "ü\n": None},
        backtest={},
        notes=("note",),
    )
    both.save(tmp_path / "two")
    loaded = sj.load_forecast(tmp_path / "two")
    assert np.isnan(loaded.tau["ü\n"])
    assert_same(*(replace(one, tau={}) for one in (both, loaded)))
    json.loads((tmp_path / "two" / "forecast.json").read_text(), parse_constant=pytest.fail)


def test_a_forecast_replaces_a_forecast_and_nothing_else(forecast, tmp_path):
    for _ in range(2):
        forecast.save(tmp_path / "one")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(sj.UsageError, match="holds other files and no saved forecast"):
        forecast.save(tmp_path / "other")
    with pytest.raises(sj.UsageError, match="is a file"):
        forecast.save(tmp_path / "other" / "notes.txt")


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("forecast.json", lambda text: text[:-20], "cannot be read"),
        (
            "forecast.json",
            lambda text: text.replace(b'"level"', b'"lvl"'),
            "changed after it was saved",
        ),
        ("forecast.json", lambda text: text.replace(b'"schema": 1', b'"schema": 9'), "newer"),
        ("forecast.json", None, r"no forecast\.json"),
        ("draws.parquet", lambda text: text[:-1] + b"2", "not what was saved"),
        ("draws.parquet", None, "not a complete forecast"),
    ],
)
def test_damage_is_said(forecast, tmp_path, file, change, words):
    path = forecast.save(tmp_path / "one") / file
    path.write_bytes(change(path.read_bytes())) if change else path.unlink()
    with pytest.raises(sj.ScalejaxError, match=words):
        sj.load_forecast(tmp_path / "one")


def test_a_law_of_ones_own_has_to_be_at_hand(forecast, tmp_path):
    own = replace(sj.LAWS["outer_exponent"], name="own")
    folder = replace(forecast, law=own).save(tmp_path / "own")
    record = json.loads((folder / "forecast.json").read_text())
    record["law"]["spec"] = "nowhere:own"
    (folder / "forecast.json").write_text(json.dumps(record))
    tampering.seal(folder)
    with pytest.raises(sj.LawError, match="the forecast was made with a law that is not"):
        sj.load_forecast(folder)
    with pytest.raises(sj.LawError, match=r"which .*power_N.* is not"):
        sj.load_forecast(folder, law="power_N")
    assert sj.load_forecast(folder, law=own).law is own


class TestPlans:
    """A plan is its source and its question: where both come back, so do its numbers."""

    def test_the_plan_of_a_forecast_loads(self, forecast, tmp_path):
        prices = sj.plan(forecast, **PRICED, level=0.9)
        prices.save(tmp_path / "next")
        again = sj.load_plan(tmp_path / "next")
        assert_same(again.source.forecast, forecast)
        assert (again.question, again.level) == (prices.question, 0.9)
        assert again.summary() == prices.summary()

    def test_a_folder_has_the_plan_that_was_saved_last(self, forecast, golden_huber, tmp_path):
        """Of what older plans left beside it nothing is read."""
        for source, kind in ((golden_huber, "fit"), (forecast, "forecast"), ("besiroglu2024", "")):
            sj.plan(source, **PRICED).save(tmp_path / "next")
            loaded = sj.load_plan(tmp_path / "next").source
            assert (loaded.fit is not None) == (kind == "fit")
            assert (loaded.forecast is not None) == (kind == "forecast")

    def test_at_the_terminal(self, forecast, tmp_path):
        """Forecast, show and plan as in Python, through the folder alone."""
        place = str(tmp_path / "kept")

        def said(*words):
            result = CliRunner().invoke(app, [*words])
            assert result.exit_code == 0, result.output
            return result.stdout

        points = [f"--at=N={n},D={d}" for n, d in zip(*AT.values(), strict=True)]
        text = said("forecast", "golden36", *points, "--seed=3", f"--out={place}", "--quiet")
        assert text == said("show", place) == f"{forecast.summary()}\n"
        assert json.loads(said("show", place, "--json")) == forecast.to_dict()
        prices = sj.plan(forecast, **PRICED)
        for more in ([], ["--by-forecast"]):
            text = said("plan", place, *[f"--{name}={x}" for name, x in PRICED.items()], *more)
            assert text == f"{prices.summary()}\n"

    def test_a_folder_of_something_else_is_refused_before_the_work(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        result = CliRunner().invoke(
            app, ["forecast", "golden36", "--at=N=1e10,D=2e11", f"--out={tmp_path}"]
        )
        assert isinstance(result.exception, sj.UsageError)
