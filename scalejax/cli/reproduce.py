"""``scalejax reproduce``: make a saved fit again from its own files and compare the numbers."""

from typing import Annotated

import typer

from scalejax.amounts import NOT_NEGATIVE
from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import option
from scalejax.cli.talk import print_json, say_step

DIFFERENT = 3
"""Exit code when a number differs, or not all could be made again."""


def reproduce(
    fit: Annotated[
        str,
        typer.Argument(help="Folder of a saved fit, or the manifest.json in it.", metavar="FIT"),
    ],
    law: o.OwnLaw = None,
    tolerance: Annotated[
        float,
        option(
            "Largest relative difference that counts as the same.",
            "NUMBER",
            parser=o.number(NOT_NEGATIVE),
        ),
    ] = 1e-10,
    as_json: o.AsJson = False,
) -> None:
    """Make a saved fit again from its own files and compare all numbers.

    Checks the files against manifest.json, fits the saved rows with the recorded settings, and
    compares the parameters, the objective and every resample. Exit code 0: all is the same; 3: a
    number differs, or the weights of the resamples are not saved; 1: the files are damaged, or hold
    too little to make the fit again.
    """
    use_compilation_cache()
    say_step("fitting again")
    # Imported here: JAX takes a second, which --help should not.
    from scalejax.fitting import reproduce as make_again

    comparison = make_again(fit, None if law is None else words.law_of(law), tolerance=tolerance)
    if as_json:
        print_json(comparison.to_dict())
    else:
        print(comparison.summary())
    if not comparison.reproduced:
        raise typer.Exit(DIFFERENT)
