"""A million bootstrap refits of Chinchilla's law (n = 240, Huber 1e-3) in one call of `fit`.

    python benchmarks/million_refits.py [--resamples 1000000] [--json out.json]

Weights are drawn and every refit is started globally within the call. The first call, with few
resamples in chunks of the same size, compiles; its time is given apart.
"""

import numpy as np
from measuring import parser, peak_memory_mib, report, timed
from problems import chinchilla_runs

import scalejax
from scalejax.engine.layout import default_layout


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--resamples", type=int, default=1_000_000)
    given = made.parse_args()
    runs = chinchilla_runs()
    few = 2 * default_layout().chunk
    _, first, _ = timed(lambda: scalejax.fit(runs, resamples=few))
    _, again, _ = timed(lambda: scalejax.fit(runs, resamples=few))
    fit, wall, cpu = timed(lambda: scalejax.fit(runs, resamples=given.resamples, seed=1))
    codes, counts = np.unique(fit.draws.status, return_counts=True)
    row = {
        "method": "scalejax, its own resamples",
        "problems": given.resamples,
        "wall s": wall,
        "cpu s": cpu,
        "fits/s": given.resamples / wall,
        "fits/cpu-s": given.resamples / cpu,
        "compile s": max(first - again, 0.0),
        "peak MiB": round(peak_memory_mib()),
        "not converged": int(np.sum(~fit.draws.converged)),
    }
    statuses = ", ".join(
        f"{count:,} {scalejax.Status(code).label}"
        for code, count in zip(codes, counts, strict=True)
    )
    report(f"{given.resamples:,} refits", [row], [f"statuses: {statuses}"], given.json)


if __name__ == "__main__":
    main()
