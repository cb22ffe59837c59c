"""``scalejax show``: a law, a published set of coefficients, or a saved fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.law_page import print_law, print_set
from scalejax.cli.options import law_of
from scalejax.cli.talk import print_json
from scalejax.errors import LawError, UsageError

if TYPE_CHECKING:
    from scalejax.laws import Law


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
    from scalejax.laws import LAWS, PREFIX

    name, _, published = what.rpartition(":")
    if what not in LAWS and not what.startswith(PREFIX) and Path(what).is_dir():
        _show_fit(what, law, level, as_json)
    elif name in LAWS:
        print_set(LAWS[name], published, as_json)
    else:
        print_law(_law(what), as_json)


def _law(what: str) -> "Law":
    try:
        return law_of(what)
    except LawError as error:
        if ":" in what:
            raise
        raise UsageError(f"{error} There is no folder of that name either.") from None


def _show_fit(folder: str, law: str | None, level: float, as_json: bool) -> None:
    from scalejax.cli.results import document
    from scalejax.fitting import load_fit

    fit = load_fit(folder, None if law is None else law_of(law))
    if as_json:
        print_json(document(fit, level))
    else:
        print(fit.summary(level))
