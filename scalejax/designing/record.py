"""The record of a design: which runs to train, what they promise, and what others would give.

People hold a `scalejax.designing.Design`, which adds text and a check by simulation.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats, Ints
from scalejax.amounts import WIDTH, read
from scalejax.compute import SIX_N_D
from scalejax.designing.best_runs import BestRuns
from scalejax.designing.comparison import usual_grids
from scalejax.designing.problem import Problem
from scalejax.designing.region import Region
from scalejax.errors import UsageError
from scalejax.folds import rolling_origin
from scalejax.planning import Source
from scalejax.resampling import t_quantile

_OWN_ROW = "this design"
AMOUNTS = 17
"""Amounts of money for which a curve of widths is computed."""

_MULTIPLES = np.geomspace(0.1, 1e4, 51)
"""Multiples of the budget at which grids are judged; between them money is interpolated."""

_FEWEST_SIZES = 3
"""Sizes below which nothing can be held out, see `scalejax.folds`."""

_FROM, _TO = 0.03, 1e3
_FARTHEST = 1e6
"""Multiples of the budget: of a curve of widths, and the most that a width may cost."""


@dataclass(frozen=True, eq=False, repr=False)
class DesignRecord:
    """Runs to train next, as numbers.

    Attributes:
        question: The question, which can be asked again for other money.
        source: Where the law comes from.
        budget: What may be spent, in `unit`.
        level: Probability of the intervals whose width is reported.
        noise: Standard deviation of a run's residual.
        discrepancy: Relative error of the law for each decade of compute from the target.
        seed: Seed of the choice of draws.
        ends: Inputs of the runs so far where they ended, one a row.
        notes: What a reader should know.
        solution: The design as arrays.
    """

    question: Problem
    source: Source
    budget: float
    level: float
    noise: float
    discrepancy: float
    seed: int
    ends: pd.DataFrame
    notes: tuple[str, ...]
    solution: BestRuns

    @property
    def unit(self) -> str:
        """Unit of money."""
        return self.question.unit

    @property
    def target(self) -> str:
        """The number to be known, as text."""
        return self.question.setting.target.label

    @property
    def relative(self) -> bool:
        """Whether widths are relative: 0.2 is 20 % up."""
        return self.question.setting.target.relative

    @property
    def runs_before(self) -> int:
        """Runs so far, with weight; rows of one cluster and N are one run."""
        return len(self.ends)

    @cached_property
    def reach(self) -> tuple[float, float] | None:
        """Decades of compute over which all runs can test the law, and from them to the target.

        The first is from the runs that a rolling origin trains on to the largest, with the runs
        of the design among them. None where the target has no compute, or runs no N and D.
        """
        far = self.question.setting.target.compute
        if far is None or not {"N", "D"} <= {*self.question.setting.model.law.inputs}:
            return None
        runs = pd.concat([self.ends, self.runs])
        n, d = (runs[name].to_numpy(np.float64) for name in "ND")
        compute = np.asarray((self.source.compute or SIX_N_D).flop(n, d))
        tested = 0.0
        if len(np.unique(compute)) >= _FEWEST_SIZES:
            tested = max(float(fold.distance.max()) for fold in rolling_origin(compute))
        return tested, max(float(np.log10(far / compute.max())), 0.0)

    @property
    def efficiency(self) -> float:
        """A lower bound of the variance of the best design over that of this one.

        The best design may train fractions of runs; it is known to within the gap of the
        equivalence theorem. Variance is what the criterion counts, for D the p-th root of the
        determinant, as a geometric mean over the draws. Runs of N and D may lie between the
        candidates of the best design, so the bound can exceed 1 a little.
        """
        bound = self.solution.continuous
        return float(np.exp(bound.log_spread - bound.gap - self.solution.log_spread))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The runs, from the cheapest up: inputs, count, cost of all of them, share of the money.

        Inputs are rounded to four digits.
        """
        inputs = self.question.setting.model.law.inputs
        used = np.asarray(self.solution.used)
        frame = pd.DataFrame({name: _rounded(self.solution.runs[name][used]) for name in inputs})
        frame["cost"] = self._costs(frame)
        frame = frame.groupby(list(inputs), as_index=False).agg(
            count=("cost", "size"), cost=("cost", "sum")
        )
        frame["share"] = frame["cost"] / frame["cost"].sum()
        order = (frame["cost"] / frame["count"]).argsort(kind="stable")
        return frame.iloc[order].reset_index(drop=True)

    def _costs(self, frame: pd.DataFrame) -> Floats:
        place = self.question.place
        used = np.asarray(self.solution.used)
        if isinstance(place, Region):
            return self.question.rate * np.exp(np.asarray(self.solution.runs["log_compute"])[used])
        return np.asarray(self.solution.runs["cost"])[used]

    @property
    def cost(self) -> float:
        """Cost of all runs, in `unit`."""
        return float(self.runs["cost"].sum())

    @property
    def stderr(self) -> float:
        """Standard error of the target after the runs, of its logarithm if it is relative."""
        return float(self.solution.error[0])

    @property
    def width(self) -> float:
        """Half the width that the interval of a fit to all runs is expected to have.

        For relative targets the upper end over the estimate, less one: 0.2 is 20 % up. With
        Student's t, as the noise is estimated from the same runs; infinite if these are no more
        than the parameters.
        """
        return float(self.widths(np.array([self.stderr]), int(self.solution.used.sum()))[0])

    @property
    def width_range(self) -> tuple[float, float]:
        """The smallest and the largest width among the draws of the parameters."""
        widths = self.widths(np.asarray(self.solution.error), int(self.solution.used.sum()))
        return float(np.min(widths)), float(np.max(widths))

    @property
    def width_before(self) -> float:
        """The width from the runs so far; infinite if they leave the target or the noise open."""
        return float(self.widths(np.array([self.question.error_before(self.budget)]), 0)[0])

    def widths(self, errors: Floats, runs: int | Ints) -> Floats:
        """Widths (m,) for standard errors (m,) after a number of new runs."""
        left = np.vectorize(self.question.freedom, otypes=[float])(runs)
        t = np.vectorize(lambda n: t_quantile(self.level, n) if n > 0 else np.inf)(left)
        half = np.asarray(t, np.float64) * np.asarray(errors, np.float64)
        with np.errstate(over="ignore"):
            return np.expm1(half) if self.relative else half

    @cached_property
    def scores(self) -> pd.DataFrame:
        """This design and the usual grids for the same money.

        Returns:
            One row a design: number of runs, ``stderr`` and ``width`` of the target,
            ``variance_ratio`` to this design, and ``money_ratio``, how many times the money the
            grid needs for the width of this design (infinite if 10,000 times do not suffice). A
            list of candidates is compared with nothing.
        """
        count = int(self.solution.used.sum())
        rows = [(_OWN_ROW, count, self.stderr, self.width, 1.0, 1.0)]
        place, rate = self.question.place, self.question.rate
        if isinstance(place, Region):
            grids = usual_grids(self.question.setting.slots)
            shapes = tuple(shape for _, shape in grids.values())
            moneys = np.append(_MULTIPLES, 1.0) * self.budget / rate
            errors = self.question.grid_errors(shapes, moneys)
            for k, (name, (number, _)) in enumerate(grids.items()):
                widths = self.widths(errors[:, k], number)
                rows.append(
                    (
                        name,
                        number,
                        float(errors[-1, k]),
                        float(widths[-1]),
                        float((errors[-1, k] / self.stderr) ** 2),
                        crossing(_MULTIPLES, widths[:-1], self.width),
                    )
                )
        columns = ["design", "runs", "stderr", "width", "variance_ratio", "money_ratio"]
        return pd.DataFrame(rows, columns=columns)

    def width_against_cost(self, budgets: Any = None) -> pd.DataFrame:
        """The expected width after the best runs for each amount of money.

        Args:
            budgets: Amounts, (m,), in `unit`; from 0.03 to 1000 times the budget if not given.

        Returns:
            One row an amount, from the smallest up: ``cost``, ``runs``, ``stderr`` and ``width``
            of the best design that costs no more.

        Raises:
            UsageError: An amount does not pay for the cheapest run.
        """
        if budgets is None:
            least = max(_FROM * self.budget, 1.01 * self.question.cheapest)
            budgets = np.geomspace(least, max(_TO * self.budget, 2 * least), AMOUNTS)
        amounts = np.sort(np.atleast_1d(np.asarray(budgets, np.float64)))
        if not np.all(np.isfinite(amounts)) or amounts[0] < self.question.cheapest:
            raise UsageError(
                f"the cheapest run costs {self.question.cheapest:.4g} {self.unit}: every amount "
                "must pay for it."
            )
        errors, runs = self.question.errors(amounts)
        widths = self.widths(errors, runs)
        # Whoever has more money can also train the runs of less.
        best = [int(np.argmin(widths[: k + 1])) for k in range(len(amounts))]
        return pd.DataFrame(
            {"cost": amounts, "runs": runs[best], "stderr": errors[best], "width": widths[best]}
        )

    def cost_for_width(self, width: float) -> float:
        """The money that it takes to know the target to a width.

        Args:
            width: For relative targets 0.2 is 20 %.

        Returns:
            Money in `unit`, interpolated between amounts; 0 if the runs so far suffice, infinite
            if a million times the budget does not.
        """
        width = read("width", width, WIDTH)
        if self.width_before <= width:
            return 0.0
        least = 1.01 * self.question.cheapest
        price, ends = np.inf, (least, max(_FARTHEST * self.budget, 2 * least))
        for _ in range(2):  # First coarsely, then between the two nearest amounts.
            amounts = np.geomspace(*ends, AMOUNTS)
            widths = self.width_against_cost(amounts)["width"].to_numpy()
            price = crossing(amounts, widths, width)
            if not least < price < np.inf:
                break
            k = int(np.searchsorted(amounts, price))
            ends = (amounts[k - 1], amounts[k])
        return price

    def to_frame(self) -> pd.DataFrame:
        """One row for each run to train, repeats included, in the order of cost."""
        frame = self.runs.assign(cost=self.runs["cost"] / self.runs["count"])
        frame = frame.loc[frame.index.repeat(frame["count"])].reset_index(drop=True)
        frame.insert(0, "run", np.arange(1, len(frame) + 1))
        frame["repeat"] = frame.groupby(list(self.question.setting.model.law.inputs)).cumcount() + 1
        return frame.drop(columns=["count", "share"])

    def before_frame(self) -> pd.DataFrame:
        """The inputs of the runs so far, of each run where it ended."""
        return self.ends.copy()


def crossing(money: Floats, widths: Floats, width: float) -> float:
    """The money at which widths (m,) fall to a width, interpolated in logarithms.

    Infinite if no amount suffices; NaN for a width that is not finite.
    """
    enough = np.flatnonzero(widths <= width * (1 + 1e-9))
    if not np.isfinite(width):
        return float("nan")
    if not len(enough):
        return float("inf")
    k = int(enough[0])
    if k == 0 or not np.isfinite(widths[k - 1]):
        return float(money[k])
    low, high = np.log(widths[k]), np.log(widths[k - 1])
    share = 0.0 if high == low else (high - np.log(width)) / (high - low)
    return float(np.exp((1 - share) * np.log(money[k - 1]) + share * np.log(money[k])))


def _rounded(values: Any) -> Floats:
    """Four significant digits."""
    return np.array([float(f"{x:.4g}") for x in np.asarray(values)], np.float64)
