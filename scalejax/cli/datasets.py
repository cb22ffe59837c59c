"""``scalejax datasets``: the named tables, where they are from, and whether they are here."""

from typing import Annotated

import typer

from scalejax.cli import options as o
from scalejax.cli.talk import print_json

EXAMPLES = """\b
For example:
  scalejax datasets
  scalejax datasets gadre
  scalejax fit chinchilla --exclude outlier5
"""


def datasets(
    name: Annotated[
        str | None, typer.Argument(help="A table to tell all of.", metavar="NAME")
    ] = None,
    as_json: o.AsJson = False,
) -> None:
    """List the tables that verbs take by name: rows, columns, source, licence, whether here.

    None is shipped: all but golden36 are read from the folder that the environment variable
    SCALEJAX_DATA names, and chinchilla is downloaded without one.
    """
    # Imported here: pandas takes a second, which --help should not.
    from scalejax import datasets as named
    from scalejax.wording import aligned, labelled

    if name is not None:
        about = vars(named.describe(name))
        told = {key: value for key, value in about.items() if value not in ("", None)}
        texts = [labelled(key, str(value)) for key, value in told.items()]
        print_json(about) if as_json else print("\n".join(texts))
        return
    frame = named.catalogue()
    if as_json:
        print_json(frame.to_dict("records"))
        return
    rows = [
        [str(name), str(rows), "yes" if here else "no", str(columns)]
        for name, rows, here, columns in zip(
            frame["name"], frame["rows"], frame["here"], frame["columns"], strict=True
        )
    ]
    header, *lines = aligned(["name", "rows", "here", "columns"], rows)
    print(header)
    for line, source, licence in zip(lines, frame["source"], frame["licence"], strict=True):
        print(f"{line}\n    {source} ({licence})")
    print("\nscalejax datasets NAME tells all of one; fit, check and others take its name.")
