"""Laws fitted to several loss curves, and what they say of a schedule that was not fitted."""

import os
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax import curves
from scalejax.curve_fits import fit_annealing, fit_multi_power, thinned
from scalejax.datasets import DATA_FOLDER_VARIABLE

# Losses at steps 1000, 2000, ..., 20000 in the public notebook of arXiv:2408.11029.
COSINE = """3.6696358 3.3254106 3.1908393 3.1158533 3.0604768 3.020384 2.9880967 2.9612265 2.9395165
2.9195616 2.9030452 2.8881907 2.8767889 2.8654318 2.8565135 2.8489892 2.843639 2.8398669 2.8380618
2.8376071"""
CONSTANT = """3.6714418 3.325626 3.1884103 3.111947 3.058354 3.0211415 2.9874816 2.96082 2.9406552
2.9241402 2.9054413 2.8942103 2.8807929 2.8702695 2.862175 2.8530996 2.8448784 2.8383856 2.8326995
2.8294308"""
STEPS = np.arange(1000, 20001, 1000)
SIZE_400M = curves.LUO2025["400M"]


def rates(schedule, total, flat=0):
    with jax.enable_x64(True):
        return np.asarray(curves.flat_warmup(curves.rates_of(schedule, total), flat))


def notebook_points():
    losses = np.array([*COSINE.split(), *CONSTANT.split()], float)
    names = ["cosine"] * 20 + ["constant"] * 20
    return {"curve": names, "step": np.tile(STEPS, 2), "loss": losses}


NOTEBOOK = {
    "cosine": rates(partial(curves.cosine, total=20000, peak=2e-4, warmup=500), 20000, 500),
    "constant": np.full(20001, 2e-4),
}


@pytest.fixture(scope="module")
def notebook():
    return fit_annealing(notebook_points(), NOTEBOOK, resamples=40)


@pytest.mark.parametrize(("name", "loss"), [("cosine", 2.83622), ("constant", 2.82828)])
def test_a111_final_losses_of_the_annealing_law(notebook, name, loss):
    assert notebook.fit.status == sj.Status.CONVERGED
    assert notebook.predict(NOTEBOOK[name], [20000])["loss"][0] == pytest.approx(loss, abs=1e-5)


def test_band_is_that_of_the_draws_and_resamples_are_blocks_of_neighbours(notebook):
    wsd = partial(curves.wsd, start=16000, total=20000, peak=2e-4)
    band = notebook.predict(rates(wsd, 20000), STEPS)
    assert list(band) == ["step", "loss", "lo", "hi", "curve_lo", "curve_hi"]
    assert np.all(band["lo"] <= band["curve_lo"])
    assert np.all(band["curve_hi"] <= band["hi"])
    assert np.all(band["curve_lo"] < band["loss"])
    assert np.all(band["loss"] < band["curve_hi"])
    width = band["curve_hi"] - band["curve_lo"]
    assert np.all(width < 0.1)
    assert notebook.fit.draws.method == "cluster"
    assert len(notebook.fit.table.cluster_labels) == 24
    losses = band["loss"].to_numpy()
    assert losses[-1] < notebook.predict(NOTEBOOK["cosine"], [20000])["loss"][0]


def test_the_band_of_a_run_holds_how_far_a_refit_without_a_curve_was_off(notebook):
    """By hand: of the two curves the cosine alone can be fitted, as a constant rate says nothing of
    annealing; it predicts the other, apart from its first tenth."""
    points = pd.DataFrame(notebook_points())
    other = fit_annealing(points[points["curve"] == "cosine"], NOTEBOOK)
    own = points[(points["curve"] == "constant") & (points["step"] >= 2000)]
    predicted = other.predict(NOTEBOOK["constant"], own["step"])["loss"].to_numpy()
    misfit = np.sqrt(np.mean(np.log(predicted / own["loss"].to_numpy()) ** 2))
    assert notebook.misfit == (pytest.approx(misfit, rel=1e-6), 1)
    band = notebook.predict(NOTEBOOK["cosine"], [20000], level=0.9)
    of_fit = np.log(band["curve_hi"] / band["loss"])[0]
    # Student's t of two degrees of freedom, the fewest, beside the band of the draws.
    reach = np.hypot(2.92 * misfit, of_fit)
    assert np.log(band["hi"] / band["loss"])[0] == pytest.approx(reach, rel=1e-3)


def test_the_end_of_a_single_curve_is_left_out():
    points = pd.DataFrame(notebook_points())
    alone = fit_annealing(points[points["curve"] == "cosine"], NOTEBOOK)
    misfit, tries = alone.misfit
    assert tries == 1
    assert 0 < misfit < 0.01


@pytest.mark.slow
def test_free_decay_is_found_near_the_papers(notebook):
    found = fit_annealing(notebook_points(), NOTEBOOK, decay=None).fit
    assert found.status == sj.Status.CONVERGED
    assert found.params["decay"] == pytest.approx(0.999, abs=3e-4)
    assert found.objective_value < notebook.fit.objective_value


