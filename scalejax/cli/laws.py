"""``scalejax laws``: a table of the laws, to be searched."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli import options as o
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.show import show
from scalejax.cli.talk import print_json

if TYPE_CHECKING:
    from scalejax.laws import Law

EXAMPLES = """\b
For example:
  scalejax laws --input N --input D
  scalejax laws --gives lr
  scalejax laws --search expert
  scalejax show kumar2024"""

laws_app = typer.Typer(
    help="List the laws, or show one: formula, inputs, parameters, published sets.",
    epilog=EXAMPLES,
    invoke_without_command=True,
    rich_markup_mode=None,
)


@laws_app.callback()
def laws(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Only laws with this input, such as N. Repeatable."),
    ] = None,
    gives: Annotated[
        str | None, typer.Option(help="Only laws that give this: loss, error, accuracy, lr ...")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Only laws with this word in name, formula or source.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Only laws with published coefficients.")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """List the laws: inputs, what they give, published sets and formula."""
    if context.invoked_subcommand is not None:
        return
    use_compilation_cache()
    # Imported here: JAX takes a second, which --help should not.
    from scalejax.laws import LAWS

    matching = [
        law
        for law in LAWS.values()
        if {*(inputs or ())} <= {*law.inputs}
        and gives in (None, law.response.symbol)
        and (search is None or search.lower() in _text(law).lower())
        and (law.published or not published)
    ]
    if as_json:
        print_json([_entry(law) for law in matching])
    elif matching:
        print(_table(matching))
        print("\nscalejax show LAW tells all of one, its published sets among it.")
    else:
        print("There is no such law.")


laws_app.command("show")(show)


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


def _table(laws: "Sequence[Law]") -> str:
    """A line for each law."""
    from scalejax.wording import aligned

    rows = [
        [
            law.name,
            ", ".join(law.inputs),
            law.response.symbol,
            str(len(law.published) or ""),
            law.about.rstrip("."),
        ]
        for law in laws
    ]
    return "\n".join(aligned(["law", "inputs", "gives", "sets", "what it says"], rows))
