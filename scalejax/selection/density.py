"""How probable held-out runs are under the forecast with a law inside, and weights from that.

A forecast exists for four rows already, under the law's prior, and has a density for every law, so
that all laws are scored on the same runs, those too whose plain fit ends in no minimum.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import gammaln, ndtr, stdtr

from scalejax._arrays import Floats
from scalejax.data import Table
from scalejax.fitting import law_inside
from scalejax.folds import Fold
from scalejax.forecasting import Answer, ForecastRows, reach_of, rows_of, solve_all, tail_of
from scalejax.laws import Law

_ROUNDS, _SETTLED = 2000, 1e-9
"""Most rounds of the weights, and the gain in mean log density below which they have settled: EM of
weights alone climbs without steps to tune, and a round is one product of small arrays."""

_NO_SHARE = 1e-3
"""Weight below which a law is left out of the mixture: EM never reaches zero, and .1 % moves no
digit that is shown."""

_BISECTIONS = 60
"""Halvings of the range of a quantile, to the rounding of double precision."""


def unforeseeable(table: Table, options: Mapping[str, Any]) -> str:
    """Why a law has no density on a table, in words; empty where it has one."""
    if options.get("penalty") is not None:
        return "a penalty of your own has no place in a forecast"
    if np.any(table.target <= 0):
        return "a forecast is of logarithms, and the response is not positive everywhere"
    return ""


def forecasts(
    table: Table,
    law: Law,
    options: Mapping[str, Any],
    trained: Sequence[Any],
    targets: Sequence[Mapping[str, Floats]],
) -> list[tuple[ForecastRows, Answer]]:
    """Forecasts from parts of a table with a law inside, as one batch.

    Args:
        table: The runs, with the inputs of the law among theirs.
        law: The law.
        options: Arguments of `scalejax.fit`, of which what is fixed, tied or known counts.
        trained: Rows of each part, (n,) of bool.
        targets: Inputs of the runs to come of each part, (t,) each.
    """
    fixed = dict(options.get("fixed") or {})
    inside = law_inside(law, fixed, options.get("tied"), options.get("priors"))
    rows = [_rows(table, law, keep) for keep in trained]
    ahead = [{name: one[name] for name in law.inputs} for one in targets]
    answers = solve_all(inside, rows, ahead, fixed)
    return list(zip(rows, answers, strict=True))


def held_out_density(
    table: Table, law: Law, options: Mapping[str, Any], folds: Sequence[Fold]
) -> Floats:
    """Log density of ln response of what was held out, (folds, n); NaN for the other rows."""
    targets = [{name: v[fold.test] for name, v in table.inputs.items()} for fold in folds]
    made = forecasts(table, law, options, [fold.train for fold in folds], targets)
    density = np.full((len(folds), table.n_rows), np.nan)
    for place, (fold, (rows, answer)) in enumerate(zip(folds, made, strict=True)):
        off = np.log(table.target[fold.test]) - answer.log_response
        density[place, fold.test] = _log_density(off / answer.sd, tail_of(rows)) - np.log(answer.sd)
    return density


def stacked_weights(log_density: Floats, weight: Floats) -> Floats:
    """Weights of laws, (k,), whose mixture gives the most to what was held out.

    Yao, Vehtari, Simpson and Gelman (2018), Bayesian Analysis 13, 917-1007. The mean log density of
    a mixture is concave in its weights.

    Args:
        log_density: Of each law at each prediction, (k, m).
        weight: Of each prediction, (m,).
    """
    top = log_density.max(0)
    density, share = np.exp(log_density - top), weight / weight.sum()
    found, before = np.full(len(log_density), 1 / len(log_density)), -np.inf
    for _ in range(_ROUNDS):
        mixture = found @ density
        mean = float(share @ np.log(mixture))
        if mean - before < _SETTLED:
            break
        found, before = found * (density @ (share / mixture)), mean
    found = np.where(found < _NO_SHARE, 0.0, found)
    return np.asarray(found / found.sum(), np.float64)


def mixture_quantile(
    share: float, weight: Floats, made: Sequence[tuple[ForecastRows, Answer]]
) -> Floats:
    """A quantile of ln response under a mixture of forecasts, (t,).

    Args:
        share: The probability below it.
        weight: Of each forecast, (k,).
        made: The forecasts, of the same runs to come.
    """
    mean = np.stack([answer.log_response for _, answer in made])
    sd = np.stack([answer.sd for _, answer in made])
    reach = np.array([reach_of(rows, abs(2 * share - 1)) for rows, _ in made])
    each = mean + np.sign(share - 0.5) * reach[:, None] * sd
    low, high = each.min(0), each.max(0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = [
            w * _probability((middle - m) / s, tail_of(rows))
            for w, m, s, (rows, _) in zip(weight, mean, sd, made, strict=True)
        ]
        short = np.sum(below, 0) < share
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray((low + high) / 2)


def _rows(table: Table, law: Law, keep: Any) -> ForecastRows:
    """Rows as the law reads them: its own inputs, in its order."""
    rows = rows_of(table, keep)
    inputs = {name: rows.inputs[name] for name in law.inputs}
    return ForecastRows(inputs, rows.log_response, rows.run, rows.weight)


def _log_density(off: Floats, dof: int | None) -> Floats:
    """Log density of the standard normal, or of Student's t."""
    if dof is None:
        return np.asarray(-(off**2) / 2 - np.log(2 * np.pi) / 2)
    constant = gammaln((dof + 1) / 2) - gammaln(dof / 2) - np.log(dof * np.pi) / 2
    return np.asarray(constant - (dof + 1) / 2 * np.log1p(off**2 / dof))


def _probability(off: Floats, dof: int | None) -> Floats:
    """Probability below, of the standard normal or of Student's t."""
    return np.asarray(ndtr(off) if dof is None else stdtr(dof, off))
