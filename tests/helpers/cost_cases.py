"""Architectures, hardware and requests whose costs are published."""

from scalejax import costs
from scalejax.costs import Architecture

LLAMA2_7B = Architecture(32, 4096, 32, 11008, 32000)
LLAMA3_8B = Architecture(32, 4096, 32, 14336, 128256, kv_heads=8)
SERVED = costs.serve_architecture(LLAMA2_7B)
