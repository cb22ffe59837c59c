"""What a decision costs if the law is another one than expected: regret over draws.

Part of a decision is taken now (`hold`: usually the size of the model, the precision), the rest
when the truth is known (tokens are trained until the budget is spent or the target reached). The
regret of a candidate under a draw is how much worse the best of the rest is than the best of all:
relative (0.01 is one per cent) where what is minimised is compared by ratios, a difference
otherwise. A candidate that cannot meet the constraints under a draw has infinite regret there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.optima.lanes import as_arrays
from scalejax.optima.many import Optima, solve_grid, solve_many
from scalejax.optima.problem import HELD, Problem
from scalejax.vocabulary import argument

WORST_SHARE = 0.1
"""Share of the draws whose mean is the worst-decile regret."""

_CANDIDATES = 41
"""Candidates of one variable where none are named: about 5 % apart over a factor of eight."""

_SPAN = (0.005, 0.995)
"""Quantiles of the draws' own optima that the candidates span: outliers would spread them thin."""


@dataclass(frozen=True)
class Regret:
    """Regret of candidates under draws.

    Attributes:
        candidates: Value of each variable that is held, (c,).
        regret: (c, B); infinite where a candidate cannot meet the constraints.
        best: The optima of the draws.
    """

    candidates: Mapping[str, Floats]
    regret: Floats
    best: Optima

    @property
    def mean(self) -> Floats:
        """Expected regret of each candidate, (c,)."""
        return np.asarray(np.mean(self.regret, axis=1))

    @property
    def worst_decile(self) -> Floats:
        """Mean of the largest tenth of the regrets of each candidate, (c,)."""
        count = max(round(WORST_SHARE * self.regret.shape[1]), 1)
        return np.asarray(np.mean(np.sort(self.regret, axis=1)[:, -count:], axis=1))

    def choice(self, by: str = "mean") -> dict[str, float]:
        """The candidate with the least expected ("mean") or "worst_decile" regret."""
        if by not in ("mean", "worst_decile"):
            raise UsageError(f'{argument("by")} is "mean" or "worst_decile", not {by!r}.')
        k = int(np.argmin(self.mean if by == "mean" else self.worst_decile))
        return {name: float(values[k]) for name, values in self.candidates.items()}


def regret(
    problem: Problem,
    args: Mapping[str, Any],
    draws: Mapping[str, Any],
    *,
    hold: Sequence[str],
    candidates: Mapping[str, Any] | None = None,
    best: Optima | None = None,
) -> Regret:
    """The regret of candidate decisions under draws.

    Args:
        problem: The problem.
        args: Args that all draws share.
        draws: Args that differ, each with a leading axis (B,). Draws without an optimum of their
            own are left out.
        hold: Variables decided now; the others are decided when the truth is known.
        candidates: A value for each of them, (c,) each. 41 that span the draws' own optima if not
            given, for one variable.
        best: The optima of the draws, if known.

    Raises:
        UsageError: Candidates are missing, or no draw has an optimum.
    """
    best = solve_many(problem, args, draws) if best is None else best
    if not best.solved.any():
        raise UsageError(f"no draw has an optimum: {best.failures}.")
    usable = jax.tree.map(lambda x: x[best.solved], as_arrays(draws))
    if candidates is None:
        if len(hold) != 1:
            raise UsageError(f"give {argument('candidates')} for {', '.join(hold)}.")
        own = best.decision[hold[0]][best.solved]
        ends = np.quantile(own, _SPAN)
        candidates = {hold[0]: np.geomspace(ends[0], ends[1], _CANDIDATES)}
    if missing := set(hold) - set(candidates):
        raise UsageError(f"{argument('candidates')} lacks {', '.join(sorted(missing))}.")
    options = {name: np.asarray(candidates[name], np.float64) for name in hold}
    goal = _goals(problem, args, usable, options)
    reference = best.goal[best.solved]
    excess = goal / reference - 1 if problem.minimize.log else goal - reference
    return Regret(options, np.where(np.isnan(excess), np.inf, np.maximum(excess, 0.0)), best)


def _goals(
    problem: Problem, args: Mapping[str, Any], draws: Any, options: Mapping[str, Floats]
) -> Floats:
    """The best that each candidate can reach under each draw, (c, B); NaN where nothing."""
    first = jax.tree.map(lambda x: x[0], draws)
    rest = problem.holding(*options)
    count = len(next(iter(options.values())))
    held = {name: np.full(count, value) for name, value in args.get(HELD, {}).items()}
    _, optima = solve_grid(rest, {**first, **args}, {HELD: {**held, **options}}, draws)
    assert optima is not None
    return optima.goal
