"""Forecasts of many tables as few batches: rows in, padded arrays to the compiled program, answers.

Sizes are padded to a few, so that tables of different length share a program. Rows that lie far out
are weighed down and the table is solved again: a run that diverged should not set the noise of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax._numerics import COMPILE_SOON, robust_sd
from scalejax.forecasting import discrepancy, model
from scalejax.forecasting.inside import Context, LawInside, Prior, context_of
from scalejax.scope import own_settings

RATIOS, LENGTHS, RUN_RATIOS = (0.3, 1.0, 3.0, 10.0, 30.0), (1.0, 2.0), (0.0, 3.0)
"""The grid: size of the discrepancy and of a run's offset over the noise, and its length."""


class Choice(NamedTuple):
    """One choice of the hyper-parameters.

    Attributes:
        length: Of the discrepancy, in decades.
        ratio: Its size over the noise.
        offset: Size of a run's offset over the noise.
    """

    length: float
    ratio: float
    offset: float


def choices(with_runs: bool) -> list[Choice]:
    """All of them, in the order of the arrays; only without runs is there no offset."""
    offsets = RUN_RATIOS if with_runs else (0.0,)
    return [Choice(*one) for one in product(LENGTHS, RATIOS, offsets)]


OUTLYING = 5.0
"""Robust standard deviations of the noise beyond which a row is weighed down, by the square of how
far. By judgement, tried on Epoch's 245 runs with their outliers."""

_LEAST_SPREAD = 0.4
"""Least robust standard deviation, in units of the noise: a discrepancy that follows every row
leaves little, and the rest of it is no outlier."""

MOST_ROWS = 1024
"""Rows beyond which those of one run and nearly one place are joined to their mean."""

_WIDTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Sizes of a place in decades, the first that leaves few enough: of a loss that falls by 10 % a
decade, the first is a rounding of .1 %."""

_ROUNDS = 6
"""Times that a table is solved again at most: outliers hide each other at first."""

_TABLES = (2, 16)
"""Tables of one batch: a table and its backtest, or many, which bounds the memory. By judgement;
every size is a program of its own."""

_PADDED = (16, 64, 256, MOST_ROWS)
"""Sizes that arrays are padded to, for few programs; beyond, multiples of the last."""


_TARGETS = 256
"""Fewest runs to come that arrays are padded to: they cost next to nothing, and the two runs of a
summary share a program with the curve of a plot."""


@dataclass(frozen=True)
class ForecastRows:
    """Rows of one table.

    Attributes:
        inputs: Inputs of the law by name, (n,) each.
        log_response: ln loss, or of whatever the law gives, (n,).
        run: Code of the run of each row, (n,), or None.
        weight: Of each row, (n,), one on average before rows were joined.
        within: Sum of squares of the rows that were joined to one, around their means.
        source: Rows of the table behind these.
    """

    inputs: Mapping[str, Floats]
    log_response: Floats
    run: Ints | None
    weight: Floats
    within: float = 0.0
    source: int = 0

    def __len__(self) -> int:
        return len(self.log_response)

    @property
    def ground(self) -> discrepancy.Ground:
        """How inputs become places."""
        return discrepancy.Ground.of(self.inputs)

    @property
    def runs(self) -> int:
        """Independent runs."""
        return len(self) if self.run is None else len(np.unique(self.run))

    def take(self, keep: Any) -> "ForecastRows":
        """Some of the rows."""
        return ForecastRows(
            {name: values[keep] for name, values in self.inputs.items()},
            self.log_response[keep],
            None if self.run is None else self.run[keep],
            self.weight[keep],
            source=int(np.size(self.log_response[keep])),
        )

    def ends(self) -> "ForecastRows":
        """Where runs ended: of each run and N the row with the most of compute."""
        if self.run is None:
            return self
        sizes = self.inputs.get("N", np.zeros(len(self)))
        mark = np.unique(np.column_stack([self.run, sizes]), axis=0, return_inverse=True)[1].ravel()
        order = np.lexsort((self.ground.places(self.inputs).compute, mark))
        return self.take(order[np.append(np.diff(mark[order]) > 0, True)])

    def with_weight(self, weight: Floats) -> "ForecastRows":
        """The same rows with other weights, (n,)."""
        return replace(self, weight=weight)

    def joined(self) -> "ForecastRows":
        """Rows of one run and nearly one place joined to their mean, where there are very many."""
        if len(self) <= MOST_ROWS:
            return replace(self, source=len(self))
        axes = self.ground.places(self.inputs).axes
        run = np.zeros(len(self)) if self.run is None else self.run
        for width in _WIDTHS:
            keys = np.column_stack([run, np.round(axes / width)])
            _, first, code = np.unique(keys, axis=0, return_index=True, return_inverse=True)
            if len(first) <= MOST_ROWS:
                break
        code = code.ravel()
        weight = np.asarray(np.bincount(code, self.weight), np.float64)

        def mean(values: Floats) -> Floats:
            logs = bool(np.min(values) > 0)
            sums = np.bincount(code, self.weight * (np.log(values) if logs else values))
            return np.exp(sums / weight) if logs else sums / weight

        middle = np.bincount(code, self.weight * self.log_response) / weight
        return ForecastRows(
            {name: mean(values) for name, values in self.inputs.items()},
            middle,
            None if self.run is None else self.run[first],
            weight,
            float(np.sum(self.weight * (self.log_response - middle[code]) ** 2)),
            len(self),
        )


@dataclass(frozen=True)
class Answer:
    """The forecast of one table, as NumPy arrays.

    Attributes:
        arrays: Its numbers; the rows and runs to come are those of the table, without padding.
        context: What the coordinates of the law are relative to.
        beyond: Decades of compute of each run to come beyond the largest row, (t,).
        weight: Weight of each row at the end: outlying ones have little, (n,).
    """

    arrays: model.ForecastArrays
    context: Context
    beyond: Floats
    weight: Floats

    @property
    def log_response(self) -> Floats:
        """Mean of ln response of the runs to come, (t,)."""
        return np.asarray(self.arrays.mean + self.context.level, np.float64)

    @property
    def sd(self) -> Floats:
        """Standard deviation of it, (t,)."""
        return np.sqrt(self.arrays.variance)


def solve_all(
    inside: LawInside,
    tables: Sequence[ForecastRows],
    targets: Sequence[Mapping[str, Floats]],
    fixed: Mapping[str, float] | None = None,
) -> list[Answer]:
    """Forecasts of many tables with one law inside.

    Args:
        inside: The law.
        tables: The tables.
        targets: Inputs of the runs to come of each table, (t,) each.
        fixed: Values of the parameters that are not sought.

    Returns:
        One answer for each.
    """
    size = _size_of(tables, targets)
    answers: dict[int, Answer] = {}
    waiting, rows = list(range(len(tables))), list(tables)
    for _ in range(_ROUNDS):
        some, ahead = [rows[k] for k in waiting], [targets[k] for k in waiting]
        solved = _solve_once(inside, some, ahead, size, fixed or {})
        answers |= zip(waiting, solved, strict=True)
        again = []
        for k in waiting:
            lowered = _lowered(tables[k].weight, answers[k].arrays.noise)
            if not np.allclose(lowered, rows[k].weight, rtol=0.05, atol=1e-3):
                rows[k] = replace(rows[k], weight=lowered)
                again.append(k)
        waiting = again
        if not waiting:
            break
    return [answers[k] for k in range(len(tables))]


def _lowered(weight: Floats, noise: Floats) -> Floats:
    """Weights with outlying rows weighed down."""
    far = np.abs(noise) * np.sqrt(weight)
    far = far / max(robust_sd(far), _LEAST_SPREAD)
    return np.asarray(weight * np.minimum(1.0, (OUTLYING / np.maximum(far, 1e-300)) ** 2))


def _solve_once(
    inside: LawInside,
    tables: Sequence[ForecastRows],
    targets: Sequence[Mapping[str, Floats]],
    size: "_Size",
    fixed: Mapping[str, float],
) -> list[Answer]:
    """Forecasts with the weights as they are."""
    answers, most = [], size.tables
    for first in range(0, len(tables), most):
        some = range(first, min(first + most, len(tables)))
        problems = [_problem(inside, tables[k], targets[k], size, fixed) for k in some]
        padded = [*problems, *[problems[0]] * (most - len(problems))]
        with own_settings():
            stacked = jax.tree.map(lambda *values: np.stack(values), *padded)
            solved = jax.device_get(_solve(inside, inside.prior, stacked))
        for place, (k, problem) in enumerate(zip(some, problems, strict=True)):
            one = jax.tree.map(lambda value, place=place: np.asarray(value)[place], solved)
            n, t = len(tables[k]), len(next(iter(targets[k].values())))
            arrays = one._replace(mean=one.mean[:t], variance=one.variance[:t], noise=one.noise[:n])
            answers.append(Answer(arrays, problem.context, problem.beyond[:t], tables[k].weight))
    return answers


class _Problem(NamedTuple):
    """One table as padded arrays."""

    context: Any
    table: Any
    grid: Any
    targets: Any
    beyond: Any


@partial(jax.jit, static_argnums=0, compiler_options=COMPILE_SOON)
def _solve(inside: LawInside, prior: Prior, problems: _Problem) -> model.ForecastArrays:
    def one(p: _Problem) -> model.ForecastArrays:
        def log_response(theta: jax.Array, point: jax.Array) -> jax.Array:
            return inside.log_response(theta, point, p.context)

        return model.forecast(log_response, prior, p.table, p.grid, p.targets, p.beyond)

    return jax.vmap(one)(problems)


@dataclass(frozen=True)
class _Size:
    """Sizes that arrays are padded to, the same in every round: a program each."""

    tables: int
    rows: int
    runs: int
    targets: int


def _size_of(tables: Sequence[ForecastRows], targets: Sequence[Mapping[str, Floats]]) -> _Size:
    with_runs = any(rows.run is not None for rows in tables)
    return _Size(
        tables=_TABLES[len(tables) > _TABLES[0]],
        rows=padded(max(len(one) for one in tables)),
        runs=padded(max(one.runs for one in tables)) if with_runs else 0,
        targets=padded(max(_TARGETS, *(len(next(iter(one.values()))) for one in targets))),
    )


def _problem(
    inside: LawInside,
    rows: ForecastRows,
    targets: Mapping[str, Floats],
    size: _Size,
    fixed: Mapping[str, float],
) -> _Problem:
    """One table as padded arrays."""
    ground = rows.ground
    here, there = ground.places(rows.inputs), ground.places(targets)
    largest = here.compute.max()
    inputs = np.stack(list(rows.inputs.values()), 1)
    context = context_of(inputs, rows.log_response, here.compute, fixed)
    points = inside.points(inputs, context)
    ahead = inside.points(np.stack([targets[name] for name in rows.inputs], 1), context)
    table = model.RowArrays(
        y=_pad(rows.log_response - context.level, size.rows),
        # The first row again, which every law has a value at; padding has no weight.
        x=_repeat(points, size.rows),
        weight=_pad(rows.weight, size.rows),
        within=np.float64(rows.within),
    )
    beyond = np.maximum(there.compute - largest, 0)
    return _Problem(
        context, table, _grid(rows, here, there, size),
        _repeat(ahead, size.targets), _pad(beyond, size.targets),
    )  # fmt: skip


def _grid(
    rows: ForecastRows, here: discrepancy.Places, there: discrepancy.Places, size: _Size
) -> model.GridPoint:
    """The grid points of a table, stacked."""
    growing = 1 + discrepancy.GROWTH * (here.compute.max() - here.compute)
    axes = np.concatenate([here.axes, there.axes])
    inducing = discrepancy.inducing_points(axes)
    offsets = np.zeros((len(rows), size.runs))
    if rows.run is not None:
        offsets[np.arange(len(rows)), np.unique(rows.run, return_inverse=True)[1]] = 1.0
    both = {length: discrepancy.features(axes, inducing, length) for length in LENGTHS}
    points = []
    for length, ratio, offset in choices(bool(size.runs)):
        bend, ahead = both[length][: len(rows)] * growing[:, None], both[length][len(rows) :]
        variances = [np.full(bend.shape[1], ratio**2), np.full(size.runs, offset**2)]
        point = model.grid_point(
            np.concatenate([bend, offsets], 1),
            np.pad(ahead, ((0, 0), (0, size.runs))),
            np.concatenate(variances),
            rows.weight,
            ratio,
            offset**2,
        )
        points.append(
            point._replace(
                white=_pad(point.white, size.rows),
                at_targets=_pad(point.at_targets, size.targets),
            )
        )
    stacked: model.GridPoint = jax.tree.map(lambda *values: np.stack(values), *points)
    return stacked


def _pad(values: Floats, size: int) -> Floats:
    """Zeros behind the values."""
    return np.pad(values, [(0, size - len(values)), *[(0, 0)] * (values.ndim - 1)])


def _repeat(values: Floats, size: int) -> Floats:
    """The first row again behind the values."""
    return np.concatenate([values, np.repeat(values[:1], size - len(values), axis=0)])


def padded(size: int) -> int:
    """The size that arrays of `size` are padded to."""
    last = _PADDED[-1]
    return next((one for one in _PADDED if size <= one), -(-size // last) * last)
