"""`content`: all that a report says about a fit, as plain data.

Here the sections are put together; `scalejax.reporting.page` makes a page of them.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from scalejax.amounts import DISCREPANCY, read
from scalejax.conclusions import Point, identifiability
from scalejax.fitting import Fit, about_backtest
from scalejax.isoflop import Isoflop, isoflop
from scalejax.plots import residual_frame
from scalejax.reporting.answers import (
    check_robustness,
    conclusion_frame,
    conclusions_at,
    larger_runs,
    prediction_table,
    with_moves,
)
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
from scalejax.reporting.verdict import judge
from scalejax.resampling import check_level


@dataclass(frozen=True)
class ReportOptions:
    """What the person who writes a report may choose.

    Attributes:
        level: Probability of the intervals.
        title: The title; made from the source if not given.
        at: Points that the report concludes about, as for `scalejax.conclusions.conclude`: computes
            in FLOP, or runs. 100 times the compute of the largest run if not given.
        discrepancy: Relative standard deviation of the law itself for each decade beyond the data.
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
        if self.discrepancy is not None:
            read("discrepancy", self.discrepancy, DISCREPANCY)


def content(
    fit: Fit, options: ReportOptions | None = None, tell: Callable[[str], None] | None = None
) -> Report:
    """All sections and frames of a report on a fit.

    Args:
        fit: The fit, of any status; what cannot be answered is named with the reason.
        options: Level, points and the like; the defaults if not given.
        tell: Called with a few words whenever the next step begins.

    Returns:
        The report.

    Raises:
        UsageError: A point does not go with the law.
    """
    options, tell = options or ReportOptions(), tell or _silence
    level, at = options.level, options.at
    what = conclusions_at(fit, at)
    tell("refitting without each run and under other choices")
    with ThreadPoolExecutor(1) as pool:
        # Refits compile outside of Python's lock, while pictures are drawn inside it.
        job = pool.submit(copy_context().run, check_robustness, fit, what, level)
        conclusions = attempt("Conclusions", lambda: conclusion_frame(fit, what, level))
        identified = attempt("Identifiability", lambda: identifiability(fit))
        kinds = attempt("Intervals by kind", lambda: interval_kinds(fit, level))
        slices = attempt("IsoFLOP slices", lambda: isoflop(fit))
        forecast = attempt(
            "Forecast", lambda: fit.forecast(pd.DataFrame(larger_runs(fit, at)[2]), level)
        )
        predictions = attempt(
            "Prediction",
            lambda: prediction_table(fit, level, at, options.discrepancy, forecast),
        )
        tell("data and fit")
        data, fit_part = data_section(fit, level), fit_section(fit, level)
        tell("uncertainty")
        uncertainty, correlations = uncertainty_section(fit, level, kinds)
        tell("prediction")
        prediction = prediction_section(fit, predictions, level, options.discrepancy)
        tell("diagnostics")
        parts = diagnostics(fit, identified, slices)
        tell("waiting for the refits")
        robustness = job.result()
    if not isinstance(conclusions, Absent):
        conclusions = with_moves(conclusions, robustness.sensitivity)
    tell("influence and sensitivity")
    sections = [
        data,
        fit_part,
        uncertainty,
        Section("diagnostics", "Diagnostics", [*parts, influence_part(robustness.influence)]),
        sensitivity_section(robustness.sensitivity),
        prediction,
        manifest_section(fit, options.about),
    ]
    frames = {
        "conclusions": conclusions,
        "parameters": fit.to_frame(level),
        "intervals": kinds,
        "correlations": _with_names(correlations),
        "rows": attempt("Rows", lambda: residual_frame(fit)),
        "set_aside": pd.DataFrame([vars(item) for item in fit.table.set_aside]),
        "influence": robustness.influence,
        "sensitivity": robustness.sensitivity,
        "isoflop": slices.minima if isinstance(slices, Isoflop) else slices,
        "predictions": predictions,
    }
    return Report(
        title=options.title or f"Scaling-law fit of {fit.table.source}",
        subtitle=f"{fit.law.name} on {fit.table.n_rows} runs",
        verdict=judge(
            fit,
            conclusions,
            identified,
            robustness,
            kinds,
            None if isinstance(forecast, Absent) else about_backtest(forecast),
        ),
        sections=sections,
        frames={
            name: frame
            for name, frame in frames.items()
            if not isinstance(frame, Absent) and len(frame)
        },
    )


def _silence(text: str) -> None:
    """Do nothing with the words on what begins."""


def _with_names(correlations: pd.DataFrame | Absent) -> pd.DataFrame | Absent:
    """Correlations with the names of their rows as a column."""
    if isinstance(correlations, Absent):
        return correlations
    return correlations.rename_axis("parameter").reset_index()
