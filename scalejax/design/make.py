"""`design_runs`: from a fit or a published law, and money, to the runs that tell most."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax.costs import Hardware, find_hardware, usd_per_flop
from scalejax.costs.duration import TRAINING_MFU
from scalejax.design.choice import Known, Setting, slopes_of
from scalejax.design.information import CRITERIA, Noise
from scalejax.design.question import Listed, Question
from scalejax.design.record import Design
from scalejax.design.region import Region, region_of
from scalejax.design.targets import BestSize, target_of
from scalejax.errors import UsageError
from scalejax.fitting.asymptotics import CovarianceKind
from scalejax.fitting.intervals import check_level
from scalejax.identify import TYPICAL_NOISE
from scalejax.laws import Law
from scalejax.objectives import Model, least_squares, make_model
from scalejax.planning import Source, source_of
from scalejax.quantities import FLOP_PER_PAIR
from scalejax.status import Status
from scalejax.uncertainty.conclusions import BEYOND

if TYPE_CHECKING:
    from scalejax.fitting import Fit

Floats = NDArray[np.float64]

_SPARE = 4
_MOST_RUNS = 200


def design_runs(
    source: "Fit | Law | str",
    *,
    budget: float | None = None,
    usd: float | None = None,
    target: Any = None,
    parameters: Mapping[str, float] | None = None,
    runs: int = 12,
    criterion: str = "c",
    candidates: pd.DataFrame | Mapping[str, Any] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    noise: float | None = None,
    discrepancy: float = 0.0,
    hardware: str | Hardware | None = None,
    mfu: float = TRAINING_MFU,
    usd_per_hour: float | None = None,
    level: float = 0.95,
    draws: int = 8,
    seed: int = 0,
) -> Design:
    """Choose which runs to train next, so that a number is known as well as money allows.

    What runs tell is their Fisher information, added to that of the runs so far. It depends on the
    law's parameters, which are not known: the mean over the estimate and a few draws is optimised.
    Train the runs, add them to the table, fit, and ask again.

    Args:
        source: A fit; a law or its name with `parameters`; or a published set such as
            ``"besiroglu2024"``, for those who have no runs yet.
        budget: FLOP for all new runs; in the unit of the costs if `candidates` have a ``cost``.
        usd: Dollars instead, with `hardware`.
        target: What is to be known: the best N for this many FLOP (laws of N and D), the loss of a
            run given by its inputs, or a pure function of the dictionary of parameters. N* at 100
            times the largest compute of the runs so far, or the budget without any, if not given.
        parameters: Parameters of a law.
        runs: Most runs that can be trained.
        criterion: ``"c"`` for the variance of the target (with a tenth of D, so that the runs
            determine the whole law), ``"D"`` for the volume in which all free parameters lie (log
            det), ``"A"`` for the sum of their squared relative errors.
        candidates: Runs to choose from, by the law's inputs, with a ``cost`` or 6ND. Any may be
            chosen repeatedly, with other seeds. For laws of other inputs than N and D.
        ranges: For laws of N and D: limits of ``"N"``, ``"D"``, ``"C"`` and ``"D/N"``. N and D are
            no smaller than in the runs so far, and D/N is between 2 and 200 or what those runs
            cover, unless you say otherwise.
        noise: Standard deviation of a run's residual, relative if residuals are of log losses.
            That on which the standard errors of the fit rest if not given; 0.005 without a fit.
        discrepancy: By how much the law may be wrong for each decade of compute between a run and
            the target, as in `Fit.predict`. Small runs far away are then worth less.
        hardware: What trains, by name, for `usd`.
        mfu: Share of the peak rate that it reaches.
        usd_per_hour: Its rent; a dated default of `scalejax.costs` if not given.
        level: Probability of the intervals whose width is reported.
        draws: Draws of the parameters over which the criterion is averaged, beside the estimate.
        seed: Seed of their choice.

    Returns:
        The design: its runs, the width that they promise, and what the usual grids would give.

    Raises:
        UsageError: Arguments that cannot be combined, or runs that cannot determine the law.
    """
    check_level(level)
    _check(criterion, runs, draws, noise, discrepancy)
    origin = source_of(source, parameters)
    model = _model_of(origin)
    money, rate, unit = _money(budget, usd, hardware, mfu, usd_per_hour, candidates)
    table = {} if origin.fit is None else dict(origin.fit.table.inputs)
    goal = target_of(_target(target, origin.law, table, money / rate), origin.law)
    if discrepancy > 0 and goal.compute is None:
        raise UsageError(
            "discrepancy= is by decades of compute from the target, and that of this target is not "
            "known: give target= FLOP, or N and D."
        )
    place = _place(candidates, ranges or {}, origin.law, table, rate, money)
    setting = Setting(model, goal, criterion, int(runs))
    sd = _noise(origin, noise)
    if not 0 < sd < np.inf:
        raise UsageError(
            f"the residuals of the fit give a noise of {sd:g}, with which no design can be judged: "
            "say how much runs scatter with noise=."
        )
    far = Noise(np.float64(sd), np.float64(discrepancy), np.log(goal.compute or 1.0))
    u = _coordinates(setting, origin, draws, seed, far)
    known = Known(u, _fixed(origin), far, _with_compute(table, origin.law), _weight(origin))
    question = Question(setting, known, place, rate, unit)
    return Design(
        question=question,
        source=origin,
        budget=money,
        level=level,
        noise=sd,
        discrepancy=discrepancy,
        seed=seed,
        notes=tuple(_notes(origin, noise, len(u) - 1, draws)),
        found=question.solve(money),
    )


def _place(
    candidates: Any,
    ranges: Mapping[str, tuple[float, float]],
    law: Law,
    table: Mapping[str, Floats],
    rate: float,
    money: float,
) -> Region | Listed:
    """Where runs may be."""
    if candidates is not None:
        if ranges:
            raise UsageError("give candidates= or ranges=, not both.")
        return _listed(candidates, law, rate, money)
    if set(law.inputs) == {"N", "D"}:
        return region_of(table, ranges, money / rate)
    raise UsageError(
        f"{law.name} is a law of {', '.join(law.inputs)}: list the runs that could be trained in "
        "candidates=, with their cost."
    )


def _check(criterion: str, runs: int, draws: int, noise: float | None, discrepancy: float) -> None:
    wrong = []
    if criterion not in CRITERIA:
        wrong.append(f"criterion= is one of {', '.join(CRITERIA)}, not {criterion!r}")
    if not 1 <= runs <= _MOST_RUNS:
        wrong.append(f"runs= must lie between 1 and {_MOST_RUNS}, not {runs!r}")
    if draws < 0:
        wrong.append(f"draws= must not be negative, not {draws!r}")
    if noise is not None and not 0 < noise < np.inf:
        wrong.append(f"noise= is a standard deviation such as 0.005, not {noise!r}")
    if not 0 <= discrepancy < np.inf:
        wrong.append(f"discrepancy= is a share per decade such as 0.005, not {discrepancy!r}")
    if wrong:
        raise UsageError("; ".join(wrong) + ".")


def _model_of(origin: Source) -> Model:
    if origin.fit is None:
        return make_model(origin.law, least_squares().kernel)
    model = origin.fit.problem.model
    kernel = least_squares(on="log" if model.kernel.log else "loss").kernel
    return Model(model.law, kernel, model.free, model.tied)


def _fixed(origin: Source) -> dict[str, float]:
    return {} if origin.fit is None else dict(origin.fit.problem.fixed)


def _weight(origin: Source) -> Floats:
    return np.zeros(0) if origin.fit is None else origin.fit.table.weight


def _money(
    budget: float | None,
    usd: float | None,
    hardware: str | Hardware | None,
    mfu: float,
    usd_per_hour: float | None,
    candidates: Any,
) -> tuple[float, float, str]:
    """Money, its unit's worth of one FLOP, and the unit."""
    given = [float(amount) for amount in (budget, usd) if amount is not None]
    if len(given) != 1:
        raise UsageError("give budget= or usd=.")
    (money,) = given
    if not 0 < money < np.inf:
        raise UsageError(f"the budget must be positive and finite, not {money!r}.")
    if usd is None:
        priced = candidates is not None and "cost" in candidates
        return money, 1.0, "of cost" if priced else "FLOP"
    if hardware is None:
        raise UsageError("usd= needs hardware=, whose rates and prices it counts with.")
    machine = find_hardware(hardware) if isinstance(hardware, str) else hardware
    rent = machine.usd_per_hour if usd_per_hour is None else usd_per_hour
    return money, float(usd_per_flop(rent, machine.peak())) / mfu, "USD"


