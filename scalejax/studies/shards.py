"""How a study is cut into shards: pieces of a few seconds, of few shapes, each worth a file.

Problems of one recipe are sorted by length and put into buckets of powers of two, so that few
programs are compiled and little padding is worked on; a bucket that would not fill a shard joins
the next longer one. A shard holds whole problems with all their resamples, or, where there are
more resamples than a shard takes, a part of one problem. Nothing here depends on how many devices
or processes there are, so that results do not either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from scalejax.errors import UsageError
from scalejax.studies.problems import Problems
from scalejax.vocabulary import argument
from scalejax.workload import check_memory

# Shortest padded length: shorter tables are not worth a program of their own. Set by judgement.
_SHORTEST = 16

# Rows times fits of a shard, so that shards of long tables have fewer fits. Measured: 2 seconds a
# shard of tables of 240 runs on two cores (benchmarks/results/jobs-python3.12-jax0.12.json).
_ROWS_PER_SHARD = 2**23

# Weeks of one machine, at seconds a shard. By judgement.
_MOST_SHARDS = 1_000_000

# Of a row of a shard with Chinchilla's law, by its columns: two numbers, a status, eight floats.
_BYTES_PER_DRAW = 77


@dataclass(frozen=True)
class Shard:
    """A piece of a study.

    Attributes:
        number: Number from 0.
        problems: The problems, all of one recipe.
        first: First resample; 0 is the sample itself.
        last: One past the last resample.
        length: Rows that every dataset is padded to.
        width: Problems that the shard is padded to.
    """

    number: int
    problems: tuple[int, ...]
    first: int
    last: int
    length: int
    width: int

    @property
    def draws(self) -> int:
        """Resamples of each problem, the sample included."""
        return self.last - self.first

    @property
    def fits(self) -> int:
        """Fits in the shard."""
        return len(self.problems) * self.draws


def cut(problems: Problems, fits: int) -> tuple[Shard, ...]:
    """Cut a study into shards.

    Args:
        problems: The problems; those without rows are left out.
        fits: Fits in a shard of short tables; fewer for long ones.

    Raises:
        UsageError: There is more work than any machine does, with the numbers.
    """
    draws = problems.study.resamples + 1
    # All draws of a problem are summarised together, and so are its numbers of every shard.
    check_memory("resamples", {"refits of a problem": draws}, _BYTES_PER_DRAW)
    _refuse_too_many(problems, draws, fits)
    shards: list[Shard] = []
    pieces: list[tuple[tuple[int, ...], int, int, int]]
    for length, members in _buckets(problems, fits):
        most = _fits(length, fits)
        if draws > most:
            parts = [(first, min(first + most, draws)) for first in range(0, draws, most)]
            pieces = [((k,), first, last, 1) for k in members for first, last in parts]
        else:
            width = _width(length, fits, draws, len(members))
            pieces = [
                (tuple(members[k : k + width]), 0, draws, width)
                for k in range(0, len(members), width)
            ]
        for numbers, first, last, width in pieces:
            shards.append(Shard(len(shards), numbers, first, last, length, width))
    return tuple(shards)


def _buckets(problems: Problems, fits: int) -> Iterator[tuple[int, Sequence[int]]]:
    """Padded length and problems, the longest first, of every bucket of every recipe."""
    sizes = problems.rows.tolist()
    usable = sorted((k for k, size in enumerate(sizes) if size), key=lambda k: (sizes[k], k))
    draws = problems.study.resamples + 1
    groups: list[tuple[int, list[int]]] = []
    waiting: list[int] = []
    for length, members in groupby(usable, key=lambda k: _bucket(sizes[k])):
        waiting += members
        if len(waiting) >= _width(length, fits, draws, len(usable)):
            groups.append((length, waiting))
            waiting = []
    if waiting:
        groups.append((_bucket(sizes[waiting[-1]]), waiting))
    for recipe in range(len(problems.study.recipes)):
        for length, bucket in reversed(groups):
            yield length, [recipe * len(sizes) + k for k in reversed(bucket)]


def _refuse_too_many(problems: Problems, draws: int, fits: int) -> None:
    """Refuse a study of more shards than are ever solved, before one of them is made."""
    sizes = problems.rows[problems.rows > 0]
    if not len(sizes):
        return
    recipes, most = len(problems.study.recipes), _fits(_bucket(int(sizes.max())), fits)
    count = recipes * len(sizes) * draws // most
    if count > _MOST_SHARDS:
        raise UsageError(
            f"{recipes * len(sizes):,} problems x {draws:,} refits are about {count:,} shards of "
            f"some seconds each, and a job has at most {_MOST_SHARDS:,}: give fewer by "
            f"{argument('resamples')} or {argument('subsets')}."
        )


def _bucket(size: int) -> int:
    """The next power of two, at least `_SHORTEST`: the length that rows are padded to."""
    return max(_SHORTEST, 1 << (size - 1).bit_length())


def _fits(length: int, fits: int) -> int:
    return max(1, min(fits, _ROWS_PER_SHARD // length))


def _width(length: int, fits: int, draws: int, count: int) -> int:
    """Problems in a shard: as many as fit, but no more than there are, as a power of two."""
    return min(max(1, _fits(length, fits) // draws), 1 << (count - 1).bit_length())
