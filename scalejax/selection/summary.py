"""A selection as text: the verdict, how far it was tested, the numbers, and what is to be said."""

import textwrap

import numpy as np
import pandas as pd

from scalejax.selection.record import SelectionRecord
from scalejax.wording import WIDTH, aligned, how_far

_BY = {
    "density": "the mean log density of held-out runs under the forecast with the law inside",
    "error": "the mean held-out error of its plain fits",
    "aic": "AIC",
    "aicc": "corrected AIC",
    "bic": "BIC",
}


def summarise(record: SelectionRecord, ranking: pd.DataFrame, level: float) -> str:
    """The verdict, the ranking, and what is to be said of a law, as plain text."""
    count = int(sum(fold.test.sum() for fold in record.folds))
    lines = [
        _verdict(record, ranking, level),
        "",
        *_wrapped(
            f"{len(record.folds)} folds along {record.axis}, the same for all laws, hold out "
            f"{count} predictions{_reach(record)}; {len(record.multipliers) - 1} common resamples, "
            f"seed {record.seed}. Ranked by {_BY[record.criterion]}.",
        ),
        "",
        *_table(record, ranking, level),
        "",
        *_wrapped(
            "weight: share of the law in the mixture that gives most to what was held out. ln "
            "density: mean over held-out runs of that of ln loss, in nats; more is better. behind: "
            f"difference to the best law in {_unit(record)} under the same resamples. wins: "
            "resamples in which the law is the best. ARE: mean of |predicted / observed - 1| of "
            f"plain fits{_in_folds(record)}.",
        ),
    ]
    for name, row in ranking.iterrows():
        lines += _wrapped(*_notes(str(name), row))
    return "\n".join([*lines, *_wrapped(*record.notes)])


def _verdict(record: SelectionRecord, ranking: pd.DataFrame, level: float) -> str:
    ranked = ranking[ranking["rank"].notna()]
    if not len(ranked):
        return "No law could be ranked."
    best, tested = str(ranked.index[0]), how_far(record.tested, None)
    others = [str(name) for name in ranked.index[ranked["tied"]] if name != best]
    if not others:
        behind = f", and the others are behind it at {100 * level:g} %" * (len(ranked) > 1)
        return f"{best} extrapolates best{behind}; {tested}."
    return (
        f"{best} extrapolates best, but these runs cannot tell it from {', '.join(others)}: "
        f"look at what each of them predicts; {tested}."
    )


def _reach(record: SelectionRecord) -> str:
    if record.tested <= 0:
        return ""
    return f", up to {record.tested:.1f} decades beyond what was trained on"


def _unit(record: SelectionRecord) -> str:
    return {"density": "nats", "error": "per cent"}.get(record.criterion, record.criterion.upper())


def _in_folds(record: SelectionRecord) -> str:
    if record.shared.all():
        return ""
    return f", in the {int(record.shared.sum())} folds in which every law has one"


def _table(record: SelectionRecord, ranking: pd.DataFrame, level: float) -> list[str]:
    scale = 100 if record.criterion == "error" else 1
    rows = [
        [
            str(name),
            _number(100 * row["weight"], ".0f", " %"),
            _number(row["log_density"], ".2f"),
            _number(scale * row["behind"], "+.2f"),
            _between(scale * row["behind_lo"], scale * row["behind_hi"]),
            _number(100 * row["best_in"], ".0f", " %"),
            _number(100 * row["are"], ".2f", " %"),
            _number(row["delta_aicc"], ".1f"),
        ]
        for name, row in ranking.iterrows()
    ]
    interval = f"{100 * level:g} %"
    header = ["law", "weight", "ln density", "behind", interval, "wins", "ARE", "delta AICc"]
    return aligned(header, rows)


def _notes(name: str, row: "pd.Series[float]") -> list[str]:
    notes = []
    if np.isnan(row["rank"]):
        notes.append(f"{name}: not ranked. {row['note']}.")
    elif row["note"]:
        notes.append(f"{name}: {row['note']}; ranked all the same.")
    if row["converged"] < 1:
        notes.append(
            f"{name}: {100 * (1 - row['converged']):.1f} % of its refits are no minimum and were "
            "left out of the errors."
        )
    return notes


def _number(value: float, form: str, unit: str = "") -> str:
    return f"{value:{form}}{unit}" if np.isfinite(value) else "-"


def _between(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}" if np.isfinite(low) else "-"


def _wrapped(*lines: str) -> list[str]:
    return [textwrap.fill(line, WIDTH) for line in lines]
