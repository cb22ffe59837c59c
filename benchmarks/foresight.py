"""How well are larger runs predicted from smaller ones? Public tables, results/foresight.md.

    SCALEJAX_DATA=... python benchmarks/foresight.py [--only METHOD ...] [--quick]

What is predicted is in foresight_cells.py, by what in foresight_methods.py, and what the forecast
costs where the law is exactly right, by simulation, in foresight_price.py. Finished cells are kept
in results/foresight_cells.csv and not measured again: delete the file, or the rows of a method,
for that. `--only` measures some methods (`simulations` for the last part), `--most` so many cells
of each; the page is written from all that is there. `--quick` takes a few cells and stores nothing.
`select` compiles for minutes a cell and the whole takes hours of two cores; the others a quarter.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from foresight_cells import Cell, cells
from foresight_methods import METHODS, Z, missing
from foresight_page import LEVELS, PLACES, draw, page
from foresight_price import TABLES, price
from measuring import environment
from scipy.stats import norm

import scalejax as sj

_RESULTS = Path(__file__).parent / "results"
_CELLS, _STORED = _RESULTS / "foresight_cells.csv", _RESULTS / "foresight.json"
_SIMULATIONS = "simulations"
_HELD = [f"held{100 * level:.0f}" for level in LEVELS]
_COLUMNS = [
    *("table", "split", "rows", "runs", "method", "place", "count", "beyond"),
    *("error", "half", "score", *_HELD, "seconds", "reason"),
]


def score(cell: Cell, method: str) -> list[dict[str, Any]]:
    """Means over the kept-out runs at each distance, or why there is no answer."""
    head = {
        "table": cell.table, "split": cell.split, "rows": len(cell.train), "runs": cell.runs,
        "method": method,
    }  # fmt: skip
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = METHODS[method](cell)
    except sj.ScalejaxError as error:
        return [{**head, "count": 0, "reason": str(error).splitlines()[0]}]
    seconds = round(time.perf_counter() - start, 3)
    off = np.log(cell.test["loss"].to_numpy() / frame["loss"].to_numpy())
    sd = frame["sd"].to_numpy()
    if not np.all(np.isfinite(off)):
        return [{**head, "count": 0, "reason": "A prediction is not finite."}]
    if not np.all(np.isfinite(sd)):
        head["reason"] = "No interval."
        sd = np.full(len(off), np.nan)
    excess = np.maximum(np.abs(off) - Z * sd, 0)
    scores = pd.DataFrame(
        {
            "place": np.digitize(cell.beyond, PLACES),
            "beyond": cell.beyond,
            "error": np.abs(np.expm1(-off)),
            "half": Z * sd,
            "score": 2 * Z * sd + 20 * excess,
            **{
                name: np.where(np.isnan(sd), sd, np.abs(off) <= norm.ppf((1 + level) / 2) * sd)
                for name, level in zip(_HELD, LEVELS, strict=True)
            },
        }
    ).astype(float)
    groups = scores.groupby("place")
    means = groups.mean().map(lambda value: float(f"{value:.5g}"))
    means["count"] = groups.size()
    rows = means.reset_index().to_dict("records")
    return [{**head, **row, "place": int(row["place"]), "seconds": seconds} for row in rows]


def measure(every: list[Cell], methods: list[str], most: int, keep: Path) -> pd.DataFrame:
    """Scores of all cells by all methods, those that are kept and those that are new.

    Small tables come first: those of one size share what is compiled.
    """
    names = ["table", "split", "method"]
    if not keep.exists():
        pd.DataFrame(columns=_COLUMNS).to_csv(keep, index=False)
    done = set(pd.read_csv(keep)[names].itertuples(index=False, name=None))
    for method in methods:
        if missing(method):
            print(missing(method))
            continue
        ahead = [cell for cell in every if (cell.table, cell.split, method) not in done]
        ahead = sorted(ahead, key=lambda cell: len(cell.train))[:most]
        for number, cell in enumerate(ahead, 1):
            rows = score(cell, method)
            about = rows[0].get("reason") or f"{rows[0]['seconds']} s"
            print(f"{method} {number}/{len(ahead)} {cell.table}, {cell.split}: {about}", flush=True)
            frame = pd.DataFrame(rows).reindex(columns=_COLUMNS)
            frame.to_csv(keep, mode="a", header=False, index=False)
    runs = pd.read_csv(keep)
    place = runs["method"].map({method: k for k, method in enumerate(METHODS)})
    runs = runs.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
    runs.to_csv(keep, index=False)
    return runs


def quick(every: list[Cell], folder: Path) -> None:
    """Check that everything but `select` runs, in a folder that is thrown away."""
    methods = [method for method in METHODS if method != "select"]
    with tempfile.TemporaryDirectory() as place:
        runs = measure(every, methods, 4, Path(place) / _CELLS.name)
        draw(runs, Path(place) / "foresight.png")
        print(page(runs, len(every), [], list(price(folder, [], 2)), environment()))


def main() -> None:
    """Run, print and store."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choices = [*METHODS, _SIMULATIONS]
    parser.add_argument("--only", nargs="*", choices=choices, default=choices)
    parser.add_argument("--most", type=int, default=10_000, help="new cells of each method")
    parser.add_argument("--quick", action="store_true", help="a few cells, nothing stored")
    given = parser.parse_args()
    folder = Path(os.environ["SCALEJAX_DATA"])
    every = list(cells(folder))
    if given.quick:
        quick(every, folder)
        return
    versions = environment()
    runs = measure(every, [m for m in given.only if m in METHODS], given.most, _CELLS)
    stored = json.loads(_STORED.read_text()) if _STORED.exists() else {}
    if _SIMULATIONS in given.only:
        stored["simulations"] = list(price(folder, stored.get("simulations", []), TABLES))
    words = [missing(m) for m in METHODS if missing(m) and m not in set(runs["method"])]
    about = {
        "total": len(every),
        "absent": words,
        "simulations": stored.get("simulations", []),
        "versions": versions,
    }
    _STORED.write_text(json.dumps(about, indent=1) + "\n")
    (_RESULTS / "foresight.md").write_text(page(runs, **about))
    draw(runs, _RESULTS / "foresight.png")


if __name__ == "__main__":
    main()
