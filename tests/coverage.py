"""Simulated tables of a known law, to count how often the intervals of real fits hold the truth.

Everything goes through `scalejax.fit` and what a `Fit` offers, with the tool's defaults where
nothing is said. `tests/fitting/test_coverage.py` holds the counts to their gates and
`benchmarks/coverage.py` writes them to `benchmarks/results/coverage.md`.

- `design`, `checkpoints`, `families`, `grid`: where the runs lie;
- `noise`: what is added to their log losses;
- `fits`: the fits of simulated tables, one after the other;
- `Counts`: how often intervals covered, and how wide they were.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

import scalejax as sj

Floats = NDArray[np.float64]
Inputs = Mapping[str, Floats]
Noise = Literal["gauss", "t3", "falling"]

TRUTH = {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658}
"""Chinchilla's law as fitted again by Besiroglu et al. (arXiv 2404.10102)."""

SD = 0.005
"""Root mean square of the noise on log losses."""

COMPUTE = (5e18, 1.3e22)
TOKENS_PER_PARAMETER = (2.0, 200.0)
PLANNED = 100 * COMPUTE[1]
"""Compute of the planned run, FLOPs of 6 N D."""

DISTANCES = (1, 10, 100, 1000)
"""How many times the largest compute a new run takes, for predictions."""

TARGETS = ("alpha", "beta", "E", "a", "ln D/N", "ln L")


def law(N: Any, D: Any, E: Any, A: Any, alpha: Any, B: Any, beta: Any) -> Any:
    """Chinchilla's law, written apart from the one under test."""
    return E + A * N**-alpha + B * D**-beta


def optimum(parameters: Mapping[str, Any], compute: Any) -> tuple[Any, Any]:
    """N and D of the lowest loss at a compute of 6 N D (Hoffmann et al., equation 4)."""
    p = parameters
    a = p["beta"] / (p["alpha"] + p["beta"])
    G = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    return G * (compute / 6) ** a, (compute / 6) ** (1 - a) / G


@jax.jit
def targets(parameters: Mapping[str, Any]) -> Any:
    """The six `TARGETS`: parameters, a, and ln D/N and ln L of the planned run, (6,)."""
    p = parameters
    N, D = optimum(p, PLANNED)
    a = p["beta"] / (p["alpha"] + p["beta"])
    own = (p["alpha"], p["beta"], p["E"])
    return jnp.stack([*own, a, jnp.log(D / N), jnp.log(law(N, D, **p))])


def true_targets() -> Floats:
    """The truth of the six targets, (6,)."""
    with jax.enable_x64(True):
        return np.asarray(targets(TRUTH), np.float64)


def design(n: int) -> Inputs:
    """n runs that fill compute and tokens per parameter evenly (R2 sequence, no randomness)."""
    k, plastic = np.arange(n) + 0.5, 1.324717957244746
    share, other = (k / plastic) % 1, (k / plastic**2) % 1
    compute = COMPUTE[0] * (COMPUTE[1] / COMPUTE[0]) ** share
    ratio = TOKENS_PER_PARAMETER[0] * np.divide(*TOKENS_PER_PARAMETER[::-1]) ** other
    N = np.sqrt(compute / (6 * ratio))
    return {"N": N, "D": N * ratio}


def grid(sizes: int, tokens: int) -> Inputs:
    """Independent runs of every size with every number of tokens, sorted by both."""
    N, D = np.geomspace(1e8, 1e10, sizes), np.geomspace(3e9, 3e11, tokens)
    return {"N": np.repeat(N, tokens), "D": np.tile(D, sizes)}


def checkpoints(runs: int, each: int) -> tuple[Inputs, NDArray[np.int64]]:
    """Runs of `design` seen at `each` points from a twentieth of their tokens on; run of each."""
    last = design(runs)
    D = last["D"][:, None] * np.geomspace(0.05, 1, each)
    return {"N": np.repeat(last["N"], each), "D": D.ravel()}, np.repeat(np.arange(runs), each)


def noise(kind: Noise, inputs: Inputs, generator: np.random.Generator) -> Floats:
    """Noise on log losses with root mean square `SD`: Gauss, Student's t3, or falling with C.

    Falling: Gauss whose standard deviation is five times smaller at the largest compute than at
    the smallest.
    """
    n = len(inputs["N"])
    if kind == "t3":
        return SD / np.sqrt(3) * generator.standard_t(3, n)
    size = np.ones(n)
    if kind == "falling":
        size = (inputs["N"] * inputs["D"]) ** (-np.log(5) / np.log(COMPUTE[1] / COMPUTE[0]))
    return SD * size / np.sqrt(np.mean(size**2)) * generator.standard_normal(n)


def shared_noise(
    units: tuple[NDArray[np.int64], ...],
    shares: tuple[float, ...],
    generator: np.random.Generator,
) -> Floats:
    """Gaussian noise of which units of each level share a part of the variance; the rest is own."""
    total = np.sqrt(1 - sum(shares)) * generator.standard_normal(len(units[0]))
    for unit, share in zip(units, shares, strict=True):
        total += np.sqrt(share) * generator.standard_normal(unit.max() + 1)[unit]
    return SD * total


def losses(inputs: Inputs, errors: Floats) -> Floats:
    """Losses of runs with errors in their logarithm."""
    return law(inputs["N"], inputs["D"], **TRUTH) * np.exp(errors)


