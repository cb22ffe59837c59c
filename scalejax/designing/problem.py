"""`Problem`: a question as arrays, to be solved for any amount of money.

`DesignProblem` is that of a law and its parameters; the one of a forecast is in `by_forecast`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.compute import SIX_N_D, Compute
from scalejax.designing.best_runs import (
    BestRuns,
    Knowledge,
    Setting,
    judge,
    solve_list,
    solve_runs,
    stakes_of,
)
from scalejax.designing.comparison import Shape, grid_errors_along
from scalejax.designing.information import standard_error
from scalejax.designing.region import Region, compute_range, grid, run_at_place
from scalejax.errors import UsageError
from scalejax.scope import own_settings

_SAME = 0.1
"""Difference of log N and log D below which two runs become repeats of one. Set by judgement; the
width is computed after that."""


class CandidateList(NamedTuple):
    """Runs to choose from, with their cost.

    Attributes:
        runs: Inputs and ``log_compute``, (n,) each.
        cost: Cost of one run of each, (n,).
    """

    runs: dict[str, Floats]
    cost: Floats


@dataclass(frozen=True, eq=False)
class Problem(ABC):
    """A question as arrays, which can be solved again for other money.

    Attributes:
        setting: The law, the target and the criterion.
        place: Where runs may be: a region of N and D, or a list.
        rate: Cost of one FLOP; 1 where money is counted in FLOP, or candidates have a cost.
        unit: Unit of money.
    """

    setting: Setting
    place: Region | CandidateList
    rate: float
    unit: str

    @property
    def cheapest(self) -> float:
        """Cost of the cheapest run."""
        if isinstance(self.place, CandidateList):
            return float(np.min(self.place.cost))
        return self.rate * float(np.exp(compute_range(self.place, np.inf)[0]))

    def solve(self, money: float) -> BestRuns:
        """The best runs for some money, as NumPy arrays.

        Raises:
            UsageError: No allowed runs determine the law.
        """
        best = self._best(money)
        if not np.isfinite(best.error[0]):
            law = self.setting.model.law
            raise UsageError(
                f"these runs cannot determine {law.name} ({len(self.setting.model.free)} free "
                "parameters): allow more runs, or places that differ more, or take a law with "
                "fewer free parameters."
            )
        return best

    def errors(self, moneys: Floats) -> tuple[Floats, Ints]:
        """Standard error of the target (m,) and number of runs (m,) for each amount of money."""
        # One after the other: this program is compiled already; a mapped one would be another.
        solutions = [self._best(float(money)) for money in moneys]
        errors = np.array([one.error[0] for one in solutions], np.float64)
        return errors, np.array([np.sum(one.used) for one in solutions], np.int64)

    @abstractmethod
    def _best(self, money: float) -> BestRuns:
        """The best runs for some money, as NumPy arrays."""

    @abstractmethod
    def error_before(self, money: float) -> float:
        """Standard error of the target from the runs so far; infinite if they leave it open."""

    @abstractmethod
    def grid_errors(self, shapes: tuple[Shape, ...], moneys: Floats) -> Floats:
        """Standard error of the target after usual grids, (m, shapes), for FLOP (m,)."""

    @abstractmethod
    def freedom(self, runs: int) -> float:
        """Degrees of freedom of an interval that rests on so many new runs."""

    @property
    @abstractmethod
    def rows_before(self) -> int:
        """Rows so far, with weight."""


@dataclass(frozen=True, eq=False)
class DesignProblem(Problem):
    """The question to a law.

    Attributes:
        knowledge: Parameters, noise and the runs so far.
        independent: Independent units among these: clusters, or rows.
    """

    knowledge: Knowledge
    independent: int

    @property
    def rows_before(self) -> int:
        """Rows so far, with weight."""
        return int(np.sum(np.asarray(self.knowledge.past.weight) > 0))

    def freedom(self, runs: int) -> float:
        """Independent units beyond the parameters: the noise is estimated from them."""
        return self.independent + runs - len(self.setting.model.free)

    def grid_errors(self, shapes: tuple[Shape, ...], moneys: Floats) -> Floats:
        """Standard error of the target after usual grids, (m, shapes), for FLOP (m,)."""
        with own_settings():
            return np.asarray(
                grid_errors_along(self.setting, shapes, self.knowledge, self.place, moneys)
            )

    def _best(self, money: float) -> BestRuns:
        with own_settings():
            if isinstance(self.place, CandidateList):
                best = solve_list(self.setting, self.knowledge, *self.place, money)
            else:
                best = solve_runs(self.setting, self.knowledge, self.place, money / self.rate)
                best = self._with_repeats(best, money)
            return jax.device_get(best)

    def error_before(self, money: float) -> float:
        """Standard error of the target from the runs so far; infinite if they leave it open."""
        with own_settings():
            return float(_before(self.setting, self.knowledge, self._candidates(money)))

    def _with_repeats(self, best: BestRuns, money: float) -> BestRuns:
        """The best runs with nearly equal ones made repeats of one, judged again."""
        assert isinstance(self.place, Region)
        runs = merge_repeats(jax.device_get(best.runs), np.asarray(best.used), self.place.compute)
        spread, error = judge(
            self.setting, self.knowledge, self._candidates(money), runs, best.used
        )
        return best._replace(runs=runs, log_spread=spread, error=error)

    def _candidates(self, money: float) -> dict[str, Any]:
        if isinstance(self.place, CandidateList):
            return self.place.runs
        return run_at_place(self.place, *grid(self.place, np.log(money / self.rate)))


def merge_repeats(
    runs: dict[str, Floats], used: NDArray[np.bool_], compute: Compute = SIX_N_D
) -> dict[str, Floats]:
    """Runs (K,) in which nearly equal N and D are replaced by their geometric mean."""
    logs = np.log(np.stack([runs["N"], runs["D"]], 1))
    left = set(np.flatnonzero(used))
    while left:
        first = min(left)
        near = [k for k in left if np.max(np.abs(logs[k] - logs[first])) < _SAME]
        logs[near] = logs[near].mean(0)
        left -= set(near)
    n, d = np.exp(logs).T
    return {"N": n, "D": d, "log_compute": np.log(compute.flop(n, d))}


@partial(jax.jit, static_argnums=0)
def _before(setting: Setting, knowledge: Knowledge, candidates: Any) -> jax.Array:
    stakes, _ = stakes_of(setting, knowledge._replace(u=knowledge.u[:1]), candidates)
    return standard_error(stakes.before[0], stakes.slope[0])
