"""benchmarks/results/coverage.md from what benchmarks/coverage.py stored."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

TARGETS = ("alpha", "beta", "E", "a", "ln D/N", "ln L")
_NOISE = {"gauss": "Gauss", "t3": "Student t3", "falling": "falling with compute"}
_STORED_NAMES = ("scalejax", "jax", "numpy", "python", "device", "processor", "cores", "dtype")

_TOP = """\
# How often intervals hold the truth

Written by `python benchmarks/coverage.py` from simulations; `tests/fitting/test_coverage.py --slow`
holds the defaults to their gates. All intervals are nominal 95 % intervals.

**What was simulated.** Tables of a known Chinchilla law (E 1.8172, A 482.01, alpha .3478,
B 2085.43, beta .3658; arXiv 2404.10102) at fixed synthetic runs that fill compute (5e18 to 1.3e22
FLOPs) and tokens per parameter (2 to 200) evenly, about as widely as published sweeps. Only the
noise on the log loss differs between simulations; its root mean square is 0.005. It is Gaussian,
Student's t with 3 degrees of freedom, or Gaussian with a size that falls fivefold from the smallest
compute to the largest. Every table goes through `scalejax.fit`, with the defaults of the tool.

**What "covers" means.** The share of simulations whose interval holds the true value, for each of
six targets: alpha, beta, E, a = beta / (alpha + beta), and ln D/N and ln L of the compute-optimal
run at 100 times the largest compute. The tables give the target that is covered least and the one
that is covered most. With 1,000 simulations the Monte Carlo standard error of a coverage of .95 is
.007, with 400 it is .011; the smallest of six looks lower than any one of them is by about one such
error. *Width* is the median width relative to that of the method named below each heading;
*withheld* is the share of intervals that the tool did not give because too many resamples failed.

**What to take** is at the end of this page.
"""


def page(stored: Mapping[str, Any]) -> str:
    """The whole page, of the parts that are there."""
    parts = [_TOP]
    for heading, text, names, columns in _SECTIONS:
        rows = [row for name in names if name in stored for row in stored[name]["rows"]]
        if not rows:
            continue
        parts.append(f"## {heading}\n\n{text}\n\n{_table(rows, columns)}\n")
    parts.append(_BOTTOM)
    parts.append(_environments(stored))
    return "\n".join(parts)


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> str:
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[str(show(row)) for show in columns.values()] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _share(value: float) -> str:
    return f"{value:.3f}" if value == value else "none given"


def _lowest(row: Mapping[str, Any]) -> str:
    rates = np.array(row["coverage"], float)
    if np.all(np.isnan(rates)):
        return "none given"
    k = int(np.nanargmin(rates))
    return f"{_share(rates[k])} ({TARGETS[k]})"


def _highest(row: Mapping[str, Any]) -> str:
    rates = np.array(row["coverage"], float)
    return _share(float(np.nanmax(rates))) if not np.all(np.isnan(rates)) else ""


def _plain(name: str) -> Any:
    return lambda row: row[name]


def _at(k: int) -> Any:
    return lambda row: _share(row["coverage"][k])


def _declared(row: Mapping[str, Any]) -> str:
    return "nothing" if row["declared"] is None else f"{100 * row['declared']:g} %"


def _warned(row: Mapping[str, Any]) -> str:
    far = [f"{10**k}x" for k, share in enumerate(row.get("warned", ())) if share == 1]
    return ", ".join(far) or "-"


def _percent(name: str) -> Any:
    return lambda row: f"{100 * row[name]:.1f} %"


_COVERS = {
    "covers least": _lowest,
    "covers most": _highest,
    "width": lambda row: f"{row['width']:.2f}",
    "withheld": _percent("withheld"),
    "simulations": _plain("simulations"),
}
_SCENARIO = {
    "objective": _plain("objective"),
    "rows": _plain("rows"),
    "noise": lambda row: _NOISE[row["noise"]],
    "method": _plain("method"),
}

_SECTIONS: tuple[tuple[str, str, tuple[str, ...], Mapping[str, Any]], ...] = (
    ("Independent rows",
     "The two defaults: *pairs percentile* (999 resamples) from 25 rows on when resamples are "
     "asked for, *wald t* without resamples or with fewer rows. Width relative to wald t.",
     ("defaults_12", "defaults_25", "defaults_60", "defaults_240"), {**_SCENARIO, **_COVERS}),
    ("Every kind of resampling and interval",
     "399 resamples, Gaussian noise. Width relative to wald t.",
     ("kinds_12", "kinds_25", "kinds_60"), {**_SCENARIO, **_COVERS}),
    ("Checkpoints of one run",
     "Residuals of one run share 80 % of their variance; or those of one family 30 % and those of "
     "one run in it another 50 %. 399 resamples. Width relative to the first method of each "
     "design. *Whole runs, percentile* is the default.",
     ("clusters", "families"),
     {"design": _plain("design"), "noise": _plain("noise"), "method": _plain("method"), **_COVERS}),
    ("Checkpoints that nobody declared",
     "How often `fit` says that rows look like checkpoints of the same runs (and takes whole "
     "runs, if there are six). Designs without a run effect show how often it does so for "
     "nothing.",
     ("undeclared",),
     {"table": _plain("table"), "says so": _percent("said"),
      "simulations": _plain("simulations")}),
    ("New runs beyond the data",
     "The log loss of one new run at the true compute-optimal size for 1 to 1000 times the largest "
     "compute, from 60 rows. *Law wrong by* is a relative error for each decade of compute beyond "
     "the data, which no fit can see; *declared* is `discrepancy=`. *Warns at* says where "
     "`predict` did in every simulation.",
     ("predictions",),
     {"law wrong by": lambda r: f"{100 * r['law wrong by']:g} %", "declared": _declared,
      "method": _plain("method"), "1x": _at(0), "10x": _at(1), "100x": _at(2), "1000x": _at(3),
      "warns at": _warned, "simulations": _plain("simulations")}),
)  # fmt: skip

_BOTTOM = """\
## What to take when

