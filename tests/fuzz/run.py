"""A long fuzz by hand: hostile tables, command lines, folders, formulas, and killed processes.

    python tests/fuzz/run.py [--minutes 30] [--seed 0] [--out benchmarks/results/fuzz.md]

Each kind is held to an oracle that does not use scalejax, in bounded time and memory. A fault is
printed with what makes it again; the exit code is 1 if there is one. `--only KIND` runs one kind,
and `--scale 0.01` few cases.
"""

import argparse
import importlib
import platform
import random
import resource
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "helpers")]

from tally import MOST_MEMORY, MOST_SECONDS, Tally, limited_memory  # noqa: E402

COUNTS = {"tables": 1000, "lines": 500, "folders": 200, "formulas": 100_000, "kills": 100}
"""Cases of each kind, unless the time is over before."""


FAULTS = ("traceback", "wrongly taken", "too slow")


def main() -> int:
    """Run and report."""
    options = _parser().parse_args()
    begin = time.monotonic()
    Tally.deadline = begin + 60 * options.minutes
    tallies = []
    for kind in options.only or COUNTS:
        print(f"{kind} ...", file=sys.stderr, flush=True)
        count = max(1, round(options.scale * COUNTS[kind]))
        # Warnings are for people; here they would be thousands.
        with warnings.catch_warnings(), limited_memory():
            warnings.simplefilter("ignore")
            tally = importlib.import_module(kind).run(count, random.Random(options.seed))
        tallies.append(tally)
        print(*tally.faults, _row(tally), sep="\n", file=sys.stderr, flush=True)
    page = _page(tallies, options.seed, time.monotonic() - begin)
    print(page)
    if options.out:
        options.out.write_text(page, encoding="utf-8")
    return int(any(tally.faults for tally in tallies))


def _row(tally: Tally) -> str:
    good = ", ".join(
        f"{count:,} {fate}" for fate, count in tally.fates.most_common() if fate not in FAULTS
    )
    bad = " | ".join(f"{tally.fates[fate]}" for fate in FAULTS)
    return f"| {tally.kind} | {tally.fates.total():,} | {good} | {bad} | {tally.slowest:.2g} |"


def _page(tallies: list[Tally], seed: int, seconds: float) -> str:
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("scalejax", "jax", "numpy", "pyarrow")
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    rows = "\n".join(map(_row, tallies))
    return f"""# Hostile input

Written by `python tests/fuzz/run.py --seed {seed} --out benchmarks/results/fuzz.md`. Python
{platform.python_version()}, {versions}. {seconds:,.0f} s, peak memory {peak:,.0f} MiB.

Each case is refused with a reason or taken rightly, which oracles say that do not use scalejax: the
table that was written before its file was spoilt, the exact fraction behind a number, what was
saved before its folder was changed, a parser of formulas of its own, and what was on the disk
before a process was stopped. No case may take more than {MOST_SECONDS:.0f} s, and all of a kind no
more than {MOST_MEMORY / 2**30:.0f} GiB of addresses beyond what was there (RLIMIT_AS).

| kind | cases | what became of them | tracebacks | wrongly taken | too slow | slowest, s |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

"Done before" are processes that ended before the signal came.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30, help="cases after that are left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1, help="cases, as a multiple of the usual")
    parser.add_argument("--only", nargs="*", choices=COUNTS, help="only these kinds")
    parser.add_argument("--out", type=Path, help="also write the page to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
