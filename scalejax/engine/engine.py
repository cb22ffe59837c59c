"""The batched engine: any number of problems, in chunks of fixed shape, on all devices.

`Engine.solve` takes problems (a table and a resample each) with one or more starts and returns,
for each problem, the best end of its starts with a certified status. It loops over chunks on the
host, so that progress can be shown and memory stays bounded; each chunk is one call of the
compiled program in `scalejax.engine.chunk`. `Engine.refit` solves resamples from few starts, and
those that do not converge once more from all starts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.engine.arrays import HostTable, stack
from scalejax.engine.attempt import Problems, Trial, pad
from scalejax.engine.certificate import THRESHOLDS, mark_disagreement
from scalejax.engine.chunk import Draw, Program, TaskEnds, Work, chunk_solver
from scalejax.engine.compiling import compiled_once, shapes
from scalejax.engine.ends import Ends, best_ends
from scalejax.engine.layout import Layout, default_layout
from scalejax.engine.start_candidates import start_candidates
from scalejax.errors import UsageError
from scalejax.objectives import Model, Objective, Prior, Settings
from scalejax.resampling import draw_counts
from scalejax.scope import own_settings
from scalejax.solvers import Box, SolverFactory, damped_newton
from scalejax.status import MINIMA, Status

Progress = Callable[[int, int, int], None]
"""``progress(done, total, failed)``, called after every chunk."""

HINT = -1
"""Start number of the hint, see `Engine.solve`."""

POINT_TOLERANCE = 1e-20
"""Relative Newton decrement for a point estimate: parameters to ten digits, its square root."""

DRAW_TOLERANCE = 1e-11
"""Relative Newton decrement for a resample: scaled gradient below 1e-6."""

NEWTON_STEPS = 5000
"""Step limit of the default solver: a hundred times what most problems take. Of 600 flat problems
with Huber's loss the longest took 1,474."""

_AT_FIRST = 200
"""Steps after which a problem is put aside, so that no batch waits for it. By judgement."""

_FEW_VOTES, _MORE_STARTS = 4, 64
"""Where one start in so many, or fewer, reached the best end, and how many more are then tried. On
NIST's ENSO problem 2 or 3 of 16 starts agreed on a local minimum."""

_CHUNK_SIZES = (1, 256)
"""Problems in a chunk below the layout's largest. More sizes would waste less padding but compile
more programs, of seconds each; set by judgement."""


