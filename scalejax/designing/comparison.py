"""The grids that people train, placed in the same region and scaled to the same money.

- isoFLOP: a few budgets, and at each of them sizes from one limit of tokens per parameter to the
  other (Hoffmann et al., arXiv:2203.15556, approach 2).
- fixed ratio: sizes at 20 tokens per parameter.
- sizes times ratios: every size at 5, 20 and 80 tokens per parameter (their approach 3).

Their smallest run is the smallest that the region allows; the largest is as large as the money
allows.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scalejax.designing.best_runs import Knowledge, Setting, errors_of, stakes_of
from scalejax.designing.region import (
    Region,
    compute_range,
    grid,
    ratio_range,
    run_at,
    run_at_place,
)

Shape = Callable[[Region, Any, Any], dict[str, Any]]
"""Gives the runs of a grid from a region, the smallest and the largest log compute."""

FIXED_RATIO = 20.0
RATIOS = (5.0, 20.0, 80.0)
USUAL_ISOFLOP = (5, 9)
"""Budgets and sizes at each of the large grid. Ratios and counts are usual ones, by judgement."""

_HALVINGS = 50
"""Halvings of a range of log compute: to rounding, 1e-15 of it."""


def isoflop_runs(budgets: int, sizes: int) -> Shape:
    """A grid of some sizes at each of some budgets."""

    def runs(region: Region, low: Any, top: Any) -> dict[str, Any]:
        compute = jnp.repeat(low + (top - low) * jnp.linspace(0.0, 1.0, budgets), sizes)
        return run_at_place(region, compute, jnp.tile(jnp.linspace(0.0, 1.0, sizes), budgets))

    return runs


def fixed_ratio_runs(count: int) -> Shape:
    """A grid of sizes at 20 tokens per parameter."""

    def runs(region: Region, low: Any, top: Any) -> dict[str, Any]:
        compute = low + (top - low) * jnp.linspace(0.0, 1.0, count)
        ratio = jnp.clip(np.log(FIXED_RATIO), *ratio_range(region, compute))
        return run_at(compute, ratio, region.compute)

    return runs


def crossed_runs(sizes: int) -> Shape:
    """A grid of every size at each of `RATIOS` tokens per parameter."""

    def runs(region: Region, low: Any, top: Any) -> dict[str, Any]:
        ratio = jnp.tile(jnp.log(jnp.array(RATIOS)), sizes)
        size_at, log_flop = region.compute.log_size_at, region.compute.log_flop
        first, last = size_at(low, ratio[0]), size_at(top, ratio[-1])
        size = jnp.repeat(first + (last - first) * jnp.linspace(0.0, 1.0, sizes), len(RATIOS))
        compute = jnp.clip(log_flop(size, size + ratio), low, top)
        return run_at(compute, jnp.clip(ratio, *ratio_range(region, compute)), region.compute)

    return runs


def usual_grids(slots: int) -> Mapping[str, tuple[int, Shape]]:
    """Grids of about as many runs as slots, and a large one: by name, number of runs and shape."""
    budgets = max(2, slots // 4)
    sizes, crossed = max(3, slots // budgets), max(2, slots // len(RATIOS))
    many, each = USUAL_ISOFLOP
    return {
        f"isoFLOP, {budgets} budgets x {sizes} sizes": (
            budgets * sizes,
            isoflop_runs(budgets, sizes),
        ),
        f"isoFLOP, {many} budgets x {each} sizes": (many * each, isoflop_runs(many, each)),
        f"{FIXED_RATIO:g} tokens per parameter": (slots, fixed_ratio_runs(slots)),
        f"{crossed} sizes x {len(RATIOS)} ratios": (
            crossed * len(RATIOS),
            crossed_runs(crossed),
        ),
    }


def grid_for_money(shape: Shape, region: Region, money: Any) -> dict[str, Any]:
    """The runs of a grid that costs the money, or as near to it as the region allows.

    Args:
        shape: The grid.
        region: Where runs may be.
        money: FLOP.

    Returns:
        Inputs and ``log_compute``, (k,) each; NaN if even the smallest such grid costs more.
    """
    low, high = compute_range(region, jnp.log(money))

    def cost(top: Any) -> jax.Array:
        return jnp.sum(jnp.exp(shape(region, low, top)["log_compute"]))

    def halve(_: int, ends: tuple[Any, Any]) -> tuple[Any, Any]:
        below, above = ends
        middle = 0.5 * (below + above)
        dear = cost(middle) > money
        return jnp.where(dear, below, middle), jnp.where(dear, middle, above)

    top, _ = lax.fori_loop(0, _HALVINGS, halve, (low, high))
    runs = shape(region, low, top)
    return {name: jnp.where(cost(low) <= money, x, jnp.nan) for name, x in runs.items()}


def grid_errors(
    setting: Setting, grids: tuple[Shape, ...], knowledge: Knowledge, region: Region, money: Any
) -> jax.Array:
    """Standard error of the target at the estimate after each grid, (grids,)."""
    estimate = knowledge._replace(u=knowledge.u[:1])
    candidates = run_at_place(region, *grid(region, jnp.log(money)))
    stakes, _ = stakes_of(setting, estimate, candidates)

    def error(shape: Shape) -> jax.Array:
        runs = grid_for_money(shape, region, money)
        return errors_of(setting, estimate, stakes, runs, jnp.ones_like(runs["N"]))[0]

    return jnp.stack([error(shape) for shape in grids])


@partial(jax.jit, static_argnums=0)
def grids_along(grids: tuple[Shape, ...], region: Region, moneys: Any) -> list[dict[str, Any]]:
    """The runs of each grid for several amounts of money, (m, k) each."""
    return [jax.vmap(partial(grid_for_money, shape, region))(moneys) for shape in grids]


@partial(jax.jit, static_argnums=(0, 1))
def grid_errors_along(
    setting: Setting, grids: tuple[Shape, ...], knowledge: Knowledge, region: Region, moneys: Any
) -> jax.Array:
    """`grid_errors` for several amounts of money, (m, grids)."""
    return jax.vmap(lambda money: grid_errors(setting, grids, knowledge, region, money))(moneys)
