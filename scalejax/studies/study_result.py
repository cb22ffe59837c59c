"""`StudyResult`: a tidy frame, one row for each problem and quantity, made from the shards.

Shards are read one after the other and each problem is summarised as soon as all its resamples are
there, so that memory does not grow with the number of problems. A resample counts if it is a
minimum; one that failed is counted and left out, and a problem whose own estimate failed has no
interval and a status that says so.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax._arrays import Floats, Ints
from scalejax.quantities import short_number
from scalejax.resampling import percentile_interval
from scalejax.result import Result
from scalejax.status import MINIMA, Status
from scalejax.studies.forecasts import FORECAST, HIGH, LOSS, LOW, REASON
from scalejax.studies.problems import Problems
from scalejax.studies.solving import PARAMETER
from scalejax.wording import aligned, digits

ERRORS = ("ARE", "bias")
"""Quantities of the held-out rows: mean absolute and mean signed relative error.

An interval of the first may lie above its estimate, as a size has no sign: resamples that miss in
either direction make it larger. The second says on which side.
"""

NUMBERS = ("estimate", "stderr", "lo", "hi")

SEED_FLOOR, RANKS = 0.04, 0.20
"""Relative error that seeds alone make, and one that still ranks choices.

Choshen, Zhang and Andreas 2024, A Hitchhiker's Guide to Scaling Law Estimation (arXiv:2410.11840),
section 4.
"""

# Resamples of families for the interval of a median: as many as one fit has, by judgement.
_DRAWS = 1000
_MINIMA = [status.label for status in MINIMA]


def summaries(problems: Problems, shards: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """A table of summaries for each shard that completes a problem, in the order of the shards."""
    per_problem = problems.study.resamples + 1
    waiting: list[pa.Table] = []
    for shard in shards:
        waiting.append(shard)
        if sum(part.num_rows for part in waiting) % per_problem:
            continue
        whole = pa.concat_tables(waiting)
        waiting = []
        yield _summarise(whole, problems, per_problem)


def skipped_problems(problems: Problems) -> pd.DataFrame:
    """The problems that had no rows, with the reason."""
    frame = problems.frame()
    return frame[frame["reason"] != ""].reset_index(drop=True)


def _summarise(shard: pa.Table, problems: Problems, per_problem: int) -> pa.Table:
    """Summaries of whole problems: `per_problem` rows each, the first of which is the estimate.

    Where a single run is fitted there is nothing to resample, so there is no interval.
    """
    count = shard.num_rows // per_problem
    status = shard["status"].to_numpy().reshape(count, per_problem)
    usable = np.isin(status, MINIMA)
    place = shard["problem"].to_numpy().reshape(count, per_problem)[:, 0]
    head = problems.frame(place).drop(columns="reason")
    usable[:, 1:] &= usable[:, :1] & (head["n_units"].to_numpy() > 1)[:, None]
    usable_draws = usable[:, 1:].sum(axis=1)
    parts = []
    for name in [name for name in shard.column_names if name in ERRORS or PARAMETER in name]:
        values = shard[name].to_numpy().reshape(count, per_problem)
        spread = _spread(
            np.where(usable, values, np.nan)[:, 1:], usable_draws, problems.study.level
        )
        numbers = dict(zip(NUMBERS, (values[:, 0], *spread), strict=True))
        parts.append(pd.DataFrame({"quantity": name.removeprefix(PARAMETER), **numbers}))
    head["status"] = [Status(code).label for code in status[:, 0]]
    head["b_asked"], head["b_used"] = per_problem - 1, usable_draws
    for name in [name for name in FORECAST if name in shard.column_names]:
        head[name] = shard[name].to_pandas().to_numpy().reshape(count, per_problem)[:, 0]
    frame = pd.concat([pd.concat([head, part], axis=1) for part in parts])
    # Problem by problem, and the quantities of one in their order.
    frame = frame.sort_index(kind="stable").reset_index(drop=True)
    return pa.Table.from_pandas(frame, preserve_index=False)


def _spread(draws: Floats, counts: Ints, level: float) -> tuple[Floats, Floats, Floats]:
    """Standard error and ends of the interval from draws (P, B); `counts` (P,) are not NaN."""
    stderr, low, high = np.full((3, len(draws)), np.nan)
    # Problems with as many draws are one array without gaps: most have them all.
    for number in np.unique(counts[counts > 1]):
        same = counts == number
        values = np.sort(draws[same], axis=1)[:, :number]
        stderr[same] = np.std(values, axis=1, ddof=1)
        low[same], high[same] = percentile_interval(values.T, level)
    return stderr, low, high


class StudyResult(Result):
    """The estimates, intervals and held-out errors of a study.

    `frame` has one row for each problem and quantity: the family, the subset, the recipe, counts,
    estimate, stderr, lo, hi, status, resamples asked for and used. Where the study has a run to
    come (`Study.forecast_at`), each row has the forecast of its problem too: ``forecast``,
    ``forecast_lo`` and ``forecast_hi``, or ``forecast_reason`` where there is none.

    Attributes:
        problems: What was fitted.
        skipped: Problems that had nothing to fit, with the reason.
    """

    def __init__(self, problems: Problems, source: pd.DataFrame | Path) -> None:
        """From the frame itself, or the Parquet file that holds it."""
        self.problems = problems
        self._source = source
        self.skipped = skipped_problems(problems)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each problem and quantity."""
        if isinstance(self._source, pd.DataFrame):
            return self._source
        return pq.read_table(self._source).to_pandas()

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """The rows of `frame` with the error on what was held out, one for each problem."""
        if isinstance(self._source, pd.DataFrame):
            return self._source[self._source["quantity"] == "ARE"]
        # The rest of a large study need not come into memory.
        return pq.read_table(self._source, filters=[("quantity", "=", "ARE")]).to_pandas()

    @property
    def failed(self) -> pd.DataFrame:
        """The problems whose estimate is no minimum, one row each, with what to do."""
        bad = self.held_out[~self.held_out["status"].isin(_MINIMA)]
        sentences = {status.label: status.sentence for status in Status}
        bad = bad.drop(columns=["quantity", *NUMBERS])
        return bad.assign(what_to_do=bad["status"].map(sentences)).reset_index(drop=True)

    @property
    def usable(self) -> pd.DataFrame:
        """The rows of `frame` whose estimate is a minimum."""
        return self.frame[self.frame["status"].isin(_MINIMA)]

    def wide(self) -> pd.DataFrame:
        """One row a problem with a column for the estimate of each quantity."""
        keys = [name for name in self.frame if name not in ("quantity", *NUMBERS)]
        wide = self.frame.set_index([*keys, "quantity"])["estimate"].unstack("quantity")
        order = [name for name in dict.fromkeys(self.frame["quantity"]) if name in wide]
        return wide[order].reset_index().sort_values("problem", ignore_index=True)

    def errors(self, by: str | list[str] = "recipe", level: float = 0.95) -> pd.DataFrame:
        """Median held-out error of the problems that were fitted, by any columns of the frame.

        Args:
            by: Columns to group by, such as ``["recipe", "models"]``.
            level: Probability of the interval of the median, from resampling whole families.

        Returns:
            The columns of `by`, problems, families, failed, ARE (median), lo, hi.
        """
        keys = [by] if isinstance(by, str) else list(by)
        held_out = self.held_out.assign(usable=self.held_out["status"].isin(_MINIMA))
        rows = []
        for values, part in held_out.groupby(keys, sort=True, dropna=False):
            good = part[part["usable"] & part["estimate"].notna()]
            low, high = _median_interval(good, level, self.problems.study.seed)
            rows.append(
                {
                    **dict(zip(keys, values, strict=True)),
                    "problems": len(good),
                    "families": good["family"].nunique(),
                    "failed": int((~part["usable"]).sum()),
                    "ARE": float(good["estimate"].median()),
                    "lo": low,
                    "hi": high,
                }
            )
        columns = [*keys, "problems", "families", "failed", "ARE", "lo", "hi"]
        return pd.DataFrame(rows, columns=columns)

    def of(self, rows: pd.DataFrame) -> "StudyResult":
        """The same for a part of the rows, or with columns of your own."""
        return StudyResult(self.problems, rows)

    def to_frame(self) -> pd.DataFrame:
        """Tidy frame, one row per problem and quantity: `frame`."""
        return self.frame

    def summary(self) -> str:
        """What a person should read first, as plain text."""
        return _summary(self)


