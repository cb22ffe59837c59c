"""Every result answers alike: one line, a text, a tidy frame, plain values and a table."""

import json
import re
import warnings
from html.parser import HTMLParser

import jax
import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax.advice import Advice
from scalejax.bayes import Posterior
from scalejax.conclusions import Identifiability, Profile
from scalejax.curve_fits import CurveForecast, forecast_curve
from scalejax.designing import Design
from scalejax.fitting import Check, Reproduction
from scalejax.forecasting import Forecast
from scalejax.isoflop import Isoflop
from scalejax.optima import Answer, Measure, Problem, Variable, solve
from scalejax.planning import Plan
from scalejax.pooling import Pooled
from scalejax.result import Result
from scalejax.selection import Selection
from scalejax.studies import StudyResult


@pytest.fixture(scope="module")
def families(golden):
    return golden.assign(family=["web", "code", "books"] * 12)


def answer(_):
    size = Variable("N", 1e6, 1e14)
    loss = Measure("loss", lambda x, a: a["k"] / x["N"] ** 0.3, unit="nats")
    cost = Measure("cost", lambda x, a: x["N"] ** 2, unit="FLOP")
    problem = Problem((size,), minimize=loss, subject_to=(cost.at_most("budget"),))
    return solve(problem, {"k": 100.0, "budget": 1e20})


def isoflop_runs(fit):
    """Runs of three budgets on the curve of a fit, which come with the fit that knows them."""
    budgets = np.repeat([1e20, 1e21, 1e22], 5)
    size = np.tile(np.geomspace(0.3, 3, 5), 3) * np.sqrt(budgets / 120)
    tokens = budgets / (6 * size)
    loss = fit.predict({"N": size, "D": tokens}, discrepancy=0.0)["loss"]
    runs = {"N": size, "D": tokens, "loss": loss}
    return sj.fit(runs, objective=sj.least_squares(), resamples=0)


def curve_forecast(_):
    steps = np.arange(100, 2000, 50)
    points = {"curve": "run", "step": steps, "loss": 2.5 + 0.5 * (steps * 1e-3) ** -0.5}
    return forecast_curve(points, {"run": np.full(2001, 1e-3)})


RESULTS = {
    sj.Fit: lambda get: get("golden_bootstrap"),
    Plan: lambda get: sj.plan("besiroglu2024", budget="1e23"),
    Forecast: lambda get: sj.forecast(get("golden"), at={"N": "70B", "D": "1.4T"}),
    CurveForecast: curve_forecast,
    Design: lambda get: sj.design(get("golden_lsq"), budget="1e22", at={"C": 1e24}, draws=0),
    Selection: lambda get: sj.select(get("golden"), ["power_N", "power_C"], resamples=30),
    StudyResult: lambda get: sj.study(
        sj.Study(recipes=("power_N",), by=("family",), target=False, resamples=5), get("families")
    ),
    Advice: lambda get: sj.advise(get("golden"), plan=True),
    Pooled: lambda get: sj.pool(get("families"), "power_N", by="family", draws=50),
    Identifiability: lambda get: sj.identifiability(get("golden_lsq")),
    Profile: lambda get: sj.profile(get("golden_lsq"), ["alpha"], points=8),
    Isoflop: lambda get: sj.isoflop.isoflop(isoflop_runs(get("golden_lsq"))),
    Reproduction: lambda get: sj.reproduce(
        get("golden_lsq").save(get("tmp_path_factory").mktemp("kept") / "fit")
    ),
    Answer: answer,
    Check: lambda get: sj.check(get("golden")),
}
# NUTS takes its time; its result is held to the contract where it is sampled.
SLOW = {Posterior: lambda get: sj.posterior(get("golden_lsq"), draws=100, warmup=100)}


@pytest.fixture(
    scope="module",
    params=[*RESULTS, *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)],
    ids=lambda kind: kind.__name__,
)
def result(request):
    with warnings.catch_warnings():
        # So few draws are not to be trusted, which is said and is no matter here.
        warnings.simplefilter("ignore", sj.FitWarning)
        made = (RESULTS | SLOW)[request.param](request.getfixturevalue)
    assert type(made) is request.param
    return made


def subclasses(kind):
    return {kind, *(below for one in kind.__subclasses__() for below in subclasses(one))}


def test_every_result_is_held_to_the_contract():
    assert subclasses(Result) - {Result} == {*RESULTS, *SLOW}


@pytest.mark.parametrize("kind", [*RESULTS, *SLOW], ids=lambda kind: kind.__name__)
def test_lives_in_the_file_of_its_name_or_of_its_room(kind):
    *_, room, module = kind.__module__.split(".")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    # A room is named by its verb where the verb is the noun too.
    assert module == name or (module, name) == ("result", room)


def test_repr_is_one_line_that_says_what_it_is(result):
    line = repr(result)
    assert line.startswith(f"<{type(result).__name__}: ")
    assert "\n" not in line
    assert len(line) < 300


def test_printed_is_its_summary(result):
    assert str(result) == result.summary()
    assert result.summary().strip()


def test_frame_has_rows_and_named_columns(result):
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) > 0
    assert all(isinstance(name, str) for name in frame.columns)
    assert isinstance(frame.index, pd.RangeIndex)


def test_plain_values_are_json(result):
    values = result.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values


class Tables(HTMLParser):
    """Counts tags, and sees that they are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_a_table(result):
    page = Tables()
    page.feed(result._repr_html_())
    assert page.open == []
    assert page.seen.count("table") == 1
    assert page.seen.count("td") > 0


def test_names_from_data_are_escaped_in_html(golden):
    fit = sj.fit(golden, resamples=0)
    hostile = "<script>alert(1)</script>"

    class Named(Result):
        headline = hostile

        def summary(self):
            return hostile

        def to_frame(self):
            return fit.to_frame().assign(**{hostile: hostile})

    assert hostile not in Named()._repr_html_()


def test_a_saved_plan_is_the_plan_again(golden_bootstrap, tmp_path):
    asked = {"budget": "1e23", "candidates": {"ours": {"N": "20B"}}, "level": 0.9}
    for source in (golden_bootstrap, "besiroglu2024"):
        plan = sj.plan(source, **asked)
        again = sj.load_plan(plan.save(tmp_path / str(type(source).__name__)))
        assert again.to_dict() == plan.to_dict()


def test_a_plan_of_given_parameters_and_hardware_is_the_plan_again(tmp_path):
    theta = dict(sj.LAWS["chinchilla"].published["besiroglu2024"])
    plan = sj.plan(
        "chinchilla", parameters=theta, usd="5M USD", hardware="h100", unique_tokens="1T"
    )
    assert sj.load_plan(plan.save(tmp_path / "plan")).to_dict() == plan.to_dict()
    with pytest.raises(sj.ScalejaxError, match="no plan"):
        sj.load_plan(tmp_path)


def test_codes_print_their_names():
    assert f"{sj.Status.CONVERGED} {sj.Status.STALLED}" == "converged stalled"
    assert str(sj.status.Outcome.SOLVED) == "solved"
    assert int(sj.Status.STALLED) == 2
    with jax.enable_x64(True):
        assert np.asarray(sj.Status.STALLED) == 2