@dataclass(frozen=True)
class Simulated:
    """One fit of a simulated table.

    Attributes:
        fit: The fit.
        new_runs: Standard normal noise of new runs, one at each of `DISTANCES`.
        said: Messages of the warnings.
    """

    fit: sj.Fit
    new_runs: Floats
    said: tuple[str, ...]


def fits(
    inputs: Inputs,
    errors: Callable[[np.random.Generator], Floats],
    count: int,
    *,
    seed: int = 0,
    objective: sj.objectives.Objective | None = None,
    **options: Any,
) -> Iterator[Simulated]:
    """Fits of tables that differ in their noise alone.

    Args:
        inputs: Where the runs lie, (n,) each.
        errors: Makes the errors of the log losses, (n,).
        count: How many.
        seed: Seed of all of them; simulation k is the same whatever the other arguments are.
        objective: Least squares if not given.
        **options: Passed to `scalejax.fit`.
    """
    for k in range(count):
        generator = np.random.default_rng([seed, k])
        data = {**inputs, "loss": losses(inputs, errors(generator))}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit = sj.fit(data, objective=objective or sj.least_squares(), seed=k, **options)
        new_runs = generator.standard_normal(len(DISTANCES))
        yield Simulated(fit, new_runs, tuple(str(warning.message) for warning in caught))


@dataclass
class Counts:
    """How often intervals covered.

    Attributes:
        truth: What they should hold, (k,).
        low: Lower ends, one array (k,) for each simulation; NaN where none was given.
        high: Upper ends.
    """

    truth: Floats
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)

    def add(self, low: Any, high: Any, truth: Floats | None = None) -> None:
        """Add the intervals of one simulation; a truth that changes is subtracted."""
        shift = 0.0 if truth is None else truth
        self.low.append(np.asarray(low, np.float64) - shift)
        self.high.append(np.asarray(high, np.float64) - shift)

    @property
    def count(self) -> int:
        """Simulations."""
        return len(self.low)

    @property
    def withheld(self) -> float:
        """Share of intervals that were not given."""
        return float(np.mean(np.isnan(self.low)))

    @property
    def rate(self) -> Floats:
        """Share of the given intervals that hold the truth, (k,); NaN if none was given."""
        low, high = np.array(self.low), np.array(self.high)
        given = np.sum(~np.isnan(low), axis=0)
        held = np.sum((low <= self.truth) & (self.truth <= high), axis=0)
        return np.where(given > 0, held / np.maximum(given, 1), np.nan)

    @property
    def width(self) -> Floats:
        """Median width of the given intervals, (k,)."""
        width = np.array(self.high) - np.array(self.low)
        return np.median(width[~np.any(np.isnan(width), axis=1)], axis=0)


def target_ends(fit: sj.Fit, kind: Any = None) -> tuple[Floats, Floats]:
    """Ends of the 95 % intervals of the six targets, (6,) each, as a user gets them."""
    ends = np.array(fit.interval(targets, kind=kind)[["lo", "hi"]])
    # Wald's intervals of the law's own parameters are made on the scale of the fit.
    ends[:3] = fit.conf_int(kind=kind).loc[list(TARGETS[:3]), ["lo", "hi"]]
    return ends[:, 0], ends[:, 1]


def count_targets(
    simulated: Iterator[Simulated], kinds: tuple[str | None, ...] = (None,)
) -> dict[str | None, Counts]:
    """Count how intervals of the six targets cover, by kind of interval; None is the default."""
    counts = {kind: Counts(true_targets()) for kind in kinds}
    for one in simulated:
        for kind in kinds:
            counts[kind].add(*target_ends(one.fit, kind))
    return counts


@dataclass
class Predictions:
    """How often intervals of the law alone hold the log loss of a new run at `DISTANCES`.

    Attributes:
        new_run: ``lo`` to ``hi``.
        curve: ``curve_lo`` to ``curve_hi``.
        residual: The predicted loss and Student's t times the size of the residuals.
    """

    new_run: Counts = field(default_factory=lambda: Counts(np.zeros(len(DISTANCES))))
    curve: Counts = field(default_factory=lambda: Counts(np.zeros(len(DISTANCES))))
    residual: Counts = field(default_factory=lambda: Counts(np.zeros(len(DISTANCES))))

    def add(self, one: Simulated, wrong: float, discrepancy: float | None) -> None:
        """Predict new runs of one simulation.

        Args:
            one: The simulation.
            wrong: Relative error of the law for each decade of compute beyond the data.
            discrepancy: What is declared.
        """
        N, D = optimum(TRUTH, COMPUTE[1] * np.array(DISTANCES))
        beyond = wrong * np.log10(DISTANCES)
        truth = np.log(losses({"N": N, "D": D}, SD * one.new_runs + beyond))
        frame = one.fit.predict({"N": N, "D": D}, discrepancy=discrepancy or "none")
        logs = np.log(frame[["loss", "lo", "hi", "curve_lo", "curve_hi"]])
        self.new_run.add(logs["lo"], logs["hi"], truth)
        self.curve.add(logs["curve_lo"], logs["curve_hi"], truth)
        residual = one.fit.residuals
        left = len(residual) - len(one.fit.free)
        reach = stdtrit(left, 0.975) * np.sqrt(np.sum(residual**2) / left)
        self.residual.add(logs["loss"] - reach, logs["loss"] + reach, truth)


def says_runs(one: Simulated) -> bool:
    """Whether a fit warned that its rows look like checkpoints of the same runs."""
    return any("look like checkpoints" in message for message in one.said)
