"""``scalejax show``: a law, a published set of coefficients, a saved fit or forecast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.law_page import print_law, print_set
from scalejax.cli.names import ALIASES, LAWS, SETS
from scalejax.cli.talk import print_json
from scalejax.vocabulary import did_you_mean

if TYPE_CHECKING:
    from scalejax.fitting import Fit
    from scalejax.forecasting import Forecast


def show(
    what: Annotated[
        str,
        typer.Argument(
            help="A law (chinchilla, module:name, file.py:name: its code is run), a published set "
            "(besiroglu2024, or chinchilla:besiroglu2024), or the folder of a saved fit or "
            "forecast.",
            metavar="WHAT",
        ),
    ],
    law: o.OwnLaw = None,
    level: o.Level = 0.95,
    as_json: o.AsJson = False,
) -> None:
    """Show a law, a published set of coefficients, or a saved fit or forecast.

    A forecast keeps the level that it was made with.
    """
    use_compilation_cache()
    if what not in (*LAWS, *ALIASES) and Path(what).is_dir():
        _print_saved(words.saved_in(what, law), level, as_json)
        return
    if ":" not in what and what not in (*LAWS, *ALIASES, *SETS):
        near = did_you_mean(what, [*LAWS, *ALIASES, *SETS])
        raise typer.BadParameter(
            f"there is no law, published set or folder {what!r}{near}", param_hint="WHAT"
        )
    # Imported here: JAX takes a second, which --help should not.
    from scalejax import laws

    name, _, published = what.rpartition(":")
    if name in LAWS:
        print_set(laws.LAWS[name], published, as_json)
    elif what in (*LAWS, *ALIASES) or ":" in what:
        print_law(words.law_of(what), as_json)
    else:
        for k, holder in enumerate(one for one in laws.LAWS.values() if what in one.published):
            print("\n" * (k > 0), end="")
            print_set(holder, what, as_json)


def _print_saved(saved: "Fit | Forecast", level: float, as_json: bool) -> None:
    from scalejax.fitting import Fit

    levels = (level,) if isinstance(saved, Fit) else ()
    if as_json:
        print_json(saved.to_dict(*levels))
    else:
        print(saved.summary(*levels))
