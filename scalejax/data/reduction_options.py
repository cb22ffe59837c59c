"""The words of `reduce`, `drop_first`, `average`, `best_of` and `tokens_per_step`, checked.

Each is one text, the same in Python, at the terminal and in the file of a study:
``"final:5"``, ``"2B"`` or ``"10%"``, ``"seed:sigma"``, ``"lr,batch"`` or ``"lr:parabola"``.
"""

import re
from dataclasses import dataclass

from scalejax.amounts import POSITIVE, Kind, fits, parse_number, read
from scalejax.errors import UsageError
from scalejax.vocabulary import argument

ROW, PARABOLA, LEAST_SQUARES = "row", "parabola", "least-squares"
_HOW = (ROW, PARABOLA, LEAST_SQUARES)
_FIRST = Kind(
    "a number of tokens, such as 2B, or a share of each run, such as 0.1 or 10%", lambda x: x >= 0
)
_PERCENT = Kind(_FIRST.words, lambda x: 0 <= x < 1, percent=True)


@dataclass(frozen=True)
class BestOf:
    """Which columns were swept, and how the best of them is taken.

    Attributes:
        columns: The columns, as the user named them.
        how: ``"row"``, ``"parabola"``, ``"least-squares"``, or empty where it is not said.
    """

    columns: tuple[str, ...]
    how: str


def check_words(
    reduce: str,
    drop_first: str | float | None,
    average: str | None,
    best: str | None,
    tokens_per_step: str | float | None,
) -> None:
    """Read the words of all reductions once.

    Raises:
        UsageError: One of them cannot be read.
    """
    rows_per_run(reduce)
    if drop_first is not None:
        first_part(drop_first)
    if average is not None:
        mean_over(average)
    if best is not None:
        best_of(best)
    if tokens_per_step is not None:
        factors(tokens_per_step)


def rows_per_run(text: str) -> int:
    """The last rows of a run that are kept as their mean; 0 for all rows as they are.

    Raises:
        UsageError: Neither ``"every"`` nor ``"final"`` nor ``"final:<k>"``.
    """
    if text == "every":
        return 0
    match = re.fullmatch(r"final(?::([1-9][0-9]{0,8}))?", text)
    if match is None:
        raise UsageError(
            f'{argument("reduce")} is "every", "final" or the mean of the last five, "final:5", '
            f"not {text!r}"
        )
    return int(match[1] or 1)


def first_part(drop: str | float) -> tuple[float, bool]:
    """How much of the beginning of a run is left out, and whether it is a share of the run.

    Raises:
        UsageError: No number, or a negative one.
    """
    percent = isinstance(drop, str) and drop.rstrip().endswith("%")
    value = read("drop_first", drop, _PERCENT if percent else _FIRST)
    return value, percent or value < 1


def mean_over(text: str) -> tuple[tuple[str, ...], bool]:
    """The columns in which rows of a mean may differ, and whether its error becomes sigma.

    Raises:
        UsageError: No column is named, or something else than ``sigma`` follows a colon.
    """
    names, how = _split(text)
    if how not in ("", "sigma") or not names:
        raise UsageError(
            f"{argument('average')} names one or more columns, {argument('average', 'seed')}, and "
            f"with {argument('average', 'seed:sigma')} the standard error of the mean becomes "
            f"sigma; not {text!r}"
        )
    return names, how == "sigma"


def best_of(text: str) -> BestOf:
    """The columns that were swept and how the best is taken.

    Raises:
        UsageError: No column is named, or an unknown word follows a colon.
    """
    names, how = _split(text)
    if how not in ("", *_HOW) or not names:
        known = ", ".join(argument("best_of", f"lr:{word}") for word in _HOW)
        raise UsageError(
            f"{argument('best_of')} names one or more columns, such as lr or lr,batch, and how: "
            f"{known}; not {text!r}"
        )
    return BestOf(names, how)


def factors(text: str | float) -> tuple[str, ...]:
    """The numbers and columns whose product is the tokens of a step: ``"batch*2048"``.

    Raises:
        UsageError: A number that is not positive, or nothing between two stars.
    """
    if not isinstance(text, str):
        text = repr(read("tokens_per_step", text, POSITIVE))
    parts = tuple(part.strip() for part in text.split("*"))
    for part in parts:
        if not part or (as_number(part) is not None and not fits(part, POSITIVE)):
            raise UsageError(
                f"{argument('tokens_per_step')} is a number such as 0.5M, a column, or their "
                f"product, such as batch*2048, not {text!r}"
            )
    return parts


def as_number(text: str) -> float | None:
    """A number, or None for the name of a column."""
    try:
        return parse_number(text)
    except ValueError:
        return None


def _split(text: str) -> tuple[tuple[str, ...], str]:
    names, _, how = str(text).partition(":")
    return tuple(name.strip() for name in names.split(",") if name.strip()), how.strip()
