"""The verdict of a report: what the fit concludes, and how far to trust it.

`judge` grades a fit by the rules of `scalejax.fitting.for_and_against`, which the summary of the
fit and plans use too, and by the numbers of the other sections. *Unsound*: the fit did not end in a
minimum, a parameter that matters is not identified, or intervals are withheld. *Care*: something
moves a conclusion by more than its interval allows for, or was assumed or left out. Otherwise
*sound*; what is only to be known is said and changes no grade.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalejax.conclusions import Identifiability
from scalejax.fitting import Caveat, Fit, for_and_against, judged
from scalejax.reporting.answers import Robustness
from scalejax.reporting.blocks import Absent, Grid, Verdict
from scalejax.reporting.decision import about_answers, answers_of
from scalejax.reporting.wording import (
    counted,
    decades,
    interval,
    number,
    percent,
    signed,
    words_of,
)
from scalejax.status import Status

RATIO_LIMITS = (0.5, 2.0)
"""Widths of intervals by resamples over those by covariance that are no caveat, by judgement."""

MOVED = 1.96
"""Standard errors by which another choice may move a conclusion before it is a caveat: half the
width of a normal 95 % interval."""

PULLED = 1.0
"""The same for leaving out one run. Set by judgement: stricter, because one run of many should move
a conclusion by a small part of a standard error."""

_FROM_SECTIONS = ("condition",)
"""Rules of a fit that the section on identifiability answers better."""


def judge(
    fit: Fit,
    conclusions: pd.DataFrame | Absent,
    identified: Identifiability | Absent,
    robustness: Robustness,
    kinds: pd.DataFrame | Absent,
    backtest: Caveat | None = None,
) -> Verdict:
    """The verdict.

    Args:
        fit: The fit.
        conclusions: Its conclusions with what moves them, see `scalejax.reporting.answers`.
        identified: Which parameters the runs determine.
        robustness: Influence and sensitivity.
        kinds: Intervals of the parameters by several kinds.
        backtest: How well the law would have predicted the largest runs, if somebody tried: it
            stands first on its side.
    """
    of_fit = for_and_against(fit, backtest)
    answered = () if isinstance(identified, Absent) else _FROM_SECTIONS
    rules = [one for one in (*of_fit.support, *of_fit.against) if one.rule not in answered]
    judgement = judged(
        [
            *(Caveat("report", text, "fault") for text in _faults(conclusions, identified)),
            *rules,
            *about_answers(fit, conclusions),
            *(Caveat("report", text) for text in _caveats(fit, identified, robustness, kinds)),
            *(Caveat("report", text, "for") for text in _support(identified, robustness)),
        ],
        of_fit.strength,
    )
    return Verdict(
        grade=judgement.grade,
        headline=judgement.sentence.removesuffix("."),
        answer=[*answers_of(fit, conclusions, judgement.grade)],
        caveats=judgement.texts("against"),
        support=judgement.texts("for"),
        conclusions=conclusion_grid(conclusions),
        reading=[*_reading(conclusions)] if judgement.grade != "unsound" else [],
    )


def _faults(
    conclusions: pd.DataFrame | Absent, identified: Identifiability | Absent
) -> Iterator[str]:
    if isinstance(identified, Identifiability) and identified.flat:
        yield f"The runs do not determine {', '.join(identified.flat)}: their values mean nothing."
    if not isinstance(conclusions, Absent) and conclusions["lo"].isna().all():
        yield f"There are no intervals: {conclusions['method'].iloc[0]}."


def _caveats(
    fit: Fit,
    identified: Identifiability | Absent,
    robustness: Robustness,
    kinds: pd.DataFrame | Absent,
) -> Iterator[str]:
    yield from _design_caveats(identified)
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


def _support(identified: Identifiability | Absent, robustness: Robustness) -> Iterator[str]:
    if isinstance(identified, Identifiability) and identified.verdict == "fine":
        yield f"The runs determine all parameters (condition {number(identified.condition, 3)})."
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


def _reading(conclusions: pd.DataFrame | Absent) -> Iterator[str]:
    if isinstance(conclusions, Absent):
        return
    if conclusions["estimate"].isna().any():
        yield "A dash: the law has no such optimum at that budget."
    yield (
        "The intervals hold what the runs leave open about the law. A new run scatters by its "
        "noise as well, and the law itself may bend: see Prediction."
    )
