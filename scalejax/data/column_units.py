"""Whether the unit of a column is clear: what its header, its cells and the caller say of it.

A unit that is said twice is refused where the two differ, and so are values that look as if they
were in raw units already below a header such as "Tokens (B)".
"""

import numpy as np
import pandas as pd

from scalejax.data.candidates import Candidate
from scalejax.data.numbers import parse_column, suffixed, unit_factor
from scalejax.errors import InputProblem
from scalejax.quantities import Quantity
from scalejax.vocabulary import argument

_BEYOND = {"N": 1e13, "D": 1e15, "C": 1e30}
"""Typical values that no run has: by judgement, ten times the largest that are known."""


def factor_of(frame: pd.DataFrame, match: Candidate, unit: str | float | None) -> float:
    """What turns a column into raw units: the caller's unit, else that of the header.

    Cells that carry the unit of their header, "70M" below "(M)", are raw numbers already.
    """
    factor = match.unit.factor if unit is None else unit_factor(unit)
    if factor == 1:
        return 1.0
    suffixes = suffixed(frame[match.column])
    return 1.0 if suffixes and set(suffixes.values()) == {factor} else factor


def unit_problems(
    frame: pd.DataFrame,
    match: Candidate,
    key: str,
    unit: str | float | None,
    entry: Quantity | None,
) -> list[InputProblem]:
    """E112: two units for one column, or a unit that its values cannot be in.

    Args:
        frame: The table.
        match: The column, with the unit of its header.
        key: Symbol of the quantity.
        unit: The caller's unit, if any. A factor of 1 says that the numbers are raw whatever the
            header says.
        entry: The quantity, if the vocabulary has it.
    """
    stated = match.unit.factor
    factor = stated if unit is None else unit_factor(unit)
    raw = argument("units", {key: 1})
    if stated != 1 and factor not in (1.0, stated):
        message = (
            f"the header says {match.unit.words} and {argument('units', {key: unit})} says "
            f"{factor:g}; give one of them, or {raw} if the numbers are raw"
        )
        return [InputProblem("E112", message, match.column)]
    if factor == 1:
        return []
    if problem := _two_suffixes(frame, match, factor):
        return [problem]
    with np.errstate(over="ignore"):
        values = parse_column(frame[match.column]).values * factor_of(frame, match, unit)
    values = values[np.isfinite(values) & (values > 0)]
    beyond = _BEYOND.get(key, entry.plausible[1] if entry is not None else np.inf)
    typical = float(np.median(values)) if values.size else 0.0
    if unit is not None or typical <= beyond:
        return []
    message = (
        f"the header says {match.unit.words}, which makes a typical {key} {typical:.3g}: if the "
        f"numbers are raw, say {raw}"
    )
    return [InputProblem("E112", message, match.column)]


def _two_suffixes(frame: pd.DataFrame, match: Candidate, factor: float) -> InputProblem | None:
    suffixes = suffixed(frame[match.column])
    filled = int(frame[match.column].notna().sum())
    if not suffixes or (set(suffixes.values()) == {factor} and len(suffixes) == filled):
        return None
    first = frame[match.column].iloc[next(iter(suffixes)) - 1]
    message = (
        f"cells have a suffix of their own, as {first!r}"
        f", and the column a unit ({factor:g}) as well; write plain numbers or drop the unit"
    )
    return InputProblem("E112", message, match.column, tuple(suffixes))
