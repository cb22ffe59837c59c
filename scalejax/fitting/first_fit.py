"""A robust first fit of a table, for the runs that are out of line with it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from scalejax._arrays import Floats
from scalejax.data import Table
from scalejax.engine import FitProblem, How, Resampling, estimate
from scalejax.errors import InputProblem
from scalejax.fitting.odd_runs import find_odd_runs
from scalejax.objectives import huber, make_model

MOST_ROWS = 20_000
"""Rows beyond which no first fit is made: it would take as long as the fit itself. By judgement."""


@dataclass(frozen=True)
class OddRun:
    """A run that is out of line with the law through the others.

    Attributes:
        row: Row number in the source; of a run of several rows, its first.
        name: Name of the run; empty where rows have none.
        off: Loss (or other response) over the law's, less one.
    """

    row: int
    name: str
    off: float

    def __str__(self) -> str:
        name = f" ({self.name})" if self.name else ""
        side = "above" if self.off > 0 else "below"
        size = 100 * abs(self.off)
        return f"row {self.row}{name}: {f'{size:.0f}' if size > 10 else f'{size:.2g}'} % {side}"


@dataclass(frozen=True)
class OddRuns:
    """The runs that are out of line with a first fit, the farthest first.

    Attributes:
        runs: The runs.
        sure: Whether noise with heavy tails would not explain them either.
        many: Whether they are so many that the law or the noise is odd, and not they.
        noise: Standard deviation of the others around the law, relative.
        tested: Runs that were looked at; 0 where they were too few.
        law: Name of the law.
    """

    runs: tuple[OddRun, ...]
    sure: bool
    many: bool
    noise: float
    tested: int
    law: str

    @property
    def problems(self) -> tuple[InputProblem, ...]:
        """W219 where runs are out of line without doubt."""
        if not (self.sure and self.runs):
            return ()
        rows = tuple(sorted(run.row for run in self.runs))
        return (InputProblem("W219", self.sentence, rows=rows),)

    @property
    def sentence(self) -> str:
        """What is odd and how sure that is; empty where nothing is."""
        if not self.runs:
            return ""
        named = ", ".join(map(str, self.runs[:_SHOWN]))
        more = f" and {len(self.runs) - _SHOWN} more" if len(self.runs) > _SHOWN else ""
        if self.many:
            return (
                f"{len(self.runs)} of {self.tested} runs are far from the law {self.law}, which is "
                f"the law's doing or the noise's: {named}{more}"
            )
        others = f"the law {self.law} through the others, which scatter by {100 * self.noise:.2g} %"
        if self.sure:
            return f"{named}{more}, of {others}"
        return f"{named}{more}, of {others}; perhaps, for noise with heavy tails has such runs too"


_SHOWN = 5
"""Runs that are named in a sentence; by judgement."""


def odd_runs_of(problem: FitProblem) -> OddRuns | None:
    """The odd runs of a problem, or None where no first fit was made.

    One small fit with Huber's loss, which is the first step of the fit that follows: what it
    compiles is used there.
    """
    table, model = problem.table, problem.model
    if not model.free or table.group is not None or table.n_rows > MOST_ROWS:
        return None
    objective = huber(on="log" if model.kernel.log else "loss")
    model = make_model(
        model.law, objective.kernel, fixed=problem.fixed, tied=dict(model.tied),
        penalty=model.penalty,
    )  # fmt: skip
    problem = replace(problem, model=model, objective=objective)
    problem, point = estimate(problem, How(), Resampling())
    if not np.all(np.isfinite(point.u[0])):
        return None
    residual, jacobian = problem.tangent(point.u[0])
    unit = np.ones(table.n_rows) if model.kernel.log else np.abs(table.target)
    scale = np.sqrt(table.weight / np.mean(table.weight)) / unit
    members = [rows for rows in _units(table) if np.any(table.weight[rows] > 0)]
    found = find_odd_runs(
        _means(-residual * scale, members), _means(jacobian * scale[:, None], members)
    )
    runs = [
        _run(table, members[k], off, model.kernel.log, scale * unit)
        for k, off in zip(found.place, found.off, strict=True)
    ]
    return OddRuns(tuple(runs), found.sure, found.many, found.noise, found.rows, model.law.name)


def _units(table: Table) -> Iterator[np.ndarray]:
    """Places of the rows of each run, or each row."""
    if table.cluster is None:
        yield from np.arange(table.n_rows)[:, None]
        return
    for k in range(len(table.cluster_labels)):
        yield np.flatnonzero(table.cluster == k)


def _means(values: Floats, members: list[np.ndarray]) -> Floats:
    """Mean over the rows of each run: what the run is off as a whole."""
    return np.stack([values[rows].mean(axis=0) for rows in members])


def _run(table: Table, rows: np.ndarray, off: float, log: bool, scale: Floats) -> OddRun:
    name = "" if table.cluster is None else table.cluster_labels[table.cluster[rows[0]]]
    off = off / float(np.mean(scale[rows]))
    return OddRun(int(table.row[rows[0]]), name, float(np.expm1(off)) if log else off)
