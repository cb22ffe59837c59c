"""What the package says of itself, as Markdown: its codes, its statuses, its commands."""

import contextlib
import io
import re

from scalejax.cli import app, main
from scalejax.codes import page
from scalejax.status import MINIMA, Outcome, Status


def codes() -> str:
    """What `scalejax.codes` says, with a target for each code."""
    return re.sub(r"^## ([EW]\d+)", r"(\1)=\n## \1", page(), flags=re.MULTILINE)


def statuses() -> str:
    """What `scalejax.status` says of fits and of optima."""
    lines = [
        "# How a fit or an optimum ended",
        "A status is computed from the objective at the solution, never from the solver's own "
        "flag. Soft trouble is a status with a usable estimate; hard trouble raises, with a "
        "[code](codes.md). Only resamples that ended in a minimum "
        f"({' or '.join(f'`{status}`' for status in MINIMA)}) enter the intervals; how many were "
        "asked for and used is always stated.",
        "## Fits: `Status`",
        _table(Status),
        "## Optima and plans: `Outcome`",
        _table(Outcome),
    ]
    return "\n\n".join(lines)


def _table(kind: type[Status] | type[Outcome]) -> str:
    rows = [f"| `{one.label}` | {one.value} | {one.sentence} |" for one in kind]
    head = ["| status | code | what happened and what to do |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows])


def commands() -> str:
    """The help of every command, as the terminal prints it."""
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands]
    parts = ["# Commands", "What `scalejax COMMAND --help` prints.", _help()]
    for verb in (*verbs, *(group.name for group in app.registered_groups)):
        parts += [f"## {verb}", _help(verb)]
    return "\n\n".join(parts)


def _help(*words: str) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return f"```text\n{text.getvalue().strip()}\n```"
