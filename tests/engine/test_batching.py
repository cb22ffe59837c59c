"""A draw depends on the seed and its number: not on batching, devices or neighbours (T14, T15)."""

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax.engine.layout import default_layout
from scalejax.resampling import draw_counts, percentile_interval
from scalejax.status import Status


def values(fit):
    """All draws of all parameters, (B, p)."""
    return np.stack(list(fit.draws.parameters.values()), axis=1)


@pytest.fixture(scope="module")
def thousand(golden):
    return sj.fit(golden, resamples=1000)


class TestNumberOfDraws:
    @pytest.mark.parametrize("count", [1, 7, 32])
    def test_fewer_draws_are_the_first_ones(self, golden, thousand, count):
        fit = sj.fit(golden, resamples=count)
        # Other shapes compile to other sums, whose last digit the condition (2e2) magnifies.
        assert values(fit) == pytest.approx(values(thousand)[:count], rel=1e-9)
        assert fit.params == pytest.approx(thousand.params, rel=1e-9)

    def test_half_is_the_first_half_bit_by_bit(self, golden, thousand):
        fit = sj.fit(golden, resamples=500)
        assert np.array_equal(values(fit), values(thousand)[:500])
        assert np.array_equal(fit.draws.objective, thousand.draws.objective[:500])
        assert fit.params == thousand.params

    def test_most_converge_and_spread(self, thousand):
        assert np.mean(thousand.draws.converged) > 0.99
        assert len(np.unique(thousand.draws.parameters["beta"])) == 1000

    def test_intervals_are_percentiles_of_the_draws(self, thousand):
        frame = thousand.conf_int(0.9)
        usable = thousand.draws.parameters["A"][thousand.draws.converged]
        assert tuple(frame.loc["A", ["lo", "hi"]]) == pytest.approx(np.percentile(usable, [5, 95]))
        assert frame.loc["A", "b_asked"] == 1000

    def test_no_draws_no_percentiles(self, golden_huber):
        frame = golden_huber.conf_int(kind="percentile")
        assert frame[["lo", "hi", "stderr"]].isna().all(axis=None)
        assert set(frame["method"]) == {"none"}

    @pytest.mark.parametrize("wrong", [-1, np.ones((3, 35)), np.ones(36)])
    def test_impossible_bootstrap(self, golden, wrong):
        with pytest.raises(sj.UsageError, match="resamples"):
            sj.fit(golden, resamples=wrong)


class TestSeeds:
    def test_same_seed_same_draws(self, golden):
        one, two = (sj.fit(golden, resamples=32, seed=7) for _ in range(2))
        assert np.array_equal(values(one), values(two))
        assert np.array_equal(one.draws.objective, two.draws.objective)

    def test_other_seed_other_draws_same_estimate(self, golden):
        one, two = (sj.fit(golden, resamples=32, seed=seed) for seed in (7, 8))
        assert not np.any(values(one) == values(two))
        assert one.params == two.params

    @pytest.mark.parametrize("seed", [-1, 0.5, "a"])
    def test_bad_seed(self, golden, seed):
        with pytest.raises(sj.UsageError, match="seed"):
            sj.fit(golden, resamples=2, seed=seed)


