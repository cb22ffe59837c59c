"""The batched engine: any number of problems, in chunks of fixed shape, on all devices.

`Engine.solve` takes problems (a table and a resample each) with one or more starts and returns,
for each problem, the best end of its starts with a certified status. It loops over chunks on the
host, so that progress can be shown and memory stays bounded; each chunk is one call of the
compiled program in `scalejax.engine.chunk`. `Engine.refit` solves resamples from few starts, and
those that do not converge once more from all starts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.engine.arrays import HostTable, stack
from scalejax.engine.certificate import best_start, mark_disagreement
from scalejax.engine.chunk import Draw, Program, TaskEnds, Work, solve_chunk, solve_small_chunk
from scalejax.engine.layout import Layout, default_layout
from scalejax.engine.start_candidates import start_candidates
from scalejax.errors import UsageError
from scalejax.objectives import Model, Objective, Prior, Settings
from scalejax.resampling import draw_counts
from scalejax.solvers import Box, SolverFactory, damped_newton
from scalejax.status import Status

Progress = Callable[[int, int, int], None]
"""``progress(done, total, failed)``, called after every chunk."""

HINT = -1
"""Start number of the hint, see `Engine.solve`."""

POINT_TOLERANCE = 1e-20
"""Relative Newton decrement for a point estimate: parameters to ten digits, its square root."""

DRAW_TOLERANCE = 1e-11
"""Relative Newton decrement for a resample: scaled gradient below 1e-6."""

_CHUNK_SIZES = (1, 256)
"""Problems in a chunk below the layout's largest. More sizes would waste less padding but compile
more programs, of seconds each; set by judgement."""

_SMALL = 1024
"""Problems times rows up to which a chunk compiles quickly instead of running quickly.

