"""`Ends`: where problems ended, as arrays."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.engine.certificate import best_start, mark_disagreement
from scalejax.engine.chunk import TaskEnds

_WORSE = 1e-12
"""Relative difference between objectives that are equal but for rounding."""


@dataclass(frozen=True)
class Ends:
    """The best ends of P problems, of all starts that were tried.

    Attributes:
        u: Coordinates, (P, p).
        status: Status codes, (P,).
        objective: Objective, (P,).
        gradient: Scaled gradient, (P,).
        condition: Condition of the scaled Jacobian, (P,).
        on_bound: Coordinates on a bound, (P, p).
        steps: Steps of the best start, (P,).
        starts: Starts tried, (P,).
        agreeing: Starts that reached the best objective, (P,); of the softest loss on the way, if a
            problem took long.
    """

    u: Floats
    status: Ints
    objective: Floats
    gradient: Floats
    condition: Floats
    on_bound: NDArray[np.bool_]
    steps: Ints
    starts: Ints
    agreeing: Ints

    def replaced(self, where: Ints, other: "Ends") -> "Ends":
        """These ends with some problems replaced by others."""
        fields = {}
        for name, values in vars(self).items():
            new = values.copy()
            new[where] = getattr(other, name)
            fields[name] = new
        return Ends(**fields)

    def take(self, some: Ints | NDArray[np.bool_]) -> "Ends":
        """The ends of some problems."""
        return Ends(**{name: values[some] for name, values in vars(self).items()})

    def improved(self, where: Ints, other: "Ends") -> "Ends":
        """These ends with those of other attempts at some of the problems that are no worse."""
        before = self.objective[where]
        worse = other.objective > before + _WORSE * np.abs(before)
        kept = ~(worse | (np.isfinite(before) & ~np.isfinite(other.objective)))
        return self.replaced(where[kept], other.take(kept))


def best_ends(solved: TaskEnds, count: int, starts: int, cells: int) -> Ends:
    """The best start of each of the first `count` problems, which have `cells` independent ones."""

    def by_problem(values: Any) -> NDArray[Any]:
        return np.asarray(values)[: count * starts].reshape(count, starts, *values.shape[1:])

    certificate = jax.tree.map(by_problem, solved.certificate)
    steps = by_problem(solved.steps)
    status = by_problem(solved.status)
    best, agreeing = best_start(certificate, np)
    pick = (np.arange(count), best)
    codes = status[pick].astype(np.int64)
    return Ends(
        u=by_problem(solved.u)[pick],
        status=mark_disagreement(codes, agreeing, starts, cells, np),
        objective=np.asarray(certificate.objective)[pick],
        gradient=certificate.gradient[pick],
        condition=certificate.condition[pick],
        on_bound=certificate.on_bound[pick],
        steps=steps[pick].astype(np.int64),
        starts=np.full(count, starts),
        agreeing=agreeing.astype(np.int64),
    )
