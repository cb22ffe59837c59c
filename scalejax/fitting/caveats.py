"""What speaks for a fit and what against it: one set of rules for summaries, plans and reports.

Each rule is a function of a fit that gives `Caveat` records, for or against.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.engine import FEW_CLUSTERS
from scalejax.fitting.checkpoints import LOOK_LIKE_CHECKPOINTS
from scalejax.fitting.intervals import MOST_FAILED
from scalejax.fitting.judgement import Caveat, Judgement, Weight, judged
from scalejax.fitting.record import FitRecord
from scalejax.fitting.residual_caveats import about_bends, about_outliers, residual_unit
from scalejax.resampling import FEW_RUNS
from scalejax.status import CONDITION_LIMIT, WEAK_CONDITION, Status


def for_and_against(fit: FitRecord, backtest: Caveat | None = None) -> Judgement:
    """What speaks for a fit and what against it.

    Args:
        fit: The fit.
        backtest: How well the law would have predicted the largest runs, if somebody tried: it
            stands first on its side.
    """
    found = [backtest] if backtest else []
    rules = _RULES if fit.free else _RULES_OF_GIVEN
    return judged([*found, *(one for rule in rules for one in rule(fit))], _strength(fit))


def failed_share(fit: FitRecord) -> float:
    """Share of the resamples that failed; zero without any."""
    return float(np.mean(~fit.draws.usable)) if len(fit.draws) else 0.0


def _strength(fit: FitRecord) -> str:
    used = fit.table.weight > 0
    typical = float(np.median(np.abs(fit.residuals[used]) / residual_unit(fit)[used]))
    return f"the law meets its {int(np.sum(used))} rows to {100 * typical:.2g} % (median)"


def _about_status(fit: FitRecord) -> Iterator[Caveat]:
    label, sentence = fit.status.label, fit.sentence
    text = sentence if sentence.lower().startswith(label) else f"{label}: {sentence}"
    if fit.status == Status.CONVERGED:
        yield Caveat("status", text, "for", "converged")
    elif fit.status == Status.BOUND_HIT:
        names = ", ".join(fit.on_bound)
        yield Caveat("status", text, "care", f"{names} lies on a bound" if names else "on a bound")
    else:
        short = "it is no certified minimum"
        if fit.status == Status.NOT_IDENTIFIED:
            short = f"the runs do not determine {', '.join(fit.flat) or 'all parameters'}"
        yield Caveat("status", text, "fault", f"{short} ({label})")


def _about_given(fit: FitRecord) -> Iterator[Caveat]:
    if fit.is_minimum:
        text = "Nothing was fitted: all coefficients are as they were given, and have no intervals."
        yield Caveat("status", text, "note")
    else:
        yield from _about_status(fit)


def _about_resamples(fit: FitRecord) -> Iterator[Caveat]:
    count = len(fit.draws)
    if not count:
        alike = "alike within clusters" if fit.table.cluster is not None else "independent"
        yield Caveat(
            "resamples",
            "There are no resamples: intervals come from the covariance at the estimate, and rows "
            f"are taken as {alike}.",
            short="there are no resamples",
        )
        return
    failed = Counter(Status(code).label for code in fit.draws.status[~fit.draws.usable])
    if not failed:
        yield Caveat(
            "resamples",
            f"All {count} resamples ended in a minimum ({fit.draws.method}).",
            "for",
            f"all {count} resamples ended in a minimum",
        )
        return
    kinds = ", ".join(f"{number} {name}" for name, number in failed.most_common())
    short = f"{sum(failed.values())} of {count} resamples failed"
    weight: Weight = "fault" if failed_share(fit) > MOST_FAILED else "care"
    yield Caveat("resamples", f"{short}: {kinds}.", weight, short)


def _about_condition(fit: FitRecord) -> Iterator[Caveat]:
    text = f"Condition {fit.condition:.3g} of the scaled Jacobian"
    # Written so that NaN, of a fit that came to nothing, is no condition to rely on.
    if not fit.condition < CONDITION_LIMIT or fit.status == Status.NOT_IDENTIFIED:
        flat = ", ".join(fit.flat) or "some direction"
        yield Caveat("condition", f"{text}: not identified; flat: {flat}.", "fault", _open(fit))
    elif fit.condition >= WEAK_CONDITION:
        yield Caveat(
            "condition",
            f"{text}: weak; intervals are wide in some direction.",
            "care",
            "the runs determine some of the parameters only weakly",
        )
    elif failed_share(fit) > MOST_FAILED:
        yield Caveat(
            "condition", f"{text}: good at the estimate, but not where the resamples lead.", "note"
        )
    else:
        yield Caveat("condition", f"{text}: fine.", "for", f"condition {fit.condition:.3g}")


def _open(fit: FitRecord) -> str:
    return f"the runs do not determine {', '.join(fit.flat) or 'all parameters'}"


def _about_starts(fit: FitRecord) -> Iterator[Caveat]:
    text = f"{fit.agreeing} of {fit.starts} starts agree on the lowest objective."
    short = f"{fit.agreeing} of {fit.starts} starts agree"
    if 2 * fit.agreeing < fit.starts:
        yield Caveat("starts", f"Only {text}", "care", f"only {short}")
    else:
        yield Caveat("starts", text, "for", short)


def _about_number(fit: FitRecord) -> Iterator[Caveat]:
    table = fit.table
    clusters = len(table.cluster_labels) if table.cluster is not None else 0
    runs = clusters or int(np.sum(table.weight > 0))
    kind = "clusters" if clusters else "runs"
    if runs < FEW_RUNS:
        yield Caveat(
            "few runs",
            f"{runs} {kind} are few: with fewer than {FEW_RUNS}, intervals are too narrow.",
            short=f"{runs} {kind} are few",
        )
    elif 0 < clusters < FEW_CLUSTERS:
        yield Caveat(
            "few runs",
            f"{clusters} clusters are few: intervals may be too narrow.",
            short=f"{clusters} clusters are few",
        )


def _about_checkpoints(fit: FitRecord) -> Iterator[Caveat]:
    table = fit.table
    looks = any(note.startswith(LOOK_LIKE_CHECKPOINTS) for note in table.notes)
    declared = table.cluster is not None and are_checkpoints(table.inputs, table.cluster)
    if not looks and not declared:
        return
    runs = len(table.cluster_labels)
    of_runs, ends = (
        (f" of {runs} runs", f"the {runs} final losses") if runs else ("", "final losses")
    )
    what = "are" if declared else "look like"
    yield Caveat(
        "checkpoints",
        f"The rows {what} {table.n_rows} checkpoints{of_runs}. Inside a schedule whose rate decays "
        f"they are not final losses, which are lower, and no law of N and D sees that: fit {ends} "
        "alone, or first forecast them from the steps and rates of each run (in Python, "
        "scalejax.curve_fits.forecast_curve).",
        "care" if looks else "note",
        "the rows look like checkpoints, not final losses",
    )


def are_checkpoints(inputs: Mapping[str, Floats], cluster: Ints) -> bool:
    """Whether most rows lie within clusters of one N and growing D, which is what runs leave."""
    if not {"N", "D"} <= set(inputs):
        return False
    inside = 0
    for code in np.unique(cluster):
        n, d = (inputs[name][cluster == code] for name in ("N", "D"))
        # Counts are typed with few digits; embeddings do not change while a model trains.
        if len(n) > 1 and np.ptp(n) <= 1e-6 * n[0] and len(np.unique(d)) == len(d):
            inside += len(n)
    return 2 * inside > len(cluster)


_RULES: tuple[Callable[[FitRecord], Iterator[Caveat]], ...] = (
    _about_status,
    about_bends,
    _about_number,
    _about_resamples,
    _about_condition,
    _about_starts,
    _about_checkpoints,
    about_outliers,
)

_RULES_OF_GIVEN = (_about_given, _about_checkpoints, about_outliers)
"""The rules for a law with given coefficients."""