class TestLayouts:
    def test_chunk_size_changes_no_bit(self, golden, thousand):
        fit = sj.fit(golden, resamples=1000, layout=replace(default_layout(), chunk=512))
        assert np.array_equal(values(fit), values(thousand))

    def test_one_worker_or_many_changes_no_bit(self, golden, thousand):
        layout = default_layout()
        layout = replace(layout, chunk=512, devices=layout.devices[:1] * 3)
        fit = sj.fit(golden, resamples=1000, layout=layout)
        assert np.array_equal(values(fit), values(thousand))

    def test_system_without_affinity_uses_all_its_cores(self, monkeypatch):
        """As macOS and Windows are."""
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: 3)
        if jax.local_device_count() > 1:
            pytest.skip("several devices share the cores already")
        assert len(default_layout().devices) == 3

    @pytest.mark.slow
    def test_lanes(self, golden, thousand):
        fit = sj.fit(golden, resamples=1000, layout=replace(default_layout(), lanes=32))
        assert values(fit) == pytest.approx(values(thousand), rel=1e-9)

    @pytest.mark.slow
    def test_form_of_the_pass(self, golden, thousand):
        other = {"rows": "scan", "scan": "rows"}[default_layout().form]
        fit = sj.fit(golden, resamples=1000, layout=replace(default_layout(), form=other))
        assert values(fit) == pytest.approx(values(thousand), rel=1e-9)
        assert np.array_equal(fit.draws.status, thousand.draws.status)

    def test_progress_counts_to_the_end(self, golden):
        seen = []
        layout = replace(default_layout(), chunk=512)
        sj.fit(golden, resamples=1000, layout=layout, progress=lambda *counts: seen.append(counts))
        # The estimate is one problem of its own; then two chunks of draws.
        assert seen[0] == (1, 1, 0)
        assert [done for done, total, _ in seen if total == 1000] == [512, 1000]

    @pytest.mark.slow
    def test_two_devices(self, golden):
        """In a process that sees two CPU devices, chunks go to both and the draws stay."""
        script = """
import json, jax, scalejax as sj
from dataclasses import replace
from scalejax.engine.layout import default_layout
layout = replace(default_layout(), chunk=32)
assert len(set(layout.devices)) == 2, layout
fit = sj.fit(sj.datasets.load("golden36"), resamples=96, layout=layout)
print(json.dumps({name: list(v) for name, v in fit.draws.parameters.items()}))
"""
        environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
        environment["JAX_PLATFORMS"] = "cpu"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        there = json.loads(done.stdout)
        here = sj.fit(golden, resamples=96).draws.parameters
        for name, expected in here.items():
            assert there[name] == pytest.approx(expected, rel=1e-9)


BAD_LANES = {
    3: "a weight is NaN",
    7: "a weight is infinite",
    11: "three distinct rows",
    15: "no weight at all",
    19: "one model size only",
    23: "a weight is negative",
}


class TestBadLanes:
    @pytest.fixture(scope="class")
    @classmethod
    def weights(cls):
        rng = np.random.default_rng(0)
        return np.stack([np.bincount(rng.integers(0, 36, 36), minlength=36) for _ in range(40)])

    @pytest.fixture(scope="class")
    @classmethod
    def good(cls, golden, weights):
        return sj.fit(golden, resamples=weights)

    @pytest.fixture(scope="class")
    @classmethod
    def spoilt(cls, golden, weights):
        weights = weights.astype(float)
        weights[3, 5] = np.nan
        weights[7, 2] = np.inf
        weights[11] = weights[15] = weights[19] = 0
        weights[11, [0, 14, 33]] = 12
        weights[19, :6] = 6
        weights[23, 4] = -1
        with pytest.warns(sj.FitWarning, match="of 40 resamples"):
            return sj.fit(golden, resamples=weights)

    def test_good_lanes_are_all_good(self, good):
        assert good.fully_converged

    def test_neighbours_keep_every_bit(self, good, spoilt):
        others = np.setdiff1d(np.arange(40), list(BAD_LANES))
        assert np.array_equal(values(good)[others], values(spoilt)[others])
        assert np.all(spoilt.draws.status[others] == Status.CONVERGED)

    @pytest.mark.parametrize(
        ("lane", "allowed"),
        [
            (3, {Status.NON_FINITE, Status.BAD_INPUT}),
            (7, {Status.NON_FINITE, Status.BAD_INPUT}),
            (11, {Status.BAD_INPUT}),
            (15, {Status.BAD_INPUT}),
            (19, {Status.NOT_IDENTIFIED}),
            (23, {Status.BAD_INPUT}),
        ],
        ids=lambda x: BAD_LANES.get(x, "") if isinstance(x, int) else "",
    )
    def test_each_bad_lane_says_why(self, spoilt, lane, allowed):
        assert Status(spoilt.draws.status[lane]) in allowed

    def test_bad_lanes_are_not_used(self, spoilt):
        used = spoilt.conf_int().loc["beta", "b_used"]
        assert used == int(np.sum(spoilt.draws.status == Status.CONVERGED)) < 40

    def test_intervals_from_too_few_draws_are_withheld(self, spoilt):
        frame = spoilt.conf_int()
        assert frame[["stderr", "lo", "hi"]].isna().all(axis=None)
        assert "withheld" in frame.loc["beta", "method"]
        assert np.isfinite(spoilt.conf_int(kind="wald")["lo"]).all()


