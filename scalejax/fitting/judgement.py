"""The records of what speaks for a result and against it.

The sentence that a boss reads first, `Judgement.sentence`, is made of the same records as the lists
below it, so that words and numbers cannot disagree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Weight = Literal["for", "note", "care", "fault"]
Grade = Literal["sound", "care", "unsound"]

_WORST_FIRST: tuple[Weight, ...] = ("fault", "care", "note")

_HEADS: dict[Grade, str] = {
    "sound": "Sound",
    "care": "Usable with care",
    "unsound": "Do not rely on this fit",
}


@dataclass(frozen=True)
class Caveat:
    """One thing that speaks for a result or against it.

    Attributes:
        rule: The rule that gave it, in a word or two.
        text: A sentence.
        weight: ``"for"``; or against: ``"note"`` (to know), ``"care"`` (a conclusion may be wrong)
            or ``"fault"`` (conclusions mean nothing).
        short: The same as a clause, for the sentence that stands first.
    """

    rule: str
    text: str
    weight: Weight = "care"
    short: str = ""


@dataclass(frozen=True)
class Judgement:
    """What speaks for a result and what against it, the worst first.

    Attributes:
        support: What speaks for it.
        against: What speaks against it.
        strength: What a sound result is, as a clause.
    """

    support: tuple[Caveat, ...]
    against: tuple[Caveat, ...]
    strength: str = ""

    @property
    def grade(self) -> Grade:
        """``"unsound"`` with a fault, ``"care"`` with a caveat that is more than a note."""
        weights = {one.weight for one in self.against}
        return "unsound" if "fault" in weights else "care" if "care" in weights else "sound"

    @property
    def sentence(self) -> str:
        """What to read first: the grade with its most important reason."""
        worst = next((one for one in self.against if one.short and one.weight != "note"), None)
        reason = self.strength if worst is None or self.grade == "sound" else worst.short
        return f"{_HEADS[self.grade]}: {reason}." if reason else f"{_HEADS[self.grade]}."

    def texts(self, side: Literal["for", "against"]) -> list[str]:
        """Sentences of a side."""
        return [one.text for one in (self.support if side == "for" else self.against)]


def judged(found: Iterable[Caveat], strength: str = "") -> Judgement:
    """A judgement of records in any order, which is kept among those of one weight."""
    found = [*found]
    against = [one for weight in _WORST_FIRST for one in found if one.weight == weight]
    support = [one for one in found if one.weight == "for"]
    return Judgement(tuple(support), tuple(against), strength)
