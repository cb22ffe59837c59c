"""The compiled program: one chunk of problems, from weights to certified solutions.

A *problem* is a table (group) with one resample's weights; a *task* is one start of a problem.
A chunk has a fixed number of both, so that one compilation serves any number of resamples and
groups, and does everything on the device:

    weights of each problem -> starts of each problem -> tasks through the lanes -> certificates

Problems of one table share its rows; only their weights differ. With several tables every lane
carries its own rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from scalejax._numerics import RUN_OFTEN, RUN_ONCE, RUN_SOON
from scalejax.engine.certificate import THRESHOLDS, Certificate, certify, decide
from scalejax.engine.derivatives import Form, evaluate
from scalejax.engine.starts import choose_starts, start_features
from scalejax.objectives import Model, Rows, Settings
from scalejax.resampling import draw_counts
from scalejax.solvers import Box, Evaluation, LaneProblems, SolverFactory, minimise

_STARTS_PER_TILE = 32
"""Problems of one table whose starts are chosen together."""

_DRAWS_PER_TILE = 8
"""Problems whose starts are chosen together: cheap where they are resamples of one table, one by
one where a tile holds several. Set by judgement."""


Draw: TypeAlias = Callable[[jax.Array, jax.Array, jax.Array, int], jax.Array]
"""``draw(key, number, units, length)``: weights of the units in one resample, (length,)."""


@dataclass(frozen=True)
class Program:
    """What a chunk is compiled for; each program is compiled once.

    Attributes:
        model: Which problem.
        solver: Makes the solver.
        form: Form of the pass over the rows.
        lanes: Tasks worked on at a time; also problems or tasks in a tile before and after.
        draw: How the weights of a resample are drawn.
    """

    model: Model
    solver: SolverFactory
    form: Form
    lanes: int
    draw: Draw = draw_counts


Leaf: TypeAlias = Any
"""A NumPy array on the host, a JAX array inside the compiled program."""


class Tables(NamedTuple):
    """G tables, padded to n rows; padding has weight zero.

    Attributes:
        rows: Inputs and target, (n, G) each.
        weight: Weights of the rows, (n, G).
        length: Rows of each table, (G,).
        unit: Resampling unit of each row, (n, G).
        units: Number of units of each table, (G,).
        stream: Stream of random draws of each table, (G,).
    """

    rows: Rows
    weight: Leaf
    length: Leaf
    unit: Leaf
    units: Leaf
    stream: Leaf


class Work(NamedTuple):
    """What a chunk solves.

    Attributes:
        table: Table of each problem, (P,).
        draw: Resample of each problem, (P,); 0 is the sample itself.
        weight: Explicit weights (P, n) instead of drawn ones, or None.
        target: Explicit targets (P, n) instead of those of the table, or None.
        held: Coordinates that stay at their hint, (P, p) of bool, or None.
        problem: Problem of each task, (T,).
        start: Start of each task, (T,): 0 is the best candidate, 1 to cells the best of a cell,
            -1 the `hint` of the task's problem.
        hint: Coordinates of start -1, (P, p).
        tolerance: Tolerance of each task, (T,).
        limit: Step limit of a task, ().
        needed: Which problems have a task, (P,).
        total: Number of tasks to solve, (): the first ones.
    """

    table: Leaf
    draw: Leaf
    weight: Leaf | None
    target: Leaf | None
    held: Leaf | None
    problem: Leaf
    start: Leaf
    hint: Leaf
    tolerance: Leaf
    limit: Leaf
    needed: Leaf
    total: Leaf


class TaskEnds(NamedTuple):
    """Ends of a chunk's tasks: coordinates (T, p), status, certificate and steps (T,) each."""

    u: jax.Array
    status: jax.Array
    certificate: Certificate
    steps: jax.Array


