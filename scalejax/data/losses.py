"""The column of the loss, by the words of its header.

A loss of validation goes before one of training. One that says neither, ``loss``, beside one of
validation is asked about: in some logs it is the training loss. Nats go before bits and perplexity
of the same split, which say the same. Where no header is plainly a loss, the only one with the word
in it is taken; ``L`` last of all, and not if it holds whole numbers, as numbers of layers.
"""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from scalejax.data.candidates import Candidate, has_numbers, numeric, same, values_of
from scalejax.data.headers import bracketed, folded, words_of
from scalejax.data.loss_units import SPELLINGS, LossUnit, loss_unit_of
from scalejax.data.numbers import parse_column

# Relative difference of losses within which they are one, rounded or averaged otherwise.
_SAME_LOSS = 0.02

VALIDATION, TEST, TRAINING = "validation", "test", "training"

_UNIT = "|".join(sorted(SPELLINGS, key=len, reverse=True))
_SPLITS = {
    VALIDATION: ("validation", "valid", "val", "evaluation", "eval", "dev", "heldout", "holdout"),
    TEST: ("testing", "test"),
    TRAINING: ("training", "train", "trn"),
}
_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}
_SPLIT = "|".join(sorted(_SPLIT_OF, key=len, reverse=True))
_MORE = f"(?:{_SPLIT}|final|mean|average|avg|languagemodel|lm|model|set|token|crossentropy|xent|ce)"
_CORE = f"(?P<loss>loss|nll|xent|crossentropy|celoss)|(?P<unit>{_UNIT})"
_EXACT = re.compile(f"{_MORE}*(?:{_CORE}){_MORE}*(?P<in>in)?(?P<more>{_UNIT})?")

_LOSS_WORDS = {
    "loss",
    "losses",
    "nll",
    "ce",
    "xent",
    "crossentropy",
    "perplexity",
    "ppl",
    "bpb",
    "bpc",
}
_OTHERWISE = re.compile(
    r"std|sd|se|sem|stderr|err|error|var|variance|min|max|lo|hi|low|high|lower|upper|ci|aux|"
    r"auxiliary|balance|balancing|load|router|z|zloss|reg|regularization|kl|l2|delta|diff|gap|scale|"
    r"scaler|weight|weights|count|num|n|step|steps|teacher|extra|added|unigram|name|type|ratio|"
    r"threshold|spike|grad|relative|rel|reference|ref|unit|id|target|rank|excess|reducible|"
    r"irreducible|normalized|normalised|inverse|inv|neg|negative|minus|exp|log|log2|log10|ln|%|x\d+|"
    r"(?:lo|hi|q|p|ci)\d+|sqrt|sum|squared|"
    r"mse|rmse|mae|l1|huber|hinge|dice|focal|bce|ctc|triplet|contrastive|infonce|clip|mim|"
    r"kd|distill|distilled|distillation|dpo|ppo|grpo|reward|value|policy|actor|critic|"
    r"recon|reconstruction|vq|vae|commit|commitment|adversarial|gan|diffusion|"
    r"generator|discriminator|box|bbox|mask|seg|segmentation|depth|rl"
)
"""Words of headers that are about a loss and not one, a function of one, or another loss than that
of language, whose unit nobody knows: such a column is taken where it is named."""
_ARITHMETIC = re.compile(r"\s*(?:[\d.]+\s*[-/*+^]|-).*|.*[*^\u00b2\u00b3].*")
"""A formula as a header: 1/loss, -loss, loss^2."""


def loss_candidates(frame: pd.DataFrame, taken: frozenset[str] = frozenset()) -> list[Candidate]:
    """The columns that may be the loss: one if it is settled, several if it is not."""
    columns = [str(column) for column in frame.columns if column not in taken]
    plain = numeric(frame, [one for column in columns if (one := _plainly(column)) is not None])
    loose = [one for column in columns if (one := _loosely(column)) and one not in plain]
    loose = [one for one in loose if has_numbers(frame, one.column)]
    held_out = [one for one in plain if one.kind != TRAINING]
    if held_out:
        return _settled(frame, held_out, plain)
    others = [one for one in loose if one.kind != TRAINING]
    if plain:
        return [*plain, *others] if others else _settled(frame, plain, plain)
    if loose:
        return _only(frame, others or loose)
    return _capital_l(frame, columns)