class Engine:
    """Solves problems of one model on given tables.

    Args:
        model: Which problem.
        objective: Gives the constants; its kernel must be the model's.
        tables: The tables; of different lengths if need be.
        box: Bounds of the coordinates.
        fixed: Values of fixed parameters.
        priors: Priors by parameter name.
        solver: Makes the solver of one problem.
        max_steps: Step limit of one start.
        seed: Seed of all resamples.
        layout: How work is laid out; the default suits the machine.
        progress: Called after every chunk.
        draw: How the weights of a resample are drawn.
        length: Rows that tables are padded to; if None, as many as the longest needs.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        tables: Sequence[HostTable],
        box: Box,
        *,
        fixed: Mapping[str, float] | None = None,
        priors: Mapping[str, Prior] | None = None,
        solver: SolverFactory = damped_newton,
        max_steps: int = NEWTON_STEPS,
        seed: int = 0,
        layout: Layout | None = None,
        progress: Progress | None = None,
        draw: Draw = draw_counts,
        length: int | None = None,
    ) -> None:
        self.model = model
        self.box = box
        self.seed = seed
        self.layout = layout or default_layout()
        self.progress = progress
        form = self.layout.form if len(tables) == 1 else self.layout.ragged_form
        self.program = Program(model, solver, form, self.layout.lanes, draw)
        self.max_steps = max_steps
        self._patient = solver is damped_newton
        self.settings = Settings(
            tuple(np.float64(constant) for constant in objective.constants),
            {name: np.float64(value) for name, value in (fixed or {}).items()},
            dict(priors or {}),
        )
        self.tables = stack(tables, log=model.kernel.log, length=length)
        self.cells = start_candidates(model).cells

    @property
    def all_starts(self) -> tuple[int, ...]:
        """Numbers of the independent starts of a problem."""
        return tuple(range(1, self.cells + 1))

    @property
    def draw_starts(self) -> tuple[int, ...]:
        """Starts of a resample: the best candidate where projection makes it good.

        Without linear parameters to project out, the best candidate is only the best of many
        points, so three cells and the hint are tried as well (three by judgement).
        """
        return (0,) if self.model.linear else (HINT, 0, 1, 6, 11)

    def solve(
        self,
        table: Ints,
        draw: Ints,
        *,
        starts: tuple[int, ...],
        tolerance: float,
        weight: Floats | None = None,
        target: Floats | None = None,
        hint: Floats | None = None,
        held: NDArray[np.bool_] | None = None,
        chunk: int | None = None,
        tasks: int | None = None,
        care: bool = True,
    ) -> Ends:
        """Solve P problems, each from the same starts; those that take long, once more with care.

        Args:
            table: Table of each problem, (P,).
            draw: Resample of each problem, (P,); 0 is the sample itself.
            starts: Start numbers: 0 is the best candidate, 1 to `cells` the best of a cell, `HINT`
                the hint.
            tolerance: Relative Newton decrement at which to stop.
            weight: Explicit weights (P, n) instead of drawn ones.
            target: Explicit log losses, or losses, (P, n) instead of those of the table.
            hint: Coordinates (P, p) of the start `HINT`.
            held: Coordinates that stay where the hint has them, (P, p) of bool; then `starts` must
                be ``(HINT,)``.
            chunk: Problems per compiled chunk; if None, one of few sizes, by P.
            tasks: Tasks per compiled chunk, for calls with different starts to share a program.
            care: Whether those that take long are solved once more.

        Returns:
            The best end of each problem.
        """
        size = chunk or self.chunk_size(len(table))
        shared = self.tables.length.shape[0] == 1
        tasks = tasks or (size + self.cells + 1 if shared else size * len(starts))
        hints = np.zeros((len(table), self.model.size)) if hint is None else hint
        problems = Problems(table, draw, weight, target, hints, held)
        trial = Trial(starts, tolerance, self.settings, min(_AT_FIRST, self.max_steps), size, tasks)
        if not self._patient:
            return self._attempt(problems, trial._replace(limit=self.max_steps), self.progress)
        ends = self._attempt(problems, trial, self.progress)
        slow = np.flatnonzero((ends.steps >= trial.limit) & ~np.isin(ends.status, MINIMA))
        if not care or not slow.size or trial.limit == self.max_steps:
            return ends
        return ends.improved(slow, self._with_care(problems.take(slow), ends.u[slow], trial))

    def _with_care(self, problems: Problems, u: Floats, trial: Trial) -> Ends:
        """Ends of problems that took long: by way of softer losses, then without haste.

        A loss that is nearly a sum of absolute values has a kink for every row, and a path along a
        flat valley crosses many of them; of a softer loss only the valley is left.
        """
        first, *others = self.settings.constants or (0.0,)
        starts = trial.starts
        votes = None
        for factor in self.model.kernel.softer:
            softer = self.settings._replace(constants=(np.float64(factor * first), *others))
            ends = self._attempt(problems, trial._replace(settings=softer, starts=starts))
            votes = votes or ends
            problems, starts = problems._replace(hint=ends.u), (HINT,)
        last = trial._replace(starts=starts, limit=self.max_steps)
        ends = self._attempt(problems, last)
        astray = np.flatnonzero(~np.isin(ends.status, MINIMA))
        if astray.size and votes is not None:
            direct = problems._replace(hint=u).take(astray)
            ends = ends.improved(astray, self._attempt(direct, last))
        return (
            ends if votes is None else replace(ends, starts=votes.starts, agreeing=votes.agreeing)
        )

    def _attempt(self, problems: Problems, trial: Trial, progress: Progress | None = None) -> Ends:
        """The best ends of one attempt at P problems."""
        starts, size, tasks = trial.starts, trial.chunk, trial.tasks
        total = len(problems.table)
        run = chunk_solver(size, total * self.tables.weight.shape[0])
        per_chunk = min(size, tasks // len(starts))
        firsts = range(0, total, per_chunk)

        def work(first: int) -> tuple[Work, int]:
            last = min(first + per_chunk, total)
            count = last - first

            def part(values: NDArray[Any] | None, rows: bool = False) -> Any:
                if values is None:
                    return None
                values = values[first:last]
                return pad(self._pad_rows(values) if rows else values, size)

            return Work(
                table=part(problems.table.astype(np.int32)),
                draw=part(problems.draw.astype(np.int32)),
                weight=part(problems.weight, rows=True),
                target=part(problems.target, rows=True),
                held=part(problems.held),
                problem=pad(np.repeat(np.arange(count, dtype=np.int32), len(starts)), tasks),
                start=pad(np.tile(np.array(starts, np.int32), count), tasks),
                hint=part(problems.hint),
                tolerance=np.full(tasks, trial.tolerance),
                limit=np.int32(trial.limit),
                needed=np.arange(size) < count,
                total=np.int32(count * len(starts)),
            ), count

        done = failed = 0
        parts: list[Ends] = []
        works = (work(first) for first in firsts)
        for solved, count in self._run(run, works, len(firsts), trial.settings):
            parts.append(best_ends(solved, count, len(starts), self.cells))
            done += count
            failed += int(np.sum(parts[-1].status != Status.CONVERGED))
            if progress is not None:
                progress(done, total, failed)
        return Ends(
            **{
                name: np.concatenate([vars(part)[name] for part in parts])
                for name in vars(parts[0])
            }
        )

    def estimates(self, table: Ints, **options: Any) -> Ends:
        """Solve tables as they are, (P,), from all starts; options as for `solve`.

        Where few starts agree on the best end there are many minima, and more starts are tried.
        """
        none = np.zeros(len(table), np.int64)
        options = {"starts": self.all_starts, "tolerance": POINT_TOLERANCE, **options}
        ends = self.solve(table, none, **options)
        few = np.isin(ends.status, (*MINIMA, Status.STARTS_DISAGREE))
        few &= ends.agreeing * _FEW_VOTES <= ends.starts
        some = np.flatnonzero(few)
        if not some.size or options["starts"] != self.all_starts:
            return ends
        return ends.replaced(some, self._with_more_starts(some, ends.take(some), table, options))

    def _with_more_starts(
        self, some: Ints, ends: Ends, table: Ints, options: Mapping[str, Any]
    ) -> Ends:
        """Ends of some problems, with the nonlinear candidates as starts beside the ends so far."""
        u = start_candidates(self.model).u
        u = u[np.linspace(0, len(u) - 1, min(len(u), _MORE_STARTS)).astype(int)]
        hint = np.repeat(ends.u[:, None], len(u), axis=1)
        hint[..., [self.model.free.index(name) for name in self.model.nonlinear]] = u
        problem = np.repeat(some, len(u))
        arrays = {
            name: options[name][problem]
            for name in ("weight", "target")
            if options.get(name) is not None
        }
        more = self.solve(
            table[problem],
            np.zeros(len(problem), np.int64),
            **{**options, **arrays, "starts": (HINT,), "hint": hint.reshape(len(problem), -1)},
        )
        objective = more.objective.reshape(len(some), -1)
        objective = np.where(np.isfinite(objective), objective, np.inf)
        first = np.arange(len(some)) * len(u)
        best = ends.improved(np.arange(len(some)), more.take(first + np.argmin(objective, axis=1)))
        limit = best.objective + THRESHOLDS["float64"].agreement * np.abs(best.objective)
        votes = np.where(ends.objective <= limit, ends.agreeing, 0)
        votes = votes + np.sum(objective <= limit[:, None], axis=1)
        starts = ends.starts + len(u)
        status = np.where(best.status == Status.STARTS_DISAGREE, Status.CONVERGED, best.status)
        status = mark_disagreement(status, votes, starts, self.cells, np)
        return replace(best, status=status, starts=starts, agreeing=votes)

    def refit(
        self,
        table: Ints,
        draw: Ints,
        *,
        hint: Floats,
        weight: Floats | None = None,
        target: Floats | None = None,
        final: tuple[Status, ...] = (Status.CONVERGED,),
        again: tuple[int, ...] | None = None,
        **options: Any,
    ) -> Ends:
        """Solve resamples of problems from their estimates, and those that fail once more.

        Args:
            table: As for `solve`.
            draw: As for `solve`.
            hint: Coordinates of the estimates, (P, p).
            weight: As for `solve`.
            target: As for `solve`.
            final: Statuses that are not tried again. `BAD_INPUT` and `NOT_IDENTIFIED` never are,
                since no start can mend them.
            again: Starts of the second try; if None, the hint and all independent starts.
            **options: As for `solve`.
        """
        options = {"tolerance": DRAW_TOLERANCE, **options}

        def part(starts: tuple[int, ...], some: Any, care: bool = True) -> Ends:
            arrays: dict[str, Any] = {
                name: None if values is None else values[some]
                for name, values in (("weight", weight), ("target", target), ("hint", hint))
            }
            return self.solve(
                table[some], draw[some], starts=starts, care=care, **arrays, **options
            )

        ends = part(self.draw_starts, slice(None))
        hopeless = (Status.BAD_INPUT, Status.NOT_IDENTIFIED)
        failed = np.flatnonzero(~np.isin(ends.status, (*final, *hopeless)))
        if failed.size == 0:
            return ends
        # What creeps from its estimate creeps from elsewhere too, and there are many starts.
        return ends.improved(failed, part(again or (HINT, *self.all_starts), failed, care=False))

    def chunk_size(self, problems: int) -> int:
        """Problems per chunk: one of few sizes, so that few programs are compiled."""
        enough = [size for size in _CHUNK_SIZES if problems <= size]
        return min(enough[0] if enough else self.layout.chunk, self.layout.chunk)

    def _pad_rows(self, weight: Floats) -> Floats:
        missing = self.tables.weight.shape[0] - weight.shape[1]
        if missing < 0:
            raise UsageError(f"weights have {weight.shape[1]} columns, the table has fewer rows")
        return np.pad(weight, ((0, 0), (0, missing)))

    def _run(
        self,
        run: Callable[..., TaskEnds],
        works: Iterator[tuple[Work, int]],
        total: int,
        settings: Settings,
    ) -> Iterator[tuple[TaskEnds, int]]:
        """Run chunks on all devices at once; results in order."""
        free: SimpleQueue[jax.Device] = SimpleQueue()
        for device in self.layout.devices:
            free.put(device)
        with own_settings():
            key = jax.random.key(self.seed)

        def one(item: tuple[Work, int]) -> tuple[TaskEnds, int]:
            work, count = item
            device = free.get()
            try:
                # The context is local to a thread, so every worker enters it.
                with own_settings(), jax.default_device(device):
                    arrays = (self.tables, work, settings, self.box)
                    with compiled_once((run, self.program, device, *shapes(arrays))):
                        return jax.device_get(run(self.program, *arrays, key)), count
            finally:
                free.put(device)

        workers = min(total, len(self.layout.devices))
        if workers == 1:
            yield from map(one, works)
            return
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(one, works)
