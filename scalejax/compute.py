"""How much compute a run takes: C = k(N) D, which is 6 N D unless a table or its user says more.

`Compute` is the one function of the cost: the FLOP of a token are a straight line in N, with a part
for each parameter and a part that every token costs (attention, embeddings that N leaves out).
`measured_compute` finds it from a column of measured FLOP, `compute_of` reads what people write,
and `clear_compute` refuses to decide anything by a column that no such function describes.

A `Compute` is three numbers and a pytree: it may be traced, mapped and differentiated like any
other of the args of a problem.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from scalejax._arrays import Floats
from scalejax._numerics import module_of
from scalejax.amounts import read, short
from scalejax.errors import UsageError
from scalejax.quantities import FLOP_PER_PAIR
from scalejax.vocabulary import argument

SAME = 0.01
"""How far every row may be from 6 N D for a column to say just that: rounding of N, D and C."""

SCATTER = 0.2
"""How far one row in ten may be from the function that is found before it is asked which to take.
Set by judgement: an N of a plan is off by about half of it."""

PLAUSIBLE = (1.0, 100.0)
"""FLOP for each parameter and token of training; beyond, the column is in another unit. One pass
forward takes 2, training 6, recomputing what was forgotten 8, and small models up to thrice that
where N leaves the embeddings out. Set by judgement."""

_BETTER = 0.5
"""A line is taken where sizes lie half as far from it as from a constant. On the ladder of OLMo, 5
sizes whose N leaves out some of the compute, it is .29 of it, and on the isoFLOP runs of
arXiv:2203.15556, read off a figure, 1. Set between them by judgement."""

_FEWEST = 3
"""Sizes that a line takes."""

_ROUNDS = 50
"""Rounds of least squares with weights, which end at least absolute deviations."""

_DIGITS = 10
"""Digits that are kept: what the quotients of a table round off is below."""


class Compute(NamedTuple):
    """Training compute as a function of N and D: ``(per_parameter N + per_token) D``, in FLOP.

    Attributes:
        per_parameter: FLOP for each parameter and token.
        per_token: FLOP of a token whatever N is; negative where N counts what takes no compute.
        smallest: The N below which FLOP go with N alone: the smallest of the runs where `per_token`
            is negative, so that compute is positive everywhere.
    """

    per_parameter: Any = FLOP_PER_PAIR
    per_token: Any = 0.0
    smallest: Any = 1.0

    def flop_per_token(self, N: Any) -> Any:
        """FLOP of one token of training."""
        xp = module_of(N, *self)
        return self.per_parameter * N + self.per_token * xp.minimum(1.0, N / self.smallest)

    def flop(self, N: Any, D: Any) -> Any:
        """FLOP of training N parameters on D tokens."""
        return self.flop_per_token(N) * D

    def tokens(self, C: Any, N: Any) -> Any:
        """The D of a compute in FLOP and an N."""
        return C / self.flop_per_token(N)

    def size(self, C: Any, D: Any) -> Any:
        """The N of a compute in FLOP and a D; very small where a token costs more."""
        return self._size(C / (self.per_parameter * D))

    def log_excess(self, log_n: Any) -> Any:
        """Logarithm of FLOP per token over those of ``per_parameter N``; 0 for 6 N D."""
        xp = module_of(log_n, *self)
        return xp.log1p(self._offset * xp.minimum(xp.exp(-log_n), 1.0 / self.smallest))

    def log_flop(self, log_n: Any, log_d: Any) -> Any:
        """Logarithm of the FLOP of a run."""
        xp = module_of(log_n, log_d, *self)
        return xp.log(self.per_parameter) + log_n + log_d + self.log_excess(log_n)

    def elasticity(self, log_n: Any) -> Any:
        """Per cent that the FLOP of a token grow by for 1 % more N; 1 for 6 N D."""
        xp = module_of(log_n, *self)
        return xp.where(xp.exp(log_n) > self.smallest, xp.exp(-self.log_excess(log_n)), 1.0)

    def log_size(self, log_c: Any, log_d: Any) -> Any:
        """Logarithm of the `size` of a compute and a D."""
        xp = module_of(log_c, log_d, *self)
        pairs = xp.exp(xp.clip(log_c - log_d - xp.log(self.per_parameter), -_FAR, _FAR))
        return xp.log(self._size(pairs))

    def log_size_at(self, log_c: Any, log_ratio: Any) -> Any:
        """Logarithm of the N of a compute and a D/N."""
        xp = module_of(log_c, log_ratio, *self)
        square = xp.exp(log_c - log_ratio - xp.log(self.per_parameter))
        large = square >= self.smallest * (self.smallest + self._offset)
        root = xp.sqrt(self._offset**2 + 4.0 * square)
        small = square / (1.0 + self._offset / self.smallest)
        # The root of N^2 + offset N = square in the form that loses no digits.
        return xp.where(large, xp.log(2.0 * square / (self._offset + root)), 0.5 * xp.log(small))

    def _size(self, pairs: Any) -> Any:
        """The N whose tokens cost ``per_parameter`` times `pairs`."""
        xp = module_of(pairs, *self)
        large = pairs >= self.smallest + self._offset
        return xp.where(large, pairs - self._offset, pairs / (1.0 + self._offset / self.smallest))

    @property
    def _offset(self) -> Any:
        """Parameters that would cost what a token costs anyway: the N0 of 6 (N + N0) D."""
        return self.per_token / self.per_parameter

    def __str__(self) -> str:
        k, extra = f"{self.per_parameter:.4g}", float(self.per_token)
        if not extra:
            return f"{k} N D"
        return f"({k} N {'+' if extra > 0 else '-'} {abs(extra):.3g}) D"


_FAR = 600.0
"""Logarithms of sizes beyond which nothing is told apart; exp of it is finite."""

SIX_N_D = Compute()
"""Kaplan et al., arXiv:2001.08361: two FLOP forward and four backward."""

Written = str | float | Sequence[float] | Compute
"""Compute as people write it: a number k for k N D, ``"6N"``, ``"6N + 4.8e8"``, or its numbers."""

_TEXT = re.compile(
    r"\s*(?P<slope>[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*\*?\s*N?"
    r"(?:\s*\+\s*(?P<extra>[0-9.]+(?:[eE][+-]?[0-9]+)?))?\s*"
)


def compute_of(written: Written) -> Compute:
    """Compute from what people write as `flop_per_token`.

    Args:
        written: FLOP per token for each parameter, 6 or ``"6N"``; with those that every token
            costs, ``"6N + 4.8e8"``; or the numbers of a `Compute`.

    Raises:
        UsageError: The text is none of these, or a number is not positive.
    """
    try:
        if isinstance(written, str):
            match = _TEXT.fullmatch(written)
            numbers = [] if match is None else [match["slope"], match["extra"] or 0.0]
        else:
            numbers = list(written) if isinstance(written, list | tuple) else [written]
        compute = Compute(*(read("", number) for number in numbers)) if numbers else Compute(np.nan)
    except (TypeError, ValueError):
        compute = Compute(np.nan)
    least = compute.per_parameter * compute.smallest + compute.per_token
    if not (0 < compute.per_parameter < np.inf and compute.smallest > 0 and 0 < least < np.inf):
        raise UsageError(
            f"{argument('flop_per_token')} is the training FLOP of a token for each parameter, 6 "
            'or "6N", with what every token costs besides as in "6N + 4.8e8", not '
            f"{short(written)}."
        )
    return compute


def saved_compute(numbers: Sequence[float] | None) -> Compute | None:
    """What `list` of a `Compute` was saved as; None stays."""
    return None if numbers is None else Compute(*map(float, numbers))


def clear_compute(compute: Compute | None) -> Compute:
    """The compute of a table, where its column says what that is.

    Raises:
        UsageError: It is None: the measured column is no function of N and D.
    """
    if compute is None:
        raise UsageError(
            "the column of compute is neither 6 N D nor (k N + a) D (W215), so that it is open "
            f"what a run costs: say it, {argument('flop_per_token', '6N')} for 6 N D."
        )
    return compute


def measured_compute(N: Floats, D: Floats, C: Floats) -> tuple[Compute | None, Floats]:
    """Training compute as a function of N and D from measured FLOP, by robust least squares.

    FLOP per token for each parameter are a constant, or a straight line of FLOP per token in N
    where that lies much nearer. Each size counts once, however many rows it has.

    Args:
        N: Parameters, positive, (n,).
        D: Tokens, positive, (n,).
        C: Measured FLOP, positive, (n,).

    Returns:
        The function, 6 N D itself where every row is within a hundredth of it; None where one row
        in ten is a fifth away or more. And how far each row is from the best of all, in its
        logarithm, (n,).
    """
    ratio = C / D / N
    plain = np.log(ratio / FLOP_PER_PAIR)
    if np.max(np.abs(plain)) <= SAME:
        return SIX_N_D, plain
    sizes, place = np.unique(np.round(np.log(N), 6), return_inverse=True)
    groups = [place == k for k in range(len(sizes))]
    compute = _function(*(np.array([np.median(x[g]) for g in groups]) for x in (N, ratio)))
    away = np.log(ratio * N / compute.flop_per_token(N))
    low, high = PLAUSIBLE
    is_clear = np.quantile(np.abs(away), 0.9) <= np.log1p(SCATTER) and (
        low <= np.median(ratio) <= high
    )
    return (compute if is_clear else None), away


def _function(size: Floats, ratio: Floats) -> Compute:
    """The best constant for ratios (m,) at sizes (m,), or the best line if that is much nearer."""
    constant = _rounded(float(np.median(ratio)))
    if len(size) < _FEWEST:
        return Compute(constant)
    # Relative deviations from a line: (k + a / N) / ratio - 1, with N in a unit of its own.
    unit = float(np.median(size))
    basis = np.stack([1.0 / ratio, unit / size / ratio], axis=1)
    weight: Any = np.ones(len(size))
    line: Any = np.zeros(2)
    for _ in range(_ROUNDS):
        line = np.linalg.lstsq(basis * weight[:, None], weight, rcond=None)[0]
        weight = 1.0 / np.sqrt(np.maximum(np.abs(basis @ line - 1.0), 1e-9))
    off, plain = np.abs(basis @ line - 1.0), np.abs(constant / ratio - 1.0)
    if not (np.mean(off) < _BETTER * np.mean(plain) and np.max(plain) > SAME and line[0] > 0):
        return Compute(constant)
    k, extra = _rounded(float(line[0])), _rounded(float(line[1]) * unit)
    smallest = 1.0 if extra >= 0 else float(np.min(size))
    return Compute(k, extra, smallest) if k * smallest + extra > 0 else Compute(constant)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
