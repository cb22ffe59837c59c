"""Measures of a plan: loss, FLOP, dollars, days, as pure functions of a decision and args.

Args are a mapping of plain numbers:

    law       parameters of the law
    fixed     inputs of the law that are not decided (bits, for example)
    demand    input and output tokens that the model will serve
    training  peak (FLOP/s), mfu and usd_per_hour of a GPU; gpus, their number
    serving   the same with input_mfu and output_mfu; bandwidth (bytes/s), context (tokens), bits of
              the weights, which are those of training where they are left out
    limits    the limits, each by the name of its measure
    held      N or D, if the question gives them
    compute   FLOP of training as a function of N and D; 6 N D where it is left out

A decision has N and D, and `bits` where the law knows of precision: one number for weights,
activations and cache. Costs go with the active and total parameters, which are N unless `sized`
says what they are of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

from scalejax.compute import SIX_N_D, Compute
from scalejax.costs import (
    calendar_days,
    decode_seconds,
    gpu_hours,
    lifetime_usd,
    rates_reached,
    serve_size,
    training_flop,
    usd_per_flop,
    weight_bytes,
)
from scalejax.laws import Law, Sizes
from scalejax.optima import Measure

BITS = "bits"
PRECISION_BITS = {"fp4": 4.0, "int4": 4.0, "fp6": 6.0, "fp8": 8.0, "int8": 8.0, "bf16": 16.0}
"""Bits of the formats that can be named."""
PRECISION_INPUTS = ("P_w", "P_a", "P_kv")

Decision = Mapping[str, Any]


@dataclass(frozen=True)
class LawLoss:
    """The loss of a decision under a law."""

    law: Law

    def __call__(self, x: Decision, args: Any) -> Any:
        """The loss, ()."""
        inputs = {**args["fixed"], **x}
        if BITS in inputs:
            inputs.update(dict.fromkeys(PRECISION_INPUTS, inputs[BITS]))
        return self.law(*(inputs[name] for name in self.law.inputs), **args["law"])


def loss_measure(law: Law) -> Measure:
    """The loss under a law."""
    return Measure("loss", LawLoss(law), "nats/token")


ACTIVE, TOTAL = "active parameters", "total parameters"
"""Keys of a decision of a model that is not dense, and names of the measures."""


@dataclass(frozen=True)
class _Sized:
    """A measure's function of a decision to which active and total parameters are added."""

    function: Callable[[Decision, Any], Any]
    sizes: Sizes

    def __call__(self, x: Decision, args: Any) -> Any:
        inputs = {**args["fixed"], **x}
        functions = {ACTIVE: self.sizes.active, TOTAL: self.sizes.total}
        sizes = {name: size(**inputs) for name, size in functions.items() if size is not None}
        return self.function({**x, **sizes}, args)


def active_as_said(N: Any, active_per_n: Any, **inputs: Any) -> Any:
    """Active parameters as the question says."""
    return active_per_n * N


def total_as_said(N: Any, total_per_n: Any, **inputs: Any) -> Any:
    """Total parameters as the question says."""
    return total_per_n * N


def sized(measure: Measure, sizes: Sizes) -> Measure:
    """A measure that counts with the active and total parameters of what a law counts as N."""
    return measure if sizes.is_dense else replace(measure, function=_Sized(measure.function, sizes))


def _active(x: Decision) -> Any:
    return x.get(ACTIVE, x["N"])


def _total(x: Decision) -> Any:
    return x.get(TOTAL, x["N"])


def _bits(x: Decision, args: Any) -> Any:
    """Bits of training, from the decision or from args; None for a law without precision."""
    return x.get(BITS, args["fixed"].get(BITS))


def _serving_bits(x: Decision, args: Any) -> Any:
    """Bits of the weights when served: those of training where they follow from it."""
    return args["serving"]["bits"] if "bits" in args["serving"] else x[BITS]


