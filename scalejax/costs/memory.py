"""Bytes: weights and KV cache of a served model, state of a model in training, and what fits.

Activations, buffers and fragmentation are not counted: plan with a part of the memory (`usable`).
"""

from scalejax.costs.architecture import Architecture, count_parameters
from scalejax.costs.dimensions import checked
from scalejax.costs.units import Bytes, BytesPerToken, Number, Parameters, Tokens
from scalejax.errors import UsageError

USABLE_MEMORY = 0.9
"""Part of the memory for weights and cache: the default of vLLM (`gpu_memory_utilization`)."""

TRAINING_RECIPES = {
    "adam-mixed": 16.0,
    "adam-fp32": 16.0,
    "adam-bf16": 8.0,
    "adam-8bit": 10.0,
    "sgd-momentum-fp32": 12.0,
}
"""Bytes per parameter for weights, gradients, master weights and moments.

``adam-mixed`` is 2 + 2 + (4 + 4 + 4) (ZeRO, arXiv:1910.02054, section 3.1); ``adam-8bit`` keeps
16-bit weights and gradients, 32-bit master weights and two 8-bit moments (arXiv:2110.02861);
``adam-bf16`` has everything in 16 bits.
"""


@checked
def weight_bytes(N: Parameters, bits: Number = 16.0) -> Bytes:
    """Weights of N parameters (of all experts) at `bits` each."""
    return N * bits / 8.0


@checked
def kv_bytes_per_token(architecture: Architecture, bits: Number = 16.0) -> BytesPerToken:
    """KV cache of one token: its key and value in all layers."""
    return 2.0 * architecture.layers * architecture.kv_width * bits / 8.0


@checked
def kv_cache_bytes(
    architecture: Architecture, tokens: Tokens, sequences: Number = 1.0, bits: Number = 16.0
) -> Bytes:
    """KV cache of `sequences` sequences of `tokens` each."""
    return sequences * tokens * kv_bytes_per_token(architecture, bits)


@checked
def serving_bytes(
    architecture: Architecture,
    tokens: Tokens,
    sequences: Number = 1.0,
    weight_bits: Number = 16.0,
    kv_bits: Number = 16.0,
) -> Bytes:
    """Weights and KV cache together."""
    weights = weight_bytes(count_parameters(architecture).total, weight_bits)
    return weights + kv_cache_bytes(architecture, tokens, sequences, kv_bits)


@checked
def largest_batch(
    architecture: Architecture,
    tokens: Tokens,
    memory: Bytes,
    weight_bits: Number = 16.0,
    kv_bits: Number = 16.0,
    usable: Number = USABLE_MEMORY,
) -> Number:
    """Sequences of `tokens` that fit beside the weights; not rounded, negative if none does."""
    weights = weight_bytes(count_parameters(architecture).total, weight_bits)
    return (usable * memory - weights) / kv_cache_bytes(architecture, tokens, 1.0, kv_bits)


@checked
def training_bytes(N: Parameters, recipe: str = "adam-mixed") -> Bytes:
    """State of a model in training, over all accelerators, without activations.

    Raises:
        UsageError: The recipe is not in `TRAINING_RECIPES`.
    """
    if recipe not in TRAINING_RECIPES:
        raise UsageError(f"unknown recipe {recipe!r}: use one of {', '.join(TRAINING_RECIPES)}")
    return TRAINING_RECIPES[recipe] * N
