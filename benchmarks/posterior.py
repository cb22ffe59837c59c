"""NUTS on the posterior of Chinchilla's law: numpyro, which scalejax uses, against blackjax.

    python benchmarks/posterior.py [--draws 1000] [--repeats 3] [--json out.json]

GOLDEN-36, and 240 Chinchilla runs (synthetic ones without SCALEJAX_DATA), by least squares,
Student's t and the field's Huber loss. Both samplers get the same density in the same whitened
coordinates, 4 chains mapped into one program, a diagonal mass matrix, a target acceptance of 0.9,
and as much warmup as draws. ESS is ArviZ's, of the least determined coordinate of all runs of a
problem with different seeds; seconds are medians for warmup and draws, compilation apart. On a
machine that neighbours share, read the CPU seconds.
"""

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pandas as pd
from measuring import measure, parser, report, timed
from problems import chinchilla_runs

import scalejax as sj
from scalejax.bayes.density import Density, make_density
from scalejax.bayes.posterior import sample

_CHAINS = 4
_OBJECTIVES = (sj.least_squares(), sj.student_t(3), sj.huber(1e-3))
_TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "golden36": lambda: sj.datasets.load("golden36"),
    "chinchilla": chinchilla_runs,
}


def numpyro_chains(density: Density, draws: int) -> Callable[[Any], Any]:
    """What scalejax runs: from keys to whitened coordinates and divergences."""
    return lambda keys: sample(density, keys, draws, draws)[::2]


def blackjax_chains(density: Density, draws: int) -> Callable[[Any], Any]:
    """The same with blackjax: window adaptation, then a scan over the draws."""
    import blackjax

    def chain(key: Any) -> Any:
        begin, adapt, run = jax.random.split(key, 3)
        z = jax.random.uniform(begin, density.centre.shape, minval=-2.0, maxval=2.0)
        warmup = blackjax.window_adaptation(blackjax.nuts, density, target_acceptance_rate=0.9)
        (state, tuned), _ = warmup.run(adapt, z, num_steps=draws)
        step = blackjax.nuts(density, **tuned).step

        def one(state: Any, key: Any) -> Any:
            state, info = step(key, state)
            return state, (state.position, info.is_divergent)

        return jax.lax.scan(one, state, jax.random.split(run, draws))[1]

    return jax.jit(jax.vmap(chain))


SAMPLERS = {"numpyro": numpyro_chains, "blackjax": blackjax_chains}


def measured(density: Density, draws: int, repeats: int) -> Iterator[dict[str, Any]]:
    """A row per sampler."""
    for name, make in SAMPLERS.items():
        if importlib.util.find_spec(name) is None:
            continue
        run, seeds, found = make(density, draws), iter(range(repeats + 2)), []

        def again(run: Any = run, seeds: Any = seeds, found: Any = found) -> Any:
            keys = jax.random.split(jax.random.key(next(seeds)), _CHAINS)
            found.append(jax.block_until_ready(run(keys)))
            return found[-1]

        _, _, first = timed(again)
        _, timing = measure(again, repeats)
        checks = [diagnosed(np.asarray(z)) for z, _ in found]
        ess = float(np.mean([check[0] for check in checks]))
        yield {
            "sampler": name,
            "compile CPU s": first - timing.cpu,
            "wall s": timing.wall,
            "CPU s": timing.cpu,
            "bulk ESS": ess,
            "tail ESS": float(np.mean([check[1] for check in checks])),
            "worst R-hat": float(max(check[2] for check in checks)),
            "divergences": int(sum(np.sum(diverging) for _, diverging in found)),
            "ESS/s": ess / timing.wall,
            "ESS/CPU s": ess / timing.cpu,
        }


def diagnosed(z: np.ndarray) -> tuple[float, float, float]:
    """Least bulk and tail ESS and largest R-hat of coordinates (chains, draws, p)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Old ArviZ announces the new one.
        import arviz

    draws = {"posterior": {f"z{k}": z[..., k] for k in range(z.shape[-1])}}
    old = arviz.__version__ < "1"
    tree = arviz.from_dict(**draws) if old else arviz.from_dict(draws)
    table = arviz.summary(tree, kind="diagnostics", round_to="none")
    return table["ess_bulk"].min(), table["ess_tail"].min(), table["r_hat"].max()


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--draws", type=int, default=1000, help="per chain; as many of warmup")
    made.add_argument("--repeats", type=int, default=3)
    given = made.parse_args()
    rows = []
    for table, load in _TABLES.items():
        runs = load()
        for objective in _OBJECTIVES:
            fit = sj.fit(runs, objective=objective, resamples=0)
            density = make_density(fit.problem, fit.params)
            with jax.enable_x64(True):
                found = measured(density, given.draws, given.repeats)
                rows += [{"runs": table, "likelihood": objective.name, **row} for row in found]
    notes = [
        f"{_CHAINS} chains of {given.draws:,} draws; divergences of all {given.repeats + 2} runs"
    ]
    report("Posterior by NUTS", rows, notes, given.json)


if __name__ == "__main__":
    main()
