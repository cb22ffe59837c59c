"""`content`: all that a report says about a fit, as plain data."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scalejax.conclusions import identifiability
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.isoflop import Isoflop, isoflop
from scalejax.plots import residual_frame
from scalejax.reporting.blocks import Absent, Report, Section, attempt
from scalejax.reporting.evidence import (
    data_section,
    fit_section,
    interval_kinds,
    uncertainty_section,
)
from scalejax.reporting.manifest import manifest_section
from scalejax.reporting.questions import (
    diagnostics,
    influence_part,
    prediction_section,
    sensitivity_section,
)
from scalejax.reporting.studies import (
    chosen_conclusions,
    conclusion_frame,
    prediction_table,
    refits,
    with_moves,
)
from scalejax.reporting.verdict import judge
from scalejax.resampling import check_level


@dataclass(frozen=True)
class Asked:
    """What a reader may choose.

    Attributes:
        level: Probability of the intervals.
        title: The title; made from the source if not given.
        budgets: Compute budgets in FLOP whose best model is wanted, for laws of N and D; 100 times
            the largest run if not given.
        discrepancy: Relative error of the law per decade beyond the data that is declared.
        about: Answers to the reporting checklist by question, see
            `scalejax.reporting.saved_answers`.
    """

    level: float = 0.95
    title: str | None = None
    budgets: Sequence[float] | None = None
    discrepancy: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_level(self.level)
        wrong = [b for b in self.budgets or () if not (np.isfinite(b) and b > 0)]
        if wrong:
            raise UsageError(f"a budget is positive compute in FLOP, not {wrong[0]!r}.")
        if self.discrepancy is not None and not self.discrepancy >= 0:
            raise UsageError(
                f"discrepancy is a share per decade such as 0.005, not {self.discrepancy!r}."
            )


def content(
    fit: Fit, asked: Asked | None = None, tell: Callable[[str], None] | None = None
) -> Report:
    """Put all questions to a fit and write down the answers.

    Args:
        fit: The fit, of any status; what cannot be answered is named with the reason.
        asked: What the reader chose.
        tell: Told what begins, a few times.

    Returns:
        The report.

    Raises:
        UsageError: Budgets are given for a law that is not one of N and D.
    """
    asked, tell = asked or Asked(), tell or _silence
    level, budgets = asked.level, asked.budgets
    what = chosen_conclusions(fit, budgets)
    tell("refitting without each run and under other choices")
    with ThreadPoolExecutor(1) as pool:
        # Refits compile outside of Python's lock, while pictures are drawn inside it.
        refitting = pool.submit(refits, fit, what, level)
        found = attempt("Conclusions", lambda: conclusion_frame(fit, what, level))
        identified = attempt("Identifiability", lambda: identifiability(fit))
        kinds = attempt("Intervals by kind", lambda: interval_kinds(fit, level))
        slices = attempt("IsoFLOP slices", lambda: isoflop(fit))
        predicted = attempt(
            "Prediction", lambda: prediction_table(fit, level, budgets, asked.discrepancy)
        )
        tell("data and fit")
        data, fitted = data_section(fit, level), fit_section(fit, level)
        tell("uncertainty")
        uncertain, correlations = uncertainty_section(fit, level, kinds)
        tell("prediction")
        prediction = prediction_section(fit, predicted, level, asked.discrepancy)
        tell("diagnostics")
        parts = diagnostics(fit, identified, slices)
        tell("waiting for the refits")
        refitted = refitting.result()
    if not isinstance(found, Absent):
        found = with_moves(found, refitted.sensitivity)
    tell("influence and sensitivity")
    sections = [
        data,
        fitted,
        uncertain,
        Section("diagnostics", "Diagnostics", [*parts, influence_part(refitted.influence)]),
        sensitivity_section(refitted.sensitivity),
        prediction,
        manifest_section(fit, asked.about),
    ]
    frames = {
        "conclusions": found,
        "parameters": fit.to_frame(level),
        "intervals": kinds,
        "correlations": _with_names(correlations),
        "rows": attempt("Rows", lambda: residual_frame(fit)),
        "set_aside": pd.DataFrame([vars(item) for item in fit.table.set_aside]),
        "influence": refitted.influence,
        "sensitivity": refitted.sensitivity,
        "isoflop": slices.minima if isinstance(slices, Isoflop) else slices,
        "predictions": predicted,
    }
    return Report(
        title=asked.title or f"Scaling-law fit of {fit.table.source}",
        subtitle=f"{fit.law.name} on {fit.table.n_rows} runs",
        verdict=judge(fit, found, identified, refitted, kinds),
        sections=sections,
        frames={
            name: frame
            for name, frame in frames.items()
            if not isinstance(frame, Absent) and len(frame)
        },
    )


def _silence(text: str) -> None:
    """Tell nobody."""


def _with_names(correlations: pd.DataFrame | Absent) -> pd.DataFrame | Absent:
    """Correlations with the names of their rows as a column."""
    if isinstance(correlations, Absent):
        return correlations
    return correlations.rename_axis("parameter").reset_index()