class TestExplicitWeights:
    def test_ones_are_the_sample(self, golden, golden_huber):
        fit = sj.fit(golden, resamples=np.ones((1, 36)))
        assert values(fit)[0] == pytest.approx(list(golden_huber.params.values()), rel=1e-7)

    @pytest.mark.filterwarnings("ignore:W203")
    def test_a_row_of_counts_is_a_table_of_repeated_rows(self, golden):
        counts = np.bincount(np.random.default_rng(5).integers(0, 36, 36), minlength=36)
        fit = sj.fit(golden, resamples=counts[None])
        repeated = golden.loc[np.repeat(golden.index, counts)].reset_index(drop=True)
        other = sj.fit(repeated, resamples=0)
        # A draw stops at a scaled gradient of 1e-6, a point estimate goes on to ten digits.
        assert values(fit)[0] == pytest.approx(list(other.params.values()), rel=1e-6)


def drawn_counts(seed, draws, *, units, size, table=None):
    """Counts as the engine draws them, which is in 64-bit mode."""
    with jax.enable_x64(True):
        key = jax.random.key(seed)
        key = key if table is None else jax.random.fold_in(key, table)
        one = jax.vmap(lambda draw: draw_counts(key, draw, np.int32(units), size))
        return np.asarray(one(np.array(draws, np.int32)))


class TestResampling:
    @pytest.fixture(scope="class")
    @classmethod
    def counts(cls):
        return drawn_counts(11, range(4001), units=12, size=16)

    def test_draw_zero_is_the_sample(self, counts):
        assert counts[0].tolist() == [1] * 12 + [0] * 4

    def test_counts_add_up_and_spare_the_padding(self, counts):
        assert np.all(counts.sum(axis=1) == 12)
        assert not np.any(counts[:, 12:])

    def test_counts_are_multinomial(self, counts):
        drawn = counts[1:, :12]
        # 48,000 counts of mean 1 and variance 11/12; 5 standard errors, seed fixed.
        assert np.mean(drawn, axis=0) == pytest.approx(np.ones(12), abs=5 * np.sqrt(11 / 12 / 4000))
        assert np.var(drawn) == pytest.approx(11 / 12, rel=0.05)
        covariance = np.cov(drawn.T)[~np.eye(12, dtype=bool)]
        assert np.mean(covariance) == pytest.approx(-1 / 12, rel=0.1)

    def test_percentile_interval(self):
        low, high = percentile_interval(np.arange(101.0), 0.9)
        assert (low, high) == pytest.approx((5.0, 95.0), rel=1e-14)
        assert all(np.isnan(end) for end in percentile_interval(np.empty(0)))


