"""``scalejax reproduce``: make a saved fit again from its own files and compare the numbers."""

from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import law_of
from scalejax.cli.talk import print_json

if TYPE_CHECKING:
    from scalejax.fitting import Reproduction

DIFFERENT = 3
"""Exit code when the numbers are others, or not all could be made again."""


def reproduce(
    fit: Annotated[str, typer.Argument(help="Folder of a saved fit, or the manifest.json in it.")],
    law: Annotated[
        str | None,
        typer.Option(help="For a law of your own: module:name or file.py:name."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest relative difference that is taken for the same.")
    ] = 1e-10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not text.")] = False,
) -> None:
    """Make a saved fit again from its own files and compare all numbers.

    Checks the files against manifest.json, fits the saved rows with the recorded settings, and
    compares the parameters, the objective and every resample. Exit code 0: the same; 3: not, or
    resamples whose weights were given cannot be made again; 1: the files are damaged, or hold too
    little to make the fit again.
    """
    use_compilation_cache()
    # Imported here: JAX takes a second, which --help should not.
    from scalejax.fitting import reproduce as make_again

    found = make_again(fit, None if law is None else law_of(law), tolerance=tolerance)
    if as_json:
        print_json(_document(found))
    else:
        print(found)
    if not found.reproduced:
        raise typer.Exit(DIFFERENT)


def _document(found: "Reproduction") -> dict[str, Any]:
    def plain(values: dict[str, float]) -> dict[str, float | None]:
        return {name: _number(value) for name, value in values.items()}

    return {
        "reproduced": found.reproduced,
        "same": found.same,
        "tolerance": found.tolerance,
        "largest": _number(found.largest),
        "parameters": plain(found.parameters),
        "objective": _number(found.objective),
        "draws": plain(found.draws),
        "other_status": found.other_status,
        "not_remade": found.not_remade,
        "changed": {name: {"then": old, "now": new} for name, (old, new) in found.changed.items()},
    }


def _number(value: float) -> float | None:
    return value if isfinite(value) else None
