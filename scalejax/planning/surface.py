"""How demand moves the best model: size, data and saving against quality and tokens served.

The quality of each row is that of the compute-optimal ("Chinchilla-optimal") model of a size, as in
figures 1 and 2 of Sardana et al. 2024 (arXiv:2401.00448).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.amounts import POSITIVE
from scalejax.compute import SIX_N_D, Compute, clear_compute
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.forecasting import Forecast
from scalejax.laws import Law
from scalejax.optima import solve_grid, tokens_for
from scalejax.planning.problem import args_of, problem_of
from scalejax.planning.question import Question
from scalejax.planning.source import source_of
from scalejax.points import read_array
from scalejax.scope import own_settings
from scalejax.status import Outcome


def ratio_surface(
    source: Fit | Forecast | Law | str,
    sizes: Sequence[float] | Floats,
    demands: Sequence[float] | Floats,
    parameters: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """The model of least FLOP, training and serving together, for each quality and demand.

    Args:
        source: A fit, the name of a published set, or a law with `parameters`; of N and D.
        sizes: Parameters of the compute-optimal models whose loss is to be reached.
        demands: Tokens to serve, in and out.
        parameters: Parameters of the law, if `source` is one.

    Returns:
        A row for each size and demand: the compute-optimal model (`N_chinchilla`, `D_chinchilla`)
        and its `loss`; `demand`; the best N and D; `N_ratio` and `D_ratio` to the compute-optimal
        ones; the `flop` of training and serving, and the share of it that is saved (`saving`)
        against serving the compute-optimal model; the `outcome`.

    Raises:
        UsageError: The law has other inputs, or a size or demand is not positive.
    """
    origin = source_of(source, parameters)
    law = origin.law
    if set(law.inputs) != {"N", "D"}:
        raise UsageError(f"the surface is for laws of N and D, and {law.name} is of {law.inputs}.")
    size, demand = (
        one.ravel()
        for one in np.meshgrid(
            _positive("sizes", sizes), _positive("demands", demands), indexing="ij"
        )
    )
    compute = clear_compute(origin.compute)
    tokens, loss = compute_optimal(law, origin.params, size, compute)
    middle = len(size) // 2
    question = Question(
        target_loss=float(loss[middle]), output_tokens=float(demand[middle]), flop_per_token=compute
    )
    args = args_of(question, law, origin.params, question.target_loss, None)
    problem = problem_of(question, law, question.target_loss)
    best, _ = solve_grid(
        problem,
        args,
        {"limits": {"loss": loss}, "demand": {"input": np.zeros(len(size)), "output": demand}},
    )
    chinchilla = compute.flop(size, tokens) + 2.0 * size * demand
    return pd.DataFrame(
        {
            "N_chinchilla": size,
            "D_chinchilla": tokens,
            "loss": loss,
            "demand": demand,
            "N": best.decision["N"],
            "D": best.decision["D"],
            "N_ratio": best.decision["N"] / size,
            "D_ratio": best.decision["D"] / tokens,
            "flop": best.goal,
            "saving": 1.0 - best.goal / chinchilla,
            "outcome": [Outcome(code).label for code in best.outcome],
        }
    )


def compute_optimal(
    law: Law, parameters: Mapping[str, float], sizes: Floats, compute: Compute = SIX_N_D
) -> tuple[Floats, Floats]:
    """Tokens on which models of these sizes are compute-optimal, and their losses.

    There the loss falls as fast with the logarithm of N as with that of D, if C = 6ND.

    Returns:
        Tokens and losses (nats/token), (n,) each.
    """
    params = {name: np.float64(parameters[name]) for name in law.parameters}
    with own_settings():
        tokens, loss = _compute_optimal(law, params, np.asarray(sizes, np.float64), compute)
        return np.asarray(tokens), np.asarray(loss)


@partial(jax.jit, static_argnums=0)
def _compute_optimal(
    law: Law, params: Any, sizes: Any, compute: Compute
) -> tuple[jax.Array, jax.Array]:
    tokens = jax.vmap(lambda size: tokens_for(law, params, size, compute))(sizes)
    point = {"N": sizes, "D": tokens}
    return tokens, law(*(point[name] for name in law.inputs), **params)


def _positive(name: str, values: Sequence[float] | Floats) -> Floats:
    grid = np.unique(read_array(name, values, POSITIVE))
    if not len(grid):
        raise UsageError(f"{name}= must be positive numbers.")
    return grid
