"""Fisher information of runs about the parameters of a law, and the criteria of designs.

A run whose residual has the standard deviation s has the information ``f f'`` on the coordinates u
of a fit, with ``f = (d residual / du) / s``; that of several runs is the sum. `run_vector` is f for
one run, `Stake` holds what a design is judged by, and `log_spread` judges by a `Criterion`, the
lower the better:

- variance: log of the summed variance of some numbers, each given by its slope (A; c for one);
- volume: minus log det of the information, per parameter (D).

Both are convex in the weights of the runs (Pukelsheim, Optimal Design of Experiments, 1993), and so
is their sum. The best design for one number alone often leaves other parameters open, so that no
fit would be certified: `CRITERIA` therefore mixes some volume into it (Atkinson, Donev and Tobias,
Optimum Experimental Designs, 2007, section 21).

Everything is written for one point of the parameters; callers map it over draws.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scalejax.objectives import Model
from scalejax.status import CONDITION_LIMIT


class Criterion(NamedTuple):
    """Weights of what a design is judged by.

    Attributes:
        variance: Weight of the log variance.
        volume: Weight of minus log det, per parameter.
    """

    variance: float
    volume: float


CRITERIA: Mapping[str, Criterion] = MappingProxyType(
    {"c": Criterion(1.0, 0.1), "D": Criterion(0.0, 1.0), "A": Criterion(1.0, 0.0)}
)
"""The criteria by name; the tenth of volume in ``c`` was set by judgement."""


class Noise(NamedTuple):
    """The standard deviation of a run's residual.

    Attributes:
        sd: Of every run: the noise between seeds, relative where residuals are of log losses.
        discrepancy: By how much the law itself may be wrong for each decade of compute between a
            run and the target; added in quadrature.
        log_target: Log of the target's compute.
    """

    sd: Any
    discrepancy: Any
    log_target: Any


class PastRuns(NamedTuple):
    """The runs so far, as the rows that were fitted.

    Attributes:
        runs: Inputs and ``log_compute`` of each row, (n,) each; n may be 0.
        weight: Weights, (n,), one on average.
        noise: The noise of a row of weight one.
        cluster: Rows of one number belong to one run, (n,).
        correlation: Of the noise of two rows of one run, ().
    """

    runs: dict[str, Any]
    weight: Any
    noise: Noise
    cluster: Any
    correlation: Any


class Stake(NamedTuple):
    """What a design is judged by at one point of the parameters.

    Slopes and information are whitened: a slope g is ``whiten @ g``, so that the runs so far and
    the mean of all candidates together have unit information.

    Attributes:
        u: Coordinates of the fit, (p,).
        whiten: The matrix that slopes are multiplied by, (p, p).
        before: Information of the runs so far, (p, p).
        goal: Slopes of the numbers whose variance counts, (p, k).
        slope: Slope of the target itself, (p,).
    """

    u: Any
    whiten: Any
    before: Any
    goal: Any
    slope: Any


def run_slope(model: Model, fixed: Mapping[str, Any], u: Any, run: Mapping[str, Any]) -> jax.Array:
    """Slope (p,) of the residual of one run in the coordinates (p,)."""
    inputs = tuple(run[name] for name in model.law.inputs)
    return jax.jacfwd(lambda c: model.residual(c, inputs, 0.0, fixed))(u)


def run_sd(noise: Noise, log_compute: Any) -> jax.Array:
    """Standard deviation of the residual of one run, ()."""
    decades = (log_compute - noise.log_target) / np.log(10.0)
    # A run whose compute is not known has no distance.
    wrong = jnp.where(noise.discrepancy > 0, noise.discrepancy * decades, 0.0)
    return jnp.sqrt(noise.sd**2 + wrong**2)


def run_vector(
    model: Model, fixed: Mapping[str, Any], noise: Noise, u: Any, run: Mapping[str, Any]
) -> jax.Array:
    """The vector f (p,) of one run, whose information is ``f f'``.

    Args:
        model: The law with its free parameters.
        fixed: Values of fixed parameters, by name.
        noise: The noise of a run.
        u: Coordinates, (p,).
        run: The inputs of the law, and ``log_compute``.
    """
    return run_slope(model, fixed, u, run) / run_sd(noise, run["log_compute"])


def information(vectors: Any, weight: Any) -> jax.Array:
    """Information (p, p) of runs with vectors (n, p) and weights (n,)."""
    return vectors.T @ (weight[:, None] * vectors)


def information_so_far(vectors: Any, past: PastRuns) -> jax.Array:
    """Information (p, p) that a least-squares fit takes from rows with vectors (n, p).

    The inverse of its covariance. With rows that are independent that is `information`; rows of one
    run that share its noise tell less (Liang and Zeger 1986, Biometrika 73, 13-22, with equal
    correlations).
    """
    bread = information(vectors, past.weight)
    weighted = past.weight[:, None] * vectors
    summed = jnp.zeros_like(vectors).at[past.cluster].add(weighted)
    meat = (1 - past.correlation) * bread + past.correlation * summed.T @ summed
    size = jnp.sqrt(jnp.maximum(jnp.diagonal(bread), 1e-300))
    scale = jnp.outer(size, size)
    inverse = jnp.linalg.pinv(meat / scale, rtol=CONDITION_LIMIT**-2, hermitian=True)
    lessened = scale * ((bread / scale) @ inverse @ (bread / scale))
    return jnp.where(past.correlation > 0, lessened, bread)


def log_spread(criterion: Criterion, matrix: Any, goal: Any) -> jax.Array:
    """The criterion of an information matrix (p, p) and slopes (p, k), (); lower is better."""
    spread = jnp.zeros(())
    if criterion.variance:
        spread = criterion.variance * jnp.log(jnp.sum(goal * jnp.linalg.solve(matrix, goal)))
    if criterion.volume:
        spread -= criterion.volume * jnp.linalg.slogdet(matrix)[1] / matrix.shape[0]
    return spread


def inverse(matrix: Any) -> jax.Array:
    """Inverse of a whitened information matrix (p, p), by Gauss and Jordan without pivots.

    Vectors are whitened, so that it is as good as a solve, and many times faster. LAPACK is not
    called: over a batch of matrices of some dozens of rows its threads and those of the compiled
    program hinder each other, in JAX 0.10 by a factor of a hundred on two cores.
    """

    def eliminate(k: Any, a: jax.Array) -> jax.Array:
        pivot = a[k, k]
        row, column = a[k] / pivot, a[:, k]
        a = (a - jnp.outer(column, row)).at[k].set(row).at[:, k].set(-column / pivot)
        return a.at[k, k].set(1 / pivot)

    return lax.fori_loop(0, matrix.shape[0], eliminate, matrix)


def gains(criterion: Criterion, matrix: Any, goal: Any, vectors: Any) -> jax.Array:
    """How fast a little more weight on each run lowers `log_spread`, (n,)."""
    covariance = inverse(matrix)
    solved = vectors @ covariance
    gain = criterion.volume * jnp.sum(vectors * solved, 1) / matrix.shape[0]
    if criterion.variance:
        whole = jnp.sum(goal * (covariance @ goal))
        gain += criterion.variance * jnp.sum((solved @ goal) ** 2, 1) / whole
    return gain


def spread_with(criterion: Criterion, matrix: Any, goal: Any, vectors: Any) -> jax.Array:
    """`log_spread` with one more run, for each run (n,), by rank-one updates."""
    covariance = inverse(matrix)
    solved = vectors @ covariance
    grown = 1 + jnp.sum(vectors * solved, 1)
    spread = jnp.zeros(len(vectors))
    if criterion.variance:
        whole = jnp.sum(goal * (covariance @ goal))
        left = whole - jnp.sum((solved @ goal) ** 2, 1) / grown
        spread = criterion.variance * jnp.log(jnp.maximum(left, 1e-300))
    if criterion.volume:
        now = jnp.linalg.slogdet(matrix)[1]
        spread -= criterion.volume * (now + jnp.log(grown)) / matrix.shape[0]
    return spread


def standard_error(matrix: Any, slope: Any) -> jax.Array:
    """Standard error of a number with slope (p,) under an information matrix, (), both whitened.

    Infinite if the runs leave a direction open.
    """
    enough = jnp.linalg.eigvalsh(matrix)[0] > CONDITION_LIMIT**-2
    safe = jnp.where(enough, matrix, jnp.eye(matrix.shape[0]))
    return jnp.where(enough, jnp.sqrt(slope @ jnp.linalg.solve(safe, slope)), jnp.inf)


def whitening(matrix: Any) -> jax.Array:
    """W (p, p) with ``W matrix W' = 1``; NaN for a matrix that is singular."""
    size = jnp.sqrt(jnp.diagonal(matrix))
    root = jnp.linalg.cholesky(matrix / jnp.outer(size, size))
    return jnp.linalg.inv(root) / size
