"""What each recommendation is worth on a table: errors on held-out runs, with it and without it.

Every size from the fourth up takes its turn as the target: the larger runs are set aside, and the
end of its training is predicted from the smaller ones. All those fits are one study.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax.data import Table
from scalejax.fitting.arguments import ObjectiveLike
from scalejax.laws import Law
from scalejax.resampling import percentile_interval
from scalejax.studies import Recipe, Study, Subset, run_study

Floats = NDArray[np.float64]

FEWEST_SIZES = 4
MOST_TARGETS = 6

BORROWED = {"A": float(np.exp(6.255414)), "alpha": 0.3526596}
"""Size term to borrow if nothing better is at hand: where the code of arXiv:2410.11840 starts."""

PLAIN = Subset()
TEN_BILLION = Subset(drop=1e10)
FIRST_TENTH = Subset(since=0.1)
ENDS = Subset(since=1.0)
THIRD = Subset(until=0.3)
ONE = Subset(models=1, choose="largest")
SPREAD = Subset(models=4, choose="spread")
LARGEST = Subset(models=4, choose="largest")
THREE, FIVE = (Subset(models=k, choose="spread") for k in (3, 5))

LAW, BORROW = "law", "borrowed"


def rolling_targets(table: Table) -> pd.DataFrame:
    """Rows of every target's family: the runs of its size and of all smaller ones."""
    frame = table.to_frame()
    if table.cluster is None:
        frame["cluster"] = [f"row {row}" for row in table.row]
    if table.group is None:
        frame["group"] = "all"
    parts = []
    for name, rows in frame.groupby("group", sort=False):
        sizes = np.unique(rows["N"])[FEWEST_SIZES - 1 :]
        places = np.linspace(0, len(sizes) - 1, min(MOST_TARGETS, len(sizes))).round().astype(int)
        for size in sizes[places]:
            part = rows[rows["N"] <= size]
            parts.append(part.assign(group=f"{name} up to {size:.4g}"))
    return pd.concat(parts, ignore_index=True) if parts else frame.iloc[:0]


def nothing() -> pd.DataFrame:
    """Errors of no target."""
    return pd.DataFrame(columns=["target", "recipe", "subset", "ARE", "distance"])


def held_out_errors(
    table: Table, law: Law, objective: ObjectiveLike, subsets: Sequence[Subset], seed: int
) -> pd.DataFrame:
    """Errors of every target under every subset: target, recipe, subset, ARE, distance.

    The error is NaN where the law could not be fitted.
    """
    rows = rolling_targets(table)
    if rows.empty:
        return nothing()
    recipes = [Recipe(law, objective, label=LAW)]
    if {"A", "alpha"} <= law.parameters.keys():
        recipes.append(Recipe(law, objective, fixed=BORROWED, label=BORROW))
    study = Study(
        recipes=tuple(recipes),
        by=("group",),
        run="cluster",
        subsets=tuple(dict.fromkeys(subsets)),
        resamples=0,
        seed=seed,
    )
    result = run_study(study, rows, weights="weight")
    assert result is not None
    frame = result.frame[result.frame["quantity"] == "ARE"]
    minimum = frame["problem"].isin(result.usable["problem"])
    compute = {name: _compute(part) for name, part in rows.groupby("group")}
    found = pd.DataFrame(
        {
            "target": frame["family"],
            "recipe": frame["recipe"],
            "subset": [result.problems.dataset(k).subset for k in frame["problem"]],
            "ARE": frame["estimate"].where(minimum),
        }
    )
    found["distance"] = found["target"].map(compute)
    return found


def _compute(rows: pd.DataFrame) -> float:
    """Decades of compute, as N D, between the target and the largest other run."""
    last = rows.sort_values(["N", "D"]).iloc[-1]
    own = rows["cluster"] == last["cluster"]
    compute = np.log10(rows["N"] * rows["D"])
    return float(compute[own].max() - compute[~own].max())


def compare(
    errors: pd.DataFrame,
    before: tuple[str, Subset],
    after: tuple[str, Subset],
    level: float,
    seed: int,
) -> dict[str, float]:
    """Median errors before and after on the same targets, and an interval of their ratio.

    The interval draws targets with replacement; it is empty below three targets.
    """
    pair = [
        errors[(errors["recipe"] == recipe) & (errors["subset"] == subset)]
        .set_index("target")["ARE"]
        .rename(name)
        for name, (recipe, subset) in (("before", before), ("after", after))
    ]
    asked = pd.concat(pair, axis=1, join="inner")
    both = asked.dropna()
    failed = len(asked) - len(both)
    if both.empty:
        return {"failed": failed}
    ratios = np.log((both["after"] / both["before"]).to_numpy())
    low, high = _interval(ratios, level, seed)
    return {
        "before": float(both["before"].median()),
        "after": float(both["after"].median()),
        "lo": low,
        "hi": high,
        "targets": len(both),
        "failed": failed,
    }


def _interval(ratios: Floats, level: float, seed: int) -> tuple[float, float]:
    """Interval of the typical ratio from the logarithms of single ones."""
    if len(ratios) < 3:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(ratios), (2000, len(ratios)))
    low, high = percentile_interval(np.median(ratios[picks], axis=1), level)
    return float(np.exp(low)), float(np.exp(high))


def seed_noise(table: Table) -> float | None:
    """Typical relative difference of two runs that differ in their seed only, if there are any."""
    frame = table.to_frame()
    if table.cluster is None:
        frame["cluster"] = frame["row"]
    inputs = list(table.inputs)
    ends = frame.loc[frame.groupby("cluster")["D"].idxmax()] if "D" in inputs else frame
    keys = ends[inputs].astype(str).agg("|".join, axis=1)
    spread = [np.log(part["loss"]).std(ddof=1) for _, part in ends.groupby(keys) if len(part) > 1]
    return float(np.sqrt(np.mean(np.square(spread)))) * 2 if spread else None