def loss_unit_in(column: str) -> LossUnit | None:
    """The unit that a header states: "val_bpb", "loss (bits)"; None if it is silent."""
    candidate = _plainly(column) or _loosely(column)
    if candidate is not None:
        return candidate.loss_unit
    bracket = bracketed(column)
    name = SPELLINGS.get(folded(bracket[1]), "") if bracket else ""
    return loss_unit_of(name) if name else None


def is_loss_name(column: str) -> bool:
    """Whether a header is that of a loss."""
    return _plainly(column) is not None or _loosely(column) is not None or folded(column) == "l"


def _plainly(column: str) -> Candidate | None:
    base, inside = column, ""
    if bracket := bracketed(column):
        base, inside = bracket[0], folded(bracket[1])
        if inside not in SPELLINGS and inside not in _SPLIT_OF and inside not in ("l", "loss"):
            return None
    match = None if _ARITHMETIC.fullmatch(column) else _EXACT.fullmatch(folded(base))
    if match is None or (match["unit"] in ("bits", "nats") and not match["loss"]):
        return None
    name = SPELLINGS.get(inside) or SPELLINGS.get(match["more"] or match["unit"] or "")
    kind = _split_in(folded(base)) or _SPLIT_OF.get(inside, "")
    return Candidate(column, kind=kind, loss_unit=loss_unit_of(name) if name else None)


def _loosely(column: str) -> Candidate | None:
    words = words_of(column)
    if (
        _ARITHMETIC.fullmatch(column)
        or not _LOSS_WORDS & {*words}
        or any(_OTHERWISE.fullmatch(word) for word in words)
    ):
        return None
    names = [SPELLINGS[word] for word in words if word in SPELLINGS]
    kind = next((_SPLIT_OF[word] for word in words if word in _SPLIT_OF), "")
    unit = loss_unit_of(names[-1]) if names else None
    return Candidate(column, kind=kind, loss_unit=unit)


def _split_in(words: str) -> str:
    match = re.search(_SPLIT, words)
    return _SPLIT_OF[match[0]] if match else ""


def _settled(
    frame: pd.DataFrame, candidates: list[Candidate], every: list[Candidate]
) -> list[Candidate]:
    if len({one.kind for one in candidates}) > 1:
        return same(frame, candidates)
    order = [_order(one) for one in candidates]
    best = [one for one, place in zip(candidates, order, strict=True) if place == min(order)]
    chosen = same(frame, best)
    if len(chosen) > 1:
        return chosen
    (one,) = chosen
    others = [other for other in candidates if other not in best]
    if any(_contradicts(frame, one, other) for other in others):
        return candidates
    left = [other.column for other in every if other not in best]
    also = f"not {', '.join(map(repr, left))}" if left else ""
    why = "no loss of validation" if one.kind == TRAINING else ""
    return [replace(one, remark="; ".join(filter(None, (one.remark, also, why))))]


def _contradicts(frame: pd.DataFrame, one: Candidate, other: Candidate) -> bool:
    """Whether a perplexity or bits per token are not those of the loss beside them."""
    if _order(other) > 2:
        return False
    first, second = values_of(frame, one), values_of(frame, other)
    usable = np.isfinite(first) & np.isfinite(second)
    return not np.allclose(first[usable], second[usable], rtol=_SAME_LOSS)


def _order(candidate: Candidate) -> int:
    unit = candidate.loss_unit
    if unit is None or unit.name == "nats":
        return 0
    return 1 if unit.name == "bits" else 2 if unit.name == "perplexity" else 3


def _only(frame: pd.DataFrame, candidates: list[Candidate]) -> list[Candidate]:
    if len(candidates) > 1:
        return same(frame, candidates)
    return [replace(candidates[0], remark="the only column that may be a loss")]


def _capital_l(frame: pd.DataFrame, columns: list[str]) -> list[Candidate]:
    """``L``, unless it holds whole numbers, which are layers."""
    named = [column for column in columns if folded(column) == "l"]
    if len(named) != 1:
        return [Candidate(column) for column in named]
    values = parse_column(frame[named[0]]).values
    values = values[np.isfinite(values)]
    if not values.size or np.all(values == np.round(values)):
        return []
    return [Candidate(named[0], remark="no other column may be the loss")]
