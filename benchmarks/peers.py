"""The rivals: generic optimisers on the same objective, each set up as well as we know how.

All work on the summed objective in centred coordinates, with exact derivatives and tolerances
chosen as loose as an answer right to 1e-9 allows (on an objective scaled up to order one, or with
tighter tolerances, the batched ones are several times slower: a lane that cannot meet its
tolerance keeps all others waiting). They have no global start: they begin where they are told.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix as optx
from numpy.typing import NDArray
from problems import DELTA, Problem
from scipy.optimize import least_squares, minimize

Floats = NDArray[np.float64]
_BFGS_TOLERANCE = 1e-9
_LBFGS_GRADIENT = 1e-8
_MOST_STEPS = 300
GRID_STARTS = 4500
_TIGHTEST = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}


def bfgs(problem: Problem) -> Callable[[Any, Any], Any]:
    """BFGS of optimistix, batched: (B, p) and (B, n) to (B, p)."""
    solver = optx.BFGS(rtol=_BFGS_TOLERANCE, atol=_BFGS_TOLERANCE)

    def one(theta: Any, weight: Any) -> Any:
        found = optx.minimise(
            problem.objective, solver, theta, args=weight, max_steps=_MOST_STEPS, throw=False
        )
        return found.value

    return jax.vmap(one)


def lbfgs(problem: Problem) -> Callable[[Any, Any], Any]:
    """L-BFGS of optax with its zoom line search, batched, until the gradient vanishes."""
    optimizer = optax.lbfgs()

    def one(theta: Any, weight: Any) -> Any:
        def value(theta: Any) -> Any:
            return problem.objective(theta, weight)

        value_and_grad = optax.value_and_grad_from_state(value)

        def step(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            theta, state, count = carry
            now, grad = value_and_grad(theta, state=state)
            move, state = optimizer.update(grad, state, theta, value=now, grad=grad, value_fn=value)
            return optax.apply_updates(theta, move), state, count + 1

        def unfinished(carry: tuple[Any, Any, Any]) -> Any:
            _, state, count = carry
            steep = jnp.linalg.norm(optax.tree.get(state, "grad")) > _LBFGS_GRADIENT
            return (count == 0) | (steep & (count < _MOST_STEPS))

        return jax.lax.while_loop(unfinished, step, (theta, optimizer.init(theta), 0))[0]

    return jax.vmap(one)


def looped_least_squares(problem: Problem, start: Floats, weights: Floats) -> Floats:
    """SciPy's least_squares with Huber's loss on Chinchilla's law, one resample at a time."""
    ends = []
    for weight in weights:
        rows = np.repeat(np.arange(len(weight)), weight.astype(int))
        x, z = (column[rows] for column in problem.columns)
        found = least_squares(
            _residuals,
            start,
            jac=_jacobian,
            loss="huber",
            f_scale=DELTA,
            x_scale="jac",
            args=(x, z, problem.target[rows]),
            **_TIGHTEST,
        )
        ends.append(found.x)
    return np.array(ends)


def published_grid(problem: Problem, starts: int, exact: bool) -> Floats:
    """L-BFGS-B from random points of the published grid of 4,500 starts, on the full sample.

    As published: log N and log D as they are, SciPy's tolerances, and derivatives by differences
    unless `exact`.

    Returns:
        Coordinates (starts, 5) as of `problem`.
    """
    x, z = (np.log(problem.runs[name].to_numpy()) for name in ("N", "D"))
    function = value_and_grad if exact else _value
    grid = np.array(list(published_starts()))
    chosen = grid[np.random.default_rng(0).choice(len(grid), starts, replace=False)]
    with np.errstate(all="ignore"):
        found = [
            minimize(function, point, (x, z, problem.target), "L-BFGS-B", jac=exact)
            for point in chosen
        ]
    ends = np.array([end.x for end in found])
    ends[:, 1] -= ends[:, 2] * x.mean()
    ends[:, 3] -= ends[:, 4] * z.mean()
    return ends


def published_starts() -> Iterator[tuple[float, ...]]:
    """Hoffmann et al.'s grid as (e, a, alpha, b, beta)."""
    amplitudes, exponents = np.arange(0, 30, 5), np.arange(0, 2.5, 0.5)
    return product(np.arange(-1, 1.5, 0.5), amplitudes, exponents, amplitudes, exponents)


def _log_terms(theta: Floats, x: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Log loss (n,), and the share of each of the three terms in the loss (3, n)."""
    e, a, alpha, b, beta = theta
    terms = np.stack([np.full_like(x, e), a - alpha * x, b - beta * z])
    top = terms.max(axis=0)
    sizes = np.exp(terms - top)
    total = sizes.sum(axis=0)
    return top + np.log(total), sizes / total


def _residuals(theta: Floats, x: Floats, z: Floats, target: Floats) -> Floats:
    return _log_terms(theta, x, z)[0] - target


def _jacobian(theta: Floats, x: Floats, z: Floats, target: Floats) -> Floats:
    e, a, b = _log_terms(theta, x, z)[1]
    return np.stack([e, a, -a * x, b, -b * z], axis=1)


def _value(theta: Floats, x: Floats, z: Floats, target: Floats) -> float:
    e, a, alpha, b, beta = theta
    predicted = np.logaddexp(np.logaddexp(a - alpha * x, b - beta * z), e)
    return _huber(predicted - target)


def value_and_grad(theta: Floats, x: Floats, z: Floats, target: Floats) -> tuple[float, Floats]:
    predicted, (e, a, b) = _log_terms(theta, x, z)
    residual = predicted - target
    pull = np.clip(residual, -DELTA, DELTA)
    return _huber(residual), np.stack([e, a, -a * x, b, -b * z]) @ pull


def _huber(residual: Floats) -> float:
    size = np.abs(residual)
    clipped = np.minimum(size, DELTA)
    return float(clipped @ (size - 0.5 * clipped))
