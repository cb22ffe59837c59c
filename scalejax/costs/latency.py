"""Time of one forward pass: prefill bound by arithmetic, decode bound by memory.

Make a `Served` model with `serve_size` (only N is known) or `serve_architecture`, and the `Rates`
of what serves it with `rates_reached`. Then ask for `prefill_seconds` (time to the first token),
`decode_seconds` (time of each further token) or `request_seconds` (a whole answer). All batches are
on one accelerator, or on several as one with the sum of their rates.

The roofline takes the longer of arithmetic and memory traffic, each at a stated part of the peak.
The hard maximum is replaced by a p-norm (`smooth_maximum`), so gradients exist everywhere. It is
never less than the maximum and at most 2^(1/p) times it, where both are equal: 9 % with p = 8.

How good this is, with the defaults below, against the 513 measurements of Llama-2-like models in
PyTorch of arXiv:2510.02228: at 7B parameters the median error is 6 % for prefill, and 6 % for
decoding a batch of at most 8 after at most 1,024 tokens. Smaller models are slower than predicted,
by a factor of 1.2 (3B) to 2.1 (160M) in prefill and 1.7 to 8 in decoding, because their kernels do
not fill the machine. Decoding is a lower bound: `decode_seconds` says what may come on top.
"""

from dataclasses import dataclass
from typing import Any

import jax

from scalejax.costs.architecture import Architecture, count_parameters
from scalejax.costs.dimensions import checked
from scalejax.costs.flops import causal_mean
from scalejax.costs.memory import kv_bytes_per_token, weight_bytes
from scalejax.costs.units import (
    Bytes,
    BytesPerSecond,
    Flop,
    FlopPerSecond,
    Number,
    Parameters,
    Seconds,
    Tokens,
    TokensPerSecond,
)

COMPUTE_UTILISATION = 0.4
"""Part of the peak rate in matrix products: training of Llama 3 405B on 16-bit H100 reaches 38 to
43 % (arXiv:2407.21783, table 4), and prefill is the forward pass of the same products."""

BANDWIDTH_UTILISATION = 0.6
"""Part of the peak bandwidth when weights are read once: Llama 3.1 8B on one H100 takes 8.4 ms a
token in eager PyTorch (57 %) and 5.1 ms as a captured graph (94 %, cloudai.pt/tag/cuda-graphs).
The cautious end."""

SHARPNESS = 8.0
"""The p of the p-norm in the roofline, by judgement: a larger one comes closer to the maximum, and
bends more sharply where both times are equal, which optimisers feel."""


def smooth_maximum(a: Any, b: Any, sharpness: Any = SHARPNESS) -> Any:
    """The p-norm of two positive numbers: between max and 2^(1/p) max, and differentiable."""
    total = a + b  # the shares cannot overflow, and underflow harmlessly, in any dtype
    return total * ((a / total) ** sharpness + (b / total) ** sharpness) ** (1.0 / sharpness)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rates:
    """What an accelerator reaches; a pytree of plain numbers. `rates_reached` makes one.

    Attributes:
        flop: FLOP per second.
        bytes: Bytes per second.
        overhead: Seconds of each pass for launching kernels and sampling.
    """

    flop: Any
    bytes: Any
    overhead: Any = 0.0


@checked
def rates_reached(
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    compute_utilisation: Number = COMPUTE_UTILISATION,
    bandwidth_utilisation: Number = BANDWIDTH_UTILISATION,
    overhead: Seconds = 0.0,
) -> Rates:
    """Rates of an accelerator that reaches a part of its peaks.

    Args:
        peak: Peak rate in the precision of the products.
        bandwidth: Peak bandwidth of the memory.
        compute_utilisation: Part of `peak` that is reached.
        bandwidth_utilisation: Part of `bandwidth` that is reached.
        overhead: Time of each pass for launching kernels and sampling.
    """
    return Rates(peak * compute_utilisation, bandwidth * bandwidth_utilisation, overhead)


