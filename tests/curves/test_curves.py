"""Learning-rate schedules, laws along them, the best schedule, and curves against hours.

Numbers are those of Tissue et al. (arXiv:2408.11029), Luo et al. (arXiv:2503.12811) and the article
"Chinchilla's Death" (2023); the reference of every law is a NumPy loop as its paper prints it.
"""

import os
from functools import partial
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax import curves
from scalejax.curves import LUO2025, CurveVerdict, LossCurve
from scalejax.datasets import DATA_FOLDER_VARIABLE
from scalejax.laws import chinchilla
from scalejax.status import Outcome

PEAK, FINAL, WARMUP = 3e-4, 3e-5, 2160
SIZE_400M = LUO2025["400M"]


def table(folder, name):
    """A table of the data folder, or a skip that says what is missing."""
    root = os.environ.get(DATA_FOLDER_VARIABLE)
    if not root:
        pytest.skip(f"{DATA_FOLDER_VARIABLE} is not set: these runs are not shipped")
    path = Path(root) / folder / name
    if not path.exists():
        pytest.skip(f"{DATA_FOLDER_VARIABLE} has no {folder}/{name}")
    return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")


def rates_named(name):
    """The schedules of arXiv:2503.12811 by the names of their files."""
    kind, *numbers = name.split("_")
    shape = {"peak": PEAK, "warmup": WARMUP}
    total = int(numbers[-1])
    make = {
        "constant": lambda: partial(curves.constant, **shape),
        "cosine": lambda: partial(curves.cosine, total=total, final=FINAL, **shape),
        "wsd": lambda: partial(
            *(curves.wsd,), start=int(numbers[0]), total=total, final=FINAL,
            cooldown=curves.exponential_cooldown, **shape,
        ),
        "wsdld": lambda: partial(
            *(curves.wsd,), start=int(numbers[0]), total=total, final=FINAL,
            cooldown=curves.linear_cooldown, **shape,
        ),
        "wsdcon": lambda: partial(
            curves.multi_step, boundaries=(8000,), rates=(PEAK, total * 1e-5), warmup=WARMUP
        ),
    }  # fmt: skip
    with jax.enable_x64(True):
        last = 16000 if kind == "wsdcon" else total
        return np.asarray(curves.rates_of(make[kind](), last))


def tissue_rates(kind):
    """The schedules of the public notebook of arXiv:2408.11029: warm-up counted at the peak."""
    with jax.enable_x64(True):
        if kind == "constant":
            return np.full(20001, 2e-4)
        cosine = partial(curves.cosine, total=20000, peak=2e-4, warmup=500)
        return np.asarray(curves.flat_warmup(curves.rates_of(cosine, 20000), 500))


def looped_annealing(rates, decay):
    """S2 step by step (arXiv:2408.11029, equation 1)."""
    momentum, area, out = 0.0, 0.0, [0.0]
    for before, now in pairwise(rates):
        momentum = decay * momentum + before - now
        area += momentum
        out.append(area)
    return np.array(out)


def looped_multi_power(rates, step, *, L0, A, alpha, B, C, beta, gamma):
    """The multi-power law at one step, as its paper prints it."""
    area = np.cumsum(rates)
    loss = L0 + A * area[step] ** -alpha
    for k in range(1, step + 1):
        since = area[step] - area[k - 1]
        bracket = 1 - (1 + C * rates[k] ** -gamma * since) ** -beta
        loss += B * (rates[k] - rates[k - 1]) * bracket
    return loss


