"""Methods of benchmarks/foresight.py: what each predicts of the kept-out runs of a cell.

All give the loss of a new run and the standard deviation of its logarithm.

- plain fit: `sj.fit` of Chinchilla's law, its bootstrap, no discrepancy;
- curve_fit: SciPy's least squares from one usual start, with its covariance;
- published recipe: L-BFGS-B on Huber's loss (1e-3) of log losses from a grid of starts
  (arXiv:2203.15556), and a bootstrap of the rows from its end (arXiv:2404.10102);
- cheap step: one fit of the law with an outer exponent under the field's prior, rows d decades
  below the largest weighed by 1 / (1 + (10 d)^2), with its Laplace covariance;
- select: `sj.select` of four laws, its stacked forecast;
- forecast: `sj.forecast`;
- simple-scaling-laws: where it is installed, its default law, a new run.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from foresight_cells import Cell
from peers import published_starts, value_and_grad
from scipy import optimize
from scipy.stats import norm

import scalejax as sj
from scalejax.forecasting import field
from scalejax.forecasting.model import PRIOR_NOISE, PRIOR_ROWS

LEVEL = 0.9
Z = float(norm.ppf((1 + LEVEL) / 2))
_PARAMETERS = 5
_RESAMPLES = 200
_GRID_STARTS, _GRID_RESAMPLES = 60, 100
"""Starts of the published 4,500, and resamples of 4,000: as many as a table can be given here."""
_FEWEST_CLUSTERS = 6
"""A bootstrap of fewer runs with checkpoints is refused."""
_SELECT_RESAMPLES = 20
"""They give the errors of plain fits an interval, and change no forecast."""
_PACKAGE = "simple_scaling_laws"


def _answer(log_loss: Any, sd: Any) -> pd.DataFrame:
    return pd.DataFrame({"loss": np.exp(np.asarray(log_loss)), "sd": np.asarray(sd)})


def _of_interval(loss: Any, low: Any, high: Any) -> pd.DataFrame:
    return _answer(np.log(loss), np.log(np.asarray(high) / np.asarray(low)) / 2 / Z)


def prediction(fit: sj.Fit, cell: Cell) -> pd.DataFrame:
    """A fit's prediction of the kept-out runs, the law believed."""
    frame = fit.predict(cell.test[["N", "D"]].to_dict("list"), LEVEL, discrepancy="none")
    return _of_interval(frame["loss"], frame["lo"], frame["hi"])


def plain(cell: Cell) -> pd.DataFrame:
    """The plain fit; of too few runs to resample each row is taken for one."""
    options = cell.options if cell.runs >= _FEWEST_CLUSTERS else {}
    return prediction(sj.fit(cell.train, resamples=_RESAMPLES, **options), cell)


def forecast(cell: Cell) -> pd.DataFrame:
    """The forecast."""
    answer = sj.forecast(cell.train, at=cell.test[["N", "D"]], level=LEVEL, **cell.options)
    return answer.points[["loss", "sd"]]


def select(cell: Cell) -> pd.DataFrame:
    """The stacked forecast of the laws that `sj.select` weighs."""
    selection = sj.select(cell.train, resamples=_SELECT_RESAMPLES, **cell.options)
    frame = selection.forecast(cell.test[["N", "D"]], level=LEVEL)
    frame = frame[frame["law"] == "stacked"].sort_values("point")
    return _of_interval(frame["loss"], frame["lo"], frame["hi"])


def _logs(runs: pd.DataFrame) -> tuple[Any, Any]:
    """Logarithms of N and D, (2, n), and of the losses, (n,)."""
    return np.log(runs[["N", "D"]].to_numpy(float).T), np.log(runs["loss"].to_numpy(float))


def _log_loss(x: Any, e: float, a: float, alpha: float, b: float, beta: float) -> Any:
    return np.logaddexp(e, np.logaddexp(a - alpha * x[0], b - beta * x[1]))


def _noise(y: Any, predicted: Any) -> float:
    """Variance of the residuals of a law of five parameters."""
    return float(np.sum((y - predicted) ** 2) / max(len(y) - _PARAMETERS, 1))


def curve_fit(cell: Cell) -> pd.DataFrame:
    """SciPy's curve_fit."""
    (x, y), (at, _) = _logs(cell.train), _logs(cell.test)
    try:
        theta, cov = optimize.curve_fit(
            _log_loss, x, y, p0=(0.5, 6.0, 0.34, 7.0, 0.34), maxfev=20_000
        )
    except RuntimeError as error:
        raise sj.UsageError(str(error)) from error
    slope = optimize.approx_fprime(theta, lambda t: _log_loss(at, *t))
    noise = _noise(y, _log_loss(x, *theta))
    variance = noise + np.einsum("tp,pq,tq->t", slope, np.nan_to_num(cov, posinf=0.0), slope)
    return _answer(_log_loss(at, *theta), np.sqrt(np.maximum(variance, noise)))


