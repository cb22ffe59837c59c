"""Asymptotic covariances of a fitted law: classical and sandwich, from one pass over the rows.

With residuals r, weights w, the objective's slope psi and curvature chi, and the Jacobian J:

- classical: noise of one size in all rows (after weighting), independent of the inputs:
  ``cov = A^-1 B A^-1`` with ``A = mean(chi) J'WJ + P`` and ``B = s^2 J'WJ``, where s^2 is the
  weighted mean square of psi over n - p and P the curvature of priors and penalty. For least
  squares that is the textbook ``s^2 (J'WJ)^-1``.
- sandwich: ``A = J' W diag(chi) J + P`` and B the sum of squared scores of rows or clusters, with
  the usual factor for small samples (HC1 and CR1: MacKinnon and White 1985, Journal of Econometrics
  29, 305-325). It makes no assumption on the noise and needs many units to be accurate.

Huber's loss with a small delta has curvature in few rows, so chi is taken as a difference quotient
of psi over a width of the size of the residuals; that estimates the density of the residuals at
zero, as for quantile regression (Powell 1991, in Barnett, Powell and Tauchen, eds., Nonparametric
and Semiparametric Methods in Econometrics and Statistics). For least squares it changes nothing.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax._numerics import RUN_ONCE, robust_sd
from scalejax.engine.fit_problem import FitProblem
from scalejax.objectives import Model, Settings
from scalejax.scope import own_settings
from scalejax.status import CONDITION_LIMIT

CovarianceKind = Literal["wald", "sandwich"]
"""Classical, for noise that is equal and independent, or the sandwich, which needs neither."""

_FLAT_LOADING = 1e-3
"""Squared share of a parameter in the flat directions above which it counts as flat (3 % of its
length, as in `scalejax.identify`). Set by judgement."""


@dataclass(frozen=True, eq=False)
class Asymptotics:
    """A problem linearised at its solution.

    Attributes:
        names: Free parameters, in the order of the coordinates.
        residual: Predicted minus observed, (n,).
        jacobian: Derivatives of the residual in the coordinates, (n, p).
        weight: Weights, (n,).
        psi: Slope of the objective at each residual, (n,).
        chi: Smoothed curvature of the objective at each residual, (n,).
        penalty: Curvature of priors and penalty, (p, p).
        scale: Derivative of each parameter in its own coordinate, (p,).
        held: Parameters on a bound, which do not move, (p,).
        unit: Cluster of each row, or its number, (n,).
        undetermined: Parameters known not to be determined, even if they look so at this point.
    """

    names: tuple[str, ...]
    residual: Floats
    jacobian: Floats
    weight: Floats
    psi: Floats
    chi: Floats
    penalty: Floats
    scale: Floats
    held: NDArray[np.bool_]
    unit: Ints
    undetermined: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows with weight."""
        return int(np.sum(self.weight > 0))

    @property
    def units(self) -> int:
        """Independent units with weight: clusters, or rows."""
        return len(np.unique(self.unit[self.weight > 0]))

    @property
    def degrees_of_freedom(self) -> int:
        """Degrees of freedom of Student's t for intervals."""
        if self.units < self.rows:
            return max(self.units - 1, 1)
        return max(self.rows - len(self.names), 1)

    @property
    def curved_rows(self) -> int:
        """Rows on which the curvature, and so every covariance here, rests."""
        return int(np.sum((self.chi > 0) & (self.weight > 0)))

    @cached_property
    def _gram(self) -> Floats:
        return self.jacobian.T @ (self.weight[:, None] * self.jacobian)

    @cached_property
    def flat(self) -> tuple[str, ...]:
        """Parameters that take part in a direction that the data do not determine."""
        lost, vectors = self._directions
        share = np.sum(vectors[:, lost] ** 2, axis=1)
        moving = [name for name, held in zip(self.names, self.held, strict=True) if not held]
        flat = {n for n, part in zip(moving, share, strict=True) if part > _FLAT_LOADING}
        return tuple(name for name in self.names if name in flat.union(self.undetermined))

    @cached_property
    def _directions(self) -> tuple[NDArray[np.bool_], Floats]:
        """Which eigenvectors of the scaled matrix are lost, and all of them as columns."""
        matrix = self._moving(self._gram + self.penalty / max(float(np.mean(self.chi)), 1e-300))
        if not np.all(np.isfinite(matrix)):  # Nothing can be said of any direction.
            return np.ones(len(matrix), bool), np.eye(len(matrix))
        sizes, vectors = np.linalg.eigh(_scaled(matrix, _sizes(matrix)))
        return sizes * CONDITION_LIMIT**2 < np.max(sizes, initial=0.0), vectors

    def gap(self, name: str, kind: CovarianceKind) -> str:
        """Why a parameter has no standard error of this kind, in words; empty where it has one."""
        if name not in self.names:
            return "it was not fitted"
        if reason := self.obstacle(kind):
            return reason
        if self.held[self.names.index(name)]:
            return "it lies on its bound"
        return "the runs do not determine it" if name in self.flat else ""

    def obstacle(self, kind: CovarianceKind) -> str:
        """Why there is no covariance at all, in words; empty if there is one."""
        if not self.rows:
            return "no row carries weight"
        if self.curved_rows <= len(self.names):
            return (
                f"the objective is curved at {self.curved_rows} rows, too few for "
                f"{len(self.names)} parameters"
            )
        if kind == "sandwich" and self.units == 1:
            return "all rows belong to one cluster"
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(self._bread(kind)) & np.isfinite(self._meat(kind))
        return "" if np.all(finite) else "the law or its slopes are not finite at the estimate"

    def covariance(self, kind: CovarianceKind) -> Floats:
        """Covariance of the coordinates, (p, p); NaN where there is none, see `gap`."""
        names, moving = self.names, ~self.held
        full = np.full((len(names), len(names)), np.nan)
        if self.obstacle(kind):
            return full
        bread, meat = self._moving(self._bread(kind)), self._moving(self._meat(kind))
        size = _sizes(bread)
        inverse = np.linalg.pinv(_scaled(bread, size), rcond=CONDITION_LIMIT**-2)
        inverse = _scaled(np.asarray(inverse, np.float64), size)
        full[np.ix_(moving, moving)] = inverse @ meat @ inverse
        flat = np.isin(names, self.flat)
        full[flat, :] = full[:, flat] = np.nan
        return full

    def standard_errors(self, slope: Floats, kind: CovarianceKind) -> Floats:
        """Standard errors of quantities with derivatives (k, p) in the coordinates, (k,)."""
        covariance = self.covariance(kind)
        sure = ~np.isnan(np.diagonal(covariance))
        inner = covariance[np.ix_(sure, sure)]
        variance = np.einsum("ki,ij,kj->k", slope[:, sure], inner, slope[:, sure])
        # A flat parameter spoils only what depends on it.
        return np.sqrt(np.where(np.any(slope[:, ~sure] != 0, axis=1), np.nan, variance))

    def _moving(self, matrix: Floats) -> Floats:
        return matrix[np.ix_(~self.held, ~self.held)]

    def _bread(self, kind: CovarianceKind) -> Floats:
        if kind == "sandwich":
            curved = self.weight * self.chi
            return self.jacobian.T @ (curved[:, None] * self.jacobian) + self.penalty
        return self._mean_curvature * self._gram + self.penalty

    @property
    def _mean_curvature(self) -> float:
        return float(np.sum(self.weight * self.chi) / np.sum(self.weight))

    def _meat(self, kind: CovarianceKind) -> Floats:
        n, p = self.rows, len(self.names)
        left = max(n - p, 1)
        if kind == "sandwich":
            scores = (self.weight * self.psi)[:, None] * self.jacobian
            units = np.unique(self.unit, return_inverse=True)[1]
            summed = np.zeros((units.max() + 1, p))
            np.add.at(summed, units, scores)
            k = self.units
            factor = n / left if k == n else k / (k - 1) * (n - 1) / left
            return factor * summed.T @ summed
        used = self.weight > 0
        variance = float(np.sum(self.weight * self.psi**2)) / left
        spread = float(np.var(self.chi[used])) / self._mean_curvature**2
        # Huber's factor for small samples (Robust Statistics, Wiley 1981, equation 7.6.4).
        return variance * (1 + p / n * spread) ** 2 * self._gram


