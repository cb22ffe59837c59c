"""Warnings about data and fits that can be used but should be read with care, each said once."""

import warnings
from collections.abc import Mapping

import numpy as np

from scalejax._numerics import robust_sd
from scalejax.data import Table
from scalejax.engine import FEW_CLUSTERS
from scalejax.errors import DataWarning, FitWarning
from scalejax.fitting.checkpoints import RunLabel
from scalejax.fitting.fit import Fit
from scalejax.fitting.intervals import MOST_FAILED
from scalejax.status import WEAK_CONDITION, Status
from scalejax.vocabulary import argument

# Share of failed resamples from which a fit warns. Set by judgement, as `MOST_FAILED` is.
_FAILED_SHARE = 0.01

# Ratio of the scatter to sigma, or its inverse, that looks like a variance or another unit rather
# than noise. Set by judgement.
_FAR_FROM_SIGMA = 100.0


def warn_about_data(table: Table) -> None:
    """Repeat the warnings that the checks of a table gave."""
    for problem in table.warnings:
        warnings.warn(str(problem), DataWarning, stacklevel=4)


def warn_about_runs(runs: int, sign: str, resampled: bool, label: RunLabel | None) -> None:
    """Say that rows look like checkpoints, what was done about it, and what would be better."""
    unit = (
        "so whole runs were taken as the unit"
        if resampled
        else "but so few runs cannot be resampled, and intervals from rows are too narrow"
    )
    named = argument("run", label.column) if label else argument("run")
    curves = ""
    if label and label.schedule:
        step, rate = label.schedule
        curves = (
            f", or first forecast them from the columns {step!r} and {rate!r} with "
            "scalejax.curve_fits.forecast_curve"
        )
    warnings.warn(
        f"{sign}: they look like checkpoints of {runs} runs, {unit}. Name the runs with {named}, "
        f"or say {argument('resampling', 'pairs')} if all rows are independent. Losses from inside "
        "a decaying learning-rate schedule are not final ones, which are lower: keep only the last "
        f"row of each run{curves}.",
        FitWarning,
        stacklevel=5,
    )


def warn_about_fit(result: Fit) -> None:
    """Warn about the status, weak identification, failed resamples and few clusters."""
    if words := _about_sigma(result):
        _say(words)
    if result.status != Status.CONVERGED:
        _say(f"Status {result.status.label}. {result.sentence}")
    elif result.condition > WEAK_CONDITION:
        _say(
            f"Weakly identified: the scaled Jacobian has condition {result.condition:.2g}, so "
            "intervals are wide in some direction."
        )
    count, failed = len(result.draws), int(np.sum(~result.draws.usable))
    if failed > MOST_FAILED * count:
        clustered = result.table.cluster is not None
        instead = (
            f"{argument('resampling', 'jackknife')}, each cluster left out once, fails less often"
            if clustered
            else "asymptotic intervals need no draws"
        )
        _say(
            f"{failed} of {count} resamples did not end in a minimum: intervals from draws are "
            f"withheld, because what is left is no fair sample; {instead}."
        )
    elif failed > _FAILED_SHARE * count:
        _say(f"{failed} of {count} resamples did not end in a minimum and are not used.")
    clusters = len(result.table.cluster_labels)
    if count and 0 < clusters < FEW_CLUSTERS and "cluster" in result.draws.method:
        _say(f"only {clusters} clusters: intervals from fewer than {FEW_CLUSTERS} are rough.")


def _about_sigma(result: Fit) -> str:
    """W212 where the residuals scatter far more or less than sigma says; else empty."""
    table = result.table
    if "sigma" not in table.columns:
        return ""
    residual = result.curve(table.inputs, result.params) - table.target
    in_use = table.weight > 0
    ratio = robust_sd(residual[in_use] * np.sqrt(table.weight[in_use]))
    if 1 / _FAR_FROM_SIGMA <= ratio <= _FAR_FROM_SIGMA:
        return ""
    return (
        f"W212 column {table.columns['sigma']!r}: the losses scatter {ratio:.2g} times as much as "
        "sigma says; sigma is a standard deviation in units of the loss."
    )


def warn_about_groups(fits: Mapping[str, Fit]) -> None:
    """Warn with the names of the groups whose fit did not converge."""
    failed = [label for label, fit in fits.items() if fit.status != Status.CONVERGED]
    if failed:
        names = ", ".join(failed[:5]) + (" ..." if len(failed) > 5 else "")
        _say(
            f"{len(failed)} of {len(fits)} groups did not converge ({names}); see their status.",
        )


def _say(text: str) -> None:
    # The warning points at the line that calls fit().
    warnings.warn(text, FitWarning, stacklevel=5)