def _target(target: Any, law: Law, table: Mapping[str, Floats], flop: float) -> Any:
    if target is not None or set(law.inputs) != {"N", "D"}:
        if target is None:
            raise UsageError(f"say what is to be known about {law.name}: target=.")
        return target
    largest = float(np.max(FLOP_PER_PAIR * table["N"] * table["D"])) if table else flop
    return float(f"{BEYOND * largest:.1e}")


def _noise(origin: Source, noise: float | None) -> float:
    """The noise of a run.

    For a fit it is what its standard errors rest on: with n residuals of one size the root of their
    mean square over n - p, and more where the objective or clusters make runs worth less.
    """
    if noise is not None:
        return float(noise)
    fit = origin.fit
    if fit is None:
        return TYPICAL_NOISE
    linear = fit.asymptotics
    kind: CovarianceKind = "wald" if fit.table.cluster is None else "sandwich"
    covariance = linear.covariance(kind)
    gram = linear.jacobian.T @ (linear.weight[:, None] * linear.jacobian)
    if np.all(np.isfinite(covariance)):
        return float(np.sqrt(np.trace(covariance @ gram) / len(gram)))
    left = max(fit.table.n_rows - len(fit.free), 1)
    return float(np.sqrt(np.sum(fit.table.weight * fit.residuals**2) / left))


