"""Resamples: solved from the estimate, and those that fail once more from all starts."""

from dataclasses import replace

import numpy as np
import pytest

from scalejax.engine import HINT, How
from scalejax.status import Status

DRAWS = 40


@pytest.fixture(scope="module")
def problem(golden_lsq):
    return golden_lsq.problem


@pytest.fixture(scope="module")
def estimate(golden_lsq, problem):
    return np.asarray(problem.coordinates(golden_lsq.params, golden_lsq.noise_scale))


def solved(problem, hint, **how):
    """Resamples by rows, what each pass solved, and how it ended."""
    engine = problem.engine(How(**how))
    passes, solve = [], engine.solve

    def recorded(table, draw, **options):
        ends = solve(table, draw, **options)
        passes.append((draw, options["starts"], ends))
        return ends

    object.__setattr__(engine, "solve", recorded)
    draw = np.arange(1, DRAWS + 1)
    ends = engine.refit(np.zeros(DRAWS, np.int64), draw, hint=np.repeat(hint[None], DRAWS, 0))
    return engine, passes, ends


def test_no_second_try_where_all_converge(problem, estimate):
    engine, passes, ends = solved(problem, estimate)
    assert [starts for _, starts, _ in passes] == [engine.draw_starts]
    assert np.all(ends.status == Status.CONVERGED)


def test_those_that_fail_are_tried_from_all_starts_and_only_those(problem, estimate):
    """Four steps suffice for some of the resamples only."""
    engine, passes, ends = solved(problem, estimate, max_steps=4)
    (every, first_starts, first), (again, all_starts, second) = passes
    failed = np.flatnonzero(first.status != Status.CONVERGED)
    assert 0 < failed.size < DRAWS
    assert first_starts == engine.draw_starts
    assert all_starts == (HINT, *engine.all_starts)
    np.testing.assert_array_equal(again, every[failed])
    np.testing.assert_array_equal(ends.status[failed], second.status)
    np.testing.assert_array_equal(ends.u[failed], second.u)
    others = np.setdiff1d(np.arange(DRAWS), failed)
    np.testing.assert_array_equal(ends.u[others], first.u[others])


def test_what_no_start_can_mend_is_not_tried_again(problem, estimate):
    light = replace(problem, table=replace(problem.table, weight=np.zeros(36)))
    _, passes, ends = solved(light, estimate)
    assert len(passes) == 1
    assert np.all(ends.status == Status.BAD_INPUT)