class TestSchedules:
    def test_a117_one_minus_sqrt_cooldown(self):
        with jax.enable_x64(True):
            rate = curves.wsd(90, start=80, total=100, peak=1.0)
        assert float(rate) == pytest.approx(0.292893, abs=1e-6)

    @pytest.mark.parametrize(
        ("schedule", "step", "rate"),
        [
            (partial(curves.constant, peak=2.0, warmup=10), [0, 5, 10, 50], [0, 1, 2, 2]),
            (partial(curves.cosine, total=20, peak=2.0, warmup=10), [10, 15, 20, 25], [2, 1, 0, 0]),
            (
                partial(curves.linear, total=20, peak=2.0, final=1.0, warmup=10),
                [5, 10, 15, 20, 99],
                [1, 2, 1.5, 1, 1],
            ),
            (
                partial(
                    *(curves.wsd,), start=10, total=20, peak=4.0, final=1.0,
                    cooldown=curves.exponential_cooldown,
                ),
                [0, 10, 15, 20, 30],
                [4, 4, 2, 1, 1],
            ),
            (
                partial(curves.multi_step, boundaries=(3, 6), rates=(4.0, 2.0, 1.0), warmup=2),
                [0, 1, 2, 3, 5, 6, 9],
                [0, 2, 4, 2, 2, 1, 1],
            ),
        ],
        ids=["constant", "cosine", "linear", "wsd", "multi_step"],
    )  # fmt: skip
    def test_values_at_marked_steps_one_by_one_and_together(self, schedule, step, rate):
        step = jnp.asarray(step, float)
        together = np.asarray(jax.jit(schedule)(step))
        assert together == pytest.approx(np.array(rate), abs=1e-6)
        assert np.asarray(jax.vmap(schedule)(step)) == pytest.approx(together, abs=1e-6)
        assert np.isfinite(jax.vmap(jax.grad(schedule))(step)).all()

    def test_rates_are_those_that_were_logged(self):
        runs = table("multipowerlaw_25m_100m", "multipowerlaw_25m_100m.csv")
        for name, run in runs.groupby("schedule"):
            assert rates_named(name)[run["step"]] == pytest.approx(run["lr_logged"], abs=1e-12)

    def test_plateaus_need_one_rate_more_than_boundaries(self):
        with pytest.raises(sj.UsageError, match="2 plateaus; got 1"):
            curves.multi_step(0, boundaries=(3,), rates=(1.0,))


class TestAnnealing:
    @pytest.mark.parametrize(
        ("kind", "s1", "s2"), [("cosine", 2.0501, 0.197474), ("constant", 4.0002, 0)]
    )
    def test_a110_areas(self, kind, s1, s2):
        rates = tissue_rates(kind)
        with jax.enable_x64(True):
            found = curves.forward_area(rates)[-1], curves.annealing_area(rates)[-1]
        assert [float(x) for x in found] == pytest.approx([s1, s2], abs=1e-4)

    @pytest.mark.parametrize("decay", [0.0, 0.9, 0.999, 1.0])
    def test_area_is_that_of_the_loop(self, decay):
        rates = np.random.default_rng(0).uniform(0, 1e-3, 3000)
        with jax.enable_x64(True):
            found = np.asarray(curves.annealing_area(rates, decay))
        wanted = looped_annealing(rates, decay)
        assert found == pytest.approx(wanted, abs=1e-13 * np.max(np.abs(wanted)))
        single = np.asarray(curves.annealing_area(np.float32(rates), decay))
        assert single.dtype == np.float32
        assert single == pytest.approx(wanted, abs=1e-4 * np.max(np.abs(wanted)))

    def test_size_adds_its_term(self):
        shared = {"L0": 2.0, "A": 0.5, "alpha": 0.5, "C": 0.4}
        with_size = curves.annealing_size(1e8, 4.0, 0.2, **shared, B=100.0, beta=0.3)
        assert with_size - curves.annealing(4.0, 0.2, **shared) == pytest.approx(100 * 1e8**-0.3)

    def test_decay_has_the_slope_of_a_difference(self):
        """Central differences with a step of 1e-5: errors of 1e-10 x third derivative, 1e-11."""
        rates = tissue_rates("cosine")[::20]

        def loss(decay):
            shared = {"L0": 2.6, "A": 0.43, "alpha": 0.55, "C": 0.4}
            return curves.annealing_curve(rates, [1000], decay=decay, **shared)[0]

        with jax.enable_x64(True):
            slope = float(jax.grad(loss)(0.95))
            difference = float(loss(0.95 + 1e-5) - loss(0.95 - 1e-5)) / 2e-5
        assert slope == pytest.approx(difference, rel=1e-6)


