"""Rows that look like checkpoints of runs that nobody declared: what is said and what is not."""

import warnings

import numpy as np
import pandas as pd
import pytest

import scalejax as sj


def table(models, rows, seed=0, **columns):
    """Checkpoints, or a grid, of models of one N each: independent noise, so that only the labels
    can tell."""
    random = np.random.default_rng(seed)
    n = np.repeat(np.geomspace(1e8, 4e9, models), rows)
    d = np.tile(np.geomspace(2e9, 8e10, rows), models)
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.002 * random.normal(size=len(n)))
    labels = np.repeat([f"model {k}" for k in range(models)], rows)
    own = {"N": n, "D": d, "loss": loss, "model": labels}
    return pd.DataFrame({**own, **{name: make(d) for name, make in columns.items()}})


def said(runs, **options):
    """The fit and what it said of checkpoints."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = sj.fit(runs, resamples=0, **options)
    return fit, [str(one.message) for one in caught if "checkpoints" in str(one.message)]


STEP = {"step": lambda d: d // 1e6}


@pytest.mark.parametrize("columns", [{}, STEP], ids=["many rows", "steps"])
def test_a_label_that_repeats_is_said_and_its_runs_are_the_unit(columns):
    fit, (words,) = said(table(8, 5 if columns else 12, **columns))
    assert "rows of one 'model'" in words
    assert "8 runs" in words
    assert 'run="model"' in words
    assert "keep only the last row of each run" in words
    assert fit.table.cluster_labels == tuple(f"model {k}" for k in range(8))
    assert "look like" in fit.summary()
    assert "not final losses" in " ".join(fit.summary().split())


def test_the_schedule_is_offered_where_its_columns_are():
    _, (words,) = said(table(8, 5, lr=lambda d: 1e-3 / d, **STEP))
    assert "forecast_curve" in words
    assert "'step' and 'lr'" in words
    assert "forecast_curve" not in said(table(8, 5, **STEP))[1][0]


def test_few_runs_are_said_and_not_resampled():
    fit, (words,) = said(table(4, 12))
    assert "so few runs cannot be resampled" in words
    assert fit.table.cluster is None
    assert "look like" in fit.summary()


@pytest.mark.parametrize(
    ("runs", "options"),
    [
        (table(8, 5), {}),
        (table(8, 12).drop(columns="model"), {}),
        (table(8, 12).sample(frac=1, random_state=0), {}),
        (table(8, 12).drop(columns="model").assign(n_nonemb=lambda t: t["N"] * 0.8), {}),
        (table(8, 12), {"resampling": "pairs"}),
    ],
    ids=["grid", "no label", "no order", "another count of N", "independent, said so"],
)
def test_other_tables_are_left_alone(runs, options):
    fit, words = said(runs, **options)
    assert words == []
    assert fit.table.cluster is None


def test_a_declared_run_is_not_asked_about_and_the_remedy_is_in_the_verdict():
    fit, words = said(table(8, 5), run="model")
    assert words == []
    text = " ".join(fit.summary().split())
    assert "The rows are 40 checkpoints of 8 runs" in text
    assert "fit the 8 final losses alone" in text
