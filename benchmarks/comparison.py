"""One problem, many methods, the same resamples: each method in a process of its own.

A method gets the first of a fixed set of resamples, as many as it can do in seconds. It writes the
coordinates it reached; the driver scores all of them with one function. The quality of a method is
the share of its resamples that end within 1e-9 (1e-6) relative of the best objective that any
method of the same run found. scalejax starts every refit globally; the rivals start at the
optimum of the full sample, which flatters them, except where "generic start" is said. The grid
methods are the published recipe for one global fit of the full sample, measured start by start.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import peers
from measuring import Timing, measure, peak_memory_mib, run_python, timed
from numpy.typing import NDArray
from problems import PROBLEMS, Problem, resamples

import scalejax

Floats = NDArray[np.float64]
OURS, OWN, ONE = "scalejax", "scalejax-own", "scalejax-one"
GRID, GRID_EXACT = "grid", "grid-exact"
_FULL_SAMPLE = (ONE, GRID, GRID_EXACT)
_SCIPY = ("least_squares", GRID, GRID_EXACT)
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_LEVELS = (1e-9, 1e-6, 1e-2)
TITLES = {
    OURS: "scalejax, given resamples",
    OWN: "scalejax, its own resamples",
    ONE: "scalejax, one global fit",
    "least_squares": "scipy least_squares(huber), looped",
    "bfgs": "optimistix BFGS, vmapped",
    "bfgs-generic": "optimistix BFGS, generic start",
    "lbfgs": "optax lbfgs + zoom, vmapped",
    GRID: "L-BFGS-B grid, numeric gradient, a start",
    GRID_EXACT: "L-BFGS-B grid, exact gradient, a start",
}


class Outcome(NamedTuple):
    """What a method did: coordinates reached, if to be scored; timing; how many count as failed."""

    theta: Floats | None
    timing: Timing
    failed: int | None = None


Method = Callable[[Problem, Floats, Path], Outcome]
"""``method(problem, weights, point)`` solves the resamples `weights`, (B, n). `point` is the file
of the full-sample optimum, which `ONE` writes and the rivals start from."""


def _fit(problem: Problem, bootstrap: Any, repeats: int) -> tuple[scalejax.Fit, Timing]:
    return measure(lambda: scalejax.fit(problem.runs, problem.law, resamples=bootstrap), repeats)


def _ours(problem: Problem, weights: Floats, point: Path) -> Outcome:
    fit, timing = _fit(problem, weights, 3)
    theta = problem.coordinates(fit.draws.parameters)
    return Outcome(theta, timing, int(np.sum(~fit.draws.converged)))


def _own(problem: Problem, weights: Floats, point: Path) -> Outcome:
    fit, timing = _fit(problem, len(weights), 3)
    return Outcome(None, timing, int(np.sum(~fit.draws.converged)))


def _one(problem: Problem, weights: Floats, point: Path) -> Outcome:
    fit, timing = _fit(problem, 0, 9)
    parameters = {name: np.array([value]) for name, value in fit.params.items()}
    theta = problem.coordinates(parameters)
    np.save(point, theta[0])
    return Outcome(theta, timing, int(fit.status != scalejax.Status.CONVERGED))


def _batched(
    make: Callable[[Problem], Callable[[Any, Any], Any]], *, generic: bool = False
) -> Method:
    def method(problem: Problem, weights: Floats, point: Path) -> Outcome:
        start = problem.generic_start() if generic else np.load(point)
        with jax.enable_x64(True):
            arguments = jnp.asarray(np.tile(start, (len(weights), 1))), jnp.asarray(weights)
            # Compiled ahead, so that compile time is not the difference of two long calls.
            compiled, compile_wall, _ = timed(
                lambda: jax.jit(make(problem)).lower(*arguments).compile()
            )
            theta, timing = measure(lambda: compiled(*arguments), 3)
            return Outcome(np.asarray(theta), timing._replace(compile=compile_wall))

    return method


def _least_squares(problem: Problem, weights: Floats, point: Path) -> Outcome:
    start = np.load(point)
    theta, timing = measure(lambda: peers.looped_least_squares(problem, start, weights), 1)
    return Outcome(theta, timing._replace(compile=0.0))


def _grid(*, exact: bool) -> Method:
    def method(problem: Problem, weights: Floats, point: Path) -> Outcome:
        theta, wall, cpu = timed(lambda: peers.published_grid(problem, len(weights), exact))
        return Outcome(theta, Timing(wall, cpu, 0.0))

    return method


METHODS: dict[str, Method] = {
    ONE: _one,
    OURS: _ours,
    OWN: _own,
    "least_squares": _least_squares,
    "bfgs": _batched(peers.bfgs),
    "bfgs-generic": _batched(peers.bfgs, generic=True),
    "lbfgs": _batched(peers.lbfgs),
    GRID: _grid(exact=False),
    GRID_EXACT: _grid(exact=True),
}


def compare(problem: str, samples: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of the comparison.

    Args:
        problem: Name in `PROBLEMS`.
        samples: Problems per rival method, and for `OURS` and `OWN`.
    """
    samples = {ONE: 1, **samples}
    with tempfile.TemporaryDirectory() as folder:
        for method, count in samples.items():
            # On matrices this small the threads of a BLAS make SciPy up to ten times slower.
            threads = _ONE_THREAD if method in _SCIPY else {}
            run_python([__file__, problem, method, str(count), folder], threads)
        records = {
            method: json.loads(Path(folder, f"{method}.json").read_text()) for method in samples
        }
        objectives = {
            method: np.load(file)
            for method in samples
            if (file := Path(folder, f"{method}.npy")).exists()
        }
    return [
        {
            "problem": problem,
            "method": TITLES[method],
            **record,
            **_quality(method, objectives),
            **_speed_up(method, records),
        }
        for method, record in records.items()
    ]


