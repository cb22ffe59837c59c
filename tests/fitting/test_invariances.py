"""What must not change a fit, and what must change it in a known way (T5).

Every example is a fit of GOLDEN-36 of the same shape, so each costs milliseconds. Parameters agree
to 1e-8 (the condition of the problem, 2e2 in scaled columns and a further factor for A and B,
times the 1e-12 to which a solution is polished).
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalejax as sj
from scalejax.objectives import Kernel
from scalejax.objectives.losses import huber as huber_objective

OBJECTIVES = [
    pytest.param(sj.huber(1e-3), id="huber"),
    pytest.param(sj.least_squares(), id="least_squares", marks=pytest.mark.slow),
]
FACTORS = st.floats(-6, 6).map(lambda x: 10.0**x)

pytestmark = pytest.mark.parametrize("objective", OBJECTIVES)


def base(golden, objective):
    return sj.fit(golden, objective=objective, resamples=0)


def same(fit, expected):
    assert fit.status == 0
    assert fit.params == pytest.approx(expected, rel=1e-8)


@given(factor=FACTORS)
def test_weights_times_a_factor(golden, objective, factor):
    weighted = sj.fit(golden.assign(w=factor), objective=objective, weights="w", resamples=0)
    expected = base(golden, objective)
    same(weighted, expected.params)
    assert weighted.objective_value == pytest.approx(factor * expected.objective_value, rel=1e-9)
    assert weighted.condition == pytest.approx(expected.condition, rel=1e-4)


@given(seed=st.integers(0, 2**32 - 1))
def test_row_order(golden, objective, seed):
    order = np.random.default_rng(seed).permutation(len(golden))
    fit = sj.fit(golden.iloc[order].reset_index(drop=True), objective=objective, resamples=0)
    same(fit, base(golden, objective).params)


@pytest.mark.filterwarnings("ignore:W203")
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_a_row_twice_at_half_the_weight(golden, objective, seed):
    """Some rows (at most 12, so that the shape stays) written twice with weight one half."""
    rng = np.random.default_rng(seed)
    twice = rng.choice(len(golden), rng.integers(1, 13), replace=False)
    whole = golden.assign(w=np.where(np.isin(np.arange(len(golden)), twice), 0.5, 1.0))
    rows = np.concatenate([np.arange(len(golden)), twice])
    fit = sj.fit(
        whole.iloc[rows].reset_index(drop=True), objective=objective, weights="w", resamples=0
    )
    expected = base(golden, objective)
    same(fit, expected.params)
    assert fit.objective_value == pytest.approx(expected.objective_value, rel=1e-10)


@pytest.mark.filterwarnings("ignore:W203")
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_weights_are_repetitions(golden, objective, seed):
    """Weight two is the row twice, weight zero is the row left out."""
    rng = np.random.default_rng(seed)
    counts = np.ones(len(golden), int)
    counts[rng.choice(len(golden), 8, replace=False)] = rng.integers(0, 3, 8)
    weighted = sj.fit(golden.assign(w=counts), objective=objective, weights="w", resamples=0)
    repeated = golden.loc[np.repeat(golden.index, counts)].reset_index(drop=True)
    fit = sj.fit(repeated, objective=objective, resamples=0)
    same(weighted, fit.params)
    assert weighted.objective_value == pytest.approx(fit.objective_value, rel=1e-10)


@given(factor=st.floats(-0.3, 0.3).map(lambda x: 10.0**x))
def test_unit_of_the_loss(golden, objective, factor):
    """Nats to bits and the like: E, A, B scale with the loss and exponents stay."""
    fit = sj.fit(golden.assign(loss=golden["loss"] * factor), objective=objective, resamples=0)
    expected = base(golden, objective)
    scaled = {
        name: value * (factor if name in ("E", "A", "B") else 1)
        for name, value in expected.params.items()
    }
    same(fit, scaled)
    assert fit.objective_value == pytest.approx(expected.objective_value, rel=1e-9)


def test_nats_to_bits(golden, objective):
    fit = sj.fit(golden.assign(loss=golden["loss"] / np.log(2)), objective=objective, resamples=0)
    expected = base(golden, objective).params
    assert fit.params["E"] == pytest.approx(expected["E"] / np.log(2), rel=1e-8)
    assert fit.params["beta"] == pytest.approx(expected["beta"], rel=1e-8)


@given(factor_N=st.floats(-3, 3), factor_D=st.floats(-3, 3))
def test_unit_of_the_counts(golden, objective, factor_N, factor_D):
    """N counted in other units: A takes the factor to the power alpha, and nothing else moves."""
    n, d = 10.0**factor_N, 10.0**factor_D
    scaled = golden.assign(N=golden["N"] * n, D=golden["D"] * d)
    # A declared unit of D says that D/N is no number of tokens per parameter here.
    fit = sj.fit(scaled, objective=objective, units={"D": 1}, resamples=0)
    p = base(golden, objective).params
    expected = {**p, "A": p["A"] * n ** p["alpha"], "B": p["B"] * d ** p["beta"]}
    same(fit, expected)


@pytest.mark.parametrize(("N", "D"), [("M", "B"), ("B", "M"), ("B", "B")])
def test_declared_units(golden, objective, N, D):
    size = {"M": 1e6, "B": 1e9}
    scaled = golden.assign(N=golden["N"] / size[N], D=golden["D"] / size[D])
    fit = sj.fit(scaled, objective=objective, units={"N": N, "D": D}, resamples=0)
    same(fit, base(golden, objective).params)


def _scaled_huber(r, delta, factor):
    return factor * huber_objective().kernel.rho(r, delta)


SCALED = Kernel(_scaled_huber, log=True)


@given(factor=FACTORS)
def test_objective_times_a_factor(golden, objective, factor):
    """Mean instead of sum, percent instead of fractions: the fault that stopped Hoffmann early.

    Huber with a delta beyond all residuals is least squares, so one compiled kernel serves both.
    """
    delta = objective.constants[0] if objective.constants else 1.0
    scaled = sj.Objective("scaled", SCALED, (delta, factor))
    fit = sj.fit(golden, objective=scaled, resamples=0)
    expected = base(golden, objective)
    same(fit, expected.params)
    assert fit.objective_value == pytest.approx(factor * expected.objective_value, rel=1e-9)