class TestMultiPower:
    @pytest.mark.parametrize(
        ("name", "loss"),
        [
            ("constant_72000", 2.7076),
            ("cosine_72000", 2.6185),
            ("wsd_20000_24000", 2.7005),
            ("wsdcon_3", 2.8491),
            ("cosine_24000", 2.7572),
        ],
    )
    def test_a113_final_losses(self, name, loss):
        rates = rates_named(name)
        with jax.enable_x64(True):
            merged = curves.merged_changes(rates, [len(rates) - 1])
            found = jax.jit(curves.multi_power)(np.sum(rates), merged, **SIZE_400M)
        assert float(found) == pytest.approx(loss, abs=1e-3)

    @pytest.mark.parametrize(("size", "error"), [(25, 0.00376), (100, 0.00435)])
    def test_published_sets_have_their_published_test_error(self, size, error):
        runs = table("multipowerlaw_25m_100m", "multipowerlaw_25m_100m.csv")
        tested = runs[(runs["model_size_M"] == size) & (runs["authors_split"] == "test")]
        names = list(tested["schedule"].unique())
        schedules = [rates_named(name) for name in names]
        # Steps of all curves, so that both sizes are one program.
        pooled = curves.pool(schedules, [tested["step"]] * len(names), share=1e-3)
        number = tested["schedule"].map(names.index).to_numpy()
        area = [np.cumsum(schedules[k])[t] for k, t in zip(number, tested["step"], strict=True)]
        position = pooled.first[number] + tested["step"].to_numpy(float)
        with jax.enable_x64(True):
            law = jax.jit(curves.multi_power_law(pooled))
            found = np.asarray(law(position, np.array(area), **LUO2025[f"{size}M"]))
        misses = pd.Series(np.abs(found - tested["loss"].to_numpy())).groupby(number).mean()
        assert len(misses) == 6
        assert misses.mean() == pytest.approx(error, abs=1e-5)

    def test_is_the_loop_and_merging_keeps_its_bound(self):
        rates = rates_named("wsd_20000_24000")[::10]
        steps = np.array([300, 1999, 2050, 2400])
        wanted = [looped_multi_power(rates, step, **SIZE_400M) for step in steps]
        with jax.enable_x64(True):
            found = np.asarray(jax.jit(curves.multi_power_curve)(rates, steps, **SIZE_400M))
            assert found == pytest.approx(wanted, abs=1e-12)
            for share in (1e-3, 1e-2, 0.1):
                merged = curves.merged_changes(rates, share=share)
                area = np.cumsum(rates)[steps]
                close = np.asarray(curves.multi_power_along(area, merged, **SIZE_400M))
                assert close == pytest.approx(wanted, abs=SIZE_400M["B"] * share * PEAK)
            assert np.sum(merged.size) == pytest.approx(rates[-1], rel=1e-12)
        single = curves.multi_power_curve(np.float32(rates), steps, **SIZE_400M)
        assert single.dtype == jnp.float32
        assert np.asarray(single) == pytest.approx(wanted, abs=1e-5)

    @pytest.mark.parametrize(
        "rates",
        [
            np.r_[0.0, 1e-4, np.full(20, 3e-4)],
            np.r_[np.full(10, 3e-4), np.linspace(3e-4, 0, 11)],
            np.r_[np.full(10, 3e-4), np.zeros(10)],
        ],
        ids=["before any decay", "to zero", "at zero"],
    )
    def test_slopes_are_finite(self, rates):
        @partial(jax.value_and_grad, argnums=(0, 1))
        def last(rates, parameters):
            return curves.multi_power_curve(rates, [5, len(rates) - 1], **parameters).sum()

        for wide in (False, True):
            with jax.enable_x64(wide):
                cast = jnp.asarray(rates, float)
                value, slopes = jax.jit(last)(cast, dict(SIZE_400M))
                assert np.isfinite(value)
                assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))

    @pytest.mark.parametrize(
        ("rates", "words"),
        [
            ([1e-3], "two or more"),
            ([1e-3, np.nan], "step 1 is nan"),
            ([1e-3, -1.0], "step 1 is -1"),
            ([0.0, 0.0], "all rates"),
        ],
    )
    def test_no_schedule_is_refused(self, rates, words):
        with pytest.raises(sj.UsageError, match=words):
            curves.merged_changes(rates)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a116_at_a_constant_rate_both_laws_are_the_power_law(dtype):
    rates, steps = np.full(1001, 2e-4, dtype), np.array([10, 500, 1000])
    with jax.enable_x64(dtype is np.float64):
        power = 2.0 + 0.5 * (2e-4 * (steps + 1.0)) ** -0.5
        shared = {"L0": 2.0, "A": 0.5, "alpha": 0.5}
        more = {"B": 400.0, "C": 2.0, "beta": 0.6, "gamma": 0.6}
        found = (
            jax.jit(curves.annealing_curve)(rates, steps, **shared, C=9.0),
            jax.jit(curves.multi_power_curve)(rates, steps, **shared, **more),
        )
        tolerance = 1e-12 if dtype is np.float64 else 1e-5
        for curve in found:
            assert curve.dtype == dtype
            assert np.asarray(curve) == pytest.approx(power, rel=tolerance)


