"""What a planner asks: what is limited, what is wanted, what is known of demand and hardware.

`Question` is checked as a whole, so that a caller hears of everything that is wrong at once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scalejax.costs import LIFETIME_INPUT_MFU, LIFETIME_OUTPUT_MFU, TRAINING_MFU, Hardware
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.planning.measures import BITS, PRECISION_INPUTS

PRECISION_BITS = {"fp4": 4.0, "int4": 4.0, "fp6": 6.0, "fp8": 8.0, "int8": 8.0, "bf16": 16.0}
"""Bits of the formats that can be named."""

_LIMITS = ("budget", "usd", "target_loss", "as_good_as", "days", "gpus", "max_tokens", "max_params")
_POSITIVE = (
    *_LIMITS,
    "unique_tokens",
    "memory",
    "latency",
    "mfu",
    "usd_per_hour",
    "serving_usd_per_hour",
)


@dataclass(frozen=True)
class Question:
    """A decision to plan.

    Attributes:
        budget: FLOP for training, and for serving too if there is demand.
        usd: Dollars for the same; needs hardware.
        target_loss: Loss to reach, nats/token.
        as_good_as: FLOP of a training run whose best loss is the loss to reach.
        days: Days of training; needs hardware and gpus.
        gpus: Accelerators that train.
        input_tokens: Tokens that the model will read in its life.
        output_tokens: Tokens that it will write.
        max_tokens: Training tokens that there are, each seen once.
        unique_tokens: Unique training tokens, which may be seen again and again at a price
            (`scalejax.laws.repetition`); for Chinchilla's law.
        max_params: Largest number of parameters.
        memory: Bytes that the weights may take when served.
        latency: Seconds per token for one user on one accelerator; needs hardware.
        context: Tokens in the cache when latency is counted.
        params: N, if it is given.
        tokens: D, if it is given.
        inputs: Other inputs of the law that are given.
        precisions: Names of formats to choose among; with a law that knows of bits, they are its
            bits, and with hardware its peak rates.
        hardware: What trains.
        serving: What serves; what trains if not given.
        mfu: Share of the peak rate that training reaches.
        serving_mfu: Shares that reading and writing reach.
        serving_bits: Bits of the weights when served.
        usd_per_hour: Rent of one training accelerator; the hardware's dated default if not given.
        serving_usd_per_hour: Rent of one serving accelerator.
    """

    budget: float | None = None
    usd: float | None = None
    target_loss: float | None = None
    as_good_as: float | None = None
    days: float | None = None
    gpus: float | None = None
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    max_tokens: float | None = None
    unique_tokens: float | None = None
    max_params: float | None = None
    memory: float | None = None
    latency: float | None = None
    context: float = 1024.0
    params: float | None = None
    tokens: float | None = None
    inputs: Mapping[str, float] = field(default_factory=dict)
    precisions: tuple[str, ...] = ()
    hardware: Hardware | None = None
    serving: Hardware | None = None
    mfu: float = TRAINING_MFU
    serving_mfu: tuple[float, float] = (LIFETIME_INPUT_MFU, LIFETIME_OUTPUT_MFU)
    serving_bits: float = 16.0
    usd_per_hour: float | None = None
    serving_usd_per_hour: float | None = None

    @property
    def demand(self) -> float:
        """Tokens that will be served."""
        return self.input_tokens + self.output_tokens

    @property
    def wants_quality(self) -> bool:
        """Whether a loss is to be reached as cheaply as possible."""
        return self.target_loss is not None or self.as_good_as is not None

    @property
    def decided(self) -> tuple[str, ...]:
        """What is left to decide, of N and D."""
        given = {"N": self.params, "D": self.tokens}
        return tuple(name for name, value in given.items() if value is None)

    @property
    def counts_money(self) -> bool:
        """Whether dollars can be counted."""
        return self.hardware is not None

    def check(self, law: Law) -> None:
        """Refuse what cannot be planned, all of it at once.

        Raises:
            UsageError: With a sentence for each thing that is wrong.
        """
        wrong = [*self._values(), *self._hardware_needed(), *self._question(), *self._law(law)]
        if wrong:
            raise UsageError("; ".join(wrong) + ".")

    def _values(self) -> list[str]:
        given: dict[str, Any] = {name: getattr(self, name) for name in (*_POSITIVE, *_SIZES)}
        return [
            f"{name}={value!r} must be positive and finite"
            for name, value in given.items()
            if value is not None and not (math.isfinite(value) and value > 0)
        ] + [
            f"{name}={value!r} must not be negative"
            for name in ("input_tokens", "output_tokens")
            if not (value := getattr(self, name)) >= 0
        ]

    def _hardware_needed(self) -> list[str]:
        needs = {"usd": self.usd, "days": self.days, "latency": self.latency, "gpus": self.gpus}
        wrong = [
            f"{name}= needs hardware=, whose rates and prices it counts with"
            for name, value in needs.items()
            if value is not None and self.hardware is None
        ]
        if self.days is not None and self.gpus is None:
            wrong.append("days= needs gpus=")
        if self.precisions and (unknown := set(self.precisions) - set(PRECISION_BITS)):
            wrong.append(
                f"precisions= knows {', '.join(PRECISION_BITS)}, not {', '.join(sorted(unknown))}"
            )
        return wrong

    def _question(self) -> list[str]:
        if self.target_loss is not None and self.as_good_as is not None:
            return ["give target_loss= or as_good_as=, not both"]
        limited = self.wants_quality or any(
            value is not None for value in (self.budget, self.usd, self.days)
        )
        if self.decided and not limited:
            return [
                "nothing limits the plan: give budget=, usd=, days= with gpus=, target_loss= or "
                "as_good_as="
            ]
        return []

    def _law(self, law: Law) -> list[str]:
        wrong = []
        if not {"N", "D"} <= set(law.inputs):
            wrong.append(f"plans are for laws of N and D, and {law.name} is of {law.inputs}")
        rest = set(law.inputs) - {"N", "D"} - set(self.inputs)
        if self.unique_tokens is not None:
            rest -= {"U"}
        if self.precisions and not set(PRECISION_INPUTS) & set(law.inputs):
            wrong.append(
                f"precisions= needs a law of bits, such as kumar2024, which {law.name} is not"
            )
        if BITS in self.inputs or self.precisions or rest >= set(PRECISION_INPUTS):
            rest -= set(PRECISION_INPUTS)
        if rest:
            wrong.append(f"the law {law.name} needs {', '.join(sorted(rest))}: give inputs=")
        known = {*law.inputs, BITS}
        if extra := set(self.inputs) - known:
            wrong.append(f"the law {law.name} has no input {', '.join(sorted(extra))}")
        return wrong


_SIZES = ("params", "tokens", "context", "serving_bits")
