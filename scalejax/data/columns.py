"""Which column holds which quantity, whatever the user calls it.

Use `resolve_columns` when every quantity must be there, `column_of` for one quantity with the unit
that its header states, `match_column` for its name alone, and `match_name` for a column that the
user named (sigma, group, ...). An explicit mapping wins; otherwise headers are compared with the
names in `scalejax.quantities` by the rules of `scalejax.data.candidates` and of
`scalejax.data.losses`. What could mean two things is refused, with what speaks for each.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from scalejax.data.candidates import Candidate, candidates_of, has_numbers, settle
from scalejax.data.headers import NO_UNIT, normalised, stated_unit, words_of
from scalejax.data.losses import TRAINING, loss_candidates, loss_unit_in
from scalejax.data.numbers import parse_column
from scalejax.errors import InputError, InputProblem
from scalejax.quantities import CHECKED, Quantity
from scalejax.vocabulary import argument, did_you_mean

# Names in a message: enough to find a misspelt one, and still a readable sentence. By judgement.
_SHOWN_COLUMNS = 20
_SHOWN_CANDIDATES = 6
# Difference of two columns, of the values themselves, below which a message says how near they are.
_NEARLY = 0.05
# Words of headers that hint at a quantity which no column plainly is.
_HINTS = {
    "N": {"param", "params", "parameters", "size", "n", "dense"},
    "D": {"token", "tokens", "data", "samples", "examples", "d"},
    "C": {"flop", "flops", "compute", "macs", "gmacs"},
    "loss": {"value", "loss", "ce", "ppl", "metric", "score", "bpb", "y"},
}
# Words of headers that are about rates, batches and logarithms: no remedy names them.
_NO_HINTS = {"per", "batch", "lr", "step", "log", "log2", "log10", "ln", "ratio", "type", "second"}


def resolve_columns(
    frame: pd.DataFrame, quantities: Sequence[str], explicit: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Finds the column of every quantity.

    Args:
        frame: The table.
        quantities: Symbols such as ``"N"``, or the name of an input that is not in the vocabulary.
        explicit: Quantity to the user's column name.

    Returns:
        Quantity to the user's column name, in the order of `quantities`.

    Raises:
        InputError: E124 for several candidates, E126 for missing columns; all of them at once.
    """
    matches = {quantity: match_column(frame, quantity, explicit) for quantity in quantities}
    problems = column_problems(frame, matches)
    if problems:
        raise InputError(problems)
    return {quantity: match for quantity, match in matches.items() if isinstance(match, str)}


def match_column(
    frame: pd.DataFrame, quantity: str, explicit: Mapping[str, str] | None = None
) -> str | InputProblem | None:
    """The column of one quantity, the problem with it, or None if there is none."""
    match = column_of(frame, quantity, explicit)
    return match.column if isinstance(match, Candidate) else match


def column_of(
    frame: pd.DataFrame, quantity: str, explicit: Mapping[str, str] | None = None
) -> Candidate | InputProblem | None:
    """The column of one quantity with the unit in its header; as `match_column` otherwise.

    Args:
        frame: The table.
        quantity: A symbol of the vocabulary, ``"loss"``, or the name of another column.
        explicit: Quantity to the user's column name. A column given to one is none of another.
    """
    explicit = explicit or {}
    entry = CHECKED.get(quantity)
    if quantity in explicit:
        return _named(match_name(frame, explicit[quantity]), quantity)
    if entry is None:
        match = match_name(frame, quantity)
        absent = isinstance(match, InputProblem) and match.code == "E126"
        return None if absent else _named(match, quantity)
    taken = frozenset(explicit[other] for other in explicit if other != quantity)
    if quantity == "loss":
        candidates = loss_candidates(frame, taken)
    else:
        candidates = candidates_of(frame, entry, taken)
        candidates = settle(frame, candidates) if candidates else []
    if len(candidates) > 1:
        return _refused(frame, candidates, quantity)
    return candidates[0] if candidates else None


def match_name(frame: pd.DataFrame, name: str) -> str | InputProblem:
    """The column that the user named: literally if it exists, else up to case and blanks."""
    if name in frame.columns:
        return name
    columns = [c for c in frame.columns if normalised(c) == normalised(name)]
    if len(columns) > 1:
        return _refused(frame, [Candidate(column) for column in columns], name)
    near = did_you_mean(name, list(map(str, frame.columns)))
    message = f"no such column{near or f'; name one of the {column_list(frame)}'}"
    return columns[0] if columns else InputProblem("E126", message, name)


