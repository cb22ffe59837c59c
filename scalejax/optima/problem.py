"""A decision stated as pure functions: what may be chosen, what is minimised, what is limited.

    tokens_and_size = (Variable("N", 1e6, 1e14), Variable("D", 1e8, 1e17))
    loss = Measure("loss", lambda x, a: chinchilla(x["N"], x["D"], **a["law"]), unit="nats/token")
    compute = Measure("compute", lambda x, a: 6 * x["N"] * x["D"], unit="FLOP")

    best = Problem(tokens_and_size, minimize=loss, subject_to=(compute.at_most("budget"),))
    cheapest = Problem(tokens_and_size, minimize=compute, subject_to=(loss.at_most("target"),))

`args` is any pytree: law parameters, budgets, prices, demand. A limit is a number, a key of `args`
or a function of `args`. Whatever is in `args` can be differentiated and mapped over; what is in the
`Problem` is compiled in.

Measures are compared by their logarithm (a cost 1 % over its budget is 0.01 over) unless they can
be zero or negative (`log=False`). Problems are compared by identity of their functions, so build
one and keep it: a new lambda compiles anew.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scalejax._numerics import module_of
from scalejax.errors import UsageError

Decision = Mapping[str, Any]
"""A value for each variable."""

Limit = float | str | Callable[[Any], Any]
Sense = Literal["<=", ">=", "=="]


@dataclass(frozen=True)
class Variable:
    """Something to decide.

    Attributes:
        name: Key in the decision.
        low: Smallest value to consider; positive on a logarithmic scale.
        high: Largest value to consider.
        scale: Whether equal ratios or equal differences count alike.
        unit: Unit in words.
    """

    name: str
    low: float
    high: float
    scale: Literal["log", "linear"] = "log"
    unit: str = ""

    def __post_init__(self) -> None:
        positive = self.scale == "linear" or self.low > 0
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(f"{self.name}: the range {self.low:g} to {self.high:g} is empty.")
        if not positive:
            raise UsageError(f"{self.name}: a logarithmic range must be positive.")

    def value(self, y: Any) -> Any:
        """The value at a coordinate."""
        if self.scale == "log":
            return jnp.exp(y)
        return self.low + (self.high - self.low) * y

    def coordinate(self, value: Any) -> Any:
        """The coordinate of a value: its logarithm, or its place between the ends."""
        if self.scale == "log":
            return module_of(value).log(value)
        return (value - self.low) / (self.high - self.low)

    @property
    def box(self) -> tuple[float, float]:
        """The range in the coordinate."""
        if self.scale == "log":
            return math.log(self.low), math.log(self.high)
        return 0.0, 1.0


@dataclass(frozen=True)
class Measure:
    """A number computed from a decision: to minimise, or to limit.

    Attributes:
        name: What it is, for people.
        function: ``function(decision, args)``, pure; one number.
        unit: Unit in words.
        log: Whether it is positive, and ratios of it count.
        size: A difference that matters, where differences count (``log=False``).
    """

    name: str
    function: Callable[[Decision, Any], Any]
    unit: str = ""
    log: bool = True
    size: float = 1.0

    def __call__(self, decision: Decision, args: Any) -> Any:
        """The number."""
        return self.function(decision, args)

    def scaled(self, value: Any) -> Any:
        """A value on the scale of comparison: its logarithm, or multiples of `size`."""
        if not self.log:
            return value / self.size
        if jnp.result_type(value) == jnp.float32:
            # The bend of a logarithm has the value's square in it: too much, for 1e24 FLOP. The
            # compiler would turn a quotient of quotients into such a square, too.
            inverse = lax.stop_gradient(1 / value)
            return jnp.log(value * inverse) - jnp.log(inverse)
        return jnp.log(value)

    def at_most(self, limit: Limit) -> "Constraint":
        """The constraint that the measure is no more than a limit."""
        return Constraint(self, "<=", limit)

    def at_least(self, limit: Limit) -> "Constraint":
        """The constraint that the measure is no less than a limit."""
        return Constraint(self, ">=", limit)

    def equal_to(self, limit: Limit) -> "Constraint":
        """The constraint that the measure equals a limit."""
        return Constraint(self, "==", limit)


@dataclass(frozen=True)
class Constraint:
    """A limit on a measure.

    Attributes:
        measure: What is limited.
        sense: Whether it may be no more, no less, or must be equal.
        limit: A number, a key of args, or a function of args.
    """

    measure: Measure
    sense: Sense
    limit: Limit

    @property
    def name(self) -> str:
        """The name of its measure."""
        return self.measure.name

    def limit_value(self, args: Any) -> Any:
        """The limit as a number."""
        if isinstance(self.limit, str):
            return args[self.limit]
        return self.limit(args) if callable(self.limit) else self.limit

    def excess(self, decision: Decision, args: Any) -> Any:
        """How far it is over its limit, on the measure's scale: not positive where it holds."""
        over = self.measure.scaled(self.measure(decision, args)) - self.measure.scaled(
            self.limit_value(args)
        )
        return -over if self.sense == ">=" else over


