"""A thousand tables of different length (20 to 500 runs), each fitted from 16 starts.

    python benchmarks/ragged.py [--tables 1000] [--json out.json]

One call of `fit_many` on one data frame: the first call compiles, the second does not. Quality is
the share of a sample of tables within 1e-9 (1e-6) relative of the best objective known, from all
calls and from SciPy's least_squares, polished from scalejax's end and started from the generating
parameters.

Then a study of as many tables, 100 resamples each, beside one of tables of equal length:
nanoseconds for each fit and row. (A study that fills less than one shard, such as one of a quarter
as many tables, pads all its tables to one length, which costs less than compiling more programs.)
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from measuring import measure, parser, peak_memory_mib, report, timed
from peers import looped_least_squares
from problems import Floats, Problem, chinchilla_problem, simulated_runs

import scalejax
from scalejax.laws import chinchilla

_LENGTHS = (20, 500)
_TRUTH = chinchilla.published["hoffmann2022-tex"]


def ragged_runs(tables: int) -> pd.DataFrame:
    """Tables of log-uniform length in one frame, named by the column `table`."""
    rng = np.random.default_rng(0)
    lengths = np.exp(rng.uniform(*np.log(_LENGTHS), tables)).round().astype(int)
    frames = [simulated_runs(length, rng).assign(table=str(k)) for k, length in enumerate(lengths)]
    return pd.concat(frames, ignore_index=True)


def study_rows(tables: int, resamples: int = 100) -> list[dict[str, Any]]:
    """Studies of tables of different and of equal length, with about as many rows in all."""
    rng = np.random.default_rng(1)
    ragged = ragged_runs(tables)
    length = round(len(ragged) / tables)
    equal = [simulated_runs(length, rng).assign(table=str(k)) for k in range(tables)]
    study = scalejax.Study(
        recipes=("chinchilla",), by=("table",), target=False, resamples=resamples
    )
    rows = []
    for title, runs in (
        ("study, equal lengths", pd.concat(equal, ignore_index=True)),
        ("study, different lengths", ragged),
    ):
        result, timing = measure(partial(scalejax.study, study, runs), 3)
        fits = tables * (resamples + 1)
        rows.append(
            {
                "method": title,
                "problems": fits,
                "wall s": timing.wall,
                "cpu s": timing.cpu,
                "fits/s": fits / timing.wall,
                "ns a fit and row": 1e9 * timing.wall / (len(runs) * (resamples + 1)),
                "compile s": timing.compile,
                "not converged": len(result.failed),
            }
        )
    return rows


def best_known(runs: pd.DataFrame, fit: scalejax.Fit) -> tuple[float, float]:
    """Objective of a fit, and the best that SciPy finds from its end and from the truth."""
    problem = chinchilla_problem(runs=runs.reset_index(drop=True))
    weight = np.ones((1, len(runs)))

    def objective(theta: Floats) -> float:
        return float(problem.score(theta[None], weight)[0])

    end, truth = (_coordinates(problem, values) for values in (fit.params, _TRUTH))
    polished = [looped_least_squares(problem, start, weight)[0] for start in (end, truth)]
    reached = objective(end)
    return reached, min(reached, *map(objective, polished))


def _coordinates(problem: Problem, parameters: Any) -> Floats:
    return problem.coordinates({key: np.array([x]) for key, x in parameters.items()})[0]


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--tables", type=int, default=1000)
    made.add_argument("--sample", type=int, default=50, help="tables whose quality is checked")
    given = made.parse_args()
    runs = ragged_runs(given.tables)
    rows = []
    for title in ("first call, compile included", "second call", "third call"):
        fits, wall, cpu = timed(lambda: scalejax.fit_many(runs, by="table"))
        rows.append(
            {
                "method": f"fit_many, {title}",
                "problems": given.tables,
                "wall s": wall,
                "cpu s": cpu,
                "fits/s": given.tables / wall,
                "fits/cpu-s": given.tables / cpu,
                "peak MiB": round(peak_memory_mib()),
                "not converged": sum(fit.status != 0 for fit in fits.values()),
            }
        )
    chosen = np.linspace(0, given.tables - 1, min(given.sample, given.tables)).astype(int)
    grouped = dict(iter(runs.groupby("table")))
    pairs = np.array([best_known(grouped[str(k)], fits[str(k)]) for k in chosen])
    excess = pairs[:, 0] / pairs[:, 1] - 1
    for row in rows:
        row |= {
            "scored": len(chosen),
            "ok 1e-9": float(np.mean(excess <= 1e-9)),
            "ok 1e-6": float(np.mean(excess <= 1e-6)),
            "worst": float(excess.max()),
        }
    rows += study_rows(given.tables)
    statuses = pd.Series([fit.status.label for fit in fits.values()]).value_counts()
    notes = [
        f"{len(runs):,} rows in all; starts per table: {fits['0'].starts}",
        "statuses: " + ", ".join(f"{count:,} {label}" for label, count in statuses.items()),
    ]
    report("Tables of different length", rows, notes, given.json)


if __name__ == "__main__":
    main()