def _median_interval(part: pd.DataFrame, level: float, seed: int) -> tuple[float, float]:
    """Interval of the median over problems when families are drawn with replacement."""
    part = part.sort_values("estimate")
    family, names = pd.factorize(part["family"])
    if len(names) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    values, middles = part["estimate"].to_numpy(), []
    for _ in range(_DRAWS):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        # The problems of a family come as often as the family, in the order of their errors.
        below = np.cumsum(times[family])
        both = np.searchsorted(below, [(below[-1] - 1) // 2 + 1, below[-1] // 2 + 1])
        middles.append(values[both].mean())
    low, high = percentile_interval(middles, level)
    return float(low), float(high)


# Rows of the table of errors in a summary: what a terminal shows at once.
_MOST_ROWS = 20


def _summary(result: StudyResult) -> str:
    """Counts, held-out errors by recipe, failures and skipped problems, as plain text."""
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
    if study.forecast_at:
        lines += ["", *_forecasts(result)]
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
    varying = _varying(result)
    errors = result.errors(["recipe", *varying])
    rows = [
        [
            *(_word(name, row[name]) for name in ["recipe", *varying]),
            f"{row['problems']:,}",
            f"{row['ARE']:.1%}" if row["problems"] else "-",
            f"{row['lo']:.1%} to {row['hi']:.1%}" if row["families"] > 1 else "-",
        ]
        for _, row in errors.head(_MOST_ROWS).iterrows()
    ]
    head = ["recipe", *varying, "laws", "median error", "interval"]
    lines = [
        f"Error on the last {result.problems.study.target_part:.0%} of the largest run of each "
        "family, which was held out:",
        *aligned(head, rows),
    ]
    if len(errors) > _MOST_ROWS:
        lines.append(f"and {len(errors) - _MOST_ROWS} more: StudyResult.errors has them all")
    lines.append(
        f"Below about {SEED_FLOOR:.0%} an error says little: seeds of one model differ by as much. "
        f"Up to {RANKS:.0%} it still ranks choices (arXiv:2410.11840)."
    )
    return lines


def _forecasts(result: StudyResult) -> list[str]:
    """The forecast of each problem, and why some have none."""
    study, one = result.problems.study, result.held_out
    varying = ["family", "recipe", *_varying(result)]
    rows = [
        [
            *(_word(name, row[name]) for name in varying),
            digits(row[LOSS], 5),
            f"{digits(row[LOW], 5)} to {digits(row[HIGH], 5)}",
        ]
        for _, row in one[one[REASON] == ""].sort_values("problem").head(_MOST_ROWS).iterrows()
    ]
    at = study.forecast_at
    run = (
        f"{at} the largest compute of each"
        if isinstance(at, str)
        else ", ".join(f"{name}={short_number(value)}" for name, value in (at or {}).items())
    )
    lines = [
        f"Forecast of {run} ({100 * study.level:g} % intervals of a new run):",
        *aligned([*varying, "loss", "interval"], rows),
    ]
    counts = one.loc[one[REASON] != "", REASON].value_counts()
    if (rest := len(one) - int(counts.sum()) - len(rows)) > 0:
        lines.append(f"and {rest:,} more: StudyResult.held_out has them all")
    return lines + [f"{count:,} have none: {why}" for why, count in counts[:5].items()]


def _varying(result: StudyResult) -> list[str]:
    """The choices that differ between subsets."""
    names = ("models", "choose", "drop", "since", "until", "own")
    return [name for name in names if result.held_out[name].nunique() > 1]


def _word(name: str, value: object) -> str:
    if name == "models" and value == -1:
        return "all"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
