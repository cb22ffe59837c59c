"""How well are larger runs predicted from smaller ones? Public tables, results/foresight.md.

    SCALEJAX_DATA=... python benchmarks/foresight.py [--quick]

Each table is split three ways by C = 6ND: the largest fifth is kept out (`top20`), all above a
tenth of the largest (`tenth`), or all above a tenth is predicted from what is below a hundredth
(`hundredth`); each is also thinned to 12 and 20 training rows. `sj.forecast` is compared with the
plain fit of Chinchilla's law, and with SciPy's curve_fit, on the same rows.

Then what the forecast costs where the law is exactly right, and what it holds where it bends, by
simulation: Besiroglu's law at random subsets of Epoch's 240 sizes, .5 % noise, runs on the optimum
at 10 and 100 times the largest compute, log losses off by half the bend times the square of the
decades from the largest run; N* is the best size at 100 times. Some minutes of two cores;
`--quick` takes a few cells and tables.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from measuring import environment
from scipy import optimize
from scipy.stats import norm

import scalejax as sj

mpl.use("Agg")
import matplotlib.pyplot as plt

_RESULTS = Path(__file__).parent / "results"
_LEVEL = 0.9
_LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95)
_FEWEST_TRAIN, _FEWEST_TEST = 8, 3
_THINNED = (12, 20)


class Cell(NamedTuple):
    """Runs to train on and runs to predict."""

    name: str
    split: str
    train: pd.DataFrame
    test: pd.DataFrame


def tables(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables of N, D and loss, one recipe each; of several seeds or rates the best run."""

    def read(path: str) -> pd.DataFrame:
        return pd.read_csv(folder / path)

    epoch = read("chinchilla_epoch/chinchilla_epoch.csv")
    yield "epoch", epoch[epoch["outlier5"] == 0]
    porian = read("porian_refinedweb/porian_refinedweb.csv")
    porian = porian[(porian["param_count"] == "standard") & (porian["loss_split"] == "val")]
    for keys, part in porian.groupby(["dataset", "hparams", "warmup", "decay"]):
        yield "porian " + " ".join(map(str, keys)), part
    llama = read("isoflop_llama3/isoflop_llama3.csv")
    yield "llama3 isoFLOP", llama[llama["qc_outlier"] == 0]
    gadre = read("gadre_overtraining/gadre_overtraining.csv")
    for data, part in gadre.groupby("train_data"):
        yield f"gadre {data}", part.assign(loss=part["loss_c4_val"])
    yield "steplaw", _best(read("steplaw_dense/steplaw_dense.csv"))
    misfitting = read("misfitting/misfitting.csv")
    yield "misfitting", _best(misfitting[misfitting["frac_done"] == 1])
    sweep = read("misfitting/misfitting_fsx_sweep.csv")
    yield "misfitting fsx", _best(sweep.assign(loss=sweep["c4_loss"]))
    ablations = read("datablations/datablations.csv")
    yield (
        "datablations",
        _best(ablations[(ablations["epochs"] <= 1) & (ablations["variant"] == "main")]),
    )
    olmo = read("olmo_ladder/olmo_ladder.csv.gz")
    olmo = olmo.dropna(subset="step")
    last = olmo.loc[olmo.groupby("run")["step"].idxmax()]
    for column in ("ce_c4_en", "ce_dolma_wiki", "ce_dolma_stack"):
        yield f"olmo {column}", last.assign(loss=last[column])


