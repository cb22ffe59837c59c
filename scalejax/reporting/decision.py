"""The conclusions of a report in sentences for a planner: ranges where runs determine no number."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalejax.compute import clear_compute
from scalejax.fitting import Caveat, Fit, about_point, is_wide, narrowing
from scalejax.reporting.blocks import Absent, Grade
from scalejax.reporting.wording import between, number, plain

Row = Mapping[Any, Any]


def answers_of(fit: Fit, conclusions: pd.DataFrame | Absent, grade: Grade) -> Iterator[str]:
    """The conclusions in sentences; none of them if the fit is unsound."""
    if grade == "unsound":
        yield "The numbers of this report show where the trouble lies; they answer nothing yet."
        return
    if isinstance(conclusions, Absent):
        return
    rows = {row["conclusion"]: row for row in conclusions.to_dict("records")}
    share = f"{100 * conclusions['level'].iloc[0]:g} %"
    for name, size in rows.items():
        if name.startswith("N* at ") and np.isfinite(size["estimate"]):
            budget = name.removeprefix("N* at ")
            ratio, loss = rows[f"D*/N* at {budget}"], rows[f"L* at {budget}"]
            say = _range if is_wide(size["lo"], size["hi"]) else _best_model
            yield say(fit, budget, share, size, ratio, loss)
        elif name.startswith("loss at "):
            yield (
                f"The {plain(name)} is {number(size['estimate'])} ({share} interval {_ends(size)})."
            )
    far = conclusions["decades_beyond"].max()
    if far > 0:
        yield (
            f"That is {far:.1f} decades beyond the data: the intervals hold what the runs leave "
            "open, if the law holds there too."
        )


def about_answers(fit: Fit, conclusions: pd.DataFrame | Absent) -> Iterator[Caveat]:
    """How wide the answers are, and how near the runs come to them."""
    if isinstance(conclusions, Absent):
        return
    rows = {row["conclusion"]: row for row in conclusions.to_dict("records")}
    for name, size in rows.items():
        n = size["estimate"]
        if not name.startswith("N* at ") or not np.isfinite(n):
            continue
        budget = name.removeprefix("N* at ")
        if is_wide(size["lo"], size["hi"]):
            text = f"The runs leave {_ends(size)} parameters for {plain(budget)}"
            yield Caveat("interval", f"{text}.", short=f"t{text[1:]}")
        yield from about_point(
            fit, n, clear_compute(fit.table.compute).tokens(float(budget.split()[0]), n)
        )


def _best_model(fit: Fit, budget: str, share: str, size: Row, ratio: Row, loss: Row) -> str:
    return (
        f"For {plain(budget)} the best model has {number(size['estimate'])} parameters "
        f"({share} interval {_ends(size)}) and {number(ratio['estimate'], 3)} tokens for "
        f"each ({_ends(ratio, 3)}); its loss is {number(loss['estimate'])} ({_ends(loss)})."
    )


def _range(fit: Fit, budget: str, share: str, size: Row, ratio: Row, loss: Row) -> str:
    """The range first: the best guess is one of many that the runs allow."""
    return (
        f"For {plain(budget)} train {_ends(size)} parameters: the runs do not say more (best guess "
        f"{number(size['estimate'])}; {share} interval) on {_ends(ratio, 3)} tokens for each (best "
        f"guess {number(ratio['estimate'], 3)}); the loss is {number(loss['estimate'])} "
        f"({_ends(loss)}). What would narrow it: {plain(narrowing(fit))}."
    )


def _ends(row: Row, digits: int = 4) -> str:
    return between(row["lo"], row["hi"], digits)
