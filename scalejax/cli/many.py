"""``scalejax many`` and ``scalejax resume``: a thousand laws as a job that survives."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli import options
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.results import PLOT_TYPES, save_figure
from scalejax.cli.stopping import survivable
from scalejax.cli.talk import in_study, say, spoken_warnings

if TYPE_CHECKING:
    from scalejax.studies import Job, Progress, Study, StudyResult

EXAMPLES = """\b
A study is a TOML file:
  data = "runs.csv"                # or give the file on the command line
  by = ["family"]                  # one law for each family
  run = "model"                    # its rows are checkpoints of one model
  laws = ["chinchilla", "kaplan"]
  resamples = 200
  [[recipe]]                       # a law fitted in another way
  law = "chinchilla"
  label = "borrowed"
  fixed = {A = 521.0, alpha = 0.353}
  [subsets]                        # all combinations of these
  models = ["all", 3, 5]
  drop = [0, 1e10]                 # tokens
\b
For example:
  scalejax many study.toml --dry-run
  scalejax many study.toml --out jobs/one --plot errors.png
  scalejax resume jobs/one
  srun scalejax many study.toml --out jobs/one --distributed
"""

FAILED = 3

Distributed = Annotated[
    bool,
    typer.Option(
        "--distributed", help="One of several processes, as Slurm, MPI or a TPU pod start them."
    ),
]
Coordinator = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Address of process 0, where nothing else tells it."),
]
Processes = Annotated[int | None, typer.Option(min=1, help="Number of processes, likewise.")]
Process = Annotated[int | None, typer.Option(min=0, help="Number of this process, likewise.")]
Plot = Annotated[Path | None, typer.Option(help="Draw the held-out errors (.png, .pdf or .svg).")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the frame of all results here.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")]


def many(
    study: Annotated[Path, typer.Argument(help="The study.", metavar="STUDY.toml")],
    runs: Annotated[
        str | None, typer.Argument(help="File of runs, if the study names none.", metavar="RUNS")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the job. The same command again goes on where it stopped."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the problems, time a few of them, and stop.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="If the job in the folder is another one, begin beside it."),
    ] = False,
    distributed: Distributed = False,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    plot: Plot = None,
    csv: Csv = None,
    quiet: Quiet = False,
) -> None:
    """Fit all laws of a study: families x subsets of runs x laws x resamples.

    Exit codes besides the usual: 3 some laws failed, 74 the disk cannot be written, 75 terminated.
    """
    if out is None and not dry_run:
        raise typer.BadParameter("a job needs a folder.", param_hint="--out")
    _check_files(plot, csv, out)
    use_compilation_cache()
    me = _join(distributed, coordinator, processes, process)
    from scalejax import datasets
    from scalejax.studies import StudyFile, prepare, run_study

    options.see_working_directory()
    with survivable(out) as check:
        file = StudyFile(study)
        _check_target(plot, file.study.target)
        source = runs or file.data
        if source is None:
            raise typer.BadParameter("the study names no data: give the file.", param_hint="RUNS")
        data: Any = source
        if source in datasets.names() and not Path(source).exists():
            data = datasets.load(source)
        elif runs is None:
            data = study.parent / source
        with spoken_warnings(quiet, in_study):
            if dry_run:
                print(_forecast(file.study, prepare(file.study, data, **file.table_options)))
                return
            if out is not None and force:
                out = _free(out, prepare(file.study, data, **file.table_options))
                say(f"the job is in {out}")
            with _watch(quiet, check) as progress:
                found = run_study(
                    file.study, data, out=out, progress=progress, process=me, **file.table_options
                )
        _show(found, out, plot, csv, quiet)


def resume(
    folder: Annotated[Path, typer.Argument(help="Folder of the job.", metavar="DIR")],
    law: Annotated[
        list[str] | None,
        typer.Option(
            metavar="file.py:law",
            help="A law of your own that the job fits: no code that a job names is run by itself.",
        ),
    ] = None,
    distributed: Distributed = False,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    plot: Plot = None,
    csv: Csv = None,
    quiet: Quiet = False,
) -> None:
    """Go on with a job where it stopped, whatever stopped it; a finished one is shown again."""
    _check_files(plot, csv, folder)
    use_compilation_cache()
    me = _join(distributed, coordinator, processes, process)
    from scalejax.studies import Folder, resume_study

    laws = {name: options.law_of(name) for name in law or []}
    with survivable(folder) as check:
        _check_target(plot, Folder(folder).job()["study"].get("target", True))
        with spoken_warnings(quiet, in_study), _watch(quiet, check) as progress:
            found = resume_study(folder, laws=laws, progress=progress, process=me)
        _show(found, folder, plot, csv, quiet)


def _check_files(plot: Path | None, csv: Path | None, out: Path | None) -> None:
    """Refuse files that could not be written when all is solved."""
    if plot is not None and plot.suffix.lower() not in PLOT_TYPES:
        raise typer.BadParameter(
            f"the file must end in {', '.join(PLOT_TYPES)}.", param_hint="--plot"
        )
    for name, path in (("--plot", plot), ("--csv", csv)):
        # The folder of the job is yet to be made.
        if path is None or (out is not None and path.parent == out):
            continue
        if path.is_dir() or not path.parent.is_dir():
            missing = f"{path.parent} is no folder."
            said = f"{path} is a folder; name a file." if path.is_dir() else missing
            raise typer.BadParameter(said, param_hint=name)
        if not os.access(path.parent, os.W_OK):
            raise typer.BadParameter(f"{path.parent} cannot be written to.", param_hint=name)


def _check_target(plot: Path | None, target: bool) -> None:
    if plot is not None and not target:
        raise typer.BadParameter(
            "the study has target = false: nothing is held out, so there is no error to draw.",
            param_hint="--plot",
        )


def _join(
    distributed: bool, coordinator: str | None, processes: int | None, process: int | None
) -> tuple[int, int]:
    """Number of this process and how many there are."""
    if not distributed:
        if coordinator is not None or processes is not None or process is not None:
            raise typer.BadParameter("it goes with --distributed.", param_hint="--coordinator")
        return 0, 1
    import jax

    jax.distributed.initialize(coordinator, processes, process)
    me = jax.process_index(), jax.process_count()
    # From here on nobody needs the others, and JAX would end all when one ends or is late. To
    # leave is to wait for all once more, which takes no time: all have just joined.
    jax.distributed.shutdown()
    return me


def _free(out: Path, job: "Job") -> Path:
    """The folder itself if it is empty or of the same job, else the first one beside it that is."""
    from scalejax.studies import fits_folder

    number = 1
    while True:
        folder = out if number == 1 else out.with_name(f"{out.name}-{number}")
        if fits_folder(job, folder):
            return folder
        number += 1


@contextlib.contextmanager
def _watch(quiet: bool, check: Callable[[], None]) -> "Iterator[Callable[[Progress], None]]":
    """After every shard: stop if a signal was lost, and show how far the job is."""
    with _bar(quiet) as bar:

        def update(now: "Progress") -> None:
            check()
            if bar is not None:
                bar(now)

        yield update


@contextlib.contextmanager
def _bar(quiet: bool) -> "Iterator[Callable[[Progress], None] | None]":
    """Rate, time left, converged and failed: a bar on a terminal, else a line now and then."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("compiling", total=None)

        def update(now: "Progress") -> None:
            bar.update(task, description=_words(now), completed=now.done, total=now.total)

        yield update


