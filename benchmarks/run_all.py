"""Run all benchmarks of this folder but gpu.py and store what they print and measure.

    python benchmarks/run_all.py [--quick] [--only ragged pass_form]

Writes results/python<version>-jax<version>-<platform>.txt and .json beside this file. `--quick`
checks that everything runs, on small problems, and stores nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import result_name

_HERE = Path(__file__).parent
_QUICK = {
    "bootstrap_refits": "--resamples 300 --batch 100 --small 20 --loops 5 --starts 10",
    "million_refits": "--resamples 5000",
    "other_laws": "--resamples 300 --batch 100 --small 20",
    "ragged": "--tables 40 --sample 5",
    "cold_start": "--repeats 1 --resamples 300",
    "pass_form": "--lanes 128 --repeats 2",
    "posterior": "--draws 100 --repeats 1",
    "curves": "--steps 5000 --sets 20",
}


def run_script(name: str, options: list[str], folder: Path) -> tuple[str, dict[str, object]]:
    """What a script printed, and what it measured."""
    file = folder / f"{name}.json"
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(_HERE / f"{name}.py"), "--json", str(file), *options],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    print(done.stdout, f"[{name}: {time.perf_counter() - begin:.0f} s]", flush=True)
    return done.stdout, json.loads(file.read_text())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=_QUICK, default=list(_QUICK))
    given = parser.parse_args()
    printed: list[str] = []
    measured: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only:
            options = _QUICK[name].split() if given.quick else []
            text, measured[name] = run_script(name, options, Path(folder))
            printed.append(text)
    if not given.quick:
        target = _HERE / "results" / result_name()
        target.parent.mkdir(exist_ok=True)
        # The version has dots, so the suffix is appended rather than replaced.
        Path(f"{target}.txt").write_text("".join(printed).lstrip())
        Path(f"{target}.json").write_text(json.dumps(measured, indent=2) + "\n")
        print(f"stored as {target}.txt and .json")


if __name__ == "__main__":
    main()
