"""Laws of the loss along a schedule: many parameter sets at once, and the best schedule.

    python benchmarks/curves.py [--steps 100000] [--sets 1000] [--json out.json]
    SCALEJAX_DATA=... python benchmarks/curves.py --page curves.png

The first table evaluates both laws at a hundred steps of one long cosine for all parameter sets.
Beside the time stands what the same number of exponentials alone would take on this machine
(`floor`), two for each term of the multi-power law. The annealing law has next to none and is a
matter of memory: its floor is reading its rates four times for each set. The second table is the
best 24,000-step schedule of the 400M model. `--page` draws, instead, refits of the public 25M and
100M curves beside their data.
"""

import os
import sys
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from measuring import measure, parser, peak_memory_mib, report

from scalejax import curves

_BATCH = 8
_FLOOR = 4_000_000
_PEAK, _WARMUP = 3e-4, 2160
_TICKS = (2000, 5000, 10_000, 20_000, 50_000)
_SET = curves.LUO2025["400M"]


def exponentials_per_second() -> float:
    """Measured rate of a large array of exponentials, float64."""
    values = jnp.linspace(-1.0, 1.0, _FLOOR)
    exponentials = jax.jit(jnp.exp)
    _, timing = measure(lambda: exponentials(values), repeats=5)
    return _FLOOR / timing.wall


def reads_per_second() -> float:
    """Measured rate of numbers read from memory, float64."""
    values = jnp.linspace(-1.0, 1.0, _FLOOR)
    add = jax.jit(jnp.sum)
    _, timing = measure(lambda: add(values), repeats=5)
    return _FLOOR / timing.wall


def spread(values: dict[str, float], sets: int) -> dict[str, Any]:
    """Parameter sets within 5 % of one."""
    random = np.random.default_rng(0)
    return {name: x * random.uniform(0.95, 1.05, sets) for name, x in values.items()}


def evaluate_sets(steps: int, sets: int) -> list[dict[str, Any]]:
    """Both laws at a hundred steps of a cosine for many parameter sets."""
    schedule = partial(curves.cosine, total=steps, peak=_PEAK, final=3e-5, warmup=_WARMUP)
    rates = np.asarray(curves.rates_of(schedule, steps))
    at = np.linspace(_WARMUP, steps, 100).astype(int)
    merged = curves.merged_changes(rates, at)
    area = np.cumsum(rates)[at]

    def multi_power(one: dict[str, Any], rates: jax.Array) -> jax.Array:
        return curves.multi_power_along(area, merged, **one)

    def annealing(one: dict[str, Any], rates: jax.Array) -> jax.Array:
        decay = 0.999 + 0.0009 * (one["L0"] / _SET["L0"] - 1)
        shared = {name: one[name] for name in ("L0", "A", "alpha")}
        return curves.annealing_curve(rates, at, C=0.4, decay=decay, **shared)

    terms = len(merged.size)
    given = spread(dict(_SET), sets)
    rows = []
    for name, law, count, rate in (
        ("multi-power", multi_power, 2 * terms * len(at) * sets, exponentials_per_second()),
        ("annealing", annealing, 4 * steps * sets, reads_per_second()),
    ):

        @jax.jit
        def run(sets: Any, rates: jax.Array, law: Any = law) -> jax.Array:
            return jax.lax.map(lambda one: law(one, rates), sets, batch_size=_BATCH)

        _, timing = measure(partial(run, given, rates))
        rows.append(
            {
                "law": name,
                "steps": steps,
                "terms": terms if name == "multi-power" else steps,
                "points": len(at),
                "sets": sets,
                "s": timing.wall,
                "cpu s": timing.cpu,
                "floor s": count / rate,
                "compile s": timing.compile,
                "peak MiB": peak_memory_mib(),
            }
        )
    return rows


def optimal() -> list[dict[str, Any]]:
    """The best 24,000-step schedule, by both ways to count the warm-up."""
    rows = []
    for counted_from in (0, _WARMUP):

        def final(rates: jax.Array, counted_from: int = counted_from) -> jax.Array:
            every = curves.changes(rates, counted_from)
            return curves.multi_power(jnp.sum(rates), every, **_SET)

        find = partial(
            curves.optimal_schedule, final, total=24000, peak=_PEAK, warmup=_WARMUP, knots=100
        )
        best, timing = measure(find, repeats=1)
        rows.append(
            {
                "changes counted": "all" if counted_from == 0 else "after the warm-up",
                "loss": best.loss,
                "starts differ by": float(np.ptp(best.losses)),
                "last rate": float(best.rates[-1]),
                "outcome": best.outcome.label,
                "s": timing.wall,
            }
        )
    return rows


