"""One loop that drives many problems at once, whatever the solver.

A fixed number of lanes work in step. When a quarter of them have finished, their results are
stored and the next problems take their places: no lane waits for the slowest problem, and shapes
never change. Lanes are the last axis of every array.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.solvers.solver import Evaluation, Solver

_REFILL_SHARE = 4
"""Lanes are refilled when one in this many is done. Measured on 4,000 resamples: 1.11 times the
evaluations that are needed, against 3.6 times without refill."""


class LaneProblems(NamedTuple):
    """Access to the problems. All functions but `value` work on whole lanes.

    Attributes:
        load: ``load(ids) -> (u, tolerance, data)`` for problem numbers (M,); u is (p, M).
        evaluate: ``evaluate(u, damping, data, busy) -> Evaluation`` with lanes last; what lanes
            that are not busy get does not matter.
        value: ``value(u, data)`` of *one* problem, differentiable; for line searches.
        total: How many problems there are, (); numbers run from 0.
    """

    load: Callable[[jax.Array], tuple[jax.Array, jax.Array, Any]]
    evaluate: Callable[[jax.Array, jax.Array, Any, jax.Array], Evaluation]
    value: Callable[[jax.Array, Any], jax.Array]
    total: jax.Array


class LaneResults(NamedTuple):
    """Ends of all problems: final coordinates (T, p) and steps taken (T,)."""

    u: jax.Array
    steps: jax.Array


class _Loop(NamedTuple):
    """The next problem in the queue, the problem of each lane and where it is, and all results."""

    next: jax.Array
    ids: jax.Array
    u: jax.Array
    data: Any
    state: Any
    steps: jax.Array
    done: jax.Array
    results: LaneResults


def minimise(
    solver: Solver, problems: LaneProblems, *, count: int, lanes: int, max_steps: Any
) -> LaneResults:
    """Minimise all problems.

    Args:
        solver: The solver of one problem.
        problems: Access to the problems.
        count: Most problems there can be, T: the length of the results.
        lanes: How many problems are worked on at a time.
        max_steps: Evaluations after which a problem is given up, ().
    """
    total = jnp.asarray(problems.total, jnp.int32)
    lanes = min(lanes, count)

    def number(position: jax.Array) -> jax.Array:
        """Problem number at a position in the queue; `count` past its end."""
        return jnp.where(position < total, position, count)

    def load(ids: jax.Array) -> tuple[jax.Array, Any, Any]:
        u, tolerance, data = problems.load(jnp.minimum(ids, count - 1))
        return u, data, jax.vmap(solver.init, in_axes=-1, out_axes=-1)(u, tolerance)

    def update(
        evaluation: Evaluation, state: Any, u: jax.Array, data: Any
    ) -> tuple[jax.Array, Any]:
        return solver.update(evaluation, state, u, lambda v: problems.value(v, data))

    update_lanes = jax.vmap(update, in_axes=-1, out_axes=-1)

    def advance(loop: _Loop) -> _Loop:
        busy = ~loop.done
        damping = jax.vmap(solver.damping, in_axes=-1, out_axes=-1)(loop.state)
        evaluation = problems.evaluate(loop.u, damping, loop.data, busy)
        step, state = update_lanes(evaluation, loop.state, loop.u, loop.data)
        steps = loop.steps + busy
        stopped = jax.vmap(solver.done, in_axes=-1)(state)
        loop = loop._replace(
            u=jnp.where(busy, loop.u + step, loop.u),
            state=_where(busy, state, loop.state),
            steps=steps,
            done=loop.done | stopped | (steps >= max_steps),
        )
        finished = jnp.sum(loop.done)
        due = (finished * _REFILL_SHARE >= lanes) & (loop.next < total)
        return lax.cond(due, refill, lambda same: same, loop)

    def refill(loop: _Loop) -> _Loop:
        position = loop.next + jnp.cumsum(loop.done, dtype=jnp.int32) - 1
        ids = jnp.where(loop.done, number(position), loop.ids)
        fresh = loop.done & (ids < count)
        u, data, state = load(ids)
        return _Loop(
            next=jnp.minimum(position[-1] + 1, total),
            ids=ids,
            u=jnp.where(fresh, u, loop.u),
            data=_where(fresh, data, loop.data),
            state=_where(fresh, state, loop.state),
            steps=jnp.where(fresh, 0, loop.steps),
            done=loop.done & ~fresh,
            results=store(loop),
        )

    def store(loop: _Loop) -> LaneResults:
        where = jnp.where(loop.done, loop.ids, count)
        return LaneResults(
            loop.results.u.at[where].set(loop.u.T, mode="drop"),
            loop.results.steps.at[where].set(loop.steps, mode="drop"),
        )

    ids = number(jnp.arange(lanes, dtype=jnp.int32))
    u, data, state = load(ids)
    results = LaneResults(
        jnp.full((count, u.shape[0]), jnp.nan, u.dtype),
        jnp.zeros((count,), jnp.int32),
    )
    first = _Loop(
        next=jnp.minimum(lanes, total),
        ids=ids,
        u=u,
        data=data,
        state=state,
        steps=jnp.zeros((lanes,), jnp.int32),
        done=ids >= count,
        results=results,
    )
    last = lax.while_loop(lambda loop: ~jnp.all(loop.done), advance, first)
    return store(last)


def _where(mask: jax.Array, new: Any, old: Any) -> Any:
    """Choose lane by lane in every leaf of two equal trees."""
    return jax.tree.map(lambda a, b: jnp.where(mask, a, b), new, old)