def _best(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.loc[runs.dropna(subset="loss").groupby(["N", "D"])["loss"].idxmin()]


def cells(folder: Path) -> Iterator[Cell]:
    """Every table in every split that leaves enough on both sides, full and thinned."""
    for name, runs in tables(folder):
        table = runs[["N", "D", "loss"]].dropna().astype(float).reset_index(drop=True)
        c = 6 * table["N"] * table["D"]
        splits = {
            "top20": (c < c.quantile(0.8), c >= c.quantile(0.8)),
            "tenth": (c <= c.max() / 10, c > c.max() / 10),
            "hundredth": (c <= c.max() / 100, c > c.max() / 10),
        }
        for split, (train, test) in splits.items():
            if train.sum() < _FEWEST_TRAIN or test.sum() < _FEWEST_TEST:
                continue
            yield Cell(name, split, table[train], table[test])
            for count in _THINNED:
                if train.sum() > count + 4:
                    thin = table[train].sample(count, random_state=0)
                    yield Cell(name, f"{split}, {count} rows", thin, table[test])


def plain(cell: Cell) -> pd.DataFrame:
    """The plain fit's prediction: loss and sd of the log loss."""
    return _prediction(sj.fit(cell.train, resamples=200), cell)


def _prediction(fit: sj.Fit, cell: Cell) -> pd.DataFrame:
    frame = fit.predict(cell.test[["N", "D"]].to_dict("list"), _LEVEL, discrepancy="none")
    half = np.log(frame["hi"] / frame["lo"]) / 2
    return pd.DataFrame({"loss": frame["loss"], "sd": half / norm.ppf((1 + _LEVEL) / 2)})


def forecast(cell: Cell) -> pd.DataFrame:
    """The forecast: loss and sd of the log loss."""
    return sj.forecast(cell.train, at=cell.test[["N", "D"]], level=_LEVEL).points[["loss", "sd"]]


def curve_fit(cell: Cell) -> pd.DataFrame:
    """SciPy's least squares on log losses from one usual start, with its covariance."""

    def log_loss(x: Any, e: float, a: float, alpha: float, b: float, beta: float) -> Any:
        return np.log(np.exp(e) + np.exp(a - alpha * x[0]) + np.exp(b - beta * x[1]))

    x, start = np.log(cell.train[["N", "D"]].to_numpy().T), (0.5, 6.0, 0.34, 7.0, 0.34)
    y = np.log(cell.train["loss"].to_numpy())
    try:
        theta, cov = optimize.curve_fit(log_loss, x, y, p0=start, maxfev=20_000)
    except RuntimeError as error:
        raise sj.UsageError(str(error)) from error
    at = np.log(cell.test[["N", "D"]].to_numpy().T)
    middle = log_loss(at, *theta)
    slope = optimize.approx_fprime(theta, lambda t: log_loss(at, *t))
    noise = np.sum((y - log_loss(x, *theta)) ** 2) / max(len(y) - 5, 1)
    variance = noise + np.einsum("tp,pq,tq->t", slope, np.nan_to_num(cov, posinf=0.0), slope)
    return pd.DataFrame({"loss": np.exp(middle), "sd": np.sqrt(np.maximum(variance, noise))})


METHODS = {"plain fit": plain, "curve_fit": curve_fit, "forecast": forecast}

_LAW = sj.LAWS["chinchilla"].published["besiroglu2024"]
_BENDS, _SIZES, _TIMES = (0.0, 0.01, 0.03), {30: 40, 60: 40, 240: 16}, (10.0, 100.0)


def best_size(c: Any, *, A: Any, alpha: Any, B: Any, beta: Any, **others: Any) -> Any:
    """Best N of a compute at 6ND, of Chinchilla's law with or without an outer exponent."""
    ratio = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    return ratio * (c / 6) ** (beta / (alpha + beta))


def plain_answer(cell: Cell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The plain fit's prediction, and its draws."""
    fit = sj.fit(cell.train, resamples=200)
    return _prediction(fit, cell), fit.draws.arrays()


def forecast_answer(cell: Cell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The forecast, and its posterior draws."""
    answer = sj.forecast(cell.train, at=cell.test[["N", "D"]], level=_LEVEL)
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


def price(folder: Path, share: float = 1.0) -> pd.DataFrame:
    """What holds at 10 and 100 times, how wide, and how far off; one row per size and bend."""
    epoch = pd.read_csv(folder / "chinchilla_epoch/chinchilla_epoch.csv")
    epoch = epoch[epoch["outlier5"] == 0]
    rows = []
    for size, count in _SIZES.items():
        for bend in _BENDS:
            rng = np.random.default_rng(size + int(1000 * bend))
            answers: dict[str, list[Any]] = {method: [] for method in ANSWERS}
            sizes: dict[str, list[bool]] = {method: [] for method in ANSWERS}
            for _ in range(max(int(count * share), 2)):
                runs = epoch.sample(size, random_state=int(rng.integers(2**31)))
                cell = simulated(runs, bend, rng)
                for method, results in answers.items():
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        frame, draws = ANSWERS[method](cell)
                    off = np.log(cell.test["loss"].to_numpy() / frame["loss"].to_numpy())
                    results.append([np.abs(off), frame["sd"].to_numpy()])
                    c = 6 * float(cell.test["N"].iloc[1] * cell.test["D"].iloc[1])
                    low, high = np.nanquantile(
                        best_size(c, **draws), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]
                    )
                    sizes[method].append(low <= best_size(c, **_LAW) <= high)
            row: dict[str, Any] = {"runs": size, "bend % a decade^2": 100 * bend}
            arrays = {method: np.array(results) for method, results in answers.items()}
            z = norm.ppf((1 + _LEVEL) / 2)
            for method, values in arrays.items():
                held = np.mean(values[:, 0] <= z * values[:, 1], 0)
                off = 100 * np.median(values[:, 0], 0)
                row[f"{method} holds"] = f"{held[0]:.2f} {held[1]:.2f}"
                row[f"{method} holds N*"] = f"{np.mean(sizes[method]):.2f}"
                row[f"{method} off %"] = f"{off[0]:.2g} {off[1]:.2g}"
            wide = np.nanmedian(arrays["forecast"][:, 1] / arrays["plain fit"][:, 1], 0)
            row["width over plain"] = f"{wide[0]:.2f} {wide[1]:.2f}"
            rows.append(row)
            print(row, flush=True)
    return pd.DataFrame(rows)


def score(cell: Cell) -> list[dict[str, Any]]:
    """Errors and intervals of every method on a cell, one row per kept-out run."""
    rows = []
    c = 6 * cell.test["N"] * cell.test["D"]
    beyond = np.log10(c / (6 * cell.train["N"] * cell.train["D"]).max()).clip(lower=0)
    for method, predict in METHODS.items():
        start = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frame = predict(cell)
        except sj.ScalejaxError as error:
            print(f"  {method} on {cell.name}, {cell.split}: {str(error).splitlines()[0]}")
            continue
        seconds = time.perf_counter() - start
        off = np.log(cell.test["loss"].to_numpy()) - np.log(frame["loss"].to_numpy())
        for error, sd, far in zip(off, frame["sd"], beyond, strict=True):
            rows.append(
                {
                    "table": cell.name, "split": cell.split, "method": method,
                    "rows": len(cell.train), "off": error, "sd": sd, "beyond": far,
                    "seconds": seconds,
                }
            )  # fmt: skip
    return rows


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per method and kind of cell: errors by cell, coverage, half width, interval score."""
    z = norm.ppf((1 + _LEVEL) / 2)
    runs = runs.assign(
        are=np.abs(np.expm1(-runs["off"])),
        held=(np.abs(runs["off"]) <= z * runs["sd"]).astype(float),
        half=z * runs["sd"],
        score=2 * z * runs["sd"]
        + 2 / (1 - _LEVEL) * np.maximum(np.abs(runs["off"]) - z * runs["sd"], 0),
        kind=np.where(runs["split"].str.contains("rows"), "thinned", "full"),
    )
    by_cell = runs.groupby(["kind", "table", "split", "method"])[["are", "held", "half", "score"]]
    wide = by_cell.mean().unstack("method")
    wide = wide.dropna()
    rows = []
    for kind, part in wide.groupby(level="kind"):
        for method in METHODS:
            ratio = part["are"][method] / part["are"]["plain fit"]
            rows.append(
                {
                    "cells": f"{len(part)} {kind}",
                    "method": method,
                    "mean error %": 100 * part["are"][method].mean(),
                    "median error %": 100 * part["are"][method].median(),
                    "geo": float(np.exp(np.log(ratio).mean())),
                    "worse": float((ratio > 1).mean()),
                    "worst x": float(ratio.max()),
                    "coverage": part["held"][method].mean(),
                    "half width %": 100 * part["half"][method].median(),
                    "interval score": part["score"][method].mean(),
                }
            )
    return pd.DataFrame(rows)


def draw(runs: pd.DataFrame, path: Path) -> None:
    """Reliability, and the error against the distance."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for method, part in runs.groupby("method"):
        held = [
            np.mean(np.abs(part["off"]) <= norm.ppf((1 + level) / 2) * part["sd"])
            for level in _LEVELS
        ]
        left.plot(_LEVELS, held, marker="o", ms=4, label=str(method))
        place = np.digitize(part["beyond"], [0.25, 0.5, 1.0, 1.5])
        groups = part.groupby(place)
        right.plot(
            groups["beyond"].median(), 100 * groups["off"].apply(lambda x: np.abs(x).median()),
            marker="o", ms=4, label=str(method),
        )  # fmt: skip
    left.plot([0.5, 1], [0.5, 1], color="grey", lw=0.8)
    left.set(xlabel="nominal", ylabel="share of kept-out runs held", title="Intervals")
    right.set(
        xlabel="decades of compute beyond", ylabel="median error, %", title="Error", yscale="log"
    )
    left.legend(frameon=False)
    figure.savefig(path, dpi=120)


_PRICE = (
    "## What it costs where the law is right, and holds where it bends",
    "",
    "Pairs are at 10 and at 100 times the largest compute. The tail was chosen on the cells above",
    "and simulations like these; it was not scored elsewhere. Tried and rejected, in a scan",
    "that is not kept: no tail (width 1.2 and 1.4, but .74 and .37",
    "hold at a bend of 1 %), 1 % for each decade as in the first model (2.0 and 2.9), smaller",
    "discrepancies in the grid with a wider prior of its size (they change the width by .1 and",
    "lose coverage of tables), a tail that is only learnt (as no tail, where the law bends). None",
    "moved the interval score of the tables by more than 5 %.",
)


def page(
    table: pd.DataFrame, simulations: pd.DataFrame, versions: Any, seconds: pd.DataFrame
) -> str:
    """The result page, in Markdown."""
    lines = [
        "# Larger runs predicted from smaller ones",
        "",
        "Made by `python benchmarks/foresight.py` from public tables; what is compared and how",
        "tables are split is told in its first lines. Errors are means of |predicted / observed -",
        "1| over the kept-out runs of a cell; geo is the geometric mean of the ratio to the plain",
        "fit; coverage, half width and interval score (of the log loss, lower is better) are of",
        "the 90 % interval. The constants of the forecast were chosen on tables of this kind,",
        "these among them: expect the figures to flatter it.",
        "",
        "| " + " | ".join(table.columns) + " |",
        "| " + " | ".join("---" for _ in table.columns) + " |",
    ]
    for row in table.itertuples(index=False):
        cells = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in row]
        lines.append("| " + " | ".join("" if c == "nan" else c for c in cells) + " |")
    lines += ["", *_PRICE, "", "| " + " | ".join(simulations.columns) + " |"]
    lines.append("| " + " | ".join("---" for _ in simulations.columns) + " |")
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in simulations.to_numpy()]
    lines += ["", "![Reliability and error against distance](foresight.png)", ""]
    lines += [f"Median seconds a cell, compilation included in some: {seconds.to_dict()}.", ""]
    lines += [f"{name}: {value}  " for name, value in versions.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run, print and store."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few cells, nothing stored")
    quick = parser.parse_args().quick
    every = list(cells(Path(os.environ["SCALEJAX_DATA"])))
    every = every[:6] if quick else every
    rows: list[dict[str, Any]] = []
    for number, cell in enumerate(every, 1):
        print(f"{number}/{len(every)} {cell.name}, {cell.split}", flush=True)
        rows += score(cell)
    simulations = price(Path(os.environ["SCALEJAX_DATA"]), 0.05 if quick else 1.0)
    runs = pd.DataFrame(rows)
    table = summary(runs)
    print(table.to_string(index=False))
    if quick:
        return
    versions = environment()
    seconds = runs.groupby("method")["seconds"].median().round(2)
    (_RESULTS / "foresight.md").write_text(page(table, simulations, versions, seconds))
    (_RESULTS / "foresight.json").write_text(
        json.dumps(
            {
                "summary": table.to_dict("records"),
                "simulations": simulations.to_dict("records"),
                "environment": versions,
            },
            indent=1,
        )
    )
    draw(runs, _RESULTS / "foresight.png")


if __name__ == "__main__":
    main()
