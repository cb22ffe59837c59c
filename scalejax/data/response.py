"""The unit of the response: what its column's name, the law and the caller say of it.

A perplexity becomes nats by its logarithm, bits per token by a factor; bits per byte stay what they
are. A response that is no loss has the unit of its quantity, and one that nobody knows has none:
nothing but a loss is said to be in nats per token.
"""

from dataclasses import dataclass

from scalejax.data.headers import bracketed, folded, words_of
from scalejax.data.loss_units import NATS, LossUnit, loss_unit_of
from scalejax.data.losses import is_loss_name, loss_unit_in
from scalejax.data.request import Request
from scalejax.errors import InputProblem
from scalejax.quantities import ACCURACY, BATCH, COVERAGE, ERROR, LEARNING_RATE, QUANTITIES
from scalejax.vocabulary import argument

_OTHERS = {
    folded(name): entry.unit
    for entry in (ERROR, ACCURACY, COVERAGE, LEARNING_RATE, BATCH)
    for name in (entry.symbol, *entry.aliases)
}
# A longer text in brackets is a remark and no unit; by judgement.
_LONGEST_UNIT = 20
_SHARES = {"acc", "accuracy", "error", "accuracies", "acc1", "acc5", "top1", "top5"}


@dataclass(frozen=True)
class Response:
    """What a law is fitted to.

    Attributes:
        unit: Unit once it is read, such as ``"nats/token"``; empty if nobody says.
        words: Unit of the column, and what was done to it.
        note: The assumption or conversion, in words; empty where there is none.
        factor: What the column is multiplied by.
        log: Whether its logarithm is taken.
        loss_unit: Unit of a loss, as ``loss_unit=`` takes it; None if it is none or unknown.
    """

    unit: str
    words: str = ""
    note: str = ""
    factor: float = 1.0
    log: bool = False
    loss_unit: str | None = None


def response_of(column: str, request: Request) -> tuple[Response, list[InputProblem]]:
    """The unit of the response, and E112 where its header and the caller contradict each other."""
    header = loss_unit_in(column) if request.is_loss else None
    if request.loss_unit is not None:
        unit = loss_unit_of(request.loss_unit)
        return _of_unit(unit, column, "asked"), _contradiction(unit, header, column)
    if header is not None:
        return _of_unit(header, column, "named"), []
    if not request.is_loss:
        unit_of_target = QUANTITIES[request.target].unit
        return Response(unit_of_target, unit_of_target), []
    if is_loss_name(column):
        return _of_unit(loss_unit_of("nats"), column, "assumed"), []
    unit_in_name = _other_unit(column)
    note = f"{column!r} is fitted as it is{f', in {unit_in_name}' if unit_in_name else ''}"
    if not unit_in_name:
        note += f": no unit is known, and no {argument('loss_unit')} given"
    return Response(unit_in_name, unit_in_name or "as it is", note), []


def _of_unit(unit: LossUnit, column: str, why: str) -> Response:
    said = argument("loss_unit", None if unit.name == "nats" else unit.name)
    if why == "assumed":
        note = f"loss taken to be in {NATS}: no {argument('loss_unit')} given"
    else:
        reason = f"({said})" if why == "asked" else f"as its column {column!r} says"
        done = f"in {unit.becomes}"
        if unit.log:
            done = f"is the logarithm of the {unit.name.replace('_', ' ')}, in {unit.becomes}"
        elif unit.factor != 1:
            done = f"multiplied by {unit.factor:.9g} to be {unit.becomes}"
        note = f"loss {done} {reason}"
    return Response(unit.becomes, unit.words, note, unit.factor, unit.log, unit.name)


def _contradiction(unit: LossUnit, header: LossUnit | None, column: str) -> list[InputProblem]:
    if header is None or header.name == unit.name.partition(":")[0]:
        return []
    message = (
        f"its name says {header.name.replace('_', ' ')}, and {argument('loss_unit', unit.name)} "
        f"another unit; leave {argument('loss_unit')} out, or rename the column"
    )
    return [InputProblem("E112", message, column)]


def _other_unit(column: str) -> str:
    """The unit of a column that is no loss, if its name says it."""
    if unit := _OTHERS.get(folded(column)):
        return unit
    if _SHARES & {*words_of(column)}:
        return "share"
    bracket = bracketed(column)
    unit = bracket[1].strip() if bracket else ""
    return unit if unit.isprintable() and len(unit) <= _LONGEST_UNIT else ""
