"""Resamples as arrays: what each kind keeps, and moments that are known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scalejax as sj
from scalejax.engine.resamples import choose_resampling
from scalejax.resampling import Units, draw_counts, percentile_interval, target_rows, weight_rows

UNIT = np.repeat(np.arange(8), [1, 2, 3, 4, 5, 6, 7, 8])
ROWS = np.arange(36)
DRAWS = 4000


def tolerance(variance, count=DRAWS):
    """Five standard errors of a mean."""
    return 5 * np.sqrt(variance / count)


class TestWeights:
    def test_jackknife_leaves_each_unit_out_once(self):
        weight = weight_rows("jackknife", Units(UNIT), 0, 0)
        assert weight.shape == (8, 36)
        assert [set(UNIT[row == 0]) for row in weight] == [{k} for k in range(8)]

    def test_bayesian_has_the_moments_of_a_flat_dirichlet(self):
        weight = weight_rows("bayesian", Units(ROWS), DRAWS, 1)
        assert weight.sum(axis=1) == pytest.approx(np.full(DRAWS, 36))
        variance = 35 / 37
        assert weight.mean(axis=0) == pytest.approx(np.ones(36), abs=tolerance(variance))
        assert np.var(weight) == pytest.approx(variance, rel=0.05)

    def test_bayesian_weights_are_shared_in_a_unit(self):
        weight = weight_rows("bayesian", Units(UNIT), 5, 1)
        for k in range(8):
            assert np.all(weight[:, k == UNIT] == weight[:, k == UNIT][:, :1])

    def test_strata_keep_their_size(self):
        stratum = np.array([0] * 10 + [1] * 20 + [2] * 6)
        weight = weight_rows("stratified", Units(ROWS, None, stratum), DRAWS, 2)
        for k, size in enumerate((10, 20, 6)):
            assert np.all(weight[:, stratum == k].sum(axis=1) == size)
        assert weight.mean(axis=0) == pytest.approx(np.ones(36), abs=tolerance(1))
        # Multinomial counts among ten have variance 9/10.
        assert np.var(weight[:, :10]) == pytest.approx(0.9, rel=0.05)

    def test_strata_of_clusters_draw_whole_clusters(self):
        stratum = np.where(UNIT < 5, 0, 1)
        weight = weight_rows("stratified", Units(UNIT, None, stratum), 200, 2)
        assert all(np.ptp(weight[:, k == UNIT], axis=1).max() == 0 for k in range(8))
        first = [np.flatnonzero(k == UNIT)[0] for k in range(8)]
        assert np.all(weight[:, first][:, :5].sum(axis=1) == 5)

    def test_nested_draws_members_within_drawn_clusters(self):
        """As many members as the drawn clusters have, and none of the others."""
        inner = ROWS
        weight = weight_rows("nested", Units(UNIT, inner), DRAWS, 3)
        sizes = np.bincount(UNIT)
        by_cluster = np.stack([weight[:, k == UNIT].sum(axis=1) for k in range(8)], axis=1)
        copies = by_cluster / sizes
        assert np.all(copies == np.round(copies))
        assert np.all(copies.sum(axis=1) == 8)
        assert weight.mean(axis=0) == pytest.approx(np.ones(36), abs=tolerance(2))
        # Not whole clusters: members of a cluster drawn once differ.
        largest = weight[:, UNIT == 7][copies[:, 7] == 1]
        assert np.ptp(largest, axis=1).min() >= 0
        assert np.ptp(largest, axis=1).mean() > 1

    @pytest.mark.parametrize("kind", ["bayesian", "nested", "stratified"])
    def test_more_draws_begin_with_the_same(self, kind):
        units = Units(UNIT, ROWS, UNIT // 4)
        few, many = (weight_rows(kind, units, count, 7) for count in (20, 50))
        assert np.array_equal(few, many[:20])
        assert not np.array_equal(few, weight_rows(kind, units, 20, 8))

    @pytest.mark.parametrize("kind", ["nested", "stratified", "pairs"])
    def test_what_is_missing_is_an_error(self, kind):
        with pytest.raises(ValueError, match=kind):
            weight_rows(kind, Units(UNIT), 5, 0)


class TestTargets:
    noise = np.linspace(-1, 1, 36)
    size = np.full(36, 0.5)
    fitted = np.arange(36.0)

    def rows(self, kind, draws=DRAWS, unit=ROWS):
        made = target_rows(kind, self.fitted, self.noise, self.size, unit, draws, 4)
        return (made - self.fitted) / self.size

    def test_residuals_are_drawn_from_all(self):
        drawn = self.rows("residual")
        assert np.isclose(drawn[..., None], self.noise, atol=1e-9).any(axis=-1).all()
        assert drawn.mean(axis=0) == pytest.approx(np.zeros(36), abs=tolerance(0.36))

    def test_wild_noise_is_the_rows_own_with_a_sign(self):
        drawn = self.rows("wild")
        assert np.abs(drawn) == pytest.approx(np.tile(np.abs(self.noise), (DRAWS, 1)))
        assert np.mean(np.sign(drawn) == np.sign(self.noise)) == pytest.approx(0.5, abs=0.01)

    def test_wild_signs_are_shared_in_a_cluster(self):
        signs = self.rows("wild", 50, UNIT) * self.noise > 0
        assert all(np.ptp(signs[:, k == UNIT].astype(int), axis=1).max() == 0 for k in range(8))

    def test_parametric_noise_is_gaussian(self):
        drawn = self.rows("parametric")
        assert np.std(drawn) == pytest.approx(1, rel=0.02)
        assert np.mean(drawn**4) == pytest.approx(3, rel=0.1)


def table(rows, **columns):
    runs = sj.datasets.load("golden36").iloc[:rows]
    return runs.assign(**{name: values[:rows] for name, values in columns.items()})


class TestDefaults:
    """Decision 4 of the reliability study."""

    def choose(self, rows, noise=None, **options):
        runs = [f"r{k}" for k in np.arange(36) // 3]
        data = table(rows, **dict.fromkeys(options.values(), runs))
        return choose_resampling("auto", sj.load_table(data, **options), noise)

    def test_by_size_and_structure(self):
        assert self.choose(36) == "pairs"
        assert self.choose(24) == "wild"
        assert self.choose(36, run="run") == "cluster"
        assert self.choose(36, strata="family") == "stratified"
        assert self.choose(36, noise=0.003) == "parametric"

    @pytest.mark.parametrize(
        ("asked", "noise", "needs"),
        [
            ("cluster", None, "run="),
            ("nested", None, "inner"),
            ("stratified", None, "strata="),
            ("parametric", None, "noise="),
            ("parametric", -1.0, "positive"),
            ("wild", 0.1, "parametric"),
            ("bootstrap", None, "one of"),
        ],
    )
    def test_refuses_what_cannot_be_made(self, asked, noise, needs):
        with pytest.raises(sj.UsageError, match=needs):
            choose_resampling(asked, sj.load_table(table(36)), noise)

    def test_refuses_few_clusters(self):
        data = table(36, run=[f"r{k}" for k in np.arange(36) // 9])
        with pytest.raises(sj.UsageError, match="4 clusters are too few"):
            sj.fit(data, run="run", resamples=50)


class TestDrawnOnTheDevice:
    """Rows drawn inside the compiled engine, from a key and the number of the draw."""

    def counts(self, draws, units=10, size=16):
        one = jax.jit(jax.vmap(lambda k: draw_counts(jax.random.key(3), k, units, size)))
        return np.asarray(one(jnp.arange(draws)))

    def test_moments_of_a_multinomial(self):
        counts = self.counts(DRAWS)[1:]
        assert np.all(counts.sum(axis=1) == 10)
        assert np.all(counts[:, 10:] == 0)
        variance = 0.9
        assert counts[:, :10].mean(axis=0) == pytest.approx(np.ones(10), abs=tolerance(variance))
        assert np.var(counts[:, :10]) == pytest.approx(variance, rel=0.05)
        assert len(np.unique(counts, axis=0)) > 0.9 * len(counts)

    def test_draw_zero_is_the_sample(self):
        assert self.counts(1)[0].tolist() == [1] * 10 + [0] * 6


def test_percentile_interval_is_along_the_draws():
    draws = np.random.default_rng(0).standard_normal((501, 2)) + np.array([0.0, 100.0])
    low, high = percentile_interval(draws, 0.9)
    for column in (0, 1):
        ordered = np.sort(draws[:, column])
        assert low[column] == pytest.approx(ordered[25], abs=1e-12)
        assert high[column] == pytest.approx(ordered[475], abs=1e-12)