class TestOptimalSchedule:
    def test_a114_optimum_of_the_multi_power_law(self):
        """The authors' log ends at 2.5332 and 1.3e-6; its sum leaves the warm-up out."""

        def final(rates, counted_from):
            every = curves.changes(rates, counted_from)
            return curves.multi_power(jnp.sum(rates), every, **SIZE_400M)

        best = curves.optimal_schedule(
            *(lambda rates: final(rates, WARMUP),), total=24000, peak=PEAK, warmup=WARMUP, knots=50
        )  # fmt: skip
        assert best.outcome == Outcome.SOLVED
        assert best.loss == pytest.approx(2.5332, abs=1e-4)
        assert best.rates[-1] == pytest.approx(1.3e-6, abs=2e-7)
        assert best.rates[19000] == pytest.approx(PEAK, rel=1e-3)
        assert np.all(np.diff(best.rates[WARMUP:]) <= 0)
        assert np.all(best.rates[1:] > 0)
        with jax.enable_x64(True):
            others = [rates_named(name) for name in ("cosine_24000", "wsd_20000_24000")]
            ours, cosine, wsd = (float(final(rates, 0)) for rates in (best.rates, *others))
        assert ours < wsd - 0.01 < cosine - 0.06

    @pytest.mark.slow
    def test_annealing_law_is_convex_in_the_rates_and_nothing_random_beats_its_optimum(self):
        law = {"L0": 2.6, "A": 0.43, "alpha": 0.55, "C": 0.4}

        def final(rates):
            return curves.annealing_curve(rates, [2000], decay=0.99, **law)[0]

        best = curves.optimal_schedule(final, total=2000, peak=2e-4)
        assert best.outcome == Outcome.SOLVED
        random = np.random.default_rng(0)
        with jax.enable_x64(True):
            falls = random.exponential(size=(200, 2001)) ** random.uniform(1, 8, (200, 1))
            steps = 1 - np.cumsum(falls, axis=1) / np.sum(falls, axis=1, keepdims=True)
            others = np.asarray(jax.vmap(final)(2e-4 * steps))
        assert best.loss < np.min(others)

    def test_what_is_no_schedule_is_refused(self):
        with pytest.raises(sj.UsageError, match="warmup=30"):
            curves.optimal_schedule(jnp.sum, total=20, peak=1.0, warmup=30)

    @pytest.mark.slow
    def test_a_loss_that_is_not_finite_is_said_so(self):
        best = curves.optimal_schedule(lambda rates: jnp.sum(rates) * jnp.nan, total=9, peak=1.0)
        assert best.outcome == Outcome.NON_FINITE


