"""What the field knows before a table is seen: the basis of `scalejax.laws.chinchilla.FIELD`.

    SCALEJAX_DATA=... python benchmarks/field_prior.py

Chinchilla's law is fitted plainly to each public table of foresight_cells.py, all rows of it, and
its numbers are put into the coordinates of the prior: floor over a typical loss, terms at the
centre of the runs over a typical loss, exponents, in logarithms. Exponents of published sets are
added. The median and the scaled median deviation of each stand beside the constants in the code,
which this script does not change: results/field_prior.md.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from foresight_cells import tables
from foresight_page import markdown
from measuring import environment

import scalejax as sj
from scalejax.laws import LAWS
from scalejax.status import MINIMA

_FILE = Path(__file__).parent / "results" / "field_prior.md"
_NAMES = ("E", "A", "alpha", "B", "beta")
_SCALE = 1.4826
"""Of a median absolute deviation, to be a standard deviation of a normal."""
_LEAST = 1e-6
"""A floor or term below this share of a loss is none: its logarithm says nothing."""

_TOP = """\
# The basis of the field's prior

Written by `python benchmarks/field_prior.py`: plain fits of Chinchilla's law to public tables, and
published exponents. E, A and B are logarithms of the floor and of the two terms at the centre of
the runs, over a typical loss (geometric mean); alpha and beta are the exponents themselves in the
first two tables, and logarithms in the last, as in the code. A fit that ends in no minimum, or
whose floor or term vanishes, is in the table and not in the median.
"""


def of_tables(folder: Path) -> pd.DataFrame:
    """One row for each table: its fit in the coordinates of the prior."""
    frames = {name: runs[["N", "D", "loss"]].dropna() for name, runs in tables(folder)}
    every = pd.concat([runs.assign(table=name) for name, runs in frames.items()], ignore_index=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = sj.fit_many(every, by="table")
    rows = []
    for name, runs in frames.items():
        fit, level = fits[name], np.log(runs["loss"]).mean()
        n, d = np.log(runs["N"]).mean(), np.log(runs["D"]).mean()
        p = fit.params
        with np.errstate(divide="ignore"):
            rows.append(
                {
                    "table": name,
                    "rows": len(runs),
                    "status": fit.status.label,
                    "E": float(np.log(p["E"]) - level),
                    "A": float(np.log(p["A"]) - p["alpha"] * n - level),
                    "alpha": float(p["alpha"]),
                    "B": float(np.log(p["B"]) - p["beta"] * d - level),
                    "beta": float(p["beta"]),
                    "used": fit.status in MINIMA,
                }
            )
    table = pd.DataFrame(rows)
    terms = table[["E", "A", "B"]].min(axis=1) > np.log(_LEAST)
    return table.assign(used=table["used"] & terms)


def of_sets() -> pd.DataFrame:
    """Exponents of the published sets of Chinchilla's law and its kin."""
    rows = [
        {"law": law, "set": name, **{key: values[key] for key in ("alpha", "beta")}}
        for law in ("chinchilla", "outer_exponent")
        for name, values in LAWS[law].published.items()
    ]
    return pd.DataFrame(rows)


def compared(fits: pd.DataFrame, sets: pd.DataFrame) -> pd.DataFrame:
    """Location and scale of each coordinate, beside those of the code."""
    rows: list[dict[str, Any]] = []
    for name in _NAMES:
        values = fits.loc[fits["used"], name].to_numpy(float)
        if name in sets:
            values = np.log(np.concatenate([values, sets[name]]))
        location = float(np.median(values))
        mean, sd = LAWS["chinchilla"].prior[name]
        rows.append(
            {
                "parameter": name,
                "values": len(values),
                "median": location,
                "scale": _SCALE * float(np.median(np.abs(values - location))),
                "in the code": f"{mean:.3g}, {sd:.3g}",
                "apart, in scales of the code": (location - mean) / sd,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Fit, print and store."""
    fits, sets = of_tables(Path(os.environ["SCALEJAX_DATA"])), of_sets()
    table = compared(fits, sets)
    print(table.to_string(index=False))
    versions = "\n".join(f"{key}: {value}  " for key, value in environment().items())
    parts = ["## Against the code", markdown(table), "## Fits", markdown(fits)]
    parts += ["## Published exponents", markdown(sets), versions]
    _FILE.write_text("\n\n".join([_TOP.rstrip(), *parts]) + "\n")


if __name__ == "__main__":
    main()
