"""The shape of a decoder-only transformer, and its parameters counted part by part.

`Architecture` is the record, `count_parameters` the count. Matrices and norms are counted as in
Llama: no biases, two norms a layer and one at the end, rotary positions (no parameters).
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Architecture:
    """Sizes of a decoder-only transformer, dense or with experts.

    A pytree: every size may be an array or a tracer, so that shapes can be vmapped and
    differentiated.

    Attributes:
        layers: Number of blocks.
        width: Width of the residual stream.
        heads: Query heads.
        feed_forward: Width of the feed-forward layer, of one expert if there are experts.
        vocabulary: Rows of the embedding.
        kv_heads: Key and value heads; `heads` if not given.
        head_size: Width of one head; ``width / heads`` if not given.
        experts: Experts of each layer; not given for a dense model.
        active_experts: Experts that each token uses.
        gated: Three feed-forward matrices (SwiGLU) instead of two.
        tied: The head is the embedding: its parameters are counted once.
    """

    layers: Any
    width: Any
    heads: Any
    feed_forward: Any
    vocabulary: Any
    kv_heads: Any = None
    head_size: Any = None
    experts: Any = None
    active_experts: Any = 1
    gated: bool = field(default=True, metadata={"static": True})
    tied: bool = field(default=False, metadata={"static": True})

    @property
    def query_width(self) -> Any:
        """Width of all query heads together."""
        return self.heads * self._head_size

    @property
    def kv_width(self) -> Any:
        """Width of all key heads together, which is that of all value heads."""
        return (self.heads if self.kv_heads is None else self.kv_heads) * self._head_size

    @property
    def _head_size(self) -> Any:
        return self.width / self.heads if self.head_size is None else self.head_size


class ParameterCount(NamedTuple):
    """Parameters by part.

    Attributes:
        embedding: The table of the input tokens.
        head: The output matrix, also where it is tied to the embedding.
        attention: Query, key, value and output matrices of all layers.
        feed_forward: Feed-forward matrices and router of all layers and experts.
        idle: The part of `feed_forward` that one token does not use.
        norms: Scales of the norms.
        tied: Whether head and embedding are the same parameters.
    """

    embedding: Any
    head: Any
    attention: Any
    feed_forward: Any
    idle: Any
    norms: Any
    tied: bool

    @property
    def non_embedding(self) -> Any:
        """Everything but embedding and head: the N of Kaplan et al. (arXiv:2001.08361)."""
        return self.attention + self.feed_forward + self.norms

    @property
    def total(self) -> Any:
        """Every parameter once: what has to be stored."""
        return self.non_embedding + self.embedding + (0 if self.tied else self.head)

    @property
    def active(self) -> Any:
        """`total` without the experts that a token does not use."""
        return self.total - self.idle

    @property
    def multiplied(self) -> Any:
        """Parameters in the matrix products of one token: active, with head, without embedding."""
        return self.attention + self.feed_forward - self.idle + self.head


def count_parameters(architecture: Architecture) -> ParameterCount:
    """Count the parameters of a decoder-only transformer by part."""
    a = architecture
    matrix = (3 if a.gated else 2) * a.width * a.feed_forward
    feed_forward, idle = matrix, 0 * matrix
    if a.experts is not None:
        feed_forward = a.experts * (matrix + a.width)  # one row of the router per expert
        idle = (a.experts - a.active_experts) * matrix
    return ParameterCount(
        embedding=a.vocabulary * a.width,
        head=a.vocabulary * a.width,
        attention=a.layers * 2 * a.width * (a.query_width + a.kv_width),
        feed_forward=a.layers * feed_forward,
        idle=a.layers * idle,
        norms=(2 * a.layers + 1) * a.width,
        tied=a.tied,
    )
