"""The page of a study as plain data: parameters over families, errors by recipe, failures by name.

Families of one recipe and subset are put together as a random-effects model: `together` gives the
mean, the spread between families (tau) and the share of the variation that it is (I squared).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.pages.decision import column
from scalejax.studies import RANKS, SEED_FLOOR, StudyResult
from scalejax.wording import printable

MOST_ROWS = 5000
"""Rows that a page holds. Set by judgement: their numbers are half of the 400 kB that it may have,
and nobody reads more one by one."""

_SUBSET = ("models", "choose", "drop", "since", "until", "own")
_NUMBERS = ("estimate", "stderr", "lo", "hi")


def study(result: StudyResult) -> dict[str, Any]:
    """What the page of a study holds."""
    frame = result.frame.sort_values(["quantity", "recipe", "family"], kind="stable")
    labels = _subsets(frame)
    rows, more = frame.head(MOST_ROWS), len(frame) - MOST_ROWS
    names = {key: _coded(rows[key]) for key in ("family", "recipe", "quantity", "status")}
    notes = [
        "Intervals are percentiles of the resamples of each law by itself. Together: random "
        "effects by the method of moments (DerSimonian and Laird 1986); tau is the spread between "
        "families.",
        f"Below about {SEED_FLOOR:.0%} an error says little, and up to {RANKS:.0%} it still ranks "
        "choices (arXiv:2410.11840).",
    ]
    if more > 0:
        notes.append(
            f"The first {MOST_ROWS:,} of {len(frame):,} rows are here; the rest are in the "
            "frame of the study."
        )
    return {
        "kind": "study",
        "title": "A study of laws",
        "headline": result.headline,
        "count": len(rows),
        "names": {**names, "subset": _coded(labels.loc[rows.index])},
        "numbers": {name: column(rows[name].to_numpy(np.float64)) for name in _NUMBERS},
        "together": list(_groups(frame, labels)),
        "errors": _plain(result.errors()),
        "failed": _failed(result),
        "skipped": _counts(result.skipped["reason"]),
        "level": result.problems.study.level,
        "notes": notes,
    }


def together(estimates: Floats, errors: Floats) -> dict[str, float]:
    """Families put together by random effects.

    Args:
        estimates: Of each family, (k,).
        errors: Standard errors, positive, (k,).

    Returns:
        ``mean`` and its ``stderr``, ``tau`` between families, ``i2`` (share of the variation that
        is between families, 0 to 1), ``q`` (Cochran's) and ``families``; by the method of moments
        (DerSimonian and Laird 1986, doi:10.1016/0197-2456(86)90046-2).
    """
    weight, count = 1.0 / errors**2, len(estimates)
    fixed = float(np.sum(weight * estimates) / np.sum(weight))
    q = float(np.sum(weight * (estimates - fixed) ** 2))
    scale = float(np.sum(weight) - np.sum(weight**2) / np.sum(weight))
    between = max((q - (count - 1)) / scale, 0.0) if count > 1 else 0.0
    whole = 1.0 / (errors**2 + between)
    return {
        "mean": float(np.sum(whole * estimates) / np.sum(whole)),
        "stderr": float(np.sum(whole) ** -0.5),
        "tau": between**0.5,
        "i2": max((q - (count - 1)) / q, 0.0) if q > 0 else 0.0,
        "q": q,
        "families": float(count),
    }


def _groups(frame: pd.DataFrame, labels: pd.Series) -> Iterator[dict[str, Any]]:
    """Each quantity of each recipe and subset over the families that have a standard error."""
    errors = frame["stderr"]
    sound = frame[frame["estimate"].notna() & np.isfinite(errors) & (errors > 0)]
    keys = [sound["quantity"], sound["recipe"], labels.loc[sound.index]]
    for (quantity, recipe, subset), part in sound.groupby(keys, sort=False):
        if part["family"].nunique() > 1:
            numbers = (part[name].to_numpy(np.float64) for name in ("estimate", "stderr"))
            yield {
                "quantity": str(quantity),
                "recipe": printable(str(recipe)),
                "subset": str(subset),
                **together(*numbers),
            }


def _subsets(frame: pd.DataFrame) -> pd.Series:
    """What each subset is called: the choices that differ, ``"all"`` where none does."""
    varying = [name for name in _SUBSET if name in frame and frame[name].nunique() > 1]
    words = frame[varying].apply(
        lambda row: ", ".join(f"{k} {'all' if v == -1 else v}" for k, v in row.items()), axis=1
    )
    return words if varying else pd.Series("all", index=frame.index)


def _coded(values: pd.Series) -> dict[str, Any]:
    """Texts once each, and their places."""
    codes, names = pd.factorize(values.astype(str))
    return {"names": [printable(name) for name in names], "codes": codes.tolist()}


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    return {"header": list(frame.columns), "rows": frame.astype(object).to_numpy().tolist()}


def _failed(result: StudyResult) -> dict[str, Any]:
    columns = ["family", "recipe", "n_units", "status", "what_to_do"]
    frame = result.failed
    return _plain(frame[[name for name in columns if name in frame]].head(MOST_ROWS))


def _counts(values: pd.Series) -> list[list[Any]]:
    return [[str(why), int(count)] for why, count in values.value_counts().items()]
