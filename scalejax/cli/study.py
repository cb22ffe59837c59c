"""``scalejax study`` and ``scalejax resume``: many laws as one job that can be resumed."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.executors import Executor, Scheduler, WorkerCount, workers_of
from scalejax.cli.options import option
from scalejax.cli.results import draw_to
from scalejax.cli.stopping import KEPT, survivable
from scalejax.cli.talk import say, say_step, spoken_warnings
from scalejax.vocabulary import speaking

if TYPE_CHECKING:
    from scalejax.studies import Job, Progress, Study, StudyResult

EXAMPLES = """\b
A study is a TOML file:
  data = "runs.csv"                # or give the file on the command line
  by = ["family"]                  # one law for each family
  run = "model"                    # its rows are checkpoints of one model
  laws = ["chinchilla", "kaplan"]
  resamples = 200
  forecast_at = "10x"              # or { N = "70B", D = "1.4T" }
  [[recipe]]                       # a law fitted in another way
  law = "chinchilla"
  label = "borrowed"
  fixed = {A = 521.0, alpha = 0.353}
  [subsets]                        # all combinations of these
  models = ["all", 3, 5]
  drop = [0, 1e10]                 # tokens
\b
For example:
  scalejax study study.toml --dry-run
  scalejax study study.toml --out jobs/one --plot errors.png
  scalejax resume jobs/one
  scalejax study study.toml --out jobs/one --workers 4
  scalejax study study.toml --out jobs/one --scheduler tcp://10.0.0.1:8786
  scalejax study study.toml --out jobs/one --executor mpi4py.futures:MPIPoolExecutor
"""

FAILED = 3

OwnLaws = Annotated[
    list[str] | None,
    option(
        "A law of your own that the study names: its code is run only if you name it here. "
        "Repeatable.",
        "FILE.py:LAW",
    ),
]


def study(
    file: Annotated[
        Path,
        typer.Argument(
            help="TOML file, as below.", metavar="STUDY.toml", exists=True, dir_okay=False
        ),
    ],
    runs: o.RunsIfAny = None,
    laws: OwnLaws = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results. The same command again goes on where it stopped."
        ),
    ] = None,
    dry_run: o.DryRun = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="If the folder has another job, take a new one beside it."),
    ] = False,
    workers: WorkerCount = None,
    scheduler: Scheduler = None,
    executor: Executor = None,
    plot: o.JobPlot = None,
    csv: o.JobCsv = None,
    quiet: o.Quiet = False,
) -> None:
    """Fit many laws as one job: families x subsets of runs x laws x resamples.

    Exit codes besides the usual: 3 some laws failed, 74 the disk cannot be written, 75 terminated.
    """
    if out is None and not dry_run:
        raise typer.BadParameter("a job needs a folder.", param_hint="--out")
    _check_files(plot, csv, out)
    use_compilation_cache()
    say_step("preparing the job", quiet)
    chosen = workers_of(workers, scheduler, executor)
    from scalejax.studies import StudyFile, prepare
    from scalejax.studies import study as fit_study

    words.see_working_directory()
    with survivable(_kept(out)) as check, speaking("study"):
        job = StudyFile(file, laws or ())
        _check_target(plot, job.study.target)
        source = runs or job.data
        if source is None:
            raise typer.BadParameter("the study names no data: give the file.", param_hint="RUNS")
        data = words.data_of(source)
        if data is source and runs is None:
            data = file.parent / source
        with spoken_warnings(quiet):
            if dry_run:
                print(_workload(job.study, prepare(job.study, data, **job.table_options)))
                return
            if out is not None and force:
                out = _free(out, prepare(job.study, data, **job.table_options))
                say(f"the job is in {out}")
            with _watch(quiet, check) as progress:
                result = fit_study(
                    job.study, data, out=out, progress=progress,
                    executor=chosen, **job.table_options,
                )  # fmt: skip
        _show(result, out, plot, csv, quiet)


def resume(
    folder: Annotated[Path, typer.Argument(help="Folder of the job.", metavar="DIR")],
    laws: OwnLaws = None,
    workers: WorkerCount = None,
    scheduler: Scheduler = None,
    executor: Executor = None,
    plot: o.JobPlot = None,
    csv: o.JobCsv = None,
    quiet: o.Quiet = False,
) -> None:
    """Go on with the job of a study where it stopped; print the results of a finished one."""
    _check_files(plot, csv, folder)
    use_compilation_cache()
    say_step("preparing the job", quiet)
    chosen = workers_of(workers, scheduler, executor)
    from scalejax.studies import Folder
    from scalejax.studies import resume as go_on

    own = {name: words.law_of(name) for name in laws or []}
    with survivable(_kept(folder)) as check, speaking("study"):
        _check_target(plot, Folder(folder).job()["study"].get("target", True))
        with spoken_warnings(quiet), _watch(quiet, check) as progress:
            result = go_on(folder, laws=own, progress=progress, executor=chosen)
        _show(result, folder, plot, csv, quiet)


def _check_files(plot: Path | None, csv: Path | None, out: Path | None) -> None:
    """Refuse files that could not be written, before the work begins."""
    for name, path in (("--plot", plot), ("--csv", csv)):
        # The folder of the job is yet to be made.
        if path is None or (out is not None and path.parent == out):
            continue
        try:
            o.file_to_write(path)
        except typer.BadParameter as error:
            raise typer.BadParameter(error.message, param_hint=name) from None


def _kept(out: Path | None) -> str:
    if out is None:
        return KEPT
    return f"Finished shards are kept; go on with: scalejax resume {out}"


def _check_target(plot: Path | None, target: bool) -> None:
    if plot is not None and not target:
        raise typer.BadParameter(
            "the study has target = false: nothing is held out, so there is no error to draw.",
            param_hint="--plot",
        )


def _free(out: Path, job: "Job") -> Path:
    """The folder if it is empty or of the same job, else the first such one of ``out-2`` ..."""
    from scalejax.studies import fits_folder

    number = 1
    while True:
        folder = out if number == 1 else out.with_name(f"{out.name}-{number}")
        if fits_folder(job, folder):
            return folder
        number += 1


@contextlib.contextmanager
def _watch(quiet: bool, check: Callable[[], None]) -> "Iterator[Callable[[Progress], None]]":
    """A function for after every shard: stop if a signal was lost, and show the progress."""
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
    """A function that prints the progress every ten seconds, and at the end."""
    last = [0.0]

    def update(now: "Progress") -> None:
        if now.seconds - last[0] >= 10 or now.done == now.total:
            last[0] = now.seconds
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


def _workload(study: "Study", job: "Job") -> str:
    """The number of fits of a study, with its time, memory and disk."""
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
    result: "StudyResult", out: Path | None, plot: Path | None, csv: Path | None, quiet: bool
) -> None:
    """Print what was found; exit with 3 if laws failed."""
    print(result.summary())
    if out is not None and not quiet:
        say(f"all results are in {out / 'results.parquet'}")
    if csv is not None:
        from scalejax.data import to_csv
        from scalejax.studies import disk_trouble

        with disk_trouble(csv):
            to_csv(result.frame, csv)
    if plot is not None:
        draw_to(plot, lambda plots: plots.plot_study_panels(result))
    if len(result.failed):
        raise typer.Exit(FAILED)
