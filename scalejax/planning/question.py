"""`Question`: what a plan is to decide, from limits, demand and hardware.

`Question` is checked as a whole, so that a caller hears of everything that is wrong at once. What
people write becomes its fields in `scalejax.planning.fields`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scalejax.amounts import NOT_NEGATIVE, POSITIVE, SHARE, read
from scalejax.compute import SIX_N_D, Compute
from scalejax.costs import (
    LIFETIME_INPUT_MFU,
    LIFETIME_OUTPUT_MFU,
    TRAINING_MFU,
    Hardware,
)
from scalejax.errors import UsageError
from scalejax.laws import DENSE, Law, Sizes
from scalejax.planning.measures import (
    BITS,
    PRECISION_BITS,
    PRECISION_INPUTS,
    active_as_said,
    total_as_said,
)
from scalejax.quantities import ERROR, LOSS, QUANTITIES, TASK_LOSS
from scalejax.vocabulary import argument

_LIMITS = ("budget", "usd", "target_loss", "as_good_as", "days", "gpus", "max_tokens", "max_params")
_POSITIVE = (
    *_LIMITS,
    "unique_tokens",
    "memory",
    "latency",
    "mfu",
    "usd_per_hour",
    "serving_usd_per_hour",
    "active_per_n",
    "total_per_n",
)

_LOSSES = (LOSS, TASK_LOSS, ERROR)
"""What is the better the smaller it is, and positive; a response that is not of the vocabulary is
taken to be such, too."""


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
        max_params: Largest N.
        memory: Bytes that the weights may take when served.
        latency: Seconds per token for one user on one accelerator; needs hardware.
        context: Tokens in the cache when latency is counted.
        params: N, if it is given.
        tokens: D, if it is given.
        inputs: Other inputs of the law that are given.
        precisions: Names of formats to choose among; their bits are those of a law that knows of
            bits, or published ones grafted onto Chinchilla's law, and with hardware its peak rates.
        hardware: What trains.
        serving_hardware: What serves; what trains if not given.
        mfu: Share of the peak rate that training reaches.
        serving_mfu: Shares that reading and writing reach.
        serving_bits: Bits of the weights when served, at whose peak rate the hardware then serves;
            those of training if not given, 16 where training has none.
        usd_per_hour: Rent of one training accelerator; the hardware's dated default if not given.
        serving_usd_per_hour: Rent of one serving accelerator.
        active_per_n: Parameters that a token uses for each N, where the law does not know how many
            are active (`scalejax.laws.sizes`): 1/43 for the runs of Krajewski et al.
        total_per_n: Parameters to be kept for each N, where the law does not know them.
        flop_per_token: Training FLOP of a token, a number k for k N with N the active parameters,
            ``"6N + 4.8e8"``, or a `scalejax.compute.Compute`. `scalejax.plan` takes what the runs
            say if not given, which is 6 N where they have no column of compute.
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
    serving_bits: float | None = None
    usd_per_hour: float | None = None
    serving_usd_per_hour: float | None = None
    active_per_n: float | None = None
    total_per_n: float | None = None
    flop_per_token: Compute | None = None

    @property
    def sizes(self) -> Sizes:
        """What it says itself of the sizes that N counts."""
        return Sizes(
            None if self.active_per_n is None else active_as_said,
            None if self.total_per_n is None else total_as_said,
        )

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
    def serves(self) -> Hardware | None:
        """What serves."""
        return self.serving_hardware or self.hardware

    def weight_bits(self, precision: str | None = None) -> float:
        """Bits of the weights when served, of a model that was trained in a format."""
        trained = self.inputs.get(BITS, 16.0) if precision is None else PRECISION_BITS[precision]
        return float(trained if self.serving_bits is None else self.serving_bits)

    def serving_format(self, precision: str | None = None) -> str:
        """The format in which the hardware serves: the narrowest that holds the weights' bits.

        Of formats as wide as each other the one of training goes first, then the slower one.
        """
        peaks = {} if self.serves is None else self.serves.peaks
        bits = self.weight_bits(precision)
        wide = {name: b for name, b in PRECISION_BITS.items() if name in peaks and b >= bits}
        order = {name: (b, name != precision, peaks[name]) for name, b in wide.items()}
        return min(order, key=lambda name: order[name], default="bf16")

    @property
    def _unpriced(self) -> list[str]:
        """The keywords of prices that are not known."""
        names = ("usd_per_hour", "serving_usd_per_hour")
        missing = [name for name, rent in zip(names, self.rents, strict=True) if rent is None]
        return missing if self.serving_hardware is not None else missing[:1]

    def check(self, law: Law, sizes: Sizes = DENSE) -> None:
        """Refuse what cannot be planned, all of it at once.

        Args:
            law: The law.
            sizes: What its N counts.

        Raises:
            UsageError: With a sentence for each thing that is wrong.
        """
        wrong = [*self._values(), *self._hardware_needed(), *self._question(), *self._law(law)]
        wrong += self._sizes(law, sizes)
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
        serving = self.serves
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
            given = argument("inputs", dict.fromkeys(sorted(rest), "NUMBER"))
            wrong.append(f"the law {law.name} needs {', '.join(sorted(rest))}: give {given}")
        inputs = {*law.inputs, BITS}
        if extra := set(self.inputs) - inputs:
            wrong.append(f"the law {law.name} has no input {', '.join(sorted(extra))}")
        response = law.response
        if response not in _LOSSES and response.symbol in QUANTITIES:
            wrong.append(
                f"plans are for laws of what is the better the smaller it is, and {law.name} gives "
                f"{response.meaning} in {response.unit}"
            )
        return wrong

    def _sizes(self, law: Law, sizes: Sizes) -> list[str]:
        """What the costs count with and the law does not know."""
        needs_total = self.memory is not None
        missing = {
            "active_per_n": ("active", "FLOP", sizes.active is None),
            "total_per_n": ("to be kept", "memory", needs_total and sizes.total is None),
        }
        return [
            f"{cost} cannot be counted: how many parameters are {which} for each N that "
            f"{law.name} counts is not known: give {argument(name)}"
            for name, (which, cost, lacks) in missing.items()
            if lacks
        ]


_SIZES = ("params", "tokens", "context", "serving_bits")
