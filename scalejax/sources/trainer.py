"""The log of a Trainer of Hugging Face: ``trainer_state.json``."""

import re
from collections.abc import Mapping
from typing import Any

from scalejax.sources.raw_table import Cells
from scalejax.sources.records import frame_of_records
from scalejax.sources.refusals import counted, refusal

_EVALUATION = re.compile(r"eval_(.+_)?loss")


def is_trainer_state(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the state of a Trainer."""
    return isinstance(document.get("log_history"), list)


def of_trainer_state(document: Mapping[str, Any], name: str, part: str | None = None) -> Cells:
    """The records of the log that have a loss.

    Training and evaluation write records of their own. Where there are evaluations they are the
    table, as the loss on held-out text is what a law is about; ``"train"`` asks for the others.

    Args:
        document: The state.
        name: What to call the source in messages.
        part: ``"eval"``, ``"train"`` or None.

    Raises:
        InputError: E121 a log of something else than records, E127 no records of this kind, E162
            an unknown part.
    """
    log = document["log_history"]
    odd = tuple(row for row, record in enumerate(log, 1) if not isinstance(record, dict))
    if odd:
        raise refusal(name, "E121", "no record in log_history; write the state again", odd)
    if part not in (None, "eval", "train"):
        raise refusal(name, "E162", f"a Trainer state has #eval and #train, no {part!r}; name one")
    kinds: dict[str, list[dict[str, Any]]] = {"eval": [], "train": [], "other": []}
    for record in log:
        kinds[_kind(record)].append(record)
    chosen = part or ("eval" if kinds["eval"] else "train")
    if not kinds[chosen]:
        raise refusal(name, "E127", f"log_history has no records with a loss of {chosen}; log some")
    notes = [f"{_count(kinds[chosen])} of {_WORDS[chosen]} in log_history"]
    other = "train" if chosen == "eval" else "eval"
    if kinds[other]:
        notes.append(f"{_count(kinds[other])} of {_WORDS[other]} left out: #{other} takes them")
    if kinds["other"]:
        notes.append(f"{_count(kinds['other'])} without a loss left out")
    if isinstance(steps := document.get("max_steps"), int) and steps > 0:
        notes.append(f"max_steps is {steps}")
    records = _joined(kinds["eval"]) if chosen == "eval" else kinds["train"]
    return Cells(frame_of_records(records, name), tuple(notes))


_WORDS = {"eval": "evaluation", "train": "training"}


def _count(records: list[dict[str, Any]]) -> str:
    return counted(len(records), "record")


def _kind(record: Mapping[str, Any]) -> str:
    if any(_EVALUATION.fullmatch(key) for key in record):
        return "eval"
    return "train" if "loss" in record else "other"


def _joined(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Evaluations on several sets at one step as one record, unless they repeat a loss."""
    joined: list[dict[str, Any]] = []
    for record in records:
        last = joined[-1] if joined else {}
        losses = {key for key in record if _EVALUATION.fullmatch(key)}
        if "step" in record and last.get("step") == record["step"] and not losses & last.keys():
            joined[-1] = last | record
        else:
            joined.append(record)
    return joined
