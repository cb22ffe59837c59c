"""Units of a loss: nats, bits, perplexity, per token or per byte, and what becomes of each.

A loss per token becomes nats per token. Bits per byte cannot, unless the bytes of a token are
known: they are fitted as they are, and their unit is said wherever the loss is.
"""

import math
from dataclasses import dataclass

from scalejax.amounts import Kind, read
from scalejax.data.headers import folded
from scalejax.errors import UsageError
from scalejax.vocabulary import argument

NATS = "nats/token"


@dataclass(frozen=True)
class LossUnit:
    """A unit of the loss.

    Attributes:
        name: As ``loss_unit=`` takes it.
        becomes: Unit of the loss once it is read.
        factor: What the column is multiplied by.
        log: Whether its logarithm is taken, as of a perplexity.
    """

    name: str
    becomes: str = NATS
    factor: float = 1.0
    log: bool = False

    @property
    def words(self) -> str:
        """What the column is in and what was done, for people."""
        column = self.name.partition(":")[0].replace("_", " ")
        if self.log:
            return f"{column}, its logarithm taken: {self.becomes}"
        if self.factor != 1:
            per = "" if "per" in column else " per token"
            return f"{column}{per}, multiplied by {self.factor:.9g}: {self.becomes}"
        return self.becomes


_UNITS = (
    LossUnit("nats"),
    LossUnit("bits", factor=math.log(2)),
    LossUnit("perplexity", log=True),
    LossUnit("word_perplexity", "nats/word", log=True),
    LossUnit("byte_perplexity", "nats/byte", log=True),
    LossUnit("bits_per_byte", "bits/byte"),
    LossUnit("bits_per_character", "bits/character"),
    LossUnit("nats_per_byte", "nats/byte"),
    LossUnit("nats_per_character", "nats/character"),
)
_BY_NAME = {unit.name: unit for unit in _UNITS}
_SPELLINGS = {
    "nats": ("nats_per_token", "nats_token", "nats_tok"),
    "bits": ("bits_per_token", "bits_token", "bits_tok", "bpt"),
    "perplexity": ("ppl", "perplexities", "token_perplexity"),
    "word_perplexity": ("word_ppl",),
    "byte_perplexity": ("byte_ppl",),
    "bits_per_byte": ("bpb", "bits_byte"),
    "bits_per_character": ("bpc", "bits_per_char", "bits_char", "bits_character"),
    "nats_per_byte": ("nats_byte",),
    "nats_per_character": ("nats_per_char", "nats_char", "nats_character"),
}
SPELLINGS: dict[str, str] = {
    folded(text): name for name in _BY_NAME for text in (name, *_SPELLINGS[name])
}
"""Folded spelling to the name of the unit."""

_BYTES = Kind(
    "how many bytes a token has on average, such as 4.3 (the bytes of the validation text by its "
    "tokens)",
    lambda x: x > 0,
)
_OF_BYTES = ("bits_per_byte", "bits_per_character", "nats_per_byte", "nats_per_character")


def loss_unit_of(text: str) -> LossUnit:
    """The unit that ``loss_unit=`` names.

    Args:
        text: ``"nats"`` or ``"bits"`` (per token), ``"perplexity"``, ``"bits_per_byte"``,
            ``"bits_per_character"`` and the like; ``"bits_per_byte:4.3"`` says how many bytes a
            token has, so that the loss becomes nats per token.

    Raises:
        UsageError: An unknown unit, or no positive number of bytes per token.
    """
    name, colon, size = text.partition(":")
    unit = _BY_NAME.get(SPELLINGS.get(folded(name), ""))
    if unit is None or (colon and unit.name not in _OF_BYTES):
        known = ", ".join(f'"{name}"' for name in _BY_NAME)
        raise UsageError(
            f'{argument("loss_unit")} knows {known} and "bits_per_byte:<bytes per token>", '
            f"not {text!r}"
        )
    if not colon:
        return unit
    per_token = read("loss_unit", size, _BYTES, unit.name)
    return LossUnit(f"{unit.name}:{size}", NATS, _nats(unit) * per_token)


def _nats(unit: LossUnit) -> float:
    return math.log(2) if unit.name.startswith("bits") else 1.0
