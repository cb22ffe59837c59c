from dataclasses import replace

import numpy as np
import pytest
from contract import hold_to_contract

import scalejax as sj
from scalejax.data.table import SetAside
from scalejax.fitting.summary import short_number, summarise
from scalejax.status import Status
from scalejax.wording import retypable


@pytest.fixture(scope="module")
def fit():
    return sj.fit(sj.datasets.load("golden36"), resamples=50)


def typed_from(text, fit):
    """The estimates as a reader would copy them."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: float(row[1]) for row in rows if row and row[0] in fit.params}


def best_ratio(p, flops):
    """D/N at the least loss for C = 6 N D (closed form)."""
    total = p["alpha"] + p["beta"]
    scale = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / total)
    n = scale * (flops / 6) ** (p["beta"] / total)
    return flops / 6 / n**2


def test_is_a_result(fit):
    hold_to_contract(fit, sj.Fit)


@pytest.mark.parametrize("name", ["fitted", *sj.LAWS["chinchilla"].published])
def test_estimates_survive_being_typed_again(fit, name):
    if name != "fitted":
        fit = replace(fit, params=dict(fit.law.published[name]))
    typed = typed_from(fit.summary(), fit)
    assert typed.keys() == fit.params.keys()
    data = fit.table.inputs
    for beyond in (1, 1e3):
        far = [beyond * float(np.max(data[key])) for key in ("N", "D")]
        assert abs(fit.law(*far, **typed) - fit.law(*far, **fit.params)) < 1e-4
        flops = 6 * far[0] * far[1]
        assert best_ratio(typed, flops) == pytest.approx(best_ratio(fit.params, flops), rel=5e-3)


@pytest.mark.parametrize("value", [1.23456789e-12, 0.34917, 1e7 / 3, 1.23456789e18])
def test_retypable_has_at_least_six_digits(value):
    assert float(retypable(value)) == pytest.approx(value, rel=5e-7)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (44e6, "44M"),
        (16.16e9, "16.2B"),
        (999.6e6, "1B"),
        (1.4e12, "1.4T"),
        (1500, "1.5k"),
        (12, "12"),
        (3e18, "3e+18"),
        (0, "0"),
        (float("inf"), "inf"),
    ],
)
def test_short_number(value, text):
    assert short_number(value) == text


def test_says_the_verdict_before_the_numbers(fit):
    text = fit.summary()
    assert (
        text.index("verdict")
        < text.index("Converged:")
        < text.index("range N")
        < text.index("parameter ")
    )
    for words in (
        "36 used, 0 set aside",
        "60M .. 6B",
        "2B .. 200B",
        "of the scaled Jacobian: fine",
        "row 8: 2.9 % above",
        "16 of 16 starts agree",
        "huber(0.001) on log loss",
        "44 % of the residuals within delta",
        "95 % pairs percentile; resampling: rows drawn; 50 asked, 50 used; seed 0",
        "nats/token x parameters^alpha",
        "float64 on cpu",
    ):
        assert words in text


def test_fits_a_terminal(fit):
    fit = replace(fit, table=replace(fit.table, notes=("a long assumption " * 20,)))
    assert max(map(len, fit.summary().splitlines())) <= 100


def test_tells_what_is_wrong(fit):
    status = fit.draws.status.copy()
    status[:3] = Status.MAX_STEPS
    aside = tuple(SetAside(row, "excluded by 'bad'", "excluded") for row in (3, 4))
    fit = replace(
        fit,
        status=Status.BOUND_HIT,
        condition=2e6,
        on_bound=("beta",),
        draws=replace(fit.draws, status=status),
        table=replace(fit.table, set_aside=aside, notes=("D derived",)),
    )
    text = fit.summary(level=0.9)
    for words in (
        "bound_hit: A parameter lies on its bound",
        "3 of 50 resamples failed: 3 max_steps",
        "2 set aside: excluded by 'bad'",
        "assumed     D derived",
        "not identified",
        "(on its bound)",
        "too many draws failed",
    ):
        assert words in text


def test_weak_condition_has_its_word(fit):
    assert "weak" in summarise(replace(fit, condition=5e3))


def test_without_draws_intervals_are_asymptotic(golden_huber):
    text = summarise(golden_huber)
    assert "95 % wald t; no resamples were asked for" in text
    assert "stderr" in text


def test_fixed_parameters_have_no_interval(fit):
    settings = {**fit.settings, "fixed": {"alpha": 0.34}, "tied": {"B": "A"}}
    lines = replace(fit, settings=settings).summary().splitlines()
    alpha = next(line for line in lines if line.startswith("alpha"))
    B = next(line for line in lines if line.startswith("B "))
    assert alpha.split()[2:] == ["-", "-", "-", "(fixed)"]
    assert B.endswith("(tied to A)")


def test_html_is_escaped(fit):
    table = replace(fit.table, source="<script>")
    html = replace(fit, table=table)._repr_html_()
    assert "<script>" not in html
    assert html.startswith("<table>")