- **25 independent rows or more**: `resamples=999`, which draws rows (*pairs percentile*). It covers
  whether the noise is Gaussian, heavy-tailed or unequal. *wald t*, which a fit without resamples
  gives, is as good for noise of one size and a little too narrow where noise falls with compute.
- **Fewer rows**: *wald t*, which is what the tool gives even with resamples. Drawn rows give wide
  intervals and fail too often; random weights (*bayesian*) and the *sandwich* are too narrow.
- **Objective**: what is said here of resamples is for least squares. Huber's loss with delta 1e-3
  is nearly the least absolute deviations; its drawn rows are too wide with 60 rows or fewer, while
  its *wald t* is not.
- **Checkpoints**: name the runs with `run=`. Rows as if independent cover half the time. With
  20 runs whole-run resamples cover; their *basic* form and the *sandwich* do not. With some eight
  runs many of these intervals are withheld, and `resampling="jackknife"` (each run left out once)
  gives one that covers. It is wide: more runs are the only remedy for that.
- **Two levels** (families of runs): name the highest level whose members are independent.
- **Checkpoints that nobody declared** are noticed by their order and residuals if the run effect
  is strong. A weak one goes unnoticed, so declare what you know.
- **Predictions**: the curve alone and the residuals alone both miss; together they cover as far as
  the law holds. Beyond the data nothing in the data says how far that is, so declare
  `discrepancy=`: with the true size declared they cover again. `predict` warns where none is.
"""


def _environments(stored: Mapping[str, Any]) -> str:
    """What the parts were computed with."""
    lines = ["## Computed with", ""]
    described: dict[str, list[str]] = {}
    for name, part in stored.items():
        where = part["environment"]
        text = ", ".join(f"{key} {where[key]}" for key in _STORED_NAMES if key in where)
        described.setdefault(text, []).append(name)
    lines += [f"- {', '.join(names)}: {text}" for text, names in described.items()]
    return "\n".join(lines) + "\n"