def _lines() -> "Callable[[Progress], None]":
    """A line of talk every ten seconds, and at the end."""
    said = [0.0]

    def update(now: "Progress") -> None:
        if now.seconds - said[0] >= 10 or now.done == now.total:
            said[0] = now.seconds
            say(_words(now))

    return update


def _words(now: "Progress") -> str:
    rate = (now.done - now.before) / max(now.seconds, 1e-9)
    left = (now.total - now.done) / max(rate, 1e-9)
    return (
        f"{now.done:,} of {now.total:,} fits, {rate:,.0f}/s, {_duration(left)} left, "
        f"{now.converged:,} converged, {now.failed:,} failed"
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _forecast(study: "Study", job: "Job") -> str:
    """What a study will cost, in words."""
    from scalejax.studies import estimate

    cost = estimate(job)
    skipped = int((job.problems.frame()["reason"] != "").sum())
    total = cost.seconds + cost.shapes * cost.compile_seconds
    memory = "" if cost.memory is None else f"{cost.memory / 2**20:,.0f} MiB of memory and "
    return "\n".join(
        [
            f"{len(job.problems) - skipped:,} laws to fit ({skipped:,} combinations have nothing "
            f"to fit), {study.resamples:,} resamples each: {job.fits:,} fits in "
            f"{len(job.shards):,} shards.",
            f"About {_duration(total)} here, {_duration(cost.shapes * cost.compile_seconds)} of it "
            f"to compile {cost.shapes} shapes (less where they are in the cache).",
            f"About {memory}{cost.disk / 2**20:,.1f} MiB of disk.",
        ]
    )


def _show(
    found: "StudyResult | None", out: Path | None, plot: Path | None, csv: Path | None, quiet: bool
) -> None:
    """Print what was found; exit with 3 if laws failed."""
    if found is None:
        say(f"this part is done; others of the job in {out} are not. Resume it if they have ended.")
        return
    print(found.summary())
    if out is not None and not quiet:
        say(f"all results are in {out / 'results.parquet'}")
    if csv is not None:
        from scalejax.data import to_csv
        from scalejax.studies import disk_trouble

        with disk_trouble(csv):
            to_csv(found.frame, csv)
    if plot is not None:
        import matplotlib as mpl

        mpl.use("Agg")
        from scalejax.plots import plot_study_panels

        save_figure(plot_study_panels(found)[0].figure, plot)
    if len(found.failed):
        raise typer.Exit(FAILED)
