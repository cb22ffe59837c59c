"""Forecasts of pooled families: their coordinates, what the population adds, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from pooling_cases import line

import scalejax as sj
from scalejax.pooling.outlook import PopulationLaw

AT = {"x": [0.5, 1.5]}


@pytest.fixture(scope="module")
def forecast(two_way):
    return two_way[1].forecast(AT)


def test_coordinates_are_standard_normal_in_the_population(two_way):
    """The draws of a family never seen, in these coordinates, have unit covariance."""
    inside, draws = PopulationLaw.of(two_way[1]), two_way[1].new_draws[:, :-1]
    theta = np.linalg.solve(np.array(inside.factor), (draws - inside.middle).T)
    np.testing.assert_allclose(theta.mean(1), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(theta), np.eye(2), atol=1e-6)


def test_every_family_has_its_runs_to_come(two_way, forecast):
    """Those of three runs too, of which a forecast by itself would be refused."""
    pooled = two_way[1]
    assert forecast.points.groupby("family")["x"].apply(list).tolist() == [AT["x"]] * 7
    assert min(forecast.n_runs.values()) == 3
    for name in pooled.groups:
        law = pooled.predict(name, AT)["loss"]
        ours = forecast.points[forecast.points["family"] == name]
        assert ours["loss"].to_numpy() == pytest.approx(law.to_numpy(), rel=0.1)


def test_what_families_share_makes_intervals_narrower(two_way, forecast):
    """Far from the runs, where what is known beforehand counts."""
    runs = two_way[0].groupby("family").filter(lambda rows: len(rows) >= 4)
    alone = sj.forecast(runs, at=AT, law=line, by="family").points
    ours = forecast.points[forecast.points["family"].isin(alone["family"])]
    far = (alone["x"] == AT["x"][1]).to_numpy()
    assert np.all(ours["sd"].to_numpy()[far] < alone["sd"].to_numpy()[far])


def test_there_is_no_backtest_and_why(forecast):
    assert forecast.backtest == {}
    assert any("there is no backtest" in note for note in forecast.notes)


def test_separate_parameters_have_no_population(two_way):
    pooled = two_way[1]
    apart = replace(pooled.hierarchy, roles=("separate", *pooled.hierarchy.roles[1:]))
    with pytest.raises(sj.UsageError, match="there is none of a, which separate= names"):
        replace(pooled, hierarchy=apart).forecast(AT)
