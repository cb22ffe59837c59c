"""FLOP of training and inference.

- Only N and D are known: `training_flop` (6ND, or what was measured) and `inference_flop` (2N per
  token). For a model with experts N is the number of *active* parameters.
- The shape is known: `forward_flop_per_token`, `shaped_training_flop`, `shaped_inference_flop`
  count attention, head and vocabulary too.
- Low precision: `precision_weighted_flop`, in FLOP at 16 bits, for laws whose cost is linear in
  bits.

One multiplication with addition is 2 FLOP. The lookup of an embedding, norms and softmax count as
nothing; the backward pass is twice the forward.
"""

from scalejax.compute import SIX_N_D, Compute
from scalejax.costs.architecture import Architecture, count_parameters
from scalejax.costs.dimensions import checked
from scalejax.costs.units import Flop, FlopPerToken, Number, Parameters, Tokens


@checked
def training_flop(N: Parameters, D: Tokens, compute: Compute = SIX_N_D) -> Flop:
    """Training of N parameters on D tokens: 6ND (Kaplan et al., arXiv:2001.08361), or another."""
    return compute.flop(N, D)


@checked
def inference_flop(N: Parameters, tokens: Tokens) -> Flop:
    """A forward pass over `tokens`, read or written: 2N each (Sardana et al., arXiv:2401.00448)."""
    return 2.0 * N * tokens


@checked
def precision_weighted_flop(
    N: Parameters, D: Tokens, forward_bits: Number, backward_bits: Number = 16.0
) -> Flop:
    """6ND in FLOP at 16 bits, where an operation costs as many bits as it has.

    With both at P bits it is (6/16) N D P (Kumar et al., arXiv:2411.04330). Hardware is not linear
    in bits: `scalejax.costs.duration.training_hours_by_precision` takes the real rates.
    """
    return (2.0 * forward_bits + 4.0 * backward_bits) / 16.0 * N * D


@checked
def attention_flop_per_token(architecture: Architecture, attended: Tokens) -> FlopPerToken:
    """Attention scores and weighted values of one token over `attended` positions, all layers."""
    return 4.0 * architecture.layers * architecture.query_width * attended


@checked
def forward_flop_per_token(architecture: Architecture, attended: Tokens) -> FlopPerToken:
    """One token through the model: 2 x (matrices that it meets) and attention.

    Args:
        architecture: The model.
        attended: Positions that the token attends to. `causal_mean` is the mean over a sequence;
            the length itself gives the convention of PaLM (arXiv:2204.02311, appendix B), which
            leaves the causal mask out.
    """
    matrices = 2.0 * count_parameters(architecture).multiplied
    return matrices + attention_flop_per_token(architecture, attended)


@checked
def causal_mean(length: Tokens) -> Tokens:
    """Mean positions that the tokens of a sequence attend to, themselves included."""
    return (length + 1.0) / 2.0


@checked
def shaped_training_flop(architecture: Architecture, D: Tokens, context: Tokens) -> Flop:
    """Training on D tokens in sequences of `context`: three forward passes with a causal mask."""
    return 3.0 * D * forward_flop_per_token(architecture, causal_mean(context))


@checked
def shaped_inference_flop(
    architecture: Architecture, input_tokens: Tokens, output_tokens: Tokens, requests: Number = 1.0
) -> Flop:
    """Requests that read `input_tokens` and write `output_tokens` each, with a KV cache."""
    tokens = input_tokens + output_tokens
    return requests * tokens * forward_flop_per_token(architecture, causal_mean(tokens))
