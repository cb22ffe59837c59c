"""Solving one shard, into a table with one row a fit.

Its columns: problem, draw (0 is the sample itself), status, objective, the errors on the rows that
were held out (`ARE`, the mean absolute relative error, and `bias`, the mean relative error with its
sign), the parameters, and the forecast of each sample where the study asks for one.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from jax import lax
from numpy.typing import NDArray

from scalejax._arrays import Floats
from scalejax.engine import HINT, Ends, Engine, Layout, make_box
from scalejax.laws import Law
from scalejax.resampling import draw_counts, draw_shares
from scalejax.scope import own_settings
from scalejax.status import MINIMA, Status
from scalejax.studies.forecasts import forecast_columns
from scalejax.studies.problems import Problems
from scalejax.studies.shards import Shard
from scalejax.studies.study import Recipe

PARAMETER = "parameter "
"""Before the names of parameters in the columns of a shard."""

# Fits whose held-out rows are predicted at a time: it bounds the memory. Set by judgement.
_TILE = 1024


def solve_shard(problems: Problems, shard: Shard, layout: Layout) -> pa.Table:
    """Solve a shard.

    Args:
        problems: All problems of the study.
        shard: The shard.
        layout: How work is laid out on the devices; results do not depend on the devices.

    Returns:
        One row a fit, ordered by problem and draw.
    """
    recipe = problems.recipe(shard.problems[0])
    engine = _engine(problems, shard, recipe, layout)
    ends = _solve(engine, shard)
    count = len(shard.problems)
    theta = {
        name: np.broadcast_to(np.asarray(value, np.float64), len(ends.u)).copy()
        for name, value in recipe.model.parameters(ends.u.T, dict(recipe.fixed)).items()
    }
    error, bias = _held_out(problems, shard, recipe.found, theta)
    columns = {
        "problem": np.repeat(np.array(shard.problems, np.int64), shard.draws),
        "draw": np.tile(np.arange(shard.first, shard.last, dtype=np.int32), count),
        "status": ends.status.astype(np.int8),
        "objective": ends.objective,
        "ARE": error,
        "bias": bias,
        **{PARAMETER + name: values for name, values in theta.items()},
        **(forecast_columns(problems, shard) if problems.study.forecast_at else {}),
    }
    return pa.table(columns)


def _engine(problems: Problems, shard: Shard, recipe: Recipe, layout: Layout) -> Engine:
    study = problems.study
    tables = [
        problems.dataset(k).host_table(problems.table, recipe.found, stream=k % problems.datasets)
        for k in shard.problems
    ]
    return Engine(
        recipe.model,
        recipe.goal,
        tables + tables[-1:] * (shard.width - len(tables)),
        make_box(recipe.model, recipe.bounds),
        fixed=recipe.fixed,
        max_steps=study.max_steps,
        seed=study.seed,
        layout=layout,
        draw=draw_shares if study.resampling == "bayesian" else draw_counts,
        length=shard.length,
    )


def _solve(engine: Engine, shard: Shard) -> Ends:
    """The ends of all fits, in the order of the rows.

    A problem whose own estimate is no minimum gets no resamples: no interval would come of them.
    """
    count, draws = len(shard.problems), shard.draws
    chunk = engine.chunk_size(shard.width * draws)
    # One shape for all calls, so that one program serves them.
    shape: dict[str, Any] = {"chunk": chunk, "tasks": chunk + engine.cells + 1}
    tables = np.arange(count)
    point = engine.estimates(tables, **shape)
    # Every fit stands where its row will be: first as the point of its problem.
    table, draw = np.repeat(tables, draws), np.tile(np.arange(shard.first, shard.last), count)
    ends = Ends(**{name: values[table] for name, values in vars(point).items()})
    ends.status[draw > 0] = Status.SKIPPED
    rows = np.flatnonzero((draw > 0) & np.isin(point.status, MINIMA)[table])
    if not len(rows):
        return ends
    table, draw = table[rows], draw[rows]
    options: dict[str, Any] = {"hint": point.u[table], **shape}
    # All starts for each would take longer than all the rest: resamples lie near their sample.
    return ends.replaced(rows, engine.refit(table, draw, final=MINIMA, again=(HINT,), **options))


def _held_out(
    problems: Problems, shard: Shard, law: Law, theta: Mapping[str, Floats]
) -> tuple[Floats, Floats]:
    """Mean absolute and mean signed relative error of each fit on its held-out rows."""
    table = problems.table
    tests = [problems.dataset(k).test for k in shard.problems]
    if not any(map(len, tests)):
        missing = np.full(shard.fits, np.nan)
        return missing, missing
    width = 1 << (max(map(len, tests)) - 1).bit_length()
    # Padding repeats a row that the law can be evaluated at, with weight zero.
    rows = np.stack([np.resize(test if len(test) else np.zeros(1, int), width) for test in tests])
    sizes = np.array([[len(test)] for test in tests])
    weight = (np.arange(width) < sizes) / np.maximum(sizes, 1)
    place = np.repeat(np.arange(len(tests)), shard.draws)
    inputs = tuple(table.inputs[name][rows] for name in law.inputs)
    length = -(-shard.width * shard.draws // _TILE) * _TILE
    with own_settings():
        errors = _errors(
            law,
            _pad_parameters(theta, length),
            _repeat_last(place, length),
            tuple(_repeat_last(x, shard.width) for x in inputs),
            _repeat_last(table.target[rows], shard.width),
            _repeat_last(weight, shard.width),
        )
    has_test = (sizes[:, 0] > 0)[place]
    error, bias = (np.where(has_test, np.asarray(x)[: shard.fits], np.nan) for x in errors)
    return error, bias


@partial(jax.jit, static_argnums=0)
def _errors(
    law: Law,
    theta: Mapping[str, jax.Array],
    place: jax.Array,
    inputs: Sequence[jax.Array],
    target: jax.Array,
    weight: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Errors of T fits with parameters (T,) on rows (G, H) of the dataset `place` (T,) of each."""

    def one(item: tuple[Mapping[str, jax.Array], jax.Array]) -> tuple[jax.Array, jax.Array]:
        values, k = item
        predicted = jax.vmap(lambda *point: law(*point, **values))(*(x[k] for x in inputs))
        error = predicted / target[k] - 1
        return jnp.sum(weight[k] * jnp.abs(error)), jnp.sum(weight[k] * error)

    return lax.map(one, (theta, place), batch_size=_TILE)


def _pad_parameters(theta: Mapping[str, Floats], length: int) -> dict[str, Floats]:
    return {name: _repeat_last(values, length) for name, values in theta.items()}


def _repeat_last(values: NDArray[Any], length: int) -> NDArray[Any]:
    """The values with the last repeated up to a length."""
    return np.concatenate([values, np.repeat(values[-1:], length - len(values), axis=0)])
