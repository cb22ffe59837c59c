"""`DesignProblem`: a question as arrays, to be solved for any amount of money."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.designing.choice import (
    Found,
    Known,
    Setting,
    judge,
    solve_list,
    solve_runs,
    stakes_of,
)
from scalejax.designing.information import standard_error
from scalejax.designing.region import Region, compute_range, grid, placed
from scalejax.errors import UsageError
from scalejax.quantities import FLOP_PER_PAIR

_SAME = 0.1
"""Relative difference below which two runs are repeats of one."""


class Listed(NamedTuple):
    """Candidates that a caller listed.

    Attributes:
        runs: Inputs and ``log_compute``, (n,) each.
        cost: What one run of each costs, (n,).
    """

    runs: dict[str, Floats]
    cost: Floats


@dataclass(frozen=True, eq=False)
class DesignProblem:
    """A question as arrays, which can be solved again for other money.

    Attributes:
        setting: The law, the target and the criterion.
        known: Parameters, noise and the runs so far.
        place: Where runs may be: a region of N and D, or a list.
        rate: What one FLOP costs; 1 where money is counted in FLOP, or candidates have a cost.
        unit: Unit of money.
    """

    setting: Setting
    known: Known
    place: Region | Listed
    rate: float
    unit: str

    @property
    def cheapest(self) -> float:
        """What the cheapest run costs."""
        if isinstance(self.place, Listed):
            return float(np.min(self.place.cost))
        with jax.enable_x64(True):
            return self.rate * float(np.exp(compute_range(self.place, np.inf)[0]))

    def solve(self, money: float) -> Found:
        """The best runs for some money, as NumPy arrays.

        Raises:
            UsageError: No runs that can be had determine the law.
        """
        found = self._found(money)
        if not np.isfinite(found.error[0]):
            law = self.setting.model.law
            raise UsageError(
                f"these runs cannot determine {law.name} ({len(self.setting.model.free)} free "
                "parameters): allow more runs, or places that differ more, or take a law with "
                "fewer free parameters."
            )
        return found

    def errors(self, moneys: Floats) -> tuple[Floats, Ints]:
        """Standard error of the target (m,) and number of runs (m,) for each amount of money."""
        # One after the other: the program is compiled already, and mapping it compiles another.
        found = [self._found(float(money)) for money in moneys]
        errors = np.array([one.error[0] for one in found], np.float64)
        return errors, np.array([np.sum(one.used) for one in found], np.int64)

    def _found(self, money: float) -> Found:
        with jax.enable_x64(True):
            if isinstance(self.place, Listed):
                found = solve_list(self.setting, self.known, *self.place, money)
            else:
                found = solve_runs(self.setting, self.known, self.place, money / self.rate)
                found = self._tidied(found, money)
            return jax.device_get(found)

    def error_before(self, money: float) -> float:
        """Standard error of the target as it is now; infinite if the runs so far leave it open."""
        with jax.enable_x64(True):
            return float(_before(self.setting, self.known, self._candidates(money)))

    def _tidied(self, found: Found, money: float) -> Found:
        """The same with runs that are nearly the same made repeats of one."""
        runs = merged(jax.device_get(found.runs), np.asarray(found.used))
        spread, error = judge(self.setting, self.known, self._candidates(money), runs, found.used)
        return found._replace(runs=runs, log_spread=spread, error=error)

    def _candidates(self, money: float) -> dict[str, Any]:
        if isinstance(self.place, Listed):
            return self.place.runs
        return placed(self.place, *grid(self.place, np.log(money / self.rate)))


def merged(runs: dict[str, Floats], used: NDArray[np.bool_]) -> dict[str, Floats]:
    """Runs whose N and D differ by less than a tenth take their geometric mean."""
    logs = np.log(np.stack([runs["N"], runs["D"]], 1))
    left = set(np.flatnonzero(used))
    while left:
        first = min(left)
        near = [k for k in left if np.max(np.abs(logs[k] - logs[first])) < _SAME]
        logs[near] = logs[near].mean(0)
        left -= set(near)
    n, d = np.exp(logs).T
    return {"N": n, "D": d, "log_compute": np.log(FLOP_PER_PAIR * n * d)}


@partial(jax.jit, static_argnums=0)
def _before(setting: Setting, known: Known, candidates: Any) -> jax.Array:
    stakes, _ = stakes_of(setting, known._replace(u=known.u[:1]), candidates)
    return standard_error(stakes.before[0], stakes.wanted[0])
