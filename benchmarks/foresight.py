"""How well are larger runs predicted from smaller ones? Public tables, results/foresight.md.

    SCALEJAX_DATA=... python benchmarks/foresight.py [--quick]

Each table is split three ways by C = 6ND: the largest fifth is kept out (`top20`), all above a
tenth of the largest (`tenth`), or all above a tenth is predicted from what is below a hundredth
(`hundredth`); each is also thinned to 12 and 20 training rows. `sj.forecast` is compared with the
plain fit of Chinchilla's law, on the same rows. Some minutes of two cores; `--quick` takes three
tables and stores nothing.
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
    fit = sj.fit(cell.train, resamples=200)
    frame = fit.predict(cell.test[["N", "D"]].to_dict("list"), _LEVEL, discrepancy=0.0)
    half = np.log(frame["hi"] / frame["lo"]) / 2
    return pd.DataFrame({"loss": frame["loss"], "sd": half / norm.ppf((1 + _LEVEL) / 2)})


def forecast(cell: Cell) -> pd.DataFrame:
    """The forecast: loss and sd of the log loss."""
    return sj.forecast(cell.train, at=cell.test[["N", "D"]], level=_LEVEL).points[["loss", "sd"]]


METHODS = {"plain fit": plain, "forecast": forecast}


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
        ratio = part["are"]["forecast"] / part["are"]["plain fit"]
        for method in METHODS:
            rows.append(
                {
                    "cells": f"{len(part)} {kind}",
                    "method": method,
                    "mean error %": 100 * part["are"][method].mean(),
                    "median error %": 100 * part["are"][method].median(),
                    "geo": float(np.exp(np.log(ratio).mean())) if method == "forecast" else 1.0,
                    "worse": float((ratio > 1).mean()) if method == "forecast" else np.nan,
                    "worst x": float(ratio.max()) if method == "forecast" else np.nan,
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


def page(table: pd.DataFrame, versions: Any, seconds: pd.DataFrame) -> str:
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
    runs = pd.DataFrame(rows)
    table = summary(runs)
    print(table.to_string(index=False))
    if quick:
        return
    versions = environment()
    seconds = runs.groupby("method")["seconds"].median().round(2)
    (_RESULTS / "foresight.md").write_text(page(table, versions, seconds))
    (_RESULTS / "foresight.json").write_text(
        json.dumps({"summary": table.to_dict("records"), "environment": versions}, indent=1)
    )
    draw(runs, _RESULTS / "foresight.png")


if __name__ == "__main__":
    main()
