"""The vocabulary: what N, D, C, loss and the rest mean, in which unit, and in which range.

Laws name their inputs with these symbols; `scalejax.data` finds the columns of a table by the
aliases and checks values against the plausible ranges. A law may use an input that is not listed
here: it then needs a column of exactly that name and gets no range check. `short_number` writes a
value as people do.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A measured quantity.

    Attributes:
        symbol: The field's symbol, as used for the inputs of laws.
        meaning: A few words for help texts and plot axes.
        unit: Unit of the raw values.
        plausible: Range outside which a value is suspicious, in `unit`.
        aliases: Column names that mean this quantity, in lower case.
    """

    symbol: str
    meaning: str
    unit: str
    plausible: tuple[float, float]
    aliases: tuple[str, ...] = ()


N = Quantity(
    "N",
    "parameters",
    "parameters",
    (1e3, 1e15),
    (
        "n",
        "params",
        "parameters",
        "n_params",
        "num_params",
        "model_size",
        "model size",
        "param_count",
    ),
)
D = Quantity(
    "D",
    "training tokens",
    "tokens",
    (1e3, 1e17),
    ("d", "tokens", "training_tokens", "n_tokens", "num_tokens", "train_tokens", "tokens_seen"),
)
C = Quantity(
    "C",
    "training compute",
    "FLOP",
    (1e9, 1e32),
    ("c", "flops", "flop", "compute", "training flop", "training_flop", "training_flops", "budget"),
)
LOSS = Quantity(
    "loss",
    "loss",
    "nats/token",
    (1e-3, 20.0),
    ("loss", "val_loss", "eval_loss", "valid_loss", "test_loss", "final_loss", "l"),
)

QUANTITIES: dict[str, Quantity] = {q.symbol: q for q in (N, D, C, LOSS)}

_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def short_number(value: float) -> str:
    """Three digits with k, M, B or T, as people write parameters and tokens."""
    size = abs(value)
    if not math.isfinite(value) or value == 0 or size >= 1e15 or size < 1e-3:
        return f"{value:.3g}"
    for scale, letter in _SCALES:
        # 999.6M is 1B and not 1e+03M.
        if size >= scale * 0.9995:
            return f"{value / scale:.3g}{letter}"
    return f"{value:.3g}"
