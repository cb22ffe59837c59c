"""Problems that are hard by kind: flat, kinked, many-modal, badly scaled. SciPy is the judge."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares

import scalejax as sj
from scalejax.engine import HINT, POINT_TOLERANCE, Engine, HostTable, as_objective, make_box
from scalejax.engine.certificate import THRESHOLDS, Certificate, certify, decide
from scalejax.laws import find_law
from scalejax.objectives import make_model
from scalejax.status import MINIMA, Status

FLAT = ("huber", "least-squares", "student-t", "absolute")


def flat_table(generator):
    """Runs of Chinchilla's law with a low floor and small exponents, of a narrow design, noisy."""
    n = int(generator.integers(8, 64))
    a, b = 10 ** generator.uniform(7, 10, n), 10 ** generator.uniform(8.5, 11.5, n)
    match generator.integers(3):
        case 0:  # some compute budgets
            b = 10.0 ** generator.choice([18, 19, 20, 21], n) / 6 / a
        case 1:  # nearly one ratio of tokens to parameters
            a = 10 ** generator.uniform(8, 9.3, n)
            b = a * 10 ** generator.uniform(0.8, 2.2, n)
    alpha, beta = np.exp(generator.uniform(np.log(0.03), np.log(0.8), 2))
    floor = 0.0 if generator.random() < 0.3 else generator.uniform(0.3, 2)
    terms = generator.uniform(0.2, 1.5, 2) * (1e8**alpha, 1e10**beta)
    loss = floor + terms[0] / a**alpha + terms[1] / b**beta
    noise = 10 ** generator.uniform(-3, -1.5)
    return HostTable((a, b), loss * np.exp(generator.normal(0, noise, n)), np.ones(n), np.arange(n))


def engine_of(tables, objective, law="chinchilla", **options):
    objective = as_objective(objective)
    model = make_model(find_law(law), objective.kernel)
    return Engine(model, objective, tables, make_box(model, {}), **options)


@cache
def flat_ends(objective, count, seed=0):
    generator = np.random.default_rng(seed)
    tables = [flat_table(generator) for _ in range(count)]
    engine = engine_of(tables, objective)
    return tables, engine, engine.estimates(np.arange(count))


class TestFlatValleys:
    @pytest.mark.parametrize("objective", FLAT[:2])
    def test_none_is_given_up(self, objective):
        _, _, ends = flat_ends(objective, 60)
        assert np.all(np.isin(ends.status, (*MINIMA, Status.NOT_IDENTIFIED)))
        assert np.any(ends.steps > 50)  # They are hard.
        if objective == "least-squares":  # Without corrections a tenth takes longer.
            assert np.sum(ends.steps >= 200) <= 1

    def test_scipy_finds_nothing_lower(self):
        """From the end itself and from places along the valley and beside it."""
        tables, engine, ends = flat_ends("least-squares", 60)
        box = engine.box
        generator = np.random.default_rng(1)
        for k in np.argsort(-ends.steps)[:6]:
            (a, b), target = tables[k].inputs, np.log(tables[k].loss)

            def residual(u, a=a, b=b, target=target):
                floor, log_a, alpha, log_b, beta = u
                loss = floor + np.exp(log_a - alpha * np.log(a)) + np.exp(log_b - beta * np.log(b))
                return np.log(loss) - target

            raw = engine.model.parameters(ends.u[k], {})
            point = np.array(
                [raw["E"], np.log(raw["A"]), raw["alpha"], np.log(raw["B"]), raw["beta"]]
            )
            low = np.array([box.lower[0], -50, box.lower[2], -50, box.lower[4]])
            high = np.array([10.0, 100, box.upper[2], 100, box.upper[4]])
            for step in (0, 0.01, 0.1):
                start = np.clip(point + step * generator.normal(size=5), low + 1e-12, high)
                other = least_squares(
                    residual, start, bounds=(low, high), x_scale="jac",
                    xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=2000,
                )  # fmt: skip
                assert other.cost >= ends.objective[k] * (1 - 1e-8)

    @pytest.mark.slow
    @pytest.mark.parametrize("objective", FLAT)
    def test_few_of_many_are_given_up(self, objective):
        _, _, ends = flat_ends(objective, 600)
        given_up = np.isin(ends.status, (Status.MAX_STEPS, Status.STALLED))
        assert given_up.mean() <= (0.03 if objective == "absolute" else 0.005)

    @pytest.mark.slow
    @pytest.mark.parametrize("objective", FLAT[:2])
    def test_what_is_called_converged_is(self, objective):
        """Nothing that any later search finds lies lower by more than 1e-8."""
        _, engine, ends = flat_ends(objective, 600)
        every = np.arange(600)
        lowest = ends.objective
        for starts in ((0,), engine.all_starts):
            other = engine.solve(every, 0 * every, starts=starts, tolerance=POINT_TOLERANCE)
            lowest = np.fmin(lowest, other.objective)
        rng = np.random.default_rng(2)
        for size in (0.03, 0.3):
            hint = ends.u + size * rng.normal(size=ends.u.shape)
            other = engine.solve(
                every, 0 * every, starts=(HINT,), hint=hint, tolerance=POINT_TOLERANCE
            )
            lowest = np.fmin(lowest, other.objective)
        sure = ends.status == Status.CONVERGED
        assert np.all(ends.objective[sure] <= lowest[sure] * (1 + 1e-8))


