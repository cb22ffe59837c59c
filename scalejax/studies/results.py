"""What a study found: a tidy frame, one row for each problem and quantity, made from its shards.

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
from numpy.typing import NDArray

from scalejax.resampling import percentile_interval
from scalejax.status import MINIMA, Status
from scalejax.studies.problems import Problems
from scalejax.studies.solving import PARAMETER

Floats = NDArray[np.float64]

ERRORS = ("ARE", "bias")
"""Quantities of the held-out rows: mean absolute and mean signed relative error."""

NUMBERS = ("estimate", "stderr", "lo", "hi")

SEED_FLOOR, RANKS = 0.04, 0.20
"""Error that seeds alone make, and error that still ranks choices (arXiv:2410.11840, section 4)."""

_MINIMA = [status.label for status in MINIMA]


def summaries(problems: Problems, shards: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """A table of summaries for each shard that completes a problem, in the order of the shards."""
    described = problems.frame()
    level = problems.study.level
    asked = problems.study.resamples + 1
    waiting: list[pa.Table] = []
    for shard in shards:
        waiting.append(shard)
        if sum(part.num_rows for part in waiting) % asked:
            continue
        whole = pa.concat_tables(waiting)
        waiting = []
        yield _summarise(whole, described, asked, level)


def skipped(problems: Problems) -> pd.DataFrame:
    """The problems that had no rows, with the reason."""
    frame = problems.frame()
    return frame[frame["reason"] != ""].reset_index(drop=True)


def _summarise(shard: pa.Table, described: pd.DataFrame, asked: int, level: float) -> pa.Table:
    """Whole problems: `asked` rows each, the first of which is the estimate."""
    count = shard.num_rows // asked
    status = shard["status"].to_numpy().reshape(count, asked)
    usable = np.isin(status, MINIMA)
    place = shard["problem"].to_numpy().reshape(count, asked)[:, 0]
    quantities = [name for name in shard.column_names if name in ERRORS or PARAMETER in name]
    parts = []
    for name in quantities:
        values = shard[name].to_numpy().reshape(count, asked)
        numbers = [_interval(v, u, level) for v, u in zip(values, usable, strict=True)]
        parts.append(
            pd.DataFrame(
                {
                    "quantity": name.removeprefix(PARAMETER),
                    **dict(zip(NUMBERS, np.array(numbers).T, strict=True)),
                }
            )
        )
    head = described.iloc[place].reset_index(drop=True).drop(columns="reason")
    head["status"] = [Status(code).label for code in status[:, 0]]
    head["b_asked"], head["b_used"] = asked - 1, usable[:, 1:].sum(axis=1)
    frame = pd.concat([pd.concat([head, part], axis=1) for part in parts])
    # Problem by problem, and the quantities of one in their order.
    frame = frame.sort_index(kind="stable").reset_index(drop=True)
    return pa.Table.from_pandas(frame, preserve_index=False)


def _interval(values: Floats, usable: NDArray[np.bool_], level: float) -> tuple[float, ...]:
    """Estimate, standard error and ends of one quantity from its draws (B,)."""
    missing = float("nan")
    draws = values[1:][usable[1:]]
    if not usable[0] or len(draws) < 2:
        return float(values[0]), missing, missing, missing
    low, high = percentile_interval(draws, level)
    return float(values[0]), float(np.std(draws, ddof=1)), float(low), float(high)


class StudyResult:
    """What a study found.

    `frame` has one row for each problem and quantity: the family, the subset, the recipe, counts,
    estimate, stderr, lo, hi, status, resamples asked for and used.

    Attributes:
        problems: What was fitted.
        skipped: Problems that had nothing to fit, with the reason.
    """

    def __init__(self, problems: Problems, found: pd.DataFrame | Path) -> None:
        """From the frame itself, or the Parquet file that holds it."""
        self.problems = problems
        self._found = found
        self.skipped = skipped(problems)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each problem and quantity."""
        if isinstance(self._found, pd.DataFrame):
            return self._found
        return pq.read_table(self._found).to_pandas()

    @property
    def failed(self) -> pd.DataFrame:
        """The problems whose estimate is no minimum, one row each, with what to do."""
        one = self.frame.drop_duplicates("problem").drop(columns=["quantity", *NUMBERS])
        bad = one[~one["status"].isin(_MINIMA)]
        sentences = {status.label: status.sentence for status in Status}
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
        found = self.frame[self.frame["quantity"] == "ARE"]
        found = found.assign(usable=found["status"].isin(_MINIMA))
        rows = []
        for values, part in found.groupby(keys, sort=True, dropna=False):
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

    def summary(self) -> str:
        """What a person should read first, as plain text."""
        from scalejax.studies.summary import summarise

        return summarise(self)


def _median_interval(part: pd.DataFrame, level: float, seed: int) -> tuple[float, float]:
    """Interval of the median over problems when families are drawn with replacement."""
    families = [group["estimate"].to_numpy() for _, group in part.groupby("family")]
    if len(families) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(families), (1000, len(families)))
    medians = [np.median(np.concatenate([families[k] for k in pick])) for pick in picks]
    low, high = percentile_interval(medians, level)
    return float(low), float(high)