def _coordinates(setting: Setting, origin: Source, draws: int, seed: int, noise: Noise) -> Floats:
    """Coordinates (1 + draws, p), the estimate first; draws without a target are left out."""
    model = setting.model
    found, _ = origin.draws() if draws and origin.fit is not None else ({}, "")
    rows = [[origin.params[name] for name in model.free]]
    if found:
        count = len(next(iter(found.values())))
        order = np.random.default_rng(seed).permutation(count)[: _SPARE * draws]
        rows += [[float(found[name][k]) for name in model.free] for k in order]
    with jax.enable_x64(True):
        values = jnp.asarray(np.array(rows, np.float64))
        u = jnp.stack(
            [model.law.parameters[n].unconstrain(values[:, k]) for k, n in enumerate(model.free)], 1
        )
        known = Known(u, _fixed(origin), noise, {}, np.zeros(0))
        goal, wanted = _slopes(setting, known)
        usable = np.isfinite(np.asarray(goal)).all((1, 2)) & np.isfinite(np.asarray(wanted)).all(1)
        points = np.asarray(u, np.float64)
    if not usable[0] or not np.isfinite(points[0]).all():
        raise UsageError(
            f"{setting.target.label} is not finite at {origin.label}: choose another target="
            + (" within reach of the law." if isinstance(setting.target, BestSize) else ".")
        )
    return points[usable & np.isfinite(points).all(1)][: 1 + draws]


@partial(jax.jit, static_argnums=0)
def _slopes(setting: Setting, known: Known) -> tuple[jax.Array, jax.Array]:
    return jax.vmap(lambda u: slopes_of(setting, known, u))(known.u)


def _with_compute(table: Mapping[str, Floats], law: Law) -> dict[str, Floats]:
    runs = {name: np.asarray(table.get(name, np.zeros(0)), np.float64) for name in law.inputs}
    return {**runs, "log_compute": _log_compute(runs, law)}


def _log_compute(runs: Mapping[str, Floats], law: Law) -> Floats:
    if {"N", "D"} <= set(law.inputs):
        return np.log(FLOP_PER_PAIR * runs["N"] * runs["D"])
    return np.zeros(len(runs[law.inputs[0]]))


def _listed(candidates: Any, law: Law, rate: float, money: float) -> Listed:
    if missing := [name for name in law.inputs if name not in candidates]:
        raise UsageError(f"candidates= lacks {', '.join(missing)} (law {law.name}).")
    wanted: Sequence[str] = [*law.inputs, *(["cost"] if "cost" in candidates else [])]
    columns = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(candidates[n], float)) for n in wanted)
    )
    runs = dict(zip(wanted, columns, strict=True))
    for name, values in runs.items():
        if not (len(values) and np.isfinite(values).all()):
            raise UsageError(f"candidates=: {name} must hold finite numbers.")
    cost = runs.pop("cost", None)
    if cost is None:
        if not {"N", "D"} <= runs.keys():
            raise UsageError(f"candidates= needs a column cost for runs of {law.name}.")
        cost = rate * FLOP_PER_PAIR * runs["N"] * runs["D"]
    if np.any(cost <= 0):
        raise UsageError("candidates=: every cost must be positive.")
    if np.min(cost) > money:
        raise UsageError(
            f"no candidate can be paid for: the cheapest costs {np.min(cost):.3g}, and there is "
            f"{money:.3g}."
        )
    return Listed({**runs, "log_compute": _log_compute(runs, law)}, cost)


def _notes(origin: Source, noise: float | None, used: int, asked: int) -> list[str]:
    notes = []
    if origin.fit is None and noise is None:
        notes.append(f"The noise of a run is a guess, {100 * TYPICAL_NOISE:g} %: give noise=.")
    if origin.fit is not None and origin.fit.status != Status.CONVERGED:
        notes.append(
            f"The fit so far is not to be relied on ({origin.fit.status.label}): "
            "what runs tell is judged at its estimate."
        )
    if origin.fit is not None and used < asked:
        notes.append(f"{used} of {asked} draws have the target; the others are left out.")
    return notes