def test_the_decrement_is_newtons():
    """Half g' H^-1 g of least squares, relative to the objective, by NumPy's own solver."""
    tables, _, ends = flat_ends("least-squares", 60)
    k = int(np.flatnonzero(ends.status == Status.CONVERGED)[0])
    one = engine_of([tables[k]], "least-squares")
    weight, count = np.asarray(one.tables.weight[:, 0]), len(tables[k].loss)
    with jax.enable_x64(True):
        rows = jax.tree.map(lambda x: jnp.asarray(x[:, 0]), one.tables.rows)
        for size in (0.0, 1e-5, 1e-2):
            u = jnp.asarray(ends.u[k] + size)
            found = certify(one.model, u, rows, weight, count, one.settings, one.box, "rows")
            residual = one.model.residual(u, rows.inputs, rows.target, {})
            slopes = jax.jacfwd(lambda u: one.model.residual(u, rows.inputs, rows.target, {}))(u)
            root = np.sqrt(weight)
            jacobian, r = root[:, None] * np.asarray(slopes), root * np.asarray(residual)
            moved = np.linalg.lstsq(jacobian, r, rcond=None)[0]
            expected = np.sum((jacobian @ moved) ** 2) / np.sum(np.square(r))
            assert float(found.decrement) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_decrement_alone_forbids_convergence():
    """With a gradient of nothing, as in a flat valley."""
    one = np.float64(1)
    fine = Certificate(one, 0 * one, 0 * one, 10 * one, np.zeros(2, bool), 9 * one, 0 * one)
    high = fine._replace(decrement=1e-6 * one)
    for certificate, status in ((fine, Status.CONVERGED), (high, Status.STALLED)):
        found = decide(
            certificate, steps=1, max_steps=9, parameters=2, limits=THRESHOLDS["float64"]
        )
        assert int(found) == status


def test_a_second_try_replaces_no_lower_end():
    """Rounding apart; and anything replaces an end that is not finite."""
    _, _, ends = flat_ends("least-squares", 60)
    first = ends.take(np.arange(4))
    first.objective[:] = 1.0, 1.0, 1.0, np.nan
    second = ends.take(np.arange(4, 8))
    second.objective[:] = 0.5, 2.0, np.nan, 3.0
    found = first.improved(np.arange(4), second)
    np.testing.assert_array_equal(found.u, np.stack([second.u[0], *first.u[1:3], second.u[3]]))


class TestUnits:
    """A parameter that is small in its own unit lies on no bound."""

    @pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
    def test_a_line(self, unit):
        x = unit * np.linspace(1, 2, 12)
        y = 3 + 0.5 * x / unit + 0.01 * np.cos(np.arange(12))
        fit = sj.fit(
            {"x": x, "loss": y}, law=line(unit), objective=sj.least_squares(on="loss"), resamples=0
        )
        slope, level = np.polyfit(x / unit, y, 1)
        assert fit.status == Status.CONVERGED
        assert not fit.on_bound
        assert fit.params["b"] * unit == pytest.approx(slope, rel=1e-8)
        assert fit.params["a"] == pytest.approx(level, rel=1e-8)


def line(unit):
    @sj.law(
        plausible={"a": (0.1, 10), "b": (0.01 / unit, 10 / unit)}, bounds={"b": (0, 100 / unit)}
    )
    def straight(x, *, a: sj.Positive, b: sj.Real):
        return a + b * x

    return straight


def test_a_wave_is_found_among_many_minima():
    """Of a sine's frequency few starts find the right one; more are tried until some agree."""
    generator = np.random.default_rng(5)
    x = np.sort(generator.uniform(0, 20, 60))
    y = 5 + np.sin(3.1 * x + 0.4) + 0.1 * generator.normal(size=60)

    @sj.law(
        linear=("m", "s", "c"), plausible={"m": (1, 10), "s": (-2, 2), "c": (-2, 2), "w": (0.3, 6)}
    )
    def wave(x, *, m: sj.Positive, s: sj.Real, c: sj.Real, w: sj.Positive):
        return m + s * jnp.sin(w * x) + c * jnp.cos(w * x)

    fit = sj.fit({"x": x, "loss": y}, law=wave, objective=sj.least_squares(on="loss"), resamples=0)
    scan = np.linspace(0.3, 6, 4000)
    rss = [
        np.linalg.lstsq(np.stack([np.ones(60), np.sin(w * x), np.cos(w * x)], 1), y, rcond=None)[1][
            0
        ]
        for w in scan
    ]
    assert fit.starts == 16 + 64
    assert 2 * fit.objective_value <= min(rss) * (1 + 1e-9)
    assert fit.params["w"] == pytest.approx(scan[np.argmin(rss)], abs=0.01)
