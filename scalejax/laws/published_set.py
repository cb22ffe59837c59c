"""`PublishedSet`: coefficients as they were printed, with their source and where they hold.

The coefficients belong to one way of counting parameters, one corpus and tokenizer, and one range
of runs. `PublishedSet.outside` tells which inputs lie beyond those runs, and `Law.predict` warns of
them.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import numpy as np

from scalejax.errors import LawError
from scalejax.laws.sizes import Sizes

Counting = Literal["total", "non-embedding", "active", "non-zero", "not stated", ""]
"""What N counts; empty for laws without an N."""

Evidence = Literal["paper", "code", "refit", "secondary"]
"""Where the numbers were seen: in the paper, in published code, in our fit of the published runs,
or only in somebody's account of the paper."""


class PublishedSet(Mapping[str, float]):
    """Published coefficients of a law: a mapping that can be splatted into the law.

    Attributes:
        id: Identifier such as ``"besiroglu2024"``.
        source: Where the numbers are printed (arXiv id, table or equation).
        convention: What was trained on and how the loss was measured.
        counts: What N counts.
        sizes: How many parameters that makes active and in all; None to take what the law declares.
        evidence: Where the numbers were seen.
        valid: Range per input that the runs of the source cover; only of inputs whose range the
            source states.
        note: What a user must know before using them.
        stderr: Standard errors where they were published.
        coarse: Whether too few digits were printed for optima and losses to mean much.
    """

    def __init__(
        self,
        id: str,
        values: Mapping[str, float],
        *,
        source: str,
        convention: str,
        counts: Counting = "",
        evidence: Evidence = "paper",
        valid: Mapping[str, tuple[float, float]] | None = None,
        note: str = "",
        stderr: Mapping[str, float] | None = None,
        coarse: bool = False,
        sizes: Sizes | None = None,
    ) -> None:
        if counts not in get_args(Counting) or evidence not in get_args(Evidence):
            raise LawError(
                f"published set {id!r}: counts is one of {get_args(Counting)}, evidence one of "
                f"{get_args(Evidence)}, not {counts!r} and {evidence!r}."
            )
        self.id = id
        self._values = dict(values)
        self.source = source
        self.convention = convention
        self.counts = counts
        self.evidence = evidence
        self.valid = dict(valid or {})
        self.note = note
        self.stderr = dict(stderr or {})
        self.coarse = coarse
        self.sizes = sizes

    @property
    def verified(self) -> bool:
        """Whether the numbers were seen in the paper, its code or its data."""
        return self.evidence != "secondary"

    def outside(self, inputs: Mapping[str, object]) -> dict[str, tuple[float, float]]:
        """The inputs of which any value lies beyond the runs of the source, with the range."""
        return {
            name: (low, high)
            for name, (low, high) in self.valid.items()
            if name in inputs
            and np.any((np.asarray(inputs[name]) < low) | (np.asarray(inputs[name]) > high))
        }

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._values.items())
        doubt = "" if self.verified else "; UNVERIFIED"
        return f"PublishedSet({self.id!r}: {values}; {self.source}{doubt})"