def _speed_up(method: str, records: Mapping[str, Any]) -> dict[str, float | None]:
    """How many times more problems a second (CPU-second) scalejax solves than this method."""
    if method in (ONE, OURS, OWN):
        return {"scalejax x wall": None, "scalejax x cpu": None}
    # The grid's problems are single starts; a global fit takes all of them.
    ours, starts = (ONE, peers.GRID_STARTS) if method in _FULL_SAMPLE else (OURS, 1)
    return {
        f"scalejax x {clock}": starts * records[ours][key] / records[method][key]
        for clock, key in (("wall", "fits/s"), ("cpu", "fits/cpu-s"))
    }


def _quality(method: str, objectives: Mapping[str, Floats]) -> dict[str, Any]:
    """Shares near the best known, among the problems that another method solved too."""
    alike = {
        name: np.where(np.isfinite(values), values, np.inf)
        for name, values in objectives.items()
        if (name in _FULL_SAMPLE) == (method in _FULL_SAMPLE)
    }
    others = [values for name, values in alike.items() if name != method]
    if method not in alike or not others:
        return {"scored": 0, **{f"ok {level:g}": None for level in _LEVELS}, "worst": None}
    if method in _FULL_SAMPLE:
        mine, best = alike[method], np.min(np.concatenate([*alike.values()]))
    else:
        count = min(len(alike[method]), max(map(len, others)))
        mine = alike[method][:count]
        best = mine.copy()
        for values in others:
            shared = min(count, len(values))
            best[:shared] = np.minimum(best[:shared], values[:shared])
    excess = mine / best - 1
    shares = {f"ok {level:g}": float(np.mean(excess <= level)) for level in _LEVELS}
    return {"scored": len(mine), **shares, "worst": float(np.max(excess))}


def _work(problem_name: str, method: str, count: int, folder: Path) -> None:
    """Run one method and leave its record and objectives in the folder."""
    problem = PROBLEMS[problem_name]()
    weights = resamples(len(problem.runs), count)
    theta, timing, failed = METHODS[method](problem, weights, folder / "point.npy")
    record = {
        "problems": count,
        "wall s": timing.wall,
        "fits/s": count / timing.wall,
        "fits/cpu-s": count / timing.cpu,
        "compile s": timing.compile,
        "peak MiB": round(peak_memory_mib()),
        "not converged": failed,
    }
    (folder / f"{method}.json").write_text(json.dumps(record))
    if theta is not None:
        weights = np.ones_like(weights) if method in _FULL_SAMPLE else weights
        np.save(folder / f"{method}.npy", problem.score(theta, weights))


def main(arguments: Sequence[str]) -> None:
    """The worker's command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    _work(given.problem, given.method, given.count, given.folder)


if __name__ == "__main__":
    main(sys.argv[1:])
