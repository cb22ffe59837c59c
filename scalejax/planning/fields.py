"""What people write as a question: amounts may be text, hardware a name, demand requests.

`question_of` turns it (`QuestionFields`) into the fields of `scalejax.planning.question.Question`.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

from scalejax.amounts import NOT_NEGATIVE, POSITIVE, SHARE, pair, read
from scalejax.compute import Written, compute_of
from scalejax.costs import (
    REQUEST_INPUT,
    REQUEST_OUTPUT,
    Hardware,
    amount_in,
    demand_in_requests,
    demand_in_total,
    hardware_of,
)
from scalejax.errors import UsageError
from scalejax.vocabulary import argument


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
    serving_bits: float | None
    usd_per_hour: float | str | None
    serving_usd_per_hour: float | str | None
    active_per_n: float | str | None
    total_per_n: float | str | None
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


_KINDS = {
    **dict.fromkeys(("target_loss", "serving_bits", "active_per_n", "total_per_n"), POSITIVE),
    "mfu": SHARE,
}


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
