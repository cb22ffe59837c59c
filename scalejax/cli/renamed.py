"""Old names of verbs and options, which work for one more release and say the new ones."""

import sys
from collections.abc import Sequence

from scalejax.cli.talk import say

_VERBS = {"many": "study"}

_TABLE = {"--column": "--columns", "--cluster": "--run"}
_MACHINE = {"--gpu": "--hardware"}
_OPTIONS = {
    "fit": {
        **_TABLE,
        "--fix": "--fixed",
        "--tie": "--tied",
        "--bound": "--bounds",
        "--bootstrap": "--resamples",
    },
    "check": _TABLE,
    "select": {**_TABLE, "--law": "--laws"},
    "advise": {**_TABLE, "--target": "--at"},
    "plan": {
        **_MACHINE,
        "--serve": "--served-tokens",
        "--serve-bits": "--serving-bits",
        "--serve-gpu": "--serving-hardware",
        "--serve-mfu": "--serving-mfu",
        "--serve-price": "--serving-usd-per-hour",
        "--unique": "--unique-tokens",
        "--set": "--inputs",
        "--candidate": "--candidates",
    },
    "design": {**_MACHINE, "--target": "--at", "--runs": "--max-runs", "--within": "--ranges"},
    "sensitivity": {"--budget": "--at", "--other-law": "--laws"},
    "compare": {"--budget": "--at"},
    "report": {"--budget": "--at"},
    "resume": {"--law": "--laws"},
}
_COMPUTE = {("design", "--target"), *((verb, "--budget") for verb in _OPTIONS)}
"""Old options whose value was a compute; it is the point ``C=...`` now."""


_GONE = {
    (verb, option): "--workers N, --scheduler ADDRESS or --executor MODULE:NAME"
    for verb in ("study", "resume", "many")
    for option in ("--distributed", "--coordinator", "--processes", "--process")
}
"""Options for which there is something else now, which the user has to choose."""


def current(words: Sequence[str]) -> list[str]:
    """The words of a command with new names for old ones, each of which is said."""
    result = list(words)
    place = next((k for k, word in enumerate(result) if not word.startswith("-")), None)
    if place is None:
        return result
    if result[place] in _VERBS:
        _say(result[place], _VERBS[result[place]])
        result[place] = _VERBS[result[place]]
    verb, dropped = result[place], set()
    for k in range(place + 1, len(result)):
        option, separator, value = result[k].partition("=")
        if instead := _GONE.get((verb, option)):
            say(f"error: {option} is gone: say {instead} once, not in every process.")
            sys.exit(2)
        if option == "--published" and verb in ("plan", "design"):
            _say(option, "the name of the set alone")
            result[k] = value
            if not separator:
                dropped.add(k)
        elif (new := _OPTIONS.get(verb, {}).get(option)) is not None:
            _say(option, new)
            result[k] = f"{new}{separator}{value}"
            if (verb, option) in _COMPUTE:
                _as_compute(result, k, bool(separator))
    return [word for k, word in enumerate(result) if k not in dropped]


def _as_compute(result: list[str], k: int, joined: bool) -> None:
    """``1e24`` to ``C=1e24``, in the word itself or the next."""
    if joined:
        option, _, value = result[k].partition("=")
        result[k] = f"{option}=C={value}"
    elif k + 1 < len(result):
        result[k + 1] = f"C={result[k + 1]}"


def _say(old: str, new: str) -> None:
    say(f"{old} is called {new} now; the old name goes in the next release.")
