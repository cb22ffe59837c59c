"""Old names of verbs and options, which work for one more release and say the new ones."""

from collections.abc import Sequence

from scalejax.cli.talk import say

_VERBS = {"many": "study"}

_TABLE = {"--column": "--columns", "--cluster": "--run"}
_MACHINE = {"--gpu": "--hardware", "--price": "--usd-per-hour"}
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
"""Options whose value was a compute, which is a point now."""


def current(words: Sequence[str]) -> list[str]:
    """The words of a command by their new names; says each old one that was met."""
    given = list(words)
    place = next((k for k, word in enumerate(given) if not word.startswith("-")), None)
    if place is None:
        return given
    if given[place] in _VERBS:
        _say(given[place], _VERBS[given[place]])
        given[place] = _VERBS[given[place]]
    verb = given[place]
    for k in range(place + 1, len(given)):
        option, separator, value = given[k].partition("=")
        if option == "--published" and verb in ("plan", "design"):
            _say(option, "the name of the set alone")
            given[k] = value
        elif (new := _OPTIONS.get(verb, {}).get(option)) is not None:
            _say(option, new)
            given[k] = f"{new}{separator}{value}"
            if (verb, option) in _COMPUTE:
                _as_compute(given, k, bool(separator))
    return [word for k, word in enumerate(given) if word or k < place]


def _as_compute(given: list[str], k: int, joined: bool) -> None:
    """``1e24`` to ``C=1e24``, in the word itself or the next."""
    if joined:
        option, _, value = given[k].partition("=")
        given[k] = f"{option}=C={value}"
    elif k + 1 < len(given):
        given[k + 1] = f"C={given[k + 1]}"


def _say(old: str, new: str) -> None:
    say(f"{old} is called {new} now; the old name goes in the next release.")
