"""``scalejax laws``: which laws there are, and what is known about each."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.law_page import print_law, print_set
from scalejax.cli.options import law_of
from scalejax.cli.talk import print_json
from scalejax.errors import LawError

if TYPE_CHECKING:
    from scalejax.laws import Law

EXAMPLES = """\b
For example:
  scalejax laws --input N --input D
  scalejax laws --gives lr
  scalejax laws --search expert
  scalejax laws show kumar2024"""

laws_app = typer.Typer(
    help="List the laws, or show one: formula, inputs, parameters, published sets.",
    epilog=EXAMPLES,
    invoke_without_command=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, not text.")]


@laws_app.callback()
def laws(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="Only laws of this input. Repeatable.")
    ] = None,
    gives: Annotated[
        str | None, typer.Option(help="Only laws that give this: loss, error, accuracy, lr ...")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Only laws in whose name, formula or source this word is.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Only laws with published coefficients.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the laws: formula, inputs, parameters and published sets."""
    if context.invoked_subcommand is not None:
        return
    use_compilation_cache()
    # Imported here: JAX takes a second, which --help should not.
    from scalejax.laws import LAWS

    found = [
        law
        for law in LAWS.values()
        if {*(inputs or ())} <= {*law.inputs}
        and gives in (None, law.response.symbol)
        and (search is None or search.lower() in _text(law).lower())
        and (law.published or not published)
    ]
    if as_json:
        print_json([_entry(law) for law in found])
    elif found:
        print("\n\n".join(_paragraph(law) for law in found))
    else:
        print("There is no such law.")


@laws_app.command("show")
def show_law(
    name: Annotated[
        str,
        typer.Argument(help="A law, a published set, or LAW:SET.", metavar="NAME"),
    ],
    as_json: AsJson = False,
) -> None:
    """Show a law, or a published set: formula, parameters, sets, units, source, an example."""
    use_compilation_cache()
    from scalejax.laws import LAWS

    law, _, published = name.rpartition(":")
    if law in LAWS:
        print_set(LAWS[law], published, as_json)
        return
    holders = [law for law in LAWS.values() if name in law.published]
    if name in LAWS or not holders:
        try:
            print_law(law_of(name), as_json)
        except LawError as error:
            raise LawError(f"{error} scalejax laws lists them.") from None
        return
    for place, holder in enumerate(holders):
        print("\n" * (place > 0), end="")
        print_set(holder, name, as_json)


def _text(law: "Law") -> str:
    from scalejax.laws import CITATIONS

    inputs = " ".join(law.inputs)
    return f"{law.name} {law.about} {inputs} {CITATIONS.get(law.cite, '')} {law.function.__doc__}"


def _entry(law: "Law") -> dict[str, Any]:
    return {
        "name": law.name,
        "about": law.about,
        "cite": law.cite,
        "inputs": list(law.inputs),
        "gives": law.response.symbol,
        "parameters": list(law.parameters),
        "published": list(law.published),
    }


def _paragraph(law: "Law") -> str:
    lines = [
        law.name,
        f"  {law.about}",
        f"  inputs      {', '.join(law.inputs)}",
        f"  parameters  {', '.join(law.parameters)}",
    ]
    if law.response.symbol != "loss":
        lines.insert(2, f"  gives       {law.response.meaning}")
    if law.published:
        marked = [f"{id}{'' if s.verified else ' (unverified)'}" for id, s in law.published.items()]
        lines.append(f"  published   {', '.join(marked)}")
    return "\n".join(lines)
