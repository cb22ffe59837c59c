"""`content`: all that a report says about a fit, as plain data."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from scalejax.conclusions import Point, identifiability
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
class ReportOptions:
    """What a reader may choose.

    Attributes:
        level: Probability of the intervals.
        title: The title; made from the source if not given.
        at: Points that are wanted, as for `scalejax.conclusions.conclude`: computes in FLOP, or
            runs. 100 times the largest run if not given.
        discrepancy: Relative error of the law per decade beyond the data that is declared.
        about: Answers to the reporting checklist by question, see
            `scalejax.reporting.saved_answers`.
    """

    level: float = 0.95
    title: str | None = None
    at: Sequence[Point] | None = None
    discrepancy: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.discrepancy is not None and not self.discrepancy >= 0:
            raise UsageError(
                f"discrepancy is a share per decade such as 0.005, not {self.discrepancy!r}."
            )


def content(
    fit: Fit, options: ReportOptions | None = None, tell: Callable[[str], None] | None = None
) -> Report:
    """Put all questions to a fit and write down the answers.

    Args:
        fit: The fit, of any status; what cannot be answered is named with the reason.
        options: What the reader chose.
        tell: Told what begins, a few times.

    Returns:
        The report.

    Raises:
        UsageError: A point does not go with the law.
    """
    options, tell = options or ReportOptions(), tell or _silence
    level, at = options.level, options.at
    what = chosen_conclusions(fit, at)
    tell("refitting without each run and under other choices")
    with ThreadPoolExecutor(1) as pool:
        # Refits compile outside of Python's lock, while pictures are drawn inside it.
        refitting = pool.submit(refits, fit, what, level)
        found = attempt("Conclusions", lambda: conclusion_frame(fit, what, level))
        identified = attempt("Identifiability", lambda: identifiability(fit))
        kinds = attempt("Intervals by kind", lambda: interval_kinds(fit, level))
        slices = attempt("IsoFLOP slices", lambda: isoflop(fit))
        predicted = attempt(
            "Prediction", lambda: prediction_table(fit, level, at, options.discrepancy)
        )
        tell("data and fit")
        data, fitted = data_section(fit, level), fit_section(fit, level)
        tell("uncertainty")
        uncertain, correlations = uncertainty_section(fit, level, kinds)
        tell("prediction")
        prediction = prediction_section(fit, predicted, level, options.discrepancy)
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
        manifest_section(fit, options.about),
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
        title=options.title or f"Scaling-law fit of {fit.table.source}",
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
