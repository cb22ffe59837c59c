"""The verdict of a report: what the fit concludes, and how far to trust it.

`judge` grades a fit by the numbers of the other sections. *Unsound*: the fit did not end in a
minimum, a parameter that matters is not identified, or intervals are withheld. *Care*: something
moves a conclusion by more than its interval allows for, or was assumed or left out. Otherwise
*sound*.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalejax.conclusions import Identifiability
from scalejax.fitting import Fit
from scalejax.reporting.answers import Robustness
from scalejax.reporting.blocks import Absent, Grade, Grid, Verdict
from scalejax.reporting.wording import (
    between,
    counted,
    decades,
    interval,
    number,
    percent,
    plain,
    signed,
)
from scalejax.status import MINIMA, Status

FEW_CLUSTERS = 20
"""Fewer clusters than this are a caveat: the limit of `scalejax.engine.FEW_CLUSTERS`."""

RATIO_LIMITS = (0.5, 2.0)
"""Widths of intervals by resamples over those by covariance that are no caveat, by judgement."""

MOVED = 1.96
"""Standard errors by which another choice may move a conclusion before it is a caveat: half the
width of a normal 95 % interval."""

PULLED = 1.0
"""The same for leaving out one run. Set by judgement: stricter, because one run of many should move
a conclusion by a small part of a standard error."""

_HEADLINES: Mapping[Grade, str] = {
    "sound": "Sound",
    "care": "Usable with care",
    "unsound": "Do not rely on this fit",
}


def judge(
    fit: Fit,
    conclusions: pd.DataFrame | Absent,
    identified: Identifiability | Absent,
    robustness: Robustness,
    kinds: pd.DataFrame | Absent,
) -> Verdict:
    """The verdict.

    Args:
        fit: The fit.
        conclusions: Its conclusions with what moves them, see `scalejax.reporting.answers`.
        identified: Which parameters the runs determine.
        robustness: Influence and sensitivity.
        kinds: Intervals of the parameters by several kinds.
    """
    faults = [*_faults(fit, conclusions, identified)]
    caveats = [*_caveats(fit, identified, robustness, kinds)]
    grade: Grade = "unsound" if faults else "care" if caveats else "sound"
    return Verdict(
        grade=grade,
        headline=_HEADLINES[grade],
        answer=[*_answer(conclusions, grade)],
        caveats=[*faults, *caveats],
        support=[*_support(fit, identified, robustness)],
        conclusions=conclusion_grid(conclusions),
        reading=[*_reading(conclusions)] if grade != "unsound" else [],
    )


def _answer(conclusions: pd.DataFrame | Absent, grade: Grade) -> Iterator[str]:
    """The conclusions in sentences for a planner; none of them if the fit is unsound."""
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
            yield (
                f"For {plain(budget)} the best model has {number(size['estimate'])} parameters "
                f"({share} interval {_ends(size)}) and {number(ratio['estimate'], 3)} tokens for "
                f"each ({_ends(ratio, 3)}); its loss is {number(loss['estimate'])} ({_ends(loss)})."
            )
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


def _ends(row: Mapping[Any, Any], digits: int = 4) -> str:
    return between(row["lo"], row["hi"], digits)


def _faults(
    fit: Fit, conclusions: pd.DataFrame | Absent, identified: Identifiability | Absent
) -> Iterator[str]:
    if isinstance(identified, Identifiability) and identified.flat:
        yield f"The runs do not determine {', '.join(identified.flat)}: their values mean nothing."
    if fit.status not in MINIMA:
        label = fit.status.label.replace("_", " ")
        yield f"The fit is no certified minimum ({label}). {fit.status.sentence}"
    if not isinstance(conclusions, Absent) and conclusions["lo"].isna().all():
        yield f"There are no intervals: {conclusions['method'].iloc[0]}."


def _caveats(
    fit: Fit,
    identified: Identifiability | Absent,
    robustness: Robustness,
    kinds: pd.DataFrame | Absent,
) -> Iterator[str]:
    yield from _design_caveats(identified)
    if fit.status == Status.BOUND_HIT:
        yield f"On a bound: {', '.join(fit.on_bound)}. {fit.status.sentence}"
    failed = Counter(Status(code).label for code in fit.draws.status[~fit.draws.usable])
    if failed:
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in failed.items())
        yield f"{sum(failed.values())} of {len(fit.draws)} resamples failed ({counts})."
    if not len(fit.draws):
        alike = "alike within clusters" if fit.table.cluster is not None else "independent"
        yield (
            "There are no resamples: intervals come from the covariance at the estimate, and rows "
            f"are taken as {alike}."
        )
    if 2 * fit.agreeing < fit.starts and fit.status == Status.CONVERGED:
        yield f"Only {fit.agreeing} of {fit.starts} starts reach the lowest objective."
    yield from _data_caveats(fit)
    yield from _width_caveats(kinds)
    yield from _influence_caveats(robustness.influence)
    yield from _sensitivity_caveats(robustness.sensitivity)


def _design_caveats(identified: Identifiability | Absent) -> Iterator[str]:
    """Why the runs leave the parameters open, and which runs would help."""
    if isinstance(identified, Absent):
        return
    if identified.verdict == "weak":
        condition = number(identified.condition, 3)
        yield f"Weakly identified (condition {condition}): some parameters can be traded off."
    if identified.verdict != "fine":
        for problem in identified.problems:
            yield f"{problem.message[:1].upper()}{problem.message[1:]}."


def _data_caveats(fit: Fit) -> Iterator[str]:
    table = fit.table
    if table.set_aside:
        count = len(table.set_aside)
        share = percent(count / (count + table.n_rows))
        yield f"Set aside before fitting: {counted(count, 'row')} ({share})."
    if table.warnings:
        codes = ", ".join(dict.fromkeys(problem.code for problem in table.warnings))
        yield f"The data raised {counted(len(table.warnings), 'warning')} ({codes}), see Data."
    if table.cluster is not None and len(table.cluster_labels) < FEW_CLUSTERS:
        yield f"{len(table.cluster_labels)} clusters are few: intervals may be too narrow."


def _width_caveats(kinds: pd.DataFrame | Absent) -> Iterator[str]:
    if isinstance(kinds, Absent) or "ratio" not in kinds:
        return
    low, high = RATIO_LIMITS
    odd = kinds[(kinds["ratio"] < low) | (kinds["ratio"] > high)]
    if len(odd):
        names = ", ".join(odd["parameter"])
        ratios = sorted(odd["ratio"])
        ends = " to ".join(dict.fromkeys(f"{ratio:.2g}" for ratio in (ratios[0], ratios[-1])))
        yield (
            f"Resampled intervals of {names} are {ends} times as wide as those of the "
            "covariance: residuals are not alike, and the resampled ones are to be believed."
        )


def _influence_caveats(frame: pd.DataFrame | Absent) -> Iterator[str]:
    if isinstance(frame, Absent):
        return
    sound = _converged(frame)
    failures = frame["label"].nunique() - sound["label"].nunique()
    if failures:
        yield f"{failures} of {frame['label'].nunique()} refits without a run did not converge."
    far = sound[sound["change_in_se"].abs() > PULLED].drop_duplicates("conclusion")
    for row in far.to_dict("records"):
        yield (
            f"Without {row['label']} alone, {words_of(row['conclusion'])} moves by "
            f"{signed(row['change_in_se'])} standard errors."
        )


def _sensitivity_caveats(frame: pd.DataFrame | Absent) -> Iterator[str]:
    if isinstance(frame, Absent):
        return
    sound = _converged(frame)
    far = sound[sound["change_in_se"].abs() > MOVED]
    far = far.sort_values("change_in_se", key=abs, ascending=False, kind="stable")
    for row in far.drop_duplicates("conclusion").to_dict("records"):
        yield (
            f"Another choice ({row['variant']}) moves {words_of(row['conclusion'])} far: to "
            f"{number(row['estimate'])}, {signed(row['change_in_se'])} standard errors."
        )
    variants = frame[frame["status"] != Status.CONVERGED.label]["variant"].unique()
    if len(variants):
        yield f"These variants did not converge: {', '.join(variants)}."


def _converged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["status"] == Status.CONVERGED.label]


def _support(
    fit: Fit, identified: Identifiability | Absent, robustness: Robustness
) -> Iterator[str]:
    if fit.status == Status.CONVERGED:
        yield (
            f"The gradient vanishes, and {fit.agreeing} of {fit.starts} independent starts agree "
            "on the lowest objective."
        )
    if isinstance(identified, Identifiability) and identified.verdict == "fine":
        yield f"The runs determine all parameters (condition {number(identified.condition, 3)})."
    if len(fit.draws) and np.all(fit.draws.usable):
        yield f"All {len(fit.draws)} resamples ended in a minimum ({fit.draws.method})."
    left_out = _largest(robustness.influence)
    if left_out is not None and abs(left_out["change_in_se"]) <= PULLED:
        yield (
            "No single run or cluster moves a conclusion by more than "
            f"{abs(left_out['change_in_se']):.2g} standard errors ({left_out['label']})."
        )
    choice = _largest(robustness.sensitivity)
    if choice is not None and abs(choice["change_in_se"]) <= MOVED:
        yield (
            "No other choice moves a conclusion by more than "
            f"{abs(choice['change_in_se']):.1f} standard errors ({choice['variant']})."
        )


def _largest(frame: pd.DataFrame | Absent) -> Mapping[str, Any] | None:
    """The row of the largest change; None unless all refits converged."""
    if isinstance(frame, Absent) or len(_converged(frame)) < len(frame):
        return None
    sizes = frame["change_in_se"].abs().to_numpy(np.float64)
    if not np.any(np.isfinite(sizes)):
        return None
    return {str(k): v for k, v in frame.iloc[int(np.nanargmax(sizes))].to_dict().items()}


def conclusion_grid(conclusions: pd.DataFrame | Absent) -> Grid | Absent:
    """The conclusions as a table to read."""
    if isinstance(conclusions, Absent):
        return conclusions
    level, method = conclusions["level"].iloc[0], conclusions["method"].iloc[0]
    header = ["conclusion", "estimate", f"{100 * level:g} % interval", "decades beyond the data"]
    has_moves = "moved_by" in conclusions and bool(conclusions["moved_by"].notna().any())
    rows = []
    for row in conclusions.to_dict("records"):
        cells = [words_of(row["conclusion"]), number(row["estimate"])]
        beyond = "" if np.isnan(row["decades_beyond"]) else decades(row["decades_beyond"])
        cells += [interval(row["lo"], row["hi"]), beyond]
        if has_moves:
            cells.append(_mover(row))
        rows.append(cells)
    return Grid(
        f"Conclusions with {100 * level:g} % intervals ({method})",
        [*header, "what moves it most"] if has_moves else header,
        rows,
        frozenset({0, 4}),
    )


def _mover(row: Mapping[Any, Any]) -> str:
    if not isinstance(row["moved_by"], str):
        return "nothing that was tried converged"
    change = signed(row["moved_in_se"])
    return f"{row['moved_by']}: {number(row['moved_to'])} ({change} standard errors)"


def words_of(conclusion: str) -> str:
    """The name of a conclusion as a planner says it."""
    for symbol, words in (
        ("N* at ", "best parameters N*"),
        ("D*/N* at ", "best tokens per parameter D*/N*"),
        ("L* at ", "loss of that model L*"),
    ):
        if conclusion.startswith(symbol):
            return f"{words} for {plain(conclusion.removeprefix(symbol))}"
    return plain(conclusion)


def _reading(conclusions: pd.DataFrame | Absent) -> Iterator[str]:
    if isinstance(conclusions, Absent):
        return
    if conclusions["estimate"].isna().any():
        yield "A dash: the law has no such optimum at that budget."
    yield (
        "The intervals hold what the runs leave open about the law. A new run scatters by its "
        "noise as well, and the law itself may bend: see Prediction."
    )
