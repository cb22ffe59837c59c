"""Runs chosen by a forecast where the law bends: simulate, and write results/design_forecast.md.

    python benchmarks/design_forecast.py [--laboratories 12] [--curves 1] [--quick]

Laboratories with a dozen runs of a law that bends are simulated. Each makes a forecast, chooses its
next runs by it, by the plain law, or as the usual grids, trains them (simulated), and makes the
forecast anew. The default takes some minutes of two cores; the first numbers were of 40. `--quick`
checks that everything runs, and stores nothing.
"""

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import jax
import numpy as np
import pandas as pd
from measuring import environment

import scalejax as sj
from scalejax.designing.comparison import grids_along, usual_grids
from scalejax.laws import LAWS

_RESULTS = Path(__file__).parent / "results"
_TRUTH = LAWS["chinchilla"].published["besiroglu2024"]
_BEND, _NOISE, _MIDDLE = 0.01, 0.005, 1e20
_RUNS, _LOW, _HIGH, _RATIOS = 12, 1e18, 1e20, (5.0, 80.0, 20.0)
_BUDGET, _TARGET, _LEVEL = 1e21, 1e22, 0.95
_AT = {"N": (_TARGET / 120) ** 0.5, "D": 20 * (_TARGET / 120) ** 0.5}
_GRIDS = ("isoFLOP, 3 budgets x 4 sizes", "20 tokens per parameter")
_BUDGETS = np.geomspace(3e19, 9.5e21, 6)
_SIDE = 6
_WIDE = {"D/N": (0.2, 2e4)}
"""Where an L-shaped design could lie: its arms leave the usual ratios."""


def log_loss(n: Any, d: Any) -> Any:
    """The truth: a published law, bent in the logarithm of compute."""
    decades = np.log10(6 * n * d / _MIDDLE)
    plain = _TRUTH["E"] + _TRUTH["A"] / n ** _TRUTH["alpha"] + _TRUTH["B"] / d ** _TRUTH["beta"]
    return np.log(plain) + _BEND / 2 * decades**2


def trained(n: Any, d: Any, random: np.random.Generator) -> pd.DataFrame:
    """Runs with their losses."""
    noise = _NOISE * random.standard_normal(len(n))
    return pd.DataFrame({"N": n, "D": d, "loss": np.exp(log_loss(n, d) + noise)})


def first_runs(random: np.random.Generator) -> pd.DataFrame:
    """What a laboratory begins with."""
    compute, ratio = np.geomspace(_LOW, _HIGH, _RUNS), np.resize(_RATIOS, _RUNS)
    n = np.sqrt(compute / 6 / ratio)
    return trained(n, n * ratio, random)


def laboratories(count: int) -> dict[str, Any]:
    """What each way to choose runs promises, and what the forecasts with them are."""
    generators = {f"{k}": np.random.default_rng(1000 + k) for k in range(count)}
    tables = {name: first_runs(random) for name, random in generators.items()}
    before = sj.forecast(_together(tables), at=_AT, by="laboratory", level=_LEVEL)
    sets: dict[str, dict[str, pd.DataFrame]] = {}
    promised: dict[str, dict[str, float]] = {}
    for name, table in tables.items():
        design = sj.design(before.family(name), budget=_BUDGET)
        judge = design.question.judge
        ways = {"by the forecast": design.to_frame(), **_grids(design)}
        fit = sj.fit(table, objective=sj.least_squares(), resamples=0)
        # A fit may end where nothing can be designed.
        with contextlib.suppress(sj.UsageError):
            ways["by the plain law"] = sj.design(fit, budget=_BUDGET, at=_AT).to_frame()
        for way, runs in ways.items():
            new = {axis: runs[axis].to_numpy() for axis in ("N", "D")}
            random = generators[name]
            more = trained(new["N"], new["D"], random)
            sets.setdefault(way, {})[name] = pd.concat([table, more], ignore_index=True)
            promised.setdefault(way, {})[name] = float(judge(new)[0])
    answers = {
        way: sj.forecast(_together(some), at=_AT, by="laboratory", level=_LEVEL).points
        for way, some in sets.items()
    }
    truth = float(log_loss(_AT["N"], _AT["D"]))
    losses = {name: truth + _NOISE * one.standard_normal() for name, one in generators.items()}
    return {
        "laboratories": count,
        "before": float(np.median(before.points["sd"])),
        "ways": {
            way: _scores(points, sets[way], promised[way], losses)
            for way, points in answers.items()
        },
    }


