"""What a user waits for in a fresh process: imports, the command line, and a first bootstrap.

    python benchmarks/cold_start.py [--repeats 3] [--json out.json]

Medians of wall seconds of whole processes, interpreter start included. The compilation cache is a
fresh folder; JAX by default keeps only what took more than a second to compile, so that is timed
as well as keeping everything.
"""

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import parser, report, run_python
from problems import chinchilla_runs

_FIT = "import scalejax; fit = scalejax.fit({path!r}, resamples={resamples}); print(fit.status)"
_KEEP_ALL = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def seconds(
    arguments: Sequence[str], repeats: int, variables: Mapping[str, str] | None = None
) -> float:
    """Median wall seconds of a Python process."""
    walls = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run_python(arguments, variables, quiet=True)
        walls.append(time.perf_counter() - begin)
    return statistics.median(walls)


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--resamples", type=int, default=4000)
    given = made.parse_args()
    repeats = given.repeats
    found = {
        "python": seconds(["-c", "pass"], repeats),
        "import numpy": seconds(["-c", "import numpy"], repeats),
        "import jax": seconds(["-c", "import jax"], repeats),
        "import scalejax": seconds(["-c", "import scalejax"], repeats),
        "import jax, scalejax": seconds(["-c", "import jax, scalejax"], repeats),
        "from scalejax import fit": seconds(["-c", "from scalejax import fit"], repeats),
    }
    notes = [f"medians of {repeats} processes"]
    if importlib.util.find_spec("scalejax.__main__"):
        found["scalejax --help"] = seconds(["-m", "scalejax", "--help"], repeats)
    else:
        notes.append("scalejax --help is left out: this version has no command line")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "runs.csv")
        chinchilla_runs().to_csv(path, index=False)
        program = ["-c", _FIT.format(path=path, resamples=given.resamples)]
        title = f"fit + {given.resamples:,} resamples"
        found[f"{title}, no cache"] = seconds(program, repeats)
        for name, rules in (("JAX's rules", {}), ("keeps everything", _KEEP_ALL)):
            cache = {"JAX_COMPILATION_CACHE_DIR": str(Path(folder) / name), **rules}
            found[f"{title}, filling the cache ({name})"] = seconds(program, 1, cache)
            found[f"{title}, from the cache ({name})"] = seconds(program, repeats, cache)
    rows = [{"process": name, "wall s": wall} for name, wall in found.items()]
    report("Cold start", rows, notes, given.json)


if __name__ == "__main__":
    main()
