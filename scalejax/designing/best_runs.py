"""The best runs for a law, as pure functions of parameters and money.

`best_runs` places runs of N and D anywhere in a region; `best_of_list` takes them from a list of
candidates. Both can be mapped over parameters, noise and money. They find the best weights of
candidates (`continuous_design`), then whole runs near them (`whole_runs`), as `best_of_vectors`
does for vectors from anywhere. `judge` tells how good any other runs are.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from scalejax.designing.continuous_design import (
    ContinuousDesign,
    DesignLimits,
    best_continuous_design,
)
from scalejax.designing.information import (
    CRITERIA,
    Criterion,
    Noise,
    PastRuns,
    Stake,
    information,
    information_so_far,
    log_spread,
    run_vector,
    standard_error,
    whitening,
)
from scalejax.designing.region import Region, grid, run_at_place
from scalejax.designing.targets import Target
from scalejax.designing.whole_runs import RunPlaces, SlotChoice, exchange, polish
from scalejax.objectives import Model


class Setting(NamedTuple):
    """The parts of a question that are fixed at compile time.

    Attributes:
        model: The law with its free parameters.
        target: The number to be known.
        criterion: ``"c"``, ``"D"`` or ``"A"``.
        slots: The largest number of runs.
    """

    model: Model
    target: Target
    criterion: str
    slots: int

    @property
    def rule(self) -> Criterion:
        """The weights of variance and volume."""
        return CRITERIA[self.criterion]


class Knowledge(NamedTuple):
    """What is known before the new runs.

    Attributes:
        u: Draws of the coordinates, (S, p), the estimate first.
        fixed: Values of fixed parameters, by name.
        noise: The noise of a new run.
        past: The runs so far.
    """

    u: Any
    fixed: Any
    noise: Noise
    past: PastRuns


class BestRuns(NamedTuple):
    """The best runs, with the continuous design that bounds them.

    Attributes:
        runs: Inputs of the K slots, (K,) each, with ``log_compute``, or ``cost`` from a list.
        used: Which of the slots are trained, (K,).
        continuous: The continuous design on the candidates.
        log_spread: The log spread after the whole runs, mean over draws, ().
        error: Standard error of the target after them, by draw, (S,).
    """

    runs: dict[str, Any]
    used: Any
    continuous: ContinuousDesign
    log_spread: Any
    error: Any


def vectors_of(setting: Setting, knowledge: Knowledge, u: Any, runs: Any) -> jax.Array:
    """Vectors (n, p) of new runs at one point of the coordinates, not whitened."""
    return jax.vmap(partial(run_vector, setting.model, knowledge.fixed, knowledge.noise, u))(runs)


def information_before(setting: Setting, knowledge: Knowledge, u: Any) -> jax.Array:
    """Information (p, p) of the runs so far at one point of the coordinates, not whitened."""
    past = knowledge.past
    old = vectors_of(setting, knowledge._replace(noise=past.noise), u, past.runs)
    return information_so_far(old, past)


def slopes_of(setting: Setting, knowledge: Knowledge, u: Any) -> tuple[jax.Array, jax.Array]:
    """Slopes of the numbers that the criterion counts, (p, k), and of the target, (p,)."""
    model = setting.model

    def target(u: jax.Array) -> jax.Array:
        return setting.target(model.law, model.parameters(u, knowledge.fixed))

    def scaled_parameters(u: jax.Array) -> jax.Array:
        """Free parameters, those that are positive as logarithms: errors become relative."""
        parameters = model.parameters(u, knowledge.fixed)
        supports = {name: model.law.parameters[name].support for name in model.free}
        return jnp.stack(
            [
                jnp.log(parameters[name]) if supports[name].lower == 0 else parameters[name]
                for name in model.free
            ]
        )

    slope = jax.jacfwd(target)(u)
    goal = jax.jacfwd(scaled_parameters)(u).T if setting.criterion == "A" else slope[:, None]
    return goal, slope


def stakes_of(setting: Setting, knowledge: Knowledge, candidates: Any) -> tuple[Stake, jax.Array]:
    """Stakes (S, ...) at each draw and vectors (S, n, p) of the candidates, all whitened."""

    def one(u: jax.Array) -> tuple[Stake, jax.Array]:
        f = vectors_of(setting, knowledge, u, candidates)
        before = information_before(setting, knowledge, u)
        whiten = whitening(before + f.T @ f / f.shape[0])
        goal, wanted = slopes_of(setting, knowledge, u)
        stake = Stake(u, whiten, whiten @ before @ whiten.T, whiten @ goal, whiten @ wanted)
        return stake, f @ whiten.T

    return jax.vmap(one)(knowledge.u)


@partial(jax.jit, static_argnums=0)
def judge(
    setting: Setting, knowledge: Knowledge, candidates: Any, runs: Any, used: Any
) -> tuple[jax.Array, jax.Array]:
    """Mean log spread () and standard errors (S,) of any runs (K,), of which some are used."""
    stakes, _ = stakes_of(setting, knowledge, candidates)

    def one(stake: Stake) -> jax.Array:
        f = vectors_of(setting, knowledge, stake.u, runs) @ stake.whiten.T
        return log_spread(setting.rule, stake.before + information(f, used * 1.0), stake.goal)

    return jnp.mean(jax.vmap(one)(stakes)), errors_of(setting, knowledge, stakes, runs, used * 1.0)


def errors_of(
    setting: Setting, knowledge: Knowledge, stakes: Stake, runs: Any, weight: Any
) -> jax.Array:
    """Standard error of the target after runs with weights (K,), by draw, (S,)."""

    def one(stake: Stake) -> jax.Array:
        f = vectors_of(setting, knowledge, stake.u, runs) @ stake.whiten.T
        return standard_error(stake.before + information(f, weight), stake.slope)

    return jax.vmap(one)(stakes)


def best_of_vectors(
    rule: Criterion, slots: int, stakes: Stake, vectors: Any, cost: Any, money: Any
) -> tuple[ContinuousDesign, SlotChoice]:
    """The best whole runs among candidates whose vectors (S, n, p) are known."""
    continuous = best_continuous_design(rule, stakes, vectors, cost, DesignLimits(money, slots))
    return continuous, exchange(rule, slots, stakes, vectors, cost, continuous.weight, money)


def best_runs(setting: Setting, knowledge: Knowledge, region: Region, money: Any) -> BestRuns:
    """The best runs of N and D in a region for ``money`` FLOP."""
    log_compute, place = grid(region, jnp.log(money))
    candidates = run_at_place(region, log_compute, place)
    stakes, vectors = stakes_of(setting, knowledge, candidates)
    cost = jnp.exp(log_compute)
    continuous, choice = best_of_vectors(setting.rule, setting.slots, stakes, vectors, cost, money)
    used = choice.slot < len(cost)
    start = RunPlaces(log_compute[choice.slot], place[choice.slot], used, choice.log_spread)
    best = polish(
        setting.rule, setting.model, knowledge.fixed, knowledge.noise, stakes, region, start, money
    )
    runs = run_at_place(region, best.log_compute, best.place)
    error = errors_of(setting, knowledge, stakes, runs, used * 1.0)
    return BestRuns(runs, used, continuous, best.log_spread, error)


def best_of_list(
    setting: Setting, knowledge: Knowledge, candidates: dict[str, Any], cost: Any, money: Any
) -> BestRuns:
    """The best runs out of a list of candidates (n,), of which any may be trained repeatedly."""
    stakes, vectors = stakes_of(setting, knowledge, candidates)
    continuous, choice = best_of_vectors(setting.rule, setting.slots, stakes, vectors, cost, money)
    used = choice.slot < len(cost)
    runs = {name: values[choice.slot] for name, values in candidates.items()}
    runs["cost"] = cost[choice.slot]
    error = errors_of(setting, knowledge, stakes, runs, used * 1.0)
    return BestRuns(runs, used, continuous, choice.log_spread, error)


solve_runs = partial(jax.jit, static_argnums=0)(best_runs)
solve_vectors = partial(jax.jit, static_argnums=(0, 1))(best_of_vectors)
solve_list = partial(jax.jit, static_argnums=0)(best_of_list)