def _solve_chunk(
    program: Program, tables: Tables, work: Work, settings: Settings, box: Box, key: jax.Array
) -> TaskEnds:
    """Solve one chunk; see `Program`, `Tables` and `Work` for the shapes."""
    model = program.model
    weight = _weights(program, tables, work, key)
    starts = _starts(program, tables, work, weight, settings)
    common = _take(tables.rows, 0)

    def own_rows(problem: jax.Array) -> _OwnRows:
        """The inputs and targets that problems do not share; None where all share them."""
        table = work.table[problem]
        inputs: Any = None
        target: Any = None
        if _ragged(tables):
            inputs, target = _take(tables.rows, table)
        if work.target is not None:
            target = work.target[problem].T
        return _OwnRows(inputs, target)

    def complete(own: _OwnRows) -> Rows:
        return Rows(
            common.inputs if own.inputs is None else own.inputs,
            common.target if own.target is None else own.target,
        )

    def load(task: jax.Array) -> tuple[jax.Array, jax.Array, Any]:
        problem = work.problem[task]
        hinted = (work.start[task] < 0)[:, None]
        start = jnp.where(hinted, work.hint[problem], starts[problem, work.start[task]])
        data = _LaneData(
            weight[problem].T,
            tables.length[work.table[problem]],
            own_rows(problem),
            _held_lanes(work, problem),
        )
        return box.clip(start).T, work.tolerance[task], data

    def evaluate_lanes(
        u: jax.Array, damping: jax.Array, data: _LaneData, busy: jax.Array
    ) -> Evaluation:
        longest = jnp.max(jnp.where(busy, data.length, 0))

        def one(
            u: jax.Array, damping: jax.Array, own: _OwnRows, w: jax.Array, held: Any
        ) -> Evaluation:
            rows = complete(own)
            here = evaluate(model, u, damping, rows, w, longest, settings, program.form)
            return here if held is None else here.without(held)

        return jax.vmap(one, in_axes=-1, out_axes=-1)(u, damping, data.rows, data.weight, data.held)

    def value(u: jax.Array, data: _LaneData) -> jax.Array:
        return model.objective(u, complete(data.rows), data.weight, settings)

    ends = minimise(
        program.solver(box),
        LaneProblems(load, evaluate_lanes, value, work.total),
        count=work.problem.shape[0],
        lanes=program.lanes,
        max_steps=work.limit,
    )

    def examine(task: jax.Array, u: jax.Array) -> Certificate:
        problem = work.problem[task]
        length = jnp.max(tables.length[work.table[problem]])

        def one(u: jax.Array, own: _OwnRows, w: jax.Array, held: Any) -> Certificate:
            rows = complete(own)
            return certify(model, u, rows, w, length, settings, box, program.form, held)

        held = _held_lanes(work, problem)
        return jax.vmap(one, in_axes=-1)(u.T, own_rows(problem), weight[problem].T, held)

    tasks = jnp.arange(work.problem.shape[0])
    certificate = _in_tiles(examine, program.lanes, tasks < work.total, tasks, ends.u)
    status = decide(
        certificate,
        steps=ends.steps,
        max_steps=work.limit,
        parameters=model.size,
        limits=THRESHOLDS["float64"],
    )
    return TaskEnds(ends.u, status, certificate, ends.steps)


class _OwnRows(NamedTuple):
    """The rows that a problem does not share with all others; None where it does."""

    inputs: tuple[jax.Array, ...] | None
    target: jax.Array | None


class _LaneData(NamedTuple):
    """What a lane carries of its problem: weights (n, M), row count (M,), own rows, held (p, M)."""

    weight: jax.Array
    length: jax.Array
    rows: _OwnRows
    held: jax.Array | None


_SMALL = 100_000
"""Problems times rows up to which a call is compiled quickly instead of running quickly.

Measured for 1,000 resamples of 240 rows: 4 seconds of processor less for compiling, 8 with JAX
0.10, and 1.4 more for each run; so there are at most .6 more for a call below this limit.
"""

# A chunk of one problem has no other chunk to agree with to the last bit.
_run_often, _run_soon, _run_single = (
    jax.jit(_solve_chunk, static_argnums=0, compiler_options=options)
    for options in (RUN_OFTEN, RUN_SOON, RUN_ONCE)
)