def published_recipe(cell: Cell) -> pd.DataFrame:
    """L-BFGS-B from the published grid, and a bootstrap of the rows."""
    (x, y), (at, _) = _logs(cell.train), _logs(cell.test)
    random = np.random.default_rng(0)
    grid = np.array(list(published_starts()))
    starts = grid[random.choice(len(grid), _GRID_STARTS, replace=False)]

    def end(start: Any, rows: Any) -> Any:
        columns = (x[0][rows], x[1][rows], y[rows])
        return optimize.minimize(value_and_grad, start, columns, "L-BFGS-B", jac=True)

    with np.errstate(all="ignore"):
        best = min((end(start, slice(None)) for start in starts), key=lambda found: found.fun).x
        drawn = random.integers(len(y), size=(_GRID_RESAMPLES, len(y)))
        ahead = np.array([_log_loss(at, *end(best, rows).x) for rows in drawn])
    variance = ahead.var(axis=0) + _noise(y, _log_loss(x, *best))
    return _answer(_log_loss(at, *best), np.sqrt(variance))


def cheap_step(cell: Cell) -> pd.DataFrame:
    """One weighted fit of the law with an outer exponent, under the field's prior."""
    (x, y), (at, _) = _logs(cell.train), _logs(cell.test)
    centre, level = x.mean(axis=1, keepdims=True), y.mean()
    x, at, y = x - centre, at - centre, y - level
    below = (x.sum(axis=0).max() - x.sum(axis=0)) / np.log(10)
    weight = 1 / (1 + (10 * below) ** 2)
    ends = [_penalised(start, x, y, weight) for start in field.STARTS]
    _, theta, variance, covariance = min(ends, key=lambda found: found[0])
    slope = optimize.approx_fprime(theta, lambda t: _outer(t, at))
    spread = variance + np.einsum("tp,pq,tq->t", slope, covariance, slope)
    return _answer(_outer(theta, at) + level, np.sqrt(spread))


def _outer(theta: Any, x: Any) -> Any:
    """Log loss of the law with an outer exponent, in the coordinates of the field's prior."""
    e, la, lb, log_a, log_b, log_k = theta
    k = np.exp(log_k)
    terms = np.logaddexp((la - np.exp(log_a) * x[0]) / k, (lb - np.exp(log_b) * x[1]) / k)
    return np.logaddexp(e, k * terms)


def _penalised(start: Any, x: Any, y: Any, weight: Any) -> tuple[float, Any, float, Any]:
    """Objective, coordinates, variance of a run, and covariance; the variance is profiled."""
    theta, variance = start, 1e-4
    rows = len(y) + PRIOR_ROWS
    for _ in range(20):

        def residuals(t: Any, scale: float = variance) -> Any:
            misfit = np.sqrt(weight / scale) * (y - _outer(t, x))
            return np.concatenate([misfit, (t - field.MEAN) / field.SD])

        found = optimize.least_squares(residuals, theta, bounds=(field.LOW, field.HIGH))
        theta = found.x
        squares = np.sum(weight * (y - _outer(theta, x)) ** 2)
        before, variance = variance, (squares + PRIOR_ROWS * PRIOR_NOISE**2) / rows
        if abs(np.log(variance / before)) < 1e-4:
            break
    penalty = np.sum(((theta - field.MEAN) / field.SD) ** 2)
    return (
        rows * np.log(variance) + penalty,
        theta,
        variance,
        np.linalg.inv(found.jac.T @ found.jac),
    )


def simple_scaling_laws(cell: Cell) -> pd.DataFrame:
    """The package of that name: its default law and a new run."""
    import simple_scaling_laws as package

    def columns(runs: pd.DataFrame) -> dict[str, list[float]]:
        names = {"N": "model_size__parameters", "D": "dataset_size__tokens"}
        return {name: runs[column].tolist() for column, name in names.items()}

    train: dict[str, Any] = columns(cell.train)
    train["training_run_id"] = [str(run) for run in range(len(cell.train))]
    train["test_set_id"] = ["one"] * len(cell.train)
    train["test_loss__nats"] = cell.train["loss"].tolist()
    import polars

    try:
        model = package.fit(polars.DataFrame(train), n_draws=_RESAMPLES, seed=0)
        frame = model.predict(
            polars.DataFrame(columns(cell.test)), "new-run", quantiles=[0.05, 0.5, 0.95]
        )
    except (ValueError, RuntimeError) as error:
        raise sj.UsageError(str(error)) from error
    loss, low, high = (
        frame[f"test_loss__nats__{name}"].to_numpy() for name in ("median", "q050", "q950")
    )
    return _of_interval(loss, low, high)


METHODS: dict[str, Callable[[Cell], pd.DataFrame]] = {
    "plain fit": plain,
    "curve_fit": curve_fit,
    "published recipe": published_recipe,
    "simple-scaling-laws": simple_scaling_laws,
    "cheap step": cheap_step,
    "select": select,
    "forecast": forecast,
}


def missing(method: str) -> str:
    """Why a method cannot be run here, or nothing."""
    if method == "simple-scaling-laws" and importlib.util.find_spec(_PACKAGE) is None:
        return "simple-scaling-laws is left out: it is not installed."
    return ""
