"""Constrained optima per second: scalejax, a loop over SLSQP, and the closed form where one exists.

    python benchmarks/optima.py [--draws 4000] [--side 50] [--frontier-draws 200] [--sample 300]
        [--repeats 5] [--json results/optima.json]

Two problems: the least loss for C = 6ND, which has a closed form, and the least cost over a life
with inference for a loss, which has none. Each for draws of a law, and for a frontier of 50 x 50
budgets (or targets and demands) with 200 draws at each point. Ours is timed from arrays to NumPy
records with a verdict for each optimum: with the search of the first from 64 starts, and for the
draws also without it ("point known") as in a plan, which has the point's answer before its draws'.
SLSQP minimises the same functions in logarithms with exact gradients, one at a time on a sample of
the lanes, from an optimum nearby.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from measuring import measure, parser, report, timed
from scipy.optimize import minimize

from scalejax.laws.chinchilla import BESIROGLU2024, chinchilla
from scalejax.optima import Measure, Problem, Variable, solve, solve_grid, solve_many

LAW = dict(BESIROGLU2024)
_NOISE = 0.01
_SIZE, _TOKENS = Variable("N", 1e6, 1e14), Variable("D", 1e8, 1e17)
_loss = Measure("loss", lambda x, a: chinchilla(x["N"], x["D"], **a["law"]), "nats/token")
_compute = Measure("compute", lambda x, a: 6 * x["N"] * x["D"], "FLOP")
_lifetime = Measure("lifetime", lambda x, a: 6 * x["N"] * x["D"] + 2 * x["N"] * a["demand"], "FLOP")
BEST = Problem((_SIZE, _TOKENS), _loss, (_compute.at_most("budget"),))
CHEAPEST = Problem((_SIZE, _TOKENS), _lifetime, (_loss.at_most("target"),))


def draws_of_the_law(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {name: value * np.exp(_NOISE * rng.normal(size=count)) for name, value in LAW.items()}


def points_of(problem: Problem, along: int) -> dict[str, Any]:
    """Limits and demands of the `along` points of a frontier, or of one point."""
    if problem is BEST:
        return {"budget": np.geomspace(1e21, 1e25, along) if along > 1 else np.array([5.76e23])}
    if along == 1:
        return {"target": np.array([2.0]), "demand": np.array([2e12])}
    side = round(along**0.5)
    target, demand = np.meshgrid(np.linspace(1.95, 2.25, side), np.geomspace(1e11, 1e14, side))
    return {"target": target.ravel(), "demand": demand.ravel()}


def lanes(points: Mapping[str, Any], law: Mapping[str, Any]) -> dict[str, Any]:
    """Args of all lanes: each point with each draw of the law."""
    along, count = (len(next(iter(part.values()))) for part in (points, law))
    return {
        "law": {name: np.tile(values, along) for name, values in law.items()},
        **{name: np.repeat(values, count) for name, values in points.items()},
    }


def ways(
    problem: Problem, points: Mapping[str, Any], law: Mapping[str, Any]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What solves all lanes, the way that is compared with the others last."""
    args = lanes(points, law)
    if len(next(iter(points.values()))) > 1:
        yield "scalejax", lambda: solve_grid(problem, {"law": LAW}, points, {"law": law})[1]
        return
    yield "scalejax", lambda: solve_many(problem, {}, args)
    # Not before the first way was timed, which compiles the search.
    known = solve(problem, jax.tree.map(lambda x: x[0], args)).solution
    yield "scalejax, point known", lambda: solve_many(problem, {}, args, known=known)


def closed_form(args: Mapping[str, Any]) -> Any:
    """N, D and loss of the least loss for C = 6ND."""
    law, budget = args["law"], args["budget"]
    alpha, beta = law["alpha"], law["beta"]
    G = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta))
    size = G * (budget / 6) ** (beta / (alpha + beta))
    tokens = budget / 6 / size
    return size, tokens, chinchilla(size, tokens, **law)


def slsqp(problem: Problem, args: Mapping[str, Any], start: Any) -> Any:
    """One lane by SLSQP in logarithms."""
    E, A, alpha, B, beta = (args["law"][name] for name in ("E", "A", "alpha", "B", "beta"))

    def loss(y: Any) -> tuple[float, Any]:
        size, tokens = A * np.exp(-alpha * y[0]), B * np.exp(-beta * y[1])
        value = E + size + tokens
        return np.log(value), np.array([-alpha * size, -beta * tokens]) / value

    def cost(y: Any) -> tuple[float, Any]:
        training = 6 * np.exp(y[0] + y[1])
        total = training + 2 * np.exp(y[0]) * args.get("demand", 0.0)
        return np.log(total), np.array([1.0, training / total])

    goal, rule, limit = (
        (loss, cost, args["budget"]) if problem is BEST else (cost, loss, args["target"])
    )
    level = np.log(limit)
    return minimize(
        goal,
        start,
        jac=True,
        bounds=[one.box for one in problem.variables],
        constraints=[
            {
                "type": "ineq",
                "fun": lambda y: level - rule(y)[0],
                "jac": lambda y: -rule(y)[1],
            }
        ],
        method="SLSQP",
        options={"ftol": 1e-13},
    ).x


