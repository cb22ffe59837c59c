"""``scalejax show``: a law, a published set of coefficients, or a saved fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import law_of
from scalejax.cli.talk import print_json
from scalejax.errors import LawError, UsageError

if TYPE_CHECKING:
    from scalejax.laws import Law
    from scalejax.laws.parameter import Parameter
    from scalejax.laws.published import PublishedSet


def show(
    what: Annotated[
        str,
        typer.Argument(
            help="A law (chinchilla, module:name, file.py:name), a published set "
            "(chinchilla:besiroglu2024), or the folder of a saved fit.",
        ),
    ],
    law: Annotated[
        str | None,
        typer.Option(help="For a saved fit of a law of your own: module:name or file.py:name."),
    ] = None,
    level: Annotated[
        float, typer.Option(help="For a saved fit: probability of the intervals.")
    ] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not text.")] = False,
) -> None:
    """Show a law, a published set of coefficients, or a saved fit."""
    if not 0 < level < 1:
        raise typer.BadParameter("it must lie between 0 and 1.", param_hint="--level")
    use_compilation_cache()
    # Imported here and below: JAX takes a second, which --help should not.
    from scalejax.laws import LAWS
    from scalejax.laws.formula import PREFIX

    name, _, published = what.rpartition(":")
    if what not in LAWS and not what.startswith(PREFIX) and Path(what).is_dir():
        _show_fit(what, law, level, as_json)
    elif name in LAWS:
        _show_set(LAWS[name], published, as_json)
    else:
        _show_law(_law(what), as_json)


def _law(what: str) -> "Law":
    try:
        return law_of(what)
    except LawError as error:
        if ":" in what:
            raise
        raise UsageError(f"{error} There is no folder of that name either.") from None


def _show_fit(folder: str, law: str | None, level: float, as_json: bool) -> None:
    from scalejax.cli.results import document
    from scalejax.fitting.storage import load_fit

    fit = load_fit(folder, None if law is None else law_of(law))
    if as_json:
        print_json(document(fit, level))
    else:
        print(fit.summary(level))


def _show_set(law: "Law", name: str, as_json: bool) -> None:
    if name not in law.published:
        known = ", ".join(law.published) or "none"
        raise UsageError(f"{law.name} has no published set {name!r}; known: {known}.")
    found = law.published[name]
    if as_json:
        print_json({"law": law.name, **_set_entry(found)})
    else:
        print("\n".join([f"{law.name}: {law.about}", "", *_set_lines(found)]))


def _show_law(law: "Law", as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "name": law.name,
                "about": law.about,
                "cite": law.cite,
                "inputs": list(law.inputs),
                "parameters": [
                    _parameter_entry(parameter, law) for parameter in law.parameters.values()
                ],
                "published": [_set_entry(found) for found in law.published.values()],
            }
        )
        return
    from scalejax.fitting.summary import aligned

    rows = [
        [
            parameter.name,
            _range(parameter.plausible),
            _range(parameter.bounds),
            "yes" if parameter.name in law.linear else "no",
            ", ".join(word for word in (parameter.support.name, parameter.unit) if word),
        ]
        for parameter in law.parameters.values()
    ]
    lines = [f"{law.name}: {law.about}", "", f"inputs: {', '.join(_meanings(law))}", ""]
    lines += aligned(["parameter", "plausible", "bounds", "linear", "support, unit"], rows)
    lines += ["", "Starts are drawn from the plausible range; a fit may not leave the bounds."]
    for found in law.published.values():
        lines += ["", *_set_lines(found)]
    print("\n".join(lines))


def _meanings(law: "Law") -> list[str]:
    from scalejax.quantities import QUANTITIES

    return [
        f"{name} ({QUANTITIES[name].meaning})" if name in QUANTITIES else name
        for name in law.inputs
    ]


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} .. {ends[1]:g}"


def _parameter_entry(parameter: "Parameter", law: "Law") -> dict[str, Any]:
    from math import isfinite

    def ends(pair: tuple[float, float]) -> list[float | None]:
        return [end if isfinite(end) else None for end in pair]

    return {
        "name": parameter.name,
        "support": parameter.support.name,
        "unit": parameter.unit,
        "plausible": ends(parameter.plausible),
        "bounds": ends(parameter.bounds),
        "linear": parameter.name in law.linear,
    }


def _set_entry(found: "PublishedSet") -> dict[str, Any]:
    return {
        "id": found.id,
        "values": dict(found),
        "stderr": found.stderr,
        "source": found.source,
        "convention": found.convention,
        "note": found.note,
    }


def _set_lines(found: "PublishedSet") -> list[str]:
    lines = [f"published set {found.id}"]
    for name, value in found.items():
        error = f"  +- {found.stderr[name]!r}" if name in found.stderr else ""
        lines.append(f"  {name:<10} {value!r}{error}")
    for label, text in (
        ("source", found.source),
        ("convention", found.convention),
        ("note", found.note),
    ):
        if text:
            lines.append(f"  {label:<10} {text}")
    return lines
