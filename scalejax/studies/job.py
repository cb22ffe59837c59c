"""A study ready to be solved: its data checked, its problems cut into shards."""

from dataclasses import dataclass
from typing import Any, Unpack

from scalejax.data import TableOptions
from scalejax.engine import Layout, default_layout
from scalejax.errors import UsageError
from scalejax.studies.problems import Problems, make_problems, study_table
from scalejax.studies.shards import Shard, cut
from scalejax.studies.study import Study

# Chunks of a shard: more make less overhead, fewer lose less work when a job is stopped. Set by
# judgement, so that a shard takes seconds.
_CHUNKS_PER_SHARD = 16


@dataclass(frozen=True, eq=False)
class Job:
    """A study that is ready to be solved.

    Attributes:
        problems: All problems.
        shards: The pieces that they are solved and saved in.
        layout: How work is laid out on the devices.
    """

    problems: Problems
    shards: tuple[Shard, ...]
    layout: Layout

    @property
    def fits(self) -> int:
        """Number of fits in all shards."""
        return sum(shard.fits for shard in self.shards)


def prepare(
    study: Study, data: Any, *, layout: Layout | None = None, **table_options: Unpack[TableOptions]
) -> Job:
    """Check the data of a study and cut it into shards; nothing is fitted.

    Args:
        study: The study.
        data: As for `scalejax.fit`.
        layout: How work is laid out on the devices.
        **table_options: As for `scalejax.fit`.

    Raises:
        InputError: The data cannot be used; all reasons at once.
        UsageError: The study does not go with the data, or nothing is left to fit.
    """
    table = study_table(study, data, **table_options)
    layout = layout or default_layout()
    problems = make_problems(study, table)
    shards = cut(problems, _CHUNKS_PER_SHARD * layout.chunk)
    if not shards:
        reasons = problems.counts["reason"].value_counts().index[:3]
        raise UsageError(f"there is nothing to fit: {'; '.join(reasons)}.")
    return Job(problems, shards, layout)
