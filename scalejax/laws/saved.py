"""A law as plain values in a file, and the law of such values again."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalejax.errors import LawError
from scalejax.laws.formula import PREFIX, formula_law, formula_spec
from scalejax.laws.law import Law
from scalejax.laws.registry import LAWS, find_law
from scalejax.vocabulary import argument


def describe_law(law: Law, name: str = "") -> dict[str, Any]:
    """A law as plain values, from which `law_of` finds it again; `name` as the caller wrote it."""
    ours = LAWS.get(law.name) is law
    return {
        "name": law.name,
        "spec": law.name if ours else _law_spec(law, name),
        "registered": ours,
        "inputs": list(law.inputs),
        "parameters": list(law.parameters),
    }


def law_of(saved: Mapping[str, Any], law: str | Law | None, what: str = "fit") -> Law:
    """The law of plain values: the one passed as `law`, or the one that they name.

    Args:
        saved: What `describe_law` gave.
        law: The law, if it is the caller's own.
        what: What was saved, for messages.

    Raises:
        LawError: `law` has other inputs or parameters, or is needed and missing.
    """
    match = find_law(law) if law is not None else _law_at_hand(saved)
    if match is None:
        raise LawError(
            f"the {what} was made with a law that is not scalejax's own, {saved['spec']!r}. "
            "Loading runs no code that a file names: import the law first, or pass it as "
            f"{argument('law')}."
        )
    if [*match.inputs] != saved["inputs"] or [*match.parameters] != saved["parameters"]:
        raise LawError(
            f"the {what} was made with {saved['name']} ({', '.join(saved['inputs'])}; "
            f"{', '.join(saved['parameters'])}), which {match!r} is not."
        )
    return match


def _law_spec(law: Law, name: str) -> str:
    """A name by which `find_law` finds a law that is not ours: formula, or module and function."""
    formula = formula_spec(law)
    if formula is not None:
        return formula
    if ":" in name:
        return name
    return f"{law.function.__module__}:{law.function.__name__}"


def _law_at_hand(saved: Mapping[str, Any]) -> Law | None:
    """The law, if it is ours, a formula, or lies in a module that has been imported."""
    if saved["registered"]:
        return LAWS.get(saved["name"])
    if saved["spec"].startswith(PREFIX):
        return formula_law(saved["spec"].removeprefix(PREFIX), name=saved["name"])
    place, _, attribute = saved["spec"].rpartition(":")
    if place.endswith(".py"):
        place = f"_scalejax_law_{Path(place).stem}"
    value = getattr(sys.modules.get(place), attribute, None)
    return value if isinstance(value, Law) else None
