"""Do forecasts hold with every registered law inside? results/foresight_laws.md.

    python benchmarks/foresight_laws.py [--only LAW ...]

For each law with published coefficients: runs spread over its inputs, their responses times .5 %
noise, the largest fifth held out (by 6ND where the law has N and D, else by its first input) and
forecast from the rest with that law inside. Minutes of two cores, most of it compilation: `--only`
measures some laws, and the page is written from all that are stored.
"""

import argparse
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from foresight_page import markdown
from laws import middle
from measuring import environment

import scalejax as sj
from scalejax.laws import LAWS, Law

_FILE = Path(__file__).parent / "results" / "foresight_laws.md"
_STORED = _FILE.with_suffix(".json")
_ROWS, _TABLES = 60, 4
_NOISE, _LEVEL, _SHARE = 0.005, 0.9, 0.2
_REASON = 90
"""Letters of a reason that fit in a table."""

_TOP = f"""\
# Forecasts with every registered law inside

Written by `python benchmarks/foresight_laws.py`: {_TABLES} tables of {_ROWS} runs of each law with
its first published set, {100 * _NOISE:g} % noise, the largest fifth held out and forecast from the
rest with that law inside. The law is right here: this says whether the machinery holds for laws of
any form, not whether the laws do. *Holds* is the share of held-out runs in the 90 % interval. All
laws get the same random numbers, so that their shares are not independent.
"""


def simulated(law: Law, random: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Tables with the noise-free response, the runs to train on and the largest; the size."""
    inputs = {}
    for name in law.inputs:
        low, high = middle(name, law)
        place = (random.permutation(_ROWS) + 0.5) / _ROWS
        inputs[name] = low * (high / low) ** place if low > 0 else low + (high - low) * place
    columns = pd.DataFrame(inputs)
    with jax.enable_x64(True):
        values = next(iter(law.published.values()))
        columns["clean"] = np.asarray(law(*(columns[name].to_numpy() for name in inputs), **values))
    by = "6ND" if {"N", "D"} <= set(inputs) else law.inputs[0]
    size = columns["N"] * columns["D"] if by == "6ND" else columns[by]
    held = size > size.quantile(1 - _SHARE)
    return columns[~held], columns[held], by


def check(law: Law) -> dict[str, Any]:
    """What was held of one law, or why nothing is said."""
    random = np.random.default_rng(0)
    row: dict[str, Any] = {"law": law.name, "inputs": ", ".join(law.inputs)}
    train, test, by = simulated(law, random)
    row["largest by"] = by
    if not law.response.positive or not np.all(train["clean"] > 0):
        return {**row, "reason": "The response is not positive."}

    def noisy(clean: pd.Series) -> Any:
        return clean.to_numpy() * np.exp(_NOISE * random.standard_normal((_TABLES, len(clean))))

    parts = [
        train.assign(**{law.response.symbol: values, "table": str(number)})
        for number, values in enumerate(noisy(train["clean"]))
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = sj.forecast(
                pd.concat(parts, ignore_index=True).drop(columns="clean"),
                at=test[list(law.inputs)], law=law, by="table", level=_LEVEL,
            )  # fmt: skip
    except sj.ScalejaxError as error:
        return {**row, "reason": str(error).splitlines()[0][:_REASON]}
    truth = noisy(test["clean"]).ravel()
    points = answer.points
    loss, low, high = (points[name].to_numpy() for name in ("loss", "lo", "hi"))
    return {
        **row,
        "runs": len(truth),
        "holds": float(np.mean((low <= truth) & (truth <= high))),
        "median error %": 100 * float(np.median(np.abs(loss / truth - 1))),
        "median half width %": 100 * float(np.median(np.log(high / low) / 2)),
    }


def words(table: pd.DataFrame) -> str:
    """What is held of all laws together, and which hold less than 80 %."""
    said = table.dropna(subset="holds")
    share = np.average(said["holds"], weights=said["runs"])
    low = said.loc[said["holds"] < 0.8, "law"].tolist()
    return (
        f"{len(said)} of {len(table)} laws: {share:.1%} of {int(said['runs'].sum())} held-out runs "
        f"are in their interval; the median law holds {said['holds'].median():.1%}. "
        + (f"Below 80 %: {', '.join(low)}." if low else "None is below 80 %.")
    )


def page(rows: list[dict[str, Any]], rest: list[str], versions: Mapping[str, Any]) -> str:
    """The result page, in Markdown; `rest` are laws that were not measured."""
    table = pd.DataFrame(rows)
    if "reason" in table:
        table = table.fillna({"reason": ""})
    about = "\n".join(f"{key}: {value}  " for key, value in versions.items())
    parts = [_TOP + "\n" + words(table), markdown(table)]
    if rest:
        parts.append(f"Not measured yet: {', '.join(rest)}.")
    return "\n\n".join([*parts, about]) + "\n"


def main() -> None:
    """Run, print and store."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    named = [name for name, law in LAWS.items() if law.published]
    parser.add_argument("--only", nargs="*", choices=named, default=named)
    given = parser.parse_args()
    stored = json.loads(_STORED.read_text()) if _STORED.exists() else {}
    for name in given.only:
        stored[name] = check(LAWS[name])
        print(stored[name], flush=True)
        _STORED.write_text(json.dumps(stored, indent=1) + "\n")
    rows = [stored[name] for name in named if name in stored]
    print(words(pd.DataFrame(rows)))
    _FILE.write_text(page(rows, [name for name in named if name not in stored], environment()))


if __name__ == "__main__":
    main()
