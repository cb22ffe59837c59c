"""`forecast`: from a table of runs and runs to come to their losses, families as one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any, Unpack

import jax
import numpy as np
import pandas as pd

from scalejax._arrays import Floats, Ints
from scalejax.data import Table, TableOptions, group_by, load_table, read_numbers
from scalejax.errors import UsageError
from scalejax.forecasting import discrepancy, field, model
from scalejax.forecasting.forecast import FEWEST_RUNS, Backtest, Forecast, quantiles
from scalejax.keywords import keywords
from scalejax.resampling import check_level, t_quantile
from scalejax.vocabulary import argument

At = pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, float | str]]
"""Runs to come: a frame, a mapping of columns or numbers, or one mapping for each."""

RATIOS, LENGTHS, RUN_RATIOS = (0.3, 1.0, 3.0, 10.0, 30.0), (1.0, 2.0), (0.0, 3.0)
"""The grid: size of the discrepancy and of a run's offset over the noise, and its length."""

_FEWEST_ROWS = 4
"""Fewer were never tried; of four the prior says nearly all."""

_HELD_OUT = 0.2
"""Share of the rows, the largest by compute, that the backtest predicts: the usual split."""

_DRAWS, _TABLES = 1000, 16
"""Draws of the parameters, and tables of one batch, which bounds the memory. By judgement."""
_PADDED = (16, 32, 64, 128, 256, 512, 1024)
"""Sizes that arrays are padded to, for few programs; beyond, multiples of the last."""


@dataclass(frozen=True)
class _ForecastRows:
    """Rows of one family.

    Attributes:
        log_n: ln N, (n,).
        log_d: ln D, (n,).
        log_loss: ln loss, (n,).
        run: Code of the run of each row, (n,), or None.
    """

    log_n: Floats
    log_d: Floats
    log_loss: Floats
    run: Ints | None

    @property
    def compute(self) -> Floats:
        """Ln of N D, (n,)."""
        return self.log_n + self.log_d

    @property
    def runs(self) -> int:
        """Independent runs."""
        return len(self.log_n) if self.run is None else len(np.unique(self.run))

    def take(self, keep: Any) -> "_ForecastRows":
        """Some of the rows."""
        run = None if self.run is None else self.run[keep]
        return _ForecastRows(self.log_n[keep], self.log_d[keep], self.log_loss[keep], run)


@keywords(TableOptions)
def forecast(
    data: Any,
    *,
    at: At,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
    **table_options: Unpack[TableOptions],
) -> Forecast:
    """Forecast the losses of runs to come, with the error of the law inside the interval.

    The law is Chinchilla's with an outer exponent, under the field's prior; a smooth discrepancy
    over compute and tokens per parameter, which is larger for small runs, takes up what the law
    does not describe; noise, discrepancy and its length are averaged by their evidence. On public
    tables the 90 % interval held 96 % of the larger runs, where that of a plain fit held 76 %
    (benchmarks/results/foresight.md); it is wider than it need be where a law is exactly right.

    Args:
        data: As for `scalejax.fit`, with N, D and the loss. Rows of one run (``run=``) share an
            offset.
        at: The runs to come: ``{"N": "70B", "D": 1.4e12}``, columns of several, a frame, or a list.
        by: Column of the families, each of which is forecast by itself, all as one batch.
        level: Probability of the intervals.
        seed: Seed of the draws of the parameters.
        **table_options: As for `scalejax.fit`.

    Returns:
        The forecast.

    Raises:
        InputError: The data cannot be used.
        UsageError: A run to come has no N and D, or a family has fewer than four rows.
    """
    check_level(level)
    targets = _targets(at)
    grouped = {"source": data} if by is None else group_by(data, by)
    table = load_table(inputs=("N", "D"), **{**grouped, **table_options})
    families = _families(table)
    if small := [name for name, rows in families.items() if len(rows.log_n) < _FEWEST_ROWS]:
        raise UsageError(
            f"a forecast needs at least {_FEWEST_ROWS} rows: {', '.join(small) or 'the table'}."
        )
    answers = solve_all(list(families.values()), [targets] * len(families))
    tests = _backtests(families, level)
    frames, parameters, draws = [], [], {}
    generator = np.random.default_rng(seed)
    for (name, rows), answer in zip(families.items(), answers, strict=True):
        frames.append(_points(name, rows, targets, answer, level))
        draws[name] = _draws(rows, answer, generator)
        parameters.append(_named(name, quantiles(draws[name], level)))
    return Forecast(
        points=pd.concat(frames, ignore_index=True),
        parameters=pd.concat(parameters, ignore_index=True),
        draws=draws,
        tau={n: float(a.weight @ a.tau) for n, a in zip(families, answers, strict=True)},
        n_runs={name: rows.runs for name, rows in families.items()},
        n_rows={name: len(rows.log_n) for name, rows in families.items()},
        backtest=tests,
        level=level,
        notes=tuple(_notes(families, frames)),
        seed=seed,
    )