def _sizes(matrix: Floats) -> Floats:
    """Roots of a diagonal (p,), by which a matrix is scaled; one for a direction without any."""
    size = np.sqrt(np.maximum(np.diagonal(matrix), 0))
    return np.where(size > 0, size, 1.0)


def _scaled(matrix: Floats, size: Floats) -> Floats:
    """A matrix (p, p) divided by sizes (p,) on both sides, whose products may be too small."""
    return matrix / size[:, None] / size[None, :]


def asymptotics(
    problem: FitProblem,
    u: Floats,
    on_bound: tuple[str, ...],
    unit: Ints | None,
    undetermined: tuple[str, ...] = (),
) -> Asymptotics:
    """Linearise a problem at its solution.

    Args:
        problem: The problem.
        u: Coordinates of the solution, (p,).
        on_bound: Parameters that lie on a bound.
        unit: Cluster of each row, or None for independent rows.
        undetermined: Parameters known not to be determined, even if they look so there.
    """
    model, table = problem.model, problem.table
    free = len(model.free)
    settings = Settings(problem.objective.constants, problem.fixed, problem.priors)
    residual, jacobian = problem.tangent(u)
    width = _width(residual[table.weight > 0], free)
    around = np.stack([residual - width, residual, residual + width])
    with own_settings():
        slopes, penalty = jax.device_get(_bends(model, u, around, settings))
    below, psi, above = slopes
    own = [float(model.law.parameters[name].slope(u[k])) for k, name in enumerate(model.free)]
    return Asymptotics(
        names=model.free,
        residual=residual,
        jacobian=jacobian,
        weight=table.weight,
        psi=psi,
        chi=(above - below) / (2 * width),
        penalty=penalty[:free, :free],
        scale=np.array(own),
        held=np.isin(model.free, on_bound),
        unit=np.arange(table.n_rows) if unit is None else unit,
        undetermined=undetermined,
    )


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _bends(
    model: Model, u: jax.Array, residual: jax.Array, settings: Settings
) -> tuple[jax.Array, jax.Array]:
    """Slope of the objective at residuals (...), and the Hessian of priors and penalty (p, p)."""
    slope = jax.grad(lambda r: model.rho(u, r, settings.constants))
    penalty = jnp.zeros((u.shape[0], u.shape[0]))
    if settings.priors or model.penalty is not None:
        penalty = jax.hessian(lambda c: model.penalties(c, settings))(u)
    return jax.vmap(jax.vmap(slope))(residual), penalty


def _width(residual: Floats, parameters: int) -> float:
    """Half-width over which the curvature is smoothed: the size of the noise times n^(-1/5).

    That is the rate at which a density is best estimated from n values (Silverman 1986, Density
    Estimation, section 3.4); that the factor is one was set by judgement.

    A fit that is nearly least absolute deviations passes through as many rows as it has parameters;
    those residuals say nothing about the noise, and the others are a little too small.
    """
    n = len(residual)
    if not n:
        return np.nan
    left = max(n - parameters, 1)
    others = np.sort(np.abs(residual))[min(parameters, n - 1) :]
    robust = robust_sd(others) * n / left
    size = min(robust, float(np.sqrt(np.sum(residual**2) / left)))
    return max(size * n**-0.2, 1e-12)