def chunk_solver(size: int, cells: int) -> Callable[..., TaskEnds]:
    """`_solve_chunk`, compiled for chunks of this size, and for so many problems times rows."""
    if cells > _SMALL:
        return _run_often
    return _run_single if size == 1 else _run_soon


def _held_lanes(work: Work, problem: jax.Array) -> jax.Array | None:
    """Which coordinates problems hold, (p, M); None where none holds any."""
    return None if work.held is None else work.held[problem].T


def _ragged(tables: Tables) -> bool:
    """Whether problems differ in their rows, and not in weights and targets only."""
    return tables.length.shape[0] > 1


def _take(rows: Rows, table: Any) -> Rows:
    """The rows of one table, or of one table for each lane."""
    return Rows(tuple(x[:, table] for x in rows.inputs), rows.target[:, table])


def _weights(program: Program, tables: Tables, work: Work, key: jax.Array) -> jax.Array:
    """Weights of every problem, (P, n)."""
    if work.weight is not None:
        return work.weight
    size = tables.unit.shape[0]

    def one(table: jax.Array, draw: jax.Array) -> jax.Array:
        stream = jax.random.fold_in(key, tables.stream[table])
        share = program.draw(stream, draw, tables.units[table], size)
        return tables.weight[:, table] * share[tables.unit[:, table]]

    return jax.vmap(one)(work.table, work.draw)


def _starts(
    program: Program, tables: Tables, work: Work, weight: jax.Array, settings: Settings
) -> jax.Array:
    """Starts of every problem, (P, 1 + cells, p)."""
    model = program.model
    if not _ragged(tables):
        rows = _take(tables.rows, 0)
        features = start_features(model, rows, settings)

        def choose(w: jax.Array) -> jax.Array:
            return choose_starts(model, features, w.T)

        return _in_tiles(choose, _STARTS_PER_TILE, work.needed, weight)

    def of_one_table(table: jax.Array, w: jax.Array) -> jax.Array:
        features = start_features(model, _take(tables.rows, table[0]), settings)
        return choose_starts(model, features, w.T)

    def of_many(table: jax.Array, w: jax.Array) -> jax.Array:
        # One table at a time: the features of many would not fit in cache.
        def one(item: tuple[jax.Array, jax.Array]) -> jax.Array:
            return of_one_table(item[0][None], item[1][None])[0]

        return lax.map(one, (table, w))

    def tile(table: jax.Array, w: jax.Array) -> jax.Array:
        return lax.cond(jnp.all(table == table[0]), of_one_table, of_many, table, w)

    return _in_tiles(tile, _DRAWS_PER_TILE, work.needed, work.table, weight)


def _in_tiles(function: Any, tile: int, needed: jax.Array, *arrays: jax.Array) -> Any:
    """Call a function on tiles of the first axis, so that temporaries stay in cache.

    Tiles in which nothing is needed are skipped and come out as zeros.
    """
    length = arrays[0].shape[0]
    tile = min(tile, length)
    tiles = -(-length // tile)
    pad = tiles * tile - length

    def split(x: jax.Array) -> jax.Array:
        padded = jnp.concatenate([x, jnp.repeat(x[-1:], pad, axis=0)]) if pad else x
        return padded.reshape(tiles, tile, *x.shape[1:])

    @jax.jit  # Traced once, for its shapes and its work alike.
    def work_on(parts: tuple[jax.Array, ...]) -> Any:
        return function(*parts)

    def skip(parts: tuple[jax.Array, ...]) -> Any:
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(work_on, parts))

    def one(parts: tuple[jax.Array, ...]) -> Any:
        return lax.cond(jnp.any(parts[0]), work_on, skip, parts[1:])

    mapped = lax.map(one, (split(needed), *(split(x) for x in arrays)))
    return jax.tree.map(lambda x: x.reshape(tiles * tile, *x.shape[2:])[:length], mapped)
