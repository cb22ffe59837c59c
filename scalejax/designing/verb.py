"""The verb `design`: from a fit or a published law, and money, to the runs that tell most."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D, Written
from scalejax.conclusions import ComputeOptimum
from scalejax.costs import TRAINING_MFU, Hardware
from scalejax.designing.best_runs import Knowledge, Setting, slopes_of
from scalejax.designing.by_forecast import ForecastProblem
from scalejax.designing.candidates import with_compute
from scalejax.designing.design import Design
from scalejax.designing.information import Noise, PastRuns
from scalejax.designing.past_runs import (
    fitting_weight,
    independent_runs,
    no_past_runs,
    noise_so_far,
    unit_weight,
)
from scalejax.designing.problem import DesignProblem
from scalejax.designing.question import DesignQuestion, question_of
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.forecasting import Forecast, Posterior
from scalejax.identify import TYPICAL_NOISE
from scalejax.keywords import keywords
from scalejax.laws import Law
from scalejax.planning import Source
from scalejax.scope import own_settings
from scalejax.status import Status
from scalejax.vocabulary import argument

_SPARE = 4
"""Draws tried for each that is used, as some have no target. Set by judgement."""

_FEW_LEFT = 10
"""Degrees of freedom below which the noise is off by more than 1 / sqrt(2 * 10) = 22 %."""


@keywords(target="at", runs="max_runs")
def design(
    source: Fit | Forecast | Law | str,
    *,
    budget: float | str | None = None,
    usd: float | str | None = None,
    at: Any = None,
    parameters: Mapping[str, float] | None = None,
    max_runs: int = 12,
    criterion: str = "c",
    candidates: pd.DataFrame | Mapping[str, Any] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    noise: float | None = None,
    discrepancy: float = 0.0,
    hardware: str | Mapping[str, Any] | Hardware | None = None,
    peak: float | str | None = None,
    mfu: float = TRAINING_MFU,
    usd_per_hour: float | str | None = None,
    flop_per_token: Written | None = None,
    level: float = 0.95,
    draws: int = 8,
    seed: int = 0,
) -> Design:
    """Choose which runs to train next, so that a number is known as well as money allows.

    What runs tell is their Fisher information, added to that of the runs so far. It depends on the
    law's parameters, which are not known: the mean over the estimate and a few draws is optimised.
    Train the runs, add them to the table, fit, and ask again.

    A forecast in place of a fit (`scalejax.forecast`, `Fit.forecast`) lets the law bend: the runs
    are those that shrink the interval of the forecast, its discrepancy included. Small runs then
    tell less than if the law were right, and the largest counts for how far beyond it the target
    lies. The promise is the forecast's interval once the runs are among its rows.

    A new run counts as one row of mean weight. Where a fit has clusters, rows of one cluster are
    taken to be one run whose noise they share (`scalejax.designing.past_runs`): they tell less than
    as many runs, and Student's t counts clusters, not rows. The promise is for a fit to old and new
    rows with the weights that a note gives.

    Args:
        source: A fit; a forecast of one family; a law or its name with `parameters`; or a published
            set such as ``"besiroglu2024"``, for those who have no runs yet.
        budget: FLOP for all new runs; in the unit of the costs if `candidates` have a ``cost``.
        usd: Dollars instead, with `hardware`.
        at: What is to be known: the best N for a compute, ``{"C": 1e24}`` or ``1e24`` in FLOP (laws
            of N and D), the loss of a run, ``{"N": 7e10, "D": 1.4e12}``, or a pure function of the
            dictionary of parameters. N* at 100 times the largest compute of the runs so far, or the
            budget without any, if not given; with a forecast the farthest of its runs to come.
        parameters: Parameters of a law.
        max_runs: Most runs that can be trained.
        criterion: ``"c"`` for the variance of the target (with a tenth of D, so that the runs
            determine the whole law; with a forecast, which has priors, without, and no other
            criterion), ``"D"`` for the volume in which all free parameters lie (log det), ``"A"``
            for the sum of their squared relative errors.
        candidates: Runs to choose from: columns of the law's inputs, under any of their usual
            names, and of ``cost`` if that does not follow from N and D. Any may be chosen
            repeatedly, with other seeds. For laws of other inputs than N and D.
        ranges: For laws of N and D: limits of ``"N"``, ``"D"``, ``"C"`` and ``"D/N"``. N and D are
            no smaller than where a run so far ended, and D/N is between 2 and 200 or what those
            ends cover, unless you say otherwise.
        noise: Standard deviation of a new run's residual, relative if residuals are of log losses.
            By default that on which the standard errors of the fit rest, and 0.005 without a fit.
            The runs so far keep the noise of the fit. A forecast has its own.
        discrepancy: By how much the law may be wrong for each decade of compute between a run and
            the target, as in `Fit.predict`. Small runs far away are then worth less. A forecast has
            its own.
        hardware: What trains, for `usd`: a name, a TOML file or numbers of your own
            (`scalejax.costs.hardware_of`).
        peak: Dense peak rate of hardware of your own in 16 bits, ``"165T"``, in place of it.
        mfu: Share of the peak rate that it reaches.
        usd_per_hour: Its rent; a dated default of `scalejax.costs` if not given.
        flop_per_token: Training FLOP of a token, ``"12N"`` or ``"6N + 4.8e8"``; without it what the
            runs say, which is 6 N where they have no column of compute.
        level: Probability of the intervals whose width is reported.
        draws: Draws of the parameters over which the criterion is averaged, beside the estimate; of
            the hyper-parameters of a forecast.
        seed: Seed of their choice.

    Returns:
        The design: its runs, the width that they promise, and what the usual grids would give.

    Raises:
        UsageError: Arguments that cannot be combined, or runs that cannot determine the law.
    """
    return design_of(
        question_of(
            source,
            budget=budget,
            usd=usd,
            at=at,
            parameters=parameters,
            max_runs=max_runs,
            criterion=criterion,
            candidates=candidates,
            ranges=ranges,
            noise=noise,
            discrepancy=discrepancy,
            hardware=hardware,
            peak=peak,
            mfu=mfu,
            usd_per_hour=usd_per_hour,
            flop_per_token=flop_per_token,
            level=level,
            draws=draws,
            seed=seed,
        )
    )


def design_of(question: DesignQuestion) -> Design:
    """The design for a question, as `design` gives it.

    Raises:
        UsageError: The target is not finite, the fit gives no noise, or no runs determine the law.
    """
    if question.posterior is not None:
        return _by_forecast(question, question.posterior)
    origin, setting, fit = question.origin, question.setting, question.origin.fit
    noise, past = _noise_and_past(question)
    u = _coordinates(setting, origin, question.draws, question.seed, past)
    problem = DesignProblem(
        setting,
        question.place,
        question.rate,
        question.unit,
        Knowledge(u, _fixed(origin), noise, past),
        0 if fit is None else independent_runs(fit.table),
    )
    return Design(
        question=problem,
        source=origin,
        budget=question.money,
        level=question.level,
        noise=float(noise.sd),
        discrepancy=question.discrepancy,
        seed=question.seed,
        ends=question.ends,
        notes=(*_of_compute(question), *_notes(question, past, len(u) - 1)),
        solution=problem.solve(question.money),
    )


def _by_forecast(question: DesignQuestion, posterior: Posterior) -> Design:
    """The design for a question to a forecast."""
    problem = ForecastProblem(
        question.setting,
        question.place,
        question.rate,
        question.unit,
        posterior,
        max(question.draws, 1),
    )
    return Design(
        question=problem,
        source=question.origin,
        budget=question.money,
        level=question.level,
        noise=posterior.noise,
        discrepancy=0.0,
        seed=question.seed,
        ends=question.ends,
        notes=(
            *_of_compute(question),
            "The width is that of the forecast once these rows are in its table: the law's "
            "parameters, how far it may bend, and the noise of the target if it is a run. "
            "The size of bend and noise are taken to be as the rows so far say.",
        ),
        solution=problem.solve(question.money),
    )


def _of_compute(question: DesignQuestion) -> list[str]:
    """What a run is taken to cost, where that is not 6 N D."""
    compute = question.origin.compute
    return [] if compute in (None, SIX_N_D) else [f"Runs are taken to cost C = {compute}."]


def _noise_and_past(question: DesignQuestion) -> tuple[Noise, PastRuns]:
    """The noise of a new run, and the runs so far with theirs."""
    far = np.log(question.setting.target.compute or 1.0)
    fit, law = question.origin.fit, question.setting.model.law
    if fit is None:
        noise = Noise(question.noise or TYPICAL_NOISE, question.discrepancy, far)
        return noise, no_past_runs(law.inputs, noise)
    sd, alike = noise_so_far(fit)
    if not 0 < sd < np.inf:
        if question.noise is None:
            raise UsageError(
                f"the residuals of the fit give a noise of {sd:g}, with which no design can be "
                f"judged: say how much runs scatter with {argument('noise')}."
            )
        sd = question.noise
    old = Noise(np.float64(sd), np.float64(question.discrepancy), far)
    table = fit.table
    cluster = np.arange(table.n_rows) if table.cluster is None else table.cluster
    past = PastRuns(
        with_compute(
            {name: table.inputs[name] for name in law.inputs}, question.origin.compute or SIX_N_D
        ),
        unit_weight(table),
        old,
        cluster,
        np.float64(alike),
    )
    return (old if question.noise is None else old._replace(sd=np.float64(question.noise))), past


def _fixed(origin: Source) -> dict[str, float]:
    return {} if origin.fit is None else dict(origin.fit.problem.fixed)


def _coordinates(setting: Setting, origin: Source, draws: int, seed: int, past: PastRuns) -> Floats:
    """Coordinates (1 + draws, p), the estimate first; only draws with a finite target."""
    model = setting.model
    parameter_draws, _ = origin.draws() if draws and origin.fit is not None else ({}, "")
    rows = [[origin.params[name] for name in model.free]]
    if parameter_draws:
        count = len(next(iter(parameter_draws.values())))
        order = np.random.default_rng(seed).permutation(count)[: _SPARE * draws]
        rows += [[float(parameter_draws[name][k]) for name in model.free] for k in order]
    values = np.array(rows, np.float64)
    u = np.stack(
        [model.law.parameters[n].unconstrain(values[:, k]) for k, n in enumerate(model.free)], 1
    )
    with own_settings():
        knowledge = Knowledge(u, _fixed(origin), past.noise, past)
        goal, slope = _slopes(setting, knowledge)
        usable = np.isfinite(np.asarray(goal)).all((1, 2)) & np.isfinite(np.asarray(slope)).all(1)
        points = u
    if not usable[0] or not np.isfinite(points[0]).all():
        best = isinstance(setting.target.conclusion, ComputeOptimum)
        raise UsageError(
            f"{setting.target.label} is not finite at {origin.label}: choose another "
            f"{argument('at')}" + (" within reach of the law." if best else ".")
        )
    return points[usable & np.isfinite(points).all(1)][: 1 + draws]


@partial(jax.jit, static_argnums=0)
def _slopes(setting: Setting, knowledge: Knowledge) -> tuple[jax.Array, jax.Array]:
    return jax.vmap(lambda u: slopes_of(setting, knowledge, u))(knowledge.u)


def _notes(question: DesignQuestion, past: PastRuns, used: int) -> list[str]:
    fit = question.origin.fit
    if fit is None:
        guess = (
            f"The noise of a run is a guess, {100 * TYPICAL_NOISE:g} %: give {argument('noise')}."
        )
        return [guess] if question.noise is None else []
    notes = []
    if fit.status != Status.CONVERGED:
        notes.append(
            f"The fit so far is not to be relied on ({fit.status.label}): "
            "what runs tell is judged at its estimate."
        )
    if used < question.draws:
        notes.append(f"{used} of {question.draws} draws have the target; the others are left out.")
    left = independent_runs(fit.table) - len(fit.free)
    if 0 < left < _FEW_LEFT:
        notes.append(
            f"There are {left} more independent runs so far than parameters: the noise that they "
            f"show may be off by {100 / np.sqrt(2 * left):.0f} %, and widths with it."
        )
    elif left < 1 and fit.table.cluster is not None:
        notes.append(
            "There are no more runs so far than parameters: the noise that they show may be off by "
            "a factor of two or more, and widths with it."
        )
    elif left < 1:
        notes.append("The runs so far do not show their noise: it is taken to be that of new ones.")
    if past.correlation > 0:
        share = fitting_weight(past) / past.weight.clip(1e-300)
        low, high = np.min(share), np.max(share)
        range_ = f"{low:.2g}" if high < 1.05 * low else f"{low:.2g} to {high:.2g}"
        notes.append(
            f"Rows of one run share noise (correlation {float(past.correlation):.2g}). Fit old and "
            f"new runs together with {argument('weights')}: {range_} times "
            "its own for each row so "
            "far, and 1 for a new run of one row."
        )
    return notes
