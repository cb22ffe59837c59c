"""Columns that may hold a quantity, by their headers, and which of them is taken.

The rules, in order: the exact symbol is the quantity (N, D, C), unless a usual name holds numbers
of another size; else the usual names; else weak ones. Parameters in total go before those without
embeddings, and what was passed over is said; active parameters are another quantity than all of
them, so both together are asked about. A column that equals another in every row is no rival of it.
What is left open is for `scalejax.data.columns` to refuse.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.amounts import MISSING_MARKERS
from scalejax.data.headers import NO_UNIT, Unit, bracketed, folded, readings, without_group
from scalejax.data.loss_units import LossUnit
from scalejax.data.numbers import parse_column
from scalejax.quantities import QUANTITIES, Quantity

# Leading rows that tell a column of numbers from one of words. By judgement: a longer look costs
# time on long files, and a column of numbers seldom begins with a hundred cells of words.
_LOOKED_AT = 100

# Columns of one quantity are nearer: counts of parameters differ by less, and so do tokens that
# were planned and seen. By judgement.
_APART_DECADES = 1.0

_WITHOUT = "without embeddings"
_OTHER_COUNTS = ("active", "dense")
"""Counts of a sparse model that are another quantity than all of its parameters."""
_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        _WITHOUT,
        (
            *("nonembeddings", "nonembedding", "nonembed", "nonembd", "nonemb", "noembeddings"),
            *("noembedding", "noembed", "noemb", "withoutembeddings", "withoutembedding"),
            *("excludingembeddings", "excludingembedding", "exclembeddings", "exclembedding"),
            *("exclemb", "excludingemb", "nonvocabulary", "nonvocab"),
        ),
    ),
    ("active", ("activated", "activates", "active")),
    ("dense", ("dense",)),
    ("total", ("total", "withembeddings", "withembedding", "includingembeddings")),
)
"""What a count of parameters leaves out, by parts of a folded header."""


@dataclass(frozen=True)
class Candidate:
    """A column that may hold a quantity.

    Attributes:
        column: The user's name.
        unit: The unit in the header.
        rank: 0 for the exact symbol, 1 for a usual name, 2 for a weak one.
        kind: What is counted (``"without embeddings"``), or the split of a loss (``"validation"``).
        loss_unit: Unit of a loss, where the header says one.
        remark: Why it was taken, where that needs saying.
    """

    column: str
    unit: Unit = NO_UNIT
    rank: int = 1
    kind: str = ""
    loss_unit: LossUnit | None = None
    remark: str = ""


def candidates_of(
    frame: pd.DataFrame, quantity: Quantity, taken: frozenset[str] = frozenset()
) -> list[Candidate]:
    """The columns whose header may mean a quantity."""
    columns = [str(column) for column in frame.columns if column not in taken]
    hits = [_candidate(column, quantity) or _in_group(column, quantity) for column in columns]
    named = [hit for hit in hits if hit is not None]
    return numeric(frame, [hit for hit in named if hit.rank == 0 or not _words(frame, hit.column)])


def numeric(frame: pd.DataFrame, candidates: list[Candidate]) -> list[Candidate]:
    """Those with numbers: a column of words, such as how parameters were counted, is no rival."""
    if len(candidates) < 2:
        return candidates
    with_numbers = [one for one in candidates if has_numbers(frame, one.column)]
    return with_numbers or candidates


def _words(frame: pd.DataFrame, column: str) -> bool:
    """Whether the first cells hold words without a digit, such as how parameters were counted."""
    cells = [cell for cell in frame[column].head(_LOOKED_AT).tolist() if isinstance(cell, str)]
    written = [cell for cell in cells if cell.strip().casefold() not in MISSING_MARKERS]
    return bool(written) and not any(map(re.compile(r"\d").search, written))


def has_numbers(frame: pd.DataFrame, column: str) -> bool:
    """Whether the first cells of a column hold a number."""
    return bool(np.isfinite(parse_column(frame[column].head(_LOOKED_AT)).values).any())


def settle(frame: pd.DataFrame, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The one candidate that is taken, or all that cannot be told apart.

    Args:
        frame: The table.
        candidates: At least one.
    """
    best = min(one.rank for one in candidates)
    first = [one for one in candidates if one.rank == best]
    kinds = {one.kind for one in candidates}
    if best > 0 and kinds & {*_OTHER_COUNTS} and len(kinds) > 1:
        return list(candidates)
    rivals = [one for one in candidates if one.rank == 1 and not one.kind]
    if best == 0 and any(_apart(frame, first[0], rival) for rival in rivals):
        return list(candidates)
    plain = [one for one in first if one.kind not in (_WITHOUT, *_OTHER_COUNTS)]
    chosen = same(frame, plain or first)
    if len(chosen) > 1:
        return chosen
    (one,) = chosen
    left = [other for other in candidates if other not in first or other.kind != one.kind]
    beside = ", ".join(repr(o.column) + (f" ({o.kind})" if o.kind else "") for o in left)
    remarks = (one.kind, one.remark, f"not {beside}" if beside else "")
    return [replace(one, remark="; ".join(filter(None, remarks)))]


