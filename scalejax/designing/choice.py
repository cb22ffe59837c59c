"""The best runs for a law, as pure functions of parameters and money: grid, weights, whole runs.

`best_runs` places runs of N and D anywhere in a region; `best_of_list` takes them from a list of
candidates. Both can be mapped over parameters, noise and money.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax.designing.exact import Placed, exchange, polish
from scalejax.designing.information import (
    CRITERIA,
    Criterion,
    Noise,
    Past,
    Stake,
    information,
    information_so_far,
    log_spread,
    run_vector,
    standard_error,
    whitening,
)
from scalejax.designing.measure import Limits, Measure, best_measure
from scalejax.designing.region import Region, grid, placed
from scalejax.designing.targets import Target
from scalejax.objectives import Model


class Setting(NamedTuple):
    """What is compiled in.

    Attributes:
        model: The law and what of it is free.
        target: What is to be known.
        criterion: ``"c"``, ``"D"`` or ``"A"``.
        slots: Most runs.
    """

    model: Model
    target: Target
    criterion: str
    slots: int

    @property
    def rule(self) -> Criterion:
        """What counts how much."""
        return CRITERIA[self.criterion]


class Known(NamedTuple):
    """What is known before the runs.

    Attributes:
        u: Draws of the coordinates, (S, p), the estimate first.
        fixed: Parameters that are held.
        noise: The noise of a new run.
        past: The runs so far.
    """

    u: Any
    fixed: Any
    noise: Noise
    past: Past


class Found(NamedTuple):
    """A design.

    Attributes:
        runs: Inputs and ``log_compute`` of the whole runs, (K,) each.
        used: Which of them are trained, (K,).
        measure: The continuous design on the candidates.
        log_spread: What the whole runs reach, mean over draws, ().
        error: Standard error of the target after them, by draw, (S,).
    """

    runs: dict[str, Any]
    used: Any
    measure: Measure
    log_spread: Any
    error: Any


def vectors_of(setting: Setting, known: Known, u: Any, runs: Any) -> jax.Array:
    """Vectors (n, p) of new runs at one point of the coordinates, not whitened."""
    return jax.vmap(partial(run_vector, setting.model, known.fixed, known.noise, u))(runs)


def information_before(setting: Setting, known: Known, u: Any) -> jax.Array:
    """Information (p, p) of the runs so far at one point of the coordinates, not whitened."""
    past = known.past
    old = vectors_of(setting, known._replace(noise=past.noise), u, past.runs)
    return information_so_far(old, past)


def slopes_of(setting: Setting, known: Known, u: Any) -> tuple[jax.Array, jax.Array]:
    """Slopes in the coordinates of what the criterion counts (p, k) and of the target (p,)."""
    model = setting.model

    def wanted(u: jax.Array) -> jax.Array:
        return setting.target(model.law, model.parameters(u, known.fixed))

    def sizes(u: jax.Array) -> jax.Array:
        """Free parameters, those that are positive as logarithms: errors become relative."""
        found = model.parameters(u, known.fixed)
        supports = {name: model.law.parameters[name].support for name in model.free}
        return jnp.stack(
            [
                jnp.log(found[name]) if supports[name].lower == 0 else found[name]
                for name in model.free
            ]
        )

    slope = jax.jacfwd(wanted)(u)
    goal = jax.jacfwd(sizes)(u).T if setting.criterion == "A" else slope[:, None]
    return goal, slope


def stakes_of(setting: Setting, known: Known, candidates: Any) -> tuple[Stake, jax.Array]:
    """What is judged (S, ...), and vectors (S, n, p) of the candidates, all whitened."""

    def one(u: jax.Array) -> tuple[Stake, jax.Array]:
        f = vectors_of(setting, known, u, candidates)
        before = information_before(setting, known, u)
        whiten = whitening(before + f.T @ f / f.shape[0])
        goal, wanted = slopes_of(setting, known, u)
        stake = Stake(u, whiten, whiten @ before @ whiten.T, whiten @ goal, whiten @ wanted)
        return stake, f @ whiten.T

    return jax.vmap(one)(known.u)


@partial(jax.jit, static_argnums=0)
def judge(
    setting: Setting, known: Known, candidates: Any, runs: Any, used: Any
) -> tuple[jax.Array, jax.Array]:
    """Mean log spread () and standard errors (S,) of any runs (K,), of which some are used."""
    stakes, _ = stakes_of(setting, known, candidates)

    def one(stake: Stake) -> jax.Array:
        f = vectors_of(setting, known, stake.u, runs) @ stake.whiten.T
        return log_spread(setting.rule, stake.before + information(f, used * 1.0), stake.goal)

    return jnp.mean(jax.vmap(one)(stakes)), errors_of(setting, known, stakes, runs, used * 1.0)


def errors_of(setting: Setting, known: Known, stakes: Stake, runs: Any, weight: Any) -> jax.Array:
    """Standard error of the target after runs with weights (K,), by draw, (S,)."""

    def one(stake: Stake) -> jax.Array:
        f = vectors_of(setting, known, stake.u, runs) @ stake.whiten.T
        return standard_error(stake.before + information(f, weight), stake.wanted)

    return jax.vmap(one)(stakes)


def best_runs(setting: Setting, known: Known, region: Region, money: Any) -> Found:
    """The best runs of N and D in a region for some FLOP."""
    log_compute, place = grid(region, jnp.log(money))
    candidates = placed(region, log_compute, place)
    stakes, vectors = stakes_of(setting, known, candidates)
    cost = jnp.exp(log_compute)
    measure = best_measure(setting.rule, stakes, vectors, cost, Limits(money, setting.slots))
    chosen = exchange(setting.rule, setting.slots, stakes, vectors, cost, measure.weight, money)
    used = chosen.slot < len(cost)
    start = Placed(log_compute[chosen.slot], place[chosen.slot], used, chosen.log_spread)
    best = polish(
        setting.rule, setting.model, known.fixed, known.noise, stakes, region, start, money
    )
    runs = placed(region, best.log_compute, best.place)
    error = errors_of(setting, known, stakes, runs, used * 1.0)
    return Found(runs, used, measure, best.log_spread, error)


def best_of_list(
    setting: Setting, known: Known, candidates: dict[str, Any], cost: Any, money: Any
) -> Found:
    """The best runs out of a list of candidates (n,), of which any may be trained repeatedly."""
    stakes, vectors = stakes_of(setting, known, candidates)
    measure = best_measure(setting.rule, stakes, vectors, cost, Limits(money, setting.slots))
    chosen = exchange(setting.rule, setting.slots, stakes, vectors, cost, measure.weight, money)
    used = chosen.slot < len(cost)
    runs = {name: values[chosen.slot] for name, values in candidates.items()}
    runs["cost"] = cost[chosen.slot]
    error = errors_of(setting, known, stakes, runs, used * 1.0)
    return Found(runs, used, measure, chosen.log_spread, error)


solve_runs = partial(jax.jit, static_argnums=0)(best_runs)
solve_list = partial(jax.jit, static_argnums=0)(best_of_list)