def draw_page(file: Path) -> None:
    """One page: each refit beside its data, fitted curves left and unseen ones right."""
    import matplotlib.pyplot as plt
    import pandas as pd

    from scalejax.curve_fits import fit_annealing, fit_multi_power

    folder = Path(os.environ["SCALEJAX_DATA"]) / "multipowerlaw_25m_100m"
    runs = pd.read_csv(folder / "multipowerlaw_25m_100m.csv").rename(columns={"schedule": "curve"})
    schedules = {name: logged_rates(run) for name, run in runs.groupby("curve")}
    held = {name: _SET[name] for name in ("beta", "gamma")}
    refits = (
        ("multi-power law, beta and gamma held", partial(fit_multi_power, fixed=held)),
        ("annealing law", fit_annealing),
    )
    sizes = list(runs.groupby("model_size_M"))
    figure = plt.figure(figsize=(11, 5 * len(sizes) * len(refits)), layout="constrained")
    parts = figure.subfigures(len(sizes) * len(refits), 2, hspace=0.02)
    for k, ((size, of_size), (law, refit)) in enumerate(product(sizes, refits)):
        found = refit(of_size[of_size["authors_split"] == "fit"], schedules)
        for part, (split, chosen) in zip(parts[k], of_size.groupby("authors_split"), strict=True):
            what = "fitted" if split == "fit" else "not seen by the fit"
            part.suptitle(f"{size}M, {what}: {law}", fontsize=10)
            draw_curves(part, found, chosen, schedules)
    figure.suptitle("Lines: the refitted law. Dots: losses. Below: what the law misses.")
    figure.savefig(file, dpi=90)


def draw_curves(part: Any, found: Any, runs: Any, schedules: dict[str, Any]) -> None:
    """Losses (dots) with predictions (lines) above, predicted less observed below."""
    above, below = part.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for k, (name, run) in enumerate(runs.groupby("curve")):
        predicted = found.predict(schedules[name], run["step"])
        colour = f"C{k}"
        above.plot(run["step"], run["loss"], ".", ms=4, color=colour, alpha=0.35, mew=0)
        above.plot(predicted["step"], predicted["loss"], color=colour, lw=1, label=name)
        miss = predicted["loss"].to_numpy() - run["loss"].to_numpy()
        below.plot(run["step"], miss, color=colour, lw=0.8)
    above.set(ylabel="loss (nats/token)", xscale="log")
    above.set_ylim(runs["loss"].min() - 0.03, np.quantile(runs["loss"], 0.97))
    above.legend(fontsize=7, frameon=False)
    below.axhline(0, color="black", lw=0.5)
    below.set(xlabel="step", ylabel="predicted\n- observed", ylim=(-0.03, 0.03))
    ticks = [tick for tick in _TICKS if tick <= 1.2 * runs["step"].max()]
    below.set_xticks(ticks, [f"{tick // 1000}k" for tick in ticks])
    below.minorticks_off()
    above.minorticks_off()


def logged_rates(run: Any) -> Any:
    """Rates of every step from the logged ones: warm-up before, lines or steps between."""
    total = int(run["total_steps"].iloc[0])
    step, rate = run["step"].to_numpy(), run["lr_logged"].to_numpy()
    order = np.argsort(step)
    every = np.arange(total + 1)
    if run["kind"].iloc[0] in ("wsdcon", "constant"):
        lowered = np.where(every < 8000, _PEAK, rate[order][-1])
        return np.where(every < _WARMUP, _PEAK * every / _WARMUP, lowered)
    known = np.interp(every, np.r_[0, _WARMUP, step[order]], np.r_[0, _PEAK, rate[order]])
    return np.where(every < _WARMUP, _PEAK * every / _WARMUP, known)


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--steps", type=int, default=100_000)
    made.add_argument("--sets", type=int, default=1000)
    made.add_argument("--page", type=Path, help="draw refits beside their data, and stop")
    given = made.parse_args()
    if given.page is not None:
        if "SCALEJAX_DATA" not in os.environ:
            sys.exit("--page needs the folder of run tables in SCALEJAX_DATA")
        draw_page(given.page)
        return
    with jax.enable_x64(True):
        rows = evaluate_sets(given.steps, given.sets)
    notes = (
        f"parameter sets go {_BATCH} at a time and points 16 at a time, so memory does not grow "
        "with either",
        "floor: exponentials of the multi-power law at the measured rate of jnp.exp; four passes "
        "of the annealing law over its rates at the measured rate of reading",
    )
    report("Laws along a schedule, many parameter sets", rows, notes, given.json)
    report(
        "The best 24,000-step schedule of the 400M multi-power law",
        optimal(),
        ("seconds are of the whole call, compilation included",),
        None,
    )


if __name__ == "__main__":
    main()
