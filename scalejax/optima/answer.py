"""The answer to one problem, in the user's units: what to choose, what binds, what it is worth.

`solve` returns an `Answer`: the decision, how exactly it is optimal, what each constraint costs
(its shadow price), how the decision moves with everything in args, and where there is no optimum,
which constraint cannot be met and by how much. `choose` ranks the answers of several args, such as
precisions or kinds of hardware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scalejax._numerics import RUN_ONCE
from scalejax.errors import UsageError
from scalejax.optima.implicit import attach
from scalejax.optima.infeasibility import Infeasibility, find_infeasibility
from scalejax.optima.lanes import as_arrays, search_one
from scalejax.optima.many import STARTS
from scalejax.optima.problem import Problem, Variable
from scalejax.optima.solution import Solution
from scalejax.quantities import amount
from scalejax.result import Result
from scalejax.scope import own_settings
from scalejax.status import Outcome

_WIDER = 1e8
"""Factor by which ranges are widened to see whether an optimum lies beyond an end. By judgement:
more than any plan is out by."""

_SECOND, _LIMITS, _LAST = 8, 4, 16
"""Times as many starts where the search did not converge, to see which limits can be met, and where
all can after all. Only troubled problems pay for them; set by judgement."""


@dataclass(frozen=True)
class Bound:
    """One constraint at the optimum.

    Attributes:
        name: What is limited.
        sense: ``"<="``, ``">="`` or ``"=="``.
        value: What it is at the optimum, in its unit.
        limit: What it may be.
        unit: Its unit.
        binds: Whether it holds the optimum back.
        price: What one more unit of the limit changes what is minimised by, in its unit.
        elasticity: The same in relative terms: a limit 1 % higher changes what is minimised by this
            many per cent (or of its own size, if it is compared by differences).
    """

    name: str
    sense: str
    value: float
    limit: float
    unit: str
    binds: bool
    price: float
    elasticity: float


@dataclass(frozen=True, repr=False)
class Answer(Result):
    """The optimum of one problem.

    Attributes:
        problem: The problem.
        args: Its args.
        decision: A value per variable; NaN if there is no optimum.
        goal: What was minimised, in its unit; NaN if there is no optimum.
        bounds: The constraints at the optimum.
        at_end: Variables at an end of their range, with "low" or "high"; of an answer without an
            optimum, at what comes nearest to meeting the limits.
        outcome: How it ended.
        defect: Largest scaled error in the optimality conditions.
        starts: Starts of the search.
        agreeing: Share of them that came to this optimum.
        advice: What to do about an outcome other than solved; empty otherwise.
        solution: The optimum in coordinates, as `scalejax.optima.solve_many` takes it.
    """

    problem: Problem
    args: Mapping[str, Any]
    decision: Mapping[str, float]
    goal: float
    bounds: tuple[Bound, ...]
    at_end: Mapping[str, str]
    outcome: Outcome
    defect: float
    starts: int
    agreeing: float
    advice: str
    solution: Solution

    @property
    def found(self) -> bool:
        """Whether there is an optimum, at an end of a range or not."""
        return self.outcome <= Outcome.AT_RANGE

    @property
    def binding(self) -> tuple[Bound, ...]:
        """The constraints that hold the optimum back."""
        return tuple(bound for bound in self.bounds if bound.binds)

    def elasticities(self) -> dict[str, dict[str, float]]:
        """Per cent by which each variable and the goal change if one of args grows by 1 %.

        Returns:
            For each leaf of args, by its path, a number for each variable and for the goal.
            Variables on a linear scale, and a goal compared by differences, change by their own
            unit instead of by per cent.

        Raises:
            UsageError: There is no optimum.
        """
        if not self.found:
            raise UsageError(f"there is no optimum to differentiate. {self.outcome.sentence}")
        with own_settings():
            slopes = _elasticities(self.problem, self.solution, as_arrays(self.args))
        paths, _ = jax.tree_util.tree_flatten_with_path(slopes)
        columns = (*self.problem.names, self.problem.minimize.name)
        return {
            ".".join(str(getattr(key, "key", getattr(key, "name", key))) for key in path): dict(
                zip(columns, map(float, column), strict=True)
            )
            for path, column in paths
            if np.ndim(column) == 1
        }

    def rows(self) -> list[dict[str, Any]]:
        """One per variable and one for the goal: name, value, unit."""
        units = {one.name: one.unit for one in self.problem.variables}
        goal = self.problem.minimize
        return [
            *({"name": name, "value": v, "unit": units[name]} for name, v in self.decision.items()),
            {"name": goal.name, "value": self.goal, "unit": goal.unit},
        ]

    def summary(self) -> str:
        """A few lines for people."""
        goal = self.problem.minimize
        if not self.found:
            return f"{self.outcome.sentence}\n{self.advice}".rstrip()
        units = {one.name: one.unit for one in self.problem.variables}
        decision = ", ".join(
            f"{name} = {amount(value)} {units[name]}".rstrip()
            for name, value in self.decision.items()
        )
        lines = [f"{goal.name} {self.goal:.6g} {goal.unit}".rstrip() + f" at {decision}"]
        for bound in self.bounds:
            what = f"{bound.name} {amount(bound.value)} {bound.sense} " + (
                f"{amount(bound.limit)} {bound.unit}".rstrip()
            )
            worth = f": 1 % more of it changes {goal.name} by {bound.elasticity:+.3g}" + (
                " %" if goal.log else " of its size for 1"
            )
            lines.append(f"  {what}{' binds' + worth if bound.binds else ' has room'}")
        lines += [
            f"  {name} lies at the {end} end of its range" for name, end in self.at_end.items()
        ]
        lines.append(
            f"  {self.outcome.sentence} (error {self.defect:.1e}; {100 * self.agreeing:.0f} % of "
            f"{self.starts} starts agree)"
        )
        return "\n".join([*lines, self.advice] if self.advice else lines)


def solve(problem: Problem, args: Mapping[str, Any], *, starts: int = STARTS) -> Answer:
    """The optimum of a problem, certified, with what binds and what it is worth.

    Args:
        problem: The problem.
        args: Its args.
        starts: Starts of the search, spread over the ranges.

    Raises:
        UsageError: A limit names no key of args.
    """
    _check_args(problem, args)
    with own_settings():
        shared = as_arrays(args)
        solution = search_one(problem, shared, starts)
        if solution.outcome == Outcome.NOT_CONVERGED:
            solution = search_one(problem, shared, _SECOND * starts)
        conflict = None
        if solution.outcome == Outcome.INFEASIBLE:
            conflict = find_infeasibility(problem, shared, _LIMITS * starts)
            if conflict.feasible:
                solution = search_one(problem, shared, _LAST * starts)
        return _answer(problem, shared, solution, starts, conflict)


def choose(
    problem: Problem, options: Mapping[str, Mapping[str, Any]], *, starts: int = STARTS
) -> dict[str, Answer]:
    """Answers of one problem for several args, best first; those without an optimum last.

    Args:
        problem: The problem.
        options: Args by name, such as one set for each precision or kind of hardware.
        starts: Starts of each search.
    """
    answers = {name: solve(problem, args, starts=starts) for name, args in options.items()}
    rank = {name: (not one.found, one.goal) for name, one in answers.items()}
    return {name: answers[name] for name in sorted(answers, key=lambda name: rank[name])}


def _check_args(problem: Problem, args: Mapping[str, Any]) -> None:
    missing = [
        f"{constraint.limit!r} (the limit of {constraint.name})"
        for constraint in problem.subject_to
        if isinstance(constraint.limit, str) and constraint.limit not in args
    ]
    if missing:
        raise UsageError(f"args lacks {', '.join(missing)}; it has {sorted(args)}.")


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _elasticities(problem: Problem, solution: Solution, args: Any) -> Any:
    """Derivatives of the coordinates and the goal by the logarithm of each leaf of args."""

    def moved(args: Any) -> jax.Array:
        point, _ = attach(problem, solution, args)
        # A range as long as 1 makes a linear coordinate; people want the variable's own unit.
        size = [1.0 if one.scale == "log" else one.high - one.low for one in problem.variables]
        goal = problem.values(point, args)[0]
        return jnp.append(point * jnp.asarray(size), goal)

    slopes = jax.jacfwd(moved)(args)
    return jax.tree.map(lambda slope, leaf: slope * leaf, slopes, args)


@partial(jax.jit, static_argnums=0, compiler_options=RUN_ONCE)
def _at(problem: Problem, args: Any, point: Any) -> Any:
    """Decision, goal, and for each constraint its value, limit and the slope of its excess."""
    decision = problem.decision(point)
    values, limits, slopes = [], [], []
    for constraint in problem.subject_to:
        limit = jnp.asarray(constraint.limit_value(args), float)
        value = constraint.measure(decision, args)
        values.append(jnp.asarray(value, float))
        limits.append(limit)
        sign = 1.0 if constraint.sense == ">=" else -1.0
        slopes.append(sign * jax.grad(constraint.measure.scaled)(limit))
    return decision, problem.minimize(decision, args), values, limits, slopes


def _answer(
    problem: Problem, args: Any, solution: Solution, starts: int, conflict: Infeasibility | None
) -> Answer:
    decision, goal, values, limits, slopes = jax.tree.map(float, _at(problem, args, solution.point))
    outcome, advice = Outcome(int(solution.outcome)), ""
    ends = {
        name: "low" if end < 0 else "high"
        for name, end in zip(problem.names, solution.active.end, strict=True)
        if end and outcome <= Outcome.AT_RANGE
    }
    if ends:
        outcome, advice = _beyond(problem, args, ends, outcome, starts)
    if conflict is not None and outcome == Outcome.INFEASIBLE:
        advice, ends = conflict.sentence, dict(conflict.at_end)
    there = outcome <= Outcome.AT_RANGE
    scale = goal if problem.minimize.log else problem.minimize.size
    bounds = tuple(
        Bound(
            constraint.name,
            constraint.sense,
            value,
            limit,
            constraint.measure.unit,
            bool(binds) and there,
            float(scale * pull * slope) if there else np.nan,
            float(pull * slope * limit) if there else np.nan,
        )
        for constraint, value, limit, slope, pull, binds in zip(
            problem.subject_to,
            values,
            limits,
            slopes,
            solution.multipliers,
            solution.active.constraint,
            strict=True,
        )
    )
    return Answer(
        problem,
        args,
        {name: decision[name] if there else np.nan for name in problem.names},
        goal if there else np.nan,
        bounds,
        ends,
        outcome,
        float(solution.defect),
        starts,
        float(solution.agreeing),
        advice,
        solution,
    )


def _beyond(
    problem: Problem, args: Any, ends: Mapping[str, str], outcome: Outcome, starts: int
) -> tuple[Outcome, str]:
    """The outcome, and advice, after widening the ranges of the variables that lie at an end."""
    names = [name for name, _ in ends.items() if _variable(problem, name).scale == "log"]
    if not names:
        return outcome, ""
    wider = replace(
        problem,
        variables=tuple(
            _widen(one, ends[one.name]) if one.name in names else one for one in problem.variables
        ),
    )
    solution = search_one(wider, args, starts)
    if solution.outcome == Outcome.SOLVED:
        beyond = wider.decision(solution.point)
        places = ", ".join(f"{name} = {amount(float(beyond[name]))}" for name in names)
        return outcome, f"Without the ends of its range the optimum would be at {places}."
    if solution.outcome == Outcome.AT_RANGE:
        still = {problem.names[i] for i in np.flatnonzero(solution.active.end)} & set(names)
        if still:
            return Outcome.UNBOUNDED, f"Nothing holds {', '.join(sorted(still))} back."
    return outcome, ""


def _variable(problem: Problem, name: str) -> Variable:
    return next(one for one in problem.variables if one.name == name)


def _widen(one: Variable, end: str) -> Variable:
    if end == "low":
        return replace(one, low=one.low / _WIDER)
    return replace(one, high=one.high * _WIDER)
