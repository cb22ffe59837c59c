"""What N counts: how many parameters a token uses, and how many have to be kept.

A dense model uses all of its parameters for every token, so that N is the one number. Where experts
are idle, or N leaves a part out, *active* and *total* parameters are different quantities: FLOP,
time and latency go with the active ones, memory with all. A law, or a published set of it, declares
both with `Sizes`, as functions of N and its other inputs:

    @law(sizes=Sizes(active=lambda N, sparsity, **_: (1 - sparsity) * N, total=as_counted))
    def mine(N, D, sparsity, *, E: Positive, ...): ...

`Law.sizes_of` gives those of a law or set. What is not known is None, and nothing is decided by it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scalejax.laws.supports import Value
from scalejax.quantities import EXPERTS, GRANULARITY, SPARSITY

Size = Callable[..., Any]
"""Parameters as a function ``size(N, **inputs)`` of what a law counts and its other inputs."""

FEED_FORWARD = 2 / 3
"""Share of a layer that are its feed-forward matrices, where they are four times as wide as the
layer: 8 of 12 squares of the width. The other third is attention."""

SPLITTING = {one.symbol for one in (EXPERTS, GRANULARITY, SPARSITY)}
"""Inputs of models that do not use all of their parameters: of a law with any of them that declares
no `Sizes`, they are not known."""


@dataclass(frozen=True)
class Sizes:
    """Active and total parameters of what a law counts as N.

    Attributes:
        active: Parameters that a token uses; None where that is not known.
        total: Parameters that have to be kept; None where that is not known.
    """

    active: Size | None = None
    total: Size | None = None

    @property
    def is_dense(self) -> bool:
        """Whether N is both."""
        return self.active is as_counted and self.total is as_counted


def as_counted(N: Value, **inputs: Any) -> Value:
    """N itself."""
    return N


def not_idle(N: Value, sparsity: Value, **inputs: Any) -> Value:
    """The active ones of N in all, a share of which is idle: (1 - S) N."""
    return (1 - sparsity) * N


def with_experts(N: Value, experts: Value, **inputs: Any) -> Value:
    """All of a model whose tokens use N and one of its experts: N (1 + (E - 1) 2/3).

    An expert is a feed-forward layer, which is `FEED_FORWARD` of its layer. For 64 experts that is
    43 N, the number of Krajewski et al. (arXiv:2402.07871).
    """
    return N * (1 + (experts - 1) * FEED_FORWARD)


def among_experts(experts: float) -> Size:
    """The active ones of N in all, where a token uses one of so many `with_experts`."""

    def active(N: Value, **inputs: Any) -> Value:
        return N / with_experts(1.0, experts)

    return active


def with_vocabulary(N: Value, N_v: Value, **inputs: Any) -> Value:
    """N and the parameters of the vocabulary that it leaves out."""
    return N + N_v


DENSE = Sizes(as_counted, as_counted)
"""N is active and total."""

NOT_KNOWN = Sizes()
"""Nobody says what N counts."""
