"""Options by which a table is completed and its rows taken together, the same for every verb."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

from scalejax.cli.options import check_file, option

_PARAMETERS: dict[str, Any] = {
    "reduce": option(
        "Rows of a run that count: every, final, or the mean of the last five, final:5. "
        "[default: every]",
        "HOW",
    ),
    "drop_first": option(
        "Leave out the beginning of runs: tokens, 2B, or a share of each, 10%.", "TOKENS"
    ),
    "average": option(
        "Column in which rows of one mean may differ: seed, or seed:sigma, by which the standard "
        "error becomes sigma.",
        "COLUMN",
    ),
    "best_of": option(
        "Column that was swept; the best row of each point is kept: lr, or lr,batch. lr:parabola "
        "takes the minimum of a parabola through the three lowest, lr:least-squares through all.",
        "COLUMN",
    ),
    "tokens_per_step": option(
        "What D is per step: 0.5M, a column, or a product such as batch*2048.", "TOKENS"
    ),
    "size_from": option("Column of names that hold the size N: Qwen3-0.6B-base.", "COLUMN"),
    # The runs themselves are the argument RUNS.
    "second_table": option(
        "Second table with a row for each run: what the first one lacks (N, tokens_per_step ...).",
        "FILE",
        "--runs",
        callback=check_file,
    ),
}


def with_reductions(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb with these options, which it takes as ``**reductions``: keywords of `load_table`."""
    own = inspect.signature(verb)
    more = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, of]
        )
        for name, of in _PARAMETERS.items()
    ]
    plain = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]

    @functools.wraps(verb)
    def call(**options: Any) -> None:
        options["runs_of_table"] = options.pop("second_table", None)
        verb(**options)

    # Typer reads the signature and the hints.
    call.__signature__ = own.replace(parameters=[*plain, *more])  # type: ignore[attr-defined]
    hints = {name: kind for name, kind in verb.__annotations__.items() if name != "reductions"}
    call.__annotations__ = {**hints, **{one.name: one.annotation for one in more}}
    return call
