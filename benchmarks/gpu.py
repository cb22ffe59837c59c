"""Bootstrap refits of Chinchilla's law on an accelerator, by batch and by layout, in 64 bits.

    python benchmarks/gpu.py [--json out.json]

First the layouts (lanes and chunk) at one batch, then the batches from 1,000 to 1,000,000 with the
fastest layout and with the default one. Whole calls of `scalejax.fit`, weights and global starts
included; the first call of every shape compiles and is given apart.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from measuring import measure, parser, peak_memory_mib, report
from problems import chinchilla_problem, resamples

import scalejax
from scalejax.engine.layout import Layout, default_layout

_LANES = (4096, 16384, 65536)
_CHUNKS = (16384, 65536, 262144)
_CHECKED = 1000


def measure_batch(name: str, layout: Layout, batch: int, repeats: int) -> dict[str, Any]:
    """One row of the table."""
    runs = chinchilla_problem().runs
    fit, timing = measure(lambda: scalejax.fit(runs, resamples=batch, layout=layout), repeats)
    return {
        "layout": name,
        "form": layout.form,
        "lanes": layout.lanes,
        "chunk": layout.chunk,
        "problems": batch,
        "wall s": timing.wall,
        "fits/s": batch / timing.wall,
        "compile s": timing.compile,
        "host peak MiB": round(peak_memory_mib()),
        "device peak MiB": _device_peak_mib(),
        "not converged": int(np.sum(~fit.draws.converged)),
    }


def agreement(layout: Layout) -> str:
    """How the device's answers compare with those of the CPU on the same resamples."""
    problem = chinchilla_problem()
    weights = resamples(len(problem.runs), _CHECKED)
    found = scalejax.fit(problem.runs, resamples=weights, layout=layout)
    host = jax.local_devices(backend="cpu")[0]
    with jax.default_device(host):
        plain = replace(layout, devices=(host,), lanes=128, chunk=2048)
        reference = scalejax.fit(problem.runs, resamples=weights, layout=plain)
        here, there = (
            problem.score(problem.coordinates(fit.draws.parameters), weights)
            for fit in (found, reference)
        )
    excess = here / np.minimum(here, there) - 1
    return (
        f"against the CPU on {_CHECKED:,} resamples: {np.mean(excess <= 1e-9):.4f} within 1e-9, "
        f"worst {excess.max():.1e}"
    )


def sweep(batches: Sequence[int], tuning: int, repeats: int) -> list[dict[str, Any]]:
    """Layouts at one batch, then all batches with the default and with the fastest layout."""
    default = default_layout()
    layouts = [
        replace(default, lanes=lanes, chunk=chunk)
        for chunk in _CHUNKS
        for lanes in _LANES
        if lanes <= chunk <= max(tuning, min(_CHUNKS))
    ]
    rows = [measure_batch("tried", layout, tuning, repeats) for layout in layouts]
    fastest = layouts[int(np.argmin([row["wall s"] for row in rows]))]
    for name, layout in (("default", default), ("fastest", fastest)):
        rows += [measure_batch(name, layout, batch, repeats) for batch in batches]
    return rows


def _device_peak_mib() -> float | None:
    statistics = jax.local_devices()[0].memory_stats() or {}
    peak = statistics.get("peak_bytes_in_use")
    return None if peak is None else round(peak / 2**20)


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--batches", type=int, nargs="+", default=(1_000, 10_000, 100_000, 1_000_000))
    made.add_argument("--tuning", type=int, default=262_144, help="batch for trying layouts")
    made.add_argument("--repeats", type=int, default=3)
    given = made.parse_args()
    if jax.default_backend() == "cpu":
        sys.exit("gpu.py measures an accelerator, but JAX sees only the CPU here.")
    rows = sweep(given.batches, given.tuning, given.repeats)
    report("Accelerator", rows, [agreement(default_layout())], given.json)


if __name__ == "__main__":
    main()
