"""The one way from a problem to its estimate and its refits, for fits and everything built on them.

- `estimate`: the problem's optimum from all starts; an objective that tunes itself is tuned first.
- `refits`: its resamples, each from few starts; those that fail are tried again from all starts.
- `refit_weights`: one refit for each row of an array of weights, starting at an estimate.

How resamples are resamples: `scalejax.engine.resamples`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax._numerics import robust_sd
from scalejax.engine.arrays import make_box
from scalejax.engine.ends import Ends
from scalejax.engine.fit_problem import FitProblem, How
from scalejax.engine.resamples import CALLER_WEIGHTS, DRAWN_ON_DEVICE, Resamples, make_resamples
from scalejax.resampling import TARGET_KINDS
from scalejax.status import MINIMA, Status


@dataclass(frozen=True, eq=False)
class Resampling:
    """Which resamples a fit is to have.

    Attributes:
        kind: A kind of `scalejax.resampling`, ``"given weights"``, or ``"none"``.
        count: How many.
        noise: Standard deviation of one run's residual, for ``"parametric"``.
        resamples: The caller's own resamples, if ``kind`` is ``"given weights"``.
    """

    kind: str = "none"
    count: int = 0
    noise: float | None = None
    resamples: Resamples | None = None


@dataclass(frozen=True, eq=False)
class Refits:
    """Refits of B resamples.

    Attributes:
        parameters: All parameters of the law, (B,) each.
        status: Status codes, (B,).
        objective: Objective of each refit on its own resample, (B,).
        method: How rows were resampled.
    """

    parameters: Mapping[str, Floats]
    status: Ints
    objective: Floats
    method: str

    def __len__(self) -> int:
        return len(self.status)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Which draws converged, (B,)."""
        return self.status == Status.CONVERGED

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which draws are minima, inside the bounds or on one, (B,).

        Leaving out the minima on a bound would cut the tail of every interval.
        """
        return np.isin(self.status, MINIMA)

    def arrays(self) -> dict[str, Floats]:
        """Usable draws as a pytree of arrays, ready for ``vmap``."""
        return {name: values[self.usable] for name, values in self.parameters.items()}


def estimate(problem: FitProblem, how: How, resampling: Resampling) -> tuple[FitProblem, Ends]:
    """The optimum of a problem from all starts.

    Args:
        problem: The problem, of one table.
        how: How to solve.
        resampling: The resamples that will follow. Those with explicit arrays need another
            compiled program; the estimate uses the same one, so that only one is compiled.

    Returns:
        The problem, its objective tuned if it tunes itself, and its estimate.
    """
    point = _from_all_starts(problem, how, resampling)
    if problem.objective.tuning is None:
        return problem, point
    size = robust_sd(problem.residuals(point.u[0]))
    problem = problem.with_objective(problem.objective.tuned(size))
    return problem, _from_all_starts(problem, how, resampling)


def _from_all_starts(problem: FitProblem, how: How, resampling: Resampling) -> Ends:
    if not problem.model.size:
        return _as_given(problem)
    arrays: dict[str, Floats] = {}
    if resampling.kind in TARGET_KINDS:
        arrays = {"target": problem.target[None]}
    elif resampling.kind not in ("none", *DRAWN_ON_DEVICE):
        arrays = {"weight": problem.table.weight[None]}
    engine = problem.engine(how)
    chunk = engine.chunk_size(resampling.count)
    return engine.estimates(np.zeros(1, np.int64), chunk=chunk, **arrays)


def _as_given(problem: FitProblem) -> Ends:
    """The end of a problem of which nothing is free: the point that it is held at.

    Raises:
        UsageError: There are bounds, which nothing could obey.
    """
    make_box(problem.model, problem.bounds)
    value = problem.objective_value(np.empty(0))
    status = Status.CONVERGED if np.isfinite(value) else Status.NON_FINITE
    zero, none = np.zeros(1), np.zeros(1, np.int64)
    return Ends(
        u=np.empty((1, 0)),
        status=np.array([int(status)]),
        objective=np.array([value]),
        gradient=zero,
        condition=np.ones(1),
        on_bound=np.empty((1, 0), bool),
        steps=none,
        starts=none,
        agreeing=none,
    )


def refits(problem: FitProblem, how: How, point: Ends, resampling: Resampling) -> Refits:
    """Refits of the resamples of a problem.

    Args:
        problem: The problem as `estimate` gave it.
        how: How to solve.
        point: Its estimate.
        resampling: Which resamples.
    """
    count = resampling.count
    resamples = resampling.resamples or make_resamples(
        resampling.kind, problem, point.u[0], count, how.seed, resampling.noise
    )
    engine = problem.engine(how, resamples.unit)
    ends = engine.refit(
        np.zeros(resamples.count, np.int64),
        np.arange(1, resamples.count + 1),
        hint=np.repeat(point.u, resamples.count, axis=0),
        weight=resamples.weight,
        target=resamples.target,
        chunk=engine.chunk_size(count),
    )
    return Refits(problem.parameters(ends.u), ends.status, ends.objective, resamples.method)


def refit_weights(problem: FitProblem, u: Floats, weight: Floats, how: How | None = None) -> Refits:
    """One refit for each row of an array of weights.

    Args:
        problem: The problem, of one table.
        u: Coordinates of its estimate, (p,).
        weight: Weights of the rows, already multiplied by those of the table, (B, n).
        how: How to solve.
    """
    none = np.zeros(len(weight), np.int64)
    hint = np.repeat(u[None], len(weight), axis=0)
    ends = problem.engine(how or How()).refit(none, none, hint=hint, weight=weight)
    return Refits(problem.parameters(ends.u), ends.status, ends.objective, CALLER_WEIGHTS)
