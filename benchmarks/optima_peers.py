"""SciPy's constrained minimisers on the problems of `optima_problems`: what ours is held to.

Exact gradients, logarithmic coordinates and a common set of starts for all. SLSQP also minimises
the largest violation, which says whether a problem has a solution at all.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from optima_problems import SHAPES, Functions, draw_problem
from scipy.optimize import Bounds, NonlinearConstraint, minimize

FEASIBLE = 1e-8


def problem(seed: int, number: int) -> tuple[int, dict[str, Any], str]:
    """Problem `number` of a seed: position of its shape, args, kind."""
    which = number % len(SHAPES)
    args, kind = draw_problem(SHAPES[which], np.random.default_rng([seed, number]))
    return which, args, kind


def slsqp(f: Functions, start: Any, accuracy: float = 1e-14) -> Any:
    """Where SLSQP ends."""
    rules = [
        {
            "type": "eq" if equal else "ineq",
            "fun": lambda y, part=part, sign=sign: sign * f.values(y)[0][1:][part],
            "jac": lambda y, part=part, sign=sign: sign * f.values(y)[1][1:][part],
        }
        for equal, part, sign in ((True, f.equality, 1.0), (False, ~f.equality, -1.0))
        if part.any()
    ]
    ended = minimize(
        lambda y: f.values(y)[0][0],
        start,
        jac=lambda y: f.values(y)[1][0],
        bounds=Bounds(f.low, f.high),
        constraints=rules,
        method="SLSQP",
        options={"ftol": accuracy, "maxiter": 300},
    )
    return ended.x


def trust_constr(f: Functions, start: Any) -> Any:
    """Where trust-constr ends."""
    rule = NonlinearConstraint(
        lambda y: f.values(y)[0][1:],
        np.where(f.equality, 0.0, -np.inf),
        0.0,
        jac=lambda y: f.values(y)[1][1:],
    )
    ended = minimize(
        lambda y: f.values(y)[0][0],
        start,
        jac=lambda y: f.values(y)[1][0],
        bounds=Bounds(f.low, f.high),
        constraints=[rule],
        method="trust-constr",
        options={"gtol": 1e-10, "xtol": 1e-12, "barrier_tol": 1e-11, "maxiter": 300},
    )
    return ended.x


def least_violation(f: Functions, start: Any) -> Any:
    """Where SLSQP ends when it minimises t subject to no violation being larger than t."""
    n, equal = len(start), f.equality

    def room(z: Any) -> Any:
        over = f.values(z[:-1])[0][1:]
        return np.concatenate([z[-1] - over, z[-1] + over[equal]])

    def slopes(z: Any) -> Any:
        slope = f.values(z[:-1])[1][1:]
        rows = np.concatenate([-slope, slope[equal]])
        return np.hstack([rows, np.ones((len(rows), 1))])

    ended = minimize(
        lambda z: z[-1],
        np.append(start, f.violation(start)),
        jac=lambda z: np.append(np.zeros(n), 1.0),
        bounds=Bounds(np.append(f.low, -1.0), np.append(f.high, np.inf)),
        constraints=[{"type": "ineq", "fun": room, "jac": slopes}],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 300},
    )
    return ended.x[:-1]


SOLVERS: dict[str, Callable[[Functions, Any], Any]] = {
    "SLSQP": slsqp,
    "trust-constr": trust_constr,
}


def attempt(seed: int, number: int, starts: int) -> dict[str, Any]:
    """What each of them finds from all starts: the best feasible goal, and the least violation."""
    which, args, kind = problem(seed, number)
    f = Functions(SHAPES[which], args)
    points = f.starts(starts, number)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        violation = min(f.violation(ended(least_violation, f, point)) for point in points)
        found = {"kind": kind, "violation": violation}
        if violation > FEASIBLE:
            return found
        for name, solver in SOLVERS.items():
            ends = [ended(solver, f, point) for point in points]
            good = [y for y in ends if f.violation(y) <= FEASIBLE]
            best = min(good, key=lambda y: f.values(y)[0][0], default=None)
            if best is not None:
                found[name] = {"goal": float(f.values(best)[0][0]), "over": f.violation(best)}
                found[name]["point"] = best.tolist()
    return found


def ended(solver: Callable[[Functions, Any], Any], f: Functions, start: Any) -> Any:
    """Where a solver ends within the box; its start if it breaks down, as trust-constr may."""
    try:
        y = solver(f, start)
    except ValueError:
        return start
    return np.clip(np.where(np.isfinite(y), y, start), f.low, f.high)