HELD = "held"
"""Key of args that holds the values of variables that are not to be chosen."""


@dataclass(frozen=True)
class _WithHeld:
    """A measure's function that takes some variables from args."""

    function: Callable[[Decision, Any], Any]

    def __call__(self, decision: Decision, args: Any) -> Any:
        return self.function({**decision, **args[HELD]}, args)


@dataclass(frozen=True)
class Problem:
    """A measure to minimise over variables, subject to constraints.

    Attributes:
        variables: What may be chosen, and between which ends.
        minimize: What to minimise.
        subject_to: What must hold.
    """

    variables: tuple[Variable, ...]
    minimize: Measure
    subject_to: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        names = [variable.name for variable in self.variables]
        if not names or len(set(names)) != len(names):
            raise UsageError(f"a problem needs variables of different names, got {names}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables in order."""
        return tuple(variable.name for variable in self.variables)

    @property
    def equality(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which constraints are equations, (m,)."""
        return np.array([constraint.sense == "==" for constraint in self.subject_to], bool)

    @property
    def box(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Ends of the ranges in coordinates, (n,) each."""
        ends = np.array([variable.box for variable in self.variables], float)
        return ends[:, 0], ends[:, 1]

    def decision(self, y: Any) -> dict[str, Any]:
        """The decision at coordinates (n,)."""
        return {one.name: one.value(y[i]) for i, one in enumerate(self.variables)}

    def coordinates(self, decision: Decision) -> jax.Array:
        """The coordinates (n,) of a decision."""
        return jnp.stack(
            [jnp.asarray(one.coordinate(decision[one.name]), float) for one in self.variables]
        )

    def values(self, y: Any, args: Any) -> jax.Array:
        """What is minimised and the excess over each limit, each on its scale, (1 + m,)."""
        decision = self.decision(y)
        goal = self.minimize.scaled(self.minimize(decision, args))
        over = [constraint.excess(decision, args) for constraint in self.subject_to]
        return jnp.stack([jnp.asarray(value, y.dtype) for value in (goal, *over)])

    def holding(self, *names: str) -> "Problem":
        """The same problem with some variables taken from ``args["held"]`` instead of chosen.

        Raises:
            UsageError: A name is no variable, or none is left to decide.
        """
        if unknown := set(names) - set(self.names):
            raise UsageError(f"{', '.join(sorted(unknown))}: no variable of this problem.")

        def held(measure: Measure) -> Measure:
            return replace(measure, function=_WithHeld(measure.function))

        return Problem(
            tuple(variable for variable in self.variables if variable.name not in names),
            held(self.minimize),
            tuple(replace(one, measure=held(one.measure)) for one in self.subject_to),
        )