@pytest.mark.slow
def test_decay_of_noise_free_curves_is_recovered():
    truth = {"L0": 2.6, "A": 0.45, "alpha": 0.5, "C": 0.5, "decay": 0.998}
    points = notebook_points()
    with jax.enable_x64(True):
        exact = [
            curves.annealing_curve(NOTEBOOK[x], STEPS, **truth) for x in ("cosine", "constant")
        ]
    points["loss"] = np.concatenate(exact)
    found = fit_annealing(points, NOTEBOOK, decay=None).fit.params
    assert found["decay"] == pytest.approx(0.998, abs=2e-5)
    assert found["C"] == pytest.approx(0.5, rel=0.01)


def luo(size):
    """Fitted and held-out points of arXiv:2503.12811, and its schedules."""
    root = os.environ.get(DATA_FOLDER_VARIABLE)
    if not root:
        pytest.skip(f"{DATA_FOLDER_VARIABLE} is not set: these runs are not shipped")
    folder = Path(root) / "multipowerlaw_25m_100m"
    runs = pd.read_csv(folder / "multipowerlaw_25m_100m.csv").rename(columns={"schedule": "curve"})
    runs = runs[runs["model_size_M"] == size]
    shape = {"peak": 3e-4, "warmup": 2160}
    cooled = {"start": 20000, "total": 24000, "final": 3e-5, **shape}
    made = {
        **{f"constant_{t}": (partial(curves.constant, **shape), t) for t in (24000, 72000)},
        **{
            f"cosine_{t}": (partial(curves.cosine, total=t, final=3e-5, **shape), t)
            for t in (24000, 72000)
        },
        "wsd_20000_24000": (
            partial(curves.wsd, cooldown=curves.exponential_cooldown, **cooled),
            24000,
        ),
        "wsdld_20000_24000": (
            partial(curves.wsd, cooldown=curves.linear_cooldown, **cooled),
            24000,
        ),
        **{
            f"wsdcon_{k}": (
                partial(curves.multi_step, boundaries=(8000,), rates=(3e-4, k * 1e-5), warmup=2160),
                16000,
            )
            for k in (3, 9, 18)
        },
    }
    schedules = {name: rates(*pair) for name, pair in made.items()}
    fitted = runs["authors_split"] == "fit"
    return runs[fitted], runs[~fitted], schedules


def held_out_error(found, tested, schedules):
    """Mean over the schedules of the mean absolute error, nats."""
    errors = []
    for name, run in tested.groupby("curve"):
        predicted = found.predict(schedules[name], run["step"])["loss"].to_numpy()
        errors.append(np.mean(np.abs(predicted - run["loss"].to_numpy())))
    assert len(errors) == 6
    return np.mean(errors)


FULL = pytest.mark.slow
PUBLISHED = {25: 0.00376, 100: 0.00435}


@pytest.mark.parametrize(
    ("size", "held", "error"),
    [
        (25, ("beta", "gamma"), 0.00389),
        pytest.param(100, ("beta", "gamma"), 0.00377, marks=FULL),
        pytest.param(25, (), 0.00443, marks=FULL),
        pytest.param(100, (), 0.0049, marks=FULL),
    ],
)
@pytest.mark.filterwarnings("ignore:Weakly identified")
@pytest.mark.slow
def test_multi_power_law_predicts_schedules_that_it_has_not_seen(size, held, error):
    """Exponents of the 400M model carry over; the global optimum of all seven predicts worse.

    Its objective is lower than that of the published values all the same, so that what is measured
    here is the law and not the search. `PUBLISHED` are the errors of the published values.
    """
    fitted, tested, schedules = luo(size)
    found = fit_multi_power(fitted, schedules, fixed={name: SIZE_400M[name] for name in held})
    assert found.fit.status == sj.Status.CONVERGED
    values = found.fit.curve(found.fit.table.inputs, curves.LUO2025[f"{size}M"])
    residual = np.abs(np.log(values / found.fit.table.target))
    published = np.sum(np.where(residual < 1e-3, residual**2 / 2, 1e-3 * (residual - 5e-4)))
    assert found.fit.objective_value < published
    missed = held_out_error(found, tested, schedules)
    assert missed == pytest.approx(error, abs=1e-4)
    assert missed < 1.2 * PUBLISHED[size]


def test_points_are_kept_at_both_ends_and_at_most_as_many_as_asked():
    steps = np.arange(100, 24000, 128)
    kept = thinned(steps, 40)
    assert {0, len(steps) - 1} <= set(kept)
    assert 30 < len(kept) <= 40
    assert np.all(np.diff(kept) > 0)
    assert thinned(steps[:7], 40).tolist() == list(range(7))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": None}, "lacks \\['loss'\\]"),
        ({"curve": ["other"] * 40}, "no rates for the curves \\['other'\\]"),
        (
            {"step": np.tile(STEPS, 2) + 1},
            "step 20001 is not on a schedule of the steps 0 to 20000",
        ),
        ({"step": np.tile(STEPS, 2) - 0.5}, "step 999.5"),
    ],
    ids=["no loss", "no schedule", "beyond", "between"],
)
def test_points_that_belong_to_no_schedule_are_refused(change, words):
    points = {key: x for key, x in {**notebook_points(), **change}.items() if x is not None}
    with pytest.raises(sj.UsageError, match=words):
        fit_annealing(points, NOTEBOOK)
