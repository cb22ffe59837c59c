"""A measured column of compute decides, a plan is that of the budget that it says, and is kept."""

import numpy as np
import pandas as pd
import pytest
from cases import CASES, needs_cases
from tampering import edit, seal

import scalejax as sj
from scalejax.compute import SIX_N_D, Compute
from scalejax.isoflop import isoflop
from scalejax.optima import allocation
from scalejax.planning import frontier, plan

BUDGET = 1e21
LINE = Compute(6.0, 2e9)


def runs(compute=None):
    """Runs of a law without noise, with a column of compute or none."""
    n = np.repeat([1e8, 3e8, 1e9, 3e9], 3)
    d = np.tile([2e9, 1e10, 5e10], 4)
    frame = pd.DataFrame({"N": n, "D": d, "loss": 1.8 + 300 * n**-0.33 + 900 * d**-0.32})
    return frame if compute is None else frame.assign(flops=compute.flop(n, d))


def fitted(compute=None):
    return sj.fit(runs(compute), resamples=0)


def question(decision):
    """The part of the summary that says what was asked, and of which law."""
    return next(text for text in decision.sections(True) if "Law:" in text)


@pytest.fixture(scope="module")
def plain():
    return fitted()


@pytest.fixture(scope="module")
def line():
    return fitted(LINE)


def test_a_column_of_six_n_d_changes_nothing(plain):
    column, none = plan(fitted(SIX_N_D), budget=BUDGET), plan(plain, budget=BUDGET)
    assert (column["N"], column["D"], column["loss"]) == (none["N"], none["D"], none["loss"])
    assert question(column) == question(none)


def test_twice_the_compute_is_half_the_budget(plain):
    twice = plan(fitted(Compute(12.0)), budget=BUDGET)
    half, given = plan(plain, budget=BUDGET / 2), plan(plain, budget=BUDGET, flop_per_token="12N")
    for name in ("N", "D", "loss"):
        assert twice[name] == pytest.approx(half[name], rel=1e-12)
        assert given[name] == twice[name]
    assert twice["training compute"] == pytest.approx(BUDGET)
    assert "Compute: C = 12 N D, by the column of compute of the runs" in question(twice)
    assert "Compute: C = 12 N D, as given" in question(given)


def test_a_line_is_the_optimum_of_its_own_cost(line):
    best, compute = plan(line, budget=BUDGET), line.table.compute
    sizes = np.geomspace(0.5, 2, 2001) * best["N"]
    losses = line.curve({"N": sizes, "D": compute.tokens(BUDGET, sizes)}, line.params)
    assert best["N"] == pytest.approx(sizes[np.argmin(losses)], rel=1e-3)
    n, d, loss = sj.isoflop.true_optimum(line.law, line.params, BUDGET, compute)
    assert best["N"] == pytest.approx(n[0], rel=1e-8)
    assert best["D"] == pytest.approx(d[0], rel=1e-8)
    assert best["loss"] == pytest.approx(loss[0], rel=1e-12)
    assert compute.flop(best["N"], best["D"]) == pytest.approx(BUDGET)


def test_sensitivities_know_what_a_run_costs(line):
    frame = plan(line, budget=BUDGET).sensitivities.set_index("input")
    both = frame.loc["compute.per_parameter"] + frame.loc["compute.per_token"]
    # Of everything 1 % dearer is of the budget 1 % less.
    for name in ("N", "D", "loss"):
        assert both[name] == pytest.approx(-frame.loc["limits.training compute", name], rel=1e-6)


def test_a_saved_fit_plans_the_same(line, tmp_path):
    line.save(tmp_path / "fit")
    again = sj.load_fit(tmp_path / "fit")
    assert again.table.compute == line.table.compute
    first, second = plan(line, budget=BUDGET), plan(again, budget=BUDGET)
    assert first.numbers.equals(second.numbers)
    assert question(first) == question(second)
    first.save(tmp_path / "plan")
    assert sj.load_plan(tmp_path / "plan").numbers.equals(first.numbers)


def test_a_fit_of_before_has_six_n_d(plain, tmp_path):
    folder = plain.save(tmp_path / "fit")
    edit(folder / "fit.json", lambda fit: fit["table"].pop("compute"))
    seal(folder)
    assert sj.load_fit(folder).table.compute == SIX_N_D


def test_the_frontier_and_larger_runs(plain):
    twice = fitted(Compute(12.0))
    path = frontier(plan(twice, budget=BUDGET), values=[1e20, 1e22])
    half = frontier(plan(plain, budget=BUDGET), values=[5e19, 5e21])
    np.testing.assert_allclose(path["N"], half["N"], rtol=1e-12)
    np.testing.assert_allclose(path["training compute"], [1e20, 1e22], rtol=1e-9)


def test_forecasts_grow_by_compute(line):
    points, table = line.forecast().points, line.table
    flop = table.cost(points["N"], points["D"])
    np.testing.assert_allclose(flop / np.max(table.flop), [10, 100], rtol=1e-9)
    largest = np.argmax(table.flop)
    ratio = table.inputs["D"][largest] / table.inputs["N"][largest]
    np.testing.assert_allclose(points["D"] / points["N"], ratio, rtol=1e-9)


def test_an_open_compute_is_asked(plain):
    odd = runs().assign(flops=lambda f: 6 * f["N"] ** 2)
    with pytest.warns(sj.DataWarning, match="W215"):
        fit = sj.fit(odd, resamples=0)
    with pytest.raises(sj.UsageError, match="flop_per_token="):
        plan(fit, budget=BUDGET)
    with pytest.raises(sj.UsageError, match="flop_per_token="):
        sj.design(fit, budget=BUDGET)
    told = plan(fit, budget=BUDGET, flop_per_token=6)
    assert "Compute: C = 6 N D, as given" in question(told)
    assert told["N"] == pytest.approx(plan(plain, budget=BUDGET)["N"], rel=1e-9)


def test_slices_are_of_the_same_compute():
    """Approach 2 on runs at one measured compute finds the optimum of that compute."""
    compute = LINE
    n = np.tile(np.geomspace(2e8, 2e10, 9), 3)
    c = np.repeat([1e20, 1e21, 1e22], 9)
    d = compute.tokens(c, n)
    frame = pd.DataFrame({"N": n, "D": d, "C": c, "loss": 1.8 + 300 * n**-0.33 + 900 * d**-0.32})
    params = {"E": 1.8, "A": 300.0, "alpha": 0.33, "B": 900.0, "beta": 0.32}
    result = isoflop(frame, params=params)
    assert result.compute == pytest.approx(compute, rel=1e-6)
    np.testing.assert_allclose(result.minima["C"], [1e20, 1e21, 1e22], rtol=1e-6)
    np.testing.assert_allclose(result.minima["N"], result.minima["N_noise_free"], rtol=1e-9)
    best = allocation(sj.LAWS["chinchilla"], params, 1e21, compute)
    assert result.minima["N_law"][1] == pytest.approx(float(best.N), rel=1e-3)
    said = isoflop(frame, params=params, flop_per_token=6)
    assert len(said.minima) != 3 or not np.allclose(said.minima["C"], [1e20, 1e21, 1e22])


@needs_cases
def test_the_case_of_measured_compute():
    fit = sj.fit(CASES / "measured_compute.csv", resamples=0)
    best = plan(fit, budget=1e21)
    assert best["N"] == pytest.approx(1.241e9, rel=5e-4)
    assert best["D"] == pytest.approx(6.716e10, rel=5e-4)
    assert best["loss"] == pytest.approx(2.4081, abs=5e-5)
