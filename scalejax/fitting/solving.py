"""From a problem to its estimate and draws: the engine, called in the order that a fit needs."""

import platform
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax.fitting.drawing import Resamples
from scalejax.fitting.engine import DRAW_TOLERANCE, POINT_TOLERANCE, Ends, Engine
from scalejax.fitting.layout import default_layout
from scalejax.fitting.problem import How, Problem
from scalejax.fitting.result import Draws, Fit
from scalejax.laws import Law
from scalejax.resampling import TARGET_KINDS
from scalejax.status import Status

Floats = NDArray[np.float64]

_MAD_TO_SD = 1.4826
_DRAWN_ON_DEVICE = ("none", "pairs", "cluster")


class Sample(NamedTuple):
    """The sample itself as explicit weights or targets, (1, n) each, or None."""

    weight: Floats | None = None
    target: Floats | None = None

    @staticmethod
    def like(kind: str, problem: Problem) -> "Sample":
        """The sample in the form that resamples of a kind have."""
        if kind in _DRAWN_ON_DEVICE:
            return Sample()
        if kind in TARGET_KINDS:
            return Sample(target=problem.target[None])
        return Sample(weight=problem.table.weight[None])


def solve_points(
    engine: Engine, tables: int, chunk: int | None, sample: Sample | None = None
) -> Ends:
    """Point estimates of all tables, from all starts."""
    return engine.solve(
        np.arange(tables),
        np.zeros(tables, np.int64),
        starts=engine.all_starts,
        tolerance=POINT_TOLERANCE,
        chunk=chunk,
        **(sample or Sample())._asdict(),
    )


def solve_sample(problem: Problem, how: How, chunk: int, sample: Sample) -> tuple[Problem, Ends]:
    """The estimate; an objective that tunes itself is tuned on a first one."""
    point = solve_points(problem.engine(how), 1, chunk, sample)
    if problem.objective.tuning is None:
        return problem, point
    size = _MAD_TO_SD * float(np.median(np.abs(problem.residuals(point.u[0]))))
    problem = problem.with_objective(problem.objective.tuned(size))
    return problem, solve_points(problem.engine(how), 1, chunk, sample)


def solve_draws(problem: Problem, how: How, point: Ends, resamples: Resamples, chunk: int) -> Draws:
    """Refits of all resamples of the only table."""
    engine = problem.engine(how, resamples.unit)
    count = resamples.count
    table, draw = np.zeros(count, np.int64), np.arange(1, count + 1)
    shared: dict[str, Any] = {
        "tolerance": DRAW_TOLERANCE,
        "weight": resamples.weight,
        "target": resamples.target,
        "hint": np.repeat(point.u, count, axis=0),
        "chunk": chunk,
    }
    ends = engine.solve(table, draw, starts=engine.draw_starts, **shared)
    ends = engine.rescue(ends, table, draw, **shared)
    return Draws(
        parameters=problem.parameters(ends.u),
        status=ends.status,
        objective=ends.objective,
        method=resamples.method,
    )


def no_draws(law: Law) -> Draws:
    """The draws of a fit that has none."""
    empty = np.empty(0)
    return Draws(dict.fromkeys(law.parameters, empty), np.empty(0, np.int64), empty, "none")


def record(
    problem: Problem, how: How, settings: dict[str, Any], ends: Ends, k: int, draws: Draws
) -> Fit:
    """The record of problem k of those solved."""
    model = problem.model
    parameters = problem.parameters(ends.u[k : k + 1])
    scale = float(np.exp(ends.u[k, -1])) if model.kernel.fitted_scale else None
    return Fit(
        law=model.law,
        params={name: float(values[0]) for name, values in parameters.items()},
        status=Status(int(ends.status[k])),
        objective_value=float(ends.objective[k]),
        objective=problem.objective,
        noise_scale=scale,
        gradient=float(ends.gradient[k]),
        condition=float(ends.condition[k]),
        starts=int(ends.starts[k]),
        agreeing=int(ends.agreeing[k]),
        on_bound=tuple(
            name for name, hit in zip(model.free, ends.on_bound[k], strict=False) if hit
        ),
        draws=draws,
        table=problem.table,
        settings=settings,
        versions=_versions(how),
        penalty=model.penalty,
    )


def _versions(how: How) -> dict[str, str]:
    """Versions of what computed the fit, and on what."""
    device = (how.layout or default_layout()).devices[0]
    return {
        "scalejax": version("scalejax"),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "python": platform.python_version(),
        "device": f"{device.platform} ({device.device_kind})",
        "dtype": "float64",
    }