@checked
def roofline_seconds(
    flop: Flop, moved: Bytes, rates: Rates, sharpness: Number = SHARPNESS
) -> Seconds:
    """Time of a pass of `flop` operations that moves `moved` bytes, when both overlap."""
    longer = smooth_maximum(flop / rates.flop, moved / rates.bytes, sharpness)
    return longer + rates.overhead


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Served:
    """The sizes of a model that latency depends on; a pytree of plain numbers.

    Attributes:
        read_bytes: Weights that a pass reads when every expert is used.
        body_flop: FLOP of one token in the layers' matrices.
        head_flop: FLOP of the output matrix, which only the last token of a prompt needs.
        attention_flop: FLOP of one token for each position that it attends to.
        kv_bytes: KV cache of one token.
        idle_bytes: The part of `read_bytes` that a single token does not use.
        expert_share: Active experts over all experts; not given for a dense model.
    """

    read_bytes: Any
    body_flop: Any
    head_flop: Any = 0.0
    attention_flop: Any = 0.0
    kv_bytes: Any = 0.0
    idle_bytes: Any = 0.0
    expert_share: Any = None

    def bytes_read(self, tokens: Any) -> Any:
        """Weights read by a pass over `tokens` tokens that choose experts evenly."""
        if self.expert_share is None:
            return self.read_bytes
        return self.read_bytes - self.idle_bytes * (1.0 - self.expert_share) ** (tokens - 1.0)


@checked
def serve_size(N: Parameters, bits: Number = 16.0) -> Served:
    """A dense model of which only the size is known: no attention, no KV cache."""
    return Served(read_bytes=weight_bytes(N, bits), body_flop=2.0 * N)


@checked
def serve_architecture(
    architecture: Architecture, weight_bits: Number = 16.0, kv_bits: Number = 16.0
) -> Served:
    """A model of known shape, dense or with experts, with attention and KV cache."""
    count = count_parameters(architecture)
    moe = architecture.experts is not None
    return Served(
        read_bytes=weight_bytes(count.non_embedding + count.head, weight_bits),
        body_flop=2.0 * (count.multiplied - count.head),
        head_flop=2.0 * count.head,
        attention_flop=4.0 * architecture.layers * architecture.query_width,
        kv_bytes=kv_bytes_per_token(architecture, kv_bits),
        idle_bytes=weight_bytes(count.idle, weight_bits),
        expert_share=architecture.active_experts / architecture.experts if moe else None,
    )


@checked
def prefill_seconds(served: Served, prompt: Tokens, batch: Number, rates: Rates) -> Seconds:
    """Time to the first token of `batch` prompts of `prompt` tokens each, at least one.

    All prompts are read at the same time.
    """
    attention = served.attention_flop * causal_mean(prompt)
    flop = batch * (prompt * (served.body_flop + attention) + served.head_flop)
    moved = served.bytes_read(batch * prompt) + batch * prompt * served.kv_bytes
    return roofline_seconds(flop, moved, rates)


@checked
def decode_seconds(served: Served, context: Tokens, batch: Number, rates: Rates) -> Seconds:
    """Time of one step that adds a token to each of `batch` sequences of `context` tokens so far.

    In the measurements named above three things came on top. Launching kernels took about 65
    microseconds a layer, most of the time below 1B parameters: give it as `overhead` of the rates.
    An attention kernel that does not split the sequence read the cache at a tenth of the bandwidth
    for one sequence, and at half of it for many. Products for batches above 64 ran at a tenth of
    the rate of prefill. Software for serving avoids all three.
    """
    attention = served.attention_flop * context
    flop = batch * (served.body_flop + served.head_flop + attention)
    moved = served.bytes_read(batch) + batch * context * served.kv_bytes
    return roofline_seconds(flop, moved, rates)


@checked
def request_seconds(
    served: Served, prompt: Tokens, output: Tokens, batch: Number, prefill: Rates, decode: Rates
) -> Seconds:
    """A whole answer: prefill gives the first of `output` tokens, decoding the others.

    Decoding is timed at the mean context, which is exact where time is linear in it. Each phase has
    its own rates, as a step of decoding seldom reaches those of prefill.
    """
    first = prefill_seconds(served, prompt, batch, prefill)
    step = decode_seconds(served, prompt + output / 2.0, batch, decode)
    return first + (output - 1.0) * step


@checked
def throughput(output: Tokens, batch: Number, request_time: Seconds) -> TokensPerSecond:
    """Output tokens per second of a batch whose requests take `request_time`."""
    return batch * output / request_time