class TestClusters:
    def clustered(self, golden):
        return golden.assign(run=[f"run {k}" for k in np.arange(36) // 3])

    @pytest.mark.filterwarnings("ignore:only 12 clusters")
    def test_clusters_stay_together(self, golden):
        """The draws are those of weights that are equal within each of the 12 runs."""
        fit = sj.fit(self.clustered(golden), run="run", resamples=32, seed=5)
        counts = drawn_counts(5, range(1, 33), units=12, size=48, table=0)
        assert np.all(counts.sum(axis=1) == 12)
        weights = np.repeat(counts[:, :12], 3, axis=1)
        explicit = sj.fit(golden, resamples=weights)
        assert values(fit) == pytest.approx(values(explicit), rel=1e-8)
        assert fit.draws.method == "cluster"

    @pytest.mark.filterwarnings("ignore:W214")
    def test_every_row_its_own_cluster_is_pairs(self, golden):
        alone = golden.assign(run=[str(k) for k in range(36)])
        fit = sj.fit(alone, run="run", resamples=32)
        assert np.array_equal(values(fit), values(sj.fit(golden, resamples=32)))

    @pytest.mark.filterwarnings("ignore:W203", "ignore:only 18 clusters")
    def test_clusters_of_copies_are_wider(self, golden):
        """Twelve runs seen three times: rows pretend to be 36, clusters know they are 12."""
        copies = pd.concat([golden.iloc[1::2]] * 2, ignore_index=True)
        copies["run"] = [str(k) for k in range(18)] * 2
        fit = sj.fit(copies, run="run", resamples=200)
        rows = sj.fit(copies.drop(columns="run"), resamples=200)
        # In theory by the root of two; 200 draws know a standard error to 5 %.
        assert fit.stderr["alpha"] > 1.2 * rows.stderr["alpha"]


class Compilations(logging.Handler):
    """Collects the names that JAX compiles."""

    def __init__(self):
        super().__init__()
        self.names = []

    def emit(self, record):
        message = record.getMessage()
        if message.startswith("Compiling "):
            self.names.append(message.split()[1])

    def __enter__(self):
        self.logger = logging.getLogger("jax")
        self.propagate, self.logger.propagate = self.logger.propagate, False
        self.logger.addHandler(self)
        return self

    def __exit__(self, *_):
        self.logger.removeHandler(self)
        self.logger.propagate = self.propagate


@pytest.mark.slow
def test_same_shape_does_not_compile_again(golden):
    """Another seed, delta, table or number of draws is other numbers in the same program."""
    few = golden.iloc[:20]
    with Compilations() as first, jax.log_compiles():
        sj.fit(few, resamples=32)
    assert any("solve_chunk" in name for name in first.names)
    other = golden.iloc[10:33].assign(loss=lambda runs: runs["loss"] * 1.01)
    with Compilations() as second, jax.log_compiles():
        sj.fit(few, resamples=40, seed=3)
        sj.fit(few, resamples=32, objective=sj.huber(3e-3))
        sj.fit(other.reset_index(drop=True), resamples=32, bounds={"beta": (0.01, 3.0)})
    assert not [name for name in second.names if "solve_chunk" in name]


class TestFitMany:
    @pytest.fixture(scope="class")
    @classmethod
    def families(cls, golden):
        rng = np.random.default_rng(2)
        tables = {
            f"family {k}": golden.assign(loss=golden["loss"] * np.exp(rng.normal(0, 0.004, 36)))
            for k in range(3)
        }
        tables["short"] = tables["family 1"].iloc[:33]
        return tables

    def test_equals_separate_fits(self, families):
        whole = pd.concat(
            [runs.assign(family=name) for name, runs in families.items()], ignore_index=True
        )
        together = sj.fit_many(whole, by="family")
        assert list(together) == list(families)
        for name, runs in families.items():
            alone = sj.fit(runs.reset_index(drop=True), resamples=0)
            assert together[name].params == pytest.approx(alone.params, rel=1e-9)
            assert together[name].status == alone.status == Status.CONVERGED
            assert together[name].objective_value == pytest.approx(alone.objective_value, rel=1e-12)
            assert together[name].table.n_rows == len(runs)

    def test_groups_that_several_columns_name(self, families):
        whole = pd.concat(
            [runs.assign(family=name, corpus="c4") for name, runs in families.items()],
            ignore_index=True,
        )
        one, two = (sj.fit_many(whole, by=by) for by in ("family", ["corpus", "family"]))
        assert list(two) == [f"c4 / {name}" for name in families]
        assert [fit.params for fit in two.values()] == [fit.params for fit in one.values()]
        with pytest.raises(sj.UsageError, match="corpora"):
            sj.fit_many(whole, by=["corpora", "family"])

    def test_order_of_rows_of_groups_does_not_matter(self, families):
        whole = pd.concat(
            [runs.assign(family=name) for name, runs in families.items()], ignore_index=True
        )
        mixed = whole.sample(frac=1, random_state=0, ignore_index=True)
        straight, shuffled = (sj.fit_many(runs, by="family") for runs in (whole, mixed))
        for name in families:
            assert shuffled[name].params == pytest.approx(straight[name].params, rel=1e-9)

    def test_what_it_does_not_do_is_refused(self, families):
        whole = pd.concat([runs.assign(f=name) for name, runs in families.items()])
        with pytest.raises(sj.UsageError, match="one table at a time"):
            sj.fit_many(whole, by="f", objective=sj.huber("auto"))
        with pytest.raises(sj.UsageError, match="Several are a study"):
            sj.fit_many(whole, ["chinchilla", "kaplan"], by="f")
