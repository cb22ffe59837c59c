"""The forecast as a pure function: a law, a prior, a smooth discrepancy and noise, for one table.

    y = f(theta, x) + g h(x) + u_run + eps
    eps ~ N(0, s^2),  h ~ GP(0, (r s)^2),  u ~ N(0, (q s)^2)

At one point of the grid (r, length, q) the covariance of the rows is s^2 (I + G diag(ratio)
G'), with features G of the discrepancy and of the runs; `grid_point` whitens them once, on the
host. `solve` finds the posterior mode of theta and its Laplace evidence, `predict` the mean and
variance of new runs. `forecast` maps over the grid and averages by evidence. Mathematics for one
table and one point; batches are outside.

No LAPACK is called inside a program: in JAX 0.10 its threads wait for each other over batches of
small systems, for ever on two cores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scalejax._arrays import Floats
from scalejax.forecasting.inside import Prior
from scalejax.solvers import implicit_root, linear

LogLoss = Callable[[jax.Array, jax.Array], jax.Array]

PRIOR_ROWS, PRIOR_NOISE = 2.0, 0.004
"""The noise of a run before the table is seen: as of two rows of 0.4 %."""

TAU, TAU_SD = 0.03, 1.0
"""Prior of the size of the discrepancy: its median, and the sd of its logarithm."""

TAIL, CURVED_TAIL, LEARNT_TAIL = 0.004, 0.004, 0.2
"""Standard deviations that are added beyond the largest run: for each decade, for each decade
squared, and for each decade times the size of the discrepancy. Chosen on public tables and on
simulations of a law that is right and one that bends by 1 % a decade squared: beside 1 % for each
decade, the tables' coverage and interval score stay, and a law that is right pays less
(benchmarks/results/foresight.md has the trade)."""

SEARCHES = 2
"""Searches at a grid point, from the best of the prior's starts: on public tables 3 changed nothing
and took half as long again."""

MOST_STEPS, ROUNDING = 60, 1e-7
_FIRST_DAMPING, _LESS, _MORE, _LARGEST = 1e-2, 0.3, 5.0, 1e6


class RowArrays(NamedTuple):
    """Rows of one table; rows of weight zero are padding.

    Attributes:
        y: ln(loss / typical loss), (n,).
        x: The inputs as the law reads them, (n, k).
        weight: Of each row, (n,): its noise has the variance s^2 / weight; 0 for padding.
        within: Sum of squares of what was joined to one row, around its mean, ().
    """

    y: Any
    x: Any
    weight: Any
    within: Any = 0.0


class GridPoint(NamedTuple):
    """One choice of the hyper-parameters, see `grid_point`.

    Attributes:
        white: White features B of the rows: the inverse covariance of the rows, each times the root
            of its weight, is (I - B B') / s^2; (n, m).
        at_targets: The same of the targets, (t, m).
        log_det: Log determinant of that covariance over s^2, ().
        discrepancy: r, the size of the discrepancy over the noise, ().
        new_run: q^2, variance of a new run's offset in units of s^2, ().
    """

    white: Any
    at_targets: Any
    log_det: Any
    discrepancy: Any
    new_run: Any


def grid_point(
    features: Floats,
    at_targets: Floats,
    ratio: Floats,
    weight: Floats,
    discrepancy: float,
    new_run: float = 0.0,
) -> GridPoint:
    """Whiten features on the host, by the Cholesky factor of I + S G' W G S with S^2 = ratio.

    Args:
        features: Features of discrepancy and runs on the rows, (n, m).
        at_targets: The same at the targets, (t, m).
        ratio: Variance of each feature's coefficient in units of s^2, (m,).
        weight: Of each row, (n,).
        discrepancy: r.
        new_run: q^2.
    """
    scaled = features * np.sqrt(weight)[:, None] * np.sqrt(ratio)
    factor = np.linalg.cholesky(np.eye(len(ratio)) + scaled.T @ scaled)
    whiten = np.linalg.inv(factor).T
    return GridPoint(
        white=scaled @ whiten,
        at_targets=(at_targets * np.sqrt(ratio)) @ whiten,
        log_det=np.float64(2 * np.sum(np.log(np.diag(factor)))),
        discrepancy=np.float64(discrepancy),
        new_run=np.float64(new_run),
    )


class ForecastMode(NamedTuple):
    """The posterior mode at one grid point.

    Attributes:
        theta: Coordinates of the law, (p,).
        covariance: Of them, given the grid point, (p, p).
        variance: s^2, ().
        evidence: Log of Laplace's evidence, ().
        bend: Coefficients of the white features, (m,).
        bend_of_theta: Their derivative in theta, (m, p), with the sign of the law's.
        noise: Residuals of law and discrepancy in units of s, (n,).
    """

    theta: Any
    covariance: Any
    variance: Any
    evidence: Any
    bend: Any
    bend_of_theta: Any
    noise: Any


class _LevenbergState(NamedTuple):
    theta: Any
    damping: Any
    moved: Any
    step: Any


@dataclass(frozen=True)
class _Terms:
    """The objective of one table at one grid point, and its parts."""

    log_loss: LogLoss
    prior: Prior
    table: RowArrays
    point: GridPoint

    @property
    def root(self) -> jax.Array:
        return jnp.sqrt(self.table.weight)

    @property
    def rows(self) -> jax.Array:
        """Weight of all rows and of what is known of the noise beforehand, ()."""
        return jnp.sum(self.table.weight) + PRIOR_ROWS

    @property
    def precision(self) -> jax.Array:
        """Of the prior, (p,)."""
        return 1 / self.prior.sd**2

    def inner(self, a: jax.Array, b: jax.Array) -> jax.Array:
        """A' V^-1 b of arrays (n, ...), by Woodbury."""
        return a.T @ b - (self.point.white.T @ a).T @ (self.point.white.T @ b)

    def residual(self, theta: jax.Array) -> jax.Array:
        """Of each row, times the root of its weight, (n,)."""
        law = jax.vmap(self.log_loss, (None, 0))(theta, self.table.x)
        return (self.table.y - law) * self.root

    def slopes(self, theta: jax.Array) -> jax.Array:
        """Derivatives of the law at each row, times the root of its weight, (n, p)."""
        slopes = jax.vmap(jax.jacfwd(self.log_loss), (None, 0))(theta, self.table.x)
        return slopes * self.root[:, None]

    def noise(self, square: jax.Array) -> jax.Array:
        """The profiled s^2 at a sum of squares, ()."""
        return (square + self.table.within + PRIOR_ROWS * PRIOR_NOISE**2) / self.rows

    def penalty(self, theta: jax.Array) -> jax.Array:
        """Minus twice the log prior, up to a constant, ()."""
        return jnp.sum(self.precision * (theta - self.prior.mean) ** 2)

    def objective(self, theta: jax.Array) -> jax.Array:
        """Minus twice the log posterior with the noise profiled, up to a constant, ()."""
        r = self.residual(theta)
        return self.rows * jnp.log(self.noise(self.inner(r, r))) + self.penalty(theta)


def solve(log_loss: LogLoss, prior: Prior, table: RowArrays, point: GridPoint) -> ForecastMode:
    """The posterior mode at one grid point, from the best starts of the prior.

    In float64, or the dtype of what it is given; differentiable in the losses, by the implicit
    function theorem.
    """
    prior = Prior(*(jnp.asarray(values, table.y.dtype) for values in prior))
    terms = _Terms(log_loss, prior, table, point)
    stopped = _Terms(log_loss, prior, *jax.tree.map(lax.stop_gradient, (table, point)))
    theta = implicit_root(jax.grad(terms.objective), _search(stopped), _solve_symmetric)
    r, j = terms.residual(theta), terms.slopes(theta)
    variance = terms.noise(terms.inner(r, r))
    factor = _factorise(terms.inner(j, j) / variance + jnp.diag(terms.precision))
    evidence = -0.5 * (
        terms.rows * jnp.log(variance)
        + point.log_det
        + terms.penalty(theta)
        - jnp.sum(jnp.log(terms.precision))
        - jnp.sum(jnp.log(factor.inverse))
    )
    size = len(theta)
    bend = point.white.T @ r
    left = (r - point.white @ bend) / jnp.where(terms.root > 0, terms.root, 1.0)
    return ForecastMode(
        theta=theta,
        covariance=jax.vmap(lambda one: linear.solve(factor, one, size))(
            jnp.eye(size, dtype=theta.dtype)
        ),
        variance=variance,
        evidence=evidence,
        bend=bend,
        bend_of_theta=point.white.T @ j,
        noise=left / jnp.sqrt(variance),
    )


def _search(terms: _Terms) -> jax.Array:
    """The best end of the searches, (p,).

    The noise is profiled at each step; the search is Levenberg and Marquardt's on the generalised
    least squares of rows and prior.
    """
    prior = terms.prior
    longest = jnp.maximum(prior.sd, 1.0)

    def step(now: _LevenbergState) -> _LevenbergState:
        r, j = terms.residual(now.theta), terms.slopes(now.theta)
        square = terms.inner(r, r)
        variance = terms.noise(square)
        hessian = terms.inner(j, j) / variance + jnp.diag(terms.precision)
        slope = terms.inner(j, r) / variance - terms.precision * (now.theta - prior.mean)
        move = linear.solve(_factorise(hessian, now.damping), slope, len(slope))
        move = jnp.clip(move, -longest, longest)
        theta = jnp.clip(now.theta + move, prior.low, prior.high)
        far = terms.residual(theta)
        better = terms.inner(far, far) / variance + terms.penalty(theta) < (
            square / variance + terms.penalty(now.theta) + 1e-10
        )
        return _LevenbergState(
            theta=jnp.where(better, theta, now.theta),
            damping=jnp.where(
                better,
                jnp.maximum(now.damping * _LESS, 1e-7),
                jnp.minimum(now.damping * _MORE, _LARGEST),
            ),
            moved=jnp.max(jnp.abs(move)),
            step=now.step + 1,
        )

    def search(start: jax.Array) -> jax.Array:
        one = jnp.ones((), start.dtype)
        return lax.while_loop(
            lambda now: (now.step < MOST_STEPS) & (now.moved > ROUNDING),
            step,
            _LevenbergState(start, _FIRST_DAMPING * one, one, 0),
        ).theta

    def score(theta: jax.Array) -> jax.Array:
        value = terms.objective(theta)
        return jnp.where(jnp.isfinite(value), value, jnp.inf)

    starts = prior.starts
    if len(starts) > SEARCHES:
        starts = starts[lax.top_k(-jax.vmap(score)(starts), SEARCHES)[1]]
    ends = jax.vmap(search)(starts)
    return ends[jnp.argmin(jax.vmap(score)(ends))]


def _factorise(matrix: jax.Array, damping: Any = 0.0) -> linear.Factor:
    """Factor of a symmetric matrix (p, p), its diagonal raised by a share of itself."""
    size = len(matrix)
    return linear.factorise(
        matrix[np.tril_indices(size)],
        size,
        damping=jnp.asarray(damping, matrix.dtype),
        frozen=jnp.zeros(size, bool),
    )


def _solve_symmetric(apply: Callable[[jax.Array], jax.Array], right: jax.Array) -> jax.Array:
    """Solve ``apply(x) = right`` for a linear function that is symmetric."""
    matrix = jax.vmap(apply)(jnp.eye(len(right), dtype=right.dtype))
    return linear.solve(_factorise(matrix), right, len(right))


def predict(
    log_loss: LogLoss, mode: ForecastMode, point: GridPoint, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of ln(loss / typical loss) of new runs at one grid point, (t,) each.

    Args:
        log_loss: The law.
        mode: From `solve`.
        point: The grid point.
        targets: The inputs as the law reads them, (t, k).
    """
    law = jax.vmap(log_loss, (None, 0))(mode.theta, targets)
    slope = jax.vmap(jax.jacfwd(log_loss), (None, 0))(mode.theta, targets)
    slope = slope - point.at_targets @ mode.bend_of_theta
    of_bend = jnp.sum(point.at_targets**2, 1)
    of_law = jnp.sum((slope @ mode.covariance) * slope, 1)
    mean = law + point.at_targets @ mode.bend
    return mean, mode.variance * (1 + point.new_run + of_bend) + of_law


def tail(tau: Any, beyond: Any) -> Any:
    """Variance that is added for what nothing has tested, of the shape of both.

    Args:
        tau: Size of the discrepancy.
        beyond: Decades of compute beyond the largest row.
    """
    fixed = (TAIL * beyond) ** 2 + (CURVED_TAIL * beyond**2) ** 2
    return fixed + (LEARNT_TAIL * tau * beyond) ** 2


class ForecastArrays(NamedTuple):
    """A forecast of one table.

    Attributes:
        mean: Of ln(loss / typical loss) of new runs, (t,).
        variance: Its variance, over the grid and with the tail, (t,).
        weight: Of each grid point, (g,).
        tau: Size of the discrepancy at each, (g,).
        noise: Residuals of the rows in units of s, over the grid, (n,).
        modes: The modes, with a leading (g,).
    """

    mean: Any
    variance: Any
    weight: Any
    tau: Any
    noise: Any
    modes: ForecastMode


def forecast(
    log_loss: LogLoss,
    prior: Prior,
    table: RowArrays,
    grid: GridPoint,
    targets: jax.Array,
    beyond: jax.Array,
) -> ForecastArrays:
    """Forecast new runs of one table, the grid averaged by evidence.

    Args:
        log_loss: The law at one point, ``(theta, x) -> ln(loss / typical loss)``.
        prior: Its prior.
        table: The rows.
        grid: Grid points, with a leading axis (g,).
        targets: The inputs of new runs as the law reads them, (t, k).
        beyond: Decades of compute beyond the largest row, (t,).
    """
    modes = jax.vmap(lambda one: solve(log_loss, prior, table, one))(grid)
    means, variances = jax.vmap(lambda m, g: predict(log_loss, m, g, targets))(modes, grid)
    tau = grid.discrepancy * jnp.sqrt(modes.variance)
    weight = jax.nn.softmax(modes.evidence - 0.5 * (jnp.log(tau / TAU) / TAU_SD) ** 2)
    mean = weight @ means
    variance = weight @ (variances + tail(tau[:, None], beyond) + (means - mean) ** 2)
    return ForecastArrays(mean, variance, weight, tau, weight @ modes.noise, modes)
