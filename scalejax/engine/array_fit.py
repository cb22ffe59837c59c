"""The fit as a pure JAX function, for other people's ``jit``, ``vmap``, ``grad`` and ``shard_map``.

`fit_arrays` takes arrays and gives parameters and a status. It works in the dtype that it is given
(take float64 where it matters: within ``jax.enable_x64(True)``), and its result is differentiable
with respect to losses, inputs, weights, fixed values and priors:

    def exponent(losses):
        return sj.fit_arrays("chinchilla", {"N": N, "D": D}, losses).params["alpha"]

    jax.grad(exponent)(losses)            # influence of each run on alpha
    jax.vmap(exponent)(many_losses)       # many fits at once

Use `scalejax.fit` for tables, checks, bootstraps and reports; it runs the same pieces in chunks
that are faster for large batches.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.engine.arguments import ObjectiveLike, as_objective, check_priors
from scalejax.engine.arrays import make_box
from scalejax.engine.certificate import (
    THRESHOLDS,
    Certificate,
    best_start,
    certify,
    decide,
    mark_disagreement,
)
from scalejax.engine.derivatives import evaluate
from scalejax.engine.engine import POINT_TOLERANCE
from scalejax.engine.start_candidates import start_candidates
from scalejax.engine.starts import choose_starts, start_features
from scalejax.errors import UsageError
from scalejax.laws import Law, find_law
from scalejax.objectives import Model, Penalty, Prior, Rows, Settings, make_model
from scalejax.solvers import Box, Evaluation, LaneProblems, damped_newton, implicit_root, minimise
from scalejax.vocabulary import argument


class ArrayFit(NamedTuple):
    """A fitted law as a pytree.

    Attributes:
        params: All parameters of the law, () each, in its own units.
        status: Code of `scalejax.Status`, ().
        objective: Summed objective, ().
        gradient: Largest scaled gradient, ().
        condition: Condition of the column-scaled Jacobian, ().
        agreeing: Starts that reached the best objective, ().
    """

    params: dict[str, jax.Array]
    status: jax.Array
    objective: jax.Array
    gradient: jax.Array
    condition: jax.Array
    agreeing: jax.Array


class _ArrayProblem(NamedTuple):
    """Everything that an optimum depends on, as a pytree that derivatives pass through."""

    rows: Rows
    weight: jax.Array
    settings: Settings
    box: Box


def fit_arrays(
    law: str | Law,
    inputs: Mapping[str, jax.Array],
    loss: jax.Array,
    weights: jax.Array | None = None,
    *,
    objective: ObjectiveLike = None,
    fixed: Mapping[str, Any] | None = None,
    tied: Mapping[str, str] | None = None,
    priors: Mapping[str, Prior] | None = None,
    penalty: Penalty | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    max_steps: int = 1000,
) -> ArrayFit:
    """Fit one problem at its global optimum.

    The derivative is that of the minimiser, by the implicit function theorem: with the gradient g
    and the exact Hessian H of the objective at the solution, ``du = -H^-1 (dg/ddata) ddata``; H is
    symmetric. Parameters on a bound do not move. Where a residual sits exactly on Huber's kink, the
    derivative is that of the side of the quadratic part. Where the data do not determine all
    parameters (see the status) the derivative is not meaningful.

    Args:
        law: A law or the name of one.
        inputs: The law's inputs, (n,) each, in raw units; positive where the law needs it.
        loss: Observed losses, (n,).
        weights: Weight of each row, (n,); zero for padding, which must still be evaluable.
        objective: As for `scalejax.fit`, but not ``huber("auto")``.
        fixed: Parameters held at a value; differentiable.
        tied: Parameters that take the value of another.
        priors: Priors by parameter; differentiable.
        penalty: Pure function of the dictionary of parameters, added to the summed objective.
        bounds: Ranges that parameters may not leave, as plain numbers.
        max_steps: Step limit of one start.

    Returns:
        The fit. Nothing raises inside compiled code: look at the status.

    Raises:
        UsageError: An input is missing, or arguments cannot be combined.
    """
    law = find_law(law)
    missing = [name for name in law.inputs if name not in inputs]
    if missing:
        raise UsageError(f"{argument('inputs')} lacks {', '.join(missing)} (law {law.name}).")
    objective = as_objective(objective)
    if objective.tuning is not None:
        raise UsageError('huber("auto") tunes on a first fit: give fit_arrays a number.')
    model = make_model(law, objective.kernel, fixed=fixed, tied=tied, penalty=penalty)
    loss = jnp.asarray(loss)
    cast = partial(jnp.asarray, dtype=loss.dtype)
    box = make_box(model, bounds or {})
    problem = _ArrayProblem(
        Rows(
            tuple(cast(inputs[name]) for name in law.inputs),
            jnp.log(loss) if model.kernel.log else loss,
        ),
        jnp.ones_like(loss) if weights is None else cast(weights),
        Settings(
            tuple(cast(constant) for constant in objective.constants),
            jax.tree.map(cast, dict(fixed or {})),
            jax.tree.map(cast, dict(check_priors(model, priors) or {})),
        ),
        Box(cast(box.lower), cast(box.upper), box.linear),
    )
    u, steps, agreeing = _search(model, max_steps, lax.stop_gradient(problem))
    certificate = _certify(model, u, lax.stop_gradient(problem))
    u = _optimum(model, u, problem)
    status = decide(
        certificate,
        steps=steps,
        max_steps=max_steps,
        parameters=model.size,
        limits=THRESHOLDS[loss.dtype.name],
    )
    cells = start_candidates(model).cells
    return ArrayFit(
        params=model.parameters(u, problem.settings.fixed),
        status=mark_disagreement(status, agreeing, cells, cells, jnp),
        objective=model.objective(u, problem.rows, problem.weight, problem.settings),
        gradient=certificate.gradient,
        condition=certificate.condition,
        agreeing=agreeing,
    )


def _certify(model: Model, u: jax.Array, problem: _ArrayProblem) -> Certificate:
    rows, weight, settings, box = problem
    return certify(model, u, rows, weight, weight.shape[0], settings, box, "rows")


def _search(
    model: Model, max_steps: int, problem: _ArrayProblem
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Best end of all starts (p,), its steps, and how many starts reached it."""
    rows, weight, settings, box = problem
    features = start_features(model, rows, settings)
    starts = box.clip(choose_starts(model, features, weight[:, None])[0])[1:]

    def load(ids: jax.Array) -> tuple[jax.Array, jax.Array, None]:
        return starts[ids].T, jnp.full(ids.shape, POINT_TOLERANCE, starts.dtype), None

    def evaluate_lanes(u: jax.Array, damping: jax.Array, data: None, busy: jax.Array) -> Evaluation:
        def one(u: jax.Array, damping: jax.Array) -> Evaluation:
            return evaluate(model, u, damping, rows, weight, weight.shape[0], settings, "rows")

        return jax.vmap(one, in_axes=-1, out_axes=-1)(u, damping)

    def value(u: jax.Array, data: None) -> jax.Array:
        return model.objective(u, rows, weight, settings)

    ends = minimise(
        damped_newton(box),
        LaneProblems(load, evaluate_lanes, value, jnp.asarray(starts.shape[0])),
        count=starts.shape[0],
        lanes=starts.shape[0],
        max_steps=max_steps,
    )
    certificates = jax.vmap(lambda u: _certify(model, u, problem))(ends.u)
    best, agreeing = best_start(certificates, jnp)
    return ends.u[best], ends.steps[best], agreeing


def _optimum(model: Model, point: jax.Array, problem: _ArrayProblem) -> jax.Array:
    """The point itself (p,), with the derivative that the minimiser of the problem has."""
    moves = ~((point <= problem.box.lower) | (point >= problem.box.upper))

    def conditions(u: jax.Array) -> jax.Array:
        slope = jax.grad(model.objective)(u, problem.rows, problem.weight, problem.settings)
        return jnp.where(moves, slope, u - point)

    def tangent(linear: Callable[[jax.Array], jax.Array], right: jax.Array) -> jax.Array:
        # Scaled to a unit diagonal; a held coordinate keeps only its own equation, du = 0.
        hessian = jax.jacfwd(linear)(jnp.zeros_like(right))
        diagonal = jnp.abs(jnp.diagonal(hessian))
        scale = jnp.where(moves & (diagonal > 0), diagonal, 1) ** -0.5
        scaled = hessian * scale[:, None] * scale[None, :]
        held = ~(moves[:, None] & moves[None, :])
        system = jnp.where(held, jnp.eye(scale.shape[0], dtype=scale.dtype), scaled)
        return scale * jnp.linalg.solve(system, jnp.where(moves, right * scale, 0))

    return implicit_root(conditions, point, tangent)
