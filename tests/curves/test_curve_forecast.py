"""Forecasts of loss curves: curves of formulas written here, identities, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from contract import hold_to_contract

import scalejax as sj
from scalejax.curve_fits import CurveForecast, forecast_curve

TOTAL, PEAK = 4000, 1e-3
STEP = np.arange(TOTAL + 1)
SCHEDULES = {
    "constant": np.full(TOTAL + 1, PEAK),
    "cosine": PEAK * (0.55 + 0.45 * np.cos(np.pi * STEP / TOTAL)),
    "drop": np.where(STEP < 2000, PEAK, 0.3 * PEAK),
    "wsd": PEAK * np.clip((TOTAL - STEP) / 800, 0.1, 1),
}
AT = np.arange(100, TOTAL + 1, 50)


def annealed(rates):
    """Equation 1 of arXiv:2408.11029 as a loop, decay .998."""
    momentum, area, forward, loss = 0.0, 0.0, 0.0, []
    for k, rate in enumerate(rates):
        momentum = 0.998 * momentum + (rates[k - 1] - rate if k else 0.0)
        area, forward = area + momentum, forward + rate
        loss.append(2.5 + 0.5 * forward**-0.5 - 0.25 * area)
    return np.array(loss)


def powers(rates):
    """Equation 2 of arXiv:2503.12811, term by term."""
    forward, size = np.cumsum(rates), np.diff(rates)
    loss = 2.5 + 0.5 * forward**-0.45
    for k in np.flatnonzero(size) + 1:
        since = forward[k:] - forward[k - 1]
        loss[k:] += 130 * size[k - 1] * (1 - (1 + 2 * rates[k] ** -0.64 * since) ** -0.59)
    return loss


def curves_of(formula, names=("constant", "cosine", "drop"), noise=5e-4, seed=0):
    random = np.random.default_rng(seed)
    parts = []
    for name in names:
        loss = formula(SCHEDULES[name])[AT] * np.exp(noise * random.normal(size=len(AT)))
        parts.append(pd.DataFrame({"curve": name, "step": AT, "loss": loss}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module", params=[annealed, powers], ids=lambda one: one.__name__)
def formula(request):
    return request.param


@pytest.fixture(scope="module")
def unseen(formula):
    return forecast_curve(curves_of(formula), SCHEDULES, at={"wsd": AT}, level=0.9)


def test_is_a_result(unseen):
    hold_to_contract(unseen, CurveForecast)


def test_a_schedule_that_was_not_seen_is_forecast_and_held(formula, unseen):
    true = formula(SCHEDULES["wsd"])[AT]
    points = unseen.points
    assert np.mean(np.abs(points["loss"] - true)) < 0.004
    assert np.mean((points["lo"] <= true) & (true <= points["hi"])) >= 0.8
    assert np.all(points["lo"] < points["loss"])
    assert np.all(points["loss"] < points["hi"])


def test_most_weight_is_on_the_law_that_made_the_curves(formula, unseen):
    own = {"annealed": "annealing", "powers": "multi_power"}[formula.__name__]
    assert unseen.weights[own] > 0.5
    assert sum(unseen.weights.values()) == pytest.approx(1)


def test_the_end_of_a_run_is_forecast_from_its_first_part(formula):
    """The more of it is seen the narrower; the fall to come is said to be that of other runs."""
    run = curves_of(formula, ("wsd",))
    true = formula(SCHEDULES["wsd"])[-1]
    found = [
        forecast_curve(run[run["step"] <= share * TOTAL], {"wsd": SCHEDULES["wsd"]})
        for share in (0.6, 0.95)
    ]
    ends = [one.points.iloc[0] for one in found]
    assert all(end["step"] == TOTAL and end["lo"] < true < end["hi"] for end in ends)
    early, late = (end["hi"] - end["lo"] for end in ends)
    assert late < early / 2
    assert [any("no rate has come down" in note for note in one.notes) for one in found] == [1, 0]


def test_other_curves_narrow_the_end_of_a_run(formula):
    run = curves_of(formula, ("wsd",))
    begun = run[run["step"] <= 0.6 * TOTAL]
    alone, beside = (
        forecast_curve(points, SCHEDULES, at={"wsd": TOTAL}).points.iloc[0]
        for points in (begun, pd.concat([begun, curves_of(formula, ("cosine", "drop"))]))
    )
    assert beside["hi"] - beside["lo"] < (alone["hi"] - alone["lo"]) / 2
    assert beside["lo"] < formula(SCHEDULES["wsd"])[-1] < beside["hi"]


def test_the_unit_of_the_loss_scales_out():
    points = curves_of(annealed)
    at = {"wsd": [2000, TOTAL]}
    plain = forecast_curve(points, SCHEDULES, at=at).points
    bits = forecast_curve(points.assign(loss=points["loss"] / np.log(2)), SCHEDULES, at=at).points
    for name in ("loss", "lo", "hi"):
        assert bits[name].to_numpy() == pytest.approx(plain[name].to_numpy() / np.log(2), rel=1e-7)


def test_the_order_of_the_points_does_not_matter(unseen, formula):
    mixed = curves_of(formula).sample(frac=1, random_state=0)
    other = forecast_curve(mixed, SCHEDULES, at={"wsd": AT}, level=0.9)
    assert other.points["loss"].to_numpy() == pytest.approx(unseen.points["loss"].to_numpy())


def test_the_last_step_of_every_schedule_is_asked_about_by_default():
    found = forecast_curve(curves_of(powers), SCHEDULES)
    assert found.points["curve"].tolist() == list(SCHEDULES)
    assert found.points["step"].tolist() == [TOTAL] * 4
    assert found.headline in str(found)


def test_what_goes_far_beyond_the_points_is_said():
    long = {**SCHEDULES, "long": np.full(5 * TOTAL, PEAK)}
    found = forecast_curve(curves_of(powers), long, at={"long": 5 * TOTAL - 1})
    assert any("5.0 times as far" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "at", "words"),
    [
        ({"loss": -1.0}, None, "must be positive and finite"),
        ({"loss": np.nan}, None, "must be positive and finite"),
        ({"loss": 2 + AT[:20] / 1e4}, None, "do not fall"),
        ({}, {"other": 10}, "asks about \\['other'\\]"),
        ({}, {"constant": TOTAL + 1}, "step 4001 is not on a schedule"),
        ({}, {"warm": 0}, "before any rate above zero"),
    ],
)
def test_what_cannot_be_forecast_is_refused(change, at, words):
    points = curves_of(annealed, ("constant",)).iloc[:20].assign(**change)
    schedules = {**SCHEDULES, "warm": np.arange(TOTAL + 1) * 1e-6}
    with pytest.raises(sj.UsageError, match=words):
        forecast_curve(points, schedules, at=at)


def test_too_few_points_are_refused():
    with pytest.raises(sj.UsageError, match="5 points are too few"):
        forecast_curve(curves_of(annealed).iloc[:5], SCHEDULES)