def _compute(args: Any) -> Compute:
    """What a run costs: in the args only where it is not 6 N D, of which nothing moves."""
    compute: Compute = args.get("compute", SIX_N_D)
    return compute


def _training_flop(x: Decision, args: Any) -> Any:
    """6ND, N active; for a law of bits P/16 of it (Kumar et al. 2024, arXiv:2411.04330)."""
    bits = _bits(x, args)
    flop = training_flop(_active(x), x["D"], _compute(args))
    return flop if bits is None else flop * bits / 16.0


def _lifetime_flop(x: Decision, args: Any) -> Any:
    """FLOP of training, and two for each active parameter and token that is served.

    Serving is counted from N whatever training takes: a measured column has what was forgotten and
    computed again, and other work of training, in it.
    """
    tokens = args["demand"]["input"] + args["demand"]["output"]
    share = 1.0 if _bits(x, args) is None else _serving_bits(x, args) / 16.0
    return _training_flop(x, args) + 2.0 * _active(x) * tokens * share


def _slowness(x: Decision) -> Any:
    """Time of a FLOP over that in 16 bits, where bits are a variable; otherwise 1.

    For a format that the question names, args hold its own peak rate.
    """
    return x[BITS] / 16.0 if BITS in x else 1.0


def _gpu_hours(x: Decision, args: Any) -> Any:
    place = args["training"]
    flop = training_flop(_active(x), x["D"], _compute(args))
    return gpu_hours(flop, place["peak"], place["mfu"]) * _slowness(x)


def _days(x: Decision, args: Any) -> Any:
    return calendar_days(_gpu_hours(x, args), args["training"]["gpus"])


def _usd(x: Decision, args: Any) -> Any:
    """Rent for training and for serving (Sardana et al. 2024, arXiv:2401.00448, section 4)."""
    training, serving = args["training"], args["serving"]
    slow = 1.0 if "bits" in serving else _slowness(x)
    return lifetime_usd(
        _active(x),
        x["D"],
        args["demand"]["input"],
        args["demand"]["output"],
        _slowness(x) * usd_per_flop(training["usd_per_hour"], training["peak"]),
        slow * usd_per_flop(serving["usd_per_hour"], serving["peak"]),
        training["mfu"],
        serving["input_mfu"],
        serving["output_mfu"],
        _compute(args),
    )


def _memory(x: Decision, args: Any) -> Any:
    return weight_bytes(_total(x), _serving_bits(x, args))


def _latency(x: Decision, args: Any) -> Any:
    """Time of one token for one user, on one accelerator, which reads what the token uses."""
    place = args["serving"]
    served = serve_size(_active(x), _serving_bits(x, args))
    rates = rates_reached(place["peak"], place["bandwidth"])
    return decode_seconds(served, place["context"], 1.0, rates)


TRAINING_FLOP = Measure("training compute", _training_flop, "FLOP")
LIFETIME_FLOP = Measure("compute with serving", _lifetime_flop, "FLOP")
GPU_HOURS = Measure("GPU-hours", _gpu_hours, "GPU-hours")
DAYS = Measure("days", _days, "days")
USD = Measure("dollars", _usd, "USD")
TOKENS = Measure("tokens", lambda x, args: x["D"], "tokens")
ACTIVE_PARAMETERS = Measure(ACTIVE, lambda x, args: _active(x), "parameters")
TOTAL_PARAMETERS = Measure(TOTAL, lambda x, args: _total(x), "parameters")
PARAMETERS = Measure("parameters", lambda x, args: x["N"], "parameters")
MEMORY = Measure("weights", _memory, "bytes")
LATENCY = Measure("time per token", _latency, "s")
EPOCHS = Measure("epochs", lambda x, args: x["D"] / args["fixed"]["U"], "")
TOKENS_PER_PARAMETER = Measure("D/N", lambda x, args: jnp.asarray(x["D"] / x["N"]), "")
