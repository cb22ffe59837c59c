"""The one way from a problem to its estimate and its refits, whoever asks for them.

- `estimate`: the problem's optimum from all starts; an objective that tunes itself is tuned first.
- `refits`: its resamples, each from few starts, and from all others where that did not do.
- `refit_weights`: refits under given weights of the rows, from an estimate.

How resamples are made: `scalejax.engine.resamples`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax._numerics import robust_sd
from scalejax.engine.engine import Ends
from scalejax.engine.problem import How, Problem
from scalejax.engine.resamples import DRAWN_ON_DEVICE, GIVEN, Resamples, make_resamples
from scalejax.resampling import TARGET_KINDS
from scalejax.status import MINIMA, Status


@dataclass(frozen=True, eq=False)
class Resampling:
    """What resamples are wanted.

    Attributes:
        kind: A kind of `scalejax.resampling`, ``"given weights"``, or ``"none"``.
        count: How many.
        noise: Standard deviation of one run's residual, for ``"parametric"``.
        given: The caller's own.
    """

    kind: str = "none"
    count: int = 0
    noise: float | None = None
    given: Resamples | None = None


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


def estimate(problem: Problem, how: How, resampling: Resampling) -> tuple[Problem, Ends]:
    """The optimum of a problem from all starts.

    Args:
        problem: The problem, of one table.
        how: How to solve.
        resampling: The resamples that will follow: with explicit arrays they are another compiled
            program, which the estimate then comes from as well.

    Returns:
        The problem, whose objective may have been tuned, and the only end.
    """
    point = _from_all_starts(problem, how, resampling)
    if problem.objective.tuning is None:
        return problem, point
    size = robust_sd(problem.residuals(point.u[0]))
    problem = problem.with_objective(problem.objective.tuned(size))
    return problem, _from_all_starts(problem, how, resampling)


def _from_all_starts(problem: Problem, how: How, resampling: Resampling) -> Ends:
    arrays: dict[str, Floats] = {}
    if resampling.kind in TARGET_KINDS:
        arrays = {"target": problem.target[None]}
    elif resampling.kind not in ("none", *DRAWN_ON_DEVICE):
        arrays = {"weight": problem.table.weight[None]}
    engine = problem.engine(how)
    chunk = engine.chunk_size(resampling.count)
    return engine.estimates(np.zeros(1, np.int64), chunk=chunk, **arrays)


def refits(problem: Problem, how: How, point: Ends, resampling: Resampling) -> Refits:
    """Refits of the resamples of a problem.

    Args:
        problem: The problem as `estimate` gave it.
        how: How to solve.
        point: Its estimate.
        resampling: Which resamples.
    """
    count = resampling.count
    made = resampling.given or make_resamples(
        resampling.kind, problem, point.u[0], count, how.seed, resampling.noise
    )
    engine = problem.engine(how, made.unit)
    ends = engine.refit(
        np.zeros(made.count, np.int64),
        np.arange(1, made.count + 1),
        hint=np.repeat(point.u, made.count, axis=0),
        weight=made.weight,
        target=made.target,
        chunk=engine.chunk_size(count),
    )
    return Refits(problem.parameters(ends.u), ends.status, ends.objective, made.method)


def refit_weights(problem: Problem, u: Floats, weight: Floats, how: How | None = None) -> Refits:
    """Refits under given weights of the rows.

    Args:
        problem: The problem, of one table.
        u: Coordinates of its estimate, (p,).
        weight: Row weights, those of the table included, (B, n).
        how: How to solve.
    """
    none = np.zeros(len(weight), np.int64)
    hint = np.repeat(u[None], len(weight), axis=0)
    ends = problem.engine(how or How()).refit(none, none, hint=hint, weight=weight)
    return Refits(problem.parameters(ends.u), ends.status, ends.objective, GIVEN)
