"""Demand for inference: how many tokens a model will read and write in its life.

State it as total tokens (`demand_in_total`), as requests of a known length (`demand_in_requests`)
or as a rate and a lifetime (`demand_at_rate`). All give a `Demand`: its fields go to
`scalejax.costs.money.lifetime_usd` and its total to `scalejax.costs.flops.inference_flop`.
"""

from dataclasses import dataclass
from typing import Any

import jax

from scalejax.costs.dimensions import checked
from scalejax.costs.units import Number, PerSecond, Seconds, Tokens

REQUEST_INPUT = 70.0
"""Tokens asked in a mean request of the LMSYS chats, as in arXiv:2401.00448 and its code."""
REQUEST_OUTPUT = 215.0
"""Tokens of a mean request of the LMSYS chats, as in arXiv:2401.00448 and its code."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Demand:
    """Tokens over the life of a model; a pytree of plain numbers.

    Attributes:
        input_tokens: Tokens read.
        output_tokens: Tokens written.
    """

    input_tokens: Any
    output_tokens: Any

    @property
    def total(self) -> Any:
        """Tokens read or written: the D_inf of arXiv:2401.00448."""
        return self.input_tokens + self.output_tokens


@checked
def demand_in_total(tokens: Tokens, output_share: Number) -> Demand:
    """`tokens` in all, a part `output_share` of them written."""
    return Demand(tokens * (1.0 - output_share), tokens * output_share)


@checked
def demand_in_requests(
    requests: Number, input_tokens: Tokens = REQUEST_INPUT, output_tokens: Tokens = REQUEST_OUTPUT
) -> Demand:
    """`requests` that read `input_tokens` and write `output_tokens` each."""
    return Demand(requests * input_tokens, requests * output_tokens)


@checked
def demand_at_rate(
    requests_per_second: PerSecond,
    lifetime: Seconds,
    input_tokens: Tokens = REQUEST_INPUT,
    output_tokens: Tokens = REQUEST_OUTPUT,
) -> Demand:
    """A mean rate of requests over a lifetime."""
    return demand_in_requests(requests_per_second * lifetime, input_tokens, output_tokens)
