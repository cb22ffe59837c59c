"""How often 95 % intervals hold the truth: simulate, store, and write results/coverage.md.

    python benchmarks/coverage.py [--quick] [--only small clusters]

A full run takes about an hour of one core; each part is stored in results/coverage.json when it is
done, and the page is written from what is stored (`--only` without a part writes the page alone).
`--quick` checks that everything runs, with few simulations, and stores nothing. The simulations
themselves are in tests/coverage.py.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from coverage_page import page
from measuring import environment

import scalejax as sj

_ROOT = Path(__file__).parents[1]
_STORED = _ROOT / "benchmarks" / "results" / "coverage.json"
_PAGE = _ROOT / "benchmarks" / "results" / "coverage.md"


def _simulation() -> ModuleType:
    """The module tests/coverage.py, whose name other packages have too."""
    place = _ROOT / "tests" / "coverage.py"
    spec = importlib.util.spec_from_file_location("simulated_coverage", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


sim = _simulation()

Row = dict[str, Any]
NOISES = ("gauss", "t3", "falling")
OBJECTIVES: dict[str, tuple[Callable[[], sj.objectives.Objective], float]] = {
    "least squares": (sj.least_squares, 1.0),
    "huber(1e-3)": (sj.huber, 0.3),
}
"""The objectives, with the share of the simulations that each gets: refits under Huber's loss take
longer."""

RESAMPLES = 999
FEWER_RESAMPLES = 399


def plan(count: int) -> dict[str, Callable[[], list[Row]]]:
    """The parts, with `count` simulations where gates are tight.

    Gaussian noise in 60 rows gets twice as many: one of its six targets lay outside its band by
    chance (a, .971 of the first thousand).
    """
    alike = dict.fromkeys(NOISES, count)
    more = {**alike, "gauss": 2 * count}
    half, fewer = (max(round(share * count), 2) for share in (0.5, 0.2))
    return {
        "defaults_12": partial(defaults, alike, 12, 0),
        "kinds_12": partial(kinds, fewer, 12),
        "defaults_25": partial(defaults, alike, 25, RESAMPLES),
        "kinds_25": partial(kinds, fewer, 25),
        "defaults_60": partial(defaults, more, 60, RESAMPLES),
        "clusters": partial(clusters, half),
        "predictions": partial(predictions, count),
        "undeclared": partial(undeclared, half),
        "defaults_240": partial(defaults, alike, 240, RESAMPLES),
        "families": partial(families, fewer),
        "kinds_60": partial(kinds, fewer, 60),
    }


def _tables(n: int, noise: str, count: int, **options: Any) -> Iterator[Any]:
    inputs = sim.design(n)
    return sim.fits(inputs, partial(sim.noise, noise, inputs), count, **options)


def _rows_of(counts: Mapping[str, Any], reference: Any, **scenario: Any) -> list[Row]:
    """One row for each method: coverage of the targets and width relative to a reference."""
    made = []
    for method, found in counts.items():
        row = {
            **scenario,
            "method": method,
            "simulations": found.count,
            "coverage": [round(float(rate), 4) for rate in found.rate],
            "withheld": round(found.withheld, 4),
            "width": round(float(np.median(found.width / reference.width)), 3),
        }
        print(*(value for value in row.values()), flush=True)
        made.append(row)
    return made


def defaults(counts: Mapping[str, int], n: int, bootstrap: int) -> list[Row]:
    """Independent rows and what the tool does by default, with resamples and without."""
    kinds = ("percentile", "wald") if bootstrap else ("wald",)
    made = []
    for name, (objective, part) in OBJECTIVES.items():
        for noise, count in counts.items():
            some = max(round(count * part), 2)
            simulated = _tables(n, noise, some, objective=objective(), resamples=bootstrap)
            found = sim.count_targets(simulated, kinds)
            named = {_method("pairs", kind): found[kind] for kind in kinds}
            made += _rows_of(named, named["wald t"], objective=name, rows=n, noise=noise)
    return made


def kinds(count: int, n: int) -> list[Row]:
    """Every kind of resampling and of interval, Gaussian noise."""
    made = []
    for name, (objective, part) in OBJECTIVES.items():
        some = max(round(count * part), 2)
        named: dict[str, Any] = {}
        for resampling, wanted in {
            "pairs": ("wald", "sandwich", "percentile", "basic"),
            "residual": ("percentile", "basic"),
            "wild": ("percentile", "basic"),
            "bayesian": ("percentile",),
            "jackknife": ("jackknife",),
        }.items():
            draws = {} if resampling == "jackknife" else {"resamples": FEWER_RESAMPLES}
            simulated = _tables(
                n, "gauss", some, objective=objective(), resampling=resampling, **draws
            )
            found = sim.count_targets(simulated, wanted)
            named |= {_method(resampling, kind): found[kind] for kind in wanted}
        made += _rows_of(named, named["wald t"], objective=name, rows=n, noise="gauss")
    return made


def _method(resampling: str, kind: str) -> str:
    if kind in ("wald", "sandwich", "jackknife"):
        return f"{kind} t"
    return f"{resampling} {kind}"


def clusters(count: int) -> list[Row]:
    """Checkpoints of runs whose residuals go together."""
    fewer = max(round(0.3 * count), 2)
    made = []
    for runs, each in ((20, 8), (8, 12)):
        inputs, run = sim.checkpoints(runs, each)
        declared = {**inputs, "run": run}
        errors = partial(sim.shared_noise, (run,), (0.8,))
        fits = partial(sim.fits, errors=errors, resamples=FEWER_RESAMPLES)
        naive = fits(inputs, count=fewer, resampling="pairs")
        signs = fits(declared, count=fewer, run="run", resampling="wild")
        whole = fits(declared, count=count, run="run")
        left_out = fits(declared, count=count, run="run", resampling="jackknife", resamples=0)
        named = {"rows as if independent": sim.count_targets(naive)[None]}
        named["wild, one sign for each run"] = sim.count_targets(signs)[None]
        found = sim.count_targets(whole, ("percentile", "basic", "sandwich"))
        named["whole runs, basic"] = found["basic"]
        named["cluster sandwich t"] = found["sandwich"]
        named["each run left out once, jackknife t"] = sim.count_targets(left_out)[None]
        named["whole runs, percentile"] = found["percentile"]
        scenario = {"design": f"{runs} runs x {each} checkpoints", "noise": "run effect .8"}
        made += _rows_of(named, named["rows as if independent"], **scenario)
    return made


def families(count: int) -> list[Row]:
    """Two levels: the families share an effect, and the runs within them another."""
    inputs, run = sim.checkpoints(24, 4)
    family = run % 8
    errors = partial(sim.shared_noise, (family, run), (0.3, 0.5))
    columns = {**inputs, "run": run, "family": family}
    named = {}
    for label, options in {
        "whole families": {"cluster": "family"},
        "whole runs": {"cluster": "run"},
        "nested: families, then runs": {"cluster": ("family", "run"), "resampling": "nested"},
    }.items():
        simulated = sim.fits(columns, errors, count, resamples=FEWER_RESAMPLES, **options)
        named[label] = sim.count_targets(simulated)[None]
    scenario = {
        "design": "8 families x 3 runs x 4 checkpoints",
        "noise": "family effect .3, run .5",
    }
    return _rows_of(named, named["whole families"], **scenario)


def undeclared(count: int) -> list[Row]:
    """How often rows are taken for checkpoints that nobody declared."""
    tables = {
        f"{runs} runs x {each} checkpoints, run effect {share}": (
            inputs,
            partial(sim.shared_noise, (run,), (share,)),
        )
        for runs, each, share in ((20, 8, 0.8), (8, 12, 0.8), (20, 8, 0.4), (20, 4, 0.2))
        for inputs, run in [sim.checkpoints(runs, each)]
    }
    for sizes, tokens in ((5, 5), (8, 8), (12, 20)):
        inputs = sim.grid(sizes, tokens)
        for noise in NOISES:
            name = f"independent grid {sizes} x {tokens}, {noise}"
            tables[name] = (inputs, partial(sim.noise, noise, inputs))
    made = []
    for name, (inputs, errors) in tables.items():
        said = [sim.says_runs(one) for one in sim.fits(inputs, errors, count)]
        made.append({"table": name, "simulations": count, "said": round(float(np.mean(said)), 4)})
    return made


def predictions(count: int) -> list[Row]:
    """New runs far beyond the data, where the law holds and where it does not."""
    cases = [(0.0, None), (0.005, None), (0.005, 0.005), (0.01, None), (0.01, 0.01)]
    found = {case: sim.Predictions() for case in cases}
    for one in _tables(60, "gauss", count, resamples=RESAMPLES):
        for (wrong, declared), kept in found.items():
            kept.add(one, wrong, declared)
    made = []
    for (wrong, declared), kept in found.items():
        methods = {"curve, residuals and discrepancy": kept.new_run}
        if declared is None:
            methods = {"curve and residuals": kept.new_run, "curve alone": kept.curve}
            methods["residuals alone"] = kept.residual
        made += [
            {
                "law wrong by": wrong,
                "declared": declared,
                "method": method,
                "simulations": count,
                "coverage": [round(float(rate), 4) for rate in counts.rate],
            }
            for method, counts in methods.items()
        ]
    return made


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--only", nargs="*", choices=plan(2), default=list(plan(2)))
    given = parser.parse_args()
    where = {key: value for key, value in environment().items() if key != "load"}
    parts = plan(2 if given.quick else given.simulations)
    stored = json.loads(_STORED.read_text()) if _STORED.exists() else {}
    for name in given.only:
        begin = time.perf_counter()
        print(f"[{name}]", flush=True)
        stored[name] = {"environment": where, "rows": parts[name]()}
        print(f"[{name}: {time.perf_counter() - begin:.0f} s]", flush=True)
        if not given.quick:
            _STORED.write_text(json.dumps(stored, indent=1) + "\n")
    text = page(stored)
    print(text)
    if not given.quick:
        _PAGE.write_text(text)


if __name__ == "__main__":
    main()
