"""Fits of which little can be said: a reason for every missing number, and no error of NumPy."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import scalejax as sj
from scalejax import Positive, Real, Status

ROWS = 12
KINDS = (None, "percentile", "basic", "wald", "sandwich", "jackknife")
ENDS = ["stderr", "lo", "hi"]

# Numbers may overflow on the way; what is asserted is that nothing raises.
pytestmark = pytest.mark.filterwarnings("ignore")


@sj.law(linear=("a",), bounds={"a": (0, 10), "b": (0, 10)})
def power(x, *, a: Real, b: Positive):
    """An exponent that is moved as it is."""
    return a + x**-b


@sj.law(linear=("a",), bounds={"a": (0, 10), "b": (0, 10)})
def root(x, *, a: Real, b: Real):
    """A slope that is infinite at zero."""
    return a + jnp.sqrt(jnp.maximum(b, 0.0)) * x


@sj.law(linear=("a", "b"), bounds={"a": (0, 10), "b": (0, 10)})
def idle(x, *, a: Real, b: Real):
    """A column of zeros."""
    return a + 0.0 * b * x


LAWS = (power, root, idle)


@pytest.fixture(scope="module", params=LAWS, ids=lambda law: law.name)
def drawn(request):
    x = np.linspace(1, 5, ROWS)
    loss = 3 + x**-0.7 + np.random.default_rng(0).normal(0, 0.01, ROWS)
    return sj.fit(
        {"x": x, "loss": loss}, request.param, objective=sj.least_squares(on="loss"),
        resamples=30, allow_unidentified=True,
    )  # fmt: skip


def spoilt(fit, seed):
    """The fit with some of what can go wrong."""
    generator = np.random.default_rng(seed)
    table, draws = fit.table, fit.draws
    some = {
        name: generator.choice([v, 0.0, 10.0, np.nan, np.inf]) for name, v in fit.params.items()
    }
    weight = np.where(np.arange(ROWS) < generator.integers(1, ROWS), table.weight, 0.0)
    clusters = int(generator.integers(1, 4))
    failed = generator.random(len(draws)) < generator.random()
    changes = [
        {"on_bound": tuple(name for name in fit.free if generator.random() < 0.7)},
        {"status": Status(int(generator.integers(9)))},
        {"params": {name: float(value) for name, value in some.items()}},
        {"draws": replace(draws, status=np.where(failed, int(Status.STALLED), 0))},
        {"draws": replace(draws, method="jackknife")},
        {"condition": np.nan},
    ]
    of_table = [
        {"weight": weight},
        {"target": np.full(ROWS, 5.0)},
        {"inputs": {"x": np.full(ROWS, 2.0)}},
        {"cluster": np.arange(ROWS) % clusters, "cluster_labels": tuple("abc"[:clusters])},
    ]
    for change in of_table:
        if generator.random() < 0.3:
            table = replace(table, **change)
    for change in changes:
        if generator.random() < 0.4:
            fit = replace(fit, **change)
    return replace(fit, table=table)


def asked(question):
    """The answer, or None for a refusal in words."""
    try:
        return question()
    except sj.ScalejaxError:
        return None


@pytest.mark.parametrize("seed", range(12))
def test_every_missing_interval_has_a_reason_and_every_end_lies_in_the_support(drawn, seed):
    fit = spoilt(drawn, seed)
    for kind in KINDS:
        frame = asked(lambda kind=kind: fit.conf_int(kind=kind))
        derived = asked(lambda kind=kind: fit.interval(lambda p: p["a"] + p["b"], kind=kind))
        for answer in (frame, derived):
            if answer is not None:
                missing = answer[ENDS].isna().any(axis=1)
                assert (answer["reason"] != "").to_list() == missing.to_list()
        if frame is not None:
            for name, row in frame.dropna(subset=ENDS).iterrows():
                support = fit.law.parameters[name].support
                assert support.lower <= row["lo"] <= row["hi"] <= support.upper


@pytest.mark.parametrize("seed", range(12))
def test_nothing_raises_but_refusals(drawn, seed):
    fit = spoilt(drawn, seed)
    summary = asked(fit.summary)
    for name, reason in fit.conf_int()["reason"].items():
        assert reason in summary, name
    at = {"x": [2.0, 50.0]}
    for question in (
        lambda: fit.cov, lambda: fit.stderr, fit.to_dict, fit.to_frame,
        lambda: fit.asymptotics.flat, lambda: fit.predict(at, discrepancy="none"),
    ):  # fmt: skip
        asked(question)


def test_plans_of_parameters_on_a_bound_keep_them_there(golden):
    fit = sj.fit(golden, resamples=0, bounds={"alpha": (0.1, 0.3)})
    assert fit.on_bound == ("alpha",)
    draws, _ = sj.planning.source_of(fit).draws()
    assert np.ptp(draws["alpha"]) < 1e-6 * np.ptp(draws["beta"])


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("settings", [{}, {"solver": "optax"}, {"max_steps": 20}])
def test_remedies_were_not_applied(drawn, status, settings):
    """The default solver is advised to those who took another, and more steps to those with few."""
    fit = replace(drawn, status=status, settings={**drawn.settings, **settings})
    assert fit.sentence.startswith(status.sentence)
    assert "solver" not in status.sentence
    assert "starts," not in status.sentence.replace("start only", "")
    assert ("default solver" in fit.sentence) <= ("solver" in settings)
    assert ("max_steps" in fit.sentence) <= ("max_steps" in settings)
    assert fit.sentence in fit.summary().replace("\n            ", " ")