def rows_of(
    problem: Problem, name: str, along: int, count: int, sample: int, repeats: int
) -> list[dict[str, Any]]:
    """Rows of one problem and size."""
    points, law = points_of(problem, along), draws_of_the_law(count)
    args, total, rows = lanes(points, law), along * count, []
    row = {"problem": name, "solves": total}
    for method, way in ways(problem, points, law):
        found, timing = measure(way, repeats)
        rows.append(
            {**row, "method": method, "wall s": timing.wall, "CPU s": timing.cpu}
            | {"compile s": timing.compile, "unsolved": int(np.sum(~found.solved))}
        )
    ours, size = rows[-1]["wall s"] / total, found.decision["N"].ravel()
    chosen = np.random.default_rng(1).choice(total, min(sample, total), replace=False)
    near = np.log([one[found.solved].mean() for one in found.decision.values()])

    def loop() -> Any:
        return [slsqp(problem, jax.tree.map(lambda x: x[k], args), near) for k in chosen]  # noqa: B023

    ends, wall, cpu = timed(loop)
    error = np.nanmax(np.abs(np.exp(np.stack(ends)[:, 0]) / size[chosen] - 1))
    rows.append(
        row
        | {"method": "SLSQP loop", "solves": len(chosen), "wall s": wall, "CPU s": cpu}
        | {"largest dN/N": float(error), "scalejax x": wall / len(chosen) / ours}
    )
    if problem is BEST:
        rows += [
            row | one | {"scalejax x": one["wall s"] / total / ours}
            for one in closed_rows(args, size, repeats)
        ]
    for one in rows:
        one["solves/s"] = one["solves"] / one["wall s"]
        one["ns/solve"] = 1e9 * one["wall s"] / one["solves"]
    return rows


def closed_rows(args: Any, size: Any, repeats: int) -> list[dict[str, Any]]:
    """The closed form by NumPy and by JAX, arrays in and NumPy out."""
    with jax.enable_x64(True):
        compiled = jax.jit(closed_form)
        forms: dict[str, Callable[[], Any]] = {
            "closed form, NumPy": lambda: closed_form_numpy(args),
            "closed form, JAX": lambda: jax.tree.map(np.asarray, compiled(args)),
        }
        rows = []
        for name, way in forms.items():
            exact, timing = measure(way, repeats)
            rows.append(
                {"method": name, "wall s": timing.wall, "CPU s": timing.cpu}
                | {"compile s": timing.compile}
                | {"largest dN/N": float(np.max(np.abs(size / exact[0] - 1)))}
            )
    return rows


def closed_form_numpy(args: Any) -> Any:
    """The same in NumPy, whose powers need no compiler."""
    law, budget = args["law"], args["budget"]
    alpha, beta = law["alpha"], law["beta"]
    G = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta))
    size = G * (budget / 6) ** (beta / (alpha + beta))
    tokens = budget / 6 / size
    return size, tokens, law["E"] + law["A"] * size**-alpha + law["B"] * tokens**-beta


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--draws", type=int, default=4000)
    made.add_argument("--side", type=int, default=50, help="the frontier has its square of points")
    made.add_argument("--frontier-draws", type=int, default=200)
    made.add_argument("--sample", type=int, default=300, help="lanes that SLSQP gets")
    made.add_argument("--repeats", type=int, default=5)
    given = made.parse_args()
    rows = []
    for name, problem in (("least loss for C = 6ND", BEST), ("least cost with demand", CHEAPEST)):
        for along, count in ((1, given.draws), (given.side**2, given.frontier_draws)):
            rows += rows_of(problem, name, along, count, given.sample, given.repeats)
    notes = [
        f"draws of Besiroglu's law with {_NOISE:.0%} of noise in each coefficient, seed 0",
        "scalejax x: how many times as long a solve takes as in the last row of scalejax above it",
        "largest dN/N: relative difference of N from scalejax's (its own error for closed forms)",
        "compile s: what the first call took longer, with all that it compiles",
    ]
    report("Constrained optima", rows, notes, given.json)


if __name__ == "__main__":
    main()
