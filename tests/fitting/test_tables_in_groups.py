"""A checked `Table` is taken wherever a frame is, also by those who fit its groups."""

import warnings

import numpy as np
import pytest

import scalejax as sj
from scalejax.data import group_by
from scalejax.pooling import separate


@pytest.fixture(scope="module")
def families(golden):
    return golden.assign(
        family=np.where(np.arange(len(golden)) % 2, "odd", "even"), part=np.arange(len(golden)) % 2
    )


@pytest.fixture(scope="module")
def table(families):
    return sj.load_table(families, by="family")


class TestFitMany:
    def test_gives_what_a_frame_gives(self, families, table):
        first = sj.fit_many(families, by="family")
        second = sj.fit_many(table, by="family")
        assert list(first) == list(second) == ["even", "odd"]
        for name, fit in first.items():
            assert fit.params == second[name].params
            assert fit.objective_value == second[name].objective_value

    def test_groups_that_two_columns_name_together(self, families):
        joined = sj.load_table(**group_by(families, ["family", "part"]))
        assert group_by(joined, ["family", "part"]) == {"source": joined}
        assert list(joined.group_labels) == ["even / 0", "odd / 1"]

    @pytest.mark.parametrize(
        ("by", "words"), [("part", "the groups of 'family'"), (["family", "part"], "by=")]
    )
    def test_other_groups_are_refused(self, table, by, words):
        with pytest.raises(sj.UsageError, match=words):
            sj.fit_many(table, by=by)

    def test_a_table_without_groups_is_refused(self, golden):
        with pytest.raises(sj.UsageError, match='load it with by="family"'):
            sj.fit_many(sj.load_table(golden), by="family")


@pytest.mark.filterwarnings("ignore:2 families say little:scalejax.FitWarning")
def test_pool_takes_the_groups_of_a_table(families, table):
    first, second = (
        sj.pool(data, by="family", draws=2, separate=["alpha", "beta", "B"])
        for data in (families, table)
    )
    assert np.array_equal(first.phi, second.phi)
    assert np.array_equal(first.own, second.own)


def test_separate_fits_hide_only_what_the_pool_says_itself(table, monkeypatch):
    def loud(*_, **__):
        warnings.warn("something else", RuntimeWarning, stacklevel=1)
        warnings.warn("a group did not converge", sj.FitWarning, stacklevel=1)
        return {}

    monkeypatch.setattr(separate, "fit_many", loud)
    with pytest.warns(RuntimeWarning, match="something else"):
        separate.separate_fits(table, sj.LAWS["chinchilla"], sj.least_squares(), None)
