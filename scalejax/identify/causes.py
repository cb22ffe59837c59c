"""Why a design does not determine the parameters of a law, in words.

`find_causes` looks at how the runs are placed, the most specific pattern first: one or two values
of an input, one ratio of tokens to parameters, one compute budget, inputs that move together, a
range that is too short. A pattern is the cause only if runs that break it would be a cure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from scalejax._arrays import Floats
from scalejax.data import distinct_values
from scalejax.identify.jacobians import losses
from scalejax.identify.view import LEAST_SHARE, View
from scalejax.quantities import short_number

# Set by judgement. They only choose the words: whether there is trouble is the condition's to say.
_FEW = 2  # Values of an input that are too few.
_SPREAD = 0.1  # Spread of D/N, or of N D, over that of N at which it counts as one value.
_TOGETHER = 0.99  # Correlation of logarithms at which inputs move together.
_WIDE = 100.0  # Range of an input, as a factor, that nobody would call short.
_EQUAL = 1e-9  # Relative difference of what is equal but for rounding.


@dataclass(frozen=True)
class Cause:
    """What is wrong with a design.

    Attributes:
        error: Code if a parameter is not identified.
        warning: Code if it is weakly identified.
        words: What is wrong, as the beginning of a sentence.
        symbol: The input that is the cause, if it is one.
    """

    error: str
    warning: str
    words: str
    symbol: str | None = None


def find_causes(view: View, names: tuple[str, ...]) -> tuple[Cause, ...]:
    """Causes of a design that determines the parameters `names` badly or not at all.

    Args:
        view: The design at a point.
        names: Parameters that take part in its flat or weak directions.

    Returns:
        The most specific pattern; several only if several inputs have too few values. The trade
        between the parameters itself if no pattern is to blame.
    """
    for pattern in (_few_values, _one_line, _moving_together, _short_range):
        causes = pattern(view, listed(names))
        if causes:
            return causes
    return (Cause("E134", "W218", f"{listed(names)} trade off: {trade(view, -1)}"),)


def trade(view: View, k: int) -> str:
    """How far parameters can move along direction k of a view unnoticed, in words."""
    there, change = view.along(k)
    moves = []
    for name in loadings(view, k):
        before, after = view.parameters[name], there[name]
        if view.design.model.law.parameters[name].support.lower == 0 and before > 0:
            moves.append(f"{name} by {100 * (after / before - 1):+.2g} %")
        else:
            moves.append(f"{name} by {after - before:+.2g}")
    return f"moving {listed(moves)} changes no prediction by more than {100 * change:.1g} %"


def loadings(view: View, k: int) -> dict[str, float]:
    """Parameters that take part in direction k of a view, with their entries."""
    entries = zip(view.design.model.free, map(float, view.vectors[k]), strict=True)
    return {name: entry for name, entry in entries if entry**2 > LEAST_SHARE}


def listed(names: Iterable[str]) -> str:
    """Names as people list them: A, alpha and B."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def plain(value: float, digits: int = 2) -> str:
    """A number as people write it: 5.4e3, 1e20."""
    return re.sub(r"e\+?(-?)0*(\d)", r"e\1\2", f"{value:.{digits}g}")


def _few_values(view: View, names: str) -> tuple[Cause, ...]:
    inputs = view.design.inputs
    few = tuple(x for x, values in inputs.items() if distinct_values(values) <= _FEW)
    if not view.cured_by(few):
        return ()
    # An input is a cause if varying the others alone is no cure.
    causes = [x for x in few if not view.cured_by(tuple(y for y in few if y != x))]
    return tuple(Cause("E132", "W218", _few_words(x, inputs[x], names), x) for x in causes)


def _few_words(symbol: str, values: Floats, names: str) -> str:
    low, high = short_number(float(np.min(values))), short_number(float(np.max(values)))
    if distinct_values(values) < _FEW:
        return f"only one value of {symbol} ({low}): {names} cannot be told apart"
    return f"only two values of {symbol} ({low} and {high}): {names} cannot be told apart"


def _one_line(view: View, names: str) -> tuple[Cause, ...]:
    """Runs at one ratio D/N, or at one budget."""
    inputs = view.design.inputs
    if not {"N", "D"} <= set(inputs) or min(np.min(inputs[x]) for x in "ND") <= 0:
        return ()
    sizes, tokens, spread = inputs["N"], inputs["D"], np.std(np.log(inputs["N"]))
    ratio, budget = tokens / sizes, 6 * sizes * tokens
    count = view.design.n_rows
    if np.std(np.log(ratio)) <= _SPREAD * spread and view.cured_by(("N", "D")):
        low, high = (plain(float(end), 3) for end in (np.min(ratio), np.max(ratio)))
        about = low if low == high else f"about {_middle(ratio)} ({low} .. {high})"
        words = f"all {count} runs have {about} tokens per parameter: {names} cannot be told apart"
        return (Cause("E133", "W218", words),)
    if np.std(np.log(budget)) <= _SPREAD * spread and view.cured_by(("N", "D")):
        words = (
            f"all {count} runs have one compute budget (6ND is about {_middle(budget)}): "
            f"{names} trade off"
        )
        return (Cause("E134", "W217", words),)
    return ()


def _moving_together(view: View, names: str) -> tuple[Cause, ...]:
    inputs = view.design.inputs
    logs = {
        x: np.log(values)
        for x, values in inputs.items()
        if np.min(values) > 0 and distinct_values(values) > 1
    }
    for x, y in combinations(logs, 2):
        together = float(np.corrcoef(logs[x], logs[y])[0, 1])
        if abs(together) > _TOGETHER and view.cured_by((y,)):
            words = (
                f"inputs {x} and {y} move together (correlation of logs {together:.4f}): "
                f"{names} cannot be told apart"
            )
            return (Cause("E134", "W218", words),)
    return ()


def _short_range(view: View, names: str) -> tuple[Cause, ...]:
    spans = {
        x: float(np.max(values) / np.min(values))
        for x, values in view.design.inputs.items()
        if np.min(values) > 0
    }
    for x in sorted(spans, key=lambda x: spans[x]):
        if not view.cured_by((x,)):
            continue
        words = f"{x} spans only {_times(spans[x])}: {names} trade off"
        floor = _floor(view)
        if spans[x] >= _WIDE and floor is not None:
            words = (
                f"the floor {floor} is not seen from these runs although {x} spans "
                f"{_times(spans[x])}: {names} trade off"
            )
        return (Cause("E134", "W218", words, x),)
    return ()


def _times(factor: float) -> str:
    return f"{float(plain(factor)):,.0f}x" if factor >= 10 else f"{plain(factor)}x"


def _floor(view: View) -> str | None:
    """A free parameter that adds the same to every loss, if there is one."""
    design = view.design
    before = losses(design.model, view.parameters, design.inputs)
    for name in design.model.linear:
        doubled = {**view.parameters, name: 2 * view.parameters[name]}
        added = losses(design.model, doubled, design.inputs) - before
        if np.ptp(added) <= _EQUAL * np.max(np.abs(added)):
            return name
    return None


def _middle(values: Floats) -> str:
    return plain(float(np.exp(np.mean(np.log(values)))), 3)
