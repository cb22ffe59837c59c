"""A selection in words: which law extrapolates best, and which cannot be told from it."""

from scalejax.selection.record import Selection
from scalejax.wording import aligned


def summarise(selection: Selection, level: float) -> str:
    """The verdict, the ranking, and what failed, as plain text."""
    ranking = selection.ranking(level)
    tied = [str(name) for name in ranking.index[ranking["tied"]]]
    best = str(ranking.index[0])
    held = int(sum(fold.test.sum() for fold in selection.folds))
    farthest = max(float(fold.distance.max()) for fold in selection.folds)
    lines = [
        _verdict(best, tied, level),
        "",
        f"{len(selection.folds)} folds along {selection.axis} hold out {held} predictions, up to "
        f"{farthest:.1f} decades beyond what was trained on; {len(selection.multipliers) - 1} "
        f"common resamples, seed {selection.seed}.",
        "",
    ]
    rows = [
        [
            str(name),
            f"{100 * row['are']:.2f} %",
            _between(100 * row["are_lo"], 100 * row["are_hi"]),
            f"{100 * row['behind']:+.2f} %",
            _between(100 * row["behind_lo"], 100 * row["behind_hi"]),
            f"{100 * row['best_in']:.0f} %",
            f"{row['delta_aicc']:.1f}",
        ]
        for name, row in ranking.iterrows()
    ]
    named = f"{100 * level:g} %"
    header = ["law", "held-out ARE", named, "behind", named, "wins", "delta AICc"]
    lines += aligned(header, rows)
    lines += [
        "",
        "ARE: mean of |predicted / observed - 1| over what was held out. behind: the difference "
        "to the best law under the same resamples. wins: resamples in which the law is the best.",
    ]
    failing = ranking[ranking["converged"] < 1]
    lines += [
        f"{name}: {100 * (1 - share):.1f} % of its refits are no minimum and were left out."
        for name, share in failing["converged"].items()
    ]
    lines += [f"{name}: not fitted. {reason}" for name, reason in selection.failed.items()]
    return "\n".join(lines)


def _verdict(best: str, tied: list[str], level: float) -> str:
    others = [name for name in tied if name != best]
    if not others:
        return f"{best} extrapolates best, and the others are behind it at {100 * level:g} %."
    return (
        f"{best} extrapolates best, but these runs cannot tell it from {', '.join(others)}: "
        "predict with all of them."
    )


def _between(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}"