def _together(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(
        [one.assign(laboratory=name) for name, one in tables.items()], ignore_index=True
    )


def _grids(design: Any) -> dict[str, pd.DataFrame]:
    grids = usual_grids(_RUNS)
    shapes = tuple(grids[name][1] for name in _GRIDS)
    with jax.enable_x64(True):
        found = jax.device_get(grids_along(shapes, design.question.place, np.array([_BUDGET])))
    return {
        name: pd.DataFrame({axis: one[axis][0] for axis in ("N", "D")})
        for name, one in zip(_GRIDS, found, strict=True)
    }


def _scores(
    points: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    promised: dict[str, float],
    losses: dict[str, float],
) -> dict[str, Any]:
    """Of one way to choose runs, over the laboratories."""
    names = points["family"]
    expected = names.map(promised).to_numpy(np.float64)
    off = np.log(points["loss"]) - names.map(losses)
    ratio = (points["sd"] / expected).to_numpy()
    largest = [float((6 * tables[n]["N"] * tables[n]["D"]).max()) for n in names]
    reach = NormalDist().inv_cdf((1 + _LEVEL) / 2)
    return {
        "laboratories": len(points),
        "promised": float(np.median(expected)),
        "realised": float(np.median(points["sd"])),
        "ratio": [float(x) for x in np.quantile(ratio, [0.5, 0.1, 0.9])],
        "held": int((off.abs() <= reach * points["sd"]).sum()),
        "error": float(np.sqrt(np.mean(off**2))),
        "largest": float(np.median(largest)),
    }


def grid(n: float, d: float, decades: float) -> tuple[Any, Any]:
    """Six sizes by six lengths, from the smallest run up."""
    steps = 10 ** np.linspace(0, decades / 2, _SIDE)
    sizes, tokens = np.meshgrid(n * steps, d * steps)
    return sizes.ravel(), tokens.ravel()


def ell(n: float, d: float, decades: float) -> tuple[Any, Any]:
    """The two edges of that grid which meet in its smallest run (arXiv:2608.07222)."""
    steps = 10 ** np.linspace(0, decades / 2, _SIDE)
    flat = np.ones(_SIDE)
    return np.r_[n * flat, n * steps[1:]], np.r_[d * steps, d * flat[1:]]


def ladder(n: float, d: float, decades: float) -> tuple[Any, Any]:
    """One edge, and a ladder at 20 tokens per parameter."""
    size = np.sqrt(n * d * 10 ** np.linspace(0, decades, _SIDE) / 20)
    tokens = d * 10 ** np.linspace(0, decades / 2, _SIDE)
    return np.r_[n * np.ones(_SIDE), size], np.r_[tokens, 20 * size]


_SHAPES: dict[str, Callable[[float, float, float], tuple[Any, Any]]] = {
    "grid, 6 x 6": grid,
    "L, two edges of it": ell,
    "one edge and a ladder at 20": ladder,
}


def curve(seed: int) -> dict[str, Any]:
    """What shapes cost for the standard error that runs chosen by a forecast promise."""
    table = first_runs(np.random.default_rng(seed))
    forecast = sj.forecast(table, at=_AT)
    n, d = float(table["N"].min()), float(table["D"].min())
    designs = [sj.design(forecast, budget=money, ranges=_WIDE) for money in _BUDGETS]
    judge, rows = designs[0].question.judge, []
    shapes = {}
    for name, shape in _SHAPES.items():
        runs = [shape(n, d, decades) for decades in np.linspace(0.5, 6.5, 40)]
        cost = np.array([float(6 * np.sum(a * b)) for a, b in runs])
        error = np.array([float(judge({"N": a, "D": b})[0]) for a, b in runs])
        shapes[name] = (cost, np.minimum.accumulate(error))
    for money, design in zip(_BUDGETS, designs, strict=True):
        row = {"budget": float(money), "stderr": design.stderr}
        for name, (cost, error) in shapes.items():
            enough = np.flatnonzero(error <= design.stderr)
            row[name] = float(cost[enough[0]] / money) if len(enough) else None
        rows.append(row)
    return {
        "seed": seed,
        "before": float(judge({"N": np.zeros(0), "D": np.zeros(0)})[0]),
        "least": {name: float(error[-1]) for name, (_, error) in shapes.items()},
        "rows": rows,
    }


_TOP = f"""\
# Runs chosen by a forecast

Written by `python benchmarks/design_forecast.py`.

**What was simulated.** Laboratories with {_RUNS} runs from {_LOW:.0e} to {_HIGH:.0e} FLOP at 5, 20
and 80 tokens per parameter. Losses are those of `besiroglu2024`, which bends by {100 * _BEND:g} % a
decade squared of compute, with {100 * _NOISE:g} % Gaussian noise. The loss of a run of
{_TARGET:.0e} FLOP at 20 tokens per parameter is to be forecast; the next {_RUNS} runs may cost
{_BUDGET:.0e} FLOP in all. After them the forecast is made anew.
"""


def page(result: dict[str, Any]) -> str:
    """The whole page."""
    study = result["study"]
    head = "| runs | promised | realised | realised / promised | held | error | largest run |"
    lines = [_TOP, head, "| --- | --- | --- | --- | --- | --- | --- |"]
    for way, one in study["ways"].items():
        middle, low, high = one["ratio"]
        lines.append(
            f"| {way} | {100 * one['promised']:.2f} % | {100 * one['realised']:.2f} % | "
            f"{middle:.2f} ({low:.2f} to {high:.2f}) | {one['held']} of {one['laboratories']} | "
            f"{100 * one['error']:.2f} % | {one['largest']:.1e} FLOP |"
        )
    lines.append(
        f"\n{study['laboratories']} laboratories; standard errors of the logarithm of the loss, "
        f"noise of the run included ({100 * study['before']:.2f} % before), medians; the ratio "
        f"with the range of eight in ten; runs inside their {100 * _LEVEL:g} % interval; root mean "
        "square of predicted less true; largest run that was trained. The plain law is designed "
        "for the same run, and has no row where its fit allows no design.\n"
    )
    lines.append(
        "## Shapes\n\nWhat a shape costs, over the money, for the standard error that at most "
        f"{_RUNS} runs chosen by the forecast promise (0.2 to 20,000 tokens per parameter "
        "allowed). Shapes begin at the smallest run and grow until they suffice.\n"
    )
    for one in result["curves"]:
        lines += [f"| money | promised | {' | '.join(_SHAPES)} |", "| --- " * 5 + "|"]
        for row in one["rows"]:
            cells = ["never" if row[name] is None else f"{row[name]:.2f} x" for name in _SHAPES]
            lines.append(
                f"| {row['budget']:.1e} FLOP | {100 * row['stderr']:.2f} % | {' | '.join(cells)} |"
            )
        least = ", ".join(f"{100 * value:.2f} % {name}" for name, value in one["least"].items())
        lines.append(
            f"\nLaboratory {one['seed']}: {100 * one['before']:.2f} % before; the least that a "
            f"shape of any size tried gives is {least}.\n"
        )
    lines.append(f"{result['seconds']:.0f} s in all.\n")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laboratories", type=int, default=12)
    parser.add_argument("--curves", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    began = time.perf_counter()
    result = {
        "study": laboratories(3 if given.quick else given.laboratories),
        "curves": [curve(2000 + k) for k in range(0 if given.quick else given.curves)],
        "seconds": time.perf_counter() - began,
    }
    text = page(result)
    print(text)
    if not given.quick:
        stored = {"environment": environment(), **result}
        (_RESULTS / "design_forecast.json").write_text(json.dumps(stored, indent=1) + "\n")
        (_RESULTS / "design_forecast.md").write_text(text)


if __name__ == "__main__":
    main()
