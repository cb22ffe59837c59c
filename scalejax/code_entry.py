"""`Code`: the entry of one kind of problem in the list of `scalejax.codes`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """One kind of problem.

    Attributes:
        code: ``"E101"`` or ``"W201"``; those with W do not stop a fit.
        title: What it is, in a few words.
        meaning: What is wrong and why it matters.
        remedy: What to do; arguments are fields of `scalejax.vocabulary.worded`.
        example: A cell, row or call that has the problem; arguments are fields too.
        room: Part of scalejax that raises it.
    """

    code: str
    title: str
    meaning: str
    remedy: str
    example: str
    room: str = "data"

    @property
    def severity(self) -> str:
        """``"error"`` or ``"warning"``."""
        return "warning" if self.code.startswith("W") else "error"
