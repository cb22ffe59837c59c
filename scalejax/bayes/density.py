"""The posterior density of a law: an objective read as a likelihood, times priors.

**Likelihood.** Each objective is the negative logarithm of a density of the residual r, up to its
integral. The integral depends on the noise scale s, which is sampled together with the law, so it
is part of the density:

- `least_squares`: normal with standard deviation ``s / sqrt(w)`` for a row of weight w;
- `student_t`: Student's t with scale ``s / sqrt(w)`` and the objective's degrees of freedom;
- `absolute`: Laplace with mean absolute residual ``s / w``;
- `huber`: ``exp(-w rho(r) / T) / Z`` with the objective's delta, so that at any temperature T the
  likelihood is largest where the objective is least. ``T = s^2 / sqrt(1 + (s / delta)^2)`` makes s
  the standard deviation for s << delta, and the mean absolute residual for s >> delta, of a row of
  unit weight. ``Z = sqrt(2 pi t) erf(delta / sqrt(2 t)) + 2 t / delta exp(-delta^2 / (2 t))`` with
  ``t = T / w``.

A loss of your own has no known integral. Rows are independent given the law.

**Priors.** A coordinate of the fit (the logarithm of a coefficient, an exponent itself) is normal,
its plausible range being plus or minus two standard deviations. `Normal` and `LogNormal` priors
replace it; their `noise` is not used. All are cut off at the bounds of the fit. The noise scale is
log-normal: 1 % of the loss, a factor of 10 being one standard deviation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from jax.scipy.stats import norm, t

from scalejax.engine import FitProblem, make_box
from scalejax.laws import Parameter
from scalejax.objectives import Kernel, LogNormal, Model, Prior, Rows, losses
from scalejax.scope import own_settings

NormalView = Literal["coordinate", "value", "log value"]
"""Which function of a parameter has the normal prior."""

# Width of the bend at a bound, in standard deviations of the default prior. By judgement: a
# narrower one is harder to sample, a wider one distorts the density further inside.
_BEND = 0.1
# Prior of the noise scale, by judgement: 1 % of the loss, vague over a factor of 10 either way.
# Least scale at the start, so that its logarithm exists for rows that the law meets exactly.
_NOISE_SHARE, _NOISE_SD, _LEAST_NOISE = 0.01, float(np.log(10.0)), 1e-12


class Beliefs(NamedTuple):
    """Bounds and priors of the coordinates, (p + 1,) each.

    Attributes:
        lower: Lower bounds of the coordinates.
        upper: Upper bounds of the coordinates.
        bend: Distance from a bound within which the real line is bent to stay inside.
        mean: Means of the normal priors.
        sd: Their standard deviations.
    """

    lower: Any
    upper: Any
    bend: Any
    mean: Any
    sd: Any


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("beliefs", "rows", "weight", "fixed", "constants", "centre", "whitening"),
    meta_fields=("model", "views"),
)
@dataclass(frozen=True)
class Density:
    """A posterior density of whitened coordinates, as a pytree: code is compiled for its shape.

    The p + 1 coordinates are those of the fit and the logarithm of the noise scale.

    Attributes:
        model: The law, its p free parameters, and the kernel that is read as a likelihood.
        views: Which function of the parameter has the normal prior, per coordinate.
        beliefs: Bounds and priors.
        rows: The rows of positive weight.
        weight: Their weights, (n,).
        fixed: Values of fixed parameters.
        constants: Constants of the objective.
        centre: Where the whitened coordinates vanish, (p + 1,).
        whitening: Change per whitened coordinate, (p + 1, p + 1).
    """

    model: Model
    views: tuple[NormalView, ...]
    beliefs: Beliefs
    rows: Rows
    weight: Any
    fixed: Mapping[str, Any]
    constants: tuple[Any, ...]
    centre: Any
    whitening: Any

    def coordinates(self, z: jax.Array) -> jax.Array:
        """Coordinates, inside their bounds, at whitened ones (..., p + 1)."""
        return self._bounded(self.centre + z @ self.whitening.T)

    def __call__(self, z: jax.Array) -> jax.Array:
        """Log density of whitened coordinates (p + 1,), up to a constant."""
        v = self.centre + self.whitening @ z
        x, slope = jax.jvp(self._normals, (v,), (jnp.ones_like(v),))
        prior = norm.logpdf(x, self.beliefs.mean, self.beliefs.sd) + jnp.log(jnp.abs(slope))
        likelihood = log_likelihood(
            self.model.kernel, self._residual(v), jnp.exp(v[-1]), self.weight, self.constants
        )
        total = jnp.sum(prior) + jnp.sum(likelihood)
        return jnp.where(jnp.isnan(total), -jnp.inf, total)

    def whitened(self) -> "Density":
        """The same density, whitened by the information of rows and priors at the centre."""
        v = self.centre
        jacobian = jax.jacfwd(self._residual)(v)
        slope = jnp.diagonal(jax.jacfwd(self._normals)(v)) / self.beliefs.sd
        information = jnp.exp(-2 * v[-1]) * (jacobian.T * self.weight) @ jacobian
        # The logarithm of a normal distribution's scale has the information 2 n.
        information += jnp.diag(slope**2).at[-1, -1].add(2.0 * len(self.weight))
        size = jnp.sqrt(jnp.diagonal(information))
        root = jnp.linalg.cholesky(information / jnp.outer(size, size))
        return replace(self, whitening=jnp.linalg.inv(root).T / size[:, None])

    def _bounded(self, v: jax.Array) -> jax.Array:
        """Points of the real line (..., p + 1), bent near the bounds to stay inside them."""
        lower, upper, bend, *_ = self.beliefs
        below, above = jax.nn.softplus((lower - v) / bend), jax.nn.softplus((v - upper) / bend)
        return v + bend * (below - above)

    def _normals(self, v: jax.Array) -> jax.Array:
        """The quantities with normal priors, (p + 1,), at a point of the real line."""
        u = self._bounded(v)
        values, normals = self.model.parameters(u, self.fixed), []
        for k, name in enumerate(self.model.free):
            value = values[name]
            choices = {"coordinate": u[k], "value": value, "log value": jnp.log(value)}
            normals.append(choices[self.views[k]])
        return jnp.stack([*normals, u[-1]])

    def _residual(self, v: jax.Array) -> jax.Array:
        """Predicted minus observed (n,) at a point of the real line."""
        return self.model.residual(self._bounded(v), *self.rows, self.fixed)


def make_density(
    problem: FitProblem, start: Mapping[str, float], noise: LogNormal | None = None
) -> Density:
    """The posterior density of a problem.

    Args:
        problem: Law, rows, bounds and priors, with an objective for which `is_likelihood` is true.
        start: Parameters at which it is whitened; those of a fit.
        noise: Prior of the noise scale of a row of unit weight, in units of the residual; 1 % of
            the loss by default.

    Returns:
        The density, whitened at `start`.
    """
    model, weighted = problem.model, problem.table.weight > 0
    weight, target = problem.table.weight[weighted], problem.target[weighted]
    if noise is None:
        size = 1.0 if model.kernel.log else float(np.median(np.abs(target)))
        noise = LogNormal(_NOISE_SHARE * size * float(np.sqrt(np.median(weight))), _NOISE_SD)
    parameters = [model.law.parameters[name] for name in model.free]
    views = [_view(p, problem.priors.get(p.name)) for p in parameters]
    box = make_box(model, problem.bounds)
    # A fitted noise scale has bounds too; here its prior takes their place.
    lower = np.append(box.lower[: len(parameters)], -np.inf)
    upper = np.append(box.upper[: len(parameters)], np.inf)
    mean = np.array([*(m for _, m, _ in views), np.log(noise.median)])
    sd = np.array([*(s for _, _, s in views), noise.sd])
    width = np.array([*(_default(p)[1] for p in parameters), 1.0])
    beliefs = Beliefs(lower, upper, _BEND * np.minimum(width, upper - lower), mean, sd)
    with own_settings():
        inputs = tuple(
            jnp.asarray(problem.table.inputs[name][weighted]) for name in model.law.inputs
        )
        centre = jnp.clip(
            np.append(problem.coordinates(start, None), 0.0),
            lower + beliefs.bend,
            upper - beliefs.bend,
        )
        density = Density(
            model=model,
            views=(*(kind for kind, _, _ in views), "coordinate"),
            beliefs=Beliefs(*map(jnp.asarray, beliefs)),
            rows=Rows(inputs, jnp.asarray(target)),
            weight=jnp.asarray(weight),
            fixed=dict(problem.fixed),
            constants=problem.objective.constants,
            centre=centre,
            whitening=jnp.eye(len(centre)),
        )
        spread = jnp.mean(jnp.abs(density._residual(centre)) * jnp.sqrt(weight)) + _LEAST_NOISE
        return replace(density, centre=centre.at[-1].set(jnp.log(spread))).whitened()


def is_likelihood(kernel: Kernel) -> bool:
    """Whether objectives of this kernel are minus the logarithm of a density of known integral."""
    return kernel.rho in _LIKELIHOODS


def log_likelihood(
    kernel: Kernel, residual: Any, scale: Any, weight: Any, constants: tuple[Any, ...]
) -> jax.Array:
    """Normalised log density of residuals, (n,); the head of this module has the formulas.

    Args:
        kernel: Kernel of the objective.
        residual: Predicted minus observed, (n,).
        scale: Noise scale of a row of unit weight.
        weight: Weights, (n,).
        constants: Constants of the objective.
    """
    return _LIKELIHOODS[kernel.rho](residual, scale, weight, *constants)


def _normal(residual: Any, scale: Any, weight: Any) -> jax.Array:
    return norm.logpdf(residual, 0, scale / jnp.sqrt(weight))


def _student_t(residual: Any, scale: Any, weight: Any, dof: Any) -> jax.Array:
    return t.logpdf(residual, dof, 0, scale / jnp.sqrt(weight))


def _huber(residual: Any, scale: Any, weight: Any, delta: Any) -> jax.Array:
    temperature = scale**2 / jnp.sqrt(1 + (scale / delta) ** 2) / weight
    edge = delta / jnp.sqrt(2 * temperature)
    inner = jnp.sqrt(2 * jnp.pi * temperature) * erf(edge)
    outer = 2 * temperature / delta * jnp.exp(-(edge**2))
    return -losses.huber().kernel.rho(residual, delta) / temperature - jnp.log(inner + outer)


_LIKELIHOODS: dict[Callable[..., Any], Callable[..., jax.Array]] = {
    losses.least_squares().kernel.rho: _normal,
    losses.student_t().kernel.rho: _student_t,
    losses.huber().kernel.rho: _huber,
    # The absolute loss is Huber's divided by its tiny delta: the temperature absorbs the factor.
    losses.absolute().kernel.rho: _huber,
}


def _view(parameter: Parameter, prior: Prior | None) -> tuple[NormalView, float, float]:
    """Which function of a parameter has the normal prior, with its mean and standard deviation."""
    if prior is None:
        return "coordinate", *_default(parameter)
    if isinstance(prior, LogNormal):
        return "log value", float(np.log(prior.median)), float(prior.sd)
    return "value", float(prior.mean), float(prior.sd)


def _default(parameter: Parameter) -> tuple[float, float]:
    """Mean and standard deviation of a coordinate without a prior."""
    low, high = (float(parameter.unconstrain(end)) for end in parameter.plausible)
    return (low + high) / 2, (high - low) / 4