def solve_all(
    families: Sequence[_ForecastRows], targets: Sequence[Floats]
) -> list[model.ForecastArrays]:
    """Forecasts of many tables, as few batches.

    Args:
        families: The tables.
        targets: ln N and ln D of the runs to come of each, (t, 2).

    Returns:
        One answer for each, of its own runs to come, as NumPy arrays.
    """
    with_runs = any(rows.run is not None for rows in families)
    rows = _padded(max(len(one.log_n) for one in families))
    runs = _padded(max(one.runs for one in families)) if with_runs else 0
    count = _padded(max(len(one) for one in targets))
    answers: list[model.ForecastArrays] = []
    for first in range(0, len(families), _TABLES):
        some = range(first, min(first + _TABLES, len(families)))
        parts = [_arrays(families[k], targets[k], rows, runs, count) for k in some]
        with jax.enable_x64(True):
            stacked = jax.tree.map(lambda *values: np.stack(values), *parts)
            solved = jax.device_get(_solve(*stacked))
        for place, k in enumerate(some):
            one = jax.tree.map(lambda value, place=place: np.asarray(value)[place], solved)
            size = len(targets[k])
            answers.append(one._replace(mean=one.mean[:size], variance=one.variance[:size]))
    return answers


@jax.jit
def _solve(table: Any, grid: Any, targets: Any, beyond: Any) -> model.ForecastArrays:
    one = partial(model.forecast, field.log_loss, field.FIELD)
    return jax.vmap(one)(table, grid, targets, beyond)


def _arrays(rows: _ForecastRows, targets: Floats, n: int, runs: int, t: int) -> tuple[Any, ...]:
    """One table as padded arrays: rows, grid, targets, decades beyond."""
    x = np.stack([rows.log_n, rows.log_d], 1)
    centre = x.mean(0)
    here = discrepancy.places(*(x - centre).T)
    there = discrepancy.places(*(targets - centre).T)
    largest = here.compute.max()
    points = discrepancy.inducing_points(np.concatenate([here.axes, there.axes]))
    offsets = np.zeros((len(x), runs))
    if rows.run is not None:
        offsets[np.arange(len(x)), np.unique(rows.run, return_inverse=True)[1]] = 1.0
    grid = []
    for length in LENGTHS:
        growing = 1 + discrepancy.GROWTH * (largest - here.compute)
        bend = discrepancy.features(here.axes, points, length) * growing[:, None]
        ahead = discrepancy.features(there.axes, points, length)
        used = np.any(bend != 0, 0)
        for ratio in RATIOS:
            for offset in RUN_RATIOS if runs else (0.0,):
                grid.append(
                    model.GridPoint(
                        features=_pad(np.concatenate([bend, offsets * (offset > 0)], 1), n),
                        at_targets=_pad(np.pad(ahead, ((0, 0), (0, runs))), t),
                        ratio=np.concatenate(
                            [np.where(used, ratio**2, 1.0), np.full(runs, offset**2 or 1.0)]
                        ),
                        discrepancy=np.float64(ratio),
                        new_run=np.float64(offset**2),
                    )
                )
    table = model.RowArrays(
        y=_pad(rows.log_loss - rows.log_loss.mean(), n),
        x=_pad(x - centre, n),
        row=_pad(np.ones(len(x)), n),
    )
    stacked = jax.tree.map(lambda *values: np.stack(values), *grid)
    return (
        table,
        stacked,
        _pad(targets - centre, t),
        _pad(np.maximum(there.compute - largest, 0), t),
    )


def _pad(values: Floats, size: int) -> Floats:
    """Zeros behind the values."""
    return np.pad(values, [(0, size - len(values)), *[(0, 0)] * (values.ndim - 1)])


