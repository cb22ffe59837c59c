"""`DesignQuestion`: the arguments of `design`, read and checked before anything compiles."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.amounts import DISCREPANCY, POSITIVE, SHARE, mapping, pair, read, whole
from scalejax.compute import SIX_N_D, Compute, Written, clear_compute, compute_of
from scalejax.conclusions import BEYOND
from scalejax.costs import TRAINING_MFU, Hardware, amount_in, hardware_of, usd_per_flop
from scalejax.designing.best_runs import Setting
from scalejax.designing.candidates import candidates_of, with_cost
from scalejax.designing.information import CRITERIA
from scalejax.designing.past_runs import last_rows
from scalejax.designing.problem import CandidateList
from scalejax.designing.region import Region, region_of
from scalejax.designing.targets import target_of
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.forecasting import Forecast, Posterior
from scalejax.laws import Law
from scalejax.objectives import Model, least_squares, make_model
from scalejax.planning import Source, source_of
from scalejax.resampling import check_level
from scalejax.vocabulary import argument
from scalejax.workload import MOST_POINTS

_MOST_RUNS = 200
"""Most runs of a design; the time of the exchange grows with their square. Set by judgement."""


@dataclass(frozen=True, eq=False)
class DesignQuestion:
    """A question to `scalejax.design`.

    Attributes:
        origin: Where the law comes from.
        posterior: What the forecast knows, if it is one.
        setting: The law, the target and the criterion.
        ends: Inputs of the runs so far where they ended, one a row.
        place: Where runs may be: a region of N and D, or a list.
        money: What may be spent.
        rate: Cost of one FLOP.
        unit: Unit of money.
        noise: Standard deviation of a new run's residual; None for that of the fit.
        discrepancy: Relative error of the law for each decade of compute from the target.
        level: Probability of the intervals.
        draws: Draws of the parameters beside the estimate.
        seed: Seed of their choice.
    """

    origin: Source
    posterior: Posterior | None
    setting: Setting
    ends: pd.DataFrame
    place: Region | CandidateList
    money: float
    rate: float
    unit: str
    noise: float | None
    discrepancy: float
    level: float
    draws: int
    seed: int


def question_of(
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
) -> DesignQuestion:
    """The question, with arguments as in `scalejax.design`.

    Raises:
        UsageError: Arguments that cannot be combined.
        InputError: Candidates with cells that cannot be used.
    """
    check_level(level)
    _check(criterion, max_runs, draws, seed, noise, discrepancy)
    origin = _with_compute(source_of(source, parameters), flop_per_token)
    compute = origin.compute or SIX_N_D
    law, posterior = origin.law, None
    if isinstance(source, Forecast):
        _check_forecast(source, criterion, noise, discrepancy)
        (posterior,) = source.posteriors.values()
        at = farthest(source) if at is None else at
    ranges = mapping("ranges", ranges or {}, read_one=partial(pair, kind=POSITIVE))
    if candidates is not None and ranges:
        raise UsageError(f"give {argument('candidates')} or {argument('ranges')}, not both.")
    choice = None if candidates is None else candidates_of(candidates, law)
    money = _money(budget, usd)
    rate = _rate(usd, hardware, peak, mfu, usd_per_hour)
    unit = "FLOP" if usd is None else "USD"
    if usd is None and choice is not None and choice.cost is not None:
        unit = "units of cost"
    ends = _ends(origin, posterior)
    columns = {name: ends[name].to_numpy(np.float64) for name in law.inputs if len(ends)}
    goal = target_of(_target(at, law, columns, money / rate, compute), law, compute)
    if discrepancy > 0 and goal.compute is None:
        raise UsageError(
            f"{argument('discrepancy')} is by decades of compute from the target, and "
            "that of this target is not "
            f"known: give {argument('target')} FLOP, or N and D."
        )
    if choice is not None:
        place: Region | CandidateList = with_cost(choice, rate, money, compute)
    elif set(law.inputs) == {"N", "D"}:
        place = region_of(columns, ranges or {}, money / rate, compute)
    else:
        raise UsageError(
            f"{law.name} is a law of {', '.join(law.inputs)}: list the runs that could be trained "
            f"in {argument('candidates')}, with their cost."
        )
    setting = Setting(_model_of(origin), goal, criterion, int(max_runs))
    return DesignQuestion(
        origin=origin,
        posterior=posterior,
        setting=setting,
        ends=ends,
        place=place,
        money=money,
        rate=rate,
        unit=unit,
        noise=noise,
        discrepancy=float(discrepancy),
        level=level,
        draws=int(draws),
        seed=int(seed),
    )


def _check(
    criterion: str, max_runs: int, draws: int, seed: int, noise: float | None, discrepancy: float
) -> None:
    wrong = []
    if criterion not in CRITERIA:
        wrong.append(f"{argument('criterion')} is one of {', '.join(CRITERIA)}, not {criterion!r}")
    whole("max_runs", max_runs, 1, _MOST_RUNS)
    whole("draws", draws, 0, MOST_POINTS)
    whole("seed", seed)
    if noise is not None:
        read("noise", noise, POSITIVE)
    read("discrepancy", discrepancy, DISCREPANCY)
    if wrong:
        raise UsageError("; ".join(wrong) + ".")


def _check_forecast(
    forecast: Forecast, criterion: str, noise: float | None, discrepancy: float
) -> None:
    if not forecast.posteriors:
        raise UsageError(
            "a saved forecast keeps its answers, not its runs, on which a design rests: forecast "
            "the runs or the saved fit again."
        )
    words = {"criterion": criterion != "c", "noise": noise is not None, "discrepancy": discrepancy}
    if idle := [argument(name) for name, is_given in words.items() if is_given]:
        raise UsageError(
            f"a forecast knows noise and discrepancy from its rows and is designed for its target: "
            f"leave out {', '.join(idle)}."
        )


def farthest(forecast: Forecast) -> dict[str, float]:
    """The run to come of a forecast that lies farthest beyond its rows."""
    points = forecast.points
    row = points.iloc[int(np.argmax(points["decades_beyond"]))]
    return {name: float(row[name]) for name in forecast.law.inputs}


def _money(budget: float | str | None, usd: float | str | None) -> float:
    units = (("budget", budget, "FLOP"), ("usd", usd, "USD"))
    amounts = [amount_in(amount, unit, name) for name, amount, unit in units if amount is not None]
    if len(amounts) != 1:
        both = ", not both" if amounts else ""
        raise UsageError(f"give {argument('budget')} or {argument('usd')}{both}.")
    read("budget" if usd is None else "usd", amounts[0], POSITIVE)
    return amounts[0]


def _rate(
    usd: float | str | None,
    hardware: str | Mapping[str, Any] | Hardware | None,
    peak: float | str | None,
    mfu: float,
    usd_per_hour: float | str | None,
) -> float:
    """Cost of one FLOP: in dollars with `usd`, otherwise 1."""
    if usd is None:
        words = {
            f"{argument('hardware')}": hardware is not None,
            f"{argument('peak')}": peak is not None,
            f"{argument('usd_per_hour')}": usd_per_hour is not None,
            f"{argument('mfu')}": mfu != TRAINING_MFU,
        }
        if idle := [name for name, is_given in words.items() if is_given]:
            raise UsageError(f"{', '.join(idle)} would do nothing without {argument('usd')}.")
        return 1.0
    if hardware is None and peak is None:
        raise UsageError(
            f"{argument('usd')} needs {argument('hardware')}, whose rates and prices it "
            "counts with."
        )
    read("mfu", mfu, SHARE)
    machine = hardware_of(hardware or "", peak)
    rent = (
        machine.usd_per_hour
        if usd_per_hour is None
        else amount_in(usd_per_hour, "USD", "usd_per_hour")
    )
    if rent is None:
        raise UsageError(
            f"no price of {machine.name} is known here: {argument('usd')} needs "
            f"{argument('usd_per_hour')}."
        )
    read("usd_per_hour", rent, POSITIVE)
    return float(usd_per_flop(rent, machine.peak())) / mfu


def _ends(origin: Source, posterior: Posterior | None) -> pd.DataFrame:
    names = origin.law.inputs
    if posterior is not None:
        return pd.DataFrame(posterior.rows.ends().inputs)
    if origin.fit is None:
        return pd.DataFrame({name: np.zeros(0) for name in names})
    table = origin.fit.table
    last = last_rows(table)
    return pd.DataFrame({name: table.inputs[name][last] for name in names})


def _with_compute(origin: Source, flop_per_token: Written | None) -> Source:
    """The source with what a run costs, where the law is one of N and D."""
    if flop_per_token is not None:
        return replace(origin, compute=compute_of(flop_per_token))
    if not {"N", "D"} <= set(origin.law.inputs):
        return origin
    return replace(origin, compute=clear_compute(origin.compute))


def _target(at: Any, law: Law, ends: Mapping[str, Floats], flop: float, compute: Compute) -> Any:
    """The target that the user names; by default N* at 100 times the largest compute so far."""
    if at is not None:
        return at
    if set(law.inputs) != {"N", "D"}:
        raise UsageError(f"say what is to be known about {law.name}: {argument('at')}.")
    largest = float(np.max(compute.flop(ends["N"], ends["D"]))) if ends else flop
    return float(f"{BEYOND * largest:.1e}")


def _model_of(origin: Source) -> Model:
    if origin.fit is None:
        return make_model(origin.law, least_squares().kernel)
    model = origin.fit.problem.model
    kernel = least_squares(on="log" if model.kernel.log else "loss").kernel
    return Model(model.law, kernel, model.free, model.tied)
