"""Which form of the pass over the rows is faster here: the choice that `default_layout` makes.

    python benchmarks/pass_form.py [--json out.json]

Nanoseconds per lane, row and evaluation of value, gradient and matrix (`scalejax.fitting.
derivatives.evaluate`) for both forms, few and many lanes, a law with five parameters and one with
eight; 240 rows shared by all lanes, a weight of its own for each, as in a bootstrap.
"""

from functools import partial
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from measuring import measure, parser, report, timed
from problems import PROBLEMS, Problem, resamples

from scalejax.engine.derivatives import Form, evaluate
from scalejax.engine.layout import default_layout
from scalejax.objectives import Model, Rows, Settings, huber, make_model

_PASSES = 20


def passes(model: Model, rows: Rows, settings: Settings, form: Form, lanes: int) -> Any:
    """A function of the coordinates (p, lanes) and weights (n, lanes) that evaluates repeatedly."""
    one = partial(evaluate, model, rows=rows, count=len(rows.target), settings=settings, form=form)
    batched = jax.vmap(
        lambda u, damping, weight: one(u, damping, weight=weight), in_axes=-1, out_axes=-1
    )
    damping = jnp.ones(lanes)

    def again(_: Any, carry: tuple[Any, Any], weight: Any) -> tuple[Any, Any]:
        u, total = carry
        found = batched(u, damping, weight)
        # Every result enters the next point, so that nothing is left out.
        moved = u + 1e-9 * found.grad + 1e-12 * jnp.sum(found.curvature, axis=0)
        return moved, total + found.value

    def run(u: Any, weight: Any) -> Any:
        step = partial(again, weight=weight)
        return jax.lax.fori_loop(0, _PASSES, step, (u, jnp.zeros(lanes)))

    return run


def measure_form(problem: Problem, form: Form, lanes: int, repeats: int) -> dict[str, Any]:
    """One row of the table."""
    with jax.enable_x64(True):
        objective = huber()
        model = make_model(problem.law, objective.kernel)
        settings = Settings(tuple(map(np.float64, objective.constants)), {}, {})
        inputs = tuple(problem.runs[name].to_numpy() for name in problem.law.inputs)
        rows = Rows(tuple(map(jnp.asarray, inputs)), jnp.asarray(problem.target))
        low, high = (
            [p.unconstrain(jnp.asarray(p.plausible[k])) for p in problem.law.parameters.values()]
            for k in (0, 1)
        )
        share = np.random.default_rng(0).uniform(0.4, 0.6, (model.size, lanes))
        u = jnp.stack(low)[:, None] * (1 - share) + jnp.stack(high)[:, None] * share
        weight = jnp.asarray(resamples(len(problem.runs), lanes).T)
        run = passes(model, rows, settings, form, lanes)
        compiled, compile_wall, _ = timed(lambda: jax.jit(run).lower(u, weight).compile())
        _, timing = measure(lambda: compiled(u, weight), repeats)
    evaluations = _PASSES * lanes * len(problem.runs)
    return {
        "law": problem.law.name,
        "parameters": model.size,
        "form": form,
        "lanes": lanes,
        "ns wall": 1e9 * timing.wall / evaluations,
        "ns cpu": 1e9 * timing.cpu / evaluations,
        "compile s": compile_wall,
    }


def main() -> None:
    """The command line."""
    made = parser(__doc__)
    made.add_argument("--lanes", type=int, nargs="+", default=(128, 1024))
    made.add_argument("--repeats", type=int, default=9)
    given = made.parse_args()
    rows = [
        measure_form(PROBLEMS[name](), form, lanes, given.repeats)
        for name in ("chinchilla", "precision")
        for form in get_args(Form)
        for lanes in given.lanes
    ]
    layout = default_layout()
    notes = [f"default_layout() picks {layout.form!r} with {layout.lanes} lanes here"]
    report("Forms of the pass over the rows", rows, notes, given.json)


if __name__ == "__main__":
    main()
