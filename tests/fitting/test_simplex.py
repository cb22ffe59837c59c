"""Shares of one whole: the gauge that they leave is fixed, and advice stays among them."""

import warnings

import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax.identify import RunSet
from scalejax.laws import mixing_law
from scalejax.objectives import least_squares, make_model


def mixtures(domains, rows=40):
    """Runs of a mixing law without noise, k a part of the shift of t."""
    draw = np.random.default_rng(domains)
    shares = draw.dirichlet(np.ones(domains), rows)
    effects = draw.uniform(-1.5, 0.5, domains)
    names = [f"r_{j}" for j in range(1, domains + 1)]
    table = pd.DataFrame(shares, columns=names)
    return table.assign(loss=1.5 + 2.0 * np.exp(shares @ effects)), effects


@pytest.mark.parametrize("domains", [3, 5])
def test_runs_of_any_number_of_domains_are_fitted_as_they_are(domains):
    """With k = 1 all t are longer by ln 2, and every loss is the same."""
    table, effects = mixtures(domains)
    law = mixing_law(domains)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sj.fit(table, law, resamples=0, allow_unidentified=True)
    assert found.params["k"] == 1.0
    assert found.params["c"] == pytest.approx(1.5, abs=1e-4)
    for j, effect in enumerate(effects, 1):
        assert found.params[f"t_{j}"] == pytest.approx(effect + np.log(2), abs=1e-4)
    assert any("add up to one" in note for note in found.table.notes)
    assert found.settings["fixed"] == {"k": 1.0}


def test_what_is_held_otherwise_is_another_gauge():
    table, effects = mixtures(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = {"t_3": 0.0}
        found = sj.fit(table, mixing_law(3), resamples=0, fixed=held, allow_unidentified=True)
    assert found.params["k"] == pytest.approx(2 * np.exp(effects[2]), rel=1e-4)


@pytest.mark.parametrize("domains", [2, 5])
def test_runs_that_are_advised_are_mixtures(domains):
    table, _ = mixtures(domains)
    model = make_model(mixing_law(domains), least_squares().kernel, fixed={"k": 1.0})
    inputs = {name: table[name].to_numpy() for name in model.law.inputs}
    runs, _ = RunSet(model, {"k": 1.0}, inputs, np.ones(len(table))).candidates
    assert runs.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert ((runs >= 0) & (runs <= 1)).all()
