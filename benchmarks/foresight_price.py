"""What a forecast costs where the law is right, and holds where it bends: for foresight.py.

Besiroglu's law at random subsets of Epoch's 240 sizes, .5 % noise, runs on the optimum at 10 and
100 times the largest compute, log losses off by half the bend times the square of the decades from
the largest run; N* is the best size at 100 times.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from foresight_cells import Cell
from foresight_methods import LEVEL, Z, prediction

import scalejax as sj

BENDS, SIZES = (0.0, 0.01, 0.03), (30, 60, 240)
TABLES = 40
_TIMES = (10.0, 100.0)
_LAW = sj.LAWS["chinchilla"].published["besiroglu2024"]


def best_size(c: Any, *, A: Any, alpha: Any, B: Any, beta: Any, **others: Any) -> Any:
    """Best N of a compute at 6ND, of Chinchilla's law with or without an outer exponent."""
    ratio = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    return ratio * (c / 6) ** (beta / (alpha + beta))


def plain_answer(cell: Cell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The plain fit's prediction, and its draws."""
    fit = sj.fit(cell.train, resamples=200)
    return prediction(fit, cell), fit.draws.arrays()


def forecast_answer(cell: Cell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The forecast, and its posterior draws."""
    answer = sj.forecast(cell.train, at=cell.test[["N", "D"]], level=LEVEL)
    return answer.points[["loss", "sd"]], dict(answer.draws[""])


ANSWERS = {"plain fit": plain_answer, "forecast": forecast_answer}


def simulated(sizes: pd.DataFrame, bend: float, rng: np.random.Generator) -> Cell:
    """Runs of the law with a bend, and two on its optimum beyond them."""

    def loss(n: Any, d: Any) -> Any:
        law = _LAW["E"] + _LAW["A"] * n ** -_LAW["alpha"] + _LAW["B"] * d ** -_LAW["beta"]
        off = sign * bend / 2 * np.log10(6 * n * d / top) ** 2
        return law * np.exp(off + 0.005 * rng.standard_normal(len(n)))

    n, d = sizes["N"].to_numpy(float), sizes["D"].to_numpy(float)
    sign, top = rng.choice([-1, 1]), (6 * n * d).max()
    c = top * np.array(_TIMES)
    best = best_size(c, **_LAW)
    frames = [
        pd.DataFrame({"N": a, "D": b, "loss": loss(a, b)})
        for a, b in ((n, d), (best, c / 6 / best))
    ]
    return Cell("simulated", f"{bend}", *frames)


def _scores(cell: Cell, method: str) -> tuple[Any, Any, bool]:
    """Absolute log errors and standard deviations at both distances, and whether N* is held."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame, draws = ANSWERS[method](cell)
    off = np.abs(np.log(cell.test["loss"].to_numpy() / frame["loss"].to_numpy()))
    c = 6 * float(cell.test["N"].iloc[1] * cell.test["D"].iloc[1])
    ends = np.nanquantile(best_size(c, **draws), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return off, frame["sd"].to_numpy(), bool(ends[0] <= best_size(c, **_LAW) <= ends[1])


def _row(epoch: pd.DataFrame, size: int, bend: float, count: int) -> dict[str, Any]:
    rng = np.random.default_rng(size + int(1000 * bend))
    answers: dict[str, list[Any]] = {method: [] for method in ANSWERS}
    for _ in range(count):
        runs = epoch.sample(size, random_state=int(rng.integers(2**31)))
        cell = simulated(runs, bend, rng)
        for method, results in answers.items():
            results.append(_scores(cell, method))
    row: dict[str, Any] = {"runs": size, "bend % a decade^2": 100 * bend, "tables": count}
    widths = {}
    for method, results in answers.items():
        off, widths[method] = (np.array([result[k] for result in results]) for k in (0, 1))
        held = np.mean(off <= Z * widths[method], axis=0)
        off = 100 * np.median(off, axis=0)
        row[f"{method} holds"] = f"{held[0]:.2f} {held[1]:.2f}"
        row[f"{method} holds N*"] = f"{np.mean([result[2] for result in results]):.2f}"
        row[f"{method} off %"] = f"{off[0]:.2g} {off[1]:.2g}"
    wide = np.nanmedian(widths["forecast"] / widths["plain fit"], axis=0)
    row["width over plain"] = f"{wide[0]:.2f} {wide[1]:.2f}"
    return row


def price(
    folder: Path, stored: list[dict[str, Any]], count: int = TABLES
) -> Iterator[dict[str, Any]]:
    """One row for each size and bend; those that are stored with as many tables are kept."""
    epoch = pd.read_csv(folder / "chinchilla_epoch/chinchilla_epoch.csv")
    epoch = epoch[epoch["outlier5"] == 0]
    keys = ("runs", "bend % a decade^2", "tables")
    kept = {tuple(row.get(key) for key in keys): row for row in stored}
    for size in SIZES:
        for bend in BENDS:
            row = kept.get((size, 100 * bend, count)) or _row(epoch, size, bend, count)
            print(row, flush=True)
            yield row