Set by judgement: such a chunk runs for milliseconds, and compiling takes seconds.
"""


@dataclass(frozen=True)
class Ends:
    """The best ends of P problems, of all starts that were tried.

    Attributes:
        u: Coordinates, (P, p).
        status: Status codes, (P,).
        objective: Objective, (P,).
        gradient: Scaled gradient, (P,).
        condition: Condition of the scaled Jacobian, (P,).
        on_bound: Coordinates on a bound, (P, p).
        steps: Steps of the best start, (P,).
        starts: Starts tried, (P,).
        agreeing: Starts that reached the best objective, (P,).
    """

    u: Floats
    status: Ints
    objective: Floats
    gradient: Floats
    condition: Floats
    on_bound: NDArray[np.bool_]
    steps: Ints
    starts: Ints
    agreeing: Ints

    def replaced(self, where: Ints, other: "Ends") -> "Ends":
        """These ends with some problems replaced by others."""
        fields = {}
        for name, values in vars(self).items():
            new = values.copy()
            new[where] = getattr(other, name)
            fields[name] = new
        return Ends(**fields)


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
        max_steps: int = 200,
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
        self.program = Program(model, solver, form, self.layout.lanes, max_steps, draw)
        self.settings = Settings(
            tuple(np.float64(constant) for constant in objective.constants),
            {name: np.float64(value) for name, value in (fixed or {}).items()},
            dict(priors or {}),
        )
        self.tables = stack(tables, log=model.kernel.log, length=length)
        self.cells = start_candidates(model).cells
        self._compiled: set[tuple[int, bool, bool, bool]] = set()

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
    ) -> Ends:
        """Solve P problems, each from the same starts.

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

        Returns:
            The best end of each problem.
        """
        size = chunk or self.chunk_size(len(table))
        shared = self.tables.length.shape[0] == 1
        tasks = tasks or (size + self.cells + 1 if shared else size * len(starts))
        per_chunk = min(size, tasks // len(starts))
        firsts = range(0, len(table), per_chunk)
        hints = np.zeros((len(table), self.model.size)) if hint is None else hint

        def work(first: int) -> tuple[Work, int]:
            last = min(first + per_chunk, len(table))
            count = last - first

            def part(values: NDArray[Any] | None, rows: bool = False) -> Any:
                if values is None:
                    return None
                values = values[first:last]
                return _pad(self._pad_rows(values) if rows else values, size)

            return Work(
                table=part(table.astype(np.int32)),
                draw=part(draw.astype(np.int32)),
                weight=part(weight, rows=True),
                target=part(target, rows=True),
                held=part(held),
                problem=_pad(np.repeat(np.arange(count, dtype=np.int32), len(starts)), tasks),
                start=_pad(np.tile(np.array(starts, np.int32), count), tasks),
                hint=part(hints),
                tolerance=np.full(tasks, tolerance),
                needed=np.arange(size) < count,
                total=np.int32(count * len(starts)),
            ), count

        done = failed = 0
        parts: list[Ends] = []
        shape = (size, weight is None, target is None, held is None)
        for solved, count in self._run((work(first) for first in firsts), len(firsts), shape):
            parts.append(self._best(solved, count, len(starts)))
            done += count
            failed += int(np.sum(parts[-1].status != Status.CONVERGED))
            if self.progress is not None:
                self.progress(done, len(table), failed)
        return Ends(
            **{
                name: np.concatenate([vars(part)[name] for part in parts])
                for name in vars(parts[0])
            }
        )

    def estimates(self, table: Ints, **options: Any) -> Ends:
        """Solve tables as they are, (P,), from all starts; options as for `solve`."""
        none = np.zeros(len(table), np.int64)
        options = {"starts": self.all_starts, "tolerance": POINT_TOLERANCE, **options}
        return self.solve(table, none, **options)

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

        def part(starts: tuple[int, ...], some: Any) -> Ends:
            arrays: dict[str, Any] = {
                name: None if values is None else values[some]
                for name, values in (("weight", weight), ("target", target), ("hint", hint))
            }
            return self.solve(table[some], draw[some], starts=starts, **arrays, **options)

        ends = part(self.draw_starts, slice(None))
        hopeless = (Status.BAD_INPUT, Status.NOT_IDENTIFIED)
        failed = np.flatnonzero(~np.isin(ends.status, (*final, *hopeless)))
        if failed.size == 0:
            return ends
        return ends.replaced(failed, part(again or (HINT, *self.all_starts), failed))

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
        self, works: Iterator[tuple[Work, int]], total: int, shape: tuple[int, bool, bool, bool]
    ) -> Iterator[tuple[TaskEnds, int]]:
        """Run chunks on all devices at once; results in order."""
        free: SimpleQueue[jax.Device] = SimpleQueue()
        for device in self.layout.devices:
            free.put(device)

        small = shape[0] * self.tables.weight.shape[0] <= _SMALL
        run = solve_small_chunk if small else solve_chunk

        def one(item: tuple[Work, int]) -> tuple[TaskEnds, int]:
            work, count = item
            device = free.get()
            try:
                # The context is local to a thread, so every worker enters it.
                with jax.enable_x64(True), jax.default_device(device):
                    solved = run(
                        self.program,
                        self.tables,
                        work,
                        self.settings,
                        self.box,
                        jax.random.key(self.seed),
                    )
                    return jax.device_get(solved), count
            finally:
                free.put(device)

        if total == 1:
            yield one(next(works))
            self._compiled.add(shape)
            return
        workers = len(self.layout.devices)
        with ThreadPoolExecutor(workers) as pool:
            if shape not in self._compiled:
                # Two threads that meet an empty cache would both compile.
                yield one(next(works))
                self._compiled.add(shape)
            yield from pool.map(one, works)

    def _best(self, solved: TaskEnds, count: int, starts: int) -> Ends:
        """Choose the best start of each of the first `count` problems."""

        def by_problem(values: Any) -> NDArray[Any]:
            return np.asarray(values)[: count * starts].reshape(count, starts, *values.shape[1:])

        certificate = jax.tree.map(by_problem, solved.certificate)
        steps = by_problem(solved.steps)
        status = by_problem(solved.status)
        best, agreeing = best_start(certificate, np)
        pick = (np.arange(count), best)
        codes = status[pick].astype(np.int64)
        return Ends(
            u=by_problem(solved.u)[pick],
            status=mark_disagreement(codes, agreeing, starts, self.cells, np),
            objective=np.asarray(certificate.objective)[pick],
            gradient=certificate.gradient[pick],
            condition=certificate.condition[pick],
            on_bound=certificate.on_bound[pick],
            steps=steps[pick].astype(np.int64),
            starts=np.full(count, starts),
            agreeing=agreeing.astype(np.int64),
        )


def _pad(values: NDArray[Any], length: int) -> Any:
    """Repeat the last entry up to a length."""
    return np.concatenate([values, np.repeat(values[-1:], length - len(values), axis=0)])