def _apart(frame: pd.DataFrame, first: Candidate, second: Candidate) -> bool:
    """Whether two columns are in truth about different things, as a width D and tokens are."""
    one, other = (values_of(frame, candidate) for candidate in (first, second))
    usable = np.isfinite(one) & np.isfinite(other) & (one > 0) & (other > 0)
    if not usable.any():
        return False
    decades = np.log10(one[usable]) - np.log10(other[usable])
    return bool(abs(np.median(decades)) > _APART_DECADES)


def same(frame: pd.DataFrame, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The first alone if all hold the same numbers, once units are reckoned in."""
    if len(candidates) < 2:
        return list(candidates)
    first, *others = (values_of(frame, one) for one in candidates)
    # Columns of one value are equal by chance.
    if np.unique(first[np.isfinite(first)]).size < 2 or not all(
        np.allclose(first, other, rtol=1e-9, atol=0, equal_nan=True) for other in others
    ):
        return list(candidates)
    equal = ", ".join(repr(one.column) for one in candidates[1:])
    return [replace(candidates[0], remark=f"the same numbers as {equal}")]


def values_of(frame: pd.DataFrame, candidate: Candidate) -> Floats:
    """A column in raw units, a loss in nats where its header says how, (n,)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = parse_column(frame[candidate.column]).values * candidate.unit.factor
        if candidate.loss_unit is None:
            return values
        values = np.log(values) if candidate.loss_unit.log else values
        return values * candidate.loss_unit.factor


def _candidate(column: str, quantity: Quantity) -> Candidate | None:
    symbol, names, weak = _spellings(quantity)
    if bracket := bracketed(column):
        base, inside = map(folded, bracket)
        if base in names and inside in names:
            return Candidate(column, rank=0 if symbol in (base, inside) else 1)
    if folded(column) not in names and folded(column) in _OTHER_NAMES:
        return None
    for words, unit in readings(column, quantity.unit):
        if words == symbol:
            # A small n may count something else, so that a capital one goes before it.
            literal = quantity.symbol in re.split(r"[\W_]+", column)
            return Candidate(column, unit, 0 if literal else 1)
        if words in names:
            return Candidate(column, unit)
        if words in weak:
            return Candidate(column, unit, 2, remark="no column says tokens" * (symbol == "d"))
        if symbol == "n" and (kind := _kind_of(words, names)):
            return Candidate(column, unit, kind=kind)
    return None


@lru_cache(maxsize=256)
def _spellings(quantity: Quantity) -> tuple[str, frozenset[str], frozenset[str]]:
    """The symbol, the names and the weak names of a quantity, folded: once, not for each column."""
    symbol = folded(quantity.symbol)
    names = frozenset((symbol, *map(folded, quantity.aliases)))
    return symbol, names, frozenset(map(folded, quantity.weak))


def _in_group(column: str, quantity: Quantity) -> Candidate | None:
    """A candidate by the name that a column has inside a group, as config.model.n_params."""
    inside = without_group(column)
    candidate = _candidate(inside, quantity) if len(folded(inside)) < len(folded(column)) else None
    return None if candidate is None else replace(candidate, column=column)


def _kind_of(words: str, names: frozenset[str]) -> str:
    """What a count of parameters is of, such as ``"active"``; empty if it is no such count."""
    for kind, marks in _KINDS:
        for mark in marks:
            if mark in words and words.replace(mark, "", 1) in names:
                return kind
    return ""


_OTHER_NAMES = {
    folded(name)
    for entry in QUANTITIES.values()
    for name in (entry.symbol, *entry.aliases)
    if len(folded(name)) > 1
}
"""A header that is another quantity as it stands, D_t, is no D in trillions."""