def _padded(size: int) -> int:
    """The size that arrays of `size` are padded to."""
    last = _PADDED[-1]
    return next((one for one in _PADDED if size <= one), -(-size // last) * last)


def _targets(at: At) -> Floats:
    """Ln N and ln D of the runs to come, (t, 2)."""
    columns: Any = at
    if not isinstance(at, pd.DataFrame | Mapping):
        if not all({"N", "D"} <= point.keys() for point in at):
            raise UsageError(f"{argument('at')} needs N and D of each run.")
        columns = {name: [point[name] for point in at] for name in ("N", "D")}
    if missing := [name for name in ("N", "D") if name not in columns]:
        raise UsageError(f"{argument('at')} lacks {' and '.join(missing)}.")
    try:
        n, d = np.broadcast_arrays(
            *(np.atleast_1d(read_numbers(columns[name])) for name in ("N", "D"))
        )
    except ValueError as error:
        raise UsageError(f"{argument('at')}: {error}.") from error
    if not (len(n) and np.all(np.isfinite(n) & np.isfinite(d) & (n > 0) & (d > 0))):
        raise UsageError(f"{argument('at')} needs positive numbers.")
    return np.log(np.stack([n, d], 1))


def _families(table: Table) -> dict[str, _ForecastRows]:
    def rows(keep: Any) -> _ForecastRows:
        run = None if table.cluster is None else table.cluster[keep]
        logs = (np.log(table.inputs["N"][keep]), np.log(table.inputs["D"][keep]))
        return _ForecastRows(*logs, np.log(table.target[keep]), run)

    if table.group is None:
        return {"": rows(slice(None))}
    return {name: rows(table.group == k) for k, name in enumerate(table.group_labels)}


def _backtests(families: Mapping[str, _ForecastRows], level: float) -> dict[str, Backtest]:
    """The largest fifth of each family by compute, predicted from the rest."""
    train, test = {}, {}
    for name, rows in families.items():
        last = rows.compute >= np.quantile(rows.compute, 1 - _HELD_OUT)
        if rows.run is not None:
            last = np.isin(rows.run, rows.run[last])
        if last.all() or (~last).sum() < _FEWEST_ROWS:
            continue
        train[name], test[name] = rows.take(~last), rows.take(last)
    if not train:
        return {}
    targets = [np.stack([one.log_n, one.log_d], 1) for one in test.values()]
    answers = solve_all(list(train.values()), targets)
    found = {}
    for name, answer in zip(train, answers, strict=True):
        off = test[name].log_loss - (train[name].log_loss.mean() + answer.mean)
        reach = _quantile(train[name], level) * np.sqrt(answer.variance)
        found[name] = Backtest(
            runs=len(off),
            error=float(np.mean(np.abs(np.expm1(-off)))),
            held=int(np.sum(np.abs(off) <= reach)),
        )
    return found


def _quantile(rows: _ForecastRows, level: float) -> float:
    """Normal, or Student's t where checkpoints of few runs are the table."""
    if rows.run is not None and 3 <= rows.runs < FEWEST_RUNS:
        return float(t_quantile(level, rows.runs - 2))
    return NormalDist().inv_cdf((1 + level) / 2)


def _points(
    name: str, rows: _ForecastRows, targets: Floats, answer: model.ForecastArrays, level: float
) -> pd.DataFrame:
    middle = rows.log_loss.mean() + answer.mean
    sd = np.sqrt(answer.variance)
    reach = _quantile(rows, level) * sd
    beyond = np.maximum(targets.sum(1) - rows.compute.max(), 0) / np.log(10)
    frame = pd.DataFrame(
        {
            "N": np.exp(targets[:, 0]),
            "D": np.exp(targets[:, 1]),
            "loss": np.exp(middle),
            "lo": np.exp(middle - reach),
            "hi": np.exp(middle + reach),
            "sd": sd,
            "decades_beyond": beyond,
        }
    )
    return _named(name, frame)


def _named(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    if name:
        frame.insert(0, "family", name)
    return frame


def _draws(
    rows: _ForecastRows, answer: model.ForecastArrays, generator: np.random.Generator
) -> dict[str, Floats]:
    """Draws of the law's parameters: a grid point by its weight, then a normal around its mode."""
    weight = np.asarray(answer.weight, np.float64)
    place = generator.choice(len(weight), _DRAWS, p=weight / weight.sum())
    factor = np.linalg.cholesky(answer.modes.covariance)
    normal = generator.standard_normal((_DRAWS, answer.modes.theta.shape[1]))
    theta = answer.modes.theta[place] + np.einsum("bij,bj->bi", factor[place], normal)
    return field.parameters(theta, rows.log_loss.mean(), rows.log_n.mean(), rows.log_d.mean())


def _notes(families: Mapping[str, _ForecastRows], frames: Sequence[pd.DataFrame]) -> list[str]:
    notes = []
    for (name, rows), frame in zip(families.items(), frames, strict=True):
        of = f"{name}: " if name else ""
        if rows.runs < FEWEST_RUNS:
            notes.append(
                f"{of}{rows.runs} runs are few: below {FEWEST_RUNS} a 90 % interval has held 80 %"
            )
        far = float(frame["decades_beyond"].max())
        if far > 2:
            notes.append(f"{of}{far:.1f} decades beyond the largest run, where nothing was tested")
    return notes
