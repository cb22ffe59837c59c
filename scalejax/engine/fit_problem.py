"""A fitting problem on the host: what is minimised over which rows, apart from how it is solved.

`FitProblem` holds the model, the objective with its constants, the checked table, and what
constrains the parameters; `How` says how to solve it. A finished `Fit` can be turned back into a
`FitProblem` (`scalejax.fitting.record`): so profiles, influence and comparisons solve it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax._numerics import RUN_ONCE
from scalejax.data import Table
from scalejax.engine.arrays import HostTable, make_box
from scalejax.engine.engine import NEWTON_STEPS, Engine, Progress
from scalejax.engine.layout import Layout
from scalejax.errors import UsageError
from scalejax.objectives import Model, Objective, Prior, Rows, Settings, nothing_left
from scalejax.scope import own_settings
from scalejax.solvers import SolverFactory, damped_newton


@dataclass(frozen=True)
class How:
    """How problems are solved: the settings of the engine.

    Attributes:
        solver: Makes the solver of one problem.
        max_steps: Step limit of one start.
        seed: Seed of the resamples.
        layout: How work is laid out on the devices.
        progress: Called after every chunk.
    """

    solver: SolverFactory = damped_newton
    max_steps: int = NEWTON_STEPS
    seed: int = 0
    layout: Layout | None = None
    progress: Progress | None = None


@dataclass(frozen=True, eq=False)
class FitProblem:
    """What is minimised, over which rows.

    Attributes:
        model: The law and which of its parameters are free.
        objective: The objective; its kernel is the model's.
        table: The rows.
        fixed: Values of fixed parameters.
        bounds: The caller's bounds, by parameter.
        priors: Priors, by parameter.
    """

    model: Model
    objective: Objective
    table: Table
    fixed: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    priors: Mapping[str, Prior] = field(default_factory=dict)

    @property
    def target(self) -> Floats:
        """What residuals are measured from: log losses or losses, (n,)."""
        return np.log(self.table.target) if self.model.kernel.log else self.table.target

    def with_objective(self, objective: Objective) -> "FitProblem":
        """The same with other constants of the objective."""
        return replace(self, objective=objective)

    def engine(self, how: How, unit: Ints | None = None) -> Engine:
        """An engine for this problem; resampling draws `unit` (n,), or rows."""
        return make_engine(self, [host_table(self.table, unit)], how)

    def parameters(self, u: Floats) -> dict[str, Floats]:
        """All parameters of the law, (B,) each, from coordinates (B, p)."""
        return {
            name: np.broadcast_to(np.asarray(value, np.float64), (len(u),)).copy()
            for name, value in self.model.parameters(u.T, self.fixed).items()
        }

    def coordinates(self, parameters: Mapping[str, float], noise_scale: float | None) -> Floats:
        """Coordinates (p,) of a point of the law's parameters."""
        known = self.model.law.parameters
        u = [float(known[name].unconstrain(parameters[name])) for name in self.model.free]
        return np.array(u if noise_scale is None else [*u, np.log(noise_scale)])

    def objective_value(self, u: Floats) -> float:
        """The objective at coordinates (p,)."""
        table, settings = self.table, Settings(self.objective.constants, self.fixed, self.priors)
        with own_settings():
            inputs = tuple(jnp.asarray(table.inputs[name]) for name in self.model.law.inputs)
            rows = Rows(inputs, jnp.asarray(self.target))
            # The penalties take their shape from the first coordinate, which none may be.
            at = jnp.asarray(u) if len(u) else jnp.zeros(1)
            return float(self.model.objective(at, rows, jnp.asarray(table.weight), settings))

    def residuals(self, u: Floats) -> Floats:
        """Predicted minus observed at coordinates (p,), (n,)."""
        return self.tangent(u)[0]

    def tangent(self, u: Floats) -> tuple[Floats, Floats]:
        """Residuals (n,) at coordinates (p,), and their slopes in the free ones, (n, free)."""
        inputs: Any = tuple(self.table.inputs[name] for name in self.model.law.inputs)
        target: Any = self.target
        with own_settings():
            both = _tangent(self.model, u, Rows(inputs, target), dict(self.fixed))
            residual, jacobian = jax.device_get(both)
        return residual, jacobian


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _tangent(
    model: Model, u: jax.Array, rows: Rows, fixed: Mapping[str, Any]
) -> tuple[jax.Array, jax.Array]:
    def residual(c: jax.Array) -> jax.Array:
        values = model.residual(c, rows.inputs, rows.target, fixed)
        return jnp.broadcast_to(values, rows.target.shape)

    c = u[: len(model.free)]
    return residual(c), jax.jacfwd(residual)(c)


def host_table(table: Table, unit: Ints | None = None) -> HostTable:
    """The arrays of a table; resampling draws `unit` (n,), or rows."""
    rows = np.arange(table.n_rows)
    return HostTable(
        tuple(table.inputs.values()), table.target, table.weight, rows if unit is None else unit
    )


def make_engine(problem: FitProblem, tables: list[HostTable], how: How) -> Engine:
    """An engine that solves `problem` on one or many tables.

    Raises:
        UsageError: Nothing of the law is left to fit.
    """
    if not problem.model.free:
        raise UsageError(f"{nothing_left(problem.model.law)}.")
    options: dict[str, Any] = vars(how)
    return Engine(
        problem.model,
        problem.objective,
        tables,
        make_box(problem.model, problem.bounds),
        fixed=problem.fixed,
        priors=problem.priors,
        **options,
    )
