"""Our constrained optima against SLSQP and trust-constr on random problems of many shapes.

    python benchmarks/optima_agreement.py [--problems 1000] [--starts 20] [--processes 2]
        [--peers peers.json] [--json results/optima_agreement.json]

2 to 6 variables, 1 to 5 constraints, feasible or not (see `optima_problems`). SciPy's methods get
20 starts each and exact gradients; a problem counts as infeasible if SLSQP, minimising the largest
violation from as many starts, cannot bring it below 1e-8. Ours gets its usual 64 starts and no
second try. "worse" is by more than 1e-8 (of the logarithm that is minimised) than the best point of
either method that violates nothing by more than 1e-8, what that violation is worth allowed for;
"better" is by more than 1e-8 where theirs found a point at all. SciPy takes most of the time, half
an hour; `--peers` keeps what it found for the next run.
"""

import json
import os
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import numpy as np
from measuring import measure, parser, report
from optima_peers import FEASIBLE, SOLVERS, attempt, problem
from optima_problems import SHAPES, Functions, make_problem

from scalejax.optima import Optima
from scalejax.optima.many import STARTS, search_each
from scalejax.status import Outcome

_SEED = 0
_WORSE = 1e-8


def scipy_results(count: int, starts: int, processes: int, file: Path | None) -> list[Any]:
    """What SciPy finds for all problems; read from a file if it is there."""
    if file is not None and file.exists():
        return json.loads(file.read_text())[:count]
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with get_context("spawn").Pool(processes) as pool:
        found = pool.map(partial(attempt, _SEED, starts=starts), range(count), chunksize=4)
    if file is not None:
        file.write_text(json.dumps(found))
    return found


def compare(which: int, peers: list[Any]) -> dict[str, Any]:
    """One shape: verdicts of ours, and where either side is wrong."""
    shape = SHAPES[which]
    numbers = range(which, len(peers), len(SHAPES))
    args = [problem(_SEED, number)[1] for number in numbers]
    lanes = {key: np.stack([one[key] for one in args]) for key in args[0]}
    stated = make_problem(shape)

    def solve() -> Optima:
        with jax.enable_x64(True):
            return search_each(stated, {}, lanes, STARTS)

    found, timing = measure(solve, repeats=1)
    counts = dict.fromkeys(_COLUMNS, 0)
    for k, number in enumerate(numbers):
        for column in judged(stated, Functions(shape, args[k]), found, k, peers[number]):
            counts[column] += 1
    return {"shape": shape.name, "problems": len(args), **counts, "compile s": timing.compile} | {
        "ms/problem": 1e3 * timing.wall / len(args)
    }


_COLUMNS = (
    *(outcome.label for outcome in Outcome),
    *("false solved", "false infeasible", "worse", "better than SLSQP", "better than trust-constr"),
)


def judged(stated: Any, f: Functions, found: Optima, k: int, peer: dict[str, Any]) -> list[str]:
    """The columns in which a problem counts."""
    outcome = Outcome(int(found.outcome[k]))
    columns = [outcome.label]
    possible = peer["violation"] <= FEASIBLE
    if outcome == Outcome.INFEASIBLE and possible:
        columns.append("false infeasible")
    if not found.solved[k]:
        return columns
    with jax.enable_x64(True):
        y = np.asarray(stated.coordinates({name: x[k] for name, x in found.decision.items()}))
    # Rounding of the decision itself is worth a few 1e-15.
    if f.violation(y) > FEASIBLE + 1e-13 or not possible:
        columns.append("false solved")
    goal = f.values(y)[0][0]
    worth = np.sum(np.abs(found.multipliers[k]))
    rivals = {name: peer[name] for name in SOLVERS if name in peer}
    if any(goal > one["goal"] + _WORSE + worth * one["over"] for one in rivals.values()):
        columns.append("worse")
    return columns + [
        f"better than {name}" for name, one in rivals.items() if goal < one["goal"] - _WORSE
    ]


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--problems", type=int, default=1000)
    made.add_argument("--starts", type=int, default=20, help="of each of SciPy's methods")
    made.add_argument("--processes", type=int, default=2)
    made.add_argument("--peers", type=Path, help="what SciPy found: read, or else written")
    given = made.parse_args()
    peers = scipy_results(given.problems, given.starts, given.processes, given.peers)
    rows = [compare(which, peers) for which in range(min(len(SHAPES), len(peers)))]
    total = {key: sum(row[key] for row in rows) for key in ("problems", *_COLUMNS, "compile s")}
    rows.append({"shape": "all", **total})
    lost = {
        name: sum(name not in one for one in peers if one["violation"] <= FEASIBLE)
        for name in SOLVERS
    }
    notes = [
        f"{STARTS} starts of ours, {given.starts} of each of SciPy's methods; seed {_SEED}",
        *(
            f"{name} found no feasible point of {count} problems that have one"
            for name, count in lost.items()
        ),
    ]
    report("Constrained optima of random problems", rows, notes, given.json)


if __name__ == "__main__":
    main()
