"""The summary of a study as plain text: the errors, what failed and what was skipped."""

from scalejax.status import MINIMA, Status
from scalejax.studies.results import RANKS, SEED_FLOOR, StudyResult
from scalejax.wording import aligned

_MOST_ROWS = 20


def summarise(result: StudyResult) -> str:
    """What a person should read first.

    The floor of about 4 % is what differs between seeds of one model (arXiv:2410.11840, section 4).
    """
    study, problems = result.problems.study, result.problems
    one = result.held_out
    good = len(one) - len(result.failed)
    families = one["family"].nunique()
    lines = [
        f"{len(one):,} laws fitted to {families:,} famil{'y' if families == 1 else 'ies'}, "
        f"{study.resamples:,} resamples each ({study.resampling}, seed {study.seed}).",
        f"{good:,} are minima, {len(one) - good:,} failed, {len(result.skipped):,} of "
        f"{len(problems):,} were skipped because there was nothing to fit.",
    ]
    if alone := int((one["n_units"] < 2).sum()):
        lines.append(f"{alone:,} rest on a single run, so nothing can be resampled: no interval.")
    if study.target and one["estimate"].notna().any():
        lines += ["", *_errors(result)]
    if len(one) > good:
        lines += ["", "Failed:"]
        for label, count in one["status"].value_counts().items():
            status = Status[str(label).upper()]
            if status not in MINIMA:
                lines.append(f"  {count:,} {label}: {status.sentence}")
    if len(result.skipped):
        lines += ["", "Skipped, of families x subsets x recipes:"]
        counts = result.skipped["reason"].value_counts()
        lines += [f"  {count:,}: {why}" for why, count in counts[:5].items()]
        if len(counts) > 5:
            lines.append(f"  and {int(counts[5:].sum()):,} for {len(counts) - 5} other reasons")
    return "\n".join(lines)


def _errors(result: StudyResult) -> list[str]:
    """Median held-out error by recipe and by what varies between subsets."""
    varied = [
        name
        for name in ("models", "choose", "drop", "since", "until", "own")
        if result.held_out[name].nunique() > 1
    ]
    found = result.errors(["recipe", *varied])
    rows = [
        [
            *(_word(name, row[name]) for name in ["recipe", *varied]),
            f"{row['problems']:,}",
            f"{row['ARE']:.1%}" if row["problems"] else "-",
            f"{row['lo']:.1%} to {row['hi']:.1%}" if row["families"] > 1 else "-",
        ]
        for _, row in found.head(_MOST_ROWS).iterrows()
    ]
    head = ["recipe", *varied, "laws", "median error", "interval"]
    lines = [
        f"Error on the last {result.problems.study.target_part:.0%} of the largest run of each "
        "family, which was held out:",
        *aligned(head, rows),
    ]
    if len(found) > _MOST_ROWS:
        lines.append(f"and {len(found) - _MOST_ROWS} more: StudyResult.errors has them all")
    lines.append(
        f"Below about {SEED_FLOOR:.0%} an error says little: seeds of one model differ by as much. "
        f"Up to {RANKS:.0%} it still ranks choices (arXiv:2410.11840)."
    )
    return lines


def _word(name: str, value: object) -> str:
    if name == "models" and value == -1:
        return "all"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
