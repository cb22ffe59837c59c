"""Who solves the shards of a job: processes of this machine, dask, or another executor."""

import importlib
from typing import TYPE_CHECKING, Annotated

import typer

from scalejax.cli.options import option
from scalejax.cli.talk import say

if TYPE_CHECKING:
    from scalejax.studies import Workers

WorkerCount = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes of this machine that solve the shards."),
]
Scheduler = Annotated[
    str | None,
    option("Scheduler of dask whose workers solve them; extra [cluster].", "tcp://HOST:PORT"),
]
Executor = Annotated[
    str | None,
    option("What makes any other executor (MPI, Slurm ...); its code is run.", "MODULE:NAME"),
]


def workers_of(count: int | None, scheduler: str | None, executor: str | None) -> "Workers | None":
    """What the options name; None for this process alone.

    Raises:
        typer.BadParameter: Several are named, or what is named is not there.
    """
    if sum(one is not None for one in (count, scheduler, executor)) > 1:
        raise typer.BadParameter("name one of --workers, --scheduler and --executor.")
    if count is not None:
        from scalejax.studies import processes

        return processes(count)
    if scheduler is not None:
        return _of_dask(scheduler)
    return None if executor is None else _of_module(executor)


def _of_dask(address: str) -> "Workers":
    try:
        from distributed import Client
    except ImportError:
        raise typer.BadParameter(
            'dask is not installed: pip install "scalejax[cluster]".', param_hint="--scheduler"
        ) from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(
            f"no scheduler answers at {address} ({error}).", param_hint="--scheduler"
        ) from None
    say(f"the workers are watched at {client.dashboard_link}")
    # A second try is another task.
    return client.get_executor(pure=False)


def _of_module(text: str) -> "Workers":
    place, _, name = text.partition(":")
    try:
        make = getattr(importlib.import_module(place), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise typer.BadParameter(f"{text!r}: {error}.", param_hint="--executor") from None
    if not callable(make) and not hasattr(make, "submit"):
        raise typer.BadParameter(
            f"{text!r} makes no executor, and is none.", param_hint="--executor"
        )
    return make
