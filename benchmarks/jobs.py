"""A million fits (n = 240) as one resumable job, and the same job killed again and again.

    python benchmarks/jobs.py [--resamples 1000000] [--kills 20] [--json out.json]

Every job is a process of its own. The first is left alone: its time and its memory. The second is
killed (SIGKILL) at random moments and begun again until it is done; then every file is compared
with those of the first, byte for byte. Lost work is what was done in all less what was needed.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import parser, peak_memory_mib, report

_WORKER = "--worker"


def work(folder: Path, resamples: int) -> None:
    """One process of a job; prints a line of JSON when it is done."""
    from problems import chinchilla_runs

    import scalejax

    runs = chinchilla_runs()
    study = scalejax.Study(
        recipes=("chinchilla",), target=False, resamples=resamples, resampling="pairs"
    )
    before, begin = peak_memory_mib(), time.perf_counter()
    seen: list[Any] = []
    result = scalejax.study(study, runs, out=folder, progress=seen.append)
    assert result is not None
    last = seen[-1] if seen else None
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - begin,
                "before": before,
                "peak": peak_memory_mib(),
                "failed": last.failed if last else None,
            }
        )
    )


def started(folder: Path, resamples: int) -> subprocess.Popen[str]:
    """A process of the job in a folder."""
    words = [sys.executable, __file__, _WORKER, str(folder), "--resamples", str(resamples)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> dict[str, float]:
    """What a process that is left alone says."""
    said, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(said)


def found(folder: Path) -> dict[str, bytes]:
    """All that a job found."""
    files = [folder / "results.parquet", *sorted((folder / "shards").glob("*.parquet"))]
    return {file.name: file.read_bytes() for file in files}


def fits_of(folder: Path) -> tuple[int, float]:
    """Fits and seconds of the shards that a job finished."""
    lines = [json.loads(x) for x in (folder / "manifest-0.jsonl").read_text().splitlines() if x]
    return sum(line["fits"] for line in lines), sum(line["seconds"] for line in lines)


def torture(folder: Path, resamples: int, kills: int, seconds: float) -> dict[str, Any]:
    """Kill the job at random moments, then let it end."""
    random.seed(0)
    begin, moments = time.perf_counter(), []
    for _ in range(kills):
        process = started(folder, resamples)
        moments.append(random.uniform(0.5, 0.5 + max(0.15 * seconds, 8)))
        try:
            process.wait(moments[-1])
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    end = finished(started(folder, resamples))
    fits, useful = fits_of(folder)
    return {
        "kills": len(moments),
        "fits": fits,
        "seconds": time.perf_counter() - begin,
        "useful": useful,
        "peak": end["peak"],
    }


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--resamples", type=int, default=1_000_000)
    made.add_argument("--kills", type=int, default=20)
    made.add_argument(_WORKER, type=Path, help=argparse.SUPPRESS)
    given = made.parse_args()
    if given.worker is not None:
        work(given.worker, given.resamples)
        return
    with tempfile.TemporaryDirectory() as place:
        whole, killed = Path(place) / "whole", Path(place) / "killed"
        alone = finished(started(whole, given.resamples))
        fits, useful = fits_of(whole)
        shards = len(list((whole / "shards").glob("*.parquet")))
        hurt = torture(killed, given.resamples, given.kills, alone["seconds"])
        same = found(whole) == found(killed)
        disk = sum(file.stat().st_size for file in whole.rglob("*")) / 2**20
    rows = [
        {
            "job": "left alone",
            "fits": fits,
            "wall s": alone["seconds"],
            "fits/s": fits / alone["seconds"],
            "in shards s": useful,
            "MiB before": alone["before"],
            "peak MiB": alone["peak"],
            "above start MiB": alone["peak"] - alone["before"],
        },
        {
            "job": f"killed {hurt['kills']} times",
            "fits": hurt["fits"],
            "wall s": hurt["seconds"],
            "fits/s": hurt["fits"] / hurt["seconds"],
            "in shards s": hurt["useful"],
            "peak MiB": hurt["peak"],
        },
    ]
    notes = [
        f"{shards} shards, {disk:.0f} MiB on disk; the longest a kill can cost is one shard, "
        f"{useful / shards:.1f} s, and the start of a process",
        f"results and shards of the killed job are byte for byte those of the other: {same}",
        f"not a minimum: {alone['failed']:,.0f} of {fits:,}",
    ]
    report(f"{given.resamples:,} fits of 240 runs as one job", rows, notes, given.json)


if __name__ == "__main__":
    main()