def column_problems(
    frame: pd.DataFrame, matches: Mapping[str, str | Candidate | InputProblem | None]
) -> list[InputProblem]:
    """The problems among matches, with one E126 for all quantities that have no column."""
    problems = [match for match in matches.values() if isinstance(match, InputProblem)]
    missing = [quantity for quantity, match in matches.items() if match is None]
    if missing:
        wanted = ", ".join(_describe(quantity) for quantity in missing)
        used = {m.column if isinstance(m, Candidate) else m for m in matches.values()}
        guesses = {quantity: guess_of(frame, quantity, used) for quantity in missing}
        remedy = argument("columns", dict.fromkeys(missing, "..."))
        message = f"no column for {wanted}; {column_list(frame)}. Say {remedy}"
        if hints := {quantity: guess for quantity, guess in guesses.items() if guess}:
            message += f"; perhaps {argument('columns', hints)}"
        problems.insert(0, InputProblem("E126", message))
    return problems


def column_list(frame: pd.DataFrame) -> str:
    """``found columns: N, D, ...``, cut after twenty."""
    names = [str(column) for column in frame.columns]
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return f"found columns: {', '.join(names[:_SHOWN_COLUMNS])}{more}"


def _named(match: str | InputProblem, quantity: str) -> Candidate | InputProblem:
    """A column that the user named, with the unit that its header states."""
    if isinstance(match, InputProblem):
        return match
    entry = CHECKED.get(quantity)
    unit = NO_UNIT if entry is None or quantity == "loss" else stated_unit(match, entry.unit)
    return Candidate(match, unit, loss_unit=loss_unit_in(match) if quantity == "loss" else None)


def _refused(frame: pd.DataFrame, candidates: Sequence[Candidate], quantity: str) -> InputProblem:
    """E124, with what speaks for and against every candidate, the likeliest first."""
    entry = CHECKED.get(quantity)
    looks = [_look(frame, one, entry) for one in candidates]
    order = sorted(
        range(len(looks)),
        key=lambda i: (looks[i][0], candidates[i].kind == TRAINING, candidates[i].rank),
    )
    named = [f"{candidates[i].column!r} ({looks[i][1]})" for i in order[:_SHOWN_CANDIDATES]]
    more = len(candidates) - _SHOWN_CANDIDATES
    tail = f" and {more} more" if more > 0 else ""
    remedies = [argument("columns", {quantity: candidates[i].column}) for i in order[:2]]
    near = _nearness(frame, [candidates[i] for i in order[:2]])
    message = (
        f"{', '.join(named)}{tail} may all be {_describe(quantity)}{near}; say which: "
        f"{' or '.join(remedies)}{' or another' * (len(candidates) > 2)}"
    )
    return InputProblem("E124", message, candidates[order[0]].column)


def _look(frame: pd.DataFrame, candidate: Candidate, entry: Quantity | None) -> tuple[int, str]:
    """How ill a column fits, from 0, and its values in words."""
    with np.errstate(over="ignore"):
        values = parse_column(frame[candidate.column]).values * candidate.unit.factor
    values = values[np.isfinite(values)]
    kind = f"{candidate.kind}, " if candidate.kind else ""
    if not values.size:
        return 3, f"{kind}no numbers"
    low, high = float(values.min()), float(values.max())
    if low == high:
        return 1 + (values.size > 1), f"{kind}constant, {low:.6g}"
    span = f"{kind}{low:.6g} to {high:.6g}"
    usual = entry.plausible if entry is not None else (-np.inf, np.inf)
    if candidate.loss_unit is None and not usual[0] <= float(np.median(values)) <= usual[1]:
        return 1, f"{span}, an unusual {entry.meaning if entry else ''}".strip()
    return 0, span


def _nearness(frame: pd.DataFrame, candidates: Sequence[Candidate]) -> str:
    with np.errstate(over="ignore"):
        first, second = (
            parse_column(frame[one.column]).values * one.unit.factor for one in candidates
        )
        usable = np.isfinite(first) & np.isfinite(second) & (first != 0)
        if not usable.any():
            return ""
        off = float(np.max(np.abs(second[usable] / first[usable] - 1)))
    return f", the first two equal within {off:.2g}" if off < _NEARLY else ""


def guess_of(frame: pd.DataFrame, quantity: str, used: Collection[object]) -> str:
    """The one unread column of numbers whose words hint at a quantity; empty without one."""
    hints = _HINTS.get(quantity, set())
    named = [
        str(column)
        for column in frame.columns
        if column not in used
        and _hints(words_of(str(column)), hints)
        and has_numbers(frame, column)
    ]
    return named[0] if len(named) == 1 else ""


def _hints(words: list[str], hints: set[str]) -> bool:
    return bool(hints & {*words}) and not _NO_HINTS & {*words}


def _describe(quantity: str) -> str:
    entry = CHECKED.get(quantity)
    return f"{quantity} ({entry.meaning})" if entry and entry.meaning != quantity else quantity
