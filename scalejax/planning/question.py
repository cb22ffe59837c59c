"""`Question`: what a plan is to decide, from limits, demand and hardware.

`Question` is checked as a whole, so that a caller hears of everything that is wrong at once.
`question_of` turns what people write (`QuestionFields`) into its fields: amounts may be text,
hardware a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from scalejax.amounts import NOT_NEGATIVE, POSITIVE, SHARE, pair, read
from scalejax.compute import SIX_N_D, Compute, Written, compute_of
from scalejax.costs import (
    LIFETIME_INPUT_MFU,
    LIFETIME_OUTPUT_MFU,
    REQUEST_INPUT,
    REQUEST_OUTPUT,
    TRAINING_MFU,
    Hardware,
    amount_in,
    demand_in_requests,
    demand_in_total,
    hardware_of,
)
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.planning.measures import BITS, PRECISION_INPUTS
from scalejax.vocabulary import argument

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
        serving_hardware: What serves; what trains if not given.
        mfu: Share of the peak rate that training reaches.
        serving_mfu: Shares that reading and writing reach.
        serving_bits: Bits of the weights when served.
        usd_per_hour: Rent of one training accelerator; the hardware's dated default if not given.
        serving_usd_per_hour: Rent of one serving accelerator.
        flop_per_token: Training FLOP of a token, a number k for k N, ``"6N + 4.8e8"``, or a
            `scalejax.compute.Compute`. `scalejax.plan` takes what the runs say if not given, which
            is 6 N where they have no column of compute.
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
    serving_hardware: Hardware | None = None
    mfu: float = TRAINING_MFU
    serving_mfu: tuple[float, float] = (LIFETIME_INPUT_MFU, LIFETIME_OUTPUT_MFU)
    serving_bits: float = 16.0
    usd_per_hour: float | None = None
    serving_usd_per_hour: float | None = None
    flop_per_token: Compute | None = None

    @property
    def compute(self) -> Compute | None:
        """What a run costs, where it is not 6 N D."""
        return None if self.flop_per_token == SIX_N_D else self.flop_per_token

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
        """Which of N and D the question leaves open."""
        sizes = {"N": self.params, "D": self.tokens}
        return tuple(name for name, value in sizes.items() if value is None)

    @property
    def counts_money(self) -> bool:
        """Whether dollars can be counted: there is hardware, and all of it has a price."""
        return self.hardware is not None and not self._unpriced

    @property
    def rents(self) -> tuple[float | None, float | None]:
        """Rent of an hour of training and of serving, dollars; None where it is not known."""
        own, serving = self.hardware, self.serving_hardware
        training = self.usd_per_hour or (None if own is None else own.usd_per_hour)
        other = training if serving is None else serving.usd_per_hour
        return training, self.serving_usd_per_hour or other

    @property
    def _unpriced(self) -> list[str]:
        """The keywords of prices that are not known."""
        names = ("usd_per_hour", "serving_usd_per_hour")
        missing = [name for name, rent in zip(names, self.rents, strict=True) if rent is None]
        return missing if self.serving_hardware is not None else missing[:1]

    def check(self, law: Law) -> None:
        """Refuse what cannot be planned, all of it at once.

        Raises:
            UsageError: With a sentence for each thing that is wrong.
        """
        wrong = [*self._values(), *self._hardware_needed(), *self._question(), *self._law(law)]
        if wrong:
            raise UsageError("; ".join(wrong) + ".")

    def _values(self) -> list[str]:
        kinds = {
            **dict.fromkeys((*_POSITIVE, *_SIZES), POSITIVE),
            **dict.fromkeys(("input_tokens", "output_tokens"), NOT_NEGATIVE),
            "mfu": SHARE,
        }
        given = [(name, kind, getattr(self, name)) for name, kind in kinds.items()]
        given += [("serving_mfu", SHARE, value) for value in self.serving_mfu]
        wrong = []
        for name, kind, value in given:
            try:
                if value is not None:
                    read(name, value, kind)
            except UsageError as error:
                wrong.append(str(error).removesuffix("."))
        return wrong

    def _hardware_needed(self) -> list[str]:
        needs = {"usd": self.usd, "days": self.days, "latency": self.latency, "gpus": self.gpus}
        wrong = [
            f"{argument(name)} needs {argument('hardware')}, whose rates and prices it counts with"
            for name, value in needs.items()
            if value is not None and self.hardware is None
        ]
        if self.usd is not None and self.hardware is not None and self._unpriced:
            missing = " and ".join(map(argument, self._unpriced))
            wrong.append(f"{argument('usd')} needs {missing}: no price of it is known here")
        serving = self.serving_hardware or self.hardware
        if self.latency is not None and serving is not None and serving.bandwidth is None:
            wrong.append(
                f"{argument('latency')} needs the bandwidth of {serving.name}: give it among its "
                f"numbers in {argument('hardware')}"
            )
        if self.days is not None and self.gpus is None:
            wrong.append(f"{argument('days')} needs {argument('gpus')}")
        if self.precisions and (unknown := set(self.precisions) - set(PRECISION_BITS)):
            wrong.append(
                f"{argument('precisions')} knows {', '.join(PRECISION_BITS)}, not "
                f"{', '.join(sorted(unknown))}"
            )
        return wrong

    def _question(self) -> list[str]:
        if self.target_loss is not None and self.as_good_as is not None:
            return [f"give {argument('target_loss')} or {argument('as_good_as')}, not both"]
        limited = self.wants_quality or any(
            value is not None for value in (self.budget, self.usd, self.days)
        )
        if self.decided and not limited:
            return [
                f"nothing limits the plan: give {argument('budget')}, {argument('usd')}, "
                f"{argument('days')} with {argument('gpus')}, {argument('target_loss')} or "
                f"{argument('as_good_as')}"
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
                f"{argument('precisions')} needs a law of bits, such as kumar2024, which "
                f"{law.name} is not"
            )
        if BITS in self.inputs or self.precisions or rest >= set(PRECISION_INPUTS):
            rest -= set(PRECISION_INPUTS)
        if rest:
            wrong.append(
                f"the law {law.name} needs {', '.join(sorted(rest))}: give {argument('inputs')}"
            )
        inputs = {*law.inputs, BITS}
        if extra := set(self.inputs) - inputs:
            wrong.append(f"the law {law.name} has no input {', '.join(sorted(extra))}")
        return wrong


_SIZES = ("params", "tokens", "context", "serving_bits")


class QuestionFields(TypedDict, total=False):
    """What `scalejax.plan` takes as keywords: the fields of `Question` as people write them.

    Attributes:
        served_tokens: Tokens that the model will read and write in its life, split as a request is.
        requests: Requests that it will serve, instead.
        request_tokens: Tokens that a request has read and written.
        peak: Dense peak rate of hardware of your own in 16 bits, ``"165T"``; with `usd_per_hour`
            for dollars. `hardware` may also be a mapping of its numbers, or a TOML file of them
            (`scalejax.costs.hardware_of`).
    """

    budget: float | str | None
    usd: float | str | None
    target_loss: float | None
    as_good_as: float | str | None
    days: float | str | None
    gpus: float | str | None
    input_tokens: float | str
    output_tokens: float | str
    served_tokens: float | str | None
    requests: float | str | None
    request_tokens: tuple[float, float]
    max_tokens: float | str | None
    unique_tokens: float | str | None
    max_params: float | str | None
    memory: float | str | None
    latency: float | str | None
    context: float | str
    params: float | str | None
    tokens: float | str | None
    inputs: Mapping[str, float]
    precisions: tuple[str, ...]
    hardware: Hardware | Mapping[str, Any] | str | None
    serving_hardware: Hardware | Mapping[str, Any] | str | None
    peak: float | str | None
    mfu: float
    serving_mfu: tuple[float, float]
    serving_bits: float
    usd_per_hour: float | str | None
    serving_usd_per_hour: float | str | None
    flop_per_token: Written | None


_UNITS = {
    **dict.fromkeys(("budget", "as_good_as"), "FLOP"),
    **dict.fromkeys(("usd", "usd_per_hour", "serving_usd_per_hour"), "USD"),
    **dict.fromkeys(("max_params", "params"), "parameters"),
    **dict.fromkeys(
        (
            "input_tokens",
            "output_tokens",
            "served_tokens",
            "max_tokens",
            "unique_tokens",
            "context",
        ),
        "tokens",
    ),
    "tokens": "tokens",
    "days": "days",
    "memory": "bytes",
    "latency": "s",
    "requests": "1",
    "gpus": "1",
}


_KINDS = {"target_loss": POSITIVE, "mfu": SHARE, "serving_bits": POSITIVE}


def question_of(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `Question` from what people write.

    Args:
        entries: As in `QuestionFields`.

    Raises:
        UsageError: With everything that cannot be read.
    """
    fields, wrong = {}, []
    for name, value in entries.items():
        try:
            fields[name] = _read(name, value)
        except UsageError as error:
            wrong.append(f"{argument(name)}: {str(error).removesuffix('.')}")
    if wrong:
        raise UsageError("; ".join(wrong) + ".")
    peak = fields.pop("peak", None)
    if peak is not None:
        fields["hardware"] = hardware_of(fields.get("hardware") or "", peak)
    return fields | _demand(fields)