LLAMA = ("LLaMA1-7B", "LLaMA1-13B", "LLaMA1-33B", "LLaMA1-65B")


@pytest.fixture(scope="module")
def llama():
    runs = table("llama1_curves", "llama1_curves.csv").groupby("model")
    return {
        name: LossCurve(name, run["gpu_hours"].to_numpy(), run["loss"].to_numpy())
        for name, run in runs
    }


class TestHours:
    @pytest.mark.parametrize(
        ("tokens", "hours", "speed"),
        [
            (1e12, 82432, 3369.8),
            (1e12, 135168, 2055.1),
            (1.4e12, 530432, 733.2),
            (1.4e12, 1022362, 380.4),
            (2e12, 184320, 3014.1),
            (2e12, 368640, 1507.0),
            (2e12, 1038336, 535.0),
            (2e12, 1720320, 322.9),
        ],
    )
    def test_a103_throughput(self, tokens, hours, speed):
        assert curves.throughput(tokens, hours) == pytest.approx(speed, abs=0.1)
        assert curves.gpu_hours(tokens, curves.throughput(tokens, hours)) == pytest.approx(hours)

    @pytest.mark.parametrize(
        ("name", "loss"),
        [
            ("LLaMA1-7B", 1.8007),
            ("LLaMA1-13B", 1.7269),
            ("LLaMA1-33B", 1.6142),
            ("LLaMA1-65B", 1.5534),
        ],
    )
    def test_a105_ends_of_the_digitised_curves(self, llama, name, loss):
        # Twenty raw rows are about three of the medians that the table holds.
        assert llama[name].end(3) == pytest.approx(loss, abs=0.003)

    def test_13b_overtakes_7b_early_and_65b_never_leads_before_the_others_end(self, llama):
        small, middle, _, large = (llama[name] for name in LLAMA)
        found = curves.compare_curves(small, middle)
        assert found.crosses == CurveVerdict.YES
        (crossing,) = found.crossings
        assert crossing.ahead == "LLaMA1-13B"
        assert crossing.lo < crossing.cost < crossing.hi < 11000
        assert curves.compare_curves(middle, large).crosses == CurveVerdict.NO
        asked = [5e3, 2e4, 3e5, 9e5, 2e6]
        names = ["LLaMA1-7B", "LLaMA1-13B", "LLaMA1-33B", "LLaMA1-65B", ""]
        assert curves.leaders(list(llama.values()), asked) == names
        lowest = curves.frontier(list(llama.values()), [1e3, 5e3, 2e4, 3e5, 2e6])
        assert np.isnan(lowest[0])
        assert np.all(np.diff(lowest[1:]) < 0)

    def test_windows_disagree_on_llama1_too(self, llama):
        large = llama["LLaMA1-65B"]
        found = curves.overtakes(llama["LLaMA1-7B"], rival=large.end(), cost=large.cost[-1])
        assert found.verdict == CurveVerdict.NOT_DETERMINED
        assert 0 < found.below < 8

    def test_a106_the_extrapolation_depends_on_its_window(self):
        run = table("chinchillas_death", "llama2-7B.tsv")
        curve = LossCurve("Llama-2 7B", run["Hours"].to_numpy(), run["Loss"].to_numpy())
        found = curves.overtakes(curve, rival=1.4988, cost=1720320)
        expected = [1.530, 1.4985, 1.475, 1.458, 1.451, 1.464, 1.504, 1.588]
        assert found.loss == pytest.approx(expected, abs=0.005)
        assert found.verdict == CurveVerdict.NOT_DETERMINED

    def test_lines_that_cross_are_found_where_they_do(self):
        cost = np.geomspace(1e3, 1e5, 600)
        random = np.random.default_rng(1)

        def noisy(slope, noise):
            loss = 2 - slope * np.log(cost / 1e4)
            return LossCurve(f"slope {slope}", cost, loss + noise * random.normal(size=600))

        sure = curves.compare_curves(noisy(0.1, 0.01), noisy(0.2, 0.01))
        (crossing,) = sure.crossings
        assert crossing.lo < 1e4 < crossing.hi
        assert crossing.cost == pytest.approx(1e4, rel=0.05)
        assert (sure.ahead[0], sure.ahead[-1]) == ("slope 0.1", "slope 0.2")
        drowned = curves.compare_curves(noisy(0.1, 0.5), noisy(0.11, 0.5))
        assert drowned.crosses == CurveVerdict.NOT_DETERMINED

    @pytest.mark.parametrize(
        ("rival", "verdict"),
        [(1.2, CurveVerdict.NO), (1.45, CurveVerdict.YES), (1.3395, "not determined")],
    )
    def test_a_line_overtakes_what_it_reaches(self, rival, verdict):
        cost = np.linspace(1e2, 1e4, 500)
        loss = 2 - 0.1 * np.log(cost / 1e2) + 0.002 * np.cos(np.arange(500.0))
        end = 2 - 0.1 * np.log(1e3)  # at a cost of 1e5: ten times that of the run, 1.3092
        found = curves.overtakes(LossCurve("line", cost, loss), rival=rival, cost=1e5)
        assert found.loss == pytest.approx(np.full(8, end), abs=0.05)
        if rival in (1.2, 1.45):
            assert found.verdict == verdict
        assert curves.overtakes(
            LossCurve("line", cost, loss), rival=float(np.median(found.loss)), cost=1e5
        ).verdict == CurveVerdict.NOT_DETERMINED  # fmt: skip

    def test_tokens_become_hours(self):
        curve = curves.curve_in_hours("run", [1e9, 5e8 + 1e9, 2e9], [3.0, 2.5, 2.2], hours=40.0)
        assert curve.cost.tolist() == [20.0, 30.0, 40.0]

    @pytest.mark.parametrize(
        ("cost", "loss", "words"),
        [
            ([1.0, 2.0], [1.0], "two columns"),
            ([2.0, 1.0], [1.0, 1.0], "sort the rows"),
            ([0.0, 1.0], [1.0, 1.0], "positive"),
        ],
    )
    def test_no_curve_is_refused(self, cost, loss, words):
        with pytest.raises(sj.UsageError, match=words):
            LossCurve("run", np.array(cost), np.array(loss))

    def test_what_cannot_be_compared_is_refused(self):
        early = LossCurve("early", np.array([1.0, 2.0]), np.array([3.0, 2.0]))
        late = LossCurve("late", np.array([3.0, 4.0]), np.array([3.0, 2.0]))
        with pytest.raises(sj.UsageError, match="no cost in common"):
            curves.compare_curves(early, late)
        with pytest.raises(sj.UsageError, match="compare the curves there"):
            curves.overtakes(late, rival=2.0, cost=3.5)
        with pytest.raises(sj.UsageError, match="too few"):
            curves.overtakes(late, rival=2.0, cost=9.0)


@pytest.mark.parametrize(
    ("coefficients", "small", "large", "smallest"),
    [("besiroglu2024", 2.0302, 1.9651, 1.26e10), ("hoffmann2022-tex", 1.9498, 1.9075, 4.63e9)],
)
def test_a107_a108_chinchillas_law_contradicts_the_article(coefficients, small, large, smallest):
    law = chinchilla.published[coefficients]
    with jax.enable_x64(True):
        losses = [float(chinchilla(*run, **law)) for run in ((6.74e9, 1.878e13), (69e9, 2e12))]
    assert losses == pytest.approx([small, large], abs=1e-3)
    least = (law["A"] / (losses[1] - law["E"])) ** (1 / law["alpha"])
    assert least == pytest.approx(smallest, rel=0.01)
