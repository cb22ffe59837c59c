"""Which column holds which quantity, whatever the user calls it.

Use `resolve_columns` when every quantity must be there, `match_column` for one quantity, and
`match_name` for a column that the user named (sigma, group, ...). An explicit mapping wins;
otherwise the aliases of `scalejax.quantities` are compared without regard to case, outer blanks and
Unicode variants. Two candidates are refused, never ranked.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scalejax.data.numbers import parse_column
from scalejax.errors import InputError, InputProblem
from scalejax.quantities import CHECKED
from scalejax.vocabulary import argument, did_you_mean

# Names in a message: enough to find a misspelt one, and still a readable sentence. By judgement.
_SHOWN_COLUMNS = 20
# Leading rows that tell a column of numbers from one of words. By judgement: a longer look costs
# time on long files, and a column of numbers seldom begins with a hundred cells of words.
_LOOKED_AT = 100


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
    explicit = explicit or {}
    if quantity in explicit:
        return match_name(frame, explicit[quantity])
    if quantity not in CHECKED:
        match = match_name(frame, quantity)
        return None if isinstance(match, InputProblem) and match.code == "E126" else match
    names = {normalised(quantity), *map(normalised, CHECKED[quantity].aliases)}
    other_columns = {explicit[other] for other in explicit if other != quantity}
    columns = [c for c in frame.columns if normalised(c) in names and c not in other_columns]
    # A column of words, such as how parameters were counted, is no rival of one with numbers.
    numeric = [c for c in columns if _has_numbers(frame[c])] if len(columns) > 1 else columns
    return _single(numeric or columns, quantity)


def match_name(frame: pd.DataFrame, name: str) -> str | InputProblem:
    """The column that the user named: literally if it exists, else up to case and blanks."""
    if name in frame.columns:
        return name
    columns = [c for c in frame.columns if normalised(c) == normalised(name)]
    near = did_you_mean(name, list(map(str, frame.columns)))
    message = f"no such column{near or f'; name one of the {column_list(frame)}'}"
    return _single(columns, name) or InputProblem("E126", message, name)


def column_problems(
    frame: pd.DataFrame, matches: Mapping[str, str | InputProblem | None]
) -> list[InputProblem]:
    """The problems among matches, with one E126 for all quantities that have no column."""
    problems = [match for match in matches.values() if isinstance(match, InputProblem)]
    missing = [quantity for quantity, match in matches.items() if match is None]
    if missing:
        wanted = ", ".join(_describe(quantity) for quantity in missing)
        remedy = argument("columns", dict.fromkeys(missing, "..."))
        message = f"no column for {wanted}; {column_list(frame)}. Say {remedy}"
        problems.insert(0, InputProblem("E126", message))
    return problems


def column_list(frame: pd.DataFrame) -> str:
    """``found columns: N, D, ...``, cut after twenty."""
    names = [str(column) for column in frame.columns]
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return f"found columns: {', '.join(names[:_SHOWN_COLUMNS])}{more}"


def normalised(name: str) -> str:
    """A column name without Unicode variants, outer blanks and case."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _has_numbers(cells: "pd.Series[Any]") -> bool:
    return bool(np.isfinite(parse_column(cells.head(_LOOKED_AT)).values).any())


def _single(columns: Sequence[str], quantity: str) -> str | InputProblem | None:
    if len(columns) > 1:
        names = ", ".join(repr(column) for column in columns)
        remedy = f"say which: {argument('columns', {quantity: columns[0]})}"
        return InputProblem(
            "E124", f"{names} may all be {_describe(quantity)}; {remedy}", columns[0]
        )
    return columns[0] if columns else None


def _describe(quantity: str) -> str:
    entry = CHECKED.get(quantity)
    return f"{quantity} ({entry.meaning})" if entry and entry.meaning != quantity else quantity