def _read(name: str, value: Any) -> Any:
    if value is not None and name in _UNITS:
        return amount_in(value, _UNITS[name])
    if value is not None and name in _KINDS:
        return read(name, value, _KINDS[name])
    if name == "serving_mfu":
        return pair(name, value, SHARE)
    if name == "request_tokens":
        if not any(tokens := pair(name, value, NOT_NEGATIVE)):
            raise UsageError("a request has tokens, read or written")
        return tokens
    if name == "inputs":
        return {key: read(name, one, key=key) for key, one in value.items()}
    if value is not None and name in ("hardware", "serving_hardware"):
        return hardware_of(value)
    if value is not None and name == "flop_per_token":
        return compute_of(value)
    return value


def _demand(fields: dict[str, Any]) -> dict[str, float]:
    """Tokens read and written, from `served_tokens` or `requests`, which leave `fields`."""
    total, requests = fields.pop("served_tokens", None), fields.pop("requests", None)
    read, written = fields.pop("request_tokens", (REQUEST_INPUT, REQUEST_OUTPUT))
    if total is None and requests is None:
        return {}
    ways = ("input_tokens", "output_tokens")
    if (total is not None and requests is not None) or fields.keys() & {*ways}:
        raise UsageError(
            f"say what is served once: {argument('served_tokens')}, {argument('requests')}, or "
            f"{' and '.join(map(argument, ways))}."
        )
    demand = (
        demand_in_requests(requests, read, written)
        if requests is not None
        else demand_in_total(total, written / (read + written))
    )
    return {
        "input_tokens": float(demand.input_tokens),
        "output_tokens": float(demand.output_tokens),
    }
