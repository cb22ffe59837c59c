"""Solving a finished fit's problem again: with other weights, another objective, or another law."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalejax.fitting.engine import DRAW_TOLERANCE
from scalejax.fitting.problem import How
from scalejax.fitting.result import Fit

Floats = NDArray[np.float64]


def solve_weights(
    fit: Fit, weight: Floats, how: How | None = None
) -> tuple[Mapping[str, Floats], NDArray[np.int64]]:
    """Refit with each row of weights (B, n).

    Args:
        fit: The fit.
        weight: Row weights, the fit's own included.
        how: How to solve.

    Returns:
        The law's parameters, (B,) each, and status codes, (B,).
    """
    problem = fit.problem
    engine = problem.engine(how or How())
    count = len(weight)
    table, draw = np.zeros(count, np.int64), np.zeros(count, np.int64)
    hint = np.repeat(problem.coordinates(fit.params, fit.noise_scale)[None], count, axis=0)
    shared: dict[str, Any] = {"tolerance": DRAW_TOLERANCE, "weight": weight, "hint": hint}
    ends = engine.solve(table, draw, starts=engine.draw_starts, **shared)
    ends = engine.rescue(ends, table, draw, **shared)
    return problem.parameters(ends.u), ends.status
